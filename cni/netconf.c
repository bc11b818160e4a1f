// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpcwire/ipam.h>

#include "args.h"
#include "netconf.h"

/* SPEC 1.1.0 names the first; libcni sends the second as well, which was its name in a draft. */
static const char *const attachment_keys[] = {"cni.dev/valid-attachments", "cni.dev/attachments"};

/* Absent and null are "". */
static int get_string(const json_t *object, const char *key, const char **ret, struct err *err)
{
        const json_t *value = json_object_get(object, key);

        if (value && !json_is_null(value) && !json_is_string(value))
                return err_set(err, ERR_INVALID, "%s must be a string", key);
        *ret = json_is_string(value) ? json_string_value(value) : "";
        return 0;
}

static int check_name(const char *name, struct err *err)
{
        if (!*name)
                return err_set(err, ERR_INVALID, "name (of the network) is missing");
        if (strlen(name) > IPAM_NETWORK_BYTES_MAX)
                return err_set(err, ERR_INVALID, "name '%.32s...' is longer than %d bytes", name,
                               IPAM_NETWORK_BYTES_MAX);
        if (!name_is_plain(name))
                return err_set(err, ERR_INVALID,
                               "name '%.128s' is malformed (letters, digits, '_', '.', '-'; the first a "
                               "letter or digit)",
                               name);
        return 0;
}

static int check_prev_result(json_t *value, json_t **ret, struct err *err)
{
        if (value && !json_is_null(value) && !json_is_object(value))
                return err_set(err, ERR_INVALID, "prevResult must be an object");
        *ret = json_is_object(value) ? value : NULL;
        return 0;
}

static const char *string_at(const json_t *object, const char *key)
{
        return json_string_value(json_object_get(object, key)) ?: "";
}

static bool is_delegated(const json_t *root)
{
        return strcmp(string_at(json_object_get(root, "ipam"), "type"), PLUGIN_TYPE) == 0 &&
               strcmp(string_at(root, "type"), PLUGIN_TYPE) != 0;
}

int netconf_parse(const char *bytes, size_t n, struct netconf *ret, struct err *err)
{
        _cleanup_json_ json_t *root = NULL;
        struct netconf conf = {.name = ""};
        const char *version = "";

        if (jsonx_parse(bytes, n, &root, err) < 0)
                return err_wrap(err, "network configuration on standard input");
        if (get_string(root, "name", &conf.name, err) < 0 || check_name(conf.name, err) < 0 ||
            get_string(root, "cniVersion", &version, err) < 0 ||
            cni_version_parse(version, &conf.version, err) < 0 ||
            check_prev_result(json_object_get(root, "prevResult"), &conf.prev_result, err) < 0)
                return err_wrap(err, "network configuration");
        conf.type = string_at(root, "type");
        conf.delegated = is_delegated(root);
        if (json_is_object(json_object_get(root, "dns")))
                conf.dns = json_object_get(root, "dns");
        conf.root = TAKE_PTR(root);
        *ret = conf;
        return 0;
}

void netconf_parse_lenient(const char *bytes, size_t n, struct netconf *ret)
{
        struct netconf conf = {.name = "", .type = "", .version = CNI_NEWEST};
        const char *name = "";

        if (jsonx_parse(bytes, n, &conf.root, NULL) == 0) {
                name = string_at(conf.root, "name");
                conf.type = string_at(conf.root, "type");
                conf.delegated = is_delegated(conf.root);
        }
        if (check_name(name, NULL) == 0)
                conf.name = name;
        *ret = conf;
}

void netconf_done(struct netconf *conf)
{
        json_decref(conf->root);
        *conf = (struct netconf){0};
}

enum cni_version netconf_guess_version(const char *bytes, size_t n)
{
        _cleanup_json_ json_t *root = NULL;
        enum cni_version version = CNI_NEWEST;
        const char *text = "";

        if (jsonx_parse(bytes, n, &root, NULL) == 0 && get_string(root, "cniVersion", &text, NULL) == 0 &&
            *text)
                (void)cni_version_parse(text, &version, NULL);
        return version;
}

/* Links of these names belong to the cloud, to VLANs and to the kernel; a prefix of ours must not match them. */
static const char *const taken_prefixes[] = {"eth", "vlan", "lo"};

static int set_veth_prefix(const char *text, struct settings *settings, struct err *err)
{
        size_t n = strlen(text);
        bool good = n >= 1 && n <= POD_LINK_PREFIX_MAX;

        for (size_t i = 0; good && i < n; i++)
                good = isalnum((unsigned char)text[i]) || text[i] == '-' || text[i] == '_';
        for (size_t i = 0; i < ARRAY_SIZE(taken_prefixes); i++)
                good = good && strcmp(text, taken_prefixes[i]) != 0;
        if (!good)
                return err_set(err, ERR_INVALID,
                               "vethPrefix '%.32s' is not allowed (1 to %d letters, digits, '-', '_'; not "
                               "eth, vlan, lo)",
                               text, POD_LINK_PREFIX_MAX);
        snprintf(settings->veth_prefix, sizeof(settings->veth_prefix), "%s", text);
        return 0;
}

