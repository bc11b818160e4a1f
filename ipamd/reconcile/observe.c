// SPDX-License-Identifier: Apache-2.0
/* Reads the store into the round: what the planner and the acts look at. */
#include "reconcile/state.h"

/* A block that ended long ago says nothing any more: its ENI may be gone, its attempts are no row of failures. */
static int forget_old_blocks(struct reconcile *r, struct round *round, struct err *err)
{
        size_t n = 0;

        for (size_t i = 0; i < round->n_blocked; i++) {
                const struct store_blocked *blocked = &round->blocked[i];

                if (blocked->until_ms + BLOCKED_FORGET_MS > round->now_ms)
                        round->blocked[n++] = *blocked;
                else if (store_blocked_clear(r->store, blocked->action, blocked->subject, err) < 0)
                        return -(int)err->code;
        }
        round->n_blocked = n;
        return 0;
}

int observe_store(struct reconcile *r, struct round *round, struct err *err)
{
        if (store_enis(r->store, round->now_ms, round->arena, &round->enis, &round->n_enis, err) < 0 ||
            store_blocked(r->store, round->arena, &round->blocked, &round->n_blocked, err) < 0 ||
            forget_old_blocks(r, round, err) < 0 ||
            store_counts(r->store, round->now_ms, &round->counts, err) < 0)
                return err_wrap(err, "read the pool");
        return 0;
}

struct store_eni *observe_eni(struct round *round, int64_t key)
{
        for (size_t i = 0; i < round->n_enis; i++) {
                if (round->enis[i].key == key)
                        return &round->enis[i];
        }
        return NULL;
}
