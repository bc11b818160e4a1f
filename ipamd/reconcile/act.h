// SPDX-License-Identifier: Apache-2.0
/* The actions of a plan; those that are functions of their own file have the shape of act.c's table. */
#ifndef IPAMD_RECONCILE_ACT_H
#define IPAMD_RECONCILE_ACT_H

#include "cloud/ec2_retry.h"
#include "reconcile/state.h"

enum {
        ATTACH_ATTEMPTS_MAX = 5,      /* then the ENI is given up and deleted */
        TOKEN_RESYNCS_MAX = 6,        /* for the ENI that a client token made; then the row is given up */
        ENI_FULL_MS = 10 * 60 * 1000, /* an ENI that EC2 calls full is not filled for so long */
};

/* act.c: carries out one action of the plan. A failure that is EC2's is written down as blocked, and no error here. */
int act(struct reconcile *r, struct round *round, const struct plan_action *action, struct outcome *out,
        struct err *err);
/* Repeats an unassign whose outcome is unknown, for every ENI that has leaving addresses and is not leaving itself. */
int act_finish_unassigns(struct context *ctx, struct round *round, struct outcome *out, struct err *err);

/* An EC2 call failed so that it may have been carried out all the same. */
bool act_outcome_is_unknown(const struct ec2_result *result);
/* It failed for a reason that says nothing about the ENI: throttled, no credentials, no permission. */
bool act_is_slowed_down(const struct ec2_result *result);

/* act_grow.c: an ENI comes to be. */
int act_create(struct reconcile *r, struct round *round, const struct plan_action *action, struct eni *eni,
               struct outcome *out, struct err *err);
int act_recreate(struct reconcile *r, struct round *round, const struct plan_action *action, struct eni *eni,
                 struct outcome *out, struct err *err);
int act_attach(struct reconcile *r, struct round *round, const struct plan_action *action, struct eni *eni,
               struct outcome *out, struct err *err);
int act_mark(struct reconcile *r, struct round *round, const struct plan_action *action, struct eni *eni,
             struct outcome *out, struct err *err);

/* act_addresses.c */
/* Single addresses as blocks; in the round's arena. */
struct prefix *act_hosts(struct round *round, const struct ip *addresses, size_t n);
int act_assign(struct reconcile *r, struct round *round, const struct plan_action *action, struct eni *eni,
               struct outcome *out, struct err *err);
int act_unassign(struct reconcile *r, struct round *round, const struct plan_action *action, struct eni *eni,
                 struct outcome *out, struct err *err);

/* An ENI that will never be of use: deleted if it exists, forgotten if it does not. */
int act_give_up(struct context *ctx, struct round *round, struct eni *eni, const char *why,
                struct outcome *out, struct err *err);

#endif
