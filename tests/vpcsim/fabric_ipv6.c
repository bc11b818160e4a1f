// SPDX-License-Identifier: Apache-2.0
/*
 * IPv6 in the fabric. Each ENI's link has the router as fe80::1, as nodes know their gateway by its link-local address; the
 * ENI's addresses and prefixes are routed to fe80::2, which is nobody's address but a permanent neighbour with the ENI's MAC:
 * so the fabric never asks the node. There is no IPv6 internet: what is nobody's vanishes.
 */
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include <vpcwire/ifaddr.h>
#include <vpcwire/neigh.h>
#include <vpcwire/route.h>

#include "fabric_private.h"

static const char router_address[] = "fe80::1", eni_address[] = "fe80::2";

/*
 * Neighbour discovery, with link-local and unspecified sources, is every link's own; all else has a source that is assigned.
 * The counters are those of the IPv4 table; nothing counts no_public.
 */
static void add_table(struct text *commands)
{
        text_add(commands,
                 "table ip6 fabric {\n"
                 "  counter wrong_source { }\n"
                 "  counter no_public { }\n"
                 "  counter forwarded { }\n"
                 "  set assigned { typeof iifname . ip6 saddr; flags interval; }\n"
                 "  set unchecked { type ifname; }\n"
                 "  set offenders { typeof iifname . ip6 saddr . ip6 daddr; size %d; flags dynamic; counter; "
                 "}\n"
                 "  chain check {\n"
                 "    type filter hook prerouting priority raw; policy accept;\n"
                 "    iifname \"lo\" accept\n"
                 "    ip6 saddr { ::, fe80::/10 } ip6 daddr { fe80::/10, ff02::/16 } accept\n"
                 "    iifname . ip6 saddr @assigned accept\n"
                 "    iifname @unchecked accept\n"
                 "    counter name wrong_source\n"
                 "    add @offenders { iifname . ip6 saddr . ip6 daddr }\n"
                 "    drop\n"
                 "  }\n"
                 "  chain forward {\n"
                 "    type filter hook forward priority filter; policy accept;\n"
                 "    counter name forwarded\n"
                 "  }\n"
                 "}\n",
                 FABRIC_OFFENDERS_MAX);
}

int fabric_ipv6_start(struct fabric *fabric, struct err *err)
{
        static const struct fabric_sysctl forwarding[] = {{"net.ipv6.conf.all.forwarding", "1"}, {NULL}};
        struct route_info nowhere = {
                .dst = {{.family = AF_INET6}, 0}, .protocol = RTPROT_STATIC, .type = RTN_BLACKHOLE};
        _cleanup_(text_done) struct text commands = {0};
        int r;

        add_table(&commands);
        r = fabric_nft_run(fabric->nft, &commands, err);
        if (r == 0)
                r = fabric_space_set_sysctls(&fabric->vpc, forwarding, NULL, err);
        return r < 0 ? r : route_replace(fabric->vpc.nl, &nowhere, err);
}

static int put_address(const struct fabric_space *space, unsigned ifindex, struct prefix address,
                       struct err *err)
{
        return ifaddr_replace(space->nl,
                              &(struct ifaddr){.ifindex = ifindex, .prefix = address, .flags = IFA_F_NODAD},
                              err);
}

/* The link has no IPv6 until its ENI has: router and ENI get their link-local addresses. */
static int prepare(struct fabric *fabric, struct fabric_link *link, struct err *err)
{
        static const struct fabric_sysctl sysctls[] = {
                {"net.ipv6.conf.%s.addr_gen_mode", "1"}, /* none but the one below */
                {"net.ipv6.conf.%s.accept_ra", "0"},
                {"net.ipv6.conf.%s.disable_ipv6", "0"},
                {NULL},
        };
        struct neigh_info eni = {.ifindex = link->ifindex, .has_mac = true, .mac = link->mac};
        struct prefix router = {.bits = 64};
        int r;

        if ((r = ip_parse(router_address, &router.ip, err)) < 0 ||
            (r = ip_parse(eni_address, &eni.ip, err)) < 0 ||
            (r = fabric_space_set_sysctls(&fabric->vpc, sysctls, link->name, err)) < 0 ||
            (r = put_address(&fabric->vpc, link->ifindex, router, err)) < 0 ||
            (r = neigh_replace_permanent(fabric->vpc.nl, &eni, err)) < 0)
                return r;
        return 0;
}

