// SPDX-License-Identifier: Apache-2.0
/*
 * An ENI comes to be: create (with its addresses, tags and a client token), attach, mark for deletion with the
 * instance. Three calls; each can be cut off anywhere and is taken up again from what the store says.
 */
#include <stdio.h>
#include <string.h>

#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include "reconcile/act.h"
#include "reconcile/blocked.h"
#include "reconcile/create_request.h"

/* It exists: creating -> attaching. */
static int take_in(struct groups *groups, struct context *ctx, struct round *round, struct eni *eni,
                   const struct ec2_eni *made, struct outcome *out, struct err *err)
{
        snprintf(eni->eni_id, sizeof(eni->eni_id), "%s", made->eni_id);
        eni->mac = made->mac;
        eni->primary_address = made->primary;
        out->again = out->pool_changed = true;
        groups_see(groups, made);
        log_info("eni created", LOG_STR("eni", eni->eni_id), LOG_STR("subnet", eni->subnet_id),
                 LOG_INT("addresses", made->n_secondary));
        if (store_eni_created(ctx->store, eni->key, eni, act_hosts(round, made->secondary, made->n_secondary),
                              made->n_secondary, round->now_ms, err) < 0 ||
            blocked_clear(ctx, round, CONDITION_RECREATE, eni->client_token, err) < 0 ||
            blocked_clear(ctx, round, CONDITION_CREATE, eni->subnet_id, err) < 0)
                return -(int)err->code;
        return blocked_clear(ctx, round, CONDITION_CREATE, "", err);
}

/* Describe may lag behind the create call that was answered to nobody: looked for a few times. */
static int not_shown(struct context *ctx, struct round *round, struct eni *eni, const struct err *cause,
                     struct outcome *out, struct err *err)
{
        const enum condition_kind recreate = CONDITION_RECREATE;
        unsigned attempts = blocked_attempts(round, CONDITION_TOKEN_NOT_SHOWN, eni->client_token);
        int64_t until_ms;

        if (attempts + 1 >= TOKEN_RESYNCS_MAX) {
                if (blocked_clear(ctx, round, recreate, eni->client_token, err) < 0 ||
                    blocked_clear(ctx, round, CONDITION_TOKEN_NOT_SHOWN, eni->client_token, err) < 0)
                        return -(int)err->code;
                return act_give_up(ctx, round, eni, "EC2 does not show the ENI that its client token made",
                                   out, err);
        }
        until_ms = clock_boottime_ms() +
                   ec2_retry_delay_ms(EC2_FAILURE_TOKEN_USED, attempts, context_random(ctx));
        if (blocked_until(ctx, round, CONDITION_TOKEN_NOT_SHOWN, eni->client_token, until_ms,
                          CAUSE_TOKEN_USED, cause->msg, out, err) < 0)
                return -(int)err->code;
        return blocked_until(ctx, round, recreate, eni->client_token, until_ms, CAUSE_TOKEN_USED, cause->msg,
                             out, err);
}

/*
 * The token made an ENI, and we would ask for another now: settings (tags, security groups) changed since. It is found by
 * its tag and taken in as it is; attached already, it is left to the next resync.
 */
static int find_by_token(struct groups *groups, struct context *ctx, struct round *round, struct eni *eni,
                         const struct err *cause, struct outcome *out, struct err *err)
{
        const enum condition_kind recreate = CONDITION_RECREATE;
        const struct ec2_filter filters[] = {{"tag:" OURS_TAG_TOKEN, eni->client_token},
                                             {"tag:" OURS_TAG_INSTANCE, ctx->identity.instance_id}};
        const struct ec2_selection which = {.filters = filters, .n_filters = ARRAY_SIZE(filters)};
        const struct ec2_call_options options = {.follow_up = true};
        struct ec2_result result;
        struct ec2_eni_list made;
        struct err second;

        if (ctx->ec2->ops->describe_enis(ctx->ec2, &options, &which, round->arena, &made, &result, &second) <
            0)
                return blocked_after_failure(ctx, round, recreate, eni->client_token, &result, &second, out,
                                             err);
        if (made.n == 0)
                return not_shown(ctx, round, eni, cause, out, err);
        if (made.n == 1 && !made.enis->attached && strcmp(made.enis->subnet_id, eni->subnet_id) == 0)
                return take_in(groups, ctx, round, eni, made.enis, out, err);
        outcome_resync_ec2(out, round->now_ms);
        if (blocked_clear(ctx, round, recreate, eni->client_token, err) < 0)
                return -(int)err->code;
        return act_give_up(ctx, round, eni, "the ENI that its client token made is in use already", out, err);
}

