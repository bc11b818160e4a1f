// SPDX-License-Identifier: Apache-2.0
/*
 * DescribeSubnets says how many addresses are left. Nothing is planned on it: it is as old as the last period, and other
 * nodes take some meanwhile. The node's own subnet comes first, then those of its ENIs, then others that new ENIs may be made in.
 */
#include "reconcile/subnet_counts.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include "reconcile/resync_state.h"
#include "reconcile/subnet_list.h"
#include "store/subnets.h"

enum { JITTER_PART = 8 }; /* of a period: nodes that started together do not ask together */

struct wanted {
        const char *ids[SUBNETS_COUNTED_MAX];
        size_t n;
};

static void want(struct wanted *wanted, const char *id)
{
        if (!*id || wanted->n == SUBNETS_COUNTED_MAX)
                return;
        for (size_t i = 0; i < wanted->n; i++) {
                if (strcmp(wanted->ids[i], id) == 0)
                        return;
        }
        wanted->ids[wanted->n++] = id;
}

static struct wanted want_all(const struct context *ctx, const struct subnets *others,
                              const struct round *round)
{
        struct wanted wanted = {0};

        want(&wanted, ctx->identity.subnet_id);
        for (size_t i = 0; i < round->n_enis; i++) {
                if (round->enis[i].managed)
                        want(&wanted, round->enis[i].subnet_id);
        }
        for (size_t i = 0; i < others->n; i++)
                want(&wanted, others->list[i].id);
        return wanted;
}

static int64_t jittered(struct context *ctx, int64_t period_ms)
{
        return period_ms + (int64_t)(context_random(ctx) % (uint64_t)(period_ms / JITTER_PART + 1));
}

void subnet_counts_start(struct subnet_counts *counts, struct context *ctx, int64_t now_ms)
{
        int64_t period_ms = ctx->settings.resync_period_ms;

        counts->due_ms = now_ms + jittered(ctx, period_ms < SUBNET_COUNTS_AFTER_START_MS
                                                        ? period_ms
                                                        : SUBNET_COUNTS_AFTER_START_MS);
}

/* NULL: EC2 does not show it, or it has no IPv4 addresses. */
static const struct ec2_subnet *find(const struct ec2_subnet_list *list, const char *id)
{
        for (size_t i = 0; i < list->n; i++) {
                if (strcmp(list->subnets[i].subnet_id, id) == 0)
                        return list->subnets[i].cidr.bits ? &list->subnets[i] : NULL;
        }
        return NULL;
}

int subnet_counts_take(struct context *ctx, const struct subnets *others, const struct round *round,
                       const struct ec2_subnet_list *list, struct err *err)
{
        const struct wanted wanted = want_all(ctx, others, round);
        struct subnet_count seen[SUBNETS_COUNTED_MAX];
        size_t n = 0;

        for (size_t i = 0; i < wanted.n; i++) {
                const struct ec2_subnet *subnet = find(list, wanted.ids[i]);

                if (!subnet)
                        continue;
                seen[n] = (struct subnet_count){.cidr = subnet->cidr,
                                                .available = subnet->available_addresses,
                                                .seen_wall_ms = clock_wall_ms()};
                snprintf(seen[n++].id, sizeof(seen->id), "%s", subnet->subnet_id);
        }
        return store_subnets_set(ctx->store, seen, n, err);
}

/* The round's own calls go first; pending ADDs, too, for a while: pods may wait for hours, because the subnet is full. */
static bool is_due(const struct subnet_counts *counts, const struct round *round, struct outcome *out)
{
        int64_t due_ms = counts->due_ms + (round->counts.waiting ? RESYNC_YIELDS_MS : 0);

        if (!round->n_enis || round->so_far.again)
                return false;
        if (due_ms <= round->now_ms)
                return true;
        outcome_wake(out, due_ms);
        return false;
}

int subnet_counts_follow(struct subnet_counts *counts, struct context *ctx, const struct subnets *others,
                         struct round *round, struct outcome *out, struct err *err)
{
        struct wanted wanted;
        struct ec2_selection which;
        struct ec2_subnet_list list;
        struct ec2_result result;
        struct err cause;

        if (!is_due(counts, round, out))
                return 0;
        wanted = want_all(ctx, others, round);
        assert(wanted.n); /* without ids EC2 shows all that there are */
        which = (struct ec2_selection){.ids = wanted.ids, .n_ids = wanted.n, .skips_unreadable = true};
        counts->due_ms = round->now_ms + jittered(ctx, ctx->settings.resync_period_ms);
        if (ctx->ec2->ops->describe_subnets(ctx->ec2, NULL, &which, round->arena, &list, &result, &cause) ==
            0) {
                outcome_wake(out, counts->due_ms);
                return subnet_counts_take(ctx, others, round, &list, err);
        }
        if (result.paced)
                counts->due_ms = round->now_ms + result.wait_ms;
        else
                log_warn("counting the subnets' free addresses failed", LOG_ERR(&cause));
        outcome_wake(out, counts->due_ms);
        return 0;
}
