// SPDX-License-Identifier: Apache-2.0
/*
 * What is free, and which of it is given out, or back, first. The policy of the pool is here and nowhere else:
 *
 * - An address is free while its block is usable and no row says that it is leased, held or cooling (STORE_IS_USED).
 * - What cools after a lease is free for that lease's own key, and given to it first: a container that comes back (podman
 *   reloads or restarts it under its id) is no stranger to those who knew it by the address, and the old lease's link is gone.
 * - Given to pods: of ENIs that are ready, in the order of (network card, device index), so that later ones empty; in an
 *   ENI the fullest block first, for the same reason, of equal ones the longest unused; in a block what was not given
 *   out for the longest time.
 * - Given back to EC2: whole blocks, the longest unused first.
 */
#ifndef IPAMD_STORE_PICK_H
#define IPAMD_STORE_PICK_H

#include "store/stmt.h"

/* Of a row `a` of addresses, ?1 being now: a cooldown that is not over. */
#define STORE_COOLS "a.usable_from_ms > ?1"
/* Nobody can be given it: a pod has it, somebody else has, or it cools. Other rows say nothing any more. */
#define STORE_IS_USED "(a.lease IS NOT NULL OR a.held = 1 OR " STORE_COOLS ")"

/* ?1: 4 or 6. CROSS keeps SQLite at this order of loops, in which two indexes serve it without sorting (a test looks at the plan). */
#define STORE_FREE_BLOCKS                                                                                    \
        "SELECT b.key, b.first, b.bits, b.size, b.last_given FROM enis e"                                    \
        " CROSS JOIN blocks b ON b.eni = e.key AND b.family = ?1 AND b.state = 'usable' AND b.taken < "      \
        "b.size"                                                                                             \
        " WHERE e.state = 'ready' AND e.managed = 1"
#define STORE_PICK_BLOCK                                                                                     \
        STORE_FREE_BLOCKS                                                                                    \
        " ORDER BY e.network_card, e.device_index, e.key, b.taken DESC, b.free_since_ms, b.first LIMIT 1"
/* ?1 to ?3: a lease's key, ?4 as ?1 above, ?5: the one that it must be, or "". */
#define STORE_PICK_OWN                                                                                       \
        "SELECT a.hex, a.block FROM addresses a JOIN blocks b ON b.key = a.block AND b.state = 'usable'"     \
        " JOIN enis e ON e.key = b.eni AND e.state = 'ready' AND e.managed = 1"                              \
        " WHERE a.had_by = " STORE_KEY_TEXT(                                                                 \
                "?1", "?2",                                                                                  \
                "?3") " AND a.lease IS NULL AND a.held = 0"                                                  \
                      " AND b.family = ?4 AND ?5 IN ('', a.hex) ORDER BY a.usable_from_ms DESC LIMIT 1"

/*
 * For who is going to give: rows that say nothing any more go, so that what has no row is free. No cooldown ends later than one
 * that begins now: the setting may be shorter by now, and the clock may have gone back.
 */
int pick_sweep(struct store *store, int64_t now_ms, struct err *err);

struct picked {
        struct ip address;
        int64_t block;
};

/* After pick_sweep(). The best free address of a family (4 or 6). 1: *ret is it; 0: none is free. */
int pick_address(struct store *store, unsigned family, struct picked *ret, struct err *err);
/* After pick_sweep(): is this one free? 1: *ret is it; 0: not. */
int pick_this(struct store *store, struct ip address, struct picked *ret, struct err *err);
/*
 * After pick_sweep(): what the key itself had last, of a family, and cools: `address`, or the newest if that is IP_NONE. 1: *ret
 * is it; 0: there is none.
 */
int pick_own(struct store *store, const struct lease_key *key, unsigned family, struct ip address,
             struct picked *ret, struct err *err);
/* For who is given what pick_own() found, at once: its cooldown is over, and nobody else may come between. */
int pick_end_cooldown(struct store *store, struct ip address, int64_t now_ms, struct err *err);

enum { STORE_FAMILIES_MAX = 2 };

/*
 * lease_requested.c: an address of each family that `wanted` asks for, the one that it names or the best. 1: ret has *ret_n; 0:
 * *ret_result is NONE_FREE, or REFUSED and *ret_refusal (in the arena) says why.
 */
int store_find_free(struct store *store, const struct lease *wanted, int64_t now_ms, struct arena *arena,
                    struct picked ret[static STORE_FAMILIES_MAX], size_t *ret_n,
                    enum lease_result *ret_result, const char **ret_refusal, struct err *err);

/* After pick_sweep(): blocks of the ENI to give back, of `max` addresses at most. ret has room for `max`. */
int pick_leaving(struct store *store, int64_t eni_key, unsigned max, struct prefix *ret, size_t *ret_n,
                 struct err *err);

#endif
