// SPDX-License-Identifier: Apache-2.0
/* Neighbour entries (ARP and NDP). */
#ifndef VPCWIRE_NEIGH_H
#define VPCWIRE_NEIGH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "netlink.h"

struct arena;

struct neigh_info {
        unsigned ifindex;
        struct ip ip;
        bool has_mac;
        struct mac mac;
        uint16_t state; /* NUD_PERMANENT, ... */
};

/* Makes the entry permanent, or changes the one that is there. The state is not read. */
int neigh_replace_permanent(struct netlink *nl, const struct neigh_info *neigh, struct err *err);
/* By index and address. ERR_NOT_FOUND when it is not there. */
int neigh_delete(struct netlink *nl, const struct neigh_info *neigh, struct err *err);
/* Entries of one family and link (0: all), sorted by index and address, in the arena. */
int neigh_dump(struct netlink *nl, struct arena *arena, int family, unsigned ifindex, struct neigh_info **ret,
               size_t *ret_n, struct err *err);

/*
 * Proxy entries: the kernel answers ARP for the address on that link, if the link forwards and does not itself lead to it.
 * They go with the link, and when it is down. No dump of neigh_dump() has them. (One without a link would stand for all of a
 * namespace, and Linux forgets to remove those with the namespace.)
 */
int neigh_proxy_add(struct netlink *nl, unsigned ifindex, struct ip ip, struct err *err);
/* The links that have one for the address, whoever made it: their indexes, sorted, in the arena. 0: one that is of no link. */
int neigh_proxy_links(struct netlink *nl, struct arena *arena, struct ip ip, unsigned **ret, size_t *ret_n,
                      struct err *err);
/* Whether a link answers, by an entry of its own or by one that is of no link. */
bool neigh_proxy_has(const unsigned *links, size_t n, unsigned ifindex);

/* How many entries the kernel's table of a family takes (gc_thresh3, one for all namespaces). */
int neigh_table_limit(struct netlink *nl, int family, uint32_t *ret, struct err *err);

#endif
