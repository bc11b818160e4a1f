// SPDX-License-Identifier: Apache-2.0
/*
 * /v1/node: all that the node's page shows, in one answer. Bounded by what an instance can have (some hundreds of addresses),
 * the calls that are kept (metrics/calls.h), the minutes of an hour, and connections that wait.
 */
#include <vpcwire/clock.h>
#include <vpcwire/ipam.h>
#include <vpcwire/jsonx.h>

#include "http/routes.h"
#include "metrics/calls.h"
#include "metrics/metrics.h"
#include "rpc/latency.h"

enum { MINUTE_MS = 60 * 1000 };

static json_t *address_json(const struct http_pool *pool, const struct block_address *address,
                            int64_t wall_minus_boot_ms)
{
        const struct lease *lease = http_lease(pool, address->address);
        json_t *json = json_pack("{ss ss}", "address", IP_TEXT(address->address), "state",
                                 address_state_to_string(address->state));

        if (address->cooling_until_ms)
                json_object_set_new(json, "until_ms",
                                    json_integer(address->cooling_until_ms + wall_minus_boot_ms));
        if (!lease)
                return json;
        json_object_set_new(json, "pod", jsonx_string(lease->pod_name));
        json_object_set_new(json, "namespace", jsonx_string(lease->pod_namespace));
        json_object_set_new(json, "lease", json_string(lease_state_to_string(lease->state)));
        json_object_set_new(json, "since_ms", json_integer(lease->since_wall_ms));
        http_add_short_id(json, lease->key.container_id);
        return json;
}

static const struct jsonx_field eni_fields[] = {
        JSONX_FIELD(struct eni, key, JSONX_INT),
        JSONX_CHARS(struct eni, eni_id, "eni_id"),
        JSONX_FIELD(struct eni, device_index, JSONX_UNSIGNED),
        JSONX_FIELD(struct eni, network_card, JSONX_UNSIGNED),
        JSONX_CHARS(struct eni, subnet_id, "subnet_id"),
        JSONX_FIELD(struct eni, mac, JSONX_MAC),
        JSONX_FIELD(struct eni, primary, JSONX_BOOL),
        JSONX_FIELD(struct eni, managed, JSONX_BOOL),
};
static const struct jsonx_schema eni_schema = JSONX_SCHEMA(struct eni, eni_fields);

static json_t *eni_json(const struct http_pool *pool, const struct eni *eni, int64_t wall_minus_boot_ms)
{
        json_t *json = jsonx_encode(&eni_schema, eni), *addresses = json_array();

        for (size_t i = 0; i < pool->n_addresses; i++)
                if (pool->addresses[i].eni_key == eni->key)
                        json_array_append_new(addresses,
                                              address_json(pool, &pool->addresses[i], wall_minus_boot_ms));
        json_object_set_new(json, "state", json_string(eni_state_to_string(eni->state)));
        json_object_set_new(json, "subnet_cidr",
                            json_string(ip_is_set(eni->subnet_cidr.ip) ? PREFIX_TEXT(eni->subnet_cidr) : ""));
        json_object_set_new(
                json, "primary_address",
                json_string(ip_is_set(eni->primary_address) ? IP_TEXT(eni->primary_address) : ""));
        json_object_set_new(json, "since_ms", json_integer(eni->since_ms + wall_minus_boot_ms));
        json_object_set_new(json, "addresses", addresses);
        return json;
}

static const struct jsonx_field call_fields[] = {
        JSONX_NAMED(struct calls_entry, at_wall_ms, "at_ms", JSONX_INT),
        JSONX_CHARS(struct calls_entry, action, "action"),
        JSONX_CHARS(struct calls_entry, class, "class"),
        JSONX_FIELD(struct calls_entry, http_status, JSONX_INT),
        JSONX_CHARS(struct calls_entry, code, "code"),
        JSONX_CHARS(struct calls_entry, why, "why"),
        JSONX_FIELD(struct calls_entry, took_us, JSONX_INT),
};
static const struct jsonx_schema call_schema = JSONX_SCHEMA(struct calls_entry, call_fields);

static json_t *calls_json(struct calls *calls)
{
        _cleanup_free_ struct calls_entry *entries = XNEW_ARRAY(struct calls_entry, CALLS_MAX);
        size_t n = calls_read(calls, entries);
        json_t *json = json_array();

        for (size_t i = 0; i < n; i++)
                json_array_append_new(json, jsonx_encode(&call_schema, &entries[i]));
        return json;
}

