// SPDX-License-Identifier: Apache-2.0
/* Sums up the view, and asks each part for its actions in the order in which they are to be carried out. */
#include <stdlib.h>

#include "plan/draft.h"

static void add_eni(struct draft *draft, const struct plan_eni *eni)
{
        unsigned ours =
                eni->state == ENI_CREATING ? eni->asked_addresses : eni->total - eni->leaving - eni->lost;

        draft->slots += eni_takes_place(eni);
        draft->cooling += eni->cooling;
        draft->held += eni_is_usable(eni) ? ours + eni->lost : eni->leased + eni->lost;
        if (!eni_is_usable(eni))
                return;
        if (eni_is_leaving(eni)) {
                draft->held_leaving += ours;
                return;
        }
        draft->total += ours;
        draft->free += eni->state == ENI_CREATING ? eni->asked_addresses : eni->free + eni->preparing;
        if (!draft->view->waiting)
                draft->free += eni->doubted;
        if (eni_is_ready(eni)) {
                draft->free_here += eni->free;
                draft->total_here += ours - eni->preparing - eni->doubted;
        }
}

static int by_device(const void *a, const void *b)
{
        const struct plan_eni *x = *(const struct plan_eni *const *)a,
                              *y = *(const struct plan_eni *const *)b;

        if (x->network_card != y->network_card)
                return x->network_card < y->network_card ? -1 : 1;
        if (x->device_index != y->device_index)
                return x->device_index < y->device_index ? -1 : 1;
        return x->key < y->key ? -1 : x->key > y->key;
}

static void set_up(struct draft *draft)
{
        const struct pool_targets *targets = draft->targets;

        draft->n_enis = draft->view->n_enis;
        draft->enis = ARENA_ARRAY(draft->arena, const struct plan_eni *, draft->n_enis);
        for (size_t i = 0; i < draft->n_enis; i++)
                draft->enis[i] = &draft->view->enis[i];
        qsort(draft->enis, draft->n_enis, sizeof(const struct plan_eni *), by_device);

        /* Per ENI at most one step and one of assign, unassign, drain, undrain. */
        draft->max_actions = draft->n_enis * 2 + PLAN_MAX_CREATES + 3;
        draft->max_stuck = draft->n_enis + draft->view->n_subnets + 4;
        draft->stuck = ARENA_ARRAY(draft->arena, struct plan_stuck, draft->max_stuck);
        draft->actions = ARENA_ARRAY(draft->arena, struct plan_action, draft->max_actions);
        draft->capacity = draft->limits->ipv4_per_eni ? draft->limits->ipv4_per_eni - 1 : 0;
        draft->warm = targets->has_warm_ip ? targets->warm_ip : 0;
        draft->minimum = targets->has_minimum_ip ? targets->minimum_ip : 0;
        draft->by_address = draft->warm || draft->minimum; /* 0 means "not set", as in aws-vpc-cni */
        for (size_t i = 0; i < draft->n_enis; i++)
                add_eni(draft, draft->enis[i]);
}

void plan_make(const struct plan_view *view, const struct pool_targets *targets,
               const struct plan_limits *limits, int64_t now_ms, struct arena *arena, struct plan *ret)
{
        struct draft draft = {
                .view = view,
                .targets = targets,
                .limits = limits,
                .now_ms = now_ms,
                .arena = arena,
        };
        unsigned shortage, surplus = 0;

        set_up(&draft);
        plan_resync(&draft);
        if (view->resync_first) {
                shortage = plan_wait_for_look(&draft);
        } else {
                plan_forward(&draft);
                shortage = plan_grow(&draft);
                surplus = shortage ? 0 : plan_shrink(&draft, view->waiting == 0);
                plan_backward(&draft);
        }
        *ret = (struct plan){
                .actions = draft.actions,
                .n = draft.n,
                .shortage = shortage,
                .target = draft.total + shortage - surplus,
                .causes = shortage ? draft.causes : 0,
                .surplus = surplus,
                .kept = draft.kept,
                .stuck = draft.stuck,
                .n_stuck = shortage && !draft.n_helping ? draft.n_stuck : 0,
                .wake_ms = draft.wake_ms,
        };
}
