// SPDX-License-Identifier: Apache-2.0
#include <vpcwire/jsonx.h>

#include "requested.h"

/* "10.0.1.7"; its subnet's length ("10.0.1.7/24"), which some plugins need, is not used. */
static int parse_address(const char *where, const char *text, struct ip *ret, struct err *err)
{
        struct prefix prefix;

        if (!*text)
                return 0;
        if (ip_parse(text, ret, NULL) == 0)
                return 0;
        if (prefix_parse(text, &prefix, NULL) < 0)
                return err_set(err, ERR_INVALID, "%s '%.64s' is not an IP address", where, text);
        *ret = prefix.ip;
        return 0;
}

static int parse_mac(const char *where, const char *text, struct mac *ret, struct err *err)
{
        struct mac mac;

        if (!*text)
                return 0;
        if (mac_parse(text, &mac, NULL) < 0 || (mac.bytes[0] & MAC_GROUP) || mac_equal(mac, (struct mac){0}))
                return err_set(err, ERR_INVALID,
                               "%s '%.64s' is not a unicast MAC address (six bytes, such as "
                               "02:00:5e:10:00:01; not multicast, not all zero)",
                               where, text);
        *ret = mac;
        return 0;
}

int requested_from_args(const struct pod_identity *pod, struct requested *ret, struct err *err)
{
        struct requested requested = {.address = IP_NONE};
        int r = parse_address("CNI_ARGS: IP", pod->ip, &requested.address, err);

        if (r == 0)
                r = parse_mac("CNI_ARGS: MAC", pod->mac, &requested.mac, err);
        if (r < 0)
                return r;
        *ret = requested;
        return 0;
}

static int take_ips(const char *where, const json_t *list, struct ip *ret, struct err *err)
{
        const char *text;

        if (!list || json_is_null(list) || (json_is_array(list) && json_array_size(list) == 0))
                return 0;
        text = json_string_value(json_array_get(list, 0));
        if (!text)
                return err_set(err, ERR_INVALID, "%s must be a list of addresses", where);
        if (json_array_size(list) > 1)
                return err_set(err, ERR_INVALID, "%s has %zu addresses: a pod gets exactly one", where,
                               json_array_size(list));
        return parse_address(where, text, ret, err);
}

static int take_mac(const char *where, const json_t *value, struct mac *ret, struct err *err)
{
        if (!value || json_is_null(value))
                return 0;
        if (!json_is_string(value))
                return err_set(err, ERR_INVALID, "%s must be a string", where);
        return parse_mac(where, json_string_value(value), ret, err);
}

int requested_from_conf(const struct netconf *conf, struct requested *requested, struct err *err)
{
        const json_t *args = json_object_get(json_object_get(conf->root, "args"), "cni");
        const json_t *runtime = json_object_get(conf->root, "runtimeConfig");
        int r = take_ips("args.cni.ips", json_object_get(args, "ips"), &requested->address, err);

        if (r == 0)
                r = take_mac("args.cni.mac", json_object_get(args, "mac"), &requested->mac, err);
        if (r == 0)
                r = take_ips("runtimeConfig.ips", json_object_get(runtime, "ips"), &requested->address, err);
        if (r == 0)
                r = take_mac("runtimeConfig.mac", json_object_get(runtime, "mac"), &requested->mac, err);
        return r < 0 ? err_wrap(err, "network configuration") : 0;
}
