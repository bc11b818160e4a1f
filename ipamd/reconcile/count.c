// SPDX-License-Identifier: Apache-2.0
/* What the reconciler does, in numbers: each call to EC2, each plan, each repair; and the state that is not in the database. */
#include <stdio.h>

#include <vpcwire/clock.h>

#include "metrics/calls.h"
#include "reconcile/report.h"

static void keep_call(struct context *ctx, const char *action, const struct ec2_result *result,
                      const char *why)
{
        struct calls_entry entry = {.at_wall_ms = clock_wall_ms(),
                                    .took_us = result->took_us,
                                    .http_status =
                                            result->class == EC2_FAILURE_NONE ? 200 : result->http_status};

        snprintf(entry.action, sizeof(entry.action), "%s", action);
        snprintf(entry.class, sizeof(entry.class), "%s", ec2_failure_class_to_string(result->class));
        snprintf(entry.code, sizeof(entry.code), "%s", result->code);
        if (result->class != EC2_FAILURE_NONE)
                snprintf(entry.why, sizeof(entry.why), "%s", why);
        calls_add(ctx->options.calls, &entry);
}

static const char *status_text(const struct ec2_result *result, char text[static 16])
{
        snprintf(text, 16, "%ld", result->class == EC2_FAILURE_NONE ? 200L : result->http_status);
        return result->class != EC2_FAILURE_NONE && !result->http_status ? "" : text;
}

void count_ec2_call(void *data, enum ec2_action id, const struct ec2_result *result, const char *why)
{
        const char *action = ec2_action_to_string(id);
        struct context *ctx = data;
        const char *class = ec2_failure_class_to_string(result->class);
        struct metrics *metrics = ctx->options.metrics;
        bool failed = result->class != EC2_FAILURE_NONE;

        if (result->dry_run) { /* looking changes nothing: not what alerts and the page go by */
                metrics_add(metrics, METRIC_EC2_DRY_RUNS, LABELS(action), 1);
                return;
        }
        denied_observe(data, id, result, why);
        keep_call(data, action, result, why);
        metrics_add(metrics, METRIC_EC2_CALLS, LABELS(action, class), 1);
        metrics_observe(metrics, METRIC_EC2_SECONDS, LABELS(action), result->took_us);
        metrics_add(metrics, METRIC_EC2_THROTTLES, NO_LABELS, result->class == EC2_FAILURE_THROTTLED);
        if (result->class == EC2_FAILURE_DENIED || !failed)
                metrics_set(metrics, METRIC_EC2_DENIED, LABELS(action), failed);
        metrics_add(metrics, METRIC_AWSCNI_EC2_REQUESTS, LABELS(action), 1);
        metrics_observe(metrics, METRIC_AWSCNI_API_LATENCY,
                        LABELS(action, failed ? "true" : "false", status_text(result, (char[16]){0})),
                        result->took_us);
        if (!failed)
                return;
        metrics_add(metrics, METRIC_AWSCNI_EC2_ERRORS, LABELS(action), 1);
        metrics_add(metrics, METRIC_AWSCNI_API_ERRORS, LABELS(action, class), 1);
}

void count_plan(struct context *ctx, const struct plan *plan)
{
        struct metrics *metrics = ctx->options.metrics;

        metrics_set(metrics, METRIC_POOL_TARGET, NO_LABELS, plan->target);
        metrics_set(metrics, METRIC_POOL_SURPLUS, NO_LABELS, plan->surplus);
        metrics_set(metrics, METRIC_POOL_MISSING, LABELS(METRIC_GROWING), plan->n_stuck ? 0 : plan->shortage);
        for (int cause = CAUSE_OF_PLAN_FIRST; cause <= CAUSE_OF_PLAN_LAST; cause++)
                metrics_set(metrics, METRIC_POOL_MISSING, LABELS(condition_cause_names[cause]),
                            plan->causes & (UINT64_C(1) << cause) ? plan->shortage : 0);
}

static const enum metric_operation operations[_PLAN_ACTION_MAX] = {
        [PLAN_RESYNC] = METRIC_OPERATION_RESYNC,   [PLAN_FIND_SUBNETS] = METRIC_OPERATION_INCREASE,
        [PLAN_CREATE] = METRIC_OPERATION_INCREASE, [PLAN_RECREATE] = METRIC_OPERATION_INCREASE,
        [PLAN_ATTACH] = METRIC_OPERATION_INCREASE, [PLAN_MARK] = METRIC_OPERATION_INCREASE,
        [PLAN_ASSIGN] = METRIC_OPERATION_INCREASE, [PLAN_UNASSIGN] = METRIC_OPERATION_DECREASE,
        [PLAN_DRAIN] = METRIC_OPERATION_DECREASE,  [PLAN_UNDRAIN] = METRIC_OPERATION_INCREASE,
        [PLAN_DETACH] = METRIC_OPERATION_DECREASE, [PLAN_DELETE] = METRIC_OPERATION_DECREASE,
};

void count_action(struct context *ctx, enum plan_action_kind kind, bool begins)
{
        if (begins)
                metrics_add(ctx->options.metrics, METRIC_ACTIONS, LABELS(plan_action_kind_to_string(kind)),
                            1);
        metrics_set(ctx->options.metrics, METRIC_AWSCNI_IN_PROGRESS,
                    LABELS(metric_operation_names[operations[kind]]), begins);
}

void count_repairs(struct context *ctx, const struct node_repairs *repaired)
{
        const unsigned counts[_METRIC_REPAIR_MAX] = {
                [METRIC_REPAIR_LINKS] = repaired->links,
                [METRIC_REPAIR_ADDRESSES] = repaired->addresses,
                [METRIC_REPAIR_ROUTES] = repaired->routes,
                [METRIC_REPAIR_RULES] = repaired->rules,
                [METRIC_REPAIR_NEIGHBOURS] = repaired->neighbours,
                [METRIC_REPAIR_NFT] = repaired->nft,
                [METRIC_REPAIR_SYSCTLS] = repaired->sysctls,
        };

        for (int i = 0; i < _METRIC_REPAIR_MAX; i++)
                metrics_add(ctx->options.metrics, METRIC_REPAIRS, LABELS(metric_repair_names[i]), counts[i]);
}

void count_round(struct context *ctx, int64_t resynced_ms)
{
        struct metrics *metrics = ctx->options.metrics;
        struct credentials_health credentials;
        int64_t since_ms, expires_wall_ms;

        metrics_add(metrics, METRIC_ROUNDS, NO_LABELS, 1);
        metrics_set(metrics, METRIC_RESYNC_AGE, NO_LABELS, resynced_ms);
        credentials_get_health(ctx->credentials, &credentials);
        metrics_set(metrics, METRIC_CREDENTIALS_FAILING, NO_LABELS, credentials.failing);
        if (credentials_times(ctx->credentials, &since_ms, &expires_wall_ms)) {
                metrics_set(metrics, METRIC_CREDENTIALS_AGE, NO_LABELS, since_ms);
                metrics_set(metrics, METRIC_CREDENTIALS_EXPIRY, NO_LABELS, expires_wall_ms);
        }
        for (int class = 0; class < _PACE_CLASS_MAX && ctx->ec2; class ++)
                metrics_set(metrics, METRIC_EC2_PACE, LABELS(pace_class_to_string((enum pace_class) class)),
                            ctx->ec2->ops->pace_rate(ctx->ec2, (enum pace_class) class));
}
