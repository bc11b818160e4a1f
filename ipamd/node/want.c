// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include <vpcwire/mem.h>

#include "node/want.h"

enum {
        CARD_TABLE_BASE = 10000, /* aws-vpc-cni's numbers for the ENIs of further network cards */
        CARD_TABLE_STEP = 100,
        CARDS_MAX = 64,
};

uint32_t node_eni_table(unsigned device_index, unsigned network_card)
{
        return network_card ? CARD_TABLE_BASE + CARD_TABLE_STEP * network_card + device_index
                            : device_index + 1;
}

uint32_t node_eni_mark(unsigned device_index)
{
        return ((device_index << NODE_MARK_ENI_SHIFT) & NODE_MARK_INDEX_MASK) | NODE_MARK_OURS;
}

bool node_table_is_ours(uint32_t table)
{
        return table == NODE_POD_TABLE || (table >= 2 && table <= NODE_ENI_INDEX_MAX + 1) ||
               (table >= CARD_TABLE_BASE + CARD_TABLE_STEP &&
                table < CARD_TABLE_BASE + CARD_TABLE_STEP * (CARDS_MAX + 1));
}

bool node_rule_is_ours(const struct rule_info *rule)
{
        static const uint32_t ours[] = {NODE_PRIORITY_POD,         NODE_PRIORITY_PRIMARY_MARK,
                                        NODE_PRIORITY_OWN_PACKETS, NODE_PRIORITY_EXTERNAL_SERVICE,
                                        NODE_PRIORITY_ENI_MARK,    NODE_PRIORITY_ENI_ADDRESS};

        if (rule->protocol != VPCWIRE_PROTOCOL || rule->other)
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(ours); i++) {
                if (rule->priority == ours[i])
                        return true;
        }
        return false;
}

bool node_link_is_pod(const struct link_info *link, const char *veth_prefix)
{
        return link->alias[0] && strncmp(link->name, veth_prefix, strlen(veth_prefix)) == 0;
}

static bool eni_is_primary(const struct node_eni *eni)
{
        return eni->device_index == 0 && eni->network_card == 0;
}

/* Links on top of an ENI's link have its MAC too, and are not it. */
static bool link_is_stacked(const struct link_info *link)
{
        static const char *const kinds[] = {"vlan",   "macvlan", "macvtap", "ipvlan",
                                            "ipvtap", "bridge",  "bond",    "team"};

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                if (strcmp(link->kind, kinds[i]) == 0)
                        return true;
        }
        return false;
}

static const struct link_info *find_mac(const struct link_info *links, size_t n, struct mac mac)
{
        for (size_t i = 0; i < n; i++) {
                if (links[i].has_mac && mac_equal(links[i].mac, mac) && !link_is_stacked(&links[i]))
                        return &links[i];
        }
        return NULL;
}

/* What goes between quotes in the nftables text, where only these are sure to mean themselves. */
static bool name_is_plain(const char *name)
{
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

        return name[0] && strspn(name, plain) == strlen(name);
}

static int check_view(const struct node_view *view, struct err *err)
{
        if (!name_is_plain(view->veth_prefix) || strlen(view->veth_prefix) > NODE_VETH_PREFIX_MAX)
                return err_set(err, ERR_INVALID,
                               "veth prefix '%s': 1..%d letters, digits, '.', '_', '-' are allowed",
                               view->veth_prefix, NODE_VETH_PREFIX_MAX);
        if (!view->border->mark || view->border->mark & NODE_MARK_ENI_MASK)
                return err_set(err, ERR_INVALID, "mark 0x%x is zero, or has bits of the ENIs' marks 0x%x",
                               view->border->mark, NODE_MARK_ENI_MASK);
        return 0;
}

static int check_eni(const struct node_want_eni *want, const struct node_want_eni *others, size_t n_others,
                     const char *veth_prefix, struct err *err)
{
        const struct node_eni *eni = want->eni;

        if (eni->address.family != AF_INET || eni->subnet.ip.family != AF_INET || eni->subnet.bits > 30)
                return err_set(err, ERR_INVALID, "ENI %s: address %s in subnet %s is no IPv4 ENI",
                               MAC_TEXT(eni->mac), IP_TEXT(eni->address), PREFIX_TEXT(eni->subnet));
        if (want->link && strncmp(want->link->name, veth_prefix, strlen(veth_prefix)) == 0)
                return err_set(err, ERR_INVALID,
                               "ENI %s: its link is called %s, which begins with the pods' prefix '%s'",
                               MAC_TEXT(eni->mac), want->link->name, veth_prefix);
        if (eni_is_primary(eni))
                return 0;
        if (want->link && !name_is_plain(want->link->name))
                return err_set(err, ERR_INVALID, "ENI %s: its link's name '%s' has odd characters",
                               MAC_TEXT(eni->mac), want->link->name);
        if (eni->device_index < 1 || eni->device_index > NODE_ENI_INDEX_MAX || eni->network_card >= CARDS_MAX)
                return err_set(err, ERR_LIMIT, "ENI %s: device %u on card %u; at most %d on %d cards",
                               MAC_TEXT(eni->mac), eni->device_index, eni->network_card, NODE_ENI_INDEX_MAX,
                               CARDS_MAX);
        for (size_t i = 0; i < n_others; i++) {
                if (others[i].mark == want->mark && !others[i].err.code)
                        return err_set(err, ERR_LIMIT,
                                       "ENI %s: device %u is on card %u already; marks are per device index",
                                       MAC_TEXT(eni->mac), eni->device_index, others[i].eni->network_card);
        }
        return 0;
}

