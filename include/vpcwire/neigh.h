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
 * A proxy entry of ours for the whole namespace: the kernel answers ARP for the address on each link that forwards and does
 * not itself lead to it. No dump of neigh_dump() has it.
 */
int neigh_proxy_add(struct netlink *nl, struct ip ip, struct err *err);
/* ERR_NOT_FOUND when it is not there. */
int neigh_proxy_delete(struct netlink *nl, struct ip ip, struct err *err);
/* Whether there is one for the whole namespace, whoever made it; *ret_ours: we did. */
int neigh_proxy_find(struct netlink *nl, struct ip ip, bool *ret, bool *ret_ours, struct err *err);

#endif
