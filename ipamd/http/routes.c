// SPDX-License-Identifier: Apache-2.0
/* The routes, and the two servers. */
#include <stdlib.h>

#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include "http/routes.h"

#define JSON_TYPE "application/json"
#define TEXT_TYPE "text/plain; charset=utf-8"

#define PAGE_FILE(path, type, text) {path, type, http_answer_file, text, sizeof(text) - 1},

static void list_paths(void *data, const struct http_route *route, struct http_answer *ret);

static const struct http_route metrics_routes[] = {
        {"/metrics", "text/plain; version=0.0.4; charset=utf-8", http_get_metrics},
};

static const struct http_route introspection_routes[] = {
        {"/v1", JSON_TYPE, list_paths},
        {"/v1/enis", JSON_TYPE, http_get_enis},
        {"/v1/pods", JSON_TYPE, http_get_pods},
        {"/v1/node", JSON_TYPE, http_get_node},
        {"/v1/networkutils-env-settings", JSON_TYPE, http_get_network_settings},
        {"/v1/ipamd-env-settings", JSON_TYPE, http_get_ipamd_settings},
        {"/healthz", TEXT_TYPE, http_get_healthz},
        {"/readyz", TEXT_TYPE, http_get_readyz},
#include "page-routes.inc"            /* page.cmake: the files of page/ */
        {"/", JSON_TYPE, list_paths}, /* beside the page, for who asks for JSON */
};

/* For programs, as aws-vpc-cni has it: without the page and its files. */
static void list_paths(void *data _unused_, const struct http_route *route _unused_, struct http_answer *ret)
{
        json_t *paths = json_array();

        for (size_t i = 0; i < ARRAY_SIZE(introspection_routes); i++)
                if (!introspection_routes[i].bytes && introspection_routes[i].path[1])
                        json_array_append_new(paths, json_string(introspection_routes[i].path));
        http_answer_json(ret, json_pack("{so}", "AvailableCommands", paths));
}

/* ---- what the answers share ---- */

void http_answer_json(struct http_answer *answer, json_t *json)
{
        char *text = json_dumps(json, JSON_COMPACT);

        text_add(&answer->body, "%s\n", text ?: "null");
        free(text);
        json_decref(json);
}

void http_answer_failed(struct http_answer *answer, const char *what, const struct err *err)
{
        log_error("cannot answer a request by HTTP", LOG_STR("object", what), LOG_ERR(err));
        text_done(&answer->body);
        answer->status = 500;
        answer->content_type = TEXT_TYPE;
        text_add(&answer->body, "%s\n", err->msg);
}

static int by_address(const void *a, const void *b)
{
        return ip_compare(((const struct lease *)a)->address, ((const struct lease *)b)->address);
}

int http_read_pool(struct http_endpoints *http, struct arena *arena, struct http_pool *ret, struct err *err)
{
        struct store *store = http->options.store;
        struct http_pool pool = {.now_ms = clock_boottime_ms()};

        if (store_enis(store, pool.now_ms, arena, &pool.enis, &pool.n_enis, err) < 0 ||
            store_addresses(store, pool.now_ms, arena, &pool.addresses, &pool.n_addresses, err) < 0 ||
            store_leases(store, NULL, arena, &pool.leases, &pool.n_leases, err) < 0)
                return err_wrap(err, "read the database");
        if (pool.n_leases)
                qsort(pool.leases, pool.n_leases, sizeof(*pool.leases), by_address);
        *ret = pool;
        return 0;
}

const struct lease *http_lease(const struct http_pool *pool, struct ip address)
{
        const struct lease key = {.address = address};

        return pool->n_leases ? bsearch(&key, pool->leases, pool->n_leases, sizeof(*pool->leases), by_address)
                              : NULL;
}

/* ---- start and end ---- */

struct http_endpoints *http_endpoints_new(uv_loop_t *loop, const struct http_endpoints_options *options)
{
        struct http_endpoints *http = XNEW(struct http_endpoints);

        http->options = *options;
        if (options->metrics_bind)
                http->metrics = http_server_new(loop, &(const struct http_server_options){
                                                              .name = "metrics",
                                                              .bind = *options->metrics_bind,
                                                              .routes = metrics_routes,
                                                              .n_routes = ARRAY_SIZE(metrics_routes),
                                                              .data = http,
                                                      });
        if (options->introspection_bind)
                http->introspection =
                        http_server_new(loop, &(const struct http_server_options){
                                                      .name = "introspection",
                                                      .bind = *options->introspection_bind,
                                                      .routes = introspection_routes,
                                                      .n_routes = ARRAY_SIZE(introspection_routes),
                                                      .data = http,
                                                      .only_local_names = true,
                                              });
        return http;
}

struct http_endpoints *http_endpoints_free(struct http_endpoints *http)
{
        if (!http)
                return NULL;
        http_server_free(http->metrics);
        http_server_free(http->introspection);
        free(http);
        return NULL;
}
