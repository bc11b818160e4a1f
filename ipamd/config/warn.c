// SPDX-License-Identifier: Apache-2.0
#include "config/warn.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

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
