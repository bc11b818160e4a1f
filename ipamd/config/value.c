// SPDX-License-Identifier: Apache-2.0
#include "config/value.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include <jansson.h>

#include <vpcwire/bind.h>

#include "config/egress.h"
#include "config/warn.h"

enum {
        SOCKET_PATH_BYTES_MAX = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1,
        TEXT_BYTES_MAX = 255,
        VETH_PREFIX_BYTES_MAX = 4,
};

static void *at(struct config *config, size_t offset)
{
        return (char *)config + offset;
}

static const void *at_const(const struct config *config, size_t offset)
{
        return (const char *)config + offset;
}

static void take_no_number(struct config *config, const struct setting *setting)
{
        *(unsigned *)at(config, setting->offset) =
                setting->initial ? (unsigned)strtoul(setting->initial, NULL, 10) : 0;
        if (setting->has)
                *(bool *)at(config, setting->has) = false;
}

/* "-1", and "0" where that is less than the minimum. */
static bool is_low(const struct setting *setting, const char *value)
{
        bool negative = *value == '-';
        const char *digits = value + negative;
        size_t n = strspn(digits, "0123456789");

        return n && !digits[n] && (negative || (setting->minimum > 0 && strspn(digits, "0") == n));
}

static int take_number(struct config *config, const struct setting *setting, const char *value,
                       struct err *err)
{
        unsigned long number = 0;
        size_t digits = strspn(value, "0123456789");

        if (setting->low_is_unset && is_low(setting, value)) {
                take_no_number(config, setting);
                config_warn(config, setting->name, "'%.64s' is ignored, as if unset: %u..%u are allowed",
                            value, setting->minimum, setting->maximum);
                return 0;
        }
        if (digits && digits <= 9 && !value[digits])
                number = strtoul(value, NULL, 10);
        else
                digits = 0;
        if (!digits || number < setting->minimum || number > setting->maximum)
                return err_set(err, ERR_INVALID, "'%.64s' is not allowed: a whole number, %u..%u", value,
                               setting->minimum, setting->maximum);
        *(unsigned *)at(config, setting->offset) = (unsigned)number;
        if (setting->has)
                *(bool *)at(config, setting->has) = true;
        return 0;
}

static int take_text(struct config *config, const struct setting *setting, const char *value, struct err *err)
{
        size_t n = strlen(value);

        if (n == 0 || n > TEXT_BYTES_MAX)
                return err_set(err, ERR_INVALID, "'%.64s' is not allowed: 1..%d bytes", value,
                               TEXT_BYTES_MAX);
        for (size_t i = 0; i < n; i++) {
                if (!isgraph((unsigned char)value[i]))
                        return err_set(err, ERR_INVALID,
                                       "'%.64s' is not allowed: printable characters without spaces", value);
        }
        *(const char **)at(config, setting->offset) = arena_strdup(config->arena, value);
        return 0;
}

static int take_path(struct config *config, const struct setting *setting, const char *value, struct err *err)
{
        if (*value != '/')
                return err_set(err, ERR_INVALID, "'%.64s' is not allowed: an absolute path", value);
        return take_text(config, setting, value, err);
}

static int take_socket(struct config *config, const struct setting *setting, const char *value,
                       struct err *err)
{
        if (strlen(value) > SOCKET_PATH_BYTES_MAX)
                return err_set(err, ERR_INVALID,
                               "'%.64s...' is not allowed: a socket's path has at most %zu bytes, not %zu",
                               value, (size_t)SOCKET_PATH_BYTES_MAX, strlen(value));
        return take_path(config, setting, value, err);
}

static int take_file_name(struct config *config, const struct setting *setting, const char *value,
                          struct err *err)
{
        static const char suffix[] = ".conflist";
        size_t n = strlen(value), m = strlen(suffix);

        if (n <= m || strcmp(value + n - m, suffix) != 0 || strchr(value, '/') || *value == '.')
                return err_set(err, ERR_INVALID, "'%.64s' is not allowed: NAME%s without a folder", value,
                               suffix);
        return take_text(config, setting, value, err);
}

static int take_bind(struct config *config, const struct setting *setting, const char *value, struct err *err)
{
        struct bind bind;
        int e = bind_parse(value, &bind, err);

        return e < 0 ? e : take_text(config, setting, value, err);
}

static int take_url(struct config *config, const struct setting *setting, const char *value, struct err *err)
{
        if (strncmp(value, "http://", 7) != 0 && strncmp(value, "https://", 8) != 0)
                return err_set(err, ERR_INVALID,
                               "'%.64s' is not allowed: http://HOST[:PORT] or https://HOST[:PORT]", value);
        return take_text(config, setting, value, err);
}

