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

#endif
