// SPDX-License-Identifier: Apache-2.0
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/ifaddr.h>
#include <vpcwire/link.h>
#include <vpcwire/mem.h>
#include <vpcwire/neigh.h>
#include <vpcwire/netns.h>
#include <vpcwire/pod_link.h>
#include <vpcwire/pod_sysctl.h>
#include <vpcwire/route.h>

#include "host_route.h"
#include "wire.h"
#include "wire_objects.h"

int wire_open(int pod_netns_fd, struct wire **ret, struct err *err)
{
        _cleanup_(wire_freep) struct wire *wire = XNEW(struct wire);

        wire->host_netns_fd = -1;
        if (netns_open_current(&wire->host_netns_fd, err) < 0 || netlink_open(-1, &wire->host, err) < 0 ||
            netlink_open(pod_netns_fd, &wire->pod, err) < 0)
                return err_wrap(err, "open the pod's and the host's network namespaces");
        *ret = TAKE_PTR(wire);
        return 0;
}

struct wire *wire_free(struct wire *wire)
{
        if (!wire)
                return NULL;
        netlink_freep(&wire->pod);
        netlink_freep(&wire->host);
        cleanup_closep(&wire->host_netns_fd);
        free(wire);
        return NULL;
}

/* Set explicitly, or udev's MACAddressPolicy=persistent gives the host's end another one after the pod has learnt it. */
static struct mac random_mac(void)
{
        struct mac mac;

        if (getrandom(mac.bytes, sizeof(mac.bytes), 0) != sizeof(mac.bytes))
                abort(); /* cannot happen for so few bytes: getrandom(2) */
        mac.bytes[0] = (uint8_t)((mac.bytes[0] | MAC_LOCAL) & ~MAC_GROUP);
        return mac;
}

int wire_get_host_link(struct wire *wire, const char *name, struct link_info *ret, struct err *err)
{
        return link_get_by_name(wire->host, name, ret, err);
}

int wire_delete_host_link(struct wire *wire, unsigned ifindex, struct err *err)
{
        int r = link_delete(wire->host, ifindex, err);

        return r == -ERR_NOT_FOUND ? 0 : r;
}

static int create_pair(struct wire *wire, struct wiring *wiring, struct err *err)
{
        struct link_veth veth = {
                .name = wiring->ifname,
                .mac = wiring->mac,
                .peer_name = wiring->host_ifname,
                .peer_mac = wiring->host_mac,
                .peer_netns_fd = wire->host_netns_fd,
                .peer_group = DATAPLANE_LINK_GROUP,
                .mtu = wiring->mtu,
        };

        return link_create_veth(wire->pod, &veth, err);
}

static int add_to_pod_batch(struct wire *wire, const struct wire_objects *objects, struct err *err)
{
        const struct link_change up = {.admin = LINK_ADMIN_UP};
        int r;

        r = link_change_by_name(wire->pod, "lo", &up, err);
        if (r == 0)
                r = link_change(wire->pod, objects->pod_ifindex, &up, err);
        if (r == 0)
                r = ifaddr_add(wire->pod, &objects->address, err);
        if (r == 0)
                r = route_add(wire->pod, &objects->gateway_route, err);
        if (r == 0)
                r = route_add(wire->pod, &objects->default_route, err);
        if (r == 0)
                r = neigh_replace_permanent(wire->pod, &objects->neighbour, err);
        return r;
}

static int add_to_host_batch(struct wire *wire, const struct wiring *wiring,
                             const struct wire_objects *objects, struct err *err)
{
        const struct link_change change = {.alias = wiring->container_id, .admin = LINK_ADMIN_UP};
        int r;

        r = link_change(wire->host, objects->host_ifindex, &change, err);
        if (r == 0)
                r = route_add(wire->host, &objects->host_route, err);
        if (r == 0)
                r = neigh_proxy_add(wire->host, objects->host_ifindex, wiring->gateway, err);
        return r;
}

static int batch_end(struct netlink *nl, int r, struct err *err)
{
        if (r == 0)
                return netlink_batch_commit(nl, err);
        netlink_batch_cancel(nl);
        return r;
}

/* Somebody's route stands where ours must: an earlier interface's, by which the pod leaves already. */
static int explain_taken_route(struct wire *wire, const struct wire_objects *objects, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const struct route_info *wanted[] = {&objects->gateway_route, &objects->default_route};
        const struct route_filter filter = {.family = AF_INET, .table = RT_TABLE_MAIN};
        struct route_info *routes;
        struct link_info link;
        size_t n;

        if (route_dump(wire->pod, arena, &filter, &routes, &n, NULL) < 0)
                return -(int)err->code;
        for (size_t i = 0; i < 2 * n; i++) {
                const struct route_info *route = &routes[i / 2], *ours = wanted[i % 2];

                if (prefix_equal(route->dst, ours->dst) && route->priority == ours->priority &&
                    route->oif != ours->oif && link_get(wire->pod, route->oif, &link, NULL) == 0)
                        return err_set(err, ERR_EXISTS,
                                       "the pod has the route %s via %s already: vpcwire sets the pod's "
                                       "default route, so it must be called once per pod, and before any "
                                       "other plugin that sets one",
                                       PREFIX_TEXT(route->dst), link.name);
        }
        return -(int)err->code;
}

static int set_up_pod_end(struct wire *wire, const struct wire_objects *objects, struct err *err)
{
        int r;

        netlink_batch_begin(wire->pod);
        r = batch_end(wire->pod, add_to_pod_batch(wire, objects, err), err);
        return r == -ERR_EXISTS ? explain_taken_route(wire, objects, err) : r;
}

static int set_up_host_end(struct wire *wire, const struct wiring *wiring, const struct wire_objects *objects,
                           struct err *err)
{
        unsigned changed;
        int r;

        /* Before the link is up: no packet with a false source is let through in between. */
        r = pod_sysctl_apply(wiring->host_ifname, &changed, err);
        if (r < 0)
                return r;
        netlink_batch_begin(wire->host);
        r = batch_end(wire->host, add_to_host_batch(wire, wiring, objects, err), err);
        return r == -ERR_EXISTS ? host_route_settle(wire->host, &objects->host_route, err) : r;
}

static int set_up(struct wire *wire, struct wiring *wiring, struct err *err)
{
        struct wire_objects objects;
        struct link_info link;
        int r;

        r = link_get_by_name(wire->pod, wiring->ifname, &link, err);
        if (r < 0)
                return r;
        wiring->mtu = link.mtu;
        objects = wire_objects(wiring, link.ifindex, link.peer_ifindex);
        r = set_up_host_end(wire, wiring, &objects, err);
        return r < 0 ? r : set_up_pod_end(wire, &objects, err);
}

int wire_make(struct wire *wire, struct wiring *wiring, struct err *err)
{
        struct err undo;

        if (mac_equal(wiring->mac, (struct mac){0}))
                wiring->mac = random_mac();
        wiring->host_mac = host_link_mac(wiring->container_id, wiring->ifname);
        if (create_pair(wire, wiring, err) < 0)
                return err_wrap(err, "create link %s", wiring->host_ifname);
        if (set_up(wire, wiring, err) == 0)
                return 0;
        if (wire_unmake(wire, wiring, &undo) < 0)
                err_wrap(err, "undo failed (%s) after", undo.msg);
        return err_wrap(err, "wire %s to %s", wiring->ifname, wiring->host_ifname);
}

int wire_unmake(struct wire *wire, const struct wiring *wiring, struct err *err)
{
        int r;

        r = link_delete_by_name(wire->pod, wiring->ifname, err);
        return r == -ERR_NOT_FOUND ? 0 : r;
}
