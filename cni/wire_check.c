// SPDX-License-Identifier: Apache-2.0
/* What a wire should look like, and whether it does. */
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/link.h>
#include <vpcwire/mem.h>
#include <vpcwire/pod_sysctl.h>
#include <vpcwire/sysctl.h>

#include "wire.h"
#include "wire_objects.h"

struct wire_objects wire_objects(const struct wiring *wiring, unsigned pod_ifindex, unsigned host_ifindex)
{
        struct route_info link_route = {.dst = prefix_host(wiring->gateway),
                                        .table = RT_TABLE_MAIN,
                                        .scope = RT_SCOPE_LINK,
                                        .oif = pod_ifindex};
        struct wire_objects objects = {
                .pod_ifindex = pod_ifindex,
                .host_ifindex = host_ifindex,
                .address = {.ifindex = pod_ifindex, .prefix = prefix_host(wiring->address)},
                .gateway_route = link_route,
                .default_route = {.dst = {.ip = {.family = wiring->address.family}},
                                  .table = RT_TABLE_MAIN,
                                  .oif = pod_ifindex,
                                  .gateway = wiring->gateway},
                .neighbour = {.ifindex = pod_ifindex,
                              .ip = wiring->gateway,
                              .has_mac = true,
                              .mac = wiring->host_mac},
                .host_route = {.dst = prefix_host(wiring->address),
                               .table = DATAPLANE_TABLE_PODS,
                               .scope = RT_SCOPE_LINK,
                               .oif = host_ifindex},
        };

        return objects;
}

/* The host's link whose other end is `pod`. Both must name one another: an index alone could belong to a third namespace. */
static int find_host_end(struct wire *wire, const struct link_info *pod, struct link_info *ret,
                         struct err *err)
{
        struct link_info host;
        int r;

        if (strcmp(pod->kind, "veth") != 0 || !pod->peer_ifindex)
                return err_set(err, ERR_NOT_FOUND,
                               "the pod's interface %s is not a veth with a peer on the host", pod->name);
        r = link_get(wire->host, pod->peer_ifindex, &host, err);
        if (r < 0)
                return err_wrap(err, "host end of %s", pod->name);
        if (host.peer_ifindex != pod->ifindex || strcmp(host.kind, "veth") != 0)
                return err_set(err, ERR_NOT_FOUND, "the pod's interface %s has no peer on the host",
                               pod->name);
        *ret = host;
        return 0;
}

static int check_alias(const struct link_info *host, const char *container_id, struct err *err)
{
        if (strcmp(host->alias, container_id) == 0)
                return 0;
        return err_set(err, ERR_NOT_FOUND, "host link %s has the alias '%.64s', not the container id",
                       host->name, host->alias);
}

int wire_find(struct wire *wire, struct wiring *wiring, enum wire_state *ret, struct err *err)
{
        struct link_info pod, host;
        int r;

        r = link_get_by_name(wire->pod, wiring->ifname, &pod, err);
        if (r < 0 && r != -ERR_NOT_FOUND)
                return err_wrap(err, "look for %s in the pod", wiring->ifname);
        if (r < 0) {
                *ret = WIRE_NONE;
                return 0;
        }
        *ret = WIRE_FOREIGN;
        if (find_host_end(wire, &pod, &host, NULL) < 0 ||
            !host_link_is_ours(&host, wiring->container_id, wiring->ifname))
                return 0;
        *ret = WIRE_OURS;
        snprintf(wiring->host_ifname, sizeof(wiring->host_ifname), "%s", host.name);
        return 0;
}

static int check_address(struct wire *wire, const struct wire_objects *want, struct arena *arena,
                         struct err *err)
{
        struct ifaddr *list;
        size_t n;
        int r;

        r = ifaddr_dump(wire->pod, arena, want->address.prefix.ip.family, want->pod_ifindex, &list, &n, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                if (prefix_equal(list[i].prefix, want->address.prefix))
                        return 0;
        }
        return err_set(err, ERR_NOT_FOUND, "address %s is not on the pod's interface",
                       PREFIX_TEXT(want->address.prefix));
}

/* By what we need of it; a later plugin may have added an MTU or a metric of its own. */
static int check_route(struct netlink *nl, const struct route_info *want, const char *where,
                       struct arena *arena, struct err *err)
{
        const struct route_filter filter = {.family = want->dst.ip.family, .table = want->table};
        struct route_info *list;
        size_t n;
        int r;

