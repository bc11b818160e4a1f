// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include <vpcwire/mem.h>

#include "result.h"

/* Fails on a key or text that is not UTF-8; args_check_values() and the daemon let none through. */
static void set_text(json_t *object, const char *key, const char *text)
{
        json_object_set_new(object, key, json_string(text));
}

static const char *any_network(struct ip address)
{
        return address.family == AF_INET ? "0.0.0.0/0" : "::/0";
}

static json_t *new_default_route(struct ip gateway)
{
        json_t *route = json_object();

        set_text(route, "dst", any_network(gateway));
        set_text(route, "gw", IP_TEXT(gateway));
        return route;
}

static json_t *new_interface(const char *name, struct mac mac, const char *netns, const struct wiring *wiring,
                             enum result_shape shape)
{
        json_t *interface = json_object();

        set_text(interface, "name", name);
        set_text(interface, "mac", MAC_TEXT(mac));
        if (shape == RESULT_LISTS_WITH_MTU)
                json_object_set_new(interface, "mtu", json_integer(wiring->mtu));
        if (netns)
                set_text(interface, "sandbox", netns);
        return interface;
}

static json_t *new_ip(struct prefix address, struct ip gateway, enum result_shape shape)
{
        json_t *ip = json_object();

        if (shape == RESULT_LISTS_FAMILY)
                set_text(ip, "version", address.ip.family == AF_INET ? "4" : "6");
        set_text(ip, "address", PREFIX_TEXT(address));
        set_text(ip, "gateway", IP_TEXT(gateway));
        return ip;
}

/* The list under a key; one that is absent, or is no list (Go writes null for an empty one), is made. */
static json_t *list_in(json_t *object, const char *key)
{
        json_t *list = json_object_get(object, key);

        if (!json_is_array(list)) {
                list = json_array();
                json_object_set_new(object, key, list);
        }
        return list;
}

/* Takes the routes over. */
static void add_per_family(json_t *result, struct prefix address, struct ip gateway, json_t *routes)
{
        json_t *ip = json_object();

        set_text(ip, "ip", PREFIX_TEXT(address));
        set_text(ip, "gateway", IP_TEXT(gateway));
        json_object_set_new(ip, "routes", routes);
        json_object_set_new(result, address.ip.family == AF_INET ? "ip4" : "ip6", ip);
}

static void add_lists(json_t *result, const struct wiring *wiring, enum result_shape shape)
{
        json_t *interfaces = list_in(result, "interfaces");
        json_t *ip = new_ip(prefix_host(wiring->address), wiring->gateway, shape);
        size_t n = json_array_size(interfaces);

        json_array_append_new(interfaces,
                              new_interface(wiring->host_ifname, wiring->host_mac, NULL, wiring, shape));
        json_array_append_new(interfaces,
                              new_interface(wiring->ifname, wiring->mac, wiring->netns, wiring, shape));
        json_object_set_new(ip, "interface", json_integer((json_int_t)n + 1));
        json_array_append_new(list_in(result, "ips"), ip);
        json_array_append_new(list_in(result, "routes"), new_default_route(wiring->gateway));
}

json_t *result_new(enum cni_version version, const struct wiring *wiring, const json_t *prev)
{
        enum result_shape shape = cni_version_shape(version);
        json_t *result = prev ? json_deep_copy(prev) : json_object();

        set_text(result, "cniVersion", cni_version_text(version));
        if (shape == RESULT_PER_FAMILY)
                add_per_family(result, prefix_host(wiring->address), wiring->gateway,
                               json_pack("[o]", new_default_route(wiring->gateway)));
        else
                add_lists(result, wiring, shape);
        if (!json_is_object(json_object_get(result, "dns")))
                json_object_set_new(result, "dns", json_object());
        return result;
}

json_t *result_new_address(enum cni_version version, const struct result_address *address)
{
        enum result_shape shape = cni_version_shape(version);
        json_t *result = json_object();
        json_t *routes = address->routes ? json_deep_copy(address->routes)
                                         : json_pack("[o]", new_default_route(address->gateway));

        set_text(result, "cniVersion", cni_version_text(version));
        if (shape == RESULT_PER_FAMILY) {
                add_per_family(result, address->address, address->gateway, routes);
        } else {
                json_array_append_new(list_in(result, "ips"),
                                      new_ip(address->address, address->gateway, shape));
                json_object_set_new(result, "routes", routes);
        }
        json_object_set_new(result, "dns", json_object());
        return result;
}

