// SPDX-License-Identifier: Apache-2.0
/* The routes: of each secondary ENI's table, and to the pods whose links are here. */
#include <stdlib.h>

#include <linux/rtnetlink.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/mem.h>

#include "node/want.h"

static int by_route_key(const void *a, const void *b)
{
        return route_compare_key(a, b);
}

static void add_route(struct node_want *want, struct route_info route)
{
        route.protocol = DATAPLANE_PROTOCOL;
        want->routes[want->n_routes++] = route_normal(&route);
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

void node_want_make_routes(struct arena *arena, const struct node_view *view, struct node_want *want)
{
        want->routes = ARENA_ARRAY(arena, struct route_info, 2 * want->n_enis + view->n_pods);
        for (size_t i = 0; i < want->n_enis; i++) {
                const struct node_want_eni *one = &want->enis[i];
                struct ip gateway = prefix_nth(one->eni->subnet, 1);

                if (!node_want_eni_is_configured(one))
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
                const struct link_info *link = want->pods[i].link;

                if (!link || view->pods[i].ip.family != AF_INET)
                        want->n_pods_unlinked++;
                else
                        add_route(want, (struct route_info){.table = DATAPLANE_TABLE_PODS,
                                                            .dst = prefix_host(view->pods[i].ip),
                                                            .oif = link->ifindex,
                                                            .scope = RT_SCOPE_LINK});
        }
        qsort(want->routes, want->n_routes, sizeof(*want->routes), by_route_key);
        drop_doubles(want);
}
