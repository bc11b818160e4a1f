// SPDX-License-Identifier: Apache-2.0
#include "migrate/recovered.h"

#include <string.h>
#include <sys/socket.h>

#include <vpcwire/clock.h>
#include <vpcwire/dataplane.h>
#include <vpcwire/mem.h>

#include "node/want.h"

static const struct link_info *find_link(const struct link_info *links, size_t n, unsigned ifindex)
{
        for (size_t i = 0; i < n; i++) {
                if (links[i].ifindex == ifindex)
                        return &links[i];
        }
        return NULL;
}

static bool is_host(struct prefix prefix)
{
        return prefix_equal(prefix, prefix_host(prefix.ip));
}

void recovered_of(struct arena *arena, const struct link_info *links, size_t n_links,
                  const struct route_info *routes, size_t n_routes, struct import **ret, size_t *ret_n)
{
        struct import *found = ARENA_ARRAY(arena, struct import, n_routes);
        int64_t now_wall_ms = clock_wall_ms();
        size_t n = 0;

        for (size_t i = 0; i < n_routes; i++) {
                const struct link_info *link = find_link(links, n_links, routes[i].oif);

                if (routes[i].table != DATAPLANE_TABLE_PODS || !is_host(routes[i].dst) || !link ||
                    strcmp(link->kind, "veth") != 0 || !link->alias[0])
                        continue;
                found[n++] = (struct import){
                        .key = {IMPORT_NETWORK_UNKNOWN, arena_strdup(arena, link->alias),
                                arena_strdup(arena, link->name)},
                        .address = routes[i].dst.ip,
                        .pod_namespace = "",
                        .pod_name = "",
                        .since_wall_ms = now_wall_ms,
                };
        }
        *ret = found;
        *ret_n = n;
}

int recovered_find(struct arena *arena, struct import **ret, size_t *ret_n, struct err *err)
{
        const struct route_filter filter = {.family = AF_INET, .table = DATAPLANE_TABLE_PODS};
        _cleanup_(netlink_freep) struct netlink *netlink = NULL;
        struct route_info *routes;
        struct link_info *links;
        size_t n_links, n_routes;

        if (netlink_open(-1, &netlink, err) < 0 || link_dump(netlink, arena, &links, &n_links, err) < 0 ||
            route_dump(netlink, arena, &filter, &routes, &n_routes, err) < 0)
                return err_wrap(err, "look for pods that run already");
        recovered_of(arena, links, n_links, routes, n_routes, ret, ret_n);
        return 0;
}

static const struct import *find_address(const struct import *imports, size_t n, struct ip address)
{
        for (size_t i = 0; i < n; i++) {
                if (ip_equal(imports[i].address, address))
                        return &imports[i];
        }
        return NULL;
}

static bool is_leased(const struct import *row, const struct lease *leases, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (ip_equal(leases[i].address, row->address) &&
                    strcmp(leases[i].key.container_id, row->key.container_id) == 0)
                        return true;
        }
        return false;
}

bool recovered_has_foreign(const struct import *rows, size_t n_rows, const struct lease *leases,
                           size_t n_leases, const struct route_info *main, size_t n_main)
{
        for (size_t i = 0; i < n_rows; i++) {
                const struct prefix pod = prefix_host(rows[i].address);

                if (is_leased(&rows[i], leases, n_leases))
                        continue;
                for (size_t j = 0; j < n_main; j++) {
                        if (prefix_equal(main[j].dst, pod))
                                return true;
                }
        }
        return false;
}

static bool same_container(const struct import *a, const struct import *b)
{
        return strcmp(a->key.container_id, b->key.container_id) == 0;
}

void recovered_join(struct arena *arena, const struct import *rows, size_t n_rows,
                    const struct import *recovered, size_t n_recovered, struct import **ret, size_t *ret_n,
                    size_t *ret_n_recovered)
{
        struct import *joined = ARENA_ARRAY(arena, struct import, n_rows + n_recovered);
        size_t n = 0;

        for (size_t i = 0; i < n_recovered; i++) {
                const struct import *row = find_address(rows, n_rows, recovered[i].address);

                joined[n] = recovered[i];
                if (row && same_container(row, &recovered[i])) {
                        joined[n].pod_namespace = row->pod_namespace;
                        joined[n].pod_name = row->pod_name;
                        joined[n].since_wall_ms = row->since_wall_ms;
                }
                n++;
        }
        *ret_n_recovered = n;
        for (size_t i = 0; i < n_rows; i++) {
                if (!find_address(recovered, n_recovered, rows[i].address))
                        joined[n++] = rows[i];
        }
        *ret = joined;
        *ret_n = n;
}
