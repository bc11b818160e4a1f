// SPDX-License-Identifier: Apache-2.0
/* What a plan found, in words: for people, and for nobody to read back. */
#include <assert.h>

#include "plan/plan.h"

/* "1 is full, 2 are not ours" */
static const char *places_text(const struct plan_stuck *s, struct arena *arena)
{
        static const char *const words[_PLAN_PLACE_MAX] = {
                [PLAN_PLACE_FULL] = "full",
                [PLAN_PLACE_NOT_OURS] = "not ours",
                [PLAN_PLACE_LEAVING] = "on the way out",
                [PLAN_PLACE_WITHOUT_LINK] = "without a link",
        };
        const char *text = "";

        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                if (s->places[i])
                        text = arena_printf(arena, "%s%s%u %s %s", text, *text ? ", " : "", s->places[i],
                                            s->places[i] == 1 ? "is" : "are", words[i]);
        }
        return text;
}

static const char *reason_text(const struct plan_stuck *s, struct arena *arena)
{
        switch (s->reason) {
        case PLAN_REASON_ENI_COMES:
                return arena_printf(arena, "the ENI at device %u is still under way", s->device_index);
        case PLAN_REASON_ENI_IN_DOUBT:
                return arena_printf(arena, "the ENI at device %u is in doubt until the next resync",
                                    s->device_index);
        case PLAN_REASON_ASSIGN_LATER:
                return arena_printf(arena,
                                    "EC2 is asked for addresses on the ENI at device %u again in %lld s",
                                    s->device_index, s->seconds);
        case PLAN_REASON_ASSIGN_LATER_IN_SUBNET:
                return arena_printf(
                        arena,
                        "EC2 is asked for addresses on the ENI at device %u again in %lld s, when it "
                        "may have some in subnet %s",
                        s->device_index, s->seconds, s->subnet_id);
        case PLAN_REASON_CREATE_LATER:
                return arena_printf(arena, "EC2 is asked for another ENI again in %lld s", s->seconds);
        case PLAN_REASON_CREATE_LATER_IN_SUBNET:
                return arena_printf(arena, "EC2 is asked for an ENI in subnet %s again in %lld s",
                                    s->subnet_id, s->seconds);
        case PLAN_REASON_MAX_ENI: return arena_printf(arena, "MAX_ENI=%u is reached", s->n);
        case PLAN_REASON_ATTACH_LIMIT: return arena_printf(arena, "EC2 attaches no more than %u ENIs", s->n);
        case PLAN_REASON_ALL_FULL:
                return arena_printf(arena, "all %u ENIs that this instance type can have are full", s->n);
        case PLAN_REASON_PLACE_LATER:
        case PLAN_REASON_NO_PLACE:
                return arena_printf(
                        arena, "no place for another of the %u ENIs that this instance type can have: %s",
                        s->n, places_text(s, arena));
        case PLAN_REASON_POD_LIMIT:
                return arena_printf(arena, "the node may have %u pods, and the pool has %u addresses", s->n,
                                    s->held);
        case PLAN_REASON_TYPE_LIMIT: return "the instance type's limits allow no addresses for pods";
        case PLAN_REASON_PRIMARY_NOT_SEEN: return "the instance's own ENI has not been seen in EC2 yet";
        case PLAN_REASON_NOT_RESYNCED:
                return "EC2 has not been looked at since the boot, and what it gave us before may be "
                       "somebody else's now";
        case PLAN_REASON_COOLING:
                return arena_printf(arena, "%u address%s cooling down", s->n, s->n == 1 ? " is" : "es are");
        case _PLAN_REASON_MAX: break;
        }
        assert(!"a reason");
        return NULL;
}

const char *plan_stuck_text(const struct plan *plan, struct arena *arena)
{
        const char *text = reason_text(&plan->stuck[0], arena);

        for (size_t i = 1; i < plan->n_stuck; i++)
                text = arena_printf(arena, "%s; %s", text, reason_text(&plan->stuck[i], arena));
        return text;
}

const char *plan_kept_text(const struct plan *plan, struct arena *arena)
{
        return arena_printf(arena,
                            "the ENI at device %u is not needed, and kept: it has the public address %s",
                            plan->kept->device_index, plan->kept->public_address);
}
