// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/mem.h>

#include "node/want.h"

bool node_rule_is_ours(const struct rule_info *rule)
{
        return rule->protocol == DATAPLANE_PROTOCOL && !rule->other &&
               dataplane_priority_is_ours(rule->priority);
}

bool node_link_is_pod(const struct link_info *link, const char *veth_prefix)
{
        return link->alias[0] && strncmp(link->name, veth_prefix, strlen(veth_prefix)) == 0;
}

bool node_want_link_is_pod(const struct node_want *want, const struct node_view *view,
                           const struct link_info *link)
{
        bool found = node_link_is_pod(link, view->veth_prefix);

        for (size_t i = 0; i < view->n_pods && !found; i++)
                found = want->pods[i].link == link && view->pods[i].container_id;
        return found;
}

static int check_view(const struct node_view *view, struct err *err)
{
        if (!node_link_name_is_plain(view->veth_prefix) || strlen(view->veth_prefix) > NODE_VETH_PREFIX_MAX)
                return err_set(err, ERR_INVALID,
                               "veth prefix '%s': 1..%d letters, digits, '.', '_', '-' are allowed",
                               view->veth_prefix, NODE_VETH_PREFIX_MAX);
        if (!view->egress->mark || view->egress->mark & DATAPLANE_MARK_MASK)
                return err_set(err, ERR_INVALID, "mark 0x%x is zero, or has bits of the ENIs' marks 0x%x",
                               view->egress->mark, DATAPLANE_MARK_MASK);
        return 0;
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
                if (node_want_eni_is_configured(one))
                        want->addresses[want->n_addresses++] = (struct ifaddr){
                                .ifindex = one->link->ifindex, .prefix = prefix_host(one->eni->address)};
        }
        qsort(want->addresses, want->n_addresses, sizeof(*want->addresses), by_address);
}

static int by_rule(const void *a, const void *b)
{
        return rule_compare(a, b);
}

static void add_rule(struct node_want *want, struct rule_info rule)
{
        rule.family = AF_INET;
        rule.protocol = DATAPLANE_PROTOCOL;
        want->rules[want->n_rules++] = rule;
}

/*
 * The node's own packets come from no link and have the address of an ENI of ours, or none yet. A pod's packet comes from no link,
 * either, where IPVS sends it on: it has the pod's address, and must go by its mark. What has no mark of ours is no such packet (an
 * ENI's that is not managed, a virtual address): it goes as the host's routes say, external services or not.
 */
static void add_own_packets(struct node_want *want, struct rule_info rule)
{
        rule.priority = DATAPLANE_PRIORITY_OWN_PACKETS;
        strcpy(rule.iif, "lo");
        rule.goto_priority = DATAPLANE_PRIORITY_ENI_ADDRESS;
        add_rule(want, rule);
}

static void make_own_packets(struct node_want *want)
{
        if (!want->n_addresses) /* of secondary ENIs, to whose rules these lead */
                return;
        add_own_packets(want, (struct rule_info){.fwmask = DATAPLANE_MARK_MASK});
        add_own_packets(want, (struct rule_info){.src = prefix_host((struct ip){.family = AF_INET})});
        for (size_t i = 0; i < want->n_enis; i++) {
                const struct node_want_eni *one = &want->enis[i];

                if (one->eni->primary || node_want_eni_is_configured(one))
                        add_own_packets(want, (struct rule_info){.src = prefix_host(one->eni->address)});
        }
}

static void make_rules(struct arena *arena, const struct node_view *view, struct node_want *want)
{
        const struct egress *egress = view->egress;
        const struct cidrs *services = &egress->external_services;

        want->rules = ARENA_ARRAY(arena, struct rule_info, 4 + services->n + 3 * want->n_enis);
        add_rule(want,
                 (struct rule_info){.priority = DATAPLANE_PRIORITY_PODS, .table = DATAPLANE_TABLE_PODS});
        add_rule(want, (struct rule_info){.priority = DATAPLANE_PRIORITY_CONNMARK,
                                          .table = RT_TABLE_MAIN,
                                          .fwmark = egress->mark,
                                          .fwmask = egress->mark});
        make_own_packets(want);
        for (size_t i = 0; i < services->n; i++)
                add_rule(want, (struct rule_info){.priority = DATAPLANE_PRIORITY_EXTERNAL_SERVICE,
                                                  .table = RT_TABLE_MAIN,
                                                  .dst = prefix_network(services->list[i])});
        for (size_t i = 0; i < want->n_enis; i++) {
                const struct node_want_eni *one = &want->enis[i];

                if (!node_want_eni_is_configured(one))
                        continue;
                add_rule(want, (struct rule_info){.priority = DATAPLANE_PRIORITY_ENI_MARK,
                                                  .table = one->table,
                                                  .fwmark = one->mark,
                                                  .fwmask = DATAPLANE_MARK_MASK});
                add_rule(want, (struct rule_info){.priority = DATAPLANE_PRIORITY_ENI_ADDRESS,
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

                if (!one->eni->primary)
                        continue;
                if (one->err.code && err)
                        *err = one->err;
                if (one->err.code)
                        return -(int)one->err.code;
                if (one->link && !node_link_name_is_plain(one->link->name))
                        return err_set(
                                err, ERR_INVALID,
                                "the primary interface's name '%s' has characters that are not allowed",
                                one->link->name);
                *ret = one->link;
                return 0;
        }
        return err_set(err, ERR_INVALID, "the primary ENI is not among the %zu ENIs of the node",
                       want->n_enis);
}

int node_want_make(struct arena *arena, const struct node_view *view, const struct pod_evidence *kernel,
                   struct node_want *ret, struct err *err)
{
        struct node_want want = {0};
        int r = check_view(view, err);

        if (r < 0)
                return r;
        want.pods = pod_match(arena, view->pods, view->n_pods, kernel);
        node_want_make_enis(arena, view, kernel, &want);
        r = find_primary(&want, &want.primary, err);
        if (r < 0)
                return r;
        if (want.primary) {
                make_addresses(arena, &want);
                node_want_make_routes(arena, view, &want);
                make_rules(arena, view, &want);
                node_want_make_sysctls(arena, &want);
                want.nft = node_want_nft(arena, view, &want);
                want.nft_arp = node_want_nft_arp(arena, view);
                want.nft_guard = node_want_nft_guard(arena, view, &want);
        }
        *ret = want;
        return 0;
}
