// SPDX-License-Identifier: Apache-2.0
/* The steps that find out who this node is, and follow what changes about it. */
#ifndef IPAMD_RECONCILE_IDENTITY_LEARN_H
#define IPAMD_RECONCILE_IDENTITY_LEARN_H

#include "reconcile/round.h"

struct takeover;

enum {
        CHANGES_PERIOD_MS = 20 * 1000, /* and up to a quarter more: what changed in IMDS counts within 30 s */
        VPC_CIDRS_GONE_MS = 5 * 60 * 1000, /* one that IMDS does not show any more counts for so long */
};

/* When IMDS is asked again for what may change. */
struct identity_changes {
        int64_t due_ms;
        int64_t vpc_cidrs_less_since_ms; /* since when IMDS shows not all that we know; 0: it does */
};

/*
 * identity.c: learns who we are and what the instance type allows. ERR_AGAIN while that is not known. The database of another
 * instance is kept as a backup, and what runs is taken over anew.
 */
int identity_learn(struct context *ctx, struct identity_changes *changes, struct takeover *takeover,
                   struct round *round, struct outcome *out, struct err *err);
/* identity_changes.c. A failure keeps what was known. */
void identity_follow_changes(struct context *ctx, struct identity_changes *changes, struct round *round,
                             struct outcome *out);
void identity_changes_later(struct context *ctx, struct identity_changes *changes, const struct round *round);

#endif
