// SPDX-License-Identifier: Apache-2.0
/*
 * Carries out the plan: one function per kind of action. Each writes its intent down before the call and the outcome
 * after it, so that a daemon killed anywhere goes on there. A failure of EC2's is written down as blocked and is no error here;
 * an error is the store's, and ends the round.
 */
#include "reconcile/act.h"

#include <vpcwire/log.h>

#include "reconcile/blocked.h"
#include "reconcile/resync.h"

bool act_outcome_is_unknown(const struct ec2_result *result)
{
        return result->class == EC2_FAILURE_TRANSIENT || result->class == EC2_FAILURE_TRANSPORT;
}

bool act_is_slowed_down(const struct ec2_result *result)
{
        return result->class == EC2_FAILURE_THROTTLED || result->class == EC2_FAILURE_CREDENTIALS ||
               result->class == EC2_FAILURE_DENIED;
}

/* The plan named an ENI that the round does not know: our own invariant broke. */
static int unknown_eni(const struct plan_action *action, struct err *err)
{
        return err_set(err, ERR_INTERNAL, "%s of an unknown ENI %lld",
                       plan_action_kind_to_string(action->kind), (long long)action->key);
}

int act_give_up(struct context *ctx, struct round *round, struct eni *eni, const char *why,
                struct outcome *out, struct err *err)
{
        bool done;

        log_warn("eni abandoned", LOG_STR("eni", *eni->eni_id ? eni->eni_id : eni->client_token),
                 LOG_STR("reason", why));
        out->again = true;
        if (!*eni->eni_id)
                return store_eni_remove(ctx->store, eni->key, why, err);
        return store_eni_set_state(ctx->store, eni->key, ENI_DELETING, why, round->now_ms, &done, err);
}

static int act_resync(struct reconcile *r, struct round *round, const struct plan_action *action _unused_,
                      struct eni *eni _unused_, struct outcome *out, struct err *err)
{
        out->again = true;
        return look_at_ec2(r, round, out, err);
}

static int act_find_subnets(struct reconcile *r, struct round *round, const struct plan_action *action,
                            struct eni *none _unused_, struct outcome *out, struct err *err)
{
        return subnets_look_for_more(&r->subnets, &r->ctx, round, action, out, err);
}

static int act_drain(struct reconcile *r, struct round *round, const struct plan_action *action,
                     struct eni *eni, struct outcome *out, struct err *err)
{
        out->pool_changed = true;
        return store_eni_set_state(r->ctx.store, eni->key, ENI_DRAINING, action->reason, round->now_ms,
                                   &out->again, err);
}

static int act_undrain(struct reconcile *r, struct round *round, const struct plan_action *action,
                       struct eni *eni, struct outcome *out, struct err *err)
{
        out->resync_network = true;
        return store_eni_set_state(r->ctx.store, eni->key, ENI_CONFIGURING, action->reason, round->now_ms,
                                   &out->again, err);
}

/*
 * Detaching is written down first: from here on none of its addresses can be leased. The call is repeated until EC2
 * has answered it; once detached, a repeat fails with "not found", which is what we want to hear.
 */
static int act_detach(struct reconcile *r, struct round *round, const struct plan_action *action,
                      struct eni *eni, struct outcome *out, struct err *err)
{
        const enum condition_kind name = CONDITION_DETACH;
        bool done = eni->state >= ENI_DETACHING; /* one that was given up may be attached all the same */
        struct ec2_result result;
        struct err cause;

        if (!done && store_eni_set_state(r->ctx.store, eni->key, ENI_DETACHING, action->reason, round->now_ms,
                                         &done, err) < 0)
                return -(int)err->code;
        if (!done)
                return 0; /* an ADD was faster, or something cools */
        out->again = true;
        if (*eni->attachment_id &&
            r->ctx.ec2->ops->detach_eni(r->ctx.ec2, NULL, eni->attachment_id, &result, &cause) < 0 &&
            result.class != EC2_FAILURE_GONE)
                return blocked_after_failure(&r->ctx, round, name, eni->eni_id, &result, &cause, out, err);
        log_info("eni detached", LOG_STR("eni", eni->eni_id), LOG_STR("reason", action->reason));
        if (store_eni_set_attachment(r->ctx.store, eni->key, NULL, err) < 0)
                return -(int)err->code;
        return blocked_clear(&r->ctx, round, name, eni->eni_id, err);
}

static int act_delete(struct reconcile *r, struct round *round, const struct plan_action *action,
                      struct eni *eni, struct outcome *out, struct err *err)
{
        const enum condition_kind name = CONDITION_DELETE;
        bool done = eni->state == ENI_DELETING;
        struct ec2_result result;
        struct err cause;

        if (!done && store_eni_set_state(r->ctx.store, eni->key, ENI_DELETING, action->reason, round->now_ms,
                                         &done, err) < 0)
                return -(int)err->code;
        if (!done)
                return 0;
        if (r->ctx.ec2->ops->delete_eni(r->ctx.ec2, NULL, eni->eni_id, &result, &cause) < 0 &&
            result.class != EC2_FAILURE_GONE)
                return blocked_after_failure(&r->ctx, round, name, eni->eni_id, &result, &cause, out, err);
        out->again = out->pool_changed = true;
        log_info("eni deleted", LOG_STR("eni", eni->eni_id));
        if (store_eni_deleted(r->ctx.store, eni->key, round->now_ms, err) < 0)
                return -(int)err->code;
        return blocked_clear(&r->ctx, round, name, eni->eni_id, err);
}

static const struct {
        bool names_eni;
        int (*run)(struct reconcile *r, struct round *round, const struct plan_action *action,
                   struct eni *eni, struct outcome *out, struct err *err);
} actions[_PLAN_ACTION_MAX] = {
        [PLAN_RESYNC] = {false, act_resync}, [PLAN_FIND_SUBNETS] = {false, act_find_subnets},
        [PLAN_CREATE] = {false, act_create}, [PLAN_RECREATE] = {true, act_recreate},
        [PLAN_ATTACH] = {true, act_attach},  [PLAN_MARK] = {true, act_mark},
        [PLAN_ASSIGN] = {true, act_assign},  [PLAN_UNASSIGN] = {true, act_unassign},
        [PLAN_DRAIN] = {true, act_drain},    [PLAN_UNDRAIN] = {true, act_undrain},
        [PLAN_DETACH] = {true, act_detach},  [PLAN_DELETE] = {true, act_delete},
};

int act(struct reconcile *r, struct round *round, const struct plan_action *action, struct outcome *out,
        struct err *err)
{
        struct eni *eni = observe_eni(round, action->key);
        int e;

        log_debug("plan", LOG_STR("action", plan_action_kind_to_string(action->kind)),
                  LOG_STR("reason", action->reason), LOG_INT("count", action->count),
                  LOG_STR("eni", eni ? eni->eni_id : ""));
        if (actions[action->kind].names_eni && !eni)
                return unknown_eni(action, err);
        count_action(&r->ctx, action->kind, true);
        e = actions[action->kind].run(r, round, action, eni, out, err);
        count_action(&r->ctx, action->kind, false);
        if (e < 0 && eni)
                return err_wrap(err, "%s %s", plan_action_kind_to_string(action->kind), eni->eni_id);
        return e;
}
