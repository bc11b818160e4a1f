// SPDX-License-Identifier: Apache-2.0
/* What is said beside the values: warnings, and which name was meant. */
#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#include "config_value.h"

enum { NAME_BYTES_MAX = 64 };

void config_warn(struct config *config, const char *setting, const char *format, ...)
{
        _cleanup_free_ char *text = NULL;
        va_list args;

        va_start(args, format);
        if (vasprintf(&text, format, args) < 0)
                abort();
        va_end(args);
        assert(config->n_warnings < CONFIG_WARNINGS_MAX);
        config->warnings[config->n_warnings++] =
                (struct config_warning){.setting = setting, .text = arena_strdup(config->arena, text)};
}

void config_forget_warnings(struct config *config, const char *setting)
{
        size_t kept = 0;

        for (size_t i = 0; i < config->n_warnings; i++) {
                if (strcmp(config->warnings[i].setting, setting) != 0)
                        config->warnings[kept++] = config->warnings[i];
        }
        config->n_warnings = kept;
}

void config_log_warnings(const struct config *config)
{
        for (size_t i = 0; i < config->n_warnings; i++)
                log_warn("a setting is not followed", LOG_STR("setting", config->warnings[i].setting),
                         LOG_STR("why", config->warnings[i].text));
}

unsigned setting_name_distance(const char *a, const char *b)
{
        unsigned row[NAME_BYTES_MAX + 1], above_left, above;
        size_t n = strnlen(b, NAME_BYTES_MAX);

        for (size_t j = 0; j <= n; j++)
                row[j] = (unsigned)j;
        for (size_t i = 0; a[i] && i < NAME_BYTES_MAX; i++) {
                above_left = row[0];
                row[0] = (unsigned)i + 1;
                for (size_t j = 0; j < n; j++) {
                        unsigned best = above_left + (toupper((unsigned char)a[i]) != b[j]);

                        above = row[j + 1];
                        if (above + 1 < best)
                                best = above + 1;
                        if (row[j] + 1 < best)
                                best = row[j] + 1;
                        above_left = above;
                        row[j + 1] = best;
                }
        }
        return row[n];
}
