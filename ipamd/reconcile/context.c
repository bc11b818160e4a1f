// SPDX-License-Identifier: Apache-2.0
#include "reconcile/context.h"

#include <sys/random.h>

#include <vpcwire/clock.h>
#include <vpcwire/netlink.h>

#include "cloud/profile_settings.h"

void context_set_ec2(struct context *ctx, struct ec2 *ec2)
{
        ec2_free(ctx->ec2);
        ctx->ec2 = ec2;
}

uint64_t context_random(struct context *ctx)
{
        /* xorshift64: jitter needs no more, and getrandom() per call is no use. Seeded from the kernel at the start. */
        ctx->random ^= ctx->random << 13;
        ctx->random ^= ctx->random >> 7;
        ctx->random ^= ctx->random << 17;
        return ctx->random;
}

/* What the environment and our own settings leave open is the profile's to say, as with the SDKs. */
static int take_profile(struct context *ctx, struct err *err)
{
        struct reconcile_options *o = &ctx->options;
        struct profile_settings profile;

        ctx->arena = arena_new();
        if (profile_settings_read(ctx->arena, &profile, err) < 0)
                return -(int)err->code;
        o->region = o->region ?: profile.region;
        o->ec2_endpoint = o->ec2_endpoint ?: profile.ec2_endpoint;
        o->sts_endpoint = o->sts_endpoint ?: profile.sts_endpoint;
        return 0;
}

int context_open(struct context *ctx, const struct reconcile_options *options, struct err *err)
{
        const struct reconcile_options *o = &ctx->options;

        *ctx = (struct context){.options = *options, .settings = options->settings};
        if (take_profile(ctx, err) < 0)
                return -(int)err->code;
        if (getrandom(&ctx->random, sizeof(ctx->random), 0) != sizeof(ctx->random) || !ctx->random)
                ctx->random = (uint64_t)clock_wall_ms();
        if (store_open(&o->store, &ctx->store, err) < 0)
                return -(int)err->code;
        if (imds_new(&(const struct imds_options){.endpoint = o->imds_endpoint,
                                                  .ipv6 = o->imds_ipv6,
                                                  .cancel = &ctx->cancel},
                     &ctx->imds, err) < 0)
                return -(int)err->code;
        ctx->credentials = credentials_open(&(const struct credentials_options){
                .imds = ctx->imds,
                .region = o->region,
                .sts_endpoint = o->sts_endpoint,
                .use_fips = o->use_fips,
                .use_dualstack = o->use_dualstack,
                .ca_file = o->ca_file,
                .cancel = &ctx->cancel,
                .timeout_ms = o->http_timeout_ms,
        });
        if (node_open(&ctx->node, err) < 0)
                return -(int)err->code;
        return netlink_open(-1, &ctx->netlink, err);
}

void context_done(struct context *ctx)
{
        ec2_free(ctx->ec2);
        credentials_free(ctx->credentials);
        imds_free(ctx->imds);
        node_free(ctx->node);
        netlink_free(ctx->netlink);
        store_free(ctx->store);
        identity_done(&ctx->identity);
        arena_free(ctx->arena);
}

struct takeover_options context_takeover(const struct context *ctx)
{
        return (struct takeover_options){
                .store = ctx->store,
                .netlink = ctx->netlink,
                .backing_store = ctx->options.backing_store,
                .xtables_lock = ctx->options.xtables_lock,
                .connmark = ctx->settings.egress.mark,
                .grace_ms = ctx->settings.orphan_grace_ms,
        };
}
