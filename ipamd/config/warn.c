// SPDX-License-Identifier: Apache-2.0
#include "config/warn.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

void config_warn(struct config *config, const char *setting, const char *format, ...)
{
        struct config_warnings *warnings = &config->warnings;
        _cleanup_free_ char *text = NULL;
        va_list args;

        va_start(args, format);
        if (vasprintf(&text, format, args) < 0)
                abort();
        va_end(args);
        assert(warnings->n < CONFIG_WARNINGS_MAX);
        warnings->list[warnings->n++] =
                (struct config_warning){.setting = setting, .text = arena_strdup(warnings->arena, text)};
}

void config_warn_renamed(struct config *config, const char *setting, const char *old_name, const char *value)
{
        config_warn(config, setting, "'%.64s' is read from %s, whose name is now %s: rename it", value,
                    old_name, setting);
        config->warnings.list[config->warnings.n - 1].renamed = true;
}

void config_forget_warnings(struct config *config, const char *setting)
{
        struct config_warnings *warnings = &config->warnings;
        size_t kept = 0;

        for (size_t i = 0; i < warnings->n; i++) {
                if (strcmp(warnings->list[i].setting, setting) != 0)
                        warnings->list[kept++] = warnings->list[i];
        }
        warnings->n = kept;
}

void config_log_warnings(const struct config *config)
{
        for (size_t i = 0; i < config->warnings.n; i++)
                log_warn("setting warning", LOG_STR("setting", config->warnings.list[i].setting),
                         LOG_STR("reason", config->warnings.list[i].text));
}
