// SPDX-License-Identifier: Apache-2.0
/* How many addresses EC2 counts free in the subnets that this node takes addresses from: for people, before there are none. */
#ifndef IPAMD_RECONCILE_SUBNET_COUNTS_H
#define IPAMD_RECONCILE_SUBNET_COUNTS_H

#include "reconcile/round.h"

struct subnets;

/* Once a start's own calls are made; where many nodes start at once nothing waits for this. */
enum { SUBNET_COUNTS_AFTER_START_MS = 60 * 1000 };

struct subnet_counts {
        int64_t due_ms; /* EC2 is asked, not before */
};

void subnet_counts_start(struct subnet_counts *counts, struct context *ctx, int64_t now_ms);

/*
 * Asks EC2 when it is due, with one call for all subnets: after the start, and then once in a period of resyncs. A call
 * that fails is in the log, and made again with the next period.
 */
int subnet_counts_follow(struct subnet_counts *counts, struct context *ctx, const struct subnets *others,
                         struct round *round, struct outcome *out, struct err *err);

/* EC2 showed these for another reason: what there is of ours among them is known anew. */
int subnet_counts_take(struct context *ctx, const struct subnets *others, const struct round *round,
                       const struct ec2_subnet_list *list, struct err *err);

#endif
