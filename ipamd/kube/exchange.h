// SPDX-License-Identifier: Apache-2.0
/*
 * One HTTPS exchange at a time on the daemon's loop: libcurl's multi interface, driven by libuv's polls and timer. Nothing
 * here waits. (A host name is resolved by libcurl in a short thread of its own; an address, as Kubernetes gives it, is
 * not.) TLS 1.2 at least, verified by one given authority; no redirects, no cookies, no proxy; a deadline and a size.
 *
 * The bearer token is read from its file for each request, as it is replaced every hour or so, and wiped behind it.
 */
#ifndef IPAMD_KUBE_EXCHANGE_H
#define IPAMD_KUBE_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include <vpcwire/err.h>

enum {
        EXCHANGE_TIMEOUT_MS = 10 * 1000,
        EXCHANGE_CONNECT_TIMEOUT_MS = 5 * 1000,
        EXCHANGE_REPLY_BYTES_MAX = 64 * 1024, /* an Event has one or two */
        EXCHANGE_HEADER_BYTES_MAX = 32 * 1024,
        EXCHANGE_RETRY_AFTER_S_MAX = 24 * 60 * 60, /* a longer one is cut */
        EXCHANGE_TOKEN_BYTES_MAX = 16 * 1024,
};

struct exchange;

struct exchange_reply {
        long status;
        const char *body; /* NUL-terminated; valid during the call */
        size_t body_bytes;
        int64_t retry_after_ms; /* at most EXCHANGE_RETRY_AFTER_S_MAX; 0: it does not say */
};

struct exchange_options {
        const char *ca_file, *token_file; /* copied */
        /* Called once per request, on the loop. reply NULL: none came, *err says why. It may start the next request. */
        void (*done)(void *data, const struct exchange_reply *reply, const struct err *err);
        void *data;
};

struct exchange_request {
        const char *method; /* "POST", "PATCH" */
        const char *url;
        const char *content_type;
        const char *body;
};

struct exchange *exchange_new(uv_loop_t *loop, const struct exchange_options *options);

/* A request under way is dropped without a word. The memory goes when the loop has run its close callbacks. Returns NULL. */
struct exchange *exchange_free(struct exchange *exchange);

/*
 * Starts a request; its texts are copied. ERR_BUSY while one is under way; errors of the token's file. After an error
 * done() is not called.
 */
int exchange_start(struct exchange *exchange, const struct exchange_request *request, struct err *err);

/* Closes the connection and gives back what libcurl holds, until the next request. Not while one is under way. */
void exchange_rest(struct exchange *exchange);

#endif