static int change_route(struct fabric *fabric, const struct fabric_link *link, struct prefix cidr, bool add,
                        struct err *err)
{
        struct route_info route = {.dst = cidr, .protocol = RTPROT_STATIC, .oif = link->ifindex};
        int r;

        r = ip_parse(eni_address, &route.gateway, err);
        if (r < 0)
                return r;
        if (add)
                return route_replace(fabric->vpc.nl, &route, err);
        r = route_delete(fabric->vpc.nl, &route, err);
        return r == -ERR_NOT_FOUND ? 0 : r;
}

static bool list_has(const struct prefix *list, size_t n, struct prefix cidr)
{
        for (size_t i = 0; i < n; i++) {
                if (prefix_equal(list[i], cidr))
                        return true;
        }
        return false;
}

/* Carries out what one list has and the other has not. */
static int change(struct fabric *fabric, const struct fabric_link *link, const struct prefix *list, size_t n,
                  const struct prefix *other, size_t n_other, bool add, struct err *err)
{
        _cleanup_(text_done) struct text commands = {0};
        int r = 0;

        for (size_t i = 0; i < n && r == 0; i++) {
                if (list_has(other, n_other, list[i]))
                        continue;
                fabric_nft_change_ipv6(&commands, add, link->name, list[i]);
                r = change_route(fabric, link, list[i], add, err);
        }
        return r < 0 ? r : fabric_nft_run(fabric->nft, &commands, err);
}

int fabric_set_ipv6(struct fabric *fabric, const char *eni_id, const struct prefix *cidrs, size_t n,
                    struct err *err)
{
        struct fabric_link *link = fabric_find_link(fabric, eni_id);
        int r = 0;

        if (!link)
                return err_set(err, ERR_NOT_FOUND, "%s is not attached", eni_id);
        for (size_t i = 0; i < n; i++)
                if (cidrs[i].ip.family != AF_INET6)
                        return err_set(err, ERR_INVALID, "%s is not IPv6", PREFIX_TEXT(cidrs[i]));
        if (n > 0 && link->n_ipv6 == 0)
                r = prepare(fabric, link, err);
        if (r == 0)
                r = change(fabric, link, cidrs, n, link->ipv6, link->n_ipv6, true, err);
        if (r == 0)
                r = change(fabric, link, link->ipv6, link->n_ipv6, cidrs, n, false, err);
        if (r < 0)
                return err_wrap(err, "set the IPv6 addresses of %s", eni_id);
        free(link->ipv6);
        link->ipv6 = XNEW_ARRAY(struct prefix, n + 1);
        link->n_ipv6 = n;
        for (size_t i = 0; i < n; i++)
                link->ipv6[i] = cidrs[i];
        return 0;
}

int fabric_ipv6_boot_primary(const struct fabric_space *node, const struct fabric_eni *eni, struct err *err)
{
        /* The link-local address is made anew, without a search for duplicates: this machine booted a while ago. */
        static const struct fabric_sysctl enable[] = {
                {"net.ipv6.conf.eth0.disable_ipv6", "1"},
                {"net.ipv6.conf.eth0.accept_dad", "0"},
                {"net.ipv6.conf.eth0.disable_ipv6", "0"},
                {"net.ipv6.conf.eth0.accept_dad", "1"},
                {NULL},
        };
        struct route_info to_all = {.dst = {{.family = AF_INET6}, 0}, .protocol = RTPROT_RA};
        struct link_info info;
        int r;

        if (eni->n_ipv6 == 0)
                return 0;
        if ((r = ip_parse(router_address, &to_all.gateway, err)) < 0 ||
            (r = link_get_by_name(node->nl, "eth0", &info, err)) < 0 ||
            (r = fabric_space_set_sysctls(node, enable, NULL, err)) < 0)
                return r;
        for (size_t i = 0; i < eni->n_ipv6 && r == 0; i++)
                if (eni->ipv6[i].bits == ip_max_bits(eni->ipv6[i].ip))
                        r = put_address(node, info.ifindex, eni->ipv6[i], err);
        to_all.oif = info.ifindex;
        return r < 0 ? r : route_add(node->nl, &to_all, err);
}