static void make_enis(struct arena *arena, const struct node_view *view, const struct link_info *links,
                      size_t n_links, struct node_want *want)
{
        want->enis = ARENA_ARRAY(arena, struct node_want_eni, view->n_enis);
        for (size_t i = 0; i < view->n_enis; i++) {
                const struct node_eni *eni = &view->enis[i];
                struct node_want_eni *one = &want->enis[i];
                bool primary = eni_is_primary(eni);

                *one = (struct node_want_eni){
                        .eni = eni,
                        .link = find_mac(links, n_links, eni->mac),
                        .mark = primary ? 0 : node_eni_mark(eni->device_index),
                        .table = primary ? NODE_MAIN_TABLE
                                         : node_eni_table(eni->device_index, eni->network_card),
                };
                check_eni(one, want->enis, i, view->veth_prefix, &one->err);
        }
        want->n_enis = view->n_enis;
}

/* Whether an ENI gets objects: a secondary one, sound, whose link is here. */
static bool eni_is_configured(const struct node_want_eni *want)
{
        return !eni_is_primary(want->eni) && want->link && !want->err.code;
}

static int by_address(const void *a, const void *b)
{
        return ifaddr_compare(a, b);
}

static void make_addresses(struct arena *arena, struct node_want *want)
{
        want->addresses = ARENA_ARRAY(arena, struct ifaddr, want->n_enis);
        for (size_t i = 0; i < want->n_enis; i++) {
                const struct node_want_eni *one = &want->enis[i];

                /* /32: a link without an address fails the kernel's loose source check, and a longer reach
                 * would put the subnet's route into main a second time. */
                if (eni_is_configured(one))
                        want->addresses[want->n_addresses++] = (struct ifaddr){
                                .ifindex = one->link->ifindex, .prefix = prefix_host(one->eni->address)};
        }
        qsort(want->addresses, want->n_addresses, sizeof(*want->addresses), by_address);
}

static int by_route_key(const void *a, const void *b)
{
        return route_compare_key(a, b);
}

static void add_route(struct node_want *want, struct route_info route)
{
        route.protocol = VPCWIRE_PROTOCOL;
        want->routes[want->n_routes++] = route_normal(&route);
}

/* The links by name, for bsearch(): there may be as many pods as links. */
struct named_link {
        const char *name;
        const struct link_info *link;
};

static int by_name(const void *a, const void *b)
{
        const struct named_link *x = a, *y = b;

        return strcmp(x->name, y->name);
}

static struct named_link *sort_by_name(struct arena *arena, const struct link_info *links, size_t n)
{
        struct named_link *sorted = ARENA_ARRAY(arena, struct named_link, n);

        for (size_t i = 0; i < n; i++)
                sorted[i] = (struct named_link){links[i].name, &links[i]};
        qsort(sorted, n, sizeof(*sorted), by_name);
        return sorted;
}

static const struct link_info *find_pod_link(const struct named_link *sorted, size_t n,
                                             const struct node_pod *pod)
{
        const struct named_link key = {.name = pod->host_ifname};
        const struct named_link *found = bsearch(&key, sorted, n, sizeof(*sorted), by_name);

        if (found && (pod->container_id ? strcmp(found->link->alias, pod->container_id) == 0
                                        : strcmp(found->link->kind, "bridge") == 0))
                return found->link;
        return NULL;
}

/* Two pods with one address cannot be; should the view say so, the one that comes first keeps its route. */
static void drop_doubles(struct node_want *want)
{
        size_t kept = 0;

        for (size_t i = 0; i < want->n_routes; i++) {
                if (!kept || route_compare_key(&want->routes[kept - 1], &want->routes[i]) != 0)
                        want->routes[kept++] = want->routes[i];
        }
        want->n_routes = kept;
}

