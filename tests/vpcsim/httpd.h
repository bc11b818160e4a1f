// SPDX-License-Identifier: Apache-2.0
/*
 * A small HTTP server on libmicrohttpd, for the two faces of the world: a whole request in, a whole reply out, everything
 * that comes from outside bounded. One thread per connection: the handler runs in several at once, and one reply that is
 * slow on purpose holds up no other.
 */
#ifndef VPCSIM_HTTPD_H
#define VPCSIM_HTTPD_H

#include <vpcwire/addr.h>
#include <vpcwire/err.h>
#include <vpcwire/mem.h>

enum {
        HTTPD_MAX_BODY_BYTES = 256 * 1024, /* more than EC2's largest sensible request: 1000 addresses */
        HTTPD_MAX_HEAD_BYTES = 32 * 1024,
        HTTPD_MAX_HEADERS = 100,
        HTTPD_MAX_CONNECTIONS = 512,
        HTTPD_TIMEOUT_S = 30,
        HTTPD_DEFAULT_IP_TTL = 64,
        HTTPD_MAX_PIECE_BYTES = 64 * 1024, /* of a body that is sent piece by piece */
};

/* PEM texts; only read by httpd_start(). */
struct httpd_tls {
        const char *certificate, *key;
};

struct httpd;

struct httpd_header {
        const char *name, *value;
};

/* All of it lives until the handler returns. */
struct httpd_request {
        const char *method;
        const char *path, *query; /* as on the wire; query without '?', "" for none */
        const struct httpd_header *headers;
        size_t n_headers;
        const char *body; /* NUL-terminated */
        size_t body_bytes;
        struct ip peer;
        struct arena *arena;
};

/* The value of a header, by its name in any case; NULL where it is not there. */
const char *httpd_header_value(const struct httpd_request *request, const char *name);

/* What the handler does to its own reply on purpose. Zero: nothing. */
struct httpd_harm {
        bool drop;            /* the connection is closed without a byte */
        unsigned delay_ms;    /* before the first byte; UINT_MAX: until the client goes */
        unsigned bytes_per_s; /* of the body */
        size_t missing_bytes; /* announced in Content-Length and never sent: the connection is closed instead */
};

/* What the handler fills; texts from the request's arena or literals. Zero is an empty reply with status 200. */
struct httpd_reply {
        unsigned status;
        const char *content_type;
        const char *body;
        struct httpd_harm harm;
        struct httpd_header headers[4];
        size_t n_headers;
        unsigned ip_ttl; /* of the packets that carry it; 0: HTTPD_DEFAULT_IP_TTL */
};

typedef void httpd_handler(void *userdata, const struct httpd_request *request, struct httpd_reply *reply);

/* Adds the Date header; without it a reply has this machine's time. */
void httpd_date(struct httpd_reply *reply, int64_t wall_ms, struct arena *arena);

/* listen_fd is the httpd's own once this has succeeded. tls: NULL for plain HTTP. */
int httpd_start(int listen_fd, const struct httpd_tls *tls, httpd_handler *handler, void *userdata,
                struct httpd **ret, struct err *err);
/* Waits for the handlers to return; replies that are slow on purpose are cut off. */
struct httpd *httpd_stop(struct httpd *httpd);
DEFINE_CLEANUP(struct httpd *, httpd_stop)

#endif
