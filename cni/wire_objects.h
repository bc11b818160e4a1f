// SPDX-License-Identifier: Apache-2.0
/* Internal to wire: the kernel objects of a wire, computed in one place for those who make them and who check them. */
#ifndef CNI_WIRE_OBJECTS_H
#define CNI_WIRE_OBJECTS_H

#include <vpcwire/ifaddr.h>
#include <vpcwire/neigh.h>
#include <vpcwire/netlink.h>
#include <vpcwire/route.h>

#include "wiring.h"

struct wire {
        struct netlink *host, *pod;
        int host_netns_fd;
};

struct wire_objects {
        unsigned pod_ifindex, host_ifindex;
        struct ifaddr address;
        struct route_info gateway_route, default_route; /* in the pod */
        struct neigh_info neighbour;
        struct route_info host_route;
};

struct wire_objects wire_objects(const struct wiring *wiring, unsigned pod_ifindex, unsigned host_ifindex);

#endif
