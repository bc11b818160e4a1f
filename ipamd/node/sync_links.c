// SPDX-License-Identifier: Apache-2.0
/* The secondary ENIs' links: MTU, up, address; the sysctls, of pods' links, too; and these links' group. */
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/diff.h>
#include <vpcwire/mem.h>
#include <vpcwire/pod_link.h>
#include <vpcwire/pod_sysctl.h>
#include <vpcwire/sysctl.h>

#include "node/sync_parts.h"

static bool all_is_strict(void)
{
        char value[SYSCTL_VALUE_BYTES];

        return sysctl_read("net.ipv4.conf.all.rp_filter", value, NULL) == 0 &&
               strtol(value, NULL, 10) == NODE_RP_FILTER_STRICT;
}

static bool only_notes_sysctl(struct sync *sync, unsigned ifindex, const char *key, const char *value)
{
        char seen[SYSCTL_VALUE_BYTES];

        if (!sync->check)
                return false;
        if (sysctl_read(key, seen, NULL) == 0 && strcmp(seen, value) != 0)
                sync_only_notes(sync,
                                (struct node_difference){.object = NODE_SYSCTL,
                                                         .kind = NODE_CHANGED,
                                                         .text = arena_printf(sync->arena, "%s is %s, not %s",
                                                                              key, seen, value),
                                                         .ifindex = ifindex,
                                                         .sysctl = arena_strdup(sync->arena, key),
                                                         .wanted = value});
        return true;
}

void sync_sysctls(struct sync *sync)
{
        const bool strict = all_is_strict();

        for (size_t i = 0; i < sync->want.n_sysctls; i++) {
                const struct node_want_sysctl *sysctl = &sync->want.sysctls[i];
                const char *value = sysctl->is_rp_filter && strict ? NODE_RP_FILTER_LOOSE : sysctl->value;
                bool changed = false;
                struct err failure;
                int r;

                if (only_notes_sysctl(sync, sysctl->ifindex, sysctl->key, value))
                        continue;
                if (sysctl->needs_guard && !sync->node->nft_tables[NODE_NFT_GUARD].applied.text)
                        continue;
                r = sysctl_write(sysctl->key, value, &changed, &failure);
                if (r < 0 && !(r == -ERR_NOT_FOUND && sysctl->may_miss))
                        sync_fail_link(sync, sysctl->ifindex, &failure);
                sync->report.repaired.sysctls += changed;
        }
}

static struct node_difference of_link(const struct link_info *link, const char *text)
{
        return (struct node_difference){
                .object = NODE_LINK, .kind = NODE_CHANGED, .text = text, .ifindex = link->ifindex};
}

/* By its alias the plugin knows the link again. A name that somebody gave it stays: others may know it by that. */
void sync_pod_aliases(struct sync *sync)
{
        for (size_t i = 0; i < sync->view->n_pods; i++) {
                const struct link_change change = {.alias = sync->view->pods[i].container_id};
                const struct pod_found *found = &sync->want.pods[i];
                struct err failure;
                int r;

                if (!found->alias_missing ||
                    sync_only_notes(sync, of_link(found->link, arena_printf(sync->arena, "no alias, not %s",
                                                                            change.alias))))
                        continue;
                r = link_change(sync->node->nl, found->link->ifindex, &change, &failure);
                if (r == 0)
                        sync->report.repaired.links++;
                else if (r != -ERR_NOT_FOUND) /* it has just gone */
                        sync_fail_node(sync, &failure);
        }
}

static void note_pod_sysctls(struct sync *sync, const struct link_info *link)
{
        char key[POD_SYSCTL_KEY_BYTES];

        for (size_t i = 0; i < n_pod_sysctls; i++) {
                if (pod_sysctl_is_off(&pod_sysctls[i], link))
                        only_notes_sysctl(sync, link->ifindex,
                                          pod_sysctl_key(&pod_sysctls[i], link->name, key),
                                          pod_sysctls[i].value);
        }
}

void sync_pod_sysctls(struct sync *sync)
{
        for (size_t i = 0; i < sync->kernel.n_links; i++) {
                const struct link_info *link = &sync->kernel.links[i];
                unsigned changed = 0;
                struct err failure;

                if (!node_want_link_is_pod(&sync->want, sync->view, link))
                        continue;
                if (sync->check) {
                        note_pod_sysctls(sync, link);
                        continue;
                }
                if (pod_sysctl_repair(link, &changed, &failure) < 0)
                        sync_fail_node(sync, &failure);
                sync->report.repaired.sysctls += changed;
        }
}

static void change_link(struct sync *sync, const struct link_info *link, const struct link_change *change)
{
        const char *text = change->mtu ? arena_printf(sync->arena, "MTU %u, not %u", link->mtu, change->mtu)
                                       : "down, not up";
        struct err failure;

        if (sync_only_notes(sync, of_link(link, text)))
                return;
        if (link_change(sync->node->nl, link->ifindex, change, &failure) < 0)
                sync_fail_link(sync, link->ifindex, &failure);
        else
                sync->report.repaired.links++;
}

