// SPDX-License-Identifier: Apache-2.0
/* bundle: the host, and its network as the kernel has it. */
#include "ctl/bundle/bundle.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <linux/rtnetlink.h>

#include "firewall/firewall.h"
#include <vpcwire/file.h>
#include <vpcwire/ifaddr.h>
#include <vpcwire/link.h>
#include <vpcwire/netlink.h>
#include <vpcwire/route.h>
#include <vpcwire/rule.h>
#include <vpcwire/sysctl.h>

enum { PATH_BYTES = 512, FILE_BYTES_MAX = 256 * 1024 };

/* Where a text is gathered. */
struct view {
        struct netlink *nl; /* NULL: it cannot be opened */
        struct arena *arena;
        struct text text;
        struct err err;
};

static const int families[] = {AF_INET, AF_INET6};

/* ---- the kernel's network ---- */

static int add_links(struct view *v)
{
        struct link_info *links;
        size_t n;
        int r = link_dump(v->nl, v->arena, &links, &n, &v->err);

        for (size_t i = 0; r == 0 && i < n; i++)
                text_add(&v->text, "%u: %s mtu %u %s%s%s %s %s group %u\n", links[i].ifindex, links[i].name,
                         links[i].mtu, links[i].up ? "up" : "down", links[i].carrier ? "" : " no-carrier",
                         links[i].has_mac ? "" : " no-mac", links[i].has_mac ? MAC_TEXT(links[i].mac) : "",
                         links[i].kind, links[i].group);
        for (size_t i = 0; r == 0 && i < n; i++) {
                if (links[i].alias[0])
                        text_add(&v->text, "%s alias %s\n", links[i].name, links[i].alias);
        }
        return r;
}

static int add_addresses(struct view *v)
{
        struct ifaddr *addresses;
        size_t n;
        int r = ifaddr_dump(v->nl, v->arena, AF_UNSPEC, 0, &addresses, &n, &v->err);

        for (size_t i = 0; r == 0 && i < n; i++)
                text_add(&v->text, "%s dev %u scope %u flags 0x%x\n", PREFIX_TEXT(addresses[i].prefix),
                         addresses[i].ifindex, addresses[i].scope, addresses[i].flags);
        return r;
}

static int add_rules(struct view *v)
{
        int r = 0;

        for (size_t f = 0; f < ARRAY_SIZE(families) && r == 0; f++) {
                struct rule_info *rules;
                size_t n;

                r = rule_dump(v->nl, v->arena, families[f], &rules, &n, &v->err);
                for (size_t i = 0; r == 0 && i < n; i++)
                        text_add(&v->text, "%s%s\n", RULE_TEXT(&rules[i]),
                                 rules[i].other ? " (and more that is not shown)" : "");
        }
        return r;
}

static int add_routes(struct view *v)
{
        int r = 0;

        for (size_t f = 0; f < ARRAY_SIZE(families) && r == 0; f++) {
                struct route_info *routes;
                size_t n;

                r = route_dump(v->nl, v->arena, &(struct route_filter){.family = families[f]}, &routes, &n,
                               &v->err);
                for (size_t i = 0; r == 0 && i < n; i++) {
                        if (routes[i].table != RT_TABLE_LOCAL)
                                text_add(&v->text, "%s\n", ROUTE_TEXT(&routes[i]));
                }
        }
        return r;
}

static int add_nftables(struct view *v)
{
        static const char *const names[] = {"ip", "inet", "arp"};
        struct err err;

        for (size_t f = 0; f < ARRAY_SIZE(names); f++) {
                _cleanup_free_ char *listing = NULL;

                if (firewall_table_text(names[f], "vpcwire", &listing, &err) < 0)
                        text_add(&v->text, "(%s)\n", err.msg);
                else
                        text_add(&v->text, "%s", listing);
        }
        return 0;
}

static int add_sysctls(struct view *v)
{
        static const char *const keys[] = {"net.ipv4.ip_forward",
                                           "net.ipv6.conf.all.forwarding",
                                           "net.ipv4.conf.all.rp_filter",
                                           "net.ipv4.conf.default.rp_filter",
                                           "net.ipv4.conf.all.proxy_arp",
                                           "net.ipv4.conf.all.accept_redirects",
                                           "net.ipv4.neigh.default.gc_thresh3",
                                           "net.netfilter.nf_conntrack_max",
                                           "net.netfilter.nf_conntrack_count"};
        static const char *const of_links[] = {"rp_filter", "accept_local", "forwarding", "proxy_arp"};
        char value[SYSCTL_VALUE_BYTES];
        struct link_info *links;
        size_t n;
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                text_add(&v->text, "%s = %s\n", keys[i],
                         sysctl_read(keys[i], value, NULL) == 0 ? value : "(not there)");
        r = link_dump(v->nl, v->arena, &links, &n, &v->err);
        for (size_t i = 0; r == 0 && i < n; i++) {
                for (size_t k = 0; k < ARRAY_SIZE(of_links); k++) {
                        char key[LINK_NAME_BYTES + 64];

                        snprintf(key, sizeof(key), "net.ipv4.conf.%s.%s", links[i].name, of_links[k]);
                        if (sysctl_read(key, value, NULL) == 0)
                                text_add(&v->text, "%s = %s\n", key, value);
                }
        }
        return r;
}

static int add_system(struct view *v)
{
        _cleanup_free_ char *release = NULL;
        struct utsname name;

        if (uname(&name) == 0)
                text_add(&v->text, "%s %s %s %s\n", name.sysname, name.release, name.version, name.machine);
        if (file_read("/etc/os-release", FILE_BYTES_MAX, &release, NULL, &v->err) < 0)
                return -ERR_SYSTEM;
        text_add(&v->text, "%s", release);
        return 0;
}

static const struct {
        const char *name;
        int (*add)(struct view *v);
        bool netlink;
} views[] = {
        {"host/system.txt", add_system, false},      {"host/links.txt", add_links, true},
        {"host/addresses.txt", add_addresses, true}, {"host/rules.txt", add_rules, true},
        {"host/routes.txt", add_routes, true},       {"host/nftables.txt", add_nftables, false},
        {"host/sysctls.txt", add_sysctls, true},
};

void bundle_network(struct bundle *bundle)
{
        struct netlink *nl = NULL;
        struct err no_netlink;

        if (netlink_open(-1, &nl, &no_netlink) < 0)
                nl = NULL;
        for (size_t i = 0; i < ARRAY_SIZE(views); i++) {
                struct view v = {.nl = nl, .arena = arena_new(), .err = no_netlink};

                if ((views[i].netlink && !nl) || views[i].add(&v) < 0)
                        text_add(&v.text, "(%s)\n", v.err.msg);
                bundle_put(bundle, ALLOW_PROSE, views[i].name, v.text.text, v.text.bytes);
                text_done(&v.text);
                arena_free(v.arena);
        }
        netlink_free(nl);
}
