// SPDX-License-Identifier: Apache-2.0
/* Routes with at most one next hop. */
#ifndef VPCWIRE_ROUTE_H
#define VPCWIRE_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "netlink.h"

struct arena;

struct route_info {
        struct prefix dst; /* a default route has its family and 0 bits */
        uint32_t table;    /* 0 is taken as main (254) */
        uint32_t priority; /* the metric; the kernel makes 0 into 1024 for IPv6 */
        uint8_t protocol;  /* 0 is taken as DATAPLANE_PROTOCOL */
        uint8_t scope;     /* RT_SCOPE_LINK for a route without a gateway */
        uint8_t type;      /* 0 is taken as RTN_UNICAST */
        bool onlink;       /* the gateway is on the link, whatever the routes say */
        bool multipath;    /* dump only: several next hops, or a next-hop object; gateway and oif are unset */
        unsigned oif;      /* 0: none (blackhole and its like) */
        struct ip gateway; /* IP_NONE: none */
        struct ip src;     /* preferred source; IP_NONE: none */
};

/* ERR_EXISTS when there is one with the same table, destination and priority, whosever it is. */
int route_add(struct netlink *nl, const struct route_info *route, struct err *err);
/* Takes the place of a route of the same table, destination and priority, whosever it is. */
int route_replace(struct netlink *nl, const struct route_info *route, struct err *err);
/* Matches the key, the protocol and the type, and oif and gateway where they are set. ERR_NOT_FOUND: there is none. */
int route_delete(struct netlink *nl, const struct route_info *route, struct err *err);

struct route_filter {
        int family;       /* AF_INET or AF_INET6 */
        uint32_t table;   /* 0: all. A table that does not exist is empty */
        uint8_t protocol; /* 0: all */
};

/* Sorted by route_compare(), in the arena. The kernel's cached exceptions are left out. */
int route_dump(struct netlink *nl, struct arena *arena, const struct route_filter *filter,
               struct route_info **ret, size_t *ret_n, struct err *err);

/*
 * What identifies a route: table, family, destination, priority. Longer prefixes come first: a gateway's link route
 * stands before the default route that needs it.
 */
int route_compare_key(const struct route_info *a, const struct route_info *b);
/* Total order over all fields, the key first. */
int route_compare(const struct route_info *a, const struct route_info *b);
/* The route with its zero fields filled in as the kernel will report them, so that the two compare equal. */
struct route_info route_normal(const struct route_info *route);

enum { ROUTE_TEXT_BYTES = 224 };
/* "10.0.1.9/32 via 10.0.1.1 dev 4 table 512 proto 118", for errors and logs. */
const char *route_format(const struct route_info *route, char text[static ROUTE_TEXT_BYTES]);
#define ROUTE_TEXT(r) route_format((r), (char[ROUTE_TEXT_BYTES]){0})

/* Reads an RTM_NEWROUTE or RTM_DELROUTE message; ERR_PROTOCOL when it is malformed. */
int route_parse(const struct nlmsghdr *hdr, struct route_info *ret, struct err *err);

#endif
