// SPDX-License-Identifier: Apache-2.0
/*
 * Somebody else's firewall that drops the pods' packets: not ours to change, so it is reported, with the remedy. Logged when it
 * appears and when it is gone; in between it stands in the store for `ipamctl status`.
 */
#include <string.h>

#include "firewall/firewall.h"
#include <vpcwire/log.h>

#include "reconcile/blocked.h"
#include "reconcile/firewalls.h"

static bool is_still_there(const struct firewall_drop *drops, size_t n, const char *where)
{
        for (size_t i = 0; i < n; i++) {
                if (strcmp(drops[i].where, where) == 0)
                        return true;
        }
        return false;
}

static int warn(struct context *ctx, struct round *round, const struct firewall_drop *drop,
                struct outcome *out, struct err *err)
{
        const char *message = arena_printf(
                round->arena, "%s, and no rule of it accepts all packets from and to pods; the remedy: %s",
                drop->why, drop->remedy);

        if (!blocked_find(round, CONDITION_FIREWALL, drop->where)) {
                log_warn("firewall drops pods' packets", LOG_STR("where", drop->where),
                         LOG_STR("reason", drop->why), LOG_STR("remedy", drop->remedy));
                out->pool_changed = true;
        }
        return blocked_until(ctx, round, CONDITION_FIREWALL, drop->where,
                             round->now_ms + 2 * FIREWALL_PERIOD_MS, CAUSE_FIREWALL_DROPS, message, out, err);
}

static int forget_mended(struct context *ctx, struct round *round, const struct firewall_drop *drops,
                         size_t n, struct outcome *out, struct err *err)
{
        const struct condition *before = round->conditions;
        size_t n_before = round->n_conditions;

        for (size_t i = 0; i < n_before; i++) {
                if (before[i].kind != CONDITION_FIREWALL || is_still_there(drops, n, before[i].object))
                        continue;
                log_info("firewall passes pods' packets again", LOG_STR("where", before[i].object));
                out->pool_changed = true;
                if (blocked_clear(ctx, round, CONDITION_FIREWALL, before[i].object, err) < 0)
                        return -(int)err->code;
        }
        return 0;
}

int firewall_watch(struct firewalls *firewalls, struct context *ctx, struct round *round, struct outcome *out,
                   struct err *err)
{
        struct firewall_drop *drops;
        struct err failure;
        size_t n;

        if (round->now_ms < firewalls->due_ms) {
                outcome_wake(out, firewalls->due_ms);
                return 0;
        }
        firewalls->seen_ms = round->now_ms;
        firewalls->due_ms = round->now_ms + FIREWALL_PERIOD_MS;
        if (firewall_look(round->arena, ctx->options.veth_prefix, &drops, &n, &failure) < 0) {
                /* Only a report is lost. */
                log_warn("firewall check failed", LOG_ERR(&failure));
                outcome_wake(out, firewalls->due_ms);
                return 0;
        }
        for (size_t i = 0; i < n; i++) {
                if (warn(ctx, round, &drops[i], out, err) < 0)
                        return err_wrap(err, "note the firewall");
        }
        if (n)
                firewalls->due_ms = round->now_ms + FIREWALL_MENDED_MS;
        outcome_wake(out, firewalls->due_ms);
        return forget_mended(ctx, round, drops, n, out, err);
}

void firewall_hasten(struct firewalls *firewalls)
{
        if (firewalls->due_ms > firewalls->seen_ms + FIREWALL_SETTLE_MS)
                firewalls->due_ms = firewalls->seen_ms + FIREWALL_SETTLE_MS;
}
