// SPDX-License-Identifier: Apache-2.0
/*
 * The host's network as the database wants it, and what follows from it for the database: an ENI that the kernel routes is
 * ready, its preparing addresses are free.
 *
 * Observing the kernel and repairing it is one step, before the plan. A repair follows from the very dump that showed the
 * difference (looked at again it could be another one, and costs the plugin the lock of all links once more); and the plan counts on what
 * the kernel routes after it: an address that could be routed now is none that EC2 must be asked for.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <vpcwire/eni_link.h>
#include <vpcwire/link.h>
#include <vpcwire/log.h>

#include "node/sync.h"
#include "reconcile/network.h"
#include "reconcile/report.h"
#include "reconcile/resync_state.h"

/* What one sync needs of the store, read at one time. */
struct database_view {
        struct block *blocks;
        struct block_address *addresses;
        struct lease *leases;
        struct import *imports; /* while some are pending */
        size_t n_blocks, n_addresses, n_leases, n_imports;
};

static int database_read(struct context *ctx, const struct takeover *takeover, struct round *round,
                         struct database_view *ret, struct err *err)
{
        if (store_blocks(ctx->store, round->arena, &ret->blocks, &ret->n_blocks, err) < 0 ||
            store_addresses(ctx->store, round->now_ms, round->arena, &ret->addresses, &ret->n_addresses,
                            err) < 0 ||
            store_leases(ctx->store, NULL, round->arena, &ret->leases, &ret->n_leases, err) < 0)
                return err_wrap(err, "read addresses and leases");
        if (takeover->pending &&
            store_imports(ctx->store, round->arena, &ret->imports, &ret->n_imports, err) < 0)
                return err_wrap(err, "read pods that have no lease yet");
        return 0;
}

/* A pod that outlived the database keeps what it has in the kernel until it has a lease again. */
static void add_recovered(const struct database_view *database, struct pod_sought *pods, size_t *n)
{
        for (size_t i = 0; i < database->n_imports; i++) {
                const struct import *import = &database->imports[i];

                if (import->verdict == IMPORT_PENDING && !*import->key.network)
                        pods[(*n)++] = (struct pod_sought){.ip = import->address,
                                                           .host_ifname = import->key.ifname,
                                                           .container_id = import->key.container_id};
        }
}

/*
 * A recovered pod's address is on no ENI that the database has yet: EC2 lags, or that ENI could not be taken in. What the kernel has
 * for it must not go for that. Where EC2 shows all, and does not show the address for as long as a pod may be missing, it is gone.
 */
static bool waits_for_an_eni(const struct takeover *takeover, bool unlearned, struct round *round,
                             const struct database_view *database, struct outcome *out)
{
        bool known = true;

        for (size_t i = 0; i < database->n_imports && known; i++) {
                const struct import *import = &database->imports[i];

                known = import->verdict != IMPORT_PENDING || *import->key.network;
                for (size_t j = 0; j < database->n_blocks && !known; j++)
                        known = prefix_contains(database->blocks[j].prefix, import->address);
        }
        if (known || (round->now_ms >= takeover->deadline_ms && !unlearned))
                return false;
        outcome_wake(out, takeover->deadline_ms);
        outcome_resync_ec2(out, round->now_ms + RESYNC_SETTLE_MS);
        return true;
}

static struct node_view view_of(struct context *ctx, struct round *round,
                                const struct database_view *database)
{
        struct node_eni *enis = ARENA_ARRAY(round->arena, struct node_eni, round->n_enis);
        struct node_address *addresses = ARENA_ARRAY(round->arena, struct node_address, database->n_blocks);
        struct pod_sought *pods =
                ARENA_ARRAY(round->arena, struct pod_sought, database->n_leases + database->n_imports);
        struct ip *unwired = ARENA_ARRAY(round->arena, struct ip, database->n_leases);
        struct node_view view = {.veth_prefix = ctx->options.veth_prefix,
                                 .mtu = ctx->options.eni_mtu,
                                 .vpc_cidrs = ctx->identity.vpc_cidrs,
                                 .n_vpc_cidrs = ctx->identity.n_vpc_cidrs,
                                 .egress = &ctx->settings.egress,
                                 .enis = enis,
                                 .addresses = addresses,
                                 .pods = pods,
                                 .unwired = unwired,
                                 .block_imds = ctx->settings.block_imds};

        for (size_t i = 0; i < round->n_enis; i++) {
                const struct eni *eni = &round->enis[i];

                if (!eni_is_configured(eni))
                        continue;
                enis[view.n_enis++] = (struct node_eni){.key = eni->key,
                                                        .primary = eni->primary,
                                                        .mark_index = eni->mark_index,
                                                        .route_table = eni->route_table,
                                                        .mac = eni->mac,
                                                        .address = eni->primary_address,
                                                        .subnet = eni->subnet_cidr};
                for (size_t j = 0; j < database->n_blocks; j++) {
                        if (database->blocks[j].eni_key == eni->key)
                                addresses[view.n_addresses++] = (struct node_address){
                                        .prefix = database->blocks[j].prefix, .eni_key = eni->key};
                }
        }
        for (size_t i = 0; i < database->n_leases; i++) {
                const struct lease *lease = &database->leases[i];

                if (lease->address_only && !*lease->host_ifname)
                        unwired[view.n_unwired++] = lease->address;
                else
                        pods[view.n_pods++] = reclaim_pod_of(lease);
        }
        add_recovered(database, pods, &view.n_pods);
        return view;
}

