// SPDX-License-Identifier: Apache-2.0
/* The routes, and the two servers. */
#include <stdlib.h>

#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include "serve/handlers.h"
#include "serve/see_state.h"

#define JSON_TYPE "application/json"
#define TEXT_TYPE "text/plain; charset=utf-8"

#define PAGE_FILE(path, type, text) {path, type, web_answer_file, text, sizeof(text) - 1},

static void list_paths(void *data, const struct web_route *route, struct web_answer *ret);

static const struct web_route metrics_routes[] = {
        {"/metrics", "text/plain; version=0.0.4; charset=utf-8", see_metrics},
};

static const struct web_route introspection_routes[] = {
        {"/v1", JSON_TYPE, list_paths},
        {"/v1/enis", JSON_TYPE, see_enis},
        {"/v1/pods", JSON_TYPE, see_pods},
        {"/v1/node", JSON_TYPE, see_node},
        {"/v1/networkutils-env-settings", JSON_TYPE, see_settings_of_network},
        {"/v1/ipamd-env-settings", JSON_TYPE, see_settings_of_ipamd},
        {"/healthz", TEXT_TYPE, see_healthz},
        {"/readyz", TEXT_TYPE, see_readyz},
#include "page-routes.inc"            /* page.cmake: the files of page/ */
        {"/", JSON_TYPE, list_paths}, /* beside the page, for who asks for JSON */
};

/* For programs, as aws-vpc-cni has it: without the page and its files. */
static void list_paths(void *data _unused_, const struct web_route *route _unused_, struct web_answer *ret)
{
        json_t *paths = json_array();

        for (size_t i = 0; i < ARRAY_SIZE(introspection_routes); i++)
                if (!introspection_routes[i].bytes && introspection_routes[i].path[1])
                        json_array_append_new(paths, json_string(introspection_routes[i].path));
        see_answer_json(ret, json_pack("{so}", "AvailableCommands", paths));
}

/* ---- what the answers share ---- */

void see_answer_json(struct web_answer *answer, json_t *json)
{
        char *text = json_dumps(json, JSON_COMPACT);

        text_add(&answer->body, "%s\n", text ?: "null");
        free(text);
        json_decref(json);
}

void see_answer_failed(struct web_answer *answer, const char *what, const struct err *err)
{
        log_error("cannot show", LOG_STR("what", what), LOG_ERR(err));
        text_done(&answer->body);
        answer->status = 500;
        answer->content_type = TEXT_TYPE;
        text_add(&answer->body, "%s\n", err->msg);
}

int see_status(struct see *see, struct arena *arena, struct ipam_status_reply *ret, struct err *err)
{
        struct method_call call = {
                .serve = see->options.serve, .arena = arena, .now_ms = clock_boottime_ms()};

        return handle_status(&call, NULL, ret, err);
}

static int by_address(const void *a, const void *b)
{
        return ip_compare(((const struct store_lease *)a)->address, ((const struct store_lease *)b)->address);
}

int see_read_books(struct see *see, struct arena *arena, struct see_books *ret, struct err *err)
{
        struct store *store = see->options.serve->options.store;
        struct see_books books = {.now_ms = clock_boottime_ms()};

        if (store_enis(store, books.now_ms, arena, &books.enis, &books.n_enis, err) < 0 ||
            store_addresses(store, books.now_ms, arena, &books.addresses, &books.n_addresses, err) < 0 ||
            store_leases(store, NULL, arena, &books.leases, &books.n_leases, err) < 0)
                return err_wrap(err, "read the books");
        if (books.n_leases)
                qsort(books.leases, books.n_leases, sizeof(*books.leases), by_address);
        *ret = books;
        return 0;
}

const struct store_lease *see_lease(const struct see_books *books, struct ip address)
{
        const struct store_lease key = {.address = address};

        return books->n_leases
                       ? bsearch(&key, books->leases, books->n_leases, sizeof(*books->leases), by_address)
                       : NULL;
}

/* ---- start and end ---- */

struct see *see_new(uv_loop_t *loop, const struct see_options *options)
{
        struct see *see = XNEW(struct see);

        see->options = *options;
        if (options->metrics_bind)
                see->metrics = web_new(loop, &(const struct web_options){
                                                     .name = "metrics",
                                                     .bind = *options->metrics_bind,
                                                     .routes = metrics_routes,
                                                     .n_routes = ARRAY_SIZE(metrics_routes),
                                                     .data = see,
                                             });
        if (options->introspection_bind)
                see->introspection = web_new(loop, &(const struct web_options){
                                                           .name = "introspection",
                                                           .bind = *options->introspection_bind,
                                                           .routes = introspection_routes,
                                                           .n_routes = ARRAY_SIZE(introspection_routes),
                                                           .data = see,
                                                           .only_local_names = true,
                                                   });
        return see;
}

struct see *see_free(struct see *see)
{
        if (!see)
                return NULL;
        web_free(see->metrics);
        web_free(see->introspection);
        free(see);
        return NULL;
}