static int check_path(const char *key, const char *text, size_t max, struct err *err)
{
        if (*text != '/' || strlen(text) > max)
                return err_set(err, ERR_INVALID, "%s '%.128s' is not an absolute path of at most %zu bytes",
                               key, text, max);
        return 0;
}

static int set_socket(const char *text, struct settings *settings, struct err *err)
{
        if (check_path("socket", text, sizeof(settings->socket) - 1, err) < 0)
                return -ERR_INVALID;
        snprintf(settings->socket, sizeof(settings->socket), "%s", text);
        return 0;
}

static int set_log_file(const char *text, struct settings *settings, struct err *err)
{
        if (check_path("logFile", text, sizeof(settings->log_file) - 1, err) < 0)
                return -ERR_INVALID;
        snprintf(settings->log_file, sizeof(settings->log_file), "%s", text);
        return 0;
}

/* A number, or one in quotes: aws-vpc-cni's configuration writes "mtu": "9001". */
static int read_number(const char *key, const json_t *value, long min, long max, long *ret, struct err *err)
{
        const char *text = json_string_value(value);
        char *end;

        if (json_is_integer(value) && json_integer_value(value) >= min && json_integer_value(value) <= max) {
                *ret = (long)json_integer_value(value);
                return 0;
        }
        if (text && isdigit((unsigned char)*text)) {
                errno = 0;
                *ret = strtol(text, &end, 10);
                if (!*end && !errno && *ret >= min && *ret <= max)
                        return 0;
        }
        if (text)
                return err_set(err, ERR_INVALID, "%s '%.32s' is not a number from %ld to %ld", key, text, min,
                               max);
        if (json_is_integer(value))
                return err_set(err, ERR_INVALID, "%s %lld is not a number from %ld to %ld", key,
                               (long long)json_integer_value(value), min, max);
        return err_set(err, ERR_INVALID, "%s is not a number from %ld to %ld", key, min, max);
}

static int set_mtu(const json_t *value, struct settings *settings, struct err *err)
{
        long number = 0;

        if (read_number("mtu", value, NETCONF_MTU_MIN, NETCONF_MTU_MAX, &number, err) < 0)
                return -ERR_INVALID;
        settings->mtu = (unsigned)number;
        return 0;
}

static int set_timeout(const json_t *value, struct settings *settings, struct err *err)
{
        long number = 0;

        if (read_number("timeoutSeconds", value, 1, NETCONF_TIMEOUT_S_MAX, &number, err) < 0)
                return -ERR_INVALID;
        settings->timeout_ms = (int)number * 1000;
        return 0;
}

static int check_ipam(const json_t *value, struct settings *settings _unused_, struct err *err)
{
        const char *type = string_at(value, "type");

        if (*type)
                return err_set(err, ERR_UNSUPPORTED,
                               "ipam.type '%.64s': vpcwire gives pods their addresses itself, remove ipam",
                               type);
        return 0;
}

static int check_dns(const json_t *value, struct settings *settings _unused_, struct err *err)
{
        if (!json_is_object(value))
                return err_set(err, ERR_INVALID, "dns must be an object");
        return 0;
}

static int check_route(const json_t *route, size_t i, struct err *err)
{
        const char *dst = string_at(route, "dst"), *key;
        const json_t *gateway = json_object_get(route, "gw"), *value;
        struct prefix prefix;
        struct ip ip;

        if (prefix_parse(dst, &prefix, NULL) < 0)
                return err_set(err, ERR_INVALID, "ipam.routes[%zu].dst '%.64s' is not a CIDR", i, dst);
        if (gateway && ip_parse(json_string_value(gateway) ?: "", &ip, NULL) < 0)
                return err_set(err, ERR_INVALID, "ipam.routes[%zu].gw '%.64s' is not an IP address", i,
                               string_at(route, "gw"));
        json_object_foreach((json_t *)(uintptr_t)route, key, value)
        {
                if (strcmp(key, "dst") != 0 && strcmp(key, "gw") != 0)
                        return err_set(err, ERR_UNSUPPORTED, "ipam.routes[%zu].%.64s is unknown (dst, gw)", i,
                                       key);
        }
        return 0;
}

static int set_routes(const json_t *value, struct settings *settings, struct err *err)
{
        const json_t *route;
        size_t i;

        if (!json_is_array(value))
                return err_set(err, ERR_INVALID, "ipam.routes must be a list");
        json_array_foreach(value, i, route)
        {
                int r = check_route(route, i, err);

                if (r < 0)
                        return r;
        }
        settings->routes = value;
        return 0;
}

/* Where a setting stands: beside "type", or inside "ipam" of a delegated call. */
enum setting_place { BESIDE_TYPE = 1 << 0, INSIDE_IPAM = 1 << 1, BOTH_PLACES = BESIDE_TYPE | INSIDE_IPAM };

