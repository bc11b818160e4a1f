// SPDX-License-Identifier: Apache-2.0
/*
 * What the daemon counts and lets be seen by HTTP (http/endpoints.h): the numbers are there from the start, for both threads;
 * the servers from the time when there is something to show. Both are off the way of the pods: nothing here fails a start.
 */
#ifndef IPAMD_DAEMON_WEB_H
#define IPAMD_DAEMON_WEB_H

#include <uv.h>

#include <vpcwire/err.h>

struct config;
struct rpc;
struct store;

struct daemon_web {
        struct metrics *metrics; /* these two for the reconciler and the server, too */
        struct calls *calls;
        const struct config *config; /* what is in force; borrowed */
        struct http_endpoints *http; /* NULL: not yet */
};

void daemon_web_init(struct daemon_web *web, const struct config *config);
/* Lets people look, at the addresses of the settings. ERR_INVALID only for an address that is none. */
int daemon_web_start(struct daemon_web *web, uv_loop_t *loop, struct rpc *rpc, struct store *store,
                     struct err *err);
/* Before rpc_free(); fine when never started. */
void daemon_web_stop(struct daemon_web *web);
/* When both threads have ended. */
void daemon_web_done(struct daemon_web *web);

#endif
