// SPDX-License-Identifier: Apache-2.0
/* What a plan says to people: why the pool cannot grow, and why it does not shrink. */
#include <string.h>

#include <vpcwire/log.h>

#include "reconcile/blocked.h"

enum { STUCK_MS = 60 * 1000 }; /* how long "the pool cannot grow" stands where the plan names no time */

/* Of several reasons a limit is what somebody must act on, unless a place will be had without anybody's doing. */
static enum condition_cause cause_of(const struct plan *plan)
{
        static const enum condition_cause first[] = {CAUSE_ENI_LEAVING, CAUSE_ENI_LIMIT, CAUSE_POD_LIMIT,
                                                     CAUSE_TYPE_LIMIT};

        for (size_t k = 0; k < ARRAY_SIZE(first); k++) {
                for (size_t i = 0; i < plan->n_stuck; i++) {
                        if (plan_cause(plan->stuck[i].reason) == first[k])
                                return first[k];
                }
        }
        return plan_cause(plan->stuck[0].reason);
}

/* Or what is shown (numbers, times) is older than the plan. */
static bool is_current(const struct condition *before, enum condition_cause cause, const char *message,
                       int64_t now_ms)
{
        return before && before->retry_at_ms > now_ms && before->cause == cause &&
               strcmp(before->message, message) == 0;
}

/* Why the pool cannot grow is for people who wait; it stands beside the other conditions. */
static int tell_stuck(struct context *ctx, struct round *round, const struct plan *plan, struct outcome *out,
                      struct err *err)
{
        const struct condition *before = blocked_find(round, CONDITION_GROW, "");
        int64_t until_ms = plan->wake_ms ?: round->now_ms + STUCK_MS;
        enum condition_cause cause;
        const char *message;

        if (!plan->n_stuck || plan->n)
                return blocked_clear(ctx, round, CONDITION_GROW, "", err);
        cause = cause_of(plan);
        message = plan_stuck_text(plan, round->arena);
        if (is_current(before, cause, message, round->now_ms))
                return 0;
        if (!before)
                log_warn("the pool cannot grow", LOG_STR("reason", message),
                         LOG_INT("missing", plan->shortage));
        return blocked_say(ctx, round, CONDITION_GROW, "", until_ms, cause, message, out, err);
}

static int tell_kept(struct context *ctx, struct round *round, const struct plan *plan, struct outcome *out,
                     struct err *err)
{
        const struct condition *before = blocked_find(round, CONDITION_SHRINK, "");
        const char *message;

        if (!plan->kept)
                return blocked_clear(ctx, round, CONDITION_SHRINK, "", err);
        message = plan_kept_text(plan, round->arena);
        if (is_current(before, CAUSE_PUBLIC_ADDRESS, message, round->now_ms))
                return 0;
        if (!before)
                log_info("eni kept", LOG_STR("reason", message));
        return blocked_say(ctx, round, CONDITION_SHRINK, "", round->now_ms + CONDITION_STANDS_MS,
                           CAUSE_PUBLIC_ADDRESS, message, out, err);
}

int tell_plan(struct context *ctx, struct round *round, const struct plan *plan, struct outcome *out,
              struct err *err)
{
        if (tell_stuck(ctx, round, plan, out, err) < 0)
                return -(int)err->code;
        return tell_kept(ctx, round, plan, out, err);
}
