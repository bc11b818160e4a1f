// SPDX-License-Identifier: Apache-2.0
/* A round: what it reads, and what is made of it. */
#ifndef IPAMD_RECONCILE_ROUND_H
#define IPAMD_RECONCILE_ROUND_H

#include "model/outcome.h"
#include "reconcile/context.h"

enum { ROUND_RETRY_MS = 2000 }; /* after a round that failed as a whole */

/* One round's scratch: an arena, the time it began, and what it read from the store. */
struct round {
        struct arena *arena;
        int64_t now_ms;
        struct eni *enis;
        bool *link_present; /* of each ENI, in the kernel */
        size_t n_enis;
        struct condition *conditions;
        size_t n_conditions;
        struct store_counts counts;
        struct outcome so_far; /* of the steps and acts before */
};

/* observe.c: reads the store into the round. */
int observe_store(struct context *ctx, struct round *round, struct err *err);
struct eni *observe_eni(struct round *round, int64_t key);

#endif
