// SPDX-License-Identifier: Apache-2.0
/* The sources of the settings, one after the other, and what must hold among them. */
#include "config/config.h"

#include <stdlib.h>
#include <string.h>

#include <vpcwire/file.h>

#include "config/table.h"
#include "config/unknown.h"
#include "config/unsupported.h"
#include "config/value.h"
#include "config/warn.h"

static int load_defaults(struct config *config, struct err *err)
{
        for (size_t i = 0; i < n_settings; i++) {
                if (settings[i].initial && setting_take(config, &settings[i], settings[i].initial, err) < 0)
                        return err_wrap(err, "default of %s", settings[i].name);
        }
        return 0;
}

static void load_unsupported_environment(struct config *config)
{
        for (size_t i = 0; i < n_unsupported_settings; i++) {
                const char *name = unsupported_settings[i].name, *value = getenv(name);

                if (value && *value)
                        unsupported_take(config, &unsupported_settings[i], value,
                                         arena_printf(config->arena, "environment variable %s", name));
        }
}

static void warn_of_old_name(struct config *config, const struct setting *setting, const char *name,
                             const char *value)
{
        if (setting->old_name && strcmp(name, setting->old_name) == 0)
                config_warn_renamed(config, setting->name, name, value);
}

/* An empty variable is an unset one: that is how manifests take a value back. */
static int load_environment(struct config *config, struct err *err)
{
        for (size_t i = 0; i < n_settings; i++) {
                const char *names[] = {settings[i].name, settings[i].second_name, settings[i].third_name,
                                       settings[i].old_name};

                for (size_t j = 0; j < ARRAY_SIZE(names); j++) {
                        const char *value = names[j] ? getenv(names[j]) : NULL;

                        if (!value || !*value)
                                continue;
                        if (setting_take(config, &settings[i], value, err) < 0)
                                return err_wrap(err, "environment variable %s", names[j]);
                        warn_of_old_name(config, &settings[i], names[j], value);
                        break;
                }
        }
        load_unsupported_environment(config);
        unknown_warn(config);
        return 0;
}

static char *trim(char *text)
{
        char *end;

        text += strspn(text, " \t\r");
        end = text + strlen(text);
        while (end > text && strchr(" \t\r", end[-1]))
                *--end = '\0';
        return text;
}

static int load_line(struct config *config, const char *path, unsigned number, char *line, struct err *err)
{
        const struct unsupported_setting *unsupported;
        const struct setting *setting;
        char *value;

        line = trim(line);
        if (!*line || *line == '#')
                return 0;
        value = strchr(line, '=');
        if (!value)
                return err_set(err, ERR_INVALID, "%s:%u: '%.64s' is not KEY=value", path, number, line);
        *value++ = '\0';
        line = trim(line);
        unsupported = unsupported_find(line);
        if (unsupported) {
                unsupported_take(config, unsupported, trim(value),
                                 arena_printf(config->arena, "%s:%u: %s", path, number, line));
                return 0;
        }
        setting = setting_find(line);
        if (!setting)
                return err_set(err, ERR_INVALID, "%s:%u: unknown setting '%.64s'; did you mean %s?", path,
                               number, line, setting_nearest(line, NULL));
        value = trim(value);
        if (setting_take(config, setting, value, err) < 0)
                return err_wrap(err, "%s:%u: %s", path, number, line);
        warn_of_old_name(config, setting, line, value);
        return 0;
}

static int load_file(struct config *config, const char *path, struct err *err)
{
        _cleanup_free_ char *text = NULL;
        unsigned number = 0;
        size_t bytes = 0;
        char *rest, *line;
        int e = file_read(path, CONFIG_FILE_BYTES_MAX, &text, &bytes, err);

        if (e == -ERR_NOT_FOUND)
                return 0;
        if (e < 0)
                return e;
        if (strlen(text) != bytes)
                return err_set(err, ERR_INVALID, "%s has a NUL byte in it", path);
        rest = text;
        while ((line = strsep(&rest, "\n"))) {
                e = load_line(config, path, ++number, line, err);
                if (e < 0)
                        return e;
        }
        return 0;
}

/* What is compared must be reloadable, or not, together: SIGHUP takes the one kind only (config_take_reloadable()). */
static int check_together(struct config *config, struct err *err)
{
        const struct pool_targets *targets = &config->targets;

        if (!config->pod_mtu)
                config->pod_mtu = config->eni_mtu;
        if (config->pod_mtu > config->eni_mtu)
                return err_set(err, ERR_INVALID, "POD_MTU %u is larger than AWS_VPC_ENI_MTU %u",
                               config->pod_mtu, config->eni_mtu);
        if (targets->max_pods && targets->has_minimum_ip && targets->minimum_ip > targets->max_pods)
                return err_set(err, ERR_INVALID, "MINIMUM_IP_TARGET %u is larger than VPCWIRE_MAX_PODS %u",
                               targets->minimum_ip, targets->max_pods);
        if (config->cluster_endpoint &&
            strncmp(config->cluster_endpoint, "https://", strlen("https://")) != 0)
                return err_set(err, ERR_INVALID,
                               "CLUSTER_ENDPOINT '%s' does not begin with https://: a token is sent there",
                               config->cluster_endpoint);
        if (strcmp(config->db_path, config->socket_path) == 0)
                return err_set(err, ERR_INVALID, "VPCWIRE_DB and VPCWIRE_SOCKET are the same file '%s'",
                               config->db_path);
        return 0;
}

int config_load(const char *path, struct config **ret, struct err *err)
{
        _cleanup_(config_freep) struct config *config = XNEW(struct config);
        int e;

        config->arena = arena_new();
        config->warnings.arena = arena_new();
        if ((e = load_defaults(config, err)) < 0 || (e = load_environment(config, err)) < 0 ||
            (e = load_file(config, path, err)) < 0 || (e = check_together(config, err)) < 0 ||
            (e = unsupported_check(config, err)) < 0)
                return e;
        *ret = TAKE_PTR(config);
        return 0;
}

struct config *config_free(struct config *config)
{
        if (config) {
                arena_free(config->arena);
                arena_free(config->warnings.arena);
                free(config);
        }
        return NULL;
}
