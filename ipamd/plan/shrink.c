// SPDX-License-Identifier: Apache-2.0
/* Fewer addresses: only what is ready and free counts, and only a surplus that has lasted is given back. */
#include "plan/draft.h"

int64_t plan_shrink_delay_ms(const struct pool_targets *targets)
{
        return targets->shrink_delay_s ? (int64_t)targets->shrink_delay_s * 1000 : PLAN_SHRINK_DELAY_MS;
}

/* In every respect but its age, and what of others' is on it. */
static bool is_idle(const struct plan_eni *eni)
{
        return eni_is_usable(eni) && !eni->primary && eni_is_ready(eni) && !eni->in_doubt && !eni->leased &&
               !eni->cooling && !eni->lost && !eni->preparing && !eni->doubted && !eni->leaving;
}

/* Detaching would take somebody's Elastic IP away from it. */
static bool could_go(const struct plan_eni *eni)
{
        return is_idle(eni) && !eni->public_address;
}

static bool targets_hold_without(const struct draft *draft, const struct plan_eni *eni)
{
        int64_t free = (int64_t)draft->free_here - eni->free, total = (int64_t)draft->total_here - eni->total;

        if (!draft->by_address)
                return free >= (int64_t)draft->targets->warm_eni * draft->capacity;
        return free >= draft->warm && total >= draft->minimum;
}

/* Beyond WARM_IP_TARGET and MINIMUM_IP_TARGET. */
static unsigned addresses_over(const struct draft *draft)
{
        unsigned over_warm = draft->free_here > draft->warm ? draft->free_here - draft->warm : 0;
        unsigned over_minimum = draft->total_here > draft->minimum ? draft->total_here - draft->minimum : 0;

        return over_warm < over_minimum ? over_warm : over_minimum;
}

static unsigned surplus_of(const struct draft *draft)
{
        unsigned kept = draft->targets->warm_eni * draft->capacity, idle = 0;

        if (!draft->by_address)
                return draft->capacity && draft->free_here >= kept + draft->capacity ? draft->free_here - kept
                                                                                     : 0;
        /* An ENI without addresses still holds its own one: a surplus of one each. */
        for (size_t i = 0; i < draft->n_enis; i++)
                idle += could_go(draft->enis[i]) && !draft->enis[i]->total;
        return addresses_over(draft) + idle;
}

enum give_back { GIVE_BACK_NONE, GIVE_BACK_LATER, GIVE_BACK_DONE };

/* One whole ENI per plan, the last one that can go. */
static enum give_back give_back_eni(struct draft *draft, unsigned surplus)
{
        enum give_back result = GIVE_BACK_NONE;

        for (size_t i = draft->n_enis; i-- > 0;) {
                const struct plan_eni *eni = draft->enis[i];

                if (!is_idle(eni) || !targets_hold_without(draft, eni))
                        continue;
                if (!could_go(eni)) {
                        draft->kept = eni;
                        continue;
                }
                if (!draft_due(draft, eni->ready_ms + plan_shrink_delay_ms(draft->targets)) ||
                    !draft_due(draft, eni->step_not_before_ms)) {
                        result = GIVE_BACK_LATER;
                        continue;
                }
                draft_add(draft, PLAN_DRAIN, eni, 0,
                          "%u free addresses are %u more than needed, and device %u has no pod",
                          draft->free_here, surplus, eni->device_index);
                return GIVE_BACK_DONE;
        }
        return result;
}

static void unassign(struct draft *draft, unsigned surplus)
{
        unsigned left = surplus;

        for (size_t i = draft->n_enis; i-- > 0 && left;) {
                const struct plan_eni *eni = draft->enis[i];
                unsigned free = eni->free - eni->associated, count = free < left ? free : left;

                if (!eni_is_usable(eni) || !eni_is_ready(eni) || eni->in_doubt || !count ||
                    !draft_due(draft, eni->step_not_before_ms))
                        continue;
                draft_add(draft, PLAN_UNASSIGN, eni, count, "%u free addresses are %u more than needed",
                          draft->free_here, surplus);
                left -= count;
        }
}

unsigned plan_shrink(struct draft *draft, bool wanted)
{
        unsigned surplus = surplus_of(draft);
        int64_t since_ms = draft->view->surplus_since_ms ?: draft->now_ms;

        if (!surplus || !wanted || !draft_due(draft, since_ms + plan_shrink_delay_ms(draft->targets)))
                return surplus;
        if (give_back_eni(draft, surplus) == GIVE_BACK_NONE && draft->by_address)
                unassign(draft, addresses_over(draft));
        return surplus;
}
