// SPDX-License-Identifier: Apache-2.0
/*
 * The primary ENI gets the instance's tag, as aws-vpc-cni gives it to all ENIs that it manages: tools find a node's ENIs by it.
 * Ours have it from their create call. Nothing depends on it, so it is one call, after all others; a refusal is reported as
 * any other, and it is asked for again by a resync, but not before TAG_AGAIN_MS: some of them come seconds apart, and a
 * policy does not change as fast.
 */
#include <string.h>

#include <vpcwire/log.h>

#include "reconcile/follow.h"
#include "reconcile/ours.h"

void tag_see(struct primary_tag *tag, const struct context *ctx, const struct ec2_eni *eni)
{
        const char *value = ec2_eni_tag(eni, OURS_TAG_INSTANCE);

        tag->missing = !value || strcmp(value, ctx->identity.instance_id) != 0;
}

int tag_primary(struct primary_tag *tag, struct context *ctx, struct round *round, struct outcome *out,
                struct err *err _unused_)
{
        const struct ec2_tag wanted = {OURS_TAG_INSTANCE, ctx->identity.instance_id};
        struct ec2_result result;
        struct err cause;

        if (!tag->missing || round->so_far.again || round->counts.waiting ||
            round->now_ms < tag->not_before_ms)
                return 0;
        tag->missing = false;
        if (ctx->ec2->ops->create_tags(ctx->ec2, NULL, ctx->identity.eni_id, &wanted, 1, &result, &cause) ==
            0) {
                log_info("primary eni tagged", LOG_STR("eni", ctx->identity.eni_id));
                return 0;
        }
        if (result.paced) {
                tag->missing = true;
                outcome_wake(out, round->now_ms + result.wait_ms);
                return 0;
        }
        tag->not_before_ms = round->now_ms + TAG_AGAIN_MS;
        log_warn("ec2 call failed", LOG_STR("action", "tag-primary"),
                 LOG_STR("subject", ctx->identity.eni_id), LOG_ERR(&cause));
        return 0;
}
