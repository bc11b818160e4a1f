// SPDX-License-Identifier: Apache-2.0
/*
 * A lease whose pod the kernel has not shown for long enough is reclaimed. That no link has the name that it was made with is
 * no absence: see vpcwire/pod_match.h. And while a route leads the address to any veth that is up it is in use, by whomever.
 */
#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include "reconcile/network.h"

struct pod_sought reclaim_pod_of(const struct lease *lease)
{
        return (struct pod_sought){.ip = lease->address,
                                   .host_ifname = lease->host_ifname,
                                   .container_id = lease->address_only ? NULL : lease->key.container_id};
}

static int reclaim_one(struct reclaim *reclaim, struct context *ctx, struct round *round,
                       const struct lease *lease, bool seen, struct outcome *out, struct err *err)
{
        int64_t grace_ms =
                ctx->settings.orphan_grace_ms + (lease->state == LEASE_RESERVED ? RESERVED_GRACE_MS : 0);
        int64_t due_ms = lease->link_missing_since_ms + grace_ms;
        struct ip address;
        bool released;

        if (seen && !lease->link_missing_since_ms)
                return 0;
        if (seen)
                return store_lease_link_seen(ctx->store, &lease->key, true, round->now_ms, err);
        if (!lease->link_missing_since_ms) {
                due_ms = round->now_ms + grace_ms;
                if (store_lease_link_seen(ctx->store, &lease->key, false, round->now_ms, err) < 0)
                        return err_wrap(err, "note the missing link");
        }
        if (round->now_ms < due_ms) {
                reclaim->due_ms = due_ms < reclaim->due_ms ? due_ms : reclaim->due_ms;
                return 0;
        }
        log_warn("lease reclaimed: its host link is gone", LOG_STR("address", IP_TEXT(lease->address)),
                 LOG_STR("container", lease->key.container_id), LOG_STR("pod", lease->pod_name),
                 LOG_STR("link", lease->host_ifname));
        out->pool_changed = true;
        out->again = true;
        if (store_lease_release(ctx->store, &lease->key, LEASE_END_LINK_GONE, round->now_ms, &released,
                                &address, err) < 0)
                return -(int)err->code;
        metrics_add(ctx->options.metrics, METRIC_ORPHANS, LABELS(METRIC_ORPHAN_LEASE), released);
        return 0;
}

static int find_pods(struct context *ctx, struct round *round, const struct lease *leases, size_t n,
                     struct pod_found **ret, struct err *err)
{
        struct pod_sought *pods = ARENA_ARRAY(round->arena, struct pod_sought, n);

        for (size_t i = 0; i < n; i++)
                pods[i] = reclaim_pod_of(&leases[i]);
        return node_find_pods(ctx->node, round->arena, pods, n, ret, err);
}

int network_reclaim(struct reclaim *reclaim, struct context *ctx, struct round *round, struct outcome *out,
                    struct err *err)
{
        struct pod_found *found = NULL;
        struct lease *leases;
        size_t n_leases;

        if (round->now_ms < reclaim->due_ms) {
                outcome_wake(out, reclaim->due_ms);
                return 0;
        }
        reclaim->due_ms = round->now_ms + PODS_PERIOD_MS;
        /* Leases first: a link made in between belongs to a lease that is not in the list. */
        if (store_leases(ctx->store, NULL, round->arena, &leases, &n_leases, err) < 0 ||
            find_pods(ctx, round, leases, n_leases, &found, err) < 0)
                return err_wrap(err, "look at the pods' links");
        for (size_t i = 0; i < n_leases; i++) {
                bool seen = !leases[i].address_only && (found[i].link || found[i].rival);

                if (leases[i].address_only && leases[i].state == LEASE_WIRED)
                        continue; /* it never had a link: only DEL and GC know when its pod is gone */
                if (reclaim_one(reclaim, ctx, round, &leases[i], seen, out, err) < 0)
                        return err_wrap(err, "lease %s", IP_TEXT(leases[i].address));
        }
        outcome_wake(out, reclaim->due_ms);
        return 0;
}

void reclaim_hasten(struct reclaim *reclaim)
{
        int64_t at_ms = clock_boottime_ms() + PODS_SETTLE_MS;

        if (reclaim->due_ms > at_ms)
                reclaim->due_ms = at_ms;
}
