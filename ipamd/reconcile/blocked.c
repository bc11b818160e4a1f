// SPDX-License-Identifier: Apache-2.0
/*
 * What EC2 refused, and when it may be asked again. Kept in the store: it outlives a restart (a crash loop must not turn
 * into a storm of calls) and is what a waiting ADD and `ipamctl status` are told.
 */
#include <stdio.h>
#include <string.h>

#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include "cloud/ec2_retry.h"
#include "reconcile/blocked.h"

const struct store_blocked *blocked_find(const struct round *round, const char *action, const char *subject)
{
        for (size_t i = 0; i < round->n_blocked; i++) {
                if (strcmp(round->blocked[i].action, action) == 0 &&
                    strcmp(round->blocked[i].subject, subject) == 0)
                        return &round->blocked[i];
        }
        return NULL;
}

int64_t blocked_until_ms(const struct round *round, const char *action, const char *subject)
{
        const struct store_blocked *blocked = blocked_find(round, action, subject);

        return blocked ? blocked->until_ms : 0;
}

unsigned blocked_attempts(const struct round *round, const char *action, const char *subject)
{
        const struct store_blocked *blocked = blocked_find(round, action, subject);

        return blocked ? blocked->attempts : 0;
}

bool blocked_now(const struct round *round, const char *action, const char *subject)
{
        return blocked_until_ms(round, action, subject) > round->now_ms;
}

bool blocked_waits(const struct round *round, const char *action, const char *subject, struct outcome *out)
{
        bool blocked = blocked_now(round, action, subject);

        if (blocked)
                outcome_wake(out, blocked_until_ms(round, action, subject));
        return blocked;
}

/* The round's copy must not be older than the store's: later actions of the same round look at it. */
static void remember(struct round *round, const struct store_blocked *blocked)
{
        struct store_blocked *copy = ARENA_ARRAY(round->arena, struct store_blocked, round->n_blocked + 1);
        size_t n = 0;

        for (size_t i = 0; i < round->n_blocked; i++) {
                if (strcmp(round->blocked[i].action, blocked->action) != 0 ||
                    strcmp(round->blocked[i].subject, blocked->subject) != 0)
                        copy[n++] = round->blocked[i];
        }
        copy[n++] = *blocked;
        round->blocked = copy;
        round->n_blocked = n;
}

static int write_down(struct context *ctx, struct round *round, struct store_blocked blocked,
                      struct outcome *out, struct err *err)
{
        blocked.action = arena_strdup(round->arena, blocked.action);
        blocked.subject = arena_strdup(round->arena, blocked.subject);
        blocked.reason = arena_strdup(round->arena, blocked.reason);
        remember(round, &blocked);
        out->pool_changed = true; /* a waiting ADD may now be told more */
        outcome_wake(out, blocked.until_ms);
        return store_blocked_set(ctx->store, &blocked, err);
}

/* For people. EC2's own words stay where we have no better ones. */
static const char *sentence(struct arena *arena, enum ec2_failure_class class, const char *subject,
                            const char *cause)
{
        if (class == EC2_FAILURE_CAPACITY_SUBNET)
                return arena_printf(arena, "subnet %s " RECONCILE_SUBNET_FULL, subject);
        if (class == EC2_FAILURE_CAPACITY_ACCOUNT)
                return "the account has as many ENIs in this region as EC2 allows it "
                       "(" RECONCILE_ACCOUNT_FULL ")";
        if (class == EC2_FAILURE_CREDENTIALS)
                return arena_printf(arena, RECONCILE_NO_CREDENTIALS ": %s", cause);
        if (class == EC2_FAILURE_THROTTLED)
                return arena_printf(arena, "throttled: %s", cause);
        return cause;
}

int blocked_say(struct context *ctx, struct round *round, const char *action, const char *subject,
                int64_t until_ms, const char *reason, struct outcome *out, struct err *err)
{
        return write_down(
                ctx, round,
                (struct store_blocked){
                        .action = action, .subject = subject, .reason = reason, .until_ms = until_ms},
                out, err);
}

int blocked_until(struct context *ctx, struct round *round, const char *action, const char *subject,
                  int64_t until_ms, const char *reason, struct outcome *out, struct err *err)
{
        return write_down(ctx, round,
                          (struct store_blocked){.action = action,
                                                 .subject = subject,
                                                 .reason = reason,
                                                 .until_ms = until_ms,
                                                 .attempts = blocked_attempts(round, action, subject) + 1},
                          out, err);
}

/* The call was not made: nothing failed, so no attempt is counted and nobody needs to hear of it. */
static int keep_pace(struct context *ctx, struct round *round, const char *action, const char *subject,
                     int64_t wait_ms, const struct err *cause, struct outcome *out, struct err *err)
{
        metrics_add(ctx->options.metrics, METRIC_EC2_PACED, LABELS(action), 1);
        log_debug("ec2 call put off", LOG_STR("action", action), LOG_STR("subject", subject),
                  LOG_INT("again_in_ms", wait_ms));
        return write_down(ctx, round,
                          (struct store_blocked){.action = action,
                                                 .subject = subject,
                                                 .reason = cause->msg,
                                                 .until_ms = clock_boottime_ms() + wait_ms,
                                                 .attempts = blocked_attempts(round, action, subject)},
                          out, err);
}

int blocked_after_failure(struct context *ctx, struct round *round, const char *action, const char *subject,
                          const struct ec2_result *result, const struct err *cause, struct outcome *out,
                          struct err *err)
{
        unsigned attempt = blocked_attempts(round, action, subject) + 1;
        int64_t delay_ms = ec2_retry_delay_ms(result->class, attempt - 1, context_random(ctx));

        out->again = true; /* what cannot be had here, the next plan may get elsewhere */
        if (ec2_result_is_pause(result))
                return keep_pace(ctx, round, action, subject, result->wait_ms, cause, out, err);
        if (result->wait_ms)
                delay_ms = result->wait_ms;
        log_warn("ec2 call failed", LOG_STR("action", action), LOG_STR("subject", subject),
                 LOG_STR("class", ec2_failure_class_to_string(result->class)), LOG_STR("code", result->code),
                 LOG_STR("request_id", result->request_id), LOG_INT("attempt", attempt),
                 LOG_INT("again_in_ms", delay_ms), LOG_ERR(cause));
        return blocked_until(ctx, round, action, subject, clock_boottime_ms() + delay_ms,
                             sentence(round->arena, result->class, subject, cause->msg), out, err);
}

int blocked_clear(struct context *ctx, struct round *round, const char *action, const char *subject,
                  struct err *err)
{
        struct store_blocked *copy;
        size_t n = 0;

        if (!blocked_find(round, action, subject))
                return 0;
        copy = ARENA_ARRAY(round->arena, struct store_blocked, round->n_blocked);
        for (size_t i = 0; i < round->n_blocked; i++) {
                if (strcmp(round->blocked[i].action, action) != 0 ||
                    strcmp(round->blocked[i].subject, subject) != 0)
                        copy[n++] = round->blocked[i];
        }
        round->blocked = copy;
        round->n_blocked = n;
        return store_blocked_clear(ctx->store, action, subject, err);
}
