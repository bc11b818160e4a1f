// SPDX-License-Identifier: Apache-2.0
/* Settings for people and for programs that look: the help, and the values that are in force. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "config_border.h"
#include "config_value.h"

static const void *at(const struct config *config, size_t offset)
{
        return (const char *)config + offset;
}

static void format_tags(const struct config *config, struct text *to)
{
        json_t *object = json_object();
        char *text;

        for (size_t i = 0; i < config->n_tags; i++)
                json_object_set_new(object, config->tags[i].key, json_string(config->tags[i].value));
        text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
        text_add(to, "%s", text ?: "{}");
        free(text);
        json_decref(object);
}

static void format_cidrs(const struct node_cidrs *cidrs, struct text *to)
{
        char cidr[PREFIX_TEXT_BYTES];

        for (size_t i = 0; i < cidrs->n; i++) {
                prefix_format(cidrs->list[i], cidr);
                text_add(to, "%s%s", i ? "," : "", cidr);
        }
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

bool setting_format(const struct config *config, const struct setting *setting, struct text *to)
{
        const void *value = at(config, setting->offset);

        switch (setting->type) {
        case SETTING_NUMBER:
                if (setting->has ? !*(const bool *)at(config, setting->has)
                                 : !setting->initial && !*(const unsigned *)value)
                        return false;
                text_add(to, "%u", *(const unsigned *)value);
                return true;
        case SETTING_CIDRS: format_cidrs(value, to); return to->bytes > 0;
        case SETTING_MARK: text_add(to, "0x%x", config->border.mark); return true;
        case SETTING_SNAT_PORTS:
                text_add(to, "%s", config_snat_ports_to_string(config->border.snat_ports));
                return true;
        case SETTING_BOOL:
        case SETTING_FLAG: text_add(to, "%s", *(const bool *)value ? "true" : "false"); return true;
        case SETTING_IP_MODE: text_add(to, "%s", *(const bool *)value ? "IPv6" : "IPv4"); return true;
        case SETTING_LOG_LEVEL: text_add(to, "%s", log_level_name(config->log_level)); return true;
        case SETTING_LOG_FORMAT: text_add(to, "%s", log_format_name(config->log_format)); return true;
        case SETTING_TAGS: format_tags(config, to); return true;
        case SETTING_TEXT:
        case SETTING_PATH:
        case SETTING_BIND:
        case SETTING_SOCKET:
        case SETTING_FILE_NAME:
        case SETTING_URL:
        case SETTING_VETH_PREFIX: break;
        }
        if (!*(const char *const *)value)
                return false;
        text_add(to, "%s",
                 setting->type == SETTING_URL && strchr(*(const char *const *)value, '@')
                         ? "(not shown: it may have a password in it)"
                         : *(const char *const *)value);
        return true;
}
