// SPDX-License-Identifier: Apache-2.0
/*
 * What the host's network should look like: a pure function from what the pool knows (the view) and which links there
 * are to the links' settings, addresses, routes, rules, sysctls and the nftables table. No kernel, no clock, no state:
 * equal input gives equal output, sorted.
 * The numbers in it are vpcwire/dataplane.h's.
 */
#ifndef NODE_WANT_H
#define NODE_WANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpcwire/addr.h>
#include <vpcwire/dataplane.h>
#include <vpcwire/err.h>
#include <vpcwire/ifaddr.h>
#include <vpcwire/link.h>
#include <vpcwire/pod_match.h>
#include <vpcwire/route.h>
#include <vpcwire/rule.h>

#include "model/egress.h"

struct arena;
struct text;

enum {
        NODE_VETH_PREFIX_MAX = 4, /* characters: 11 more make a link's name */
        NODE_SYSCTL_KEY_BYTES = 64,

        NODE_RP_FILTER_STRICT =
                1, /* what an ENI's link must not have: what comes in by one may be answered by another */
        NODE_FORWARDING = 1,
};

/* Of the ENIs' links. Where net.ipv4.conf.all says "strict", the larger of both counts: "loose" is what is left. */
#define NODE_RP_FILTER_OFF   "0"
#define NODE_RP_FILTER_LOOSE "2"

/* An ENI that is attached and whose link is to be configured. */
struct node_eni {
        int64_t key; /* the caller's: what is said of an ENI is said of its key */
        bool primary;
        unsigned mark_index, route_table; /* of a secondary one; 0: there are more ENIs than numbers */
        struct mac mac;
        struct ip address;    /* its primary private address */
        struct prefix subnet; /* the gateway is its first address */
};

/* An address (or a /28) that pods have or can get, and the ENI it belongs to. */
struct node_address {
        struct prefix prefix;
        int64_t eni_key;
};

/* All that the host's network follows from. It and what it points to is the caller's (its arena's). */
struct node_view {
        const char *veth_prefix; /* "eni" */
        unsigned mtu;            /* of the ENI links; 0: leave */
        const struct prefix *vpc_cidrs;
        size_t n_vpc_cidrs;
        const struct egress *egress;
        const struct node_eni *enis; /* the primary one among them */
        size_t n_enis;
        const struct node_address *addresses; /* those of the primary ENI are allowed, and need nothing */
        size_t n_addresses;
        const struct pod_sought *pods; /* of leases whose pod is or may be wired */
        size_t n_pods;
        const struct ip
                *unwired; /* leased, and wired by somebody else: no route in the pods' table is theirs */
        size_t n_unwired;
        bool block_imds; /* pods cannot reach the instance metadata service */
};

/* One ENI of the view, and what came of it. */
struct node_want_eni {
        const struct node_eni *eni;
        const struct link_info *link; /* NULL: not here yet */
        uint32_t mark;                /* 0 for the primary one */
        uint32_t table;
        struct err err; /* code set: it cannot be configured, and no object below is of it */
};

struct node_want_sysctl {
        char key[NODE_SYSCTL_KEY_BYTES];
        const char *value;
        unsigned ifindex;  /* of the secondary ENI it belongs to; 0: it concerns the whole node */
        bool needs_guard;  /* only while the nftables tables are in place: it leaves a check to them */
        bool may_miss;     /* there is none on a kernel without IPv6 */
        bool is_rp_filter; /* NODE_RP_FILTER_LOOSE instead where net.ipv4.conf.all.rp_filter is strict */
};

/* A named set of addresses, or the map from them to the chain pod_<index> of their ENI. */
struct node_nft_element {
        struct prefix prefix;
        unsigned index;
};

struct node_nft_set {
        const char *kind, *name;           /* "set" or "map", as nftables has it */
        struct node_nft_element *elements; /* by address */
        size_t n;
        size_t at, bytes; /* where the elements stand in the table's text: the rest of it is its structure */
};

