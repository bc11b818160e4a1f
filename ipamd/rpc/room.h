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

/* "9 of 9 in use, t3.small's limit", or "3 of at most 9 in use": the counts of both Status and refusals. In the arena. */
const char *room_counts_text(const struct pool_facts *facts, struct arena *arena);

/* Why the planner cannot grow the pool: the call that is put off, else the planner's own word; NULL: it can, or need not. */
const struct condition *room_stopped_by(const struct pool_facts *facts);

#endif
