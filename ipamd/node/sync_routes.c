// SPDX-License-Identifier: Apache-2.0
/* The routes: the ENIs' tables, and the pods' host routes where the plugin's are missing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/diff.h>
#include <vpcwire/mem.h>

#include "node/sync_parts.h"

struct walk {
        struct sync *sync;
        struct node_suspect *suspects; /* of this sync */
        size_t n_suspects, capacity;
};

static int compare(const void *a, const void *b)
{
        return route_compare_key(a, b);
}

bool sync_leads_the_same_way(const struct route_info *a, const struct route_info *b)
{
        return a->type == b->type && a->oif == b->oif && ip_equal(a->gateway, b->gateway) && !b->multipath;
}

/*
 * Somebody else's route has the table, destination and priority that we want. It is left alone: where it leads the same
 * way it does our work, where it does not, that is an error for people to solve.
 */
static int check_obstacle(struct sync *sync, const struct route_info *wanted, struct err *err)
{
        const struct route_filter filter = {.family = wanted->dst.ip.family, .table = wanted->table};
        struct route_info *seen;
        size_t n;
        int r = route_dump(sync->node->nl, sync->arena, &filter, &seen, &n, err);

        for (size_t i = 0; r == 0 && i < n; i++) {
                if (route_compare_key(&seen[i], wanted) == 0 && !sync_leads_the_same_way(wanted, &seen[i]))
                        r = err_set(err, ERR_EXISTS,
                                    "add route %s: another program's route is in its place: %s",
                                    ROUTE_TEXT(wanted), ROUTE_TEXT(&seen[i]));
        }
        return r;
}

/*
 * A pod whose link went away since the links were read needs no route; one whose link is down gets it with the link, whose
 * coming up begins another sync: the plugin makes it so, and a moment later brings it up.
 */
static bool is_of_a_pod_on_its_way(const struct route_info *route, const struct err *failure)
{
        return route->table == DATAPLANE_TABLE_PODS &&
               (failure->code == ERR_NOT_FOUND || failure->sys_errno == ENETDOWN);
}

static struct node_difference of_route(const struct route_info *route, enum node_difference_kind kind,
                                       const char *text)
{
        return (struct node_difference){.object = NODE_ROUTE,
                                        .kind = kind,
                                        .text = text,
                                        .ifindex = route->oif,
                                        .table = route->table};
}

static void add(const void *wanted, void *arg)
{
        const struct route_info *route = wanted;
        struct sync *sync = ((struct walk *)arg)->sync;
        struct err failure;
        int r;

        if (sync_only_notes(sync, of_route(route, NODE_MISSING, ROUTE_TEXT(route))))
                return;
        r = route_add(sync->node->nl, route, &failure);
        if (r == 0)
                sync->report.repaired.routes++;
        else if (r == -ERR_EXISTS)
                r = check_obstacle(sync, route, &failure);
        if (r < 0 && !is_of_a_pod_on_its_way(route, &failure))
                sync_fail_table(sync, route->table, &failure);
}

static void keep(const void *wanted, const void *seen, void *arg)
{
        const struct route_info *route = wanted;
        struct sync *sync = ((struct walk *)arg)->sync;
        struct err failure;
        int r;

        if (route_compare(wanted, seen) == 0 ||
            sync_only_notes(sync, of_route(route, NODE_CHANGED, ROUTE_TEXT(route))))
                return;
        r = route_replace(sync->node->nl, route, &failure);
        if (r == 0)
                sync->report.repaired.routes++;
        else if (!is_of_a_pod_on_its_way(route, &failure))
                sync_fail_table(sync, route->table, &failure);
}

static void delete_route(struct sync *sync, const struct route_info *route)
{
        struct err failure;
        int r;

        if (sync_only_notes(sync, of_route(route, NODE_EXTRA, ROUTE_TEXT(route))))
                return;
        r = route_delete(sync->node->nl, route, &failure);
        if (r == 0)
                sync->report.repaired.routes++;
        else if (r != -ERR_NOT_FOUND)
                sync_fail_table(sync, route->table, &failure);
}

