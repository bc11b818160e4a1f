// SPDX-License-Identifier: Apache-2.0
/*
 * A small HTTP server on the daemon's loop, by libmicrohttpd: GET and HEAD, fixed paths, answers that are made at once
 * from memory. It never blocks the loop. Whoever speaks to it is not trusted: connections, their number per address, the
 * size of a request's head, and the time from a connection's beginning to its end are limited; one request per connection. Who holds many
 * makes room for who holds few.
 *
 * All functions on the loop's thread.
 */
#ifndef IPAMD_HTTP_SERVER_H
#define IPAMD_HTTP_SERVER_H

#include <stdbool.h>

#include <uv.h>

#include <vpcwire/bind.h>
#include <vpcwire/mem.h>

enum {
        HTTP_CONNECTIONS_MAX = 32,
        HTTP_CONNECTIONS_PER_ADDRESS_MAX = 8, /* not of this host's own: there all have one address */
        HTTP_CONNECTION_MS = 10 * 1000,       /* from the accept to the last byte of the answer */
        HTTP_HEAD_BYTES_MAX = 8 * 1024,       /* of a request, with our answer's head */
        HTTP_RETRY_MS = 10 * 1000,            /* until listening is tried again where it failed */
};

/* Filled in by a route. */
struct http_answer {
        unsigned status;          /* 200 unless the route says else */
        const char *content_type; /* likewise the route's */
        struct text body;         /* the server's from here on; or ... */
        const char *bytes;        /* ... constant bytes that outlive the server */
        size_t n_bytes;
};

/* Two routes may have one path: the one whose content type the Accept header names is taken, else the first. */
struct http_route {
        const char *path, *content_type;
        /* Answers; must not wait. `route` is this row. */
        void (*answer)(void *data, const struct http_route *route, struct http_answer *ret);
        const char *bytes; /* for routes that are files: http_answer_file() */
        size_t n_bytes;
};

struct http_server_options {
        const char *name; /* for logs: "metrics" */
        struct bind bind;
        const struct http_route *routes;
        size_t n_routes;
        void *data;
        /*
         * Only requests whose Host is an address or localhost: a foreign page that has our address under its own name
         * (DNS rebinding) must not be able to read us through a person's browser.
         */
        bool only_local_names;
        unsigned connection_ms; /* 0: HTTP_CONNECTION_MS; for tests */
};

struct http_server;

/*
 * Listens, now or, where that fails (somebody else has the port), as soon as it can; a failure is logged once. The options'
 * texts and routes are borrowed.
 */
struct http_server *http_server_new(uv_loop_t *loop, const struct http_server_options *options);
/* Closes all connections. The memory goes when the loop has run its close callbacks. Returns NULL. */
struct http_server *http_server_free(struct http_server *server);

/* A route whose answer is its own bytes. */
void http_answer_file(void *data, const struct http_route *route, struct http_answer *ret);

/* Whether a Host header names this machine by address, or as localhost. NULL (HTTP/1.0) does. Pure. */
bool http_host_is_local(const char *host);

#endif
