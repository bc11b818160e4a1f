// SPDX-License-Identifier: Apache-2.0
/*
 * Addresses come to an ENI and go back. An assign whose outcome is unknown is looked at before the next one; an
 * unassign names its addresses, so it is simply repeated until EC2 has answered it: they are leaving, and no
 * ADD can get one in the meantime. Where EC2 refuses the first call for a reason of its own (rate, permission), they are
 * free as before, and it is put off.
 */
#include <string.h>

#include <vpcwire/log.h>

#include "reconcile/act.h"
#include "reconcile/blocked.h"

struct prefix *act_hosts(struct round *round, const struct ip *addresses, size_t n)
{
        struct prefix *blocks = ARENA_ARRAY(round->arena, struct prefix, n);

        for (size_t i = 0; i < n; i++)
                blocks[i] = prefix_host(addresses[i]);
        return blocks;
}

static int assign_failed(struct context *ctx, struct round *round, const struct eni *eni,
                         const struct ec2_result *result, const struct err *cause, struct outcome *out,
                         struct err *err)
{
        enum ec2_failure_class class = result->class;
        bool subnet_is_full = class == EC2_FAILURE_CAPACITY_SUBNET;
        /* A full subnet is no fault of the ENI: others in it need not try, those elsewhere may. */
        const char *subject = subnet_is_full ? eni->subnet_id : eni->eni_id;

        if (ec2_retry_repeat(EC2_ACTION_ASSIGN_ADDRESSES, class) != EC2_REPEAT_AFTER_RESYNC &&
            store_eni_set_in_doubt(ctx->store, eni->key, false, err) < 0)
                return -(int)err->code;
        if (subnet_is_full &&
            blocked_after_failure(ctx, round, CONDITION_CREATE, subject, result, cause, out, err) < 0)
                return -(int)err->code;
        /* EC2 knows better than our table how many it takes: growth goes on elsewhere. */
        if (class == EC2_FAILURE_CAPACITY_ENI &&
            blocked_until(ctx, round, CONDITION_ENI_FULL, subject, round->now_ms + ENI_FULL_MS,
                          CAUSE_CAPACITY_ENI, cause->msg, out, err) < 0)
                return -(int)err->code;
        return blocked_after_failure(ctx, round, CONDITION_ASSIGN, subject, result, cause, out, err);
}

int act_assign(struct reconcile *r, struct round *round, const struct plan_action *action, struct eni *eni,
               struct outcome *out, struct err *err)
{
        const enum condition_kind name = CONDITION_ASSIGN;
        struct context *ctx = &r->ctx;
        struct ec2_result result;
        struct ip *addresses;
        struct err cause;
        unsigned n_new = 0;
        size_t n;

        if (store_eni_set_in_doubt(ctx->store, eni->key, true, err) < 0)
                return -(int)err->code;
        if (ctx->ec2->ops->assign_addresses(ctx->ec2, NULL, eni->eni_id, action->count, round->arena,
                                            &addresses, &n, &result, &cause) < 0)
                return assign_failed(ctx, round, eni, &result, &cause, out, err);
        /* Foreign EC2s answer with all addresses of the ENI, the primary one too. */
        for (size_t i = 0; i < n; i++) {
                if (ip_equal(addresses[i], eni->primary_address))
                        addresses[i--] = addresses[--n];
        }
        if (store_blocks_add(ctx->store, eni->key, act_hosts(round, addresses, n), n, &n_new, err) < 0 ||
            store_eni_set_in_doubt(ctx->store, eni->key, false, err) < 0)
                return -(int)err->code;
        out->again = true;
        log_info("addresses assigned", LOG_STR("eni", eni->eni_id), LOG_INT("asked", action->count),
                 LOG_INT("new", n_new), LOG_STR("reason", action->reason));
        if (n_new == 0)
                return blocked_until(ctx, round, name, eni->eni_id, round->now_ms + RESYNC_SETTLE_MS,
                                     CAUSE_NOTHING_NEW, "EC2 answered an assign call without a new address",
                                     out, err);
        if (blocked_clear(ctx, round, name, eni->eni_id, err) < 0)
                return -(int)err->code;
        return blocked_clear(ctx, round, name, eni->subnet_id, err);
}

