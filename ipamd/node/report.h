// SPDX-License-Identifier: Apache-2.0
/* What came of a node_sync(). */
#ifndef NODE_REPORT_H
#define NODE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpcwire/addr.h>
#include <vpcwire/err.h>
#include <vpcwire/link.h>

enum node_eni_state {
        NODE_ENI_NO_LINK, /* attached, but its link is not here yet: no error, the next sync looks again */
        NODE_ENI_ROUTED,  /* link up, address, table, rules, and its addresses in nftables */
        NODE_ENI_FAILED,  /* see err */
};

struct node_eni_report {
        int64_t key; /* of the view's */
        enum node_eni_state state;
        char ifname[LINK_NAME_BYTES]; /* empty: no link */
        struct err err;
};

/* How many objects had to be made, changed or removed; all 0: the kernel was as it should be. */
struct node_repairs {
        unsigned links, addresses, routes, rules, neighbours, nft, sysctls;
};

/* The pods' table led what is for a pod elsewhere than to the pod's link: to another pod's, or nowhere. */
struct node_misled {
        struct ip ip;
        const char *route;                 /* the one that was found, as text */
        const char *ifname, *container_id; /* of the link that it leads to; "": there is none, or no alias */
        bool repaired; /* the pod's own link is here, and the route leads to it now. Else it is as it was found */
};

/* An address that pods have or can get, and that somebody else has on this host. */
struct node_occupied {
        struct ip ip;
        const char *ifname; /* the link that it is on, or leads to */
        bool local; /* it is the host's own: what is for it ends here. Else the pods' table leads it to a veth */
        bool of_pod;  /* a pod of the view has it. Only local ones: else it is misled */
        bool removed; /* it was on an ENI's link and is a pod's: it is not there any more */
};

/* A route of the main table that takes packets of the primary ENI's pods elsewhere than to its link. */
struct node_strayed {
        const char *dst;    /* "172.17.0.0/16"; "default" */
        const char *ifname; /* ""; it leads nowhere, or several ways */
};

struct node_report {
        struct node_repairs repaired;
        struct node_eni_report *enis; /* in the view's order; in the arena */
        size_t n_enis;
        unsigned n_pods_unlinked; /* leases of the view whose host link is not there: no route for them */
        unsigned n_pods_failed;   /* pods whose route cannot be set; pod_err is the first one's */
        struct err pod_err;
        /* Routes to pods that no lease speaks for: one that the next sync sees again goes. */
        unsigned n_suspects;
        struct node_misled *misled; /* in the arena */
        size_t n_misled;
        struct node_occupied *occupied; /* in the arena */
        size_t n_occupied;
        struct node_strayed *strayed; /* in the arena */
        size_t n_strayed;
        bool no_default; /* the main table has no default route */
        const char *primary_ifname;
};

#endif