        r = route_dump(nl, arena, &filter, &list, &n, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                if (prefix_equal(list[i].dst, want->dst) && list[i].oif == want->oif &&
                    ip_equal(list[i].gateway, want->gateway))
                        return 0;
        }
        return err_set(err, ERR_NOT_FOUND, "route %s is missing %s", ROUTE_TEXT(want), where);
}

/* Linux drops permanent entries, too, when the MAC of their link changes. Then the host's answer to ARP is as good. */
static int check_host_answers(struct wire *wire, const struct wire_objects *want, struct arena *arena,
                              struct err *err)
{
        unsigned *links;
        size_t n;
        int r = neigh_proxy_links(wire->host, arena, want->neighbour.ip, &links, &n, err);

        if (r < 0 || neigh_proxy_has(links, n, want->host_ifindex))
                return r;
        return err_set(err, ERR_NOT_FOUND, "the pod has no permanent neighbour entry %s with MAC %s",
                       IP_TEXT(want->neighbour.ip), MAC_TEXT(want->neighbour.mac));
}

static int check_neighbour(struct wire *wire, const struct wire_objects *want, struct arena *arena,
                           struct err *err)
{
        struct neigh_info *list;
        size_t n;
        int r;

        r = neigh_dump(wire->pod, arena, want->neighbour.ip.family, want->pod_ifindex, &list, &n, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                if (!ip_equal(list[i].ip, want->neighbour.ip) || !(list[i].state & NUD_PERMANENT))
                        continue;
                if (list[i].has_mac && mac_equal(list[i].mac, want->neighbour.mac))
                        return 0;
                return err_set(err, ERR_INVALID, "the pod's neighbour entry %s has MAC %s, not %s",
                               IP_TEXT(want->neighbour.ip), MAC_TEXT(list[i].mac),
                               MAC_TEXT(want->neighbour.mac));
        }
        return check_host_answers(wire, want, arena, err);
}

/* What is not there cannot be wrong: a kernel without IPv6. What is not kept may be what a plugin after ours set. */
static int check_sysctls(const char *host_ifname, struct err *err)
{
        char key[POD_SYSCTL_KEY_BYTES], value[SYSCTL_VALUE_BYTES];

        for (size_t i = 0; i < n_pod_sysctls; i++) {
                int r;

                if (!pod_sysctls[i].kept)
                        continue;
                r = sysctl_read(pod_sysctl_key(&pod_sysctls[i], host_ifname, key), value, err);

                if (r < 0 && r != -ERR_NOT_FOUND)
                        return r;
                if (r == 0 && strcmp(value, pod_sysctls[i].value) != 0)
                        return err_set(err, ERR_INVALID, "%s is %s, not %s", key, value,
                                       pod_sysctls[i].value);
        }
        return 0;
}

static int check_up(const struct link_info *link, const char *where, struct err *err)
{
        return link->up ? 0 : err_set(err, ERR_INVALID, "link %s is down %s", link->name, where);
}

/* Finds both ends, and fills in what they say of themselves. */
static int check_links(struct wire *wire, struct wiring *wiring, struct wire_objects *ret, struct err *err)
{
        struct link_info pod = {0}, host = {0};
        int r;

        r = link_get_by_name(wire->pod, wiring->ifname, &pod, err);
        if (r == 0)
                r = check_up(&pod, "in the pod", err);
        if (r == 0)
                r = find_host_end(wire, &pod, &host, err);
        if (r == 0)
                r = check_alias(&host, wiring->container_id, err);
        if (r == 0)
                r = check_up(&host, "on the host", err);
        if (r < 0)
                return r;
        snprintf(wiring->host_ifname, sizeof(wiring->host_ifname), "%s", host.name);
        wiring->mac = pod.mac;
        wiring->host_mac = host.mac;
        wiring->mtu = pod.mtu;
        *ret = wire_objects(wiring, pod.ifindex, host.ifindex);
        return 0;
}

int wire_check(struct wire *wire, struct wiring *wiring, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct wire_objects want = {0};
        int r;

        r = check_links(wire, wiring, &want, err);
        if (r == 0)
                r = check_address(wire, &want, arena, err);
        if (r == 0)
                r = check_route(wire->pod, &want.gateway_route, "in the pod", arena, err);
        if (r == 0)
                r = check_route(wire->pod, &want.default_route, "in the pod", arena, err);
        if (r == 0)
                r = check_neighbour(wire, &want, arena, err);
        if (r == 0)
                r = check_route(wire->host, &want.host_route, "on the host", arena, err);
        return r < 0 ? r : check_sysctls(wiring->host_ifname, err);
}
