// SPDX-License-Identifier: Apache-2.0
/* What a plan says to people: why the pool cannot grow, and why it does not shrink. */
#include <string.h>

#include <vpcwire/log.h>

#include "reconcile/blocked.h"

enum { STUCK_MS = 60 * 1000 }; /* how long "the pool cannot grow" stands where the plan names no time */

/* Why the pool cannot grow is for people who wait; it stands beside the other blocked things. */
static int tell_stuck(struct context *ctx, struct round *round, const struct plan *plan, struct outcome *out,
                      struct err *err)
{
        const struct store_blocked *before = blocked_find(round, RECONCILE_STEP_GROW, "");
        int64_t until_ms = plan->wake_ms ?: round->now_ms + STUCK_MS;

        if (!plan->stuck || plan->n)
                return blocked_clear(ctx, round, RECONCILE_STEP_GROW, "", err);
        if (before && before->until_ms > round->now_ms && strcmp(before->reason, plan->stuck) == 0)
                return 0;
        if (!before)
                log_warn("the pool cannot grow", LOG_STR("reason", plan->stuck),
                         LOG_INT("missing", plan->shortage));
        return blocked_say(ctx, round, RECONCILE_STEP_GROW, "", until_ms, plan->stuck, out, err);
}

static int tell_kept(struct context *ctx, struct round *round, const struct plan *plan, struct outcome *out,
                     struct err *err)
{
        const struct store_blocked *before = blocked_find(round, RECONCILE_STEP_SHRINK, "");

        if (!plan->kept)
                return blocked_clear(ctx, round, RECONCILE_STEP_SHRINK, "", err);
        if (before && before->until_ms > round->now_ms && strcmp(before->reason, plan->kept) == 0)
                return 0;
        if (!before)
                log_info("an eni is not given back", LOG_STR("reason", plan->kept));
        return blocked_say(ctx, round, RECONCILE_STEP_SHRINK, "", round->now_ms + TOLD_MS, plan->kept, out,
                           err);
}

int tell_plan(struct context *ctx, struct round *round, const struct plan *plan, struct outcome *out,
              struct err *err)
{
        if (tell_stuck(ctx, round, plan, out, err) < 0)
                return -(int)err->code;
        return tell_kept(ctx, round, plan, out, err);
}
