// SPDX-License-Identifier: Apache-2.0
/* Sums up the view, and asks each part for its actions in the order in which they are to be carried out. */
#include <stdio.h>
#include <stdlib.h>

#include "plan/draft.h"

static const char *const action_names[_PLAN_ACTION_MAX] = {
        [PLAN_LOOK] = "look",
        [PLAN_CREATE] = "create",
        [PLAN_RECREATE] = "recreate",
        [PLAN_ATTACH] = "attach",
        [PLAN_MARK_DELETE_ON_TERMINATION] = "mark-delete-on-termination",
        [PLAN_ASSIGN] = "assign",
        [PLAN_UNASSIGN] = "unassign",
        [PLAN_DRAIN] = "drain",
        [PLAN_UNDRAIN] = "undrain",
        [PLAN_DETACH] = "detach",
        [PLAN_DELETE] = "delete",
};

const char *plan_action_to_string(enum plan_action_kind kind)
{
        return (unsigned)kind < _PLAN_ACTION_MAX ? action_names[kind] : "unknown";
}

/* ---- the draft ---- */

static const char *format(struct arena *arena, const char *text, va_list args)
{
        char line[256]; /* reasons are ours and short */

        vsnprintf(line, sizeof(line), text, args);
        return arena_strdup(arena, line);
}

struct plan_action *draft_add(struct draft *draft, enum plan_action_kind kind, const struct plan_eni *eni,
                              unsigned count, const char *reason, ...)
{
        struct plan_action *action = &draft->actions[draft->n];
        va_list args;

        if (draft->n + 1 < draft->max_actions)
                draft->n++; /* max_actions is above what the parts can add */
        *action = (struct plan_action){
                .kind = kind,
                .key = eni ? eni->key : 0,
                .count = count,
                .device_index = eni ? eni->device_index : 0,
        };
        va_start(args, reason);
        action->reason = format(draft->arena, reason, args);
        va_end(args);
        return action;
}

void draft_stuck(struct draft *draft, const char *cause, ...)
{
        const char *text;
        va_list args;

        va_start(args, cause);
        text = format(draft->arena, cause, args);
        va_end(args);
        draft->stuck = draft->stuck ? arena_printf(draft->arena, "%s; %s", draft->stuck, text) : text;
}

bool draft_due(struct draft *draft, int64_t at_ms)
{
        if (at_ms <= draft->now_ms)
                return true;
        if (!draft->wake_ms || at_ms < draft->wake_ms)
                draft->wake_ms = at_ms;
        return false;
}

long long draft_seconds_until(const struct draft *draft, int64_t at_ms)
{
        return (at_ms - draft->now_ms + 999) / 1000;
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

bool eni_is_attached(const struct plan_eni *eni)
{
        return eni->state == PLAN_ENI_CONFIGURING || eni->state == PLAN_ENI_READY;
}

bool eni_is_leaving(const struct plan_eni *eni)
{
        return eni->state >= PLAN_ENI_DRAINING;
}

/* A detached one waits only to be deleted. Other cards have places and indexes of their own. */
bool eni_takes_place(const struct plan_eni *eni)
{
        return eni->network_card == 0 && (eni->state != PLAN_ENI_DELETING || eni->has_attachment);
}

static bool index_is_used(const struct draft *draft, const struct plan_eni *own, unsigned index)
{
        for (size_t i = 0; i < draft->n_enis; i++) {
                if (draft->enis[i] != own && eni_takes_place(draft->enis[i]) &&
                    draft->enis[i]->device_index == index)
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

/* ---- sums ---- */

static void add_eni(struct draft *draft, const struct plan_eni *eni)
{
        unsigned ours = eni->state == PLAN_ENI_CREATING ? eni->asked_addresses
                                                        : eni->total - eni->leaving - eni->lost;

        draft->slots += eni_takes_place(eni);
        draft->cooling += eni->cooling;
        draft->held += eni->managed ? ours + eni->lost : eni->leased + eni->lost;
        if (!eni->managed)
                return;
        if (eni_is_leaving(eni)) {
                draft->held_leaving += ours;
                return;
        }
        draft->total += ours;
        draft->free += eni->state == PLAN_ENI_CREATING ? eni->asked_addresses : eni->free + eni->preparing;
        if (eni_is_attached(eni)) {
                draft->free_here += eni->free;
                draft->total_here += ours - eni->preparing;
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
        const struct plan_targets *targets = draft->targets;

        draft->n_enis = draft->view->n_enis;
        draft->enis = ARENA_ARRAY(draft->arena, const struct plan_eni *, draft->n_enis);
        for (size_t i = 0; i < draft->n_enis; i++)
                draft->enis[i] = &draft->view->enis[i];
        qsort(draft->enis, draft->n_enis, sizeof(*draft->enis), by_device);

        /* Per ENI at most one step and one of assign, unassign, drain, undrain; and one too many, for draft_add(). */
        draft->max_actions = draft->n_enis * 2 + PLAN_MAX_CREATES + 2;
        draft->actions = ARENA_ARRAY(draft->arena, struct plan_action, draft->max_actions);
        draft->capacity = draft->limits->ipv4_per_eni ? draft->limits->ipv4_per_eni - 1 : 0;
        draft->warm = targets->has_warm_ip ? targets->warm_ip : 0;
        draft->minimum = targets->has_minimum_ip ? targets->minimum_ip : 0;
        draft->by_address = draft->warm || draft->minimum; /* 0 means "not set", as in aws-vpc-cni */
        for (size_t i = 0; i < draft->n_enis; i++)
                add_eni(draft, draft->enis[i]);
}

void plan_make(const struct plan_view *view, const struct plan_targets *targets,
               const struct plan_limits *limits, int64_t now_ms, struct arena *arena, struct plan *ret)
{
        struct draft draft = {
                .view = view,
                .targets = targets,
                .limits = limits,
                .now_ms = now_ms,
                .arena = arena,
        };
        unsigned shortage, surplus;

        set_up(&draft);
        plan_look(&draft);
        plan_forward(&draft);
        shortage = plan_grow(&draft);
        surplus = shortage ? 0 : plan_shrink(&draft, view->waiting == 0);
        plan_backward(&draft);
        *ret = (struct plan){
                .actions = draft.actions,
                .n = draft.n,
                .shortage = shortage,
                .surplus = surplus,
                .stuck = shortage && !draft.n_helping ? draft.stuck : NULL,
                .wake_ms = draft.wake_ms,
        };
}
