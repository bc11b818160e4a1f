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

struct prefix *act_hosts(struct round *round, const struct ip *addresses, size_t n)
{
        struct prefix *blocks = ARENA_ARRAY(round->arena, struct prefix, n);

        for (size_t i = 0; i < n; i++)
                blocks[i] = prefix_host(addresses[i]);
        return blocks;
}

static int assign_failed(struct reconcile *r, struct round *round, const struct store_eni *eni,
                         const struct err *cause, struct err *err)
{
        enum ec2_failure_class class = ec2_last_failure(r->ec2)->class;
        bool subnet_is_full = class == EC2_FAILURE_CAPACITY_SUBNET;
        /* A full subnet is no fault of the ENI: others in it need not try, those elsewhere may. */
        const char *subject = subnet_is_full ? eni->subnet_id : eni->eni_id;

        if (ec2_retry_repeat(EC2_ACTION_ASSIGN_ADDRESSES, class) != EC2_REPEAT_AFTER_LOOK &&
            store_eni_set_in_doubt(r->store, eni->key, false, err) < 0)
                return -(int)err->code;
        if (subnet_is_full &&
            blocked_after_failure(r, round, plan_action_to_string(PLAN_CREATE), subject, cause, err) < 0)
                return -(int)err->code;
        /* EC2 knows better than our table how many it takes: growth goes on elsewhere. */
        if (class == EC2_FAILURE_CAPACITY_ENI &&
            blocked_until(r, round, BLOCKED_FULL, subject, round->now_ms + ENI_FULL_MS, cause->msg, err) < 0)
                return -(int)err->code;
        return blocked_after_failure(r, round, plan_action_to_string(PLAN_ASSIGN), subject, cause, err);
}

int act_assign(struct reconcile *r, struct round *round, const struct plan_action *action,
               struct store_eni *eni, struct err *err)
{
        const char *name = plan_action_to_string(PLAN_ASSIGN);
        struct ip *addresses;
        struct err cause;
        unsigned n_new = 0;
        size_t n;

        if (store_eni_set_in_doubt(r->store, eni->key, true, err) < 0)
                return -(int)err->code;
        if (ec2_assign_addresses(r->ec2, eni->eni_id, action->count, round->arena, &addresses, &n, &cause) <
            0)
                return assign_failed(r, round, eni, &cause, err);
        /* Foreign EC2s answer with all addresses of the ENI, the primary one too. */
        for (size_t i = 0; i < n; i++) {
                if (ip_equal(addresses[i], eni->primary_address))
                        addresses[i--] = addresses[--n];
        }
        if (store_blocks_add(r->store, eni->key, act_hosts(round, addresses, n), n, &n_new, err) < 0 ||
            store_eni_set_in_doubt(r->store, eni->key, false, err) < 0)
                return -(int)err->code;
        round->progress = true;
        log_info("addresses assigned", LOG_STR("eni", eni->eni_id), LOG_INT("asked", action->count),
                 LOG_INT("new", n_new), LOG_STR("reason", action->reason));
        if (n_new == 0)
                return blocked_until(r, round, name, eni->eni_id, round->now_ms + LOOK_SETTLE_MS,
                                     "EC2 answered an assign call without a new address", err);
        if (blocked_clear(r, round, name, eni->eni_id, err) < 0)
                return -(int)err->code;
        return blocked_clear(r, round, name, eni->subnet_id, err);
}

static int unassign_call(struct reconcile *r, struct round *round, const struct store_eni *eni,
                         const struct prefix *blocks, size_t n, struct err *err)
{
        const char *name = plan_action_to_string(PLAN_UNASSIGN);
        struct ip *addresses = ARENA_ARRAY(round->arena, struct ip, n);
        enum ec2_failure_class class;
        struct err cause;

        for (size_t k = 0; k < n; k++)
                addresses[k] = blocks[k].ip;
        if (ec2_unassign_addresses(r->ec2, eni->eni_id, addresses, n, &cause) < 0) {
                class = ec2_last_failure(r->ec2)->class;
                if (class == EC2_FAILURE_GONE || class == EC2_FAILURE_REQUEST)
                        r->look_due_ms =
                                round->now_ms; /* some of them are not there any more: a look tells which */
                return blocked_after_failure(r, round, name, eni->eni_id, &cause, err);
        }
        round->progress = round->changed = true;
        log_info("addresses given back", LOG_STR("eni", eni->eni_id), LOG_INT("n", n));
        if (store_blocks_gone(r->store, eni->key, blocks, n, round->now_ms, err) < 0 ||
            blocked_clear(r, round, BLOCKED_FULL, eni->eni_id, err) < 0)
                return -(int)err->code;
        return blocked_clear(r, round, name, eni->eni_id, err);
}

int act_unassign(struct reconcile *r, struct round *round, const struct plan_action *action,
                 struct store_eni *eni, struct err *err)
{
        const char *name = plan_action_to_string(PLAN_UNASSIGN);
        struct prefix *blocks;
        size_t n;

        if (blocked_now(round, name, eni->eni_id)) {
                round_wake_at(round, blocked_find(round, name, eni->eni_id)->until_ms);
                return 0;
        }
        if (store_blocks_take(r->store, eni->key, action->count, round->now_ms, round->arena, &blocks, &n,
                              err) < 0)
                return -(int)err->code;
        if (!n)
                return 0;
        if (unassign_call(r, round, eni, blocks, n, err) < 0)
                return -(int)err->code;
        /* Nobody had asked for these before: EC2 has them still, for sure. */
        return act_is_slowed_down(r) ? store_blocks_restore(r->store, eni->key, blocks, n, err) : 0;
}

static int finish_unassign(struct reconcile *r, struct round *round, const struct store_eni *eni,
                           struct err *err)
{
        struct store_block *all;
        struct prefix *leaving;
        size_t n_all, n = 0;

        if (store_blocks(r->store, round->arena, &all, &n_all, err) < 0)
                return -(int)err->code;
        leaving = ARENA_ARRAY(round->arena, struct prefix, n_all);
        for (size_t i = 0; i < n_all; i++) {
                if (all[i].eni_key == eni->key && all[i].state == BLOCK_LEAVING)
                        leaving[n++] = all[i].prefix;
        }
        return n ? unassign_call(r, round, eni, leaving, n, err) : 0;
}

int act_finish_unassigns(struct reconcile *r, struct round *round, struct err *err)
{
        const char *name = plan_action_to_string(PLAN_UNASSIGN);

        for (size_t i = 0; i < round->n_enis; i++) {
                const struct store_eni *eni = &round->enis[i];
                const struct store_blocked *blocked = blocked_find(round, name, eni->eni_id);

                if (!eni->leaving || eni->state >= ENI_DETACHING || eni->untagged)
                        continue;
                if (blocked && blocked->until_ms > round->now_ms)
                        round_wake_at(round, blocked->until_ms);
                else if (finish_unassign(r, round, eni, err) < 0)
                        return err_wrap(err, "give back addresses of %s", eni->eni_id);
        }
        return 0;
}
