// SPDX-License-Identifier: Apache-2.0
/* Inside the reconciler: the actions that are functions of their own file. All have the shape of act.c's table. */
#ifndef IPAMD_RECONCILE_ACT_H
#define IPAMD_RECONCILE_ACT_H

#include "cloud/ec2_retry.h"
#include "reconcile/state.h"

/* The last EC2 call failed so that it may have been carried out all the same. */
bool act_outcome_is_unknown(const struct reconcile *r);
/* It failed for a reason that says nothing about the ENI: throttled, no credentials, no permission. */
bool act_is_slowed_down(const struct reconcile *r);

/* act_grow.c: an ENI comes to be. */
int act_create(struct reconcile *r, struct round *round, const struct plan_action *action,
               struct store_eni *eni, struct err *err);
int act_recreate(struct reconcile *r, struct round *round, const struct plan_action *action,
                 struct store_eni *eni, struct err *err);
int act_attach(struct reconcile *r, struct round *round, const struct plan_action *action,
               struct store_eni *eni, struct err *err);
int act_mark(struct reconcile *r, struct round *round, const struct plan_action *action,
             struct store_eni *eni, struct err *err);

/* subnets.c */
int act_find_subnets(struct reconcile *r, struct round *round, const struct plan_action *action,
                     struct store_eni *none, struct err *err);

/* act_addresses.c */
/* Single addresses as blocks; in the round's arena. */
struct prefix *act_hosts(struct round *round, const struct ip *addresses, size_t n);
int act_assign(struct reconcile *r, struct round *round, const struct plan_action *action,
               struct store_eni *eni, struct err *err);
int act_unassign(struct reconcile *r, struct round *round, const struct plan_action *action,
                 struct store_eni *eni, struct err *err);

/* An ENI that will never be of use: deleted if it exists, forgotten if it does not. */
int act_give_up(struct reconcile *r, struct round *round, struct store_eni *eni, const char *why,
                struct err *err);

/* What a create call asks for, but for addresses beside the primary one; texts are in the arena, the token is borrowed. */
void act_create_request(struct reconcile *r, struct arena *arena, const char *subnet_id, const char *token,
                        struct ec2_create_eni *ret);

#endif
