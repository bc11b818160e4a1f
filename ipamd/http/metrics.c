// SPDX-License-Identifier: Apache-2.0
/* /metrics: what was counted, and the database as it stands. */
#include <stdio.h>

#include <vpcwire/clock.h>

#include "http/routes.h"
#include "metrics/metrics.h"
#include "metrics/process.h"

enum {
        ENI_STUCK_MS =
                60 *
                1000, /* a transitional state of an ENI takes seconds; EC2's slow days take many of them */
};

/* An ENI waits in `draining` for what cools on it, as long as a setting says. */
static bool is_transitional(enum eni_state state)
{
        return state != ENI_READY && state != ENI_DRAINING;
}

static void set_enis(struct metrics *metrics, const struct http_pool *pool)
{
        for (int state = 0; state < _ENI_STATE_MAX; state++) {
                const char *name = eni_state_to_string((enum eni_state)state);
                int64_t n = 0, n_stuck = 0, oldest_ms = 0;

                for (size_t i = 0; i < pool->n_enis; i++) {
                        int64_t age_ms = pool->now_ms - pool->enis[i].since_ms;

                        if (!pool->enis[i].managed || (int)pool->enis[i].state != state)
                                continue;
                        n++;
                        n_stuck += age_ms > ENI_STUCK_MS;
                        if (age_ms > oldest_ms)
                                oldest_ms = age_ms;
                }
                metrics_set(metrics, METRIC_ENIS, LABELS(name), n);
                if (!is_transitional((enum eni_state)state))
                        continue;
                metrics_set(metrics, METRIC_ENIS_STUCK, LABELS(name), n_stuck);
                metrics_set(metrics, METRIC_ENI_AGE, LABELS(name), oldest_ms);
        }
}

static void set_pool(struct metrics *metrics, const struct store_counts *counts)
{
        const struct {
                const char *state;
                unsigned n;
        } states[] = {{address_state_names[ADDRESS_FREE], counts->free},
                      {address_state_names[ADDRESS_LEASED], counts->leased},
                      {address_state_names[ADDRESS_COOLING], counts->cooling},
                      {address_state_names[ADDRESS_PREPARING], counts->preparing},
                      {METRIC_UNREADY, counts->unready},
                      {address_state_names[ADDRESS_LEAVING], counts->leaving},
                      {address_state_names[ADDRESS_LOST], counts->lost}};

        for (size_t i = 0; i < ARRAY_SIZE(states); i++)
                metrics_set(metrics, METRIC_ADDRESSES, LABELS(states[i].state), states[i].n);
        metrics_set(metrics, METRIC_WAITING, NO_LABELS, counts->waiting);
        metrics_set(metrics, METRIC_LEASES, LABELS(METRIC_LOST), counts->lost);
        metrics_set(metrics, METRIC_AWSCNI_ENI_ALLOCATED, NO_LABELS, counts->enis);
        metrics_set(metrics, METRIC_AWSCNI_TOTAL_ADDRESSES, NO_LABELS, counts->total);
        metrics_set(metrics, METRIC_AWSCNI_ASSIGNED_ADDRESSES, NO_LABELS, counts->leased + counts->lost);
}

/* As aws-vpc-cni computes it: places of the instance (or MAX_ENI) less the ones that others take. */
static void set_limits(struct metrics *metrics, const struct ipam_status_reply *status,
                       const struct http_pool *pool)
{
        int64_t places = status->max_enis, asked = status->targets.max_eni;

        if (asked > 0 && asked < places)
                places = asked;
        for (size_t i = 0; i < pool->n_enis && places > 0; i++)
                places -= !pool->enis[i].managed;
        metrics_set(metrics, METRIC_AWSCNI_ENI_MAX, NO_LABELS, places);
        metrics_set(metrics, METRIC_AWSCNI_IP_MAX, NO_LABELS, places * status->addresses_per_eni);
        metrics_set(metrics, METRIC_ADDRESSES_LIMIT, NO_LABELS, status->addresses_limit);
}

static void set_status(struct metrics *metrics, const struct ipam_status_reply *status)
{
        metrics_set(metrics, METRIC_READY, NO_LABELS, status->ready);
        metrics_set(metrics, METRIC_ROOM, LABELS(METRIC_ROOM_AVAILABLE),
                    status->room == IPAM_ROOM_STATE_AVAILABLE);
        metrics_set(metrics, METRIC_ROOM, LABELS(METRIC_ROOM_SOON), status->room == IPAM_ROOM_STATE_SOON);
        metrics_set(metrics, METRIC_ROOM, LABELS(METRIC_ROOM_NONE), status->room == IPAM_ROOM_STATE_NONE);
        metrics_set(metrics, METRIC_IMPAIRED, NO_LABELS, status->impaired);
        metrics_set(metrics, METRIC_STARTED, NO_LABELS, status->started_ms);
        metrics_clear(metrics, METRIC_BLOCKED);
        for (size_t i = 0; i < status->n_blocked; i++)
                metrics_add(metrics, METRIC_BLOCKED, LABELS(status->blocked[i].action), 1);
}

/* The gauges that are read from the database. */
static int read_database(struct http_endpoints *http, struct arena *arena, struct http_pool *pool,
                         struct ipam_status_reply *status, struct err *err)
{
        struct metrics *metrics = http->options.metrics;
        unsigned leases[_LEASE_STATE_MAX];
        struct store_counts counts;

