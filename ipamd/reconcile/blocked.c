// SPDX-License-Identifier: Apache-2.0
/*
 * What EC2 refused, and when it may be asked again. Kept in the store: it outlives a restart (a crash loop must not turn
 * into a storm of calls) and is what a waiting ADD and `ipamctl status` show.
 */
#include <assert.h>
#include <string.h>

#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include "cloud/ec2_retry.h"
#include "reconcile/blocked.h"

static bool is_it(const struct condition *condition, enum condition_kind kind, const char *object)
{
        return condition->kind == kind && strcmp(condition->object, object) == 0;
}

const struct condition *blocked_find(const struct round *round, enum condition_kind kind, const char *object)
{
        for (size_t i = 0; i < round->n_conditions; i++) {
                if (is_it(&round->conditions[i], kind, object))
                        return &round->conditions[i];
        }
        return NULL;
}

int64_t blocked_until_ms(const struct round *round, enum condition_kind kind, const char *object)
{
        const struct condition *condition = blocked_find(round, kind, object);

        return condition ? condition->retry_at_ms : 0;
}

unsigned blocked_attempts(const struct round *round, enum condition_kind kind, const char *object)
{
        const struct condition *condition = blocked_find(round, kind, object);

        return condition ? condition->attempts : 0;
}

bool blocked_now(const struct round *round, enum condition_kind kind, const char *object)
{
        return blocked_until_ms(round, kind, object) > round->now_ms;
}

bool blocked_waits(const struct round *round, enum condition_kind kind, const char *object,
                   struct outcome *out)
{
        bool blocked = blocked_now(round, kind, object);

        if (blocked)
                outcome_wake(out, blocked_until_ms(round, kind, object));
        return blocked;
}

/* The round's copy must not be older than the store's: later actions of the same round look at it. */
static void forget(struct round *round, enum condition_kind kind, const char *object)
{
        struct condition *copy = ARENA_ARRAY(round->arena, struct condition, round->n_conditions + 1);
        size_t n = 0;

        for (size_t i = 0; i < round->n_conditions; i++) {
                if (!is_it(&round->conditions[i], kind, object))
                        copy[n++] = round->conditions[i];
        }
        round->conditions = copy;
        round->n_conditions = n;
}

static int write_down(struct context *ctx, struct round *round, struct condition condition,
                      struct outcome *out, struct err *err)
{
        condition.object = arena_strdup(round->arena, condition.object);
        condition.message = arena_strdup(round->arena, condition.message);
        forget(round, condition.kind, condition.object);
        round->conditions[round->n_conditions++] = condition;
        out->pool_changed = true; /* a waiting ADD may now be told more */
        outcome_wake(out, condition.retry_at_ms);
        return store_condition_set(ctx->store, &condition, err);
}

enum condition_cause blocked_cause(enum ec2_failure_class class)
{
        static const enum condition_cause causes[_EC2_FAILURE_MAX] = {
                [EC2_FAILURE_THROTTLED] = CAUSE_THROTTLED,
                [EC2_FAILURE_TRANSIENT] = CAUSE_TRANSIENT,
                [EC2_FAILURE_TRANSPORT] = CAUSE_TRANSPORT,
                [EC2_FAILURE_CAPACITY_SUBNET] = CAUSE_CAPACITY_SUBNET,
                [EC2_FAILURE_CAPACITY_ENI] = CAUSE_CAPACITY_ENI,
                [EC2_FAILURE_CAPACITY_INSTANCE] = CAUSE_CAPACITY_INSTANCE,
                [EC2_FAILURE_CAPACITY_ACCOUNT] = CAUSE_CAPACITY_ACCOUNT,
                [EC2_FAILURE_GONE] = CAUSE_GONE,
                [EC2_FAILURE_IN_USE] = CAUSE_IN_USE,
                [EC2_FAILURE_TOKEN_USED] = CAUSE_TOKEN_USED,
                [EC2_FAILURE_DENIED] = CAUSE_DENIED,
                [EC2_FAILURE_CREDENTIALS] = CAUSE_CREDENTIALS,
                [EC2_FAILURE_REQUEST] = CAUSE_REQUEST,
        };

        assert(class > EC2_FAILURE_NONE && class < _EC2_FAILURE_MAX);
        return causes[class];
}

int blocked_say(struct context *ctx, struct round *round, enum condition_kind kind, const char *object,
                int64_t until_ms, enum condition_cause cause, const char *message, struct outcome *out,
                struct err *err)
{
        return write_down(ctx, round,
                          (struct condition){.kind = kind,
                                             .object = object,
                                             .cause = cause,
                                             .message = message,
                                             .retry_at_ms = until_ms},
                          out, err);
}

int blocked_until(struct context *ctx, struct round *round, enum condition_kind kind, const char *object,
                  int64_t until_ms, enum condition_cause cause, const char *message, struct outcome *out,
                  struct err *err)
{
        return write_down(ctx, round,
                          (struct condition){.kind = kind,
                                             .object = object,
                                             .cause = cause,
                                             .message = message,
                                             .attempts = blocked_attempts(round, kind, object) + 1,
                                             .retry_at_ms = until_ms},
                          out, err);
}

/* The call was not made: nothing failed, so no attempt is counted and nobody needs to hear of it. */
static int keep_pace(struct context *ctx, struct round *round, enum condition_kind kind, const char *object,
                     int64_t wait_ms, const struct err *why, struct outcome *out, struct err *err)
{
        const char *action = condition_kind_to_string(kind);

        metrics_add(ctx->options.metrics, METRIC_EC2_PACED, LABELS(action), 1);
        log_debug("ec2 call deferred", LOG_STR("action", action), LOG_STR("object", object),
                  LOG_INT("retry_in_ms", wait_ms));
        return write_down(ctx, round,
                          (struct condition){.kind = kind,
                                             .object = object,
                                             .cause = CAUSE_PACED,
                                             .message = why->msg,
                                             .attempts = blocked_attempts(round, kind, object),
                                             .retry_at_ms = clock_boottime_ms() + wait_ms},
                          out, err);
}

int blocked_after_failure(struct context *ctx, struct round *round, enum condition_kind kind,
                          const char *object, const struct ec2_result *result, const struct err *why,
                          struct outcome *out, struct err *err)
{
        unsigned attempt = blocked_attempts(round, kind, object) + 1;
        int64_t delay_ms = ec2_retry_delay_ms(result->class, attempt - 1, context_random(ctx));

        out->again = true; /* what cannot be had here, the next plan may get elsewhere */
        if (result->paced)
                return keep_pace(ctx, round, kind, object, result->wait_ms, why, out, err);
        if (result->wait_ms)
                delay_ms = result->wait_ms;
        log_warn("ec2 call failed", LOG_STR("action", condition_kind_to_string(kind)),
                 LOG_STR("object", object), LOG_STR("class", ec2_failure_class_to_string(result->class)),
                 LOG_STR("code", result->code), LOG_STR("request_id", result->request_id),
                 LOG_INT("attempt", attempt), LOG_INT("retry_in_ms", delay_ms), LOG_ERR(why));
        return blocked_until(ctx, round, kind, object, clock_boottime_ms() + delay_ms,
                             blocked_cause(result->class), why->msg, out, err);
}

int blocked_clear(struct context *ctx, struct round *round, enum condition_kind kind, const char *object,
                  struct err *err)
{
        if (!blocked_find(round, kind, object))
                return 0;
        forget(round, kind, object);
        return store_condition_clear(ctx->store, kind, object, err);
}
