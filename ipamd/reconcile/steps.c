// SPDX-License-Identifier: Apache-2.0
/*
 * One round: observe, plan, act, a table of steps from top to bottom. Each hands back what it leaves to be done, and here it
 * becomes one answer: when the next round is due.
 */
#include "reconcile/steps.h"

#include <assert.h>

#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include "reconcile/act.h"
#include "reconcile/blocked.h"
#include "reconcile/state.h"

/* What a step or an act has left: for the steps behind it, and for those that look when they are due. */
static void settle(struct reconcile *r, struct round *round, const struct outcome *out)
{
        outcome_add(&round->so_far, out);
        r->network.due |= out->resync_network;
        r->resync.due_ms = outcome_earlier(r->resync.due_ms, out->resync_ec2_ms);
}

/* ---- the steps: each is given what it works with ---- */

static int observe_again(struct reconcile *r, struct round *round, struct outcome *out _unused_,
                         struct err *err)
{
        const size_t n_enis = round->n_enis;

        if (!round->so_far.pool_changed)
                return 0;
        if (observe_store(&r->ctx, round, err) < 0)
                return -(int)err->code;
        assert(round->n_enis ==
               n_enis); /* they come and go by acts; round->link_present is of the same ones */
        return 0;
}

static int observe(struct reconcile *r, struct round *round, struct outcome *out _unused_, struct err *err)
{
        return observe_store(&r->ctx, round, err);
}

static int learn_identity(struct reconcile *r, struct round *round, struct outcome *out, struct err *err)
{
        return identity_learn(&r->ctx, &r->changes, &r->takeover, round, out, err);
}

static int sync_network(struct reconcile *r, struct round *round, struct outcome *out, struct err *err)
{
        return network_sync(&r->network, &r->ctx, &r->takeover, r->resync.unlearned, round, out, err);
}

static int take_over(struct reconcile *r, struct round *round, struct outcome *out, struct err *err)
{
        const struct takeover_options options = context_takeover(&r->ctx);
        const struct takeover_round now = {
                .arena = round->arena,
                .now_ms = round->now_ms,
                .enis = round->enis,
                .n_enis = round->n_enis,
                .network_due = r->network.due,
        };

        return takeover_step(&r->takeover, &options, &now, out, err);
}

static int reclaim(struct reconcile *r, struct round *round, struct outcome *out, struct err *err)
{
        return network_reclaim(&r->reclaim, &r->ctx, round, out, err);
}

static int watch_firewalls(struct reconcile *r, struct round *round, struct outcome *out, struct err *err)
{
        return firewall_watch(&r->firewalls, &r->ctx, round, out, err);
}

static int tag(struct reconcile *r, struct round *round, struct outcome *out, struct err *err)
{
        return tag_primary(&r->tag, &r->ctx, round, out, err);
}

static int sweep(struct reconcile *r, struct round *round, struct outcome *out, struct err *err)
{
        return ours_sweep(&r->sweep, &r->ctx, round, out, err);
}

static int count_subnets(struct reconcile *r, struct round *round, struct outcome *out, struct err *err)
{
        return subnet_counts_follow(&r->subnet_counts, &r->ctx, &r->subnets, round, out, err);
}

/* Pure, but for what is told of it. */
static int make_plan(struct reconcile *r, struct round *round, struct plan *ret, struct outcome *out,
                     struct err *err)
{
        struct plan_view view;

        view_make(r, round, &view);
        plan_make(&view, &r->ctx.settings.targets, &r->ctx.limits, round->now_ms, round->arena, ret);
        count_plan(&r->ctx, ret);
        if (!ret->surplus)
                r->surplus_since_ms = 0;
        else if (!r->surplus_since_ms) {
                r->surplus_since_ms = round->now_ms;
                outcome_wake(out, round->now_ms + plan_shrink_delay_ms(&r->ctx.settings.targets));
        }
        outcome_wake(out, ret->wake_ms);
        if (tell_plan(&r->ctx, round, ret, out, err) < 0)
                return err_wrap(err, "note why the pool stays as it is");
        return 0;
}

int round_carry_out(struct reconcile *r, struct round *round, const struct plan *plan, bool *ret_all,
                    struct err *err)
{
        *ret_all = false;
        for (size_t i = 0; i < plan->n; i++) {
                struct outcome out = {0};
                int e = act(r, round, &plan->actions[i], &out, err);

                settle(r, round, &out);
                if (e < 0)
                        return e;
                if (i + 1 < plan->n && (plan->actions[i].kind == PLAN_RESYNC || wake_is_urgent(&r->wake)))
                        return 0;
        }
        *ret_all = true;
        return 0;
}

