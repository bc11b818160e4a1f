// SPDX-License-Identifier: Apache-2.0
/* Subnets beside the node's own. */
#ifndef IPAMD_RECONCILE_SUBNETS_H
#define IPAMD_RECONCILE_SUBNETS_H

#include "reconcile/round.h"
#include "reconcile/subnet_list.h"

enum { SUBNETS_PERIOD_MS = 10 * 60 * 1000 }; /* other subnets are asked for no more often */

/* PLAN_FIND_SUBNETS: asks EC2 which others there are. */
int subnets_look_for_more(struct subnets *subnets, struct context *ctx, struct round *round,
                          const struct plan_action *action, struct outcome *out, struct err *err);

/* NULL: not known, or the node's own. */
struct subnet *subnets_find(struct subnets *subnets, const char *id);
/*
 * The CIDR (for the gateway) of the subnet of an ENI that the database does not know yet. 1: known now; 0: EC2 does not say, and
 * *ret_again_ms becomes the time at which it may be asked again.
 */
int subnets_learn(struct subnets *subnets, struct context *ctx, struct round *round, struct eni *eni,
                  int64_t *ret_again_ms, struct outcome *out, struct err *err);
void subnets_forget(struct subnets *subnets);
/* Whether the tags, the place and the free addresses of a subnet allow ENIs of this node in it. cluster may be NULL. */
bool subnets_may_use(const struct identity *identity, const char *cluster, const struct ec2_subnet *subnet);

#endif
