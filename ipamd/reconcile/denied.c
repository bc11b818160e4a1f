// SPDX-License-Identifier: Apache-2.0
/*
 * A denied action names itself once, as an event, and once more when it is allowed again. What was told is a fact in the
 * store, so that a restart does not tell it anew.
 */
#include <vpcwire/log.h>

#include "reconcile/state.h"

static const char KIND_DENIED[] = "ec2-denied", KIND_ALLOWED[] = "ec2-allowed";

static int tell(struct reconcile *r, struct arena *arena, const char *action, bool denied, const char *why,
                struct err *err)
{
        const char *fact = arena_printf(arena, "%s/%s", RECONCILE_FACT_DENIED, action), *before;

        if (store_fact_get(r->store, fact, arena, &before, err) < 0)
                return -(int)err->code;
        if ((before && *before) == denied)
                return 0;
        if (store_event_add(r->store, denied ? KIND_DENIED : KIND_ALLOWED, action,
                            denied ? why : "EC2 carries it out again", err) < 0)
                return -(int)err->code;
        return store_fact_set(r->store, fact, denied ? why : "", err);
}

int denied_known(struct reconcile *r, struct arena *arena, const char *action, bool *ret, struct err *err)
{
        const char *told;

        if (store_fact_get(r->store, arena_printf(arena, "%s/%s", KIND_DENIED, action), arena, &told, err) <
            0)
                return -(int)err->code;
        *ret = told && *told;
        return 0;
}

void denied_observe(void *data, const char *action, const struct ec2_failure *failure, const char *why)
{
        _cleanup_(arena_freep) struct arena *arena = NULL;
        struct reconcile *r = data;
        struct err err;

        if (failure->dry_run || (failure->class != EC2_FAILURE_DENIED && failure->class != EC2_FAILURE_NONE))
                return; /* says nothing of permissions */
        arena = arena_new();
        if (tell(r, arena, action, failure->class == EC2_FAILURE_DENIED, why, &err) < 0)
                log_error("a permission's change is not written down", LOG_STR("action", action),
                          LOG_ERR(&err));
}
