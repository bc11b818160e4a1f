// SPDX-License-Identifier: Apache-2.0
/* /v1/node: all that the node's page shows, in one answer. */
#include <vpcwire/clock.h>
#include <vpcwire/ipam.h>
#include <vpcwire/jsonx.h>

#include "metrics/calls.h"
#include "serve/see_state.h"

enum { MINUTE_MS = 60 * 1000 };

static json_t *address_json(const struct see_books *books, const struct store_address *address,
                            int64_t wall_minus_boot_ms)
{
        const struct store_lease *lease = see_lease(books, address->address);
        json_t *json = json_pack("{ss ss}", "address", IP_TEXT(address->address), "state", address->state);

        if (address->cooling_until_ms)
                json_object_set_new(json, "until_ms",
                                    json_integer(address->cooling_until_ms + wall_minus_boot_ms));
        if (!lease)
                return json;
        json_object_set_new(json, "pod", jsonx_string(lease->pod_name));
        json_object_set_new(json, "namespace", jsonx_string(lease->pod_namespace));
        json_object_set_new(json, "lease", json_string(lease_state_to_string(lease->state)));
        json_object_set_new(json, "since_ms", json_integer(lease->since_wall_ms));
        return json;
}

static json_t *eni_json(const struct see_books *books, const struct store_eni *eni,
                        int64_t wall_minus_boot_ms)
{
        json_int_t since_ms = eni->since_ms + wall_minus_boot_ms;
        json_t *addresses = json_array();

        for (size_t i = 0; i < books->n_addresses; i++)
                if (books->addresses[i].eni_key == eni->key)
                        json_array_append_new(addresses,
                                              address_json(books, &books->addresses[i], wall_minus_boot_ms));
        return json_pack("{so si si ss so ss ss sb sb sI so}", "eni_id", jsonx_string(eni->eni_id),
                         "device_index", (int)eni->device_index, "network_card", (int)eni->network_card,
                         "state", eni_state_to_string(eni->state), "subnet_id", jsonx_string(eni->subnet_id),
                         "mac", MAC_TEXT(eni->mac), "primary_address", IP_TEXT(eni->primary_address),
                         "primary", eni->primary, "managed", eni->managed, "since_ms", since_ms, "addresses",
                         addresses);
}

static json_t *calls_json(struct calls *calls)
{
        _cleanup_free_ struct calls_entry *entries = XNEW_ARRAY(struct calls_entry, CALLS_MAX);
        size_t n = calls_read(calls, entries);
        json_t *json = json_array();

        for (size_t i = 0; i < n; i++)
                json_array_append_new(
                        json,
                        json_pack("{sI ss ss si so so sI}", "at_ms", (json_int_t)entries[i].at_wall_ms,
                                  "action", entries[i].action, "class", entries[i].class, "http_status",
                                  (int)entries[i].http_status, "code", jsonx_string(entries[i].code), "why",
                                  jsonx_string(entries[i].why), "took_us", (json_int_t)entries[i].took_us));
        return json;
}

static json_t *minute_json(const struct latency_minute *minute, int64_t at_ms)
{
        json_t *json = json_pack("{sI}", "at_ms", (json_int_t)at_ms);

        for (int stage = 0; stage < _LATENCY_STAGE_MAX; stage++)
                json_object_set_new(json, latency_stage_to_string((enum latency_stage)stage),
                                    json_pack("{sI sI sI}", "n", (json_int_t)minute->stages[stage].n,
                                              "sum_us", (json_int_t)minute->stages[stage].sum_us, "max_us",
                                              (json_int_t)minute->stages[stage].max_us));
        return json;
}

static json_t *minutes_json(const struct latency *latency, int64_t now_ms, int64_t wall_minus_boot_ms)
{
        json_t *json = json_array();

        for (unsigned ago = LATENCY_MINUTES; ago-- > 0;) {
                const struct latency_minute *minute = latency_of(latency, now_ms, ago);

                if (minute)
                        json_array_append_new(
                                json, minute_json(minute, minute->minute * MINUTE_MS + wall_minus_boot_ms));
        }
        return json;
}

static json_t *pool_json(const struct metrics *metrics)
{
        static const char *const causes[] = {"growing",   "under-way", "assign-blocked", "create-blocked",
                                             "eni-limit", "pod-limit", "cooling",        "node-unknown"};
        json_t *why = json_array();
        int64_t missing = 0;

        for (size_t i = 0; i < ARRAY_SIZE(causes); i++) {
                int64_t n = metrics_value(metrics, METRIC_POOL_MISSING, LABELS(causes[i]));

                if (n)
                        json_array_append_new(why, json_string(causes[i]));
                missing = n > missing ? n : missing;
        }
        return json_pack("{sI sI sI so}", "target",
                         (json_int_t)metrics_value(metrics, METRIC_POOL_TARGET, NO_LABELS), "missing",
                         (json_int_t)missing, "surplus",
                         (json_int_t)metrics_value(metrics, METRIC_POOL_SURPLUS, NO_LABELS), "why", why);
}

void see_node(void *data, const struct web_route *route _unused_, struct web_answer *ret)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct see *see = data;
        struct ipam_status_reply status;
        int64_t wall_ms = clock_wall_ms(), wall_minus_boot_ms;
        struct see_books books;
        json_t *enis;
        struct err err;

        if (see_status(see, arena, &status, &err) < 0 || see_read_books(see, arena, &books, &err) < 0) {
                see_answer_failed(ret, "node", &err);
                return;
        }
        wall_minus_boot_ms = wall_ms - books.now_ms;
        enis = json_array();
        for (size_t i = 0; i < books.n_enis; i++)
                json_array_append_new(enis, eni_json(&books, &books.enis[i], wall_minus_boot_ms));
        see_answer_json(
                ret, json_pack("{sI so so so so so}", "now_ms", (json_int_t)wall_ms, "status",
                               jsonx_encode(ipam_method(IPAM_METHOD_STATUS)->reply, &status), "pool",
                               pool_json(see->options.metrics), "enis", enis, "calls",
                               calls_json(see->options.calls), "minutes",
                               minutes_json(&see->options.serve->latency, books.now_ms, wall_minus_boot_ms)));
}