/* What is to be offered now that the kernel routes the ENI: its blocks, and single addresses that nobody else has any more. */
static struct prefix *find_routed(const struct network *network, struct round *round, const struct eni *eni,
                                  const struct database_view *database, size_t *ret_n)
{
        struct prefix *routed =
                ARENA_ARRAY(round->arena, struct prefix, database->n_blocks + database->n_addresses);
        size_t n = 0;

        for (size_t i = 0; i < database->n_blocks; i++) {
                const struct block *block = &database->blocks[i];
                bool is_one = block->prefix.bits == ip_max_bits(block->prefix.ip);

                if (block->eni_key == eni->key && block->state == BLOCK_PREPARING &&
                    !(is_one && withhold_has(&network->withholding, block->prefix.ip)))
                        routed[n++] = block->prefix;
        }
        for (size_t i = 0; i < database->n_addresses; i++) {
                const struct block_address *address = &database->addresses[i];

                if (address->eni_key == eni->key && address->state == ADDRESS_PREPARING &&
                    !withhold_has(&network->withholding, address->address))
                        routed[n++] = prefix_host(address->address);
        }
        *ret_n = n;
        return routed;
}

/* Rule 4: from here on, and not before, its addresses may be handed out. */
static int eni_routed(struct network *network, struct context *ctx, struct round *round,
                      const struct eni *eni, const char *ifname, const struct database_view *database,
                      struct outcome *out, struct err *err)
{
        unsigned n_free = 0;
        bool done = false;
        size_t n;
        struct prefix *routed = find_routed(network, round, eni, database, &n);

        if (n && store_blocks_routed(ctx->store, eni->key, routed, n, &n_free, err) < 0)
                return err_wrap(err, "offer the addresses of %s", eni->eni_id);
        if (eni->state == ENI_CONFIGURING &&
            store_eni_set_state(ctx->store, eni->key, ENI_READY, "routes set", round->now_ms, &done, err) < 0)
                return err_wrap(err, "mark %s ready", eni->eni_id);
        if (n_free || done) {
                out->pool_changed = true;
                log_info("eni ready", LOG_STR("eni", eni->eni_id), LOG_STR("link", ifname),
                         LOG_INT("device", eni->device_index), LOG_INT("new_addresses", n_free));
        }
        return 0;
}

static int report_eni(struct network *network, struct context *ctx, struct round *round,
                      const struct node_eni_report *report, const struct database_view *database,
                      struct outcome *out, struct err *err)
{
        struct eni *eni = observe_eni(round, report->key);
        const char *why = report->state == NODE_ENI_NO_LINK ? "its link is gone" : report->err.msg;
        bool done;

        assert(eni); /* the view was made of this round's */
        round->link_present[eni - round->enis] = report->state != NODE_ENI_NO_LINK;
        if (missing_link_see(ctx, round, eni, report->state != NODE_ENI_NO_LINK, out, err) < 0)
                return err_wrap(err, "the link of %s", eni->eni_id);
        switch (report->state) {
        case NODE_ENI_ROUTED: return eni_routed(network, ctx, round, eni, report->ifname, database, out, err);
        case NODE_ENI_FAILED:
                log_warn("eni configuration failed", LOG_STR("eni", eni->eni_id),
                         LOG_STR("link", report->ifname), LOG_ERR(&report->err));
                network->due_ms = round->now_ms + ROUND_RETRY_MS;
                break;
        case NODE_ENI_NO_LINK: break;
        }
        if (eni->state != ENI_READY)
                return 0;
        log_warn("addresses withheld", LOG_STR("eni", eni->eni_id), LOG_STR("reason", why));
        out->pool_changed = true;
        return store_eni_set_state(ctx->store, eni->key, ENI_CONFIGURING, why, round->now_ms, &done, err);
}

static int report_enis(struct network *network, struct context *ctx, struct round *round,
                       const struct node_report *report, const struct database_view *database,
                       struct outcome *out, struct err *err)
{
        int e = 0;

