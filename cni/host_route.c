// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/link.h>
#include <vpcwire/mem.h>

#include "host_route.h"

/* The route of the same key. *ret_found is false when there is none. */
static int find(struct netlink *host, const struct route_info *route, struct route_info *ret, bool *ret_found,
                struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const struct route_filter filter = {.family = route->dst.ip.family, .table = route->table};
        struct route_info *list;
        size_t n;

        *ret_found = false;
        if (route_dump(host, arena, &filter, &list, &n, err) < 0)
                return -(int)err->code;
        for (size_t i = 0; i < n && !*ret_found; i++) {
                *ret_found = prefix_equal(list[i].dst, route->dst) && list[i].priority == route->priority;
                *ret = list[i];
        }
        return 0;
}

static int refuse(const struct route_info *there, const struct link_info *link, struct err *err)
{
        return err_set(err, ERR_EXISTS, "the host route to %s now leads to link %s of container '%.64s'",
                       IP_TEXT(there->dst.ip), link->name, link->alias);
}

int host_route_settle(struct netlink *host, const struct route_info *route, struct err *err)
{
        struct route_info there;
        struct link_info link;
        bool found;
        int r;

        if (find(host, route, &there, &found, err) < 0)
                return -(int)err->code;
        if (!found) /* it went with its link just now */
                return route_add(host, route, err);
        if (there.oif == route->oif)
                return 0;
        if (there.protocol != DATAPLANE_PROTOCOL)
                return route_replace(host, route, err);
        r = link_get(host, there.oif, &link, err);
        if (r == -ERR_NOT_FOUND)
                return route_add(host, route, err);
        return r < 0 ? r : refuse(&there, &link, err);
}

int host_route_add(struct netlink *host, const struct route_info *route, struct err *err)
{
        int r = route_add(host, route, err);

        return r == -ERR_EXISTS ? host_route_settle(host, route, err) : r;
}

int host_route_clear(struct netlink *host, const struct route_info *route, const char *container_id,
                     struct err *err)
{
        struct route_info there;
        struct link_info link;
        bool found;
        int r;

        if (find(host, route, &there, &found, err) < 0)
                return -(int)err->code;
        if (!found || there.protocol != DATAPLANE_PROTOCOL)
                return 0;
        r = link_get(host, there.oif, &link, err);
        if (r < 0 && r != -ERR_NOT_FOUND)
                return r;
        if (r == 0 && *link.alias && strcmp(link.alias, container_id) != 0)
                return refuse(&there, &link, err);
        r = route_delete(host, &there, err);
        return r == -ERR_NOT_FOUND ? 0 : r;
}
