// SPDX-License-Identifier: Apache-2.0
/*
 * The planner: what the node should do next about its pool of addresses. Pure: the same view, targets, limits and time
 * give the same plan; no clock, no log, no globals; memory only from the arena. The reconciler carries the plan out.
 *
 * Words: capacity = addresses per ENI less the primary one. total = addresses we have or that are under way (preparing,
 * asked for in a create call). free = total - leased - cooling - lost - leaving: usable now or shortly; what is doubted counts
 * as free as long as nobody waits, because the next resync decides soon. Waiting ADDs count as if they were leased already, so that
 * one plan asks EC2 for all of them at once.
 */
#ifndef IPAMD_PLAN_PLAN_H
#define IPAMD_PLAN_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include <vpcwire/mem.h>

#include "model/condition.h"
#include "model/eni.h"
#include "model/plan.h"
#include "model/targets.h"

/* What a plan needs to know of an ENI (model/eni.h): its counts as the planner counts them, and what is put off. */
struct plan_eni {
        int64_t key;
        enum eni_state state;
        bool primary, managed, in_doubt;
        bool has_attachment; /* attaching: attached already; later: still attached as far as we know */
        bool link_present;   /* its link is in the kernel */
        bool link_missing; /* attached, and its link is gone: nothing of it can be used, whatever EC2 says */
        unsigned device_index, network_card;
        unsigned asked_addresses; /* creating only */
        unsigned total, free, leased, cooling, preparing, leaving, lost;
        unsigned doubted;           /* in total: EC2 did not show them, once */
        unsigned associated;        /* in free: with an Elastic or public one, so not given back */
        int64_t ready_ms;           /* since when it is ready: a young one is not given back */
        const char *public_address; /* an Elastic or public one on it: it is not given back; NULL: none */
        int64_t grow_not_before_ms; /* assign failed: not before this */
        const char *subnet_id;
        int64_t subnet_not_before_ms; /* its subnet had no free addresses: not before this */
        int64_t step_not_before_ms; /* its next step (attach, modify, detach, delete, ...) failed: not before this */
        bool full;                  /* EC2 said that it takes no more addresses, whatever the limits say */
};

/* Where a new ENI may be made. */
struct plan_subnet {
        const char *id;
        unsigned available;           /* addresses that EC2 counted there; 0: it was not asked */
        int64_t create_not_before_ms; /* it had none free, or is gone: not before this */
};

struct plan_view {
        const struct plan_eni *enis;
        size_t n_enis;
        unsigned waiting;             /* parked ADDs */
        int64_t create_not_before_ms; /* creating an ENI failed, wherever it was to be: not before this */
        const struct plan_subnet *subnets; /* in the order to try them; the node's own first */
        size_t n_subnets;
        bool finds_subnets;          /* others than the node's own may be asked for, ... */
        int64_t find_subnets_due_ms; /* ... from this time on */
        unsigned max_enis_seen;      /* EC2 refused to attach more than this (0: it never did) */
        int64_t surplus_since_ms; /* since when the last plans saw a surplus without a break; 0: the last one saw none */
        bool resync_first;            /* EC2 must be looked at before anything else is done */
        int64_t resync_due_ms;        /* when the next resync is due */
        int64_t resync_not_before_ms; /* a resync failed: none before this, whatever needs it */
};

struct plan_limits {
        unsigned max_enis;     /* of the instance, the primary and foreign ones included */
        unsigned ipv4_per_eni; /* the primary address included */
};

enum {
        PLAN_SHRINK_DELAY_MS = 60 * 1000, /* where the targets name none */
        PLAN_MAX_CREATES = 4,             /* ENIs that one plan begins: each is three calls */
};

/* Why a shortage is not made good at once: a cause, more closely, with the numbers that belong to it. */
enum plan_reason {
        PLAN_REASON_ENI_COMES,              /* device_index */
        PLAN_REASON_ENI_IN_DOUBT,           /* device_index */
        PLAN_REASON_ASSIGN_LATER,           /* device_index */
        PLAN_REASON_ASSIGN_LATER_IN_SUBNET, /* device_index, subnet_id */
        PLAN_REASON_CREATE_LATER,
        PLAN_REASON_CREATE_LATER_IN_SUBNET, /* subnet_id */
        PLAN_REASON_PLACE_LATER,            /* n ENIs there may be; places: one is on its way out */
        PLAN_REASON_MAX_ENI,                /* n */
        PLAN_REASON_ATTACH_LIMIT,           /* n: EC2 refused to attach more */
        PLAN_REASON_ALL_FULL,               /* n */
        PLAN_REASON_NO_PLACE,               /* n, places */
        PLAN_REASON_POD_LIMIT,              /* n pods there may be, held addresses */
        PLAN_REASON_TYPE_LIMIT,             /* the instance type takes no addresses for pods */
        PLAN_REASON_PRIMARY_NOT_SEEN,
        PLAN_REASON_NOT_RESYNCED, /* EC2 was not looked at since the boot */
        PLAN_REASON_COOLING,      /* n */
        _PLAN_REASON_MAX,
};

/* Who has the places that the instance type has for ENIs. */
enum plan_place {
        PLAN_PLACE_FULL,
        PLAN_PLACE_NOT_OURS,
        PLAN_PLACE_LEAVING,
        PLAN_PLACE_WITHOUT_LINK,
        _PLAN_PLACE_MAX,
};

struct plan_stuck {
        enum plan_reason reason;
        unsigned device_index, n, held;
        unsigned places[_PLAN_PLACE_MAX];
        const char *subnet_id;
};

struct plan_action {
        enum plan_action_kind kind;
        int64_t key; /* the ENI; 0 for LOOK, FIND_SUBNETS and CREATE */
        unsigned count, device_index;
        const char *subnet_id; /* CREATE only */
        const char *reason;    /* a short sentence with the numbers that led here */
};

struct plan {
        const struct plan_action *actions; /* in the order to carry them out */
        size_t n;
        unsigned shortage; /* addresses that are missing to the target now */
        unsigned target;   /* addresses that there should be now, with those that are cooling or leased */
        uint64_t causes;   /* of the shortage; bits 1 << enum condition_cause */
        unsigned surplus;  /* addresses beyond the target, and ENIs' own; 0 whenever shortage is not */
        const struct plan_eni
                *kept; /* the view's: not needed, and stays for its public address; NULL: none does */
        const struct plan_stuck *stuck; /* why a shortage leads to no action now; ... */
        size_t n_stuck;                 /* ... 0 when it does, or there is none */
        int64_t wake_ms;                /* when time alone would change this plan; 0: never */
};

/* What a reason comes to. */
enum condition_cause plan_cause(enum plan_reason reason);

/* How long a surplus must last, and how old an ENI must be, to be given back: no flapping with EC2. */
int64_t plan_shrink_delay_ms(const struct pool_targets *targets);

/* Never fails. Everything in *ret lives in the arena. */
void plan_make(const struct plan_view *view, const struct pool_targets *targets,
               const struct plan_limits *limits, int64_t now_ms, struct arena *arena, struct plan *ret);

/* words.c: why the pool cannot grow, or why an ENI is kept, as a sentence for people. The plan must have such a thing. */
const char *plan_stuck_text(const struct plan *plan, struct arena *arena);
const char *plan_kept_text(const struct plan *plan, struct arena *arena);

#endif
