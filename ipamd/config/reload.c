// SPDX-License-Identifier: Apache-2.0
/* What SIGHUP takes: the table alone says it, of values and of what is said about them. */
#include <string.h>

#include "config/config.h"
#include "config/table.h"
#include "config/value.h"
#include "config/warn.h"

static bool is_among(const char *const *names, const char *name)
{
        while (*names && strcmp(*names, name) != 0)
                names++;
        return *names;
}

/* A warning is about the value that is in force: of a setting whose value stays, what was said of it stays, too. */
static void take_warnings(struct config *running, struct config *fresh, const char *const *staying)
{
        const struct config_warnings old = running->warnings;

        for (const char *const *name = staying; *name; name++)
                config_forget_warnings(fresh, *name);
        for (size_t i = 0; i < old.n; i++) {
                if (!is_among(staying, old.list[i].setting) || old.list[i].pending)
                        continue;
                config_warn(fresh, old.list[i].setting, "%s", old.list[i].text);
                fresh->warnings.list[fresh->warnings.n - 1].renamed = old.list[i].renamed;
        }
        for (const char *const *name = staying; *name; name++) {
                config_warn(fresh, *name,
                            "its new value takes effect after a restart only; fix: restart ipamd");
                fresh->warnings.list[fresh->warnings.n - 1].pending = true;
        }
        running->warnings = fresh->warnings;
        fresh->warnings = old;
}

const char *const *config_take_reloadable(struct config *running, struct config *fresh)
{
        const char **staying = ARENA_ARRAY(fresh->arena, const char *, n_settings + 1);
        size_t n = 0;

        for (size_t i = 0; i < n_settings; i++) {
                if (settings[i].reloadable)
                        setting_copy(running, fresh, &settings[i]);
                else if (!setting_equal(running, fresh, &settings[i]))
                        staying[n++] = settings[i].name;
        }
        take_warnings(running, fresh, staying);
        return staying;
}

void config_reload_refused(struct config *running, const char *path, const struct err *why)
{
        const char *subject = arena_strdup(running->warnings.arena, path);

        config_forget_warnings(running, path);
        config_warn(running, subject,
                    "refused on SIGHUP, the previous settings stay in force: %s; fix: correct it and send "
                    "SIGHUP again",
                    why->msg);
}
