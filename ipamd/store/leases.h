// SPDX-License-Identifier: Apache-2.0
/* Leases (model/lease.h). The loop's thread gives and ends them. */
#ifndef IPAMD_STORE_LEASES_H
#define IPAMD_STORE_LEASES_H

#include "model/lease.h"
#include "store/database.h"

enum lease_result {
        LEASE_GIVEN,
        LEASE_AGAIN, /* the key had a lease: the same one */
        LEASE_NONE_FREE,
        LEASE_REFUSED, /* what was asked for cannot be had */
};

/*
 * Gives the best free address of each family (the policy is in pick.c) to `wanted->key`. Of `wanted` all but
 * state, eni and times is read. The answer is in *ret_result; *ret is set unless NONE_FREE; with REFUSED it is its `refusal`
 * alone.
 */
int store_lease_add(struct store *store, const struct lease *wanted, int64_t now_ms, struct arena *arena,
                    enum lease_result *ret_result, struct lease *ret, struct err *err);

/*
 * Whether store_lease_add() gives the key the IPv4 address that it had last and that cools (pick.h), which nobody else can have: 1 or
 * 0. Right after a store_lease_add() of anybody, which sweeps what cools no more.
 */
int store_lease_can_return(struct store *store, const struct lease_key *key, struct err *err);

/* reserved -> wired. ERR_NOT_FOUND when the key has no lease, or one on another address. Confirming twice is fine. */
int store_lease_confirm(struct store *store, const struct lease_key *key, struct ip address, struct err *err);

/* ERR_NOT_FOUND when there is none. */
int store_lease_get(struct store *store, const struct lease_key *key, struct arena *arena, struct lease *ret,
                    struct err *err);

/*
 * Ends a lease: its addresses cool (lost ones go for good); *ret_address is the first one. Unknown keys are fine: *ret_released is false then.
 * `end` (LEASE_END_DEL, _GC or _LINK_GONE) goes to the event.
 */
int store_lease_release(struct store *store, const struct lease_key *key, enum lease_end end, int64_t now_ms,
                        bool *ret_released, struct ip *ret_address, struct err *err);

/* All leases, ordered by address; network NULL for all networks. */
int store_leases(struct store *store, const char *network, struct arena *arena, struct lease **ret,
                 size_t *ret_n, struct err *err);

/*
 * The reconciler saw (or did not see) the lease's host link. A missing link starts the clock of link_missing_since_ms,
 * a seen one stops it.
 */
int store_lease_link_seen(struct store *store, const struct lease_key *key, bool seen, int64_t now_ms,
                          struct err *err);

/* Leases whose address is EC2's and ours, by state. */
int store_lease_counts(struct store *store, unsigned ret[static _LEASE_STATE_MAX], struct err *err);

#endif
