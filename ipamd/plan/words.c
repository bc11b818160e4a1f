// SPDX-License-Identifier: Apache-2.0
/* What a plan found, in words: for people, and for nobody to read back. */
#include <assert.h>

#include "plan/plan.h"

/* "1 is full, 2 are of other software" */
static const char *places_text(const struct plan_stuck *s, struct arena *arena)
{
        static const char *const words[_PLAN_PLACE_MAX] = {
                [PLAN_PLACE_FULL] = "full",
                [PLAN_PLACE_NOT_OURS] = "of other software",
                [PLAN_PLACE_LEAVING] = "being removed",
                [PLAN_PLACE_WITHOUT_LINK] = "without a link on the host",
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
                return arena_printf(arena, "the ENI at device %u is still being set up", s->device_index);
        case PLAN_REASON_ENI_IN_DOUBT:
                return arena_printf(arena,
                                    "the next sync with EC2 will show whether the ENI at device %u exists",
                                    s->device_index);
        case PLAN_REASON_ASSIGN_LATER:
                return arena_printf(arena, "the last call for addresses on the ENI at device %u failed",
                                    s->device_index);
        case PLAN_REASON_ASSIGN_LATER_IN_SUBNET:
                return arena_printf(arena, "subnet %s had no free addresses for the ENI at device %u",
                                    s->subnet_id, s->device_index);
        case PLAN_REASON_CREATE_LATER: return "the last call for another ENI failed";
        case PLAN_REASON_CREATE_LATER_IN_SUBNET:
                return arena_printf(arena, "subnet %s had no free address for another ENI", s->subnet_id);
        case PLAN_REASON_MAX_ENI: return arena_printf(arena, "MAX_ENI=%u is reached", s->n);
        case PLAN_REASON_ATTACH_LIMIT: return arena_printf(arena, "EC2 attaches no more than %u ENIs", s->n);
        case PLAN_REASON_ALL_FULL:
                return arena_printf(arena, "all %u ENIs that this instance type can have are full", s->n);
        case PLAN_REASON_PLACE_LATER:
        case PLAN_REASON_NO_PLACE:
                return arena_printf(arena,
                                    "no room for another ENI: of the %u that this instance type can have, %s",
                                    s->n, places_text(s, arena));
        case PLAN_REASON_POD_LIMIT:
                return arena_printf(arena, "VPCWIRE_MAX_PODS=%u is reached, with %u addresses", s->n,
                                    s->held);
        case PLAN_REASON_TYPE_LIMIT: return "this instance type can have no addresses for pods";
        case PLAN_REASON_PRIMARY_NOT_SEEN: return "EC2 has not shown the instance's primary ENI yet";
        case PLAN_REASON_NOT_RESYNCED:
                return "no sync with EC2 since the boot yet; until then, addresses from before it are not "
                       "used";
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
                if (plan->stuck[i].reason != PLAN_REASON_COOLING) /* it is in the counts that stand beside */
                        text = arena_printf(arena, "%s; %s", text, reason_text(&plan->stuck[i], arena));
        return text;
}

const char *plan_kept_text(const struct plan *plan, struct arena *arena)
{
        return arena_printf(
                arena, "the ENI at device %u is not needed, but kept, because it has the public address %s",
                plan->kept->device_index, plan->kept->public_address);
}