/* What another subnet may mend is the subnet's; all else keeps us from creating anywhere. */
static const char *create_subject(const struct ec2_result *result, const struct eni *eni)
{
        return result->class == EC2_FAILURE_CAPACITY_SUBNET || result->class == EC2_FAILURE_GONE
                       ? eni->subnet_id
                       : "";
}

/*
 * A refusal says that this call made nothing; of an earlier one with the same token, whose answer never came, it says
 * something only if EC2 looked at the request itself.
 */
static int create_failed(struct groups *groups, struct context *ctx, struct round *round, struct eni *eni,
                         bool repeated, const struct ec2_result *result, const struct err *cause,
                         struct outcome *out, struct err *err)
{
        const enum condition_kind create = CONDITION_CREATE, recreate = CONDITION_RECREATE;

        if (result->class == EC2_FAILURE_TOKEN_USED)
                return find_by_token(groups, ctx, round, eni, cause, out, err);
        if (act_outcome_is_unknown(result) || (repeated && act_is_slowed_down(result)))
                return blocked_after_failure(ctx, round, recreate, eni->client_token, result, cause, out,
                                             err);
        if (blocked_after_failure(ctx, round, create, create_subject(result, eni), result, cause, out, err) <
                    0 ||
            blocked_clear(ctx, round, recreate, eni->client_token, err) < 0)
                return -(int)err->code;
        return store_eni_remove(ctx->store, eni->key, cause->msg, err);
}

static int create_call(struct groups *groups, struct context *ctx, struct round *round, struct eni *eni,
                       bool repeated, struct outcome *out, struct err *err)
{
        struct ec2_create_eni request;
        struct ec2_result result;
        struct ec2_eni made;
        struct err cause;

        create_request_make(ctx, round->arena, eni->subnet_id, eni->client_token, &request);
        request.secondary_addresses = eni->asked_addresses;
        if (ctx->ec2->ops->create_eni(ctx->ec2, NULL, &request, round->arena, &made, &result, &cause) < 0)
                return create_failed(groups, ctx, round, eni, repeated, &result, &cause, out, err);
        return take_in(groups, ctx, round, eni, &made, out, err);
}

int act_create(struct reconcile *r, struct round *round, const struct plan_action *action,
               struct eni *none _unused_, struct outcome *out, struct err *err)
{
        struct context *ctx = &r->ctx;
        struct subnet *other = subnets_find(&r->subnets, action->subnet_id);
        struct eni eni = {.state = ENI_CREATING,
                          .managed = true,
                          .subnet_cidr = other ? other->cidr : ctx->identity.subnet_cidr,
                          .device_index = action->device_index,
                          .asked_addresses = action->count};

        /* An earlier action of the same plan has learnt that the subnet is full: the next plan goes elsewhere. */
        if (blocked_now(round, CONDITION_CREATE, action->subnet_id)) {
                out->again = true;
                return 0;
        }
        snprintf(eni.subnet_id, sizeof(eni.subnet_id), "%s", action->subnet_id);
        if (other)
                other->available -= other->available > action->count ? action->count + 1 : other->available;
        if (create_request_token(eni.client_token, err) < 0 ||
            store_eni_begin(ctx->store, &eni, round->now_ms, &eni.key, err) < 0)
                return -(int)err->code;
        return create_call(&r->groups, ctx, round, &eni, false, out, err);
}

int act_recreate(struct reconcile *r, struct round *round, const struct plan_action *action _unused_,
                 struct eni *eni, struct outcome *out, struct err *err)
{
        return create_call(&r->groups, &r->ctx, round, eni, true, out, err);
}

static unsigned count_attached(const struct round *round)
{
        unsigned n = 0;

        for (size_t i = 0; i < round->n_enis; i++)
                n += *round->enis[i].attachment_id != '\0';
        return n;
}

/* Refused for sure: nothing is in doubt any more, which would keep it from being deleted. */
static int give_up_attaching(struct context *ctx, struct round *round, struct eni *eni, const char *why,
                             struct outcome *out, struct err *err)
{
        if (store_eni_set_in_doubt(ctx->store, eni->key, false, err) < 0)
                return -(int)err->code;
        return act_give_up(ctx, round, eni, why, out, err);
}

/*
 * Whether EC2 has refused it often enough. What says nothing about the ENI (throttled, put off, denied, no answer) is an
 * attempt for the pace of the next one, and none here.
 */
static int refused_too_often(struct context *ctx, struct round *round, const struct eni *eni,
                             const struct ec2_result *result, const struct err *cause, bool *ret,
                             struct outcome *out, struct err *err)
{
        int64_t until_ms = blocked_until_ms(round, CONDITION_ATTACH, eni->eni_id);

