// SPDX-License-Identifier: Apache-2.0
/*
 * The exchange of http.h on the daemon's loop: libcurl's multi interface, driven by libuv's polls and timer. Nothing here
 * waits. (A host name is resolved by libcurl in a short thread of its own; an address, as Kubernetes gives it, is not.)
 */
#ifndef IPAMD_CLIENT_HTTP_LOOP_H
#define IPAMD_CLIENT_HTTP_LOOP_H

#include <uv.h>

#include "client/http.h"

struct http_loop;

struct http_loop_options {
        struct http_options http;
        /*
         * Called once per request, on the loop. reply NULL: none came, *err says why (as http_exchange() does). What reply
         * points to is valid during the call. It may start the next request.
         */
        void (*done)(void *data, const struct http_reply *reply, const struct err *err);
        void *data;
};

struct http_loop *http_loop_new(uv_loop_t *loop, const struct http_loop_options *options);

/* A request under way is dropped without a word. The memory goes when the loop has run its close callbacks. Returns NULL. */
struct http_loop *http_loop_free(struct http_loop *client);

/* Starts a request; its texts are copied. ERR_BUSY while one is under way. After an error done() is not called. */
int http_loop_start(struct http_loop *client, const struct http_request *request, struct err *err);

/* Closes the connection and gives back what libcurl holds, until the next request. Not while one is under way. */
void http_loop_rest(struct http_loop *client);

#endif
