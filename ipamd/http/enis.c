// SPDX-License-Identifier: Apache-2.0
/*
 * /v1/enis in the shape that aws-vpc-cni gives it since 1.20 and its support scripts read: network card -> ENIs ->
 * CIDRs -> addresses. Container ids stay empty there, too.
 */
#include <stdio.h>

#include <linux/rtnetlink.h>

#include <vpcwire/clock.h>
#include <vpcwire/jsonx.h>

#include "http/routes.h"

/* Go's zero time, and a /32 mask as Go's JSON has byte slices. */
#define NO_TIME   "0001-01-01T00:00:00Z"
#define MASK_HOST "/////w=="

static json_t *time_json(int64_t wall_ms)
{
        return json_string(wall_ms ? clock_wall_format(wall_ms, (char[CLOCK_TEXT_BYTES]){0}) : NO_TIME);
}

static json_t *metadata_json(const struct lease *lease)
{
        json_t *metadata = json_object();

        if (lease && lease->pod_namespace[0])
                json_object_set_new(metadata, "k8sPodNamespace", jsonx_string(lease->pod_namespace));
        if (lease && lease->pod_name[0])
                json_object_set_new(metadata, "k8sPodName", jsonx_string(lease->pod_name));
        return metadata;
}

/* An address that a pod has or had a short while ago; others are not there. */
static json_t *used_json(const struct block_address *address, const struct lease *lease,
                         int64_t released_wall_ms)
{
        char text[IP_TEXT_BYTES];

        ip_format(address->address, text);
        return json_pack("{s{ss s{so ss ss} so so so}}", text, "Address", text, "IPAMKey", "networkName",
                         jsonx_string(lease ? lease->key.network : ""), "containerID", "", "ifName", "",
                         "IPAMMetadata", metadata_json(lease), "AssignedTime",
                         time_json(lease ? lease->since_wall_ms : 0), "UnassignedTime",
                         time_json(lease ? 0 : released_wall_ms));
}

static json_t *cidr_json(const struct http_pool *pool, const struct block_address *address,
                         int64_t cooldown_ms)
{
        const struct lease *lease = http_lease(pool, address->address);
        json_t *used =
                lease || address->cooling_until_ms
                        ? used_json(address, lease,
                                    address->cooling_until_ms - cooldown_ms + clock_wall_minus_boottime_ms())
                        : json_object();

        return json_pack("{s{ss ss} so sb ss}", "Cidr", "IP", IP_TEXT(address->address), "Mask", MASK_HOST,
                         "IPAddresses", used, "IsPrefix", false, "AddressFamily", "");
}

static json_t *eni_json(const struct http_pool *pool, const struct eni *eni, int64_t cooldown_ms)
{
        json_t *cidrs = json_object();
        char key[PREFIX_TEXT_BYTES];

        for (size_t i = 0; i < pool->n_addresses; i++) {
                if (pool->addresses[i].eni_key != eni->key)
                        continue;
                prefix_format(prefix_host(pool->addresses[i].address), key);
                json_object_set_new(cidrs, key, cidr_json(pool, &pool->addresses[i], cooldown_ms));
        }
        /* A trunk or EFA interface is never one of ours: resync.c takes plain interfaces only. */
        return json_pack("{ss sb sb sb si so s{} sb si ss}", "ID", eni->eni_id, "IsPrimary", eni->primary,
                         "IsTrunk", false, "IsEFA", false, "DeviceNumber", (int)eni->device_index,
                         "AvailableIPv4Cidrs", cidrs, "IPv6Cidrs", "IsExcludedForPodIPs", false,
                         "RouteTableID", eni->primary ? RT_TABLE_MAIN : (int)eni->route_table, "SubnetID",
                         eni->subnet_id);
}

static void add_counts(json_t *card, const struct eni *eni)
{
        json_int_t total = json_integer_value(json_object_get(card, "TotalIPs")) + eni->total,
                   used = json_integer_value(json_object_get(card, "AssignedIPs")) + eni->leased + eni->lost;

        json_object_set_new(card, "TotalIPs", json_integer(total));
        json_object_set_new(card, "AssignedIPs", json_integer(used));
}

void http_get_enis(void *data, const struct http_route *route _unused_, struct http_answer *ret)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct http_endpoints *http = data;
        struct ipam_status_reply status;
        struct http_pool pool;
        json_t *cards, *card;
        char number[16];
        struct err err;

        if (rpc_status(http->options.rpc, arena, &status, &err) < 0 ||
            http_read_pool(http, arena, &pool, &err) < 0) {
                http_answer_failed(ret, "enis", &err);
                return;
        }
        cards = json_pack("{s{si si s{}}}", "0", "TotalIPs", 0, "AssignedIPs", 0, "ENIs");
        for (size_t i = 0; i < pool.n_enis; i++) {
                const struct eni *eni = &pool.enis[i];

                if (!eni->managed || !eni->eni_id[0])
                        continue;
                snprintf(number, sizeof(number), "%u", eni->network_card);
                if (!json_object_get(cards, number))
                        json_object_set_new(
                                cards, number,
                                json_pack("{si si s{}}", "TotalIPs", 0, "AssignedIPs", 0, "ENIs"));
                card = json_object_get(cards, number);
                add_counts(card, eni);
                json_object_set_new(json_object_get(card, "ENIs"), eni->eni_id,
                                    eni_json(&pool, eni, status.targets.cooldown_ms));
        }
        http_answer_json(ret, cards);
}
