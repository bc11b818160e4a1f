// SPDX-License-Identifier: Apache-2.0
#include "config/unknown.h"

#include <string.h>
#include <unistd.h>

#include "config/table.h"
#include "config/unsupported.h"
#include "config/warn.h"

enum {
        UNKNOWN_MAX = 16,       /* that are warned of */
        UNKNOWN_BYTES_MAX = 80, /* a longer name is nobody's slip */
        LIKE_A_NAME_BYTES = 5,  /* one slip for as many letters, or it is another name */
};

/* Nobody else's variables begin so. */
static const char *const prefixes[] = {"VPCWIRE_", "AWS_VPC_", "WARM_", "MINIMUM_IP_", "ENI_CONFIG_"};

/* No setting, but ours: where they are. */
static const char where_settings_are[] = "VPCWIRE_CONF";

/* Kubernetes makes these of the names of Services, whatever they begin with: WARM_CACHE_PORT_80_TCP_ADDR. */
static const char *const of_services[] = {"_SERVICE_HOST", "_SERVICE_PORT", "_PORT"};

static bool is_of_a_service(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(of_services); i++) {
                const char *part = strstr(name, of_services[i]);
                char behind = part ? part[strlen(of_services[i])] : 'x';

                if (behind == '\0' || behind == '_')
                        return true;
        }
        return false;
}

static bool begins_with_one_of(const char *name, const char *const *list, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (strncmp(name, list[i], strlen(list[i])) == 0)
                        return true;
        return false;
}

static bool is_called(const struct setting *setting, const char *name)
{
        return (setting->second_name && strcmp(setting->second_name, name) == 0) ||
               (setting->third_name && strcmp(setting->third_name, name) == 0);
}

bool config_knows(const char *name)
{
        for (size_t i = 0; i < n_settings; i++) {
                if (is_called(&settings[i], name))
                        return true;
        }
        return setting_find(name) || unsupported_find(name);
}

static bool looks_like_a_setting(const char *name, unsigned distance)
{
        return begins_with_one_of(name, prefixes, ARRAY_SIZE(prefixes)) ||
               distance * LIKE_A_NAME_BYTES <= strlen(name);
}

void unknown_warn(struct config *config)
{
        unsigned n = 0;

        for (char **variable = environ; variable && *variable && n < UNKNOWN_MAX; variable++) {
                size_t length = strcspn(*variable, "=");
                const char *name, *nearest;
                unsigned distance;

                if (length > UNKNOWN_BYTES_MAX || !(*variable)[length] || !(*variable)[length + 1])
                        continue;
                name = arena_printf(config->warnings.arena, "%.*s", (int)length, *variable);
                nearest = setting_nearest(name, &distance);
                if (config_knows(name) || strcmp(name, where_settings_are) == 0 || is_of_a_service(name) ||
                    !looks_like_a_setting(name, distance))
                        continue;
                config_warn(config, name, "there is no such setting, so it is ignored; did you mean %s?",
                            nearest);
                n++;
        }
}
