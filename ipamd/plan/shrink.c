// SPDX-License-Identifier: Apache-2.0
/*
 * Fewer addresses and ENIs: only what is ready and free counts, and only a surplus that has lasted is given back. Whole ENIs
 * first; then those whose addresses have room on others, which are asked for before it goes; then single addresses.
 */
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

/* How many addresses the targets would lack without it. */
static unsigned missing_without(const struct draft *draft, const struct plan_eni *eni)
{
        int64_t free = (int64_t)draft->free_here - eni->free, total = (int64_t)draft->total_here - eni->total;
        int64_t kept = draft->by_address ? draft->warm : (int64_t)draft->targets->warm_eni * draft->capacity;
        int64_t to_warm = kept - free, to_minimum = (int64_t)draft->minimum - total;
        int64_t missing = to_warm > to_minimum ? to_warm : to_minimum;

        return missing > 0 ? (unsigned)missing : 0;
}

/* Beyond WARM_IP_TARGET and MINIMUM_IP_TARGET. */
static unsigned addresses_over(const struct draft *draft)
{
        unsigned over_warm = draft->free_here > draft->warm ? draft->free_here - draft->warm : 0;
        unsigned over_minimum = draft->total_here > draft->minimum ? draft->total_here - draft->minimum : 0;

        return over_warm < over_minimum ? over_warm : over_minimum;
}

/* Room that more addresses may be asked for into now. */
static unsigned open_room(struct draft *draft, const struct plan_eni *eni)
{
        unsigned room = draft_room(draft, eni);

        return room && draft_due(draft, eni->grow_not_before_ms) &&
                               draft_due(draft, eni->subnet_not_before_ms)
                       ? room
                       : 0;
}

static bool stays(const struct plan_eni *eni)
{
        return eni_is_usable(eni) && eni_is_ready(eni) && !eni->in_doubt;
}

/* Whether the others can have what would be missing without the ENI; *ret_more: what they are still to be asked for. */
static bool others_can_have(struct draft *draft, const struct plan_eni *eni, unsigned *ret_more)
{
        unsigned missing = missing_without(draft, eni), coming = 0, room = 0, most = draft->targets->max_pods;

        for (size_t i = 0; i < draft->n_enis; i++) {
                if (draft->enis[i] == eni || !stays(draft->enis[i]))
                        continue;
                coming += draft->enis[i]->preparing;
                room += open_room(draft, draft->enis[i]);
        }
        *ret_more = missing > coming ? missing - coming : 0;
        return *ret_more <= room && (!*ret_more || !most || draft->held + *ret_more <= most);
}

/*
 * Pods that leave one after another leave a free address here and one there. The last ENI without pods whose addresses the
 * others could have as well; NULL: none. With WARM_ENI_TARGET ENIs are filled whole, and there is none.
 */
static const struct plan_eni *find_spread(struct draft *draft, unsigned *ret_more)
{
        for (size_t i = draft->n_enis; i-- > 0 && draft->by_address;) {
                const struct plan_eni *eni = draft->enis[i];

                if (could_go(eni) && missing_without(draft, eni) && others_can_have(draft, eni, ret_more))
                        return eni;
        }
        return NULL;
}

/* An ENI that is not needed holds its own address: where no other is over, that is the surplus. */
static unsigned surplus_of(struct draft *draft)
{
        unsigned kept = draft->targets->warm_eni * draft->capacity, idle = 0, more;

        if (!draft->by_address)
                return draft->capacity && draft->free_here >= kept + draft->capacity ? draft->free_here - kept
                                                                                     : 0;
        for (size_t i = 0; i < draft->n_enis; i++)
                idle += could_go(draft->enis[i]) && !draft->enis[i]->total;
        return addresses_over(draft) + idle ?: find_spread(draft, &more) != NULL;
}

enum give_back { GIVE_BACK_NONE, GIVE_BACK_LATER, GIVE_BACK_DONE };

/* One whole ENI per plan, the last one that can go. */
static enum give_back give_back_eni(struct draft *draft, unsigned surplus)
{
        enum give_back result = GIVE_BACK_NONE;

        for (size_t i = draft->n_enis; i-- > 0;) {
                const struct plan_eni *eni = draft->enis[i];

                if (!is_idle(eni) || missing_without(draft, eni))
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
                          "%u free addresses are %u more than needed, and device %u has no pods",
                          draft->free_here, surplus, eni->device_index);
                return GIVE_BACK_DONE;
        }
        return result;
}

/* The others get what is still needed of its addresses. Once they have it, it is given back whole. */
static enum give_back gather(struct draft *draft)
{
        unsigned left;
        const struct plan_eni *eni = find_spread(draft, &left);

        if (!eni)
                return GIVE_BACK_NONE;
        if (!left || !draft_due(draft, eni->ready_ms + plan_shrink_delay_ms(draft->targets)) ||
            !draft_due(draft, eni->step_not_before_ms))
                return GIVE_BACK_LATER;
        for (size_t i = 0; i < draft->n_enis && left; i++) {
                const struct plan_eni *other = draft->enis[i];
                unsigned room = other != eni && stays(other) ? open_room(draft, other) : 0;
                unsigned count = room < left ? room : left;

                if (!count)
                        continue;
                draft_add(draft, PLAN_ASSIGN, other, count,
                          "device %u has room for the addresses of device %u, which has no pods",
                          other->device_index, eni->device_index);
                left -= count;
        }
        return GIVE_BACK_DONE;
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
        if (give_back_eni(draft, surplus) == GIVE_BACK_NONE && draft->by_address &&
            gather(draft) == GIVE_BACK_NONE)
                unassign(draft, addresses_over(draft));
        return surplus;
}