/* Links that an older plugin made have none, and the guards know pods' links by it. */
void sync_pod_groups(struct sync *sync)
{
        for (size_t i = 0; i < sync->kernel.n_links; i++) {
                const struct link_info *link = &sync->kernel.links[i];
                struct err failure;
                int r;

                if (link->group == DATAPLANE_LINK_GROUP ||
                    !node_want_link_is_pod(&sync->want, sync->view, link) ||
                    sync_only_notes(sync, of_link(link, arena_printf(sync->arena, "group %u, not %d",
                                                                     link->group, DATAPLANE_LINK_GROUP))))
                        continue;
                r = link_change(sync->node->nl, link->ifindex,
                                &(struct link_change){.group = DATAPLANE_LINK_GROUP}, &failure);
                if (r == 0)
                        sync->report.repaired.links++;
                else if (r != -ERR_NOT_FOUND) /* the pod is gone since the links were read */
                        sync_fail_node(sync, &failure);
        }
}

void sync_links(struct sync *sync)
{
        for (size_t i = 0; i < sync->want.n_enis; i++) {
                const struct node_want_eni *eni = &sync->want.enis[i];

                if (!eni->link || eni->err.code)
                        continue;
                /* The primary one's as well: pods send by it, too. */
                if (sync->view->mtu && eni->link->mtu != sync->view->mtu)
                        change_link(sync, eni->link, &(struct link_change){.mtu = sync->view->mtu});
                /* Another request: an MTU that the link refuses must not keep it down. The primary one is the host's to set up. */
                if (eni->mark && !eni->link->up)
                        change_link(sync, eni->link, &(struct link_change){.admin = LINK_ADMIN_UP});
        }
}

static int compare(const void *a, const void *b)
{
        return ifaddr_compare(a, b);
}

static struct node_difference of_address(const struct ifaddr *ifaddr, enum node_difference_kind kind,
                                         const char *text)
{
        return (struct node_difference){
                .object = NODE_ADDRESS, .kind = kind, .text = text, .ifindex = ifaddr->ifindex};
}

static void add(const void *wanted, void *arg)
{
        const struct ifaddr *ifaddr = wanted;
        struct sync *sync = arg;
        struct err failure;

        if (sync_only_notes(sync, of_address(ifaddr, NODE_MISSING, PREFIX_TEXT(ifaddr->prefix))))
                return;
        if (ifaddr_replace(sync->node->nl, ifaddr, &failure) < 0)
                sync_fail_link(sync, ifaddr->ifindex, &failure);
        else
                sync->report.repaired.addresses++;
}

/*
 * Somebody (a DHCP client) put another address on the ENI's link: it brings a second route to the subnet into main, and
 * if it is a pod's address the packets for that pod end here.
 */
static void remove_alien(const void *seen, void *arg)
{
        const struct ifaddr *ifaddr = seen;
        struct sync *sync = arg;
        struct err failure;
        int r;

        if (sync_only_notes(sync, of_address(ifaddr, NODE_EXTRA, PREFIX_TEXT(ifaddr->prefix))))
                return;
        r = ifaddr_delete(sync->node->nl, ifaddr, &failure);
        if (r == 0)
                sync->report.repaired.addresses++;
        else if (r != -ERR_NOT_FOUND) /* gone by itself, with the first of its subnet */
                sync_fail_link(sync, ifaddr->ifindex, &failure);
}

/* Whether the link is a secondary ENI's that is being configured: it has a wanted address. */
static bool is_ours(const struct sync *sync, unsigned ifindex)
{
        for (size_t i = 0; i < sync->want.n_addresses; i++) {
                if (sync->want.addresses[i].ifindex == ifindex)
                        return true;
        }
        return false;
}

void sync_addresses(struct sync *sync)
{
        static const struct diff_calls calls = {.compare = compare, .add = add, .remove = remove_alien};
        struct diff_input input = {.wanted = sync->want.addresses,
                                   .n_wanted = sync->want.n_addresses,
                                   .size = sizeof(struct ifaddr)};
        struct ifaddr *seen;
        struct err failure;
        size_t n, kept = 0;

        if (ifaddr_dump(sync->node->nl, sync->arena, AF_INET, 0, &seen, &n, &failure) < 0) {
                sync_fail_node(sync, &failure);
                return;
        }
        sync_take_off(sync, seen, n);
        for (size_t i = 0; i < n; i++) {
                if (is_ours(sync, seen[i].ifindex) && seen[i].scope == RT_SCOPE_UNIVERSE)
                        seen[kept++] = seen[i];
        }
        input.seen = seen;
        input.n_seen = kept;
        diff_sorted(&input, &calls, sync);
}
