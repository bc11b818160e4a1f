// SPDX-License-Identifier: Apache-2.0
/* Introspection: pods, settings, and probes. */
#include <string.h>

#include <vpcwire/jsonx.h>

#include "http/routes.h"

/* Without container ids and paths: who can name a lease's key could ask for its end, if he had the socket. */
static const struct jsonx_field pod_fields[] = {
        JSONX_NAMED(struct lease, pod_namespace, "namespace", JSONX_STRING),
        JSONX_NAMED(struct lease, pod_name, "name", JSONX_STRING),
        JSONX_NAMED(struct lease, pod_uid, "uid", JSONX_STRING),
        JSONX_FIELD(struct lease, address, JSONX_IP),
        JSONX_FIELD(struct lease, eni_id, JSONX_STRING),
        JSONX_FIELD(struct lease, device_index, JSONX_UNSIGNED),
        JSONX_FIELD(struct lease, network_card, JSONX_UNSIGNED),
        JSONX_FIELD(struct lease, lost, JSONX_BOOL),
        JSONX_NAMED(struct lease, since_wall_ms, "since_ms", JSONX_INT),
};
static const struct jsonx_schema pod_schema = JSONX_SCHEMA(struct lease, pod_fields);

static json_t *pod_json(const struct lease *lease)
{
        json_t *json = jsonx_encode(&pod_schema, lease);

        json_object_set_new(json, "state", json_string(lease_state_to_string(lease->state)));
        return json;
}

void http_get_pods(void *data, const struct http_route *route _unused_, struct http_answer *ret)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct http_pool pool;
        struct err err;
        json_t *pods;

        if (http_read_pool(data, arena, &pool, &err) < 0) {
                http_answer_failed(ret, "pods", &err);
                return;
        }
        pods = json_array();
        for (size_t i = 0; i < pool.n_leases; i++)
                json_array_append_new(pods, pod_json(&pool.leases[i]));
        http_answer_json(ret, json_pack("{so}", "pods", pods));
}

/* ---- settings ---- */

/* What aws-vpc-cni answers under networkutils; everything else is ipamd's. */
static const char *const network_settings[] = {
        "AWS_VPC_K8S_CNI_CONNMARK",
        "AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS",
        "AWS_VPC_K8S_CNI_EXTERNALSNAT",
        "AWS_EXTERNAL_SERVICE_CIDRS",
        "AWS_VPC_ENI_MTU",
        "AWS_VPC_K8S_CNI_VETHPREFIX",
        "AWS_VPC_CNI_NODE_PORT_SUPPORT",
        "AWS_VPC_K8S_CNI_RANDOMIZESNAT",
};

struct settings {
        json_t *json;
        bool of_network;
};

static void add_setting(void *to, const char *name, json_t *value)
{
        struct settings *settings = to;
        bool of_network = false;

        for (size_t i = 0; i < ARRAY_SIZE(network_settings); i++)
                of_network |= strcmp(network_settings[i], name) == 0;
        if (of_network == settings->of_network)
                json_object_set_new(settings->json, name, value);
        else
                json_decref(value);
}

static void answer_settings(struct http_endpoints *http, bool of_network, struct http_answer *ret)
{
        struct settings settings = {.json = json_object(), .of_network = of_network};

        http->options.settings(http->options.settings_data, add_setting, &settings);
        http_answer_json(ret, settings.json);
}

void http_get_network_settings(void *data, const struct http_route *route _unused_, struct http_answer *ret)
{
        answer_settings(data, true, ret);
}

void http_get_ipamd_settings(void *data, const struct http_route *route _unused_, struct http_answer *ret)
{
        answer_settings(data, false, ret);
}

/* ---- probes ---- */

/* That there is an answer is the answer: the loop lives. */
void http_get_healthz(void *data _unused_, const struct http_route *route _unused_, struct http_answer *ret)
{
        text_add(&ret->body, "ok\n");
}

void http_get_readyz(void *data, const struct http_route *route _unused_, struct http_answer *ret)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct ipam_status_reply status;
        struct err err;

        if (rpc_status(((struct http_endpoints *)data)->options.rpc, arena, &status, &err) < 0) {
                http_answer_failed(ret, "readiness", &err);
                return;
        }
        ret->status = status.ready ? 200 : 503;
        text_add(&ret->body, "%s\nroom: %s\n", status.ready ? "ok" : status.reason, status.room_summary);
}
