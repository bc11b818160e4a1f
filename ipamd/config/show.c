// SPDX-License-Identifier: Apache-2.0
/* The values that are in force, as aws-vpc-cni's introspection has them. */
#include <string.h>

#include <jansson.h>

#include "config/table.h"
#include "config/unsupported.h"

static const void *at(const struct config *config, size_t offset)
{
        return (const char *)config + offset;
}

static json_t *tags_json(const struct config *config)
{
        json_t *object = json_object();

        for (size_t i = 0; i < config->n_tags; i++)
                json_object_set_new(object, config->tags[i].key, json_string(config->tags[i].value));
        return object;
}

/* null where there are none, as aws-vpc-cni has it. */
static json_t *cidrs_json(const struct cidrs *cidrs)
{
        json_t *list = cidrs->n ? json_array() : json_null();

        for (size_t i = 0; i < cidrs->n; i++)
                json_array_append_new(list, json_string(PREFIX_TEXT(cidrs->list[i])));
        return list;
}

/* Its numbers of aws-vpc-cni. */
static json_t *snat_ports_json(enum snat_ports ports)
{
        static const int numbers[] = {[SNAT_PORTS_KEEP] = 0, [SNAT_PORTS_HASH] = 1, [SNAT_PORTS_PRNG] = 2};

        return json_integer(numbers[ports]);
}

/* An unset target is 0, as in aws-vpc-cni; of other numbers nothing is said. */
static json_t *number_json(const struct config *config, const struct setting *setting)
{
        unsigned number = *(const unsigned *)at(config, setting->offset);

        if (setting->has)
                return json_integer(*(const bool *)at(config, setting->has) ? number : 0);
        return setting->initial || number ? json_integer(number) : NULL;
}

static const char *log_level_name(enum log_level level)
{
        static const char *const names[_LOG_LEVEL_MAX] = {"debug", "info", "warn", "error"};

        return names[level];
}

static const char *log_format_name(enum log_format format)
{
        static const char *const names[] = {
                [LOG_FORMAT_AUTO] = "auto", [LOG_FORMAT_TEXT] = "text", [LOG_FORMAT_JSON] = "json"};

        return names[format];
}

/* In its type, but for a URL with a password; NULL: it has no value. The caller owns it. */
static json_t *setting_json(const struct config *config, const struct setting *setting)
{
        const void *value = at(config, setting->offset);
        const char *text;

        switch (setting->type) {
        case SETTING_NUMBER: return number_json(config, setting);
        case SETTING_CIDRS: return cidrs_json(value);
        case SETTING_MARK: return json_integer(config->egress.mark);
        case SETTING_SNAT_PORTS: return snat_ports_json(config->egress.snat_ports);
        case SETTING_BOOL:
        case SETTING_FLAG: return json_boolean(*(const bool *)value);
        case SETTING_IP_MODE: return json_string(*(const bool *)value ? "IPv6" : "IPv4");
        case SETTING_LOG_LEVEL: return json_string(log_level_name(config->log_level));
        case SETTING_LOG_FORMAT: return json_string(log_format_name(config->log_format));
        case SETTING_TAGS: return tags_json(config);
        case SETTING_TEXT:
        case SETTING_PATH:
        case SETTING_BIND:
        case SETTING_SOCKET:
        case SETTING_FILE_NAME:
        case SETTING_URL:
        case SETTING_VETH_PREFIX: break;
        }
        text = *(const char *const *)value;
        if (!text)
                return NULL;
        return json_string(setting->type == SETTING_URL && strchr(text, '@')
                                   ? "(not shown: it may contain a password)"
                                   : text);
}

void config_each(const struct config *config, void (*visit)(void *data, const char *name, json_t *value),
                 void *data)
{
        for (size_t i = 0; i < n_settings; i++) {
                json_t *value = setting_json(config, &settings[i]);

                if (value)
                        visit(data, settings[i].name, value);
        }
        for (size_t i = 0; i < n_unsupported_settings; i++) {
                json_t *value = unsupported_json(&unsupported_settings[i]);

                if (value)
                        visit(data, unsupported_settings[i].name, value);
        }
}
