// SPDX-License-Identifier: Apache-2.0
/* Reads the store into the round: what the planner and the acts look at. */
#include "reconcile/blocked.h"

/* A block that ended long ago says nothing any more: its ENI may be gone, its attempts are no row of failures. */
static int forget_old_blocks(struct context *ctx, struct round *round, struct err *err)
{
        size_t n = 0;

        for (size_t i = 0; i < round->n_conditions; i++) {
                const struct condition *blocked = &round->conditions[i];

                if (blocked->retry_at_ms + BLOCKED_FORGET_MS > round->now_ms)
                        round->conditions[n++] = *blocked;
                else if (store_condition_clear(ctx->store, blocked->kind, blocked->object, err) < 0)
                        return -(int)err->code;
        }
        round->n_conditions = n;
        return 0;
}

int observe_store(struct context *ctx, struct round *round, struct err *err)
{
        if (store_enis(ctx->store, round->now_ms, round->arena, &round->enis, &round->n_enis, err) < 0 ||
            store_conditions(ctx->store, round->arena, &round->conditions, &round->n_conditions, err) < 0 ||
            forget_old_blocks(ctx, round, err) < 0 ||
            store_counts(ctx->store, round->now_ms, &round->counts, err) < 0)
                return err_wrap(err, "read the pool");
        return 0;
}

struct eni *observe_eni(struct round *round, int64_t key)
{
        for (size_t i = 0; i < round->n_enis; i++) {
                if (round->enis[i].key == key)
                        return &round->enis[i];
        }
        return NULL;
}
