// SPDX-License-Identifier: Apache-2.0
#include "reconcile/state.h"

#include <stdlib.h>

#include <vpcwire/clock.h>

void reconcile_done(struct reconcile *r)
{
        wake_done(&r->wake);
        resync_done(&r->resync);
        withhold_done(&r->network.withholding);
        mark_forget(&r->unmarked);
        groups_forget(&r->groups);
        probe_forget(&r->probe);
        subnets_forget(&r->subnets);
        context_done(&r->ctx);
}

/*
 * With ENIs in the database the daemon serves first and looks afterwards, with one call. Without, or where EC2 was not asked since
 * the boot, the resync is what it starts from: nothing is offered before it. What a lost or older database has left behind is
 * looked for when it serves.
 */
static int first_resync(struct reconcile *r, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        int64_t now_ms = clock_boottime_ms();
        int64_t after_start_ms =
                now_ms + RESYNC_AFTER_START_MS + (int64_t)(context_random(&r->ctx) % RESYNC_AFTER_START_MS);
        const char *looked;
        struct eni *enis;
        size_t n;

        if (store_enis(r->ctx.store, now_ms, arena, &enis, &n, err) < 0 ||
            store_fact_get(r->ctx.store, STORE_FACT_RESYNCED, arena, &looked, err) < 0)
                return -(int)err->code;
        r->resync.first = !n || !looked;
        r->resync.due_ms = r->resync.first ? now_ms : after_start_ms;
        ours_sweep_at(&r->sweep, r->resync.first ? after_start_ms : now_ms + OURS_SWEEP_PERIOD_MS);
        return 0;
}

/* What the store says of the life before: what is due when. */
static int recall(struct reconcile *r, struct err *err)
{
        const struct takeover_options takeover = context_takeover(&r->ctx);
        struct outcome out = {0};

        if (first_resync(r, err) < 0 || takeover_start(&r->takeover, &takeover, &out, err) < 0)
                return -(int)err->code;
        denied_recall(&r->ctx);
        subnet_counts_start(&r->subnet_counts, &r->ctx, clock_boottime_ms());
        r->resync.due_ms = outcome_earlier(r->resync.due_ms, out.resync_ec2_ms);
        return 0;
}

int reconcile_open(struct reconcile *r, const struct reconcile_options *options, struct err *err)
{
        *r = (struct reconcile){.network = {.due = true}};
        wake_init(&r->wake);
        if (context_open(&r->ctx, options, err) < 0)
                return -(int)err->code;
        return recall(r, err);
}