static const struct jsonx_field summary_fields[] = {
        JSONX_FIELD(struct latency_summary, n, JSONX_INT),
        JSONX_FIELD(struct latency_summary, p50_us, JSONX_INT),
        JSONX_FIELD(struct latency_summary, p99_us, JSONX_INT),
        JSONX_FIELD(struct latency_summary, max_us, JSONX_INT),
};
static const struct jsonx_schema summary_schema = JSONX_SCHEMA(struct latency_summary, summary_fields);

/* {"add": {"rpc": {...}, ...}, "del": {...}}; of one minute, or with NULL of the last hour. Without what never happened. */
static json_t *verbs_json(const struct latency *latency, int64_t now_ms, const struct latency_minute *minute)
{
        json_t *json = json_object();

        for (int verb = 0; verb < LATENCY_KEPT_VERBS; verb++) {
                json_t *stages = json_object();

                for (int stage = 0; stage < _REQUEST_STAGE_MAX; stage++) {
                        struct latency_summary summary =
                                minute ? latency_summary(&minute->counts[verb][stage])
                                       : latency_hour(latency, now_ms, (enum request_verb)verb,
                                                      (enum request_stage)stage);

                        if (summary.n)
                                json_object_set_new(stages,
                                                    request_stage_to_string((enum request_stage)stage),
                                                    jsonx_encode(&summary_schema, &summary));
                }
                json_object_set_new(json, request_verb_to_string((enum request_verb)verb), stages);
        }
        return json;
}

static json_t *minutes_json(const struct latency *latency, int64_t now_ms, int64_t wall_minus_boot_ms)
{
        json_t *json = json_array();

        for (unsigned ago = LATENCY_MINUTES; ago-- > 0;) {
                const struct latency_minute *minute = latency_of(latency, now_ms, ago);
                json_t *verbs;

                if (!minute)
                        continue;
                verbs = verbs_json(latency, now_ms, minute);
                json_object_set_new(verbs, "at_ms",
                                    json_integer(minute->minute * MINUTE_MS + wall_minus_boot_ms));
                json_array_append_new(json, verbs);
        }
        return json;
}

static void add_missing(const struct metrics *metrics, const char *cause, json_t *why, int64_t *missing)
{
        int64_t n = metrics_value(metrics, METRIC_POOL_MISSING, LABELS(cause));

        if (n)
                json_array_append_new(why, json_string(cause));
        *missing = n > *missing ? n : *missing;
}

static json_t *pool_json(const struct metrics *metrics)
{
        json_t *why = json_array();
        int64_t missing = 0;

        add_missing(metrics, METRIC_GROWING, why, &missing);
        for (int cause = CAUSE_OF_PLAN_FIRST; cause <= CAUSE_OF_PLAN_LAST; cause++)
                add_missing(metrics, condition_cause_names[cause], why, &missing);
        return json_pack("{sI sI sI so}", "target",
                         (json_int_t)metrics_value(metrics, METRIC_POOL_TARGET, NO_LABELS), "missing",
                         (json_int_t)missing, "surplus",
                         (json_int_t)metrics_value(metrics, METRIC_POOL_SURPLUS, NO_LABELS), "why", why);
}

void http_get_node(void *data, const struct http_route *route _unused_, struct http_answer *ret)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct http_endpoints *http = data;
        struct ipam_status_reply status;
        int64_t wall_ms = clock_wall_ms(), wall_minus_boot_ms = clock_wall_minus_boottime_ms();
        struct http_pool pool;
        json_t *enis, *events;
        struct err err;

        if (rpc_status(http->options.rpc, arena, &status, &err) < 0 ||
            http_read_pool(http, arena, &pool, &err) < 0 ||
            http_events(http->options.store, arena, &events, &err) < 0) {
                http_answer_failed(ret, "node", &err);
                return;
        }
        enis = json_array();
        for (size_t i = 0; i < pool.n_enis; i++)
                json_array_append_new(enis, eni_json(&pool, &pool.enis[i], wall_minus_boot_ms));
        http_answer_json(
                ret, json_pack("{sI so so so so so so so so}", "now_ms", (json_int_t)wall_ms, "status",
                               jsonx_encode(ipam_method(IPAM_METHOD_STATUS)->reply, &status), "pool",
                               pool_json(http->options.metrics), "enis", enis, "waiting",
                               http_waiting(http->options.rpc, arena), "events", events, "calls",
                               calls_json(http->options.calls), "minutes",
                               minutes_json(rpc_latency(http->options.rpc), pool.now_ms, wall_minus_boot_ms),
                               "hour", verbs_json(rpc_latency(http->options.rpc), pool.now_ms, NULL)));
}
