// SPDX-License-Identifier: Apache-2.0
/*
 * What people and programs can see of the daemon by HTTP: Prometheus' /metrics on one address; on another the node's page,
 * aws-vpc-cni's introspection paths, and probes. It only looks: nothing here changes anything.
 *
 * On the loop's thread. It waits for nobody.
 */
#ifndef IPAMD_HTTP_ENDPOINTS_H
#define IPAMD_HTTP_ENDPOINTS_H

#include <uv.h>

#include <vpcwire/bind.h>

struct calls;
struct metrics;
struct rpc;
struct store;
struct http_endpoints;

typedef void http_visit_setting(void *to, const char *name, json_t *value); /* owns the value */

struct http_endpoints_options {
        struct rpc *rpc;         /* these four are borrowed, and outlive this */
        struct store *store;     /* the loop's connection */
        struct metrics *metrics; /* the server's */
        struct calls *calls;
        void (*settings)(void *data, http_visit_setting *visit, void *to); /* each setting in force */
        void *settings_data;
        const struct bind *metrics_bind;       /* NULL: no /metrics; copied */
        const struct bind *introspection_bind; /* NULL: none; copied */
};

/* Listens, or goes on trying to (http_server_new()). */
struct http_endpoints *http_endpoints_new(uv_loop_t *loop, const struct http_endpoints_options *options);
/* Before rpc_free(). Let the loop come to its end afterwards. Returns NULL. */
struct http_endpoints *http_endpoints_free(struct http_endpoints *http);

#endif
