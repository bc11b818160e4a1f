// SPDX-License-Identifier: Apache-2.0
/*
 * An ENI that is attached, as far as the database knows, and whose link is not in the kernel. It was detached behind our back, or
 * the kernel lost it: either way nothing of it is on its way, and its pods are cut off. EC2 is asked at once, and again later
 * and later, because Describe may be late too.
 */
#include <vpcwire/log.h>

#include "reconcile/blocked.h"
#include "reconcile/network.h"

/* A link that was here is gone; one that never was may still come. */
static bool is_gone(const struct round *round, const struct eni *eni)
{
        return eni->link_missing || eni->state != ENI_CONFIGURING ||
               round->now_ms - eni->since_ms >= LINK_COMES_MS;
}

static int64_t pause_ms(unsigned attempts)
{
        int64_t pause = LINK_RESYNC_MS;

        while (attempts-- && pause < LINK_RESYNC_MAX_MS)
                pause *= 2;
        return pause < LINK_RESYNC_MAX_MS ? pause : LINK_RESYNC_MAX_MS;
}

static int ask_ec2(struct context *ctx, struct round *round, const struct eni *eni, struct outcome *out,
                   struct err *err)
{
        if (blocked_waits(round, CONDITION_ENI_LINK, eni->eni_id, out))
                return 0;
        outcome_resync_ec2(out, round->now_ms);
        return blocked_until(ctx, round, CONDITION_ENI_LINK, eni->eni_id,
                             round->now_ms +
                                     pause_ms(blocked_attempts(round, CONDITION_ENI_LINK, eni->eni_id)),
                             CAUSE_LINK_MISSING,
                             arena_printf(round->arena, "the link of %s (device %u) is missing on this node",
                                          eni->eni_id, eni->device_index),
                             out, err);
}

int missing_link_see(struct context *ctx, struct round *round, const struct eni *eni, bool present,
                     struct outcome *out, struct err *err)
{
        if (present) {
                if (!eni->link_missing)
                        return 0;
                log_info("eni link is back", LOG_STR("eni", eni->eni_id));
                out->pool_changed = true;
                if (store_eni_set_link_missing(ctx->store, eni->key, false, err) < 0)
                        return -(int)err->code;
                return blocked_clear(ctx, round, CONDITION_ENI_LINK, eni->eni_id, err);
        }
        if (!*eni->attachment_id)
                return 0; /* known: it is not attached any more */
        if (!is_gone(round, eni)) {
                outcome_wake(out, eni->since_ms + LINK_COMES_MS);
                return 0;
        }
        if (!eni->link_missing) {
                log_error("eni link missing", LOG_STR("eni", eni->eni_id),
                          LOG_INT("device", eni->device_index), LOG_INT("pods", eni->leased));
                out->pool_changed = true;
                if (store_eni_set_link_missing(ctx->store, eni->key, true, err) < 0)
                        return -(int)err->code;
        }
        return ask_ec2(ctx, round, eni, out, err);
}
