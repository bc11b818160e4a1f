// SPDX-License-Identifier: Apache-2.0
#include "migrate/takeover.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vpcwire/clock.h>
#include <vpcwire/link.h>
#include <vpcwire/log.h>
#include <vpcwire/pod_link.h>
#include <vpcwire/route.h>

#include "migrate/legacy.h"

/* iptables' lock is held for milliseconds, by a large kube-proxy for a second. */
enum { LEGACY_RETRY_MS = 2000 };

/* What the kernel says of the pods: their links, and the host routes to them: aws-vpc-cni's in main, ours in the pods' table. */
struct kernel {
        struct link_info *links;
        struct route_info *routes;
        size_t n_links, n_routes;
};

int takeover_start(struct takeover *takeover, const struct takeover_options *options, struct outcome *out,
                   struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct import *imports;
        size_t n;

        if (store_imports(options->store, arena, &imports, &n, err) < 0)
                return err_wrap(err, "read the pods to adopt");
        for (size_t i = 0; i < n; i++)
                takeover->pending |= imports[i].verdict == IMPORT_PENDING;
        takeover->tidy = n > 0 || (options->backing_store && access(options->backing_store, F_OK) == 0);
        takeover->tidy_legacy = takeover->tidy;
        if (takeover->pending) /* what does not know its pods may not know EC2's answers either */
                outcome_resync_ec2(out, clock_boottime_ms());
        takeover->deadline_ms = clock_boottime_ms() + options->grace_ms;
        return 0;
}

static int look_at_kernel(const struct takeover_options *options, const struct takeover_round *round,
                          struct kernel *ret, struct err *err)
{
        const struct route_filter filter = {.family = AF_INET};

        if (link_dump(options->netlink, round->arena, &ret->links, &ret->n_links, err) < 0 ||
            route_dump(options->netlink, round->arena, &filter, &ret->routes, &ret->n_routes, err) < 0)
                return err_wrap(err, "look for the pods");
        return 0;
}

static bool link_is_the_pods(const struct link_info *link, const struct import *import)
{
        _cleanup_(text_done) struct text key = {0};
        char digits[POD_LINK_DIGITS + 1];
        size_t n = strlen(link->name);

        if (!*import->key.network)
                return strcmp(link->alias, import->key.container_id) == 0 ||
                       (!*link->alias && strcmp(link->name, import->key.ifname) == 0);
        if (!*import->pod_name)
                return true; /* it does not say whose it is; the route does */
        text_add(&key, "%s.%s", import->pod_namespace, import->pod_name);
        pod_link_digits(key.text, digits);
        return n >= POD_LINK_DIGITS && strcmp(link->name + n - POD_LINK_DIGITS, digits) == 0;
}

/*
 * The host's route decides: a link may bear the pod's name and belong to a later pod of that name, with another address.
 * One that is ours already (an earlier life got this far) may have it in our table.
 */
static const struct link_info *find_link(const struct kernel *kernel, const struct import *import)
{
        const struct prefix wanted = prefix_host(import->address);

        for (size_t i = 0; i < kernel->n_links; i++) {
                const struct link_info *link = &kernel->links[i];

                if (strcmp(link->kind, "veth") != 0 || !link_is_the_pods(link, import))
                        continue;
                for (size_t j = 0; j < kernel->n_routes; j++) {
                        if (kernel->routes[j].oif == link->ifindex &&
                            prefix_equal(kernel->routes[j].dst, wanted))
                                return link;
                }
        }
        return NULL;
}

static int skip(const struct takeover_options *options, const struct import *import, struct outcome *out,
                struct err *err)
{
        const char *reason = "no link on this host has a route to the address: its pod is gone";

        log_warn("pod not adopted", LOG_STR("address", IP_TEXT(import->address)),
                 LOG_STR("pod", import->pod_name), LOG_STR("container", import->key.container_id),
                 LOG_STR("reason", reason));
        out->again = true;
        return store_import_skip(options->store, import->address, reason, err);
}

/* A pod on several network cards has a row for each, under one key. What ours have not stays as aws-vpc-cni made it. */
static int leave_second_address(const struct takeover_options *options, const struct import *import,
                                struct err *err)
{
        const char *reason = "its pod is running and already has another address; our pods have one each";

        if (strcmp(import->reason, reason) != 0)
                log_warn("address of a pod not adopted", LOG_STR("address", IP_TEXT(import->address)),
                         LOG_STR("pod", import->pod_name), LOG_STR("container", import->key.container_id),
                         LOG_STR("reason", reason));
        return store_import_explain(options->store, import->address, reason, err);
}

static int take(struct takeover *takeover, const struct takeover_options *options,
                const struct takeover_round *round, const struct import *import, const struct link_info *link,
                struct outcome *out, struct err *err)
{
        const struct link_change mark = {.alias = import->key.container_id};
        struct lease lease;
        bool done = false;
        int found = store_lease_get(options->store, &import->key, round->arena, &lease, err);