        for (size_t i = 0; i < report->n_enis && e == 0; i++)
                e = report_eni(network, ctx, round, &report->enis[i], database, out, err);
        return e;
}

static void log_repairs(const struct node_repairs *repaired)
{
        if (node_repairs_total(repaired))
                log_info("host network repaired", LOG_INT("links", repaired->links),
                         LOG_INT("addresses", repaired->addresses), LOG_INT("routes", repaired->routes),
                         LOG_INT("rules", repaired->rules), LOG_INT("neighbours", repaired->neighbours),
                         LOG_INT("nft", repaired->nft), LOG_INT("sysctls", repaired->sysctls));
}

/* ENIs that leave are in no view; whether EC2 took the link away is seen by their MAC. */
static int see_leaving_links(struct context *ctx, struct round *round, struct err *err)
{
        struct link_info *links = NULL;
        size_t n = 0;

        for (size_t i = 0; i < round->n_enis; i++) {
                const struct eni *eni = &round->enis[i];
                struct eni_link found;

                if (eni_is_configured(eni) || !*eni->eni_id)
                        continue;
                if (!links && link_dump(ctx->netlink, round->arena, &links, &n, err) < 0)
                        return err_wrap(err, "look at the links");
                found = eni_link_find(links, n, eni->mac, NULL, NULL);
                round->link_present[i] = found.link || found.other;
        }
        return 0;
}

static bool something_unrouted(const struct network *network, const struct round *round)
{
        for (size_t i = 0; i < round->n_enis; i++) {
                if (eni_is_configured(&round->enis[i]) && !round->enis[i].untagged &&
                    (round->enis[i].state == ENI_CONFIGURING ||
                     round->enis[i].preparing > withhold_count(&network->withholding, &round->enis[i])))
                        return true;
        }
        return false;
}

/* All of it: the database's view against the kernel as it was seen once, and what that says to the database. */
static int pass_all(struct network *network, struct context *ctx, struct round *round,
                    const struct node_view *view, const struct database_view *database, struct outcome *out,
                    struct err *err)
{
        struct node_report report = {0};
        int e;

        network->due = false;
        network->due_ms = round->now_ms + NETWORK_PERIOD_MS;
        metrics_add(ctx->options.metrics, METRIC_PASSES, LABELS(METRIC_PASS_ALL), 1);
        e = node_sync(ctx->node, round->arena, view, &report, err);
        log_repairs(&report.repaired);
        count_repairs(ctx, &report.repaired);
        if (e == 0)
                e = withhold_occupied(&network->withholding, ctx, round, &report, database->addresses,
                                      database->n_addresses, out, err);
        if (e == 0)
                e = network_tell(network, ctx, round, &report, out, err);
        if (e == 0)
                e = report_enis(network, ctx, round, &report, database, out, err);
        network->due |= e < 0;
        return e;
}

/* Addresses alone, where that will do; else all of it. The next whole pass is due as before. */
static int pass_pool(struct network *network, struct context *ctx, struct round *round,
                     const struct node_view *view, const struct database_view *database, struct outcome *out,
                     struct err *err)
{
        struct node_report report = {0};

        if (!node_sync_pool(ctx->node, round->arena, view, &report))
                return pass_all(network, ctx, round, view, database, out, err);
        metrics_add(ctx->options.metrics, METRIC_PASSES, LABELS(METRIC_PASS_POOL), 1);
        count_repairs(ctx, &report.repaired);
        return report_enis(network, ctx, round, &report, database, out, err);
}

int network_sync(struct network *network, struct context *ctx, const struct takeover *takeover,
                 bool unlearned, struct round *round, struct outcome *out, struct err *err)
{
        bool all = network->due || round->now_ms >= network->due_ms;
        struct database_view database = {0};
        struct node_view view;

        round->link_present = ARENA_ARRAY(round->arena, bool, round->n_enis);
        for (size_t i = 0; i < round->n_enis; i++)
                round->link_present[i] = round->enis[i].state == ENI_READY;
        if (see_leaving_links(ctx, round, err) < 0)
                return -(int)err->code;
        if (!all && !something_unrouted(network, round))
                return 0;
        if (database_read(ctx, takeover, round, &database, err) < 0)
                return -(int)err->code;
        view = view_of(ctx, round, &database);
        if (view.n_enis == 0)
                return 0; /* the first resync has not been; nothing of the host's is ours yet */
        if (waits_for_an_eni(takeover, unlearned, round, &database, out))
                return 0;
        if ((all ? pass_all : pass_pool)(network, ctx, round, &view, &database, out, err) < 0)
                return err_wrap(err, "host network");
        return 0;
}
