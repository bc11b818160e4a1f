// SPDX-License-Identifier: Apache-2.0
/*
 * What IMDS said of the node at the start and may say else while it runs: the VPC's CIDRs and the primary ENI's security groups.
 * Asked for again a few times a minute (IMDS is on this machine, and no call of EC2's), written down, and acted on by those who
 * read the identity. A subnet's CIDR and the node's first address cannot change while the instance is there.
 */
#include <string.h>

#include <vpcwire/log.h>

#include "reconcile/identity_learn.h"

static bool has_cidr(const struct prefix *cidrs, size_t n, struct prefix cidr)
{
        for (size_t i = 0; i < n; i++) {
                if (prefix_equal(cidrs[i], cidr))
                        return true;
        }
        return false;
}

/* What IMDS shows, and what it does not show but did a while ago: an absence there proves nothing. */
static size_t settle_vpc_cidrs(struct context *ctx, struct identity_changes *changes, struct round *round,
                               struct prefix **cidrs, size_t n)
{
        const struct identity *known = &ctx->identity;
        struct prefix *all = ARENA_ARRAY(round->arena, struct prefix, n + known->n_vpc_cidrs);
        size_t n_all = n;

        memcpy(all, *cidrs, n * sizeof(*all));
        for (size_t i = 0; i < known->n_vpc_cidrs; i++) {
                if (!has_cidr(all, n_all, known->vpc_cidrs[i]))
                        all[n_all++] = known->vpc_cidrs[i];
        }
        if (n_all == n)
                changes->vpc_cidrs_less_since_ms = 0;
        else if (!changes->vpc_cidrs_less_since_ms)
                changes->vpc_cidrs_less_since_ms = round->now_ms;
        else if (round->now_ms - changes->vpc_cidrs_less_since_ms >= VPC_CIDRS_GONE_MS)
                return n;
        *cidrs = all;
        return n_all;
}

/* The list with all that was known before. */
static struct prefix *with_known(const struct identity *identity, struct arena *arena,
                                 const struct prefix *cidrs, size_t *n)
{
        struct prefix *both = ARENA_ARRAY(arena, struct prefix, *n + identity->n_vpc_cidrs);

        if (*n)
                memcpy(both, cidrs, *n * sizeof(*both));
        for (size_t i = 0; i < identity->n_vpc_cidrs; i++) {
                if (!has_cidr(both, *n, identity->vpc_cidrs[i]))
                        both[(*n)++] = identity->vpc_cidrs[i];
        }
        return both;
}

/* CIDRs come and go while the node runs. A failure keeps what was known: an absence never destroys. */
static void refresh_vpc_cidrs(struct context *ctx, struct identity_changes *changes, struct round *round,
                              struct outcome *out)
{
        struct prefix *cidrs;
        struct err err;
        bool whole;
        size_t n;

        if (imds_get_vpc_cidrs(ctx->imds, ctx->identity.mac, round->arena, &cidrs, &n, &whole, &err) < 0) {
                log_debug("VPC CIDRs unavailable", LOG_ERR(&err));
                return;
        }
        if (n == 0)
                return;
        if (whole)
                n = settle_vpc_cidrs(ctx, changes, round, &cidrs, n);
        else
                cidrs = with_known(&ctx->identity, round->arena, cidrs, &n);
        if (n == ctx->identity.n_vpc_cidrs && memcmp(cidrs, ctx->identity.vpc_cidrs, n * sizeof(*cidrs)) == 0)
                return;
        identity_set_vpc_cidrs(&ctx->identity, cidrs, n);
        out->resync_network = true;
        log_info("VPC CIDRs changed", LOG_INT("n", n));
        if (identity_save(ctx->store, &ctx->identity, &err) < 0)
                log_warn("writing the VPC CIDRs failed", LOG_ERR(&err));
}

static bool same_groups(const struct identity *identity, const char *const *groups, size_t n)
{
        if (n != identity->n_groups)
                return false;
        for (size_t i = 0; i < n; i++) {
                if (strcmp(identity->groups[i], groups[i]) != 0)
                        return false;
        }
        return true;
}

static void refresh_groups(struct context *ctx, struct round *round)
{
        const char **groups;
        struct err err;
        size_t n;

        if (imds_get_security_groups(ctx->imds, ctx->identity.mac, round->arena, &groups, &n, &err) < 0) {
                log_debug("primary ENI's security groups unavailable", LOG_ERR(&err));
                return;
        }
        if (same_groups(&ctx->identity, groups, n))
                return;
        identity_set_groups(&ctx->identity, groups, n);
        log_info("primary ENI's security groups changed", LOG_INT("n", n));
        if (identity_save(ctx->store, &ctx->identity, &err) < 0)
                log_warn("writing the security groups failed", LOG_ERR(&err));
}

void identity_changes_later(struct context *ctx, struct identity_changes *changes, const struct round *round)
{
        changes->due_ms =
                round->now_ms + CHANGES_PERIOD_MS + (int64_t)(context_random(ctx) % (CHANGES_PERIOD_MS / 4));
}

void identity_follow_changes(struct context *ctx, struct identity_changes *changes, struct round *round,
                             struct outcome *out)
{
        if (round->now_ms >= changes->due_ms) {
                identity_changes_later(ctx, changes, round);
                refresh_vpc_cidrs(ctx, changes, round, out);
                refresh_groups(ctx, round);
        }
        outcome_wake(out, changes->due_ms);
}