        if (http_read_pool(http, arena, pool, err) < 0 ||
            rpc_status(http->options.rpc, arena, status, err) < 0 ||
            store_counts(http->options.store, pool->now_ms, &counts, err) < 0 ||
            store_lease_counts(http->options.store, leases, err) < 0)
                return -(int)err->code;
        set_status(metrics, status);
        set_pool(metrics, &counts);
        set_enis(metrics, pool);
        set_limits(metrics, status, pool);
        for (int state = 0; state < _LEASE_STATE_MAX; state++)
                metrics_set(metrics, METRIC_LEASES, LABELS(lease_state_to_string((enum lease_state)state)),
                            leases[state]);
        return 0;
}

/* As aws-vpc-cni counts them: each address is a block of its own, as long as there are no prefixes. */
static void write_blocks(const struct http_pool *pool, struct text *to)
{
        static const char per_cidr[] = "awscni_assigned_ip_per_cidr";

        metrics_write_head(to, "awscni_total_ipv4_prefixes", "gauge",
                           "Prefixes (/28) of the pool; always 0, prefixes are not supported yet");
        text_add(to, "awscni_total_ipv4_prefixes 0\n");
        metrics_write_head(to, per_cidr, "gauge", "Addresses of the block that are in use by pods");
        for (size_t i = 0; i < pool->n_addresses; i++) {
                const struct block_address *address = &pool->addresses[i];
                char cidr[IP_TEXT_BYTES + sizeof("/32")];

                snprintf(cidr, sizeof(cidr), "%s/32", IP_TEXT(address->address));
                metrics_write_sample(to, per_cidr, "cidr", cidr, http_lease(pool, address->address) ? 1 : 0);
        }
}

/* The reconciler asks EC2 once in a period of resyncs, and the daemon keeps at most SUBNETS_COUNTED_MAX of them. */
static void write_subnets(const struct ipam_status_reply *status, struct text *to)
{
        static const char available[] = "vpcwire_subnet_available_addresses",
                          age[] = "vpcwire_subnet_age_seconds";
        int64_t now_ms = clock_wall_ms();

        metrics_write_head(to, available, "gauge",
                           "Free addresses of the subnet, as counted by EC2; vpcwire_subnet_age_seconds says "
                           "how long ago");
        for (size_t i = 0; i < status->n_subnets; i++)
                metrics_write_sample(to, available, "subnet_id", status->subnets[i].subnet_id,
                                     status->subnets[i].available);
        metrics_write_head(to, age, "gauge", "Time since EC2 counted the free addresses of the subnet");
        for (size_t i = 0; i < status->n_subnets; i++)
                metrics_write_sample(to, age, "subnet_id", status->subnets[i].subnet_id,
                                     (now_ms - status->subnets[i].seen_at_ms) / 1000);
}

/* What joins the others to a name that people know: * on (instance) group_left (node) vpcwire_node_info. */
static void write_node(const struct ipam_status_reply *status, struct text *to)
{
        static const char info[] = "vpcwire_node_info";
        const struct metrics_label labels[] = {
                {"node", status->node.name ?: status->node.instance_id},
                {"instance_id", status->node.instance_id},
                {"instance_type", status->node.instance_type},
                {"availability_zone", status->node.availability_zone},
                {"version", status->version},
        };

        metrics_write_head(to, info, "gauge",
                           "1, with facts about the node as labels; node: its name in Kubernetes "
                           "(MY_NODE_NAME), else the instance's id");
        metrics_write_labels(to, info, labels, ARRAY_SIZE(labels), 1);
}

static void write_build(const char *name, struct text *to)
{
        metrics_write_head(to, name, "gauge", "1, with the version of ipamd as a label");
        metrics_write_sample(to, name, "version", VPCWIRE_VERSION, 1);
}

/* Labels that are in no list: ids and addresses, of which an instance has a few hundred; and the version. */
static void write_rest(const struct http_pool *pool, const struct ipam_status_reply *status, struct text *to)
{
        static const char per_eni[] = "awscni_assigned_ip_per_eni";

        metrics_write_head(to, per_eni, "gauge", "Addresses of the ENI that are in use by pods");
        for (size_t i = 0; i < pool->n_enis; i++)
                if (pool->enis[i].managed && pool->enis[i].eni_id[0])
                        metrics_write_sample(to, per_eni, "eni", pool->enis[i].eni_id,
                                             pool->enis[i].leased + pool->enis[i].lost);
        write_blocks(pool, to);
        write_subnets(status, to);
        write_node(status, to);
        write_build("awscni_build_info", to);
        write_build("vpcwire_build_info", to);
        process_write(to);
}

void http_get_metrics(void *data, const struct http_route *route _unused_, struct http_answer *ret)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct http_endpoints *http = data;
        struct ipam_status_reply status = {0};
        struct http_pool pool = {0};
        struct err err;

        if (read_database(http, arena, &pool, &status, &err) < 0) {
                http_answer_failed(ret, "metrics", &err);
                return;
        }
        metrics_write(http->options.metrics, pool.now_ms, &ret->body);
        write_rest(&pool, &status, &ret->body);
}
