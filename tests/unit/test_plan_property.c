// SPDX-License-Identifier: Apache-2.0
/*
 * 10,000 random histories of a node. Each action of each plan is held against the rules (plan_model.c); when the node
 * comes to rest, the pool must come to its targets, driven by nothing but plan.wake_ms and what happens in the world,
 * and then nothing more may be planned. The seed is printed; VPCWIRE_SEED repeats it.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "plan_model.h"

enum { HISTORIES = 10000, MOST_ROUNDS_TO_REST = 400 };

static uint64_t seed, current; /* current: the history that is on; as a seed, it comes first */

static void live(struct model *model, struct arena *arena)
{
        unsigned rounds = 5 + model_random(model, 30), mood = 1 + model_random(model, 9);

        for (unsigned i = 0; i < rounds; i++) {
                struct plan plan;
                unsigned pods = model_random(model, 6);

                for (unsigned p = 0; p < pods; p++) {
                        if (model_random(model, 10) < mood)
                                model_add_pod(model);
                        else
                                model_delete_pod(model);
                }
                model->now_ms += model_random(model, model_random(model, 4) ? 3000 : 60000);
                model_tick(model);
                model_round(model, arena, &plan);
        }
}

/* ---- the end ---- */

struct sums {
        unsigned free, total, held, slots, room, idle;
};

static struct sums add_up(const struct model *model)
{
        struct sums s = {0};

        for (size_t i = 0; i < model->n; i++) {
                const struct plan_eni *e = &model->enis[i].eni;

                s.slots++;
                if (!e->managed)
                        continue;
                assert_true(e->state == ENI_READY && !e->in_doubt && !e->preparing && !e->leaving);
                s.free += e->free;
                s.total += e->total;
                s.held += e->total;
                s.room += e->full ? 0 : model_capacity(model) - e->total;
                s.idle += !e->total && !e->primary;
        }
        return s;
}

/* No pod is on it, and what the targets would lack without it has room on the others. */
static bool could_be_spared(const struct model *model, const struct plan_eni *e, const struct sums *s,
                            unsigned warm, unsigned minimum)
{
        unsigned free = s->free - e->free, total = s->total - e->total;
        unsigned to_warm = warm > free ? warm - free : 0, to_minimum = minimum > total ? minimum - total : 0;
        unsigned missing = to_warm > to_minimum ? to_warm : to_minimum;

        return e->managed && !e->primary && !e->leased && !e->lost &&
               missing <= s->room - (e->full ? 0 : model_capacity(model) - e->total) &&
               (!missing || !model->targets.max_pods || s->held + missing <= model->targets.max_pods);
}

static void check_rest_by_address(const struct model *model, const struct plan *plan, const struct sums *s)
{
        unsigned warm = model->targets.has_warm_ip ? model->targets.warm_ip : 0;
        unsigned minimum = model->targets.has_minimum_ip ? model->targets.minimum_ip : 0;
        bool at_max_pods = model->targets.max_pods && s->held >= model->targets.max_pods;
        bool no_place = s->slots >= model_places(model) && !s->room;

        if (s->free < warm || s->total < minimum)
                assert_true(at_max_pods || (no_place && plan->n_stuck));
        else
                assert_true(s->free == warm || s->total <= minimum);
        assert_int_equal(s->idle, 0);
        for (size_t i = 0; i < model->n && s->free >= warm && s->total >= minimum; i++)
                assert_false(could_be_spared(model, &model->enis[i].eni, s, warm, minimum));
}

static void check_rest_by_eni(const struct model *model, const struct plan *plan, const struct sums *s)
{
        unsigned capacity = model_capacity(model), kept = model->targets.warm_eni * capacity;
        bool at_max_pods = model->targets.max_pods && s->held >= model->targets.max_pods;
        bool no_place = s->slots >= model_places(model) && !s->room;

        if (s->free < kept) {
                assert_true(at_max_pods || (no_place && plan->n_stuck));
                return;
        }
        for (size_t i = 0; i < model->n && s->free >= kept + capacity; i++) {
                const struct plan_eni *e = &model->enis[i].eni;

                assert_false(e->managed && !e->primary && !e->leased && s->free - e->free >= kept);
        }
}

/* Nothing happens any more but what the plan itself asks for. */
static void come_to_rest(struct model *model, struct arena *arena, struct plan *plan)
{
        model->failing = false;
        model->view.resync_due_ms = INT64_MAX;
        for (unsigned i = 0; i < MOST_ROUNDS_TO_REST; i++) {
                int64_t next;

                model_tick(model);
                model_round(model, arena, plan);
                if (model->view.resync_due_ms != INT64_MAX)
                        model->view.resync_due_ms = INT64_MAX; /* it looked because of a doubt */
                if (plan->n)
                        continue;
                next = model_next_ms(model);
                if (plan->wake_ms && plan->wake_ms != INT64_MAX && (!next || plan->wake_ms < next))
                        next = plan->wake_ms;
                if (!next)
                        return;
                model->now_ms = next > model->now_ms ? next : model->now_ms;
        }
        fail_msg("no rest after %d rounds: shortage %u, surplus %u, stuck '%s', first action %s",
                 MOST_ROUNDS_TO_REST, plan->shortage, plan->surplus,
                 plan->n_stuck ? plan_stuck_text(plan, arena) : "",
                 plan->n ? plan_action_kind_to_string(plan->actions[0].kind) : "none");
}

static void check_rest(struct model *model, struct arena *arena, const struct plan *plan)
{
        const struct pool_targets *t = &model->targets;
        bool by_address = (t->has_warm_ip && t->warm_ip) || (t->has_minimum_ip && t->minimum_ip);
        struct sums sums = add_up(model);
        struct plan later;

        if (by_address)
                check_rest_by_address(model, plan, &sums);
        else
                check_rest_by_eni(model, plan, &sums);
        for (int i = 0; i < 3; i++) { /* an hour later, and another: still nothing */
                model->now_ms += 3600 * 1000;
                model_tick(model);
                model_round(model, arena, &later);
                assert_int_equal(later.n, 0);
        }
}

static void test_histories(void **state _unused_)
{
        unsigned long plans = 0, actions = 0, leases = 0;

        for (unsigned i = 0; i < HISTORIES; i++) {
                _cleanup_(arena_freep) struct arena *arena = arena_new();
                struct model model;
                struct plan plan;

                model_start(&model, seed + i);
                current = seed + i;
                live(&model, arena);
                come_to_rest(&model, arena, &plan);
                check_rest(&model, arena, &plan);
                plans += model.plans;
                actions += model.actions;
                leases += model.leases;
        }
        print_message("%d histories, %lu plans, %lu actions, %lu leases\n", HISTORIES, plans, actions,
                      leases);
        assert_true(actions > HISTORIES && leases > HISTORIES); /* the histories were about something */
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_histories)};
        const char *given = getenv("VPCWIRE_SEED");
        int failed;

        seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 1000003U;
        print_message("VPCWIRE_SEED=%llu\n", (unsigned long long)seed);
        failed = cmocka_run_group_tests(tests, NULL, NULL);
        if (failed)
                print_message("to see it first: VPCWIRE_SEED=%llu\n", (unsigned long long)current);
        return failed;
}
