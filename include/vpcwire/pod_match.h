// SPDX-License-Identifier: Apache-2.0
/*
 * Which link of the host is a pod's. A link's name is no identity, and others change names and aliases of links that they
 * did not make: a veth is a pod's by two of its container's id (the alias), the route to its address and its name, or by
 * one of them where nothing speaks against it. Pure: of what the database and the kernel said at one time.
 */
#ifndef VPCWIRE_POD_MATCH_H
#define VPCWIRE_POD_MATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "addr.h"
#include "ifaddr.h"
#include "link.h"
#include "route.h"

struct arena;

/* A pod as its lease says. */
struct pod_sought {
        struct ip ip;
        const char *host_ifname;  /* as it was called when it was made; "": no link was made for it */
        const char *container_id; /* the alias; NULL: the link is a bridge, and the pod behind it */
};

struct pod_found {
        const struct link_info *link; /* NULL: there is none */
        bool alias_missing; /* it bears no alias, and the route to the pod leads to it: it may get its alias back */
        /*
         * A veth that is up and not `link`, to which a route of the pods' table leads the pod's packets: another pod's,
         * or one that nobody can tell. While it is there the address is in use, whoever has the lease.
         */
        const struct link_info *rival;
};

/* All links of the host, and the routes of the pods' table (others are passed over), whosever they are. */
struct pod_evidence {
        const struct link_info *links;
        size_t n_links;
        const struct route_info *routes;
        size_t n_routes;
        uint32_t table;                 /* the pods' */
        const struct ifaddr *addresses; /* IPv4, of all links; pod_match() does without */
        size_t n_addresses;
};

/*
 * One entry for each pod, in the arena, that points into the evidence. No link is two pods'. `pods` must be all that the
 * database knows: what is surely one pod's is no candidate for another.
 */
struct pod_found *pod_match(struct arena *arena, const struct pod_sought *pods, size_t n,
                            const struct pod_evidence *evidence);

#endif
