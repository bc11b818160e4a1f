// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <stdio.h>

#include "plan/draft.h"

struct plan_action *draft_add(struct draft *draft, enum plan_action_kind kind, const struct plan_eni *eni,
                              unsigned count, const char *reason, ...)
{
        struct plan_action *action = &draft->actions[draft->n++];
        char line[256]; /* reasons are ours and short */
        va_list args;

        assert(draft->n <= draft->max_actions); /* it is above what the parts can add */
        *action = (struct plan_action){
                .kind = kind,
                .key = eni ? eni->key : 0,
                .count = count,
                .device_index = eni ? eni->device_index : 0,
        };
        va_start(args, reason);
        vsnprintf(line, sizeof(line), reason, args);
        va_end(args);
        action->reason = arena_strdup(draft->arena, line);
        return action;
}

enum condition_cause plan_cause(enum plan_reason reason)
{
        static const enum condition_cause causes[_PLAN_REASON_MAX] = {
                [PLAN_REASON_ENI_COMES] = CAUSE_UNDER_WAY,
                [PLAN_REASON_ENI_IN_DOUBT] = CAUSE_UNDER_WAY,
                [PLAN_REASON_ASSIGN_LATER] = CAUSE_ASSIGN_BLOCKED,
                [PLAN_REASON_ASSIGN_LATER_IN_SUBNET] = CAUSE_ASSIGN_BLOCKED,
                [PLAN_REASON_CREATE_LATER] = CAUSE_CREATE_BLOCKED,
                [PLAN_REASON_CREATE_LATER_IN_SUBNET] = CAUSE_CREATE_BLOCKED,
                [PLAN_REASON_PLACE_LATER] = CAUSE_ENI_LEAVING,
                [PLAN_REASON_MAX_ENI] = CAUSE_ENI_LIMIT,
                [PLAN_REASON_ATTACH_LIMIT] = CAUSE_ENI_LIMIT,
                [PLAN_REASON_ALL_FULL] = CAUSE_ENI_LIMIT,
                [PLAN_REASON_NO_PLACE] = CAUSE_ENI_LIMIT,
                [PLAN_REASON_POD_LIMIT] = CAUSE_POD_LIMIT,
                [PLAN_REASON_TYPE_LIMIT] = CAUSE_TYPE_LIMIT,
                [PLAN_REASON_PRIMARY_NOT_SEEN] = CAUSE_NODE_UNKNOWN,
                [PLAN_REASON_NOT_RESYNCED] = CAUSE_NODE_UNKNOWN,
                [PLAN_REASON_COOLING] = CAUSE_COOLING,
        };

        assert((unsigned)reason < _PLAN_REASON_MAX);
        assert(causes[reason] >= CAUSE_OF_PLAN_FIRST && causes[reason] <= CAUSE_OF_PLAN_LAST);
        return causes[reason];
}

static_assert(_CONDITION_CAUSE_MAX <= 64, "each has a bit in struct plan's causes");

void draft_stuck(struct draft *draft, const struct plan_stuck *stuck)
{
        assert(draft->n_stuck < draft->max_stuck); /* it is above what the parts can add */
        draft->stuck[draft->n_stuck++] = *stuck;
        draft->causes |= UINT64_C(1) << plan_cause(stuck->reason);
}

bool draft_due(struct draft *draft, int64_t at_ms)
{
        if (at_ms <= draft->now_ms)
                return true;
        if (!draft->wake_ms || at_ms < draft->wake_ms)
                draft->wake_ms = at_ms;
        return false;
}

bool draft_has(const struct draft *draft, enum plan_action_kind kind, const struct plan_eni *eni)
{
        for (size_t i = 0; i < draft->n; i++) {
                if (draft->actions[i].kind == kind && draft->actions[i].key == eni->key)
                        return true;
        }
        return false;
}

/* ---- ENIs ---- */

static bool is_in_use(const struct plan_eni *eni)
{
        return eni->state == ENI_CONFIGURING || eni->state == ENI_READY;
}

bool eni_is_attached(const struct plan_eni *eni)
{
        return is_in_use(eni) && eni->has_attachment;
}

bool eni_is_ready(const struct plan_eni *eni)
{
        return eni->state == ENI_READY && eni->has_attachment;
}

/* Was in use, and is not attached any more; its row stays for the pods that have its addresses, and so does its index. */
static bool is_taken_away(const struct plan_eni *eni)
{
        return (is_in_use(eni) || eni->state == ENI_DRAINING) && !eni->has_attachment;
}

bool eni_is_usable(const struct plan_eni *eni)
{
        return eni->managed && !eni->link_missing;
}

bool eni_is_leaving(const struct plan_eni *eni)
{
        return eni->state >= ENI_DRAINING;
}

/* Addresses that EC2 shows as lost take no room there; leaving ones may still. */
unsigned draft_room(const struct draft *draft, const struct plan_eni *eni)
{
        unsigned used = eni->state == ENI_CREATING ? eni->asked_addresses : eni->total - eni->lost;

        return eni->full || is_taken_away(eni) || used >= draft->capacity ? 0 : draft->capacity - used;
}

/* A detached one waits only to be deleted. Other cards have places and indexes of their own. */
bool eni_takes_place(const struct plan_eni *eni)
{
        return eni->network_card == 0 && !is_taken_away(eni) &&
               (eni->state != ENI_DELETING || eni->has_attachment);
}

static bool index_is_used(const struct draft *draft, const struct plan_eni *own, unsigned index)
{
        for (size_t i = 0; i < draft->n_enis; i++) {
                const struct plan_eni *eni = draft->enis[i];

                if (eni != own && eni->device_index == index &&
                    (eni_takes_place(eni) || (eni->network_card == 0 && is_taken_away(eni))))
                        return true;
        }
        for (size_t i = 0; i < draft->n; i++) {
                enum plan_action_kind kind = draft->actions[i].kind;

                if ((kind == PLAN_CREATE || kind == PLAN_ATTACH) && draft->actions[i].device_index == index)
                        return true;
        }
        return false;
}

unsigned draft_free_index(const struct draft *draft, const struct plan_eni *own)
{
        unsigned index = 1; /* 0 is the primary one's, seen or not */

        if (own && !index_is_used(draft, own, own->device_index))
                return own->device_index;
        while (index_is_used(draft, own, index))
                index++;
        return index;
}

unsigned draft_places(const struct draft *draft)
{
        unsigned places = draft->limits->max_enis;

        if (draft->view->max_enis_seen && draft->view->max_enis_seen < places)
                places = draft->view->max_enis_seen;
        if (draft->targets->max_eni && draft->targets->max_eni < places)
                places = draft->targets->max_eni;
        return places;
}