static int take_veth_prefix(struct config *config, const struct setting *setting, const char *value,
                            struct err *err)
{
        static const char *const taken[] = {"eth", "vlan", "lo"};
        size_t n = strlen(value);
        bool good = n >= 1 && n <= VETH_PREFIX_BYTES_MAX;

        for (size_t i = 0; i < n && good; i++)
                good = isalnum((unsigned char)value[i]);
        for (size_t i = 0; i < ARRAY_SIZE(taken) && good; i++)
                good = strcmp(value, taken[i]) != 0;
        if (!good)
                return err_set(err, ERR_INVALID,
                               "'%.64s' is not allowed: 1..%d letters or digits, and not eth, vlan or lo",
                               value, VETH_PREFIX_BYTES_MAX);
        return take_text(config, setting, value, err);
}

static int take_tag(struct config *config, const struct setting *setting, const char *key,
                    const json_t *value, struct err *err)
{
        const char *text = json_string_value(value);

        if (!text)
                return err_set(err, ERR_INVALID, "tag '%.64s' has a value that is not a string", key);
        if (strlen(key) < 1 || strlen(key) > CONFIG_TAG_KEY_BYTES_MAX ||
            strlen(text) > CONFIG_TAG_VALUE_BYTES_MAX)
                return err_set(err, ERR_INVALID,
                               "tag '%.64s' is too long: %d bytes of key and %d of value are allowed", key,
                               CONFIG_TAG_KEY_BYTES_MAX, CONFIG_TAG_VALUE_BYTES_MAX);
        if (strncasecmp(key, "aws:", 4) == 0)
                return err_set(err, ERR_INVALID, "tag '%.64s' is not allowed: 'aws:' is EC2's own", key);
        if (strstr(key, "k8s.amazonaws.com")) {
                config_warn(config, setting->name, "'%s' is left out: k8s.amazonaws.com is reserved", key);
                return 0;
        }
        config->tags[config->n_tags++] = (struct ec2_tag){.key = arena_strdup(config->arena, key),
                                                          .value = arena_strdup(config->arena, text)};
        return 0;
}

static int take_tags(struct config *config, const struct setting *setting, const char *value, struct err *err)
{
        json_t *object = json_loads(value, JSON_REJECT_DUPLICATES, NULL), *tag;
        size_t n = json_object_size(object);
        const char *key;
        int e = 0;

        if (!json_is_object(object) || n > CONFIG_TAGS_MAX) {
                json_decref(object);
                return err_set(
                        err, ERR_INVALID,
                        "'%.64s' is not allowed: a JSON object of at most %d strings, {\"key\": \"value\"}",
                        value, CONFIG_TAGS_MAX);
        }
        config->tags = ARENA_ARRAY(config->arena, struct ec2_tag, n);
        config->n_tags = 0;
        json_object_foreach(object, key, tag)
        {
                e = take_tag(config, setting, key, tag, err);
                if (e < 0)
                        break;
        }
        json_decref(object);
        return e;
}

static int take_one_of(struct config *config, const struct setting *setting, const char *value,
                       const char *no, const char *yes, struct err *err)
{
        bool is_yes = strcasecmp(value, yes) == 0;

        if (!is_yes && strcasecmp(value, no) != 0)
                return err_set(err, ERR_INVALID, "'%.64s' is not allowed: %s or %s", value, yes, no);
        *(bool *)at(config, setting->offset) = is_yes;
        return 0;
}

bool config_parse_flag(const char *value, bool *ret)
{
        static const struct {
                const char *name;
                bool value;
        } names[] = {{"true", true}, {"t", true}, {"1", true}, {"false", false}, {"f", false}, {"0", false}};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (strcasecmp(value, names[i].name) == 0) {
                        *ret = names[i].value;
                        return true;
                }
        }
        return false;
}

static int take_flag(struct config *config, const struct setting *setting, const char *value, struct err *err)
{
        if (config_parse_flag(value, at(config, setting->offset)))
                return 0;
        return err_set(err, ERR_INVALID, "'%.64s' is not allowed: true or false", value);
}

static int take_log_level(struct config *config, const char *value, struct err *err)
{
        /* aws-vpc-cni knows a level above ERROR; what it says there we say as errors. */
        return log_level_parse(strcasecmp(value, "fatal") == 0 ? "error" : value, &config->log_level, err);
}

