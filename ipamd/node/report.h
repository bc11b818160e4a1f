// SPDX-License-Identifier: Apache-2.0
/* What came of a node_sync(). */
#ifndef NODE_REPORT_H
#define NODE_REPORT_H

#include <stddef.h>

#include <vpcwire/err.h>
#include <vpcwire/link.h>

enum node_eni_state {
        NODE_ENI_NO_LINK, /* attached, but its link is not here yet: no error, the next sync looks again */
        NODE_ENI_ROUTED,  /* link up, address, table, rules, and its addresses in nftables */
        NODE_ENI_FAILED,  /* see err */
};

struct node_eni_report {
        unsigned device_index, network_card;
        enum node_eni_state state;
        char ifname[LINK_NAME_BYTES]; /* empty: no link */
        struct err err;
};

/* How many objects had to be made, changed or removed; all 0: the kernel was as it should be. */
struct node_repairs {
        unsigned links, addresses, routes, rules, neighbours, nft, sysctls;
};

struct node_report {
        struct node_repairs repaired;
        struct node_eni_report *enis; /* in the view's order; in the arena */
        size_t n_enis;
        unsigned n_pods_unlinked; /* leases of the view whose host link is not there: no route for them */
        unsigned n_pods_failed;   /* pods whose route cannot be set; pod_err is the first one's */
        struct err pod_err;
};

#endif