void result_set_dns(json_t *result, const json_t *dns)
{
        if (json_object_size(dns))
                json_object_set_new(result, "dns", json_deep_copy(dns));
}

/* An error may quote any bytes that came in, and may be cut inside a character. */
static json_t *new_shown_text(const char *text)
{
        _cleanup_free_ char *copy = NULL;
        json_t *string = json_string(text);

        if (string)
                return string;
        copy = xstrdup(text);
        for (char *c = copy; *c; c++) {
                if ((unsigned char)*c >= 0x80)
                        *c = '?';
        }
        return json_string(copy);
}

json_t *result_new_error(enum cni_version version, enum cni_code code, const char *text, const char *details)
{
        json_t *error = json_object();

        set_text(error, "cniVersion", cni_version_text(version));
        json_object_set_new(error, "code", json_integer(code));
        json_object_set_new(error, "msg", new_shown_text(text));
        if (*details)
                json_object_set_new(error, "details", new_shown_text(details));
        return error;
}

json_t *result_new_versions(enum cni_version version)
{
        json_t *answer = json_object(), *supported = json_array();

        for (int i = 0; i < _CNI_VERSION_MAX; i++)
                json_array_append_new(supported, json_string(cni_version_text((enum cni_version)i)));
        set_text(answer, "cniVersion", cni_version_text(version));
        json_object_set_new(answer, "supportedVersions", supported);
        return answer;
}

char *result_list_versions(void)
{
        struct text text = {0};

        for (int i = 0; i < _CNI_VERSION_MAX; i++)
                text_add(&text, "%s%s", i ? ", " : "", cni_version_text((enum cni_version)i));
        return text.text;
}

/* An interface's "sandbox" is matched only where the result has one. */
static bool is_pod_interface(const json_t *interface, const char *ifname, const char *netns)
{
        const char *name = json_string_value(json_object_get(interface, "name"));
        const char *sandbox = json_string_value(json_object_get(interface, "sandbox"));

        return name && sandbox && *sandbox && strcmp(name, ifname) == 0 && strcmp(sandbox, netns) == 0;
}

/* "10.0.0.7/32" or "10.0.0.7". */
static bool is_address(const char *text, struct ip address)
{
        struct prefix prefix;
        struct ip ip;

        if (prefix_parse(text, &prefix, NULL) == 0)
                return ip_equal(prefix.ip, address);
        return ip_parse(text, &ip, NULL) == 0 && ip_equal(ip, address);
}

enum { ANY_INTERFACE = -1 };

/* Adds the interface's addresses to `seen`; returns whether ours is one of them. */
static bool find_address(const json_t *ips, json_int_t interface, struct ip address, struct text *seen)
{
        const json_t *ip;
        size_t i;

        json_array_foreach(ips, i, ip)
        {
                const char *text = json_string_value(json_object_get(ip, "address"));
                const json_t *index = json_object_get(ip, "interface");

                if (!text || (interface != ANY_INTERFACE &&
                              (!json_is_integer(index) || json_integer_value(index) != interface)))
                        continue;
                if (is_address(text, address))
                        return true;
                text_add(seen, "%s%.64s", seen->bytes ? ", " : "", text);
        }
        return false;
}

int result_check_address(const json_t *result, const char *ifname, const char *netns, struct ip address,
                         struct err *err)
{
        _cleanup_(text_done) struct text seen = {0};
        const json_t *interface;
        bool known = false;
        size_t i;

        json_array_foreach(json_object_get(result, "interfaces"), i, interface)
        {
                if (!is_pod_interface(interface, ifname, netns))
                        continue;
                known = true;
                if (find_address(json_object_get(result, "ips"), (json_int_t)i, address, &seen))
                        return 0;
        }
        if (!known)
                return err_set(err, ERR_INVALID, "prevResult has no interface %s in %.128s", ifname, netns);
        return err_set(err, ERR_NOT_FOUND, "prevResult gives %s the address %s, the lease is %s", ifname,
                       seen.bytes ? seen.text : "none", IP_TEXT(address));
}

int result_has_address(const json_t *result, struct ip address, struct err *err)
{
        _cleanup_(text_done) struct text seen = {0};

        if (find_address(json_object_get(result, "ips"), ANY_INTERFACE, address, &seen))
                return 0;
        return err_set(err, ERR_NOT_FOUND, "prevResult has the address %s, the lease is %s",
                       seen.bytes ? seen.text : "none", IP_TEXT(address));
}