static int take_log_format(struct config *config, const char *value, struct err *err)
{
        static const char *const names[] = {
                [LOG_FORMAT_AUTO] = "auto", [LOG_FORMAT_TEXT] = "text", [LOG_FORMAT_JSON] = "json"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (strcmp(value, names[i]) == 0) {
                        config->log_format = (enum log_format)i;
                        return 0;
                }
        }
        return err_set(err, ERR_INVALID, "'%.64s' is not allowed: auto, text or json", value);
}

int setting_take(struct config *config, const struct setting *setting, const char *value, struct err *err)
{
        config_forget_warnings(config, setting->name);
        switch (setting->type) {
        case SETTING_NUMBER: return take_number(config, setting, value, err);
        case SETTING_TEXT: return take_text(config, setting, value, err);
        case SETTING_PATH: return take_path(config, setting, value, err);
        case SETTING_BIND: return take_bind(config, setting, value, err);
        case SETTING_SOCKET: return take_socket(config, setting, value, err);
        case SETTING_FILE_NAME: return take_file_name(config, setting, value, err);
        case SETTING_URL: return take_url(config, setting, value, err);
        case SETTING_VETH_PREFIX: return take_veth_prefix(config, setting, value, err);
        case SETTING_TAGS: return take_tags(config, setting, value, err);
        case SETTING_BOOL: return take_one_of(config, setting, value, "false", "true", err);
        case SETTING_FLAG: return take_flag(config, setting, value, err);
        case SETTING_IP_MODE: return take_one_of(config, setting, value, "IPv4", "IPv6", err);
        case SETTING_LOG_LEVEL: return take_log_level(config, value, err);
        case SETTING_LOG_FORMAT: return take_log_format(config, value, err);
        case SETTING_CIDRS:
                return config_take_cidrs(config, setting->name, value, at(config, setting->offset), err);
        case SETTING_MARK: return config_take_mark(value, at(config, setting->offset), err);
        case SETTING_SNAT_PORTS:
                config_take_snat_ports(config, setting->name, value, at(config, setting->offset));
                return 0;
        }
        return err_set(err, ERR_INTERNAL, "setting %s is of no type", setting->name);
}

static bool tags_equal(const struct config *a, const struct config *b)
{
        if (a->n_tags != b->n_tags)
                return false;
        for (size_t i = 0; i < a->n_tags; i++) {
                if (strcmp(a->tags[i].key, b->tags[i].key) != 0 ||
                    strcmp(a->tags[i].value, b->tags[i].value) != 0)
                        return false;
        }
        return true;
}

/* Of a value that is complete in itself; 0: it points to others. */
static size_t plain_size(enum setting_type type)
{
        switch (type) {
        case SETTING_NUMBER: return sizeof(unsigned);
        case SETTING_BOOL:
        case SETTING_FLAG:
        case SETTING_IP_MODE: return sizeof(bool);
        case SETTING_LOG_LEVEL: return sizeof(enum log_level);
        case SETTING_LOG_FORMAT: return sizeof(enum log_format);
        case SETTING_CIDRS: return sizeof(struct cidrs);
        case SETTING_MARK: return sizeof(uint32_t);
        case SETTING_SNAT_PORTS: return sizeof(enum snat_ports);
        case SETTING_TAGS:
        case SETTING_TEXT:
        case SETTING_PATH:
        case SETTING_BIND:
        case SETTING_SOCKET:
        case SETTING_FILE_NAME:
        case SETTING_URL:
        case SETTING_VETH_PREFIX: break;
        }
        return 0;
}

static bool has_value(const struct config *config, const struct setting *setting)
{
        return !setting->has || *(const bool *)at_const(config, setting->has);
}

bool setting_equal(const struct config *a, const struct config *b, const struct setting *setting)
{
        const void *one = at_const(a, setting->offset), *other = at_const(b, setting->offset);
        size_t size = plain_size(setting->type);

        if (setting->type == SETTING_TAGS)
                return tags_equal(a, b);
        if (setting->type == SETTING_CIDRS)
                return config_cidrs_equal(one, other);
        if (size)
                return memcmp(one, other, size) == 0 && has_value(a, setting) == has_value(b, setting);
        return strcmp(*(const char *const *)one ?: "", *(const char *const *)other ?: "") == 0;
}

/* The daemon's other thread has pointers to texts and tags: these cannot change while it runs. */
void setting_copy(struct config *to, const struct config *from, const struct setting *setting)
{
        size_t size = plain_size(setting->type);

        assert(setting->reloadable && size);
        memcpy(at(to, setting->offset), at_const(from, setting->offset), size);
        if (setting->has)
                *(bool *)at(to, setting->has) = has_value(from, setting);
}