        *ret = false;
        if (act_is_slowed_down(result) || act_outcome_is_unknown(result))
                return 0;
        if (blocked_until(ctx, round, CONDITION_ATTACH_REFUSED, eni->eni_id, until_ms,
                          blocked_cause(result->class), cause->msg, out, err) < 0)
                return -(int)err->code;
        *ret = blocked_attempts(round, CONDITION_ATTACH_REFUSED, eni->eni_id) > ATTACH_ATTEMPTS_MAX;
        return 0;
}

static int attach_failed(struct resync *resync, struct context *ctx, struct round *round, struct eni *eni,
                         const struct ec2_result *result, const struct err *cause, struct outcome *out,
                         struct err *err)
{
        const enum condition_kind name = CONDITION_ATTACH;
        enum ec2_repeat repeat = ec2_retry_repeat(EC2_ACTION_ATTACH_ENI, result->class);
        bool too_often;

        if (blocked_after_failure(ctx, round, name, eni->eni_id, result, cause, out, err) < 0 ||
            refused_too_often(ctx, round, eni, result, cause, &too_often, out, err) < 0)
                return -(int)err->code;
        if (result->class == EC2_FAILURE_CAPACITY_INSTANCE) {
                /* EC2 knows better than our table how many this instance takes. */
                resync->max_enis_seen = count_attached(round);
                resync->max_enis_seen_ms = round->now_ms;
                return give_up_attaching(ctx, round, eni, cause->msg, out, err);
        }
        if (repeat == EC2_REPEAT_NEVER || too_often)
                return give_up_attaching(ctx, round, eni, cause->msg, out, err);
        if (repeat == EC2_REPEAT_AFTER_RESYNC)
                return 0; /* in doubt: the planner asks for a resync before anything else is done with it */
        return store_eni_set_in_doubt(ctx->store, eni->key, false, err);
}

int act_attach(struct reconcile *r, struct round *round, const struct plan_action *action, struct eni *eni,
               struct outcome *out, struct err *err)
{
        struct context *ctx = &r->ctx;
        const char *attachment_id;
        struct ec2_result result;
        struct err cause;

        if (action->device_index != eni->device_index) {
                eni->device_index = action->device_index;
                if (store_eni_set_device(ctx->store, eni->key, eni->device_index, err) < 0)
                        return -(int)err->code;
        }
        if (store_eni_set_in_doubt(ctx->store, eni->key, true, err) < 0)
                return -(int)err->code;
        if (ctx->ec2->ops->attach_eni(ctx->ec2, NULL, eni->eni_id, ctx->identity.instance_id,
                                      eni->device_index, round->arena, &attachment_id, &result, &cause) < 0)
                return attach_failed(&r->resync, ctx, round, eni, &result, &cause, out, err);
        snprintf(eni->attachment_id, sizeof(eni->attachment_id), "%s", attachment_id);
        out->again = true;
        log_info("eni attached", LOG_STR("eni", eni->eni_id), LOG_INT("device", eni->device_index));
        if (store_eni_set_attachment(ctx->store, eni->key, attachment_id, err) < 0 ||
            store_eni_set_in_doubt(ctx->store, eni->key, false, err) < 0 ||
            blocked_clear(ctx, round, CONDITION_ATTACH_REFUSED, eni->eni_id, err) < 0)
                return -(int)err->code;
        return blocked_clear(ctx, round, CONDITION_ATTACH, eni->eni_id, err);
}

int act_mark(struct reconcile *r, struct round *round, const struct plan_action *action _unused_,
             struct eni *eni, struct outcome *out, struct err *err)
{
        struct context *ctx = &r->ctx;
        const enum condition_kind name = CONDITION_MARK;
        struct ec2_result result;
        struct err cause;
        bool done;

        if (ctx->ec2->ops->set_delete_on_termination(ctx->ec2, NULL, eni->eni_id, eni->attachment_id, &result,
                                                     &cause) < 0) {
                if (result.class == EC2_FAILURE_GONE)
                        outcome_resync_ec2(out, round->now_ms);
                return blocked_after_failure(ctx, round, name, eni->eni_id, &result, &cause, out, err);
        }
        out->again = true;
        out->resync_network = true;
        if (eni->doubted) /* of before the boot: the last resync could not show what it has */
                outcome_resync_ec2(out, round->now_ms);
        if (store_eni_set_state(ctx->store, eni->key, ENI_CONFIGURING, "attached", round->now_ms, &done,
                                err) < 0)
                return -(int)err->code;
        return blocked_clear(ctx, round, name, eni->eni_id, err);
}
