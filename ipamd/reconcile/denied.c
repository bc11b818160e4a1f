// SPDX-License-Identifier: Apache-2.0
/*
 * A denied action names itself once, as an event, and once more when it is allowed again. What was reported is a fact in the
 * store, so that a restart does not tell it anew.
 */
#include <vpcwire/log.h>

#include "reconcile/report.h"

static const char *fact_of(struct arena *arena, const char *action)
{
        return arena_printf(arena, "%s/%s", RECONCILE_FACT_DENIED, action);
}

static int read_fact(struct context *ctx, struct arena *arena, const char *action, bool *ret, struct err *err)
{
        const char *text;

        if (store_fact_get(ctx->store, fact_of(arena, action), arena, &text, err) < 0)
                return -(int)err->code;
        *ret = text && *text;
        return 0;
}

static int tell(struct context *ctx, struct arena *arena, const char *action, bool denied, const char *why,
                struct err *err)
{
        bool before = false;

        if (read_fact(ctx, arena, action, &before, err) < 0)
                return -(int)err->code;
        if (before == denied)
                return 0;
        if (store_event_add(ctx->store, denied ? EVENT_EC2_DENIED : EVENT_EC2_ALLOWED, action,
                            denied ? why : "EC2 allows it again", err) < 0)
                return -(int)err->code;
        return store_fact_set(ctx->store, fact_of(arena, action), denied ? why : "", err);
}

int denied_known(struct context *ctx, struct arena *arena, enum ec2_action action, bool *ret, struct err *err)
{
        return read_fact(ctx, arena, ec2_action_to_string(action), ret, err);
}

void denied_observe(void *data, enum ec2_action id, const struct ec2_result *result, const char *why)
{
        const char *action = ec2_action_to_string(id);
        _cleanup_(arena_freep) struct arena *arena = NULL;
        struct context *ctx = data;
        struct err err;

        if (result->class != EC2_FAILURE_DENIED && result->class != EC2_FAILURE_NONE)
                return; /* says nothing of permissions */
        arena = arena_new();
        if (tell(ctx, arena, action, result->class == EC2_FAILURE_DENIED, why, &err) < 0)
                log_error("writing a permission's change failed", LOG_STR("action", action), LOG_ERR(&err));
}

void denied_recall(struct context *ctx)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct err err;

        for (int i = 0; i < _EC2_ACTION_MAX; i++) {
                const char *action = ec2_action_to_string((enum ec2_action)i);
                bool denied = false;

                if (read_fact(ctx, arena, action, &denied, &err) == 0)
                        metrics_set(ctx->options.metrics, METRIC_EC2_DENIED, LABELS(action), denied);
                else
                        log_error("reading denied actions failed", LOG_STR("action", action), LOG_ERR(&err));
        }
}