static int plan_and_act(struct reconcile *r, struct round *round, struct outcome *out, struct err *err)
{
        struct plan plan;
        bool all;

        if (make_plan(r, round, &plan, out, err) < 0 || round_carry_out(r, round, &plan, &all, err) < 0)
                return -(int)err->code;
        if (!all) {
                out->again = true;
                return 0;
        }
        if (mark_repeat(&r->unmarked, &r->ctx, round, out, err) < 0 ||
            groups_follow(&r->groups, &r->ctx, round, out, err) < 0)
                return -(int)err->code;
        return act_finish_unassigns(&r->ctx, round, out, err);
}

/* What a round is made of; a step that fails ends it, and is a condition until it succeeds again. */
static const struct {
        enum condition_kind kind;
        int (*run)(struct reconcile *r, struct round *round, struct outcome *out, struct err *err);
} steps[] = {
        /* clang-format off */
        /* Observe: the database; who this node is; the kernel, repaired in the same step (network.c says why), and its pods. */
        {CONDITION_STEP_STORE, observe},
        {CONDITION_STEP_IDENTITY, learn_identity},
        {CONDITION_STEP_NETWORK, sync_network},
        {CONDITION_STEP_TAKEOVER, take_over},
        {CONDITION_STEP_RECLAIM, reclaim},
        {CONDITION_STEP_STORE, observe_again},
        {CONDITION_STEP_FIREWALLS, watch_firewalls},
        /* Plan, and act: EC2. A resync observes, and costs a call: the plan says when, and the next round plans on it. */
        {CONDITION_STEP_PLAN, plan_and_act},
        /* What nothing waits for. */
        {CONDITION_STEP_TAG_PRIMARY, tag},
        {CONDITION_STEP_ORPHANS, sweep},
        {CONDITION_STEP_STORE, count_subnets}, /* whose only failure is the store's */
        /* clang-format on */
};

static void step_failed(struct reconcile *r, struct round *round, enum condition_kind kind,
                        const struct err *why)
{
        const char *name = condition_kind_to_string(kind);
        struct outcome out = {0};
        struct err err;

        log_error("reconcile failed", LOG_STR("step", name), LOG_ERR(why));
        metrics_add(r->ctx.options.metrics, METRIC_AWSCNI_ERRORS, LABELS(name), 1);
        if (blocked_until(&r->ctx, round, kind, "", round->now_ms + ROUND_RETRY_MS, CAUSE_STEP_FAILED,
                          why->msg, &out, &err) < 0)
                log_error("writing the condition failed", LOG_ERR(&err));
        settle(r, round, &out);
}

static int run_steps(struct reconcile *r, struct round *round)
{
        for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
                struct outcome out = {0};
                struct err err;
                int e = steps[i].run(r, round, &out, &err);

                settle(r, round, &out);
                if (e == 0)
                        e = blocked_clear(&r->ctx, round, steps[i].kind, "", &err);
                if (e == 0)
                        continue;
                step_failed(r, round, steps[i].kind, &err);
                return e;
        }
        return 0;
}

/* What failed and is not needed any more ends with a look after its time. What is needed has its try then. */
static void look_when_over(struct round *round)
{
        for (size_t i = 0; i < round->n_conditions; i++) {
                const struct condition *condition = &round->conditions[i];

                if (condition->attempts && condition->retry_at_ms > round->now_ms)
                        outcome_wake(&round->so_far, condition->retry_at_ms);
        }
}

int64_t round_run(struct reconcile *r)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct round round = {.arena = arena, .now_ms = clock_boottime_ms()};
        int e = run_steps(r, &round);
        struct outcome probed = {0};

        /* Also where a step failed: nothing of what comes after it is under way. */
        if (e < 0 || !round.so_far.again)
                r->looked_ms = round.now_ms;
        count_round(&r->ctx, r->resync.resynced_ms);
        health_tell(&r->health, &r->ctx);
        probe_run(&r->probe, &r->ctx, &r->wake, &round, &probed);
        settle(r, &round, &probed);
        if (round.so_far.pool_changed)
                r->ctx.options.changed(r->ctx.options.changed_data);
        if (e == 0 && round.so_far.again)
                return 0;
        look_when_over(&round);
        outcome_wake(&round.so_far, e < 0 ? round.now_ms + ROUND_RETRY_MS : r->network.due_ms);
        return round.so_far.wake_ms ?: -1;
}