/* Either `text` or `value` is set. */
static const struct setting {
        const char *key;
        unsigned places;
        int (*text)(const char *text, struct settings *settings, struct err *err);
        int (*value)(const json_t *value, struct settings *settings, struct err *err);
} setting_table[] = {
        {"vethPrefix", BESIDE_TYPE, .text = set_veth_prefix},
        {"mtu", BESIDE_TYPE, .value = set_mtu},
        {"socket", BOTH_PLACES, .text = set_socket},
        {"timeoutSeconds", BOTH_PLACES, .value = set_timeout},
        {"logFile", BOTH_PLACES, .text = set_log_file},
        {"ipam", BESIDE_TYPE, .value = check_ipam},
        {"routes", INSIDE_IPAM, .value = set_routes},
        {"dns", BESIDE_TYPE, .value = check_dns},
};

static int apply_setting(const struct setting *setting, const json_t *object, struct settings *settings,
                         struct err *err)
{
        const json_t *value = json_object_get(object, setting->key);

        /* An empty string is what a template leaves of a value that nobody set. */
        if (!value || json_is_null(value) || (json_is_string(value) && !json_string_length(value)))
                return 0;
        if (setting->value)
                return setting->value(value, settings, err);
        if (!json_is_string(value))
                return err_set(err, ERR_INVALID, "%s must be a string", setting->key);
        return setting->text(json_string_value(value), settings, err);
}

static bool is_known_inside_ipam(const char *key)
{
        for (size_t i = 0; i < ARRAY_SIZE(setting_table); i++) {
                if ((setting_table[i].places & INSIDE_IPAM) && strcmp(setting_table[i].key, key) == 0)
                        return true;
        }
        return strcmp(key, "type") == 0;
}

/* "ipam" is ours alone, so what we do not know in it is a mistake. Beside "type" stand the keys of others, too. */
static int check_no_unknown(json_t *ipam, struct err *err)
{
        const json_t *value;
        const char *key;

        json_object_foreach(ipam, key, value)
        {
                if (!is_known_inside_ipam(key))
                        return err_set(
                                err, ERR_UNSUPPORTED,
                                "ipam.%.64s is unknown (type, socket, timeoutSeconds, logFile, routes)", key);
        }
        return 0;
}

struct settings settings_default(void)
{
        return (struct settings){
                .veth_prefix = "eni", .socket = IPAM_SOCKET_DEFAULT, .timeout_ms = NETCONF_TIMEOUT_S * 1000};
}

int netconf_parse_settings(const struct netconf *conf, struct settings *ret, struct err *err)
{
        json_t *object = conf->delegated ? json_object_get(conf->root, "ipam") : conf->root;
        const unsigned place = conf->delegated ? INSIDE_IPAM : BESIDE_TYPE;
        struct err first = {0}, one;

        *ret = settings_default();
        if (conf->delegated)
                (void)check_no_unknown(object, &first);
        for (size_t i = 0; i < ARRAY_SIZE(setting_table); i++) {
                if ((setting_table[i].places & place) &&
                    apply_setting(&setting_table[i], object, ret, &one) < 0 && !first.code)
                        first = one;
        }
        if (!first.code)
                return 0;
        if (err)
                *err = first;
        return err_wrap(err, "network configuration");
}

static int parse_attachment(const json_t *item, size_t i, struct valid_attachment *ret, struct err *err)
{
        ret->container_id = json_string_value(json_object_get(item, "containerID"));
        ret->ifname = json_string_value(json_object_get(item, "ifname"));
        if (!ret->container_id || !*ret->container_id || !ret->ifname || !*ret->ifname)
                return err_set(err, ERR_INVALID, "entry %zu needs the strings containerID and ifname", i);
        return 0;
}

int netconf_parse_valid_attachments(const struct netconf *conf, struct valid_attachment **ret, size_t *ret_n,
                                    struct err *err)
{
        _cleanup_free_ struct valid_attachment *list = NULL;
        const json_t *array = NULL;
        const char *key = NULL;
        size_t n;

        for (size_t i = 0; i < ARRAY_SIZE(attachment_keys) && !array; i++) {
                key = attachment_keys[i];
                array = json_object_get(conf->root, key);
        }
        /* null is what Go makes of a list that was never filled in: not the same as "nothing is alive". */
        if (!array || json_is_null(array)) {
                *ret = NULL;
                *ret_n = 0;
                return 0;
        }
        if (!json_is_array(array))
                return err_set(err, ERR_INVALID, "%s must be a list", key);
        n = json_array_size(array);
        list = XNEW_ARRAY(struct valid_attachment, n + 1);
        for (size_t i = 0; i < n; i++) {
                if (parse_attachment(json_array_get(array, i), i, &list[i], err) < 0)
                        return err_wrap(err, "%s", key);
        }
        *ret = TAKE_PTR(list);
        *ret_n = n;
        return 0;
}
