// SPDX-License-Identifier: Apache-2.0
/* Shared by the files that make what can be seen. Each function is an answer of a route; data is the struct http_endpoints. */
#ifndef IPAMD_HTTP_ROUTES_H
#define IPAMD_HTTP_ROUTES_H

#include <jansson.h>

#include "http/endpoints.h"
#include "http/server.h"
#include "rpc/server.h"
#include "store/store.h"

struct http_endpoints {
        struct http_endpoints_options options;
        struct http_server *metrics, *introspection;
};

/* The pool as it stands, read at one time; all in the arena. */
struct http_pool {
        int64_t now_ms;
        struct eni *enis;
        struct block_address *addresses;
        struct lease *leases; /* sorted for http_lease() */
        size_t n_enis, n_addresses, n_leases;
};
int http_read_pool(struct http_endpoints *http, struct arena *arena, struct http_pool *ret, struct err *err);
/* The lease of this address; NULL: it has none. */
const struct lease *http_lease(const struct http_pool *pool, struct ip address);

/* Takes the reference. */
void http_answer_json(struct http_answer *answer, json_t *json);
/* 500, with the text; logged. */
void http_answer_failed(struct http_answer *answer, const char *what, const struct err *err);

/* metrics.c */
void http_get_metrics(void *data, const struct http_route *route, struct http_answer *ret);
/* enis.c, introspect.c */
void http_get_enis(void *data, const struct http_route *route, struct http_answer *ret);
void http_get_pods(void *data, const struct http_route *route, struct http_answer *ret);
void http_get_network_settings(void *data, const struct http_route *route, struct http_answer *ret);
void http_get_ipamd_settings(void *data, const struct http_route *route, struct http_answer *ret);
void http_get_healthz(void *data, const struct http_route *route, struct http_answer *ret);
void http_get_readyz(void *data, const struct http_route *route, struct http_answer *ret);
/* node.c: all that the page shows. */
void http_get_node(void *data, const struct http_route *route, struct http_answer *ret);

/* node_parts.c: parts of it, as new references. */
json_t *http_waiting(struct rpc *rpc, struct arena *arena);
int http_events(struct store *store, struct arena *arena, json_t **ret, struct err *err);
/*
 * Enough to find the container with a runtime's tools, too little to name the lease: who can name its key could ask for its
 * end, if he had the socket.
 */
void http_add_short_id(json_t *json, const char *container_id);

#endif
