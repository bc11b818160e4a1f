// SPDX-License-Identifier: Apache-2.0
/*
 * One round: observe, plan, act, a table of steps from top to bottom. Each hands back what it leaves to be done, and here it
 * becomes one answer: when the next round is due.
 */
#include "reconcile/round.h"

#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include "reconcile/ours.h"

/* What a step or an act has left: for the steps behind it, and for those that look when they are due. */
static void settle(struct reconcile *r, struct round *round, const struct outcome *out)
{
        outcome_add(&round->so_far, out);
        r->network_due |= out->resync_network;
        r->look_due_ms = outcome_earlier(r->look_due_ms, out->resync_ec2_ms);
}

static int observe_again(struct reconcile *r, struct round *round, struct outcome *out _unused_,
                         struct err *err)
{
        return round->so_far.pool_changed ? observe_store(r, round, err) : 0;
}

static int observe(struct reconcile *r, struct round *round, struct outcome *out _unused_, struct err *err)
{
        return observe_store(r, round, err);
}

/* All of the plan, unless somebody broke the host's network meanwhile: that is healed before the next call. *ret_all: all. */
static int carry_out(struct reconcile *r, struct round *round, const struct plan *plan, bool *ret_all,
                     struct err *err)
{
        *ret_all = false;
        for (size_t i = 0; i < plan->n; i++) {
                struct outcome out = {0};
                int e = act(r, round, &plan->actions[i], &out, err);

                settle(r, round, &out);
                if (e < 0)
                        return e;
                if (i + 1 < plan->n && network_is_wanted(r))
                        return 0;
        }
        *ret_all = true;
        return 0;
}

static int plan_and_act(struct reconcile *r, struct round *round, struct outcome *out, struct err *err)
{
        struct plan_view view;
        struct plan plan;
        bool all;

        view_make(r, round, &view);
        plan_make(&view, &r->settings.targets, &r->limits, round->now_ms, round->arena, &plan);
        count_plan(r, &plan);
        if (!plan.surplus)
                r->surplus_since_ms = 0;
        else if (!r->surplus_since_ms) {
                r->surplus_since_ms = round->now_ms;
                outcome_wake(out, round->now_ms + plan_shrink_delay_ms(&r->settings.targets));
        }
        if (tell_plan(r, round, &plan, out, err) < 0)
                return err_wrap(err, "note why the pool stays as it is");
        outcome_wake(out, plan.wake_ms);
        if (carry_out(r, round, &plan, &all, err) < 0)
                return -(int)err->code;
        if (!all) {
                out->again = true;
                return 0;
        }
        if (mark_repeat(r, round, out, err) < 0 || groups_follow(r, round, out, err) < 0)
                return -(int)err->code;
        return act_finish_unassigns(r, round, out, err);
}

/* What a round is made of; a step that fails ends it, and is told under its name until it succeeds again. */
static const struct {
        const char *name;
        int (*run)(struct reconcile *r, struct round *round, struct outcome *out, struct err *err);
} steps[] = {
        {"store", observe},
        {"identity", identity_learn},
        {RECONCILE_STEP_NETWORK, network_sync},
        {"takeover", takeover_step},
        {"reclaim", network_reclaim},
        {"store", observe_again},
        {"firewalls", firewall_watch},
        {"plan", plan_and_act},
        {"tag-primary", tag_primary},
        {"orphans", ours_sweep},
};

static void step_failed(struct reconcile *r, struct round *round, const char *name, const struct err *why)
{
        struct outcome out = {0};
        struct err err;

        log_error("round failed", LOG_STR("step", name), LOG_ERR(why));
        metrics_add(r->options.metrics, METRIC_AWSCNI_ERRORS, LABELS(name), 1);
        if (blocked_until(r, round, name, "", round->now_ms + ROUND_RETRY_MS, why->msg, &out, &err) < 0)
                log_error("why it failed is not written down", LOG_ERR(&err));
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
                        e = blocked_clear(r, round, steps[i].name, "", &err);
                if (e == 0)
                        continue;
                step_failed(r, round, steps[i].name, &err);
                return e;
        }
        return 0;
}

int64_t round_run(struct reconcile *r)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct round round = {.arena = arena, .now_ms = clock_boottime_ms()};
        int e = run_steps(r, &round);
        struct outcome probed = {0};

        count_round(r);
        health_tell(r);
        probe_run(r, &round, &probed);
        settle(r, &round, &probed);
        if (round.so_far.pool_changed)
                r->options.changed(r->options.changed_data);
        if (e == 0 && round.so_far.again)
                return 0;
        outcome_wake(&round.so_far, e < 0 ? round.now_ms + ROUND_RETRY_MS : r->network_due_ms);
        return round.so_far.wake_ms ?: -1;
}
