// SPDX-License-Identifier: Apache-2.0
/*
 * How the host's network differs from what it should be: node_sync()'s own comparisons, and nothing is repaired. For
 * whoever wants to know (ipamctl doctor), in whatever process, beside a daemon that repairs.
 */
#ifndef NODE_CHECK_H
#define NODE_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include <vpcwire/err.h>

#include "node/report.h"
#include "node/want.h"

struct arena;
struct node;

enum node_nft { NODE_NFT_IP, NODE_NFT_ARP, NODE_NFT_GUARD, NODE_NFT_TABLES };

enum node_object {
        NODE_LINK,
        NODE_ADDRESS,
        NODE_ROUTE,
        NODE_RULE,
        NODE_NEIGHBOUR,
        NODE_NFT_OBJECT,
        NODE_SYSCTL,
        _NODE_OBJECT_MAX,
};
const char *node_object_to_string(enum node_object object);

enum node_difference_kind {
        NODE_MISSING,
        NODE_CHANGED, /* it is there, and not as it should be */
        NODE_EXTRA,   /* it bears our protocol, or is in our table, and should not be */
};

struct node_difference {
        enum node_object object;
        enum node_difference_kind kind;
        const char *
                text; /* "1536: fwmark 0x102/0x1f02 lookup 2 proto 118": the object; CHANGED: with what is off */
        unsigned ifindex;            /* the link that it is of; 0: the node's */
        const char *link;            /* its name; "" */
        uint32_t table;              /* of routes and rules */
        enum node_nft nft;           /* of nftables: which table */
        const char *sysctl, *wanted; /* of a sysctl: its key, and the value that it should have */
};

struct node_check {
        struct node_report report; /* as node_sync() gives it; repaired is all 0 */
        struct node_difference
                *differences; /* in the arena, in the order in which node_sync() would repair them */
        size_t n_differences;
};

/*
 * In the calling thread's network namespace, which must be the host's; nothing is changed in it. The nftables tables are compared
 * with the wanted ones as the kernel lists both, so the wanted ones are written in a network namespace that goes again; where none
 * may be made, only by the names of what is in them. What is under way (a pod that is being wired) can be among the differences:
 * look twice.
 */
int node_check(struct node *node, struct arena *arena, const struct node_view *view, struct node_check *ret,
               struct err *err);

#endif