        if (found == 0)
                return leave_second_address(options, import, err);
        if (found != -ERR_NOT_FOUND)
                return found;
        /* First the mark by which DEL and the reclaimer know the link. */
        if (link_change(options->netlink, link->ifindex, &mark, err) < 0)
                return err_wrap(err, "mark link %s", link->name);
        if (store_import_take(options->store, import, link->name, round->now_ms, &done, err) < 0)
                return -(int)err->code;
        if (!done)
                return store_import_explain(
                        options->store, import->address,
                        "its pod is running, but EC2 does not show the address on a ready ENI of ours", err);
        log_info("pod adopted", LOG_STR("address", IP_TEXT(import->address)),
                 LOG_STR("namespace", import->pod_namespace), LOG_STR("pod", import->pod_name),
                 LOG_STR("link", link->name));
        out->pool_changed = true;
        out->again = true;
        takeover->tidy = true;
        out->resync_network = true; /* its route comes into our table */
        return 0;
}

static int take_one(struct takeover *takeover, const struct takeover_options *options,
                    const struct takeover_round *round, const struct kernel *kernel,
                    const struct import *import, struct outcome *out, struct err *err)
{
        const struct link_info *link = find_link(kernel, import);

        if (link)
                return take(takeover, options, round, import, link, out, err);
        if (round->now_ms >= takeover->deadline_ms)
                return skip(options, import, out, err);
        outcome_wake(out, takeover->deadline_ms);
        return 0;
}

/* An ENI that is ready is routed by us, so what aws-vpc-cni did for it and its pods is superfluous. */
static int tidy(struct takeover *takeover, const struct takeover_options *options,
                const struct takeover_round *round, struct err *err)
{
        struct ip *pods, *enis = ARENA_ARRAY(round->arena, struct ip, round->n_enis);
        struct legacy legacy = {.enis = enis, .connmark = options->connmark};
        struct lease *leases;
        unsigned n = 0;

        if (store_leases(options->store, NULL, round->arena, &leases, &legacy.n_pods, err) < 0)
                return err_wrap(err, "read leases");
        legacy.pods = pods = ARENA_ARRAY(round->arena, struct ip, legacy.n_pods);
        for (size_t i = 0; i < legacy.n_pods; i++)
                pods[i] = leases[i].address;
        for (size_t i = 0; i < round->n_enis; i++) {
                if (round->enis[i].state == ENI_READY)
                        enis[legacy.n_enis++] = round->enis[i].primary_address;
        }
        if (legacy_remove_rules(options->netlink, round->arena, &legacy, &n, err) < 0 ||
            legacy_remove_nft(legacy.connmark, &n, err) < 0)
                return -(int)err->code;
        if (n)
                log_info("aws-vpc-cni's leftovers in the kernel removed", LOG_INT("objects", n));
        takeover->tidy = false;
        return 0;
}

/* Others use iptables-legacy, too, and may be at it: tried again, and no reason not to go on with the round. */
static void tidy_legacy(struct takeover *takeover, const struct takeover_options *options,
                        const struct takeover_round *round, struct outcome *out)
{
        unsigned n = 0;
        struct err err;

        if (!takeover->tidy_legacy)
                return;
        if (round->now_ms < takeover->tidy_legacy_due_ms) {
                outcome_wake(out, takeover->tidy_legacy_due_ms);
                return;
        }
        if (legacy_remove_xtables(options->xtables_lock, &n, &err) < 0) {
                if (takeover->reported != err.code)
                        log_warn("removing aws-vpc-cni's chains from iptables-legacy failed", LOG_ERR(&err),
                                 LOG_INT("retry_every_ms", LEGACY_RETRY_MS));
                takeover->reported = err.code;
                takeover->tidy_legacy_due_ms = round->now_ms + LEGACY_RETRY_MS;
                outcome_wake(out, takeover->tidy_legacy_due_ms);
                return;
        }
        if (n)
                log_info("aws-vpc-cni's leftovers in iptables-legacy removed", LOG_INT("objects", n));
        takeover->reported = 0;
        takeover->tidy_legacy = false;
}

static bool is_routed(const struct takeover_round *round)
{
        for (size_t i = 0; i < round->n_enis; i++) {
                if (round->enis[i].primary)
                        return round->enis[i].state == ENI_READY;
        }
        return false;
}

int takeover_step(struct takeover *takeover, const struct takeover_options *options,
                  const struct takeover_round *round, struct outcome *out, struct err *err)
{
        struct import *imports;
        struct kernel kernel = {0};
        size_t n, pending = 0;

        if ((!takeover->pending && !takeover->tidy && !takeover->tidy_legacy) || !is_routed(round))
                return 0;
        if (takeover->pending) {
                if (store_imports(options->store, round->arena, &imports, &n, err) < 0 ||
                    look_at_kernel(options, round, &kernel, err) < 0)
                        return -(int)err->code;
                for (size_t i = 0; i < n; i++) {
                        if (imports[i].verdict != IMPORT_PENDING)
                                continue;
                        pending++;
                        if (take_one(takeover, options, round, &kernel, &imports[i], out, err) < 0)
                                return err_wrap(err, "adopt %s", IP_TEXT(imports[i].address));
                }
                takeover->pending = pending > 0;
        }
        if (round->network_due || out->resync_network)
                return 0; /* taken in this round means routed in the next */
        if (takeover->tidy && tidy(takeover, options, round, err) < 0)
                return -(int)err->code;
        tidy_legacy(takeover, options, round, out);
        return 0;
}
