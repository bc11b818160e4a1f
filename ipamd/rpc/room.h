// SPDX-License-Identifier: Apache-2.0
/* Whether there is room for another pod: beside the question whether the daemon works, and whoever asks. Pure. */
#ifndef IPAMD_RPC_ROOM_H
#define IPAMD_RPC_ROOM_H

#include <vpcwire/ipam.h>
#include <vpcwire/mem.h>

#include "rpc/facts.h"

struct room {
        enum ipam_room_state state;
        enum ipam_condition_cause cause;
        const char *summary; /* "none, 9 of 9 in use, t3.small's limit" */
        const char *remedy;  /* NULL: it passes without anybody's doing */
};

/*
 * The state "none" is steady: at a limit, or while the planner says that it cannot grow; not for a count that passes. Texts are
 * in the arena.
 */
void room_of(const struct pool_facts *facts, struct arena *arena, struct room *ret);

/* All that the node can have is in use. */
bool room_at_limit(const struct pool_facts *facts);
/* "9 of 9 in use, t3.small's limit", or "3 of at most 9 in use": the counts of both Status and refusals. In the arena. */
const char *room_counts_text(const struct pool_facts *facts, struct arena *arena);

/* Why the planner cannot grow the pool: the call that is delayed, else the planner's own word; NULL: it can, or need not. */
const struct condition *room_stopped_by(const struct pool_facts *facts);
/* The planner's word, where it says only that a call is delayed: the call's own condition says why. */
bool room_is_of_a_call(const struct condition *planner);
/* "what, next try in 40s", or "what" where nothing is tried at a time. In the arena. */
const char *room_tried_text(const struct pool_facts *facts, const struct condition *condition,
                            const char *what, struct arena *arena);
/* "2 cooling, next free in 12s"; NULL: none cools. In the arena. */
const char *room_cooling_text(const struct pool_facts *facts, struct arena *arena);

#endif