/* What EC2 said is in *result, and written down. */
static int unassign_call(struct context *ctx, struct round *round, const struct eni *eni,
                         const struct prefix *blocks, size_t n, struct ec2_result *result,
                         struct outcome *out, struct err *err)
{
        const enum condition_kind name = CONDITION_UNASSIGN;
        struct ip *addresses = ARENA_ARRAY(round->arena, struct ip, n);
        struct err cause;

        for (size_t k = 0; k < n; k++)
                addresses[k] = blocks[k].ip;
        if (ctx->ec2->ops->unassign_addresses(ctx->ec2, NULL, eni->eni_id, addresses, n, result, &cause) <
            0) {
                if (result->class == EC2_FAILURE_GONE || result->class == EC2_FAILURE_REQUEST)
                        outcome_resync_ec2(out, round->now_ms); /* some are not there any more: which? */
                return blocked_after_failure(ctx, round, name, eni->eni_id, result, &cause, out, err);
        }
        out->again = out->pool_changed = true;
        log_info("addresses given back", LOG_STR("eni", eni->eni_id), LOG_INT("n", n));
        if (store_blocks_gone(ctx->store, eni->key, blocks, n, round->now_ms, err) < 0 ||
            blocked_clear(ctx, round, CONDITION_ENI_FULL, eni->eni_id, err) < 0)
                return -(int)err->code;
        return blocked_clear(ctx, round, name, eni->eni_id, err);
}

int act_unassign(struct reconcile *r, struct round *round, const struct plan_action *action, struct eni *eni,
                 struct outcome *out, struct err *err)
{
        const enum condition_kind name = CONDITION_UNASSIGN;
        struct context *ctx = &r->ctx;
        struct ec2_result result;
        struct prefix *blocks;
        size_t n;

        if (blocked_waits(round, name, eni->eni_id, out))
                return 0;
        if (store_blocks_take(ctx->store, eni->key, action->count, round->now_ms, round->arena, &blocks, &n,
                              err) < 0)
                return -(int)err->code;
        if (!n)
                return 0;
        if (unassign_call(ctx, round, eni, blocks, n, &result, out, err) < 0)
                return -(int)err->code;
        /* Nobody had asked for these before: EC2 has them still, for sure. */
        return act_is_slowed_down(&result) ? store_blocks_restore(ctx->store, eni->key, blocks, n, err) : 0;
}

static int finish_unassign(struct context *ctx, struct round *round, const struct eni *eni,
                           struct outcome *out, struct err *err)
{
        struct ec2_result result;
        struct block *all;
        struct prefix *leaving;
        size_t n_all, n = 0;

        if (store_blocks(ctx->store, round->arena, &all, &n_all, err) < 0)
                return -(int)err->code;
        leaving = ARENA_ARRAY(round->arena, struct prefix, n_all);
        for (size_t i = 0; i < n_all; i++) {
                if (all[i].eni_key == eni->key && all[i].state == BLOCK_LEAVING)
                        leaving[n++] = all[i].prefix;
        }
        return n ? unassign_call(ctx, round, eni, leaving, n, &result, out, err) : 0;
}

int act_finish_unassigns(struct context *ctx, struct round *round, struct outcome *out, struct err *err)
{
        const enum condition_kind name = CONDITION_UNASSIGN;

        for (size_t i = 0; i < round->n_enis; i++) {
                const struct eni *eni = &round->enis[i];

                if (!eni->leaving || eni->state >= ENI_DETACHING || eni->untagged ||
                    blocked_waits(round, name, eni->eni_id, out))
                        continue;
                if (finish_unassign(ctx, round, eni, out, err) < 0)
                        return err_wrap(err, "give back addresses of %s", eni->eni_id);
        }
        return 0;
}
