// SPDX-License-Identifier: Apache-2.0
/*
 * Routes of the pods' table that lead a pod's packets elsewhere than to its own link, whoever made them: a plugin that came
 * late with an address that has a new owner, or somebody by hand. Whose the address is the lease says, so where the pod's own
 * link is here the route is taken back. Where it is not, the one who has the packets keeps them, and it is reported.
 */
#include <stdlib.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/mem.h>

#include "node/sync_parts.h"

static int by_key(const void *a, const void *b)
{
        return route_compare_key(a, b);
}

static const struct route_info *find_wanted(const struct sync *sync, const struct route_info *route)
{
        return sync->want.n_routes
                       ? bsearch(route, sync->want.routes, sync->want.n_routes, sizeof(*route), by_key)
                       : NULL;
}

static const struct link_info *find_link(const struct sync *sync, unsigned ifindex)
{
        for (size_t i = 0; i < sync->kernel.n_links; i++) {
                if (sync->kernel.links[i].ifindex == ifindex)
                        return &sync->kernel.links[i];
        }
        return NULL;
}

static void note(struct sync *sync, const struct route_info *route, bool repaired)
{
        const struct link_info *link = find_link(sync, route->oif);

        sync->report.misled[sync->report.n_misled++] = (struct node_misled){
                .ip = route->dst.ip,
                .route = arena_strdup(sync->arena, ROUTE_TEXT(route)),
                .ifname = link ? link->name : "",
                .container_id = link ? link->alias : "",
                .repaired = repaired,
        };
}

static void take_back(struct sync *sync, const struct route_info *wanted, const struct route_info *seen)
{
        struct err failure;
        int r;

        if (sync->check) { /* the difference is reported with the routes' */
                note(sync, seen, false);
                return;
        }
        r = route_replace(sync->node->nl, wanted, &failure);
        /* Ours is there, too, and stands behind: the kernel asks the one before it. */
        if (r == -ERR_EXISTS)
                r = route_delete(sync->node->nl, seen, &failure);
        if (r == 0) {
                sync->report.repaired.routes++;
                note(sync, seen, true);
        } else if (r != -ERR_NOT_FOUND) { /* the pod's link, or the route, has just gone */
                sync_fail_table(sync, DATAPLANE_TABLE_PODS, &failure);
        }
}

static void note_rivals(struct sync *sync)
{
        for (size_t i = 0; i < sync->view->n_pods; i++) {
                const struct pod_found *found = &sync->want.pods[i];

                for (size_t j = 0; !found->link && found->rival && j < sync->kernel.n_routes; j++) {
                        if (sync->kernel.routes[j].oif == found->rival->ifindex &&
                            prefix_equal(sync->kernel.routes[j].dst, prefix_host(sync->view->pods[i].ip)))
                                note(sync, &sync->kernel.routes[j], false);
                }
        }
}

void sync_misled_routes(struct sync *sync)
{
        sync->report.misled = ARENA_ARRAY(sync->arena, struct node_misled, sync->kernel.n_routes);
        for (size_t i = 0; i < sync->kernel.n_routes; i++) {
                const struct route_info *seen = &sync->kernel.routes[i], *wanted = find_wanted(sync, seen);

                if (wanted && !sync_leads_the_same_way(wanted, seen))
                        take_back(sync, wanted, seen);
        }
        note_rivals(sync);
}
