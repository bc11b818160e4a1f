// SPDX-License-Identifier: Apache-2.0
/*
 * The IPv4 addresses of a subnet as they are now: which one may be given to whom, and which are chosen where none is named.
 * Internal to world*.c.
 */
#ifndef VPCSIM_WORLD_POOL_H
#define VPCSIM_WORLD_POOL_H

#include "world_private.h"

/* EC2 gives out IPv4 prefixes of this length only. */
enum { WORLD_PREFIX_BITS = 28, WORLD_PREFIX_ADDRESSES = 16 };

enum world_use {
        WORLD_USE_FREE,
        WORLD_USE_FREE_FOR_PREFIXES, /* in a CIDR reservation of the type "prefix" */
        WORLD_USE_FREE_IF_NAMED,     /* in one of the type "explicit" */
        WORLD_USE_TAKEN,
        WORLD_USE_RESERVED, /* EC2's own five */
};

struct world_pool {
        uint32_t first, size; /* of the whole subnet */
        uint32_t last_given;  /* distance from the first; 0: none yet */
        uint8_t *use;         /* enum world_use of each address, by its distance from the first */
};

int world_pool_read(struct world *world, const char *subnet_id, struct arena *arena, struct world_pool *ret,
                    struct err *err);
/* How many addresses are free, for whatever use. */
unsigned world_pool_count_free(const struct world_pool *pool);
/* How many addresses the block of 16 at this distance has that are used as `use` says. */
unsigned world_pool_count_in_block(const struct world_pool *pool, uint32_t at, enum world_use use);

/* xorshift64*: the same seed gives the same addresses in each run. */
uint64_t world_next_random(struct world *world);

#endif
