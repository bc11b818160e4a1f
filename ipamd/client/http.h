// SPDX-License-Identifier: Apache-2.0
/*
 * The one client for what others serve by HTTP: one exchange at a time over libcurl, here waited for, or on the daemon's loop
 * (http_loop.h), with the limits that everything from outside gets: a deadline for the whole exchange, one for the
 * connection, a size for the body. Connections are kept for the next exchange. No redirects, no cookies, http and https only, TLS 1.2 at least and always verified. A request that was sent is never sent again.
 * Proxies are those of the environment, as curl reads it (HTTPS_PROXY, https_proxy, http_proxy, NO_PROXY), unless refused.
 *
 * One `struct http` belongs to one thread. The reply's bytes may be secrets: they are wiped before they are freed.
 */
#ifndef IPAMD_CLIENT_HTTP_H
#define IPAMD_CLIENT_HTTP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpcwire/err.h>
#include <vpcwire/mem.h>

enum {
        HTTP_MAX_HEADER_BYTES = 64 * 1024, /* all header lines of one reply */
        HTTP_MAX_IDLE_S = 15, /* an older idle connection is not reused: the peer may be closing it */
        HTTP_RETRY_AFTER_S_MAX = 24 * 60 * 60, /* a longer Retry-After is cut */
        HTTP_CANCEL_GRACE_MS = 5000, /* what is under way when it is cancelled has so long to end well */
};

/* For who wants to stop soon, whatever the timeouts are. Zero it; it outlives the handles that have it. */
struct http_cancel {
        _Atomic int64_t cancelled_ms; /* CLOCK_BOOTTIME; 0: not cancelled */
};

/* Nothing is sent from now on. From any thread. */
void http_cancel_all(struct http_cancel *cancel);
/* cancel may be NULL. */
bool http_cancelled(const struct http_cancel *cancel);

struct http;

struct http_options {
        size_t max_body_bytes;
        unsigned timeout_ms, connect_timeout_ms;
        unsigned min_ttl;    /* packets of the peer with a lower TTL (hop limit) are dropped; 0: none */
        bool https_only;     /* an http:// URL is refused */
        bool no_proxy;       /* never use a proxy, whatever the environment says */
        const char *ca_file; /* NULL: the system's certificates; copied */
        const struct http_cancel *cancel; /* NULL: none; borrowed */
};

struct http_header {
        const char *name, *value;
};

struct http_request {
        const char *method; /* "GET", "POST", "PUT", "PATCH" */
        const char *url;
        const struct http_header *headers;
        size_t n_headers;
        const void *body; /* not for GET */
        size_t body_bytes;
};

struct http_reply {
        long status;
        const char *body; /* NUL-terminated; may hold NULs; valid until the next exchange */
        size_t body_bytes;
        int64_t retry_after_ms; /* at most HTTP_RETRY_AFTER_S_MAX; 0: it does not say */
};

int http_new(const struct http_options *options, struct http **ret, struct err *err);
struct http *http_free(struct http *http);
DEFINE_CLEANUP(struct http *, http_free)

/*
 * Any HTTP status is a success here. ERR_TIMEOUT (deadline), ERR_AGAIN (no connection, or it broke), ERR_LIMIT (body or
 * headers too long), ERR_DENIED (TLS: peer not verified), ERR_INVALID (a header value with control characters). With the
 * cancelled ERR_AGAIN.
 */
int http_exchange(struct http *http, const struct http_request *request, struct http_reply *ret,
                  struct err *err);

/* A header of the last reply, or NULL. Any case. Valid until the next exchange. */
const char *http_reply_header(struct http *http, const char *name);

/* When the last reply was made, by its Date header (since 1970, UTC, whole seconds); 0: it does not say. */
int64_t http_reply_date_ms(struct http *http);

/* Wipes the last reply's body, for bodies that hold secrets. */
void http_wipe(struct http *http);

/*
 * Checks "http[s]://host[:port][/]". *ret_url has no slash at its end; *ret_host is what the Host header says (no
 * default port). Both are owned by the caller. ERR_INVALID names the endpoint.
 */
int http_parse_endpoint(const char *endpoint, char **ret_url, char **ret_host, struct err *err);

/* Any http or https URL without user and fragment, taken apart. Owned by the caller. */
struct http_url {
        char *url;  /* as it is sent: numbers in the host are in their usual form */
        char *host; /* without port; an IPv6 address in brackets */
        bool is_https;
};
void http_url_done(struct http_url *url); /* for _cleanup_(http_url_done) */

/* ERR_INVALID; the text is not repeated, it may be secret. */
int http_parse_url(const char *text, struct http_url *ret, struct err *err);

#endif
