// SPDX-License-Identifier: Apache-2.0
/*
 * Blocks (model/block.h) by the steps of their life, and the addresses in them. The reconciler's thread; the counts are
 * anybody's. Of a block that is gone, or in a state that a function is not about, a function leaves all as it is: that is no
 * error. What is free is a usable block's, neither leased, nor cooling, nor held: see pick.h.
 */
#ifndef IPAMD_STORE_BLOCKS_H
#define IPAMD_STORE_BLOCKS_H

#include "model/block.h"
#include "store/database.h"

/* What EC2 shows so long after it was given back, EC2 has: no late reply. */
enum { STORE_LATE_MS = 2 * 60 * 1000 };

/* All blocks of managed ENIs, ordered by address. */
int store_blocks(struct store *store, struct arena *arena, struct block **ret, size_t *ret_n,
                 struct err *err);

/* EC2's own reply to Assign: new ones come in as preparing; known ones are left as they are. *ret_new counts. ERR_NOT_FOUND: no such ENI. */
int store_blocks_add(struct store *store, int64_t key, const struct prefix *blocks, size_t n,
                     unsigned *ret_new, struct err *err);

/*
 * The kernel routes these of the ENI: blocks that were preparing are usable, and single addresses that were withheld are held no
 * more, but what is doubted, or waits to be taken over. *ret_n counts.
 */
int store_blocks_routed(struct store *store, int64_t key, const struct prefix *routed, size_t n,
                        unsigned *ret_n, struct err *err);

/*
 * Free and cooling addresses of usable blocks of the ENI are held from here on: somebody has them, and nobody gets them until
 * store_blocks_routed() names them. A cooldown goes on meanwhile. *ret_n counts.
 */
int store_addresses_withhold(struct store *store, int64_t key, const struct ip *addresses, size_t n,
                             unsigned *ret_n, struct err *err);

/*
 * Picks usable blocks of the ENI of whose addresses all are free, `max` addresses at most, the longest unused first, and marks
 * them leaving in the same transaction, so that no ADD can get one. The caller then asks EC2 to unassign them.
 */
int store_blocks_take(struct store *store, int64_t key, unsigned max, int64_t now_ms, struct arena *arena,
                      struct prefix **ret, size_t *ret_n, struct err *err);
/* EC2 took these leaving ones back, and it is remembered. */
int store_blocks_gone(struct store *store, int64_t key, const struct prefix *blocks, size_t n, int64_t now_ms,
                      struct err *err);
/* EC2 did not: they are usable again. */
int store_blocks_restore(struct store *store, int64_t key, const struct prefix *blocks, size_t n,
                         struct err *err);

/* Which addresses of the ENI have an Elastic or public one: these, and no others. Their blocks are never taken to be given back. */
int store_addresses_associated(struct store *store, const char *eni_id, const struct ip *addresses, size_t n,
                               struct err *err);

/* ---- addresses ---- */

/* One of any block; ERR_NOT_FOUND. */
int store_address_get(struct store *store, struct ip address, int64_t now_ms, struct arena *arena,
                      struct block_address *ret, struct err *err);

/*
 * Addresses of managed ENIs, ordered by address: all of blocks of one address; of larger ones those that are leased, cooling
 * or held.
 */
int store_addresses(struct store *store, int64_t now_ms, struct arena *arena, struct block_address **ret,
                    size_t *ret_n, struct err *err);

/*
 * Free means usable now: on a ready ENI, routed, cooldown over. The states add up to total. A block counts for
 * STORE_BLOCK_COUNTED_MAX at most: more than any node has pods.
 */
enum { STORE_BLOCK_COUNTED_MAX = 1 << 20 };

struct store_counts {
        unsigned total, free, leased, cooling, preparing, leaving, lost;
        unsigned unready; /* free by their own state, on an ENI that is not ready (yet, or draining) */
        unsigned cut_off; /* of the leased ones: on an ENI whose link is gone */
        unsigned waiting;
        unsigned enis;          /* managed ones */
        int64_t next_cooled_ms; /* when the next cooling address becomes free; 0: none cools */
};

int store_counts(struct store *store, int64_t now_ms, struct store_counts *ret, struct err *err);

/* ---- what EC2 took back by its own answer, and may show in a late Describe still (given_back.c) ---- */

struct store_given_back {
        const char *eni_id;
        struct prefix block; /* unset: the ENI itself */
        int64_t since_ms;
};

int store_given_back(struct store *store, struct arena *arena, struct store_given_back **ret, size_t *ret_n,
                     struct err *err);
/* A resync has shown that it is gone. */
int store_given_back_settled(struct store *store, const struct store_given_back *row, struct err *err);
/* EC2 has it, for sure by now: the block is leaving once more. One that the database has is left alone. */
int store_give_back_again(struct store *store, int64_t key, struct prefix block, struct err *err);

#endif
