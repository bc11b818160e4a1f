// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/mem.h>
#include <vpcwire/netlink.h>

#include "firewall/nft.h"
#include "node/changed.h"
#include "node/check.h"
#include "node/sync.h"
#include "node/sync_parts.h"

int node_open(struct node **ret, struct err *err)
{
        _cleanup_(node_freep) struct node *node = XNEW(struct node);
        int r = netlink_open(-1, &node->nl, err);

        if (r == 0)
                r = nft_open_socket(&node->nft, &node->nft_socket, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(node);
        return 0;
}

struct node *node_free(struct node *node)
{
        if (node) {
                netlink_free(node->nl);
                nft_close(node->nft);
                for (size_t i = 0; i < NODE_NFT_TABLES; i++)
                        sync_nft_forget(&node->nft_tables[i]);
                arena_free(node->enis.arena);
                free(node->suspects);
                free(node);
        }
        return NULL;
}

struct node_ports node_ports(const struct node *node)
{
        return (struct node_ports){.route = netlink_port(node->nl), .nft = node->nft_socket.port};
}

unsigned node_repairs_total(const struct node_repairs *r)
{
        return r->links + r->addresses + r->routes + r->rules + r->neighbours + r->nft + r->sysctls;
}

void sync_fail_node(struct sync *sync, const struct err *failure)
{
        if (!sync->first.code)
                sync->first = *failure;
}

static void fail_eni(struct node_eni_report *eni, const struct err *failure)
{
        if (eni->state != NODE_ENI_FAILED) {
                eni->state = NODE_ENI_FAILED;
                eni->err = *failure;
        }
}

void sync_fail_table(struct sync *sync, uint32_t table, const struct err *failure)
{
        if (table == DATAPLANE_TABLE_PODS) {
                if (sync->report.n_pods_failed++ == 0)
                        sync->report.pod_err = *failure;
                return;
        }
        for (size_t i = 0; i < sync->want.n_enis; i++) {
                if (sync->want.enis[i].mark && sync->want.enis[i].table == table) {
                        fail_eni(&sync->report.enis[i], failure);
                        return;
                }
        }
        sync_fail_node(sync, failure);
}

void sync_fail_link(struct sync *sync, unsigned ifindex, const struct err *failure)
{
        for (size_t i = 0; i < sync->want.n_enis; i++) {
                if (sync->want.enis[i].link && sync->want.enis[i].link->ifindex == ifindex) {
                        fail_eni(&sync->report.enis[i], failure);
                        return;
                }
        }
        sync_fail_node(sync, failure);
}

const char *node_object_to_string(enum node_object object)
{
        static const char *const names[] = {
                [NODE_LINK] = "link",     [NODE_ADDRESS] = "address",     [NODE_ROUTE] = "route",
                [NODE_RULE] = "rule",     [NODE_NEIGHBOUR] = "neighbour", [NODE_NFT_OBJECT] = "nftables",
                [NODE_SYSCTL] = "sysctl",
        };

        assert((size_t)object < ARRAY_SIZE(names));
        return names[object];
}

bool sync_only_notes(struct sync *sync, struct node_difference difference)
{
        struct node_check *check = sync->check;

        if (!check)
                return false;
        difference.text = arena_strdup(sync->arena, difference.text);
        difference.link = "";
        for (size_t i = 0; i < sync->kernel.n_links; i++) {
                if (difference.ifindex && sync->kernel.links[i].ifindex == difference.ifindex)
                        difference.link = sync->kernel.links[i].name;
        }
        for (size_t i = 0; i < check->n_differences;
             i++) { /* a pod's address on an ENI's link is two things at once */
                const struct node_difference *other = &check->differences[i];

                if (other->object == difference.object && other->ifindex == difference.ifindex &&
                    strcmp(other->text, difference.text) == 0)
                        return true;
        }
        GROW(check->differences, check->n_differences, sync->differences_capacity);
        check->differences[check->n_differences++] = difference;
        return true;
}

void sync_begin_report(struct sync *sync)
{
        struct node_report *report = &sync->report;

        report->enis = ARENA_ARRAY(sync->arena, struct node_eni_report, sync->want.n_enis);
        report->n_enis = sync->want.n_enis;
        report->n_pods_unlinked = (unsigned)sync->want.n_pods_unlinked;
        for (size_t i = 0; i < sync->want.n_enis; i++) {
                const struct node_want_eni *want = &sync->want.enis[i];
                struct node_eni_report *eni = &report->enis[i];

                eni->key = want->eni->key;
                eni->state = want->link ? NODE_ENI_ROUTED : NODE_ENI_NO_LINK; /* until a step fails */
                if (want->link)
                        memcpy(eni->ifname, want->link->name, sizeof(eni->ifname));
                if (want->err.code)
                        fail_eni(eni, &want->err);
        }
}

/* All links and their addresses, and whatever is in the pods' table: others' routes in it say something, too. */
static int look_at_kernel(struct node *node, struct arena *arena, struct pod_evidence *ret, struct err *err)
{
        const struct route_filter filter = {.family = AF_INET, .table = DATAPLANE_TABLE_PODS};
        struct link_info *links;
        struct route_info *routes;
        struct ifaddr *addresses;

        /* The routes first: one that is here leads to a link that the later list has, unless that has gone since. */
        if (route_dump(node->nl, arena, &filter, &routes, &ret->n_routes, err) < 0 ||
            link_dump(node->nl, arena, &links, &ret->n_links, err) < 0 ||
            ifaddr_dump(node->nl, arena, AF_INET, 0, &addresses, &ret->n_addresses, err) < 0)
                return -(int)err->code;
        ret->addresses = addresses;
        ret->links = links;
        ret->routes = routes;
        ret->table = DATAPLANE_TABLE_PODS;
        return 0;
}

static int begin(struct sync *sync, struct err *err)
{
        int r = look_at_kernel(sync->node, sync->arena, &sync->kernel, err);

        if (r == 0)
                r = node_want_make(sync->arena, sync->view, &sync->kernel, &sync->want, err);
        if (r < 0)
                return r;
        if (!sync->want.primary)
                return err_set(err, ERR_NOT_FOUND, "the primary ENI's link is missing");
        sync_begin_report(sync);
        return 0;
}

/*
 * Routes before the rules that lead to them, and nftables, which marks packets for the rules and knows pods' links by
 * their group, after those. Stale rules go when nothing marks packets for them any more. The ENIs' sysctls last: they
 * leave to nftables what the kernel checked before.
 */
static int compare_all(struct sync *sync, struct err *err)
{
        int r = begin(sync, err);

        if (r < 0)
                return r;
        sync_pod_aliases(sync);
        sync_pod_sysctls(sync);
        sync_pod_groups(sync);
        sync_links(sync);
        sync_addresses(sync);
        sync_misled_routes(sync);
        sync_routes(sync);
        sync_rules(sync);
        sync_gateway(sync);
        if (sync->check)
                sync_check_nft(sync);
        else
                sync_nft(sync);
        sync_stale_rules(sync);
        sync_sysctls(sync);
        sync_find_occupied(sync);
        sync_look_at_main(sync);
        free(sync->occupied);
        if (sync->first.code && err)
                *err = sync->first;
        return -(int)sync->first.code;
}

int node_sync(struct node *node, struct arena *arena, const struct node_view *view, struct node_report *ret,
              struct err *err)
{
        struct sync sync = {.node = node, .arena = arena, .view = view};
        int r = compare_all(&sync, err);

        sync_remember_enis(&sync, r == 0);
        if (r == 0)
                *ret = sync.report;
        return r;
}

int node_check(struct node *node, struct arena *arena, const struct node_view *view, struct node_check *ret,
               struct err *err)
{
        struct node_check check = {0};
        struct sync sync = {.node = node, .arena = arena, .view = view, .check = &check};
        int r = compare_all(&sync, err);
        struct node_difference *list = ARENA_ARRAY(arena, struct node_difference, check.n_differences);

        if (check.n_differences)
                memcpy(list, check.differences, check.n_differences * sizeof(*list));
        free(check.differences);
        check.differences = list;
        check.report = sync.report;
        if (r == 0)
                *ret = check;
        return r;
}

int node_find_pods(struct node *node, struct arena *arena, const struct pod_sought *pods, size_t n,
                   struct pod_found **ret, struct err *err)
{
        struct pod_evidence *kernel = ARENA_ARRAY(arena, struct pod_evidence, 1);

        if (look_at_kernel(node, arena, kernel, err) < 0)
                return -(int)err->code;
        *ret = pod_match(arena, pods, n, kernel);
        return 0;
}
