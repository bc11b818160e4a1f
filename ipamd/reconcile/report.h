// SPDX-License-Identifier: Apache-2.0
/* What the reconciler does and learns, for who watches: metrics, events, the log. */
#ifndef IPAMD_RECONCILE_REPORT_H
#define IPAMD_RECONCILE_REPORT_H

#include "reconcile/round.h"

/* denied.c: tells a change of a permission once. As count_ec2_call(). */
void denied_observe(void *data, enum ec2_action id, const struct ec2_result *result, const char *why);
/* Whether the last call of this action that says something of permissions was refused. */
int denied_known(struct context *ctx, struct arena *arena, enum ec2_action action, bool *ret,
                 struct err *err);
/* What was denied in the life before is still so, until EC2 says else: into the metrics. */
void denied_recall(struct context *ctx);

/* count.c: the observer of a struct ec2; data is the context. A dry run is counted as such, and nowhere else. */
void count_ec2_call(void *data, enum ec2_action id, const struct ec2_result *result, const char *why);
void count_plan(struct context *ctx, const struct plan *plan);
/* Around one action of the plan. */
void count_action(struct context *ctx, enum plan_action_kind kind, bool begins);
void count_repairs(struct context *ctx, const struct node_repairs *repaired);
/* At the end of a round: what the reconciler knows and the database does not. resynced_ms: the last resync; 0: none yet. */
void count_round(struct context *ctx, int64_t resynced_ms);

/* health.c: what the credentials say of themselves and of the clock goes to the log, once each. */
struct health {
        bool credentials_failing, clock_wrong; /* in the log, and not taken back since */
};
void health_tell(struct health *health, struct context *ctx);

#endif