static const struct link_info *find_oif(const struct sync *sync, const struct route_info *route)
{
        for (size_t i = 0; i < sync->kernel.n_links; i++) {
                if (sync->kernel.links[i].ifindex == route->oif)
                        return &sync->kernel.links[i];
        }
        return NULL;
}

bool sync_leads_to_live_veth(const struct sync *sync, const struct route_info *route)
{
        const struct link_info *link = find_oif(sync, route);
        bool live = link && link->up && strcmp(link->kind, "veth") == 0;

        for (size_t i = 0; i < sync->want.n_enis; i++)
                live &= sync->want.enis[i].link != link;
        return live;
}

/*
 * Whether a pod route that no lease wants may still be right: it leads to a pod's link, by its name and alias or because it can
 * be nothing else, and that is not the link of a pod that the view gives another address. The reconciler decides about such
 * pods, not we. An address that somebody else wired has no pod's link; by another (a bridge) the plugin leads to it.
 */
static bool leads_to_unknown_pod(const struct sync *sync, const struct route_info *route)
{
        const struct link_info *link = find_oif(sync, route);
        bool is_pod = link && (node_want_link_is_pod(&sync->want, sync->view, link) ||
                               sync_leads_to_live_veth(sync, route));

        for (size_t i = 0; i < sync->view->n_unwired; i++) {
                if (ip_equal(sync->view->unwired[i], route->dst.ip))
                        return !is_pod;
        }
        for (size_t i = 0; i < sync->want.n_routes; i++) {
                const struct route_info *wanted = &sync->want.routes[i];

                if (wanted->table == DATAPLANE_TABLE_PODS && wanted->oif == route->oif)
                        return false;
        }
        return is_pod;
}

static bool was_suspect(const struct node *node, const struct route_info *route)
{
        for (size_t i = 0; i < node->n_suspects; i++) {
                if (node->suspects[i].oif == route->oif && ip_equal(node->suspects[i].dst, route->dst.ip))
                        return true;
        }
        return false;
}

static void remove_stale(const void *seen, void *arg)
{
        const struct route_info *route = seen;
        struct walk *walk = arg;

        if (route->table != DATAPLANE_TABLE_PODS) {
                delete_route(walk->sync, route);
                return;
        }
        if (leads_to_unknown_pod(walk->sync, route))
                return;
        if (was_suspect(walk->sync->node, route)) {
                delete_route(walk->sync, route);
                return;
        }
        GROW(walk->suspects, walk->n_suspects, walk->capacity);
        walk->suspects[walk->n_suspects++] = (struct node_suspect){route->dst.ip, route->oif};
}

void sync_routes(struct sync *sync)
{
        static const struct diff_calls calls = {
                .compare = compare, .add = add, .remove = remove_stale, .keep = keep};
        const struct route_filter filter = {.family = AF_INET, .protocol = DATAPLANE_PROTOCOL};
        struct diff_input input = {.wanted = sync->want.routes,
                                   .n_wanted = sync->want.n_routes,
                                   .size = sizeof(struct route_info)};
        struct walk walk = {.sync = sync};
        struct route_info *seen;
        struct err failure;
        size_t n, kept = 0;

        if (route_dump(sync->node->nl, sync->arena, &filter, &seen, &n, &failure) < 0) {
                sync_fail_node(sync, &failure);
                return;
        }
        for (size_t i = 0; i < n; i++) {
                if (dataplane_table_is_ours(seen[i].table))
                        seen[kept++] = seen[i];
        }
        input.seen = seen;
        input.n_seen = kept;
        diff_sorted(&input, &calls, &walk);
        free(sync->node->suspects);
        sync->node->suspects = walk.suspects;
        sync->node->n_suspects = walk.n_suspects;
        sync->report.n_suspects = (unsigned)walk.n_suspects;
}