static void make_routes(struct arena *arena, const struct node_view *view, const struct link_info *links,
                        size_t n_links, struct node_want *want)
{
        struct named_link *sorted = sort_by_name(arena, links, n_links);

        want->routes = ARENA_ARRAY(arena, struct route_info, 2 * want->n_enis + view->n_pods);
        for (size_t i = 0; i < want->n_enis; i++) {
                const struct node_want_eni *one = &want->enis[i];
                struct ip gateway = prefix_nth(one->eni->subnet, 1);

                if (!eni_is_configured(one))
                        continue;
                add_route(want, (struct route_info){.table = one->table,
                                                    .dst = prefix_host(gateway),
                                                    .oif = one->link->ifindex,
                                                    .scope = RT_SCOPE_LINK});
                add_route(want, (struct route_info){.table = one->table,
                                                    .dst = {{.family = AF_INET}, 0},
                                                    .oif = one->link->ifindex,
                                                    .gateway = gateway});
        }
        for (size_t i = 0; i < view->n_pods; i++) {
                const struct link_info *link = find_pod_link(sorted, n_links, &view->pods[i]);

                if (!link || view->pods[i].ip.family != AF_INET)
                        want->n_pods_unlinked++;
                else
                        add_route(want, (struct route_info){.table = NODE_POD_TABLE,
                                                            .dst = prefix_host(view->pods[i].ip),
                                                            .oif = link->ifindex,
                                                            .scope = RT_SCOPE_LINK});
        }
        qsort(want->routes, want->n_routes, sizeof(*want->routes), by_route_key);
        drop_doubles(want);
}

static int by_rule(const void *a, const void *b)
{
        return rule_compare(a, b);
}

static void add_rule(struct node_want *want, struct rule_info rule)
{
        rule.family = AF_INET;
        rule.protocol = VPCWIRE_PROTOCOL;
        want->rules[want->n_rules++] = rule;
}

static void make_rules(struct arena *arena, const struct node_view *view, struct node_want *want)
{
        const struct node_border *border = view->border;
        const struct node_cidrs *services = &border->external_services;

        want->rules = ARENA_ARRAY(arena, struct rule_info, 3 + services->n + 2 * want->n_enis);
        add_rule(want, (struct rule_info){.priority = NODE_PRIORITY_POD, .table = NODE_POD_TABLE});
        add_rule(want, (struct rule_info){.priority = NODE_PRIORITY_PRIMARY_MARK,
                                          .table = NODE_MAIN_TABLE,
                                          .fwmark = border->mark,
                                          .fwmask = border->mark});
        if (want->n_addresses) /* of secondary ENIs, whose rules follow */
                add_rule(want, (struct rule_info){.priority = NODE_PRIORITY_OWN_PACKETS,
                                                  .iif = "lo",
                                                  .goto_priority = NODE_PRIORITY_ENI_ADDRESS});
        for (size_t i = 0; i < services->n; i++)
                add_rule(want, (struct rule_info){.priority = NODE_PRIORITY_EXTERNAL_SERVICE,
                                                  .table = NODE_MAIN_TABLE,
                                                  .dst = prefix_network(services->list[i])});
        for (size_t i = 0; i < want->n_enis; i++) {
                const struct node_want_eni *one = &want->enis[i];

                if (!eni_is_configured(one))
                        continue;
                add_rule(want, (struct rule_info){.priority = NODE_PRIORITY_ENI_MARK,
                                                  .table = one->table,
                                                  .fwmark = one->mark,
                                                  .fwmask = NODE_MARK_ENI_MASK});
                add_rule(want, (struct rule_info){.priority = NODE_PRIORITY_ENI_ADDRESS,
                                                  .table = one->table,
                                                  .src = prefix_host(one->eni->address)});
        }
        qsort(want->rules, want->n_rules, sizeof(*want->rules), by_rule);
}

/* The primary ENI's entry must be there and sound: everything else hangs on it. Its link may not be there. */
static int find_primary(const struct node_want *want, const struct link_info **ret, struct err *err)
{
        for (size_t i = 0; i < want->n_enis; i++) {
                const struct node_want_eni *one = &want->enis[i];

                if (!eni_is_primary(one->eni))
                        continue;
                if (one->err.code && err)
                        *err = one->err;
                if (one->err.code)
                        return -(int)one->err.code;
                if (one->link && !name_is_plain(one->link->name))
                        return err_set(err, ERR_INVALID,
                                       "the primary interface's name '%s' has odd characters",
                                       one->link->name);
                *ret = one->link;
                return 0;
        }
        return err_set(err, ERR_INVALID, "the primary ENI is not among the %zu ENIs of the node",
                       want->n_enis);
}

int node_want_make(struct arena *arena, const struct node_view *view, const struct link_info *links,
                   size_t n_links, struct node_want *ret, struct err *err)
{
        struct node_want want = {0};
        int r = check_view(view, err);

        if (r < 0)
                return r;
        make_enis(arena, view, links, n_links, &want);
        r = find_primary(&want, &want.primary, err);
        if (r < 0)
                return r;
        if (want.primary) {
                make_addresses(arena, &want);
                make_routes(arena, view, links, n_links, &want);
                make_rules(arena, view, &want);
                node_want_make_sysctls(arena, &want);
                want.nft = node_want_nft(arena, view, &want);
                want.nft_arp = node_want_nft_arp(arena, view);
                want.nft_guard = node_want_nft_guard(arena, view, &want);
        }
        *ret = want;
        return 0;
}
