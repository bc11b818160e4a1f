// SPDX-License-Identifier: Apache-2.0
/* Inside the planner: a plan while it is made. make.c sets it up, steps.c, grow.c and shrink.c add to it. */
#ifndef IPAMD_PLAN_DRAFT_H
#define IPAMD_PLAN_DRAFT_H

#include "plan/plan.h"

struct draft {
        const struct plan_view *view;
        const struct pool_targets *targets;
        const struct plan_limits *limits;
        int64_t now_ms;
        struct arena *arena;

        const struct plan_eni **enis; /* the view's, by (network card, device index, key) */
        size_t n_enis;
        struct plan_action *actions;
        size_t n, max_actions;
        size_t n_helping;            /* actions that bring addresses nearer */
        const struct plan_eni *kept; /* as in struct plan */
        struct plan_stuck *stuck;
        size_t n_stuck, max_stuck;
        uint64_t causes; /* as in struct plan */
        int64_t wake_ms;

        unsigned capacity; /* addresses per ENI, the primary one not among them */
        bool by_address;   /* WARM_IP_TARGET or MINIMUM_IP_TARGET is in force */
        unsigned warm, minimum;
        unsigned free, total;           /* with what is under way; of ENIs that stay */
        unsigned free_here, total_here; /* of ready ENIs: what shrinking may count on */
        unsigned cooling;
        unsigned held;         /* addresses that max_pods limits */
        unsigned held_leaving; /* those of them that are on draining ENIs */
        unsigned slots;        /* ENIs that take one of the instance's places */
};

/* Adds an action; the reason is a format. device_index is that of the ENI unless the caller changes it. */
struct plan_action *draft_add(struct draft *draft, enum plan_action_kind kind, const struct plan_eni *eni,
                              unsigned count, const char *reason, ...) _printf_(5, 6);
/* One more reason why the shortage stays. */
void draft_stuck(struct draft *draft, const struct plan_stuck *stuck);
/* Whether the time has come; if not, the plan is to be made again then. */
bool draft_due(struct draft *draft, int64_t at_ms);
bool draft_has(const struct draft *draft, enum plan_action_kind kind, const struct plan_eni *eni);

/* On the default network card, whose places and device indexes we use. */
bool eni_takes_place(const struct plan_eni *eni);
bool eni_is_ready(const struct plan_eni *eni);    /* the same, and routed */
bool eni_is_attached(const struct plan_eni *eni); /* configuring or ready, and there */
/* Ours, and what it has and has room for counts. */
bool eni_is_usable(const struct plan_eni *eni);
bool eni_is_leaving(const struct plan_eni *eni); /* draining or further */
/* The lowest device index that no other ENI in view and no earlier action has; that of `own` (may be NULL) if it can. */
unsigned draft_free_index(const struct draft *draft, const struct plan_eni *own);
unsigned draft_room(const struct draft *draft, const struct plan_eni *eni); /* for so many more addresses */
unsigned draft_places(const struct draft *draft);                           /* how many ENIs there may be */

void plan_resync(struct draft *draft);
void plan_forward(struct draft *draft);                 /* steps of ENIs on their way in */
unsigned plan_grow(struct draft *draft);                /* returns the shortage */
unsigned plan_wait_for_look(struct draft *draft);       /* the same, where nothing may be done about it yet */
unsigned plan_shrink(struct draft *draft, bool wanted); /* returns the surplus; acts only if wanted */
void plan_backward(struct draft *draft);                /* steps of ENIs on their way out */

#endif