/* The order in a set: by address, a broader prefix before those inside it. */
int node_nft_compare(const struct node_nft_element *x, const struct node_nft_element *y);
/* Adds an element of the set as it stands in the table's text: with the chain, where it is a map's. */
void node_nft_element_add(struct text *t, const struct node_nft_set *set,
                          const struct node_nft_element *element);

/* Whether it is in the set as one element. */
bool node_nft_set_has(const struct node_nft_set *set, struct prefix prefix);

enum { NODE_NFT_SET_PODS, NODE_NFT_SETS_MAX = 3 }; /* the pods' set is a table's first one */

struct node_nft_content {
        const char *text;                            /* of the whole table */
        struct node_nft_set sets[NODE_NFT_SETS_MAX]; /* what is in it */
        size_t n_sets;
};

/* Whether two tables differ in nothing but the elements of their sets. */
bool node_nft_same_structure(const struct node_nft_content *a, const struct node_nft_content *b);

struct node_want {
        const struct link_info *primary; /* NULL: its link is not here; then the rest is empty */
        struct node_want_eni *enis;      /* in the view's order */
        size_t n_enis;
        struct ifaddr *addresses; /* secondary ENIs' primary addresses; sorted by ifaddr_compare() */
        size_t n_addresses;
        struct route_info *routes; /* sorted by route_compare_key() */
        size_t n_routes;
        struct rule_info *rules; /* sorted by rule_compare() */
        size_t n_rules;
        struct node_want_sysctl *sysctls;
        size_t n_sysctls;
        struct node_nft_content nft;       /* "table ip vpcwire {...}" */
        struct node_nft_content nft_arp;   /* "table arp vpcwire {...}" */
        struct node_nft_content nft_guard; /* "table inet vpcwire {...}" */
        struct pod_found *pods;            /* in the view's order; those without a link have no route */
        size_t n_pods_unlinked;
};

/*
 * The wanted state, in the arena; it points into view and kernel, which must outlive it. kernel: all links of the host, and
 * all routes of the pods' table.
 * ERR_INVALID when the view itself is wrong (no primary ENI in it, a veth prefix that is no link name). An ENI that
 * cannot be configured has its error in its own entry.
 */
int node_want_make(struct arena *arena, const struct node_view *view, const struct pod_evidence *kernel,
                   struct node_want *ret, struct err *err);

/* Whether a rule is one that we made, judged by its protocol and priority. */
bool node_rule_is_ours(const struct rule_info *rule);
/* Whether a link is a pod's host link by itself: the prefix, and an alias. */
bool node_link_is_pod(const struct link_info *link, const char *veth_prefix);
/* ... or because it is the link of a pod of the view, whatever it is called now. */
bool node_want_link_is_pod(const struct node_want *want, const struct node_view *view,
                           const struct link_info *link);

/* want_eni.c: the view's ENIs with their links. */
void node_want_make_enis(struct arena *arena, const struct node_view *view, const struct pod_evidence *kernel,
                         struct node_want *want);
/* Whether an ENI gets objects: a secondary one, sound, whose link is here. */
bool node_want_eni_is_configured(const struct node_want_eni *want);
/* Whether a link's name goes between quotes in the nftables text, where only some characters are sure to mean themselves. */
bool node_link_name_is_plain(const char *name);
/* want_route.c: the ENIs' tables, and a host route to each pod whose link is here. */
void node_want_make_routes(struct arena *arena, const struct node_view *view, struct node_want *want);

/* want_guard.c: what pods must not do, and the kernel must not do for them. */
struct node_nft_content node_want_nft_guard(struct arena *arena, const struct node_view *view,
                                            const struct node_want *want);
struct node_nft_content node_want_nft_arp(struct arena *arena, const struct node_view *view);
void node_want_make_sysctls(struct arena *arena, struct node_want *want);

/* want_nft.c: the nftables ruleset of the view, given the ENIs and the primary one's link. In the arena. */
struct node_nft_content node_want_nft(struct arena *arena, const struct node_view *view,
                                      const struct node_want *want);

#endif
