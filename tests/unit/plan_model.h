// SPDX-License-Identifier: Apache-2.0
/*
 * A small world for the planner: ENIs, addresses, an EC2 that fails and delays, pods that come and go. It carries plans
 * out as the reconciler would, and checks each action against the rules before it does.
 */
#ifndef PLAN_MODEL_H
#define PLAN_MODEL_H

#include "plan/plan.h"

enum {
        MODEL_ENIS = 20,
        MODEL_SUBNETS = 3,
        MODEL_COOLING = 64,
        MODEL_COOLDOWN_MS = 30 * 1000,
        MODEL_TIMEOUT_MS = 30 * 1000
};

struct model_eni {
        struct plan_eni eni;
        int64_t cooling_until_ms[MODEL_COOLING]; /* eni.cooling of them */
        int64_t link_changes_ms; /* when its link comes or, detaching, it goes; 0: nothing to come */
        unsigned unseen;         /* assigned by a call whose answer was lost */
        bool attached_unseen;    /* the same of an attach call */
};

struct model {
        uint64_t random;
        int64_t now_ms, next_key;
        bool failing;           /* EC2 fails and loses answers now and then */
        unsigned true_max_enis; /* what EC2 really attaches; may be below the limits' number */
        struct pool_targets targets;
        struct plan_limits limits;
        struct model_eni enis[MODEL_ENIS];
        size_t n;
        struct plan_view view; /* enis point to `shown` */
        struct plan_eni shown[MODEL_ENIS];
        struct plan_subnet subnets[MODEL_SUBNETS]; /* view.subnets; those beyond the first when asked for */
        int64_t waiting_until_ms;                  /* of the first that waits; they give up together */
        unsigned long leases, plans, actions;
};

unsigned model_random(struct model *model, unsigned below);
void model_start(struct model *model, uint64_t seed);
void model_add_pod(struct model *model);
void model_delete_pod(struct model *model);
/* What time does: cooldowns end, links come and go, waiting ADDs give up, routed addresses become free. */
void model_tick(struct model *model);
/* The next time at which model_tick() would change something; 0: never. */
int64_t model_next_ms(const struct model *model);
/* One round: view, plan, rules, actions. The plan lives in the arena. */
void model_round(struct model *model, struct arena *arena, struct plan *ret);

unsigned model_capacity(const struct model *model);
unsigned model_places(const struct model *model);

#endif
