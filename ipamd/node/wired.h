// SPDX-License-Identifier: Apache-2.0
/* What the plugin made, as the kernel told it, against the leases: what they let expect is no news. Pure. */
#ifndef NODE_WIRED_H
#define NODE_WIRED_H

#include <stdbool.h>
#include <stddef.h>

#include <vpcwire/addr.h>
#include <vpcwire/link.h>
#include <vpcwire/pod_match.h>

/* A pod's host link that came up, or a new route of ours in the pods' table. */
struct node_wired {
        unsigned ifindex;             /* the link's, or that the route leads to */
        struct ip ip;                 /* the route's destination; IP_NONE: it is a link */
        char link[LINK_NAME_BYTES];   /* its name; "": of a route that leads to no pod's link */
        char alias[LINK_ALIAS_BYTES]; /* of a link */
};

/* pods: all leases. */
bool node_wired_is_expected(const struct node_wired *wired, const struct pod_sought *pods, size_t n);

#endif
