// SPDX-License-Identifier: Apache-2.0
/*
 * How an ENI of ours is known in EC2, and what becomes of one that our database has lost. The tags are those of aws-vpc-cni,
 * so that its tools and IAM policies know our ENIs, and one of our own: the client token of the create call, by which the ENI
 * of a call whose answer was lost is found even when the call cannot be repeated any more.
 */
#ifndef IPAMD_RECONCILE_OURS_H
#define IPAMD_RECONCILE_OURS_H

#include "reconcile/round.h"

#define OURS_TAG_INSTANCE   "node.k8s.amazonaws.com/instance_id"
#define OURS_TAG_CREATED_AT "node.k8s.amazonaws.com/createdAt"
#define OURS_TAG_NO_MANAGE  "node.k8s.amazonaws.com/no_manage"
#define OURS_TAG_TOKEN      "vpcwire.io/client-token"

enum {
        OURS_TIME_BYTES = 32,
        OURS_ORPHAN_AGE_MS = 5 * 60 * 1000, /* younger ones may be somebody's who is about to attach them */
        OURS_SWEEP_PERIOD_MS = 60 * 60 * 1000, /* between two looks for orphans: one more call */
};

struct sweep {
        int64_t due_ms; /* lost ENIs are looked for; 0: never */
};

/* createdAt is UTC, "2026-11-23T08:00:00Z". */
void ours_format_time(int64_t wall_s, char ret[static OURS_TIME_BYTES]);

/* The description that our ENIs have; in the arena. */
const char *ours_description(const struct context *ctx, struct arena *arena);

/* The ENIs that bear our tag, attached or not; in the round's arena. One call, as ec2_describe_enis_fn. */
int ours_describe(struct context *ctx, struct round *round, const struct ec2_call_options *options,
                  struct ec2_eni_list *ret, struct ec2_result *result, struct err *err);

/*
 * Deletes the orphans among the ENIs that bear our tag, and says when to look for them again: in an hour, or when a young
 * one is old enough. A deletion that EC2 refuses is written down, and no error here.
 */
int ours_delete_orphans(struct sweep *sweep, struct context *ctx, struct round *round,
                        const struct ec2_eni *enis, size_t n, struct outcome *out, struct err *err);

/* The next sweep is due at this time, not before. */
void ours_sweep_at(struct sweep *sweep, int64_t at_ms);

/*
 * The sweep for orphans, when it is due: a call of its own, because nothing waits for it. In one resync with the list of what
 * is attached, the two would be refused and repeated together where EC2 throttles, and many nodes that start at once would
 * keep each other from ever having both. A failed call is written down, and no error here.
 */
int ours_sweep(struct sweep *sweep, struct context *ctx, struct round *round, struct outcome *out,
               struct err *err);

#endif
