// SPDX-License-Identifier: Apache-2.0
/*
 * A scripted HTTP server on loopback for unit tests: it plays a list of replies, breaks them on demand, and remembers
 * what it was asked. A request takes the first reply that is for it and not used up; one that finds none gets 599.
 */
#ifndef HTTPD_H
#define HTTPD_H

#include <stddef.h>

enum httpd_fault {
        HTTPD_FINE,
        HTTPD_DROP,     /* reads the request, closes without an answer */
        HTTPD_TRUNCATE, /* promises one byte more than it sends, then closes */
        HTTPD_CRAWL,    /* a byte every 20 ms */
};

struct httpd_reply {
        const char *on;     /* "GET /latest/meta-data/mac": method and path; NULL: any request */
        unsigned status;    /* 0: 200 */
        const char *body;   /* NULL: empty */
        const char *header; /* "Name: value", one; or NULL */
        size_t body_bytes;  /* 0: strlen(body); with body NULL: that many 'x' */
        enum httpd_fault fault;
        unsigned times; /* how often it may be used; 0: once */
};

enum {
        HTTPD_ALWAYS = 1000000,
        /* For a client that is to give up on HTTPD_CRAWL: time enough for the request to get here. The others wait TEST_PATIENCE_MS. */
        HTTPD_CRAWL_TIMEOUT_MS = 2000,
};

struct httpd_request {
        char *line;    /* "POST /" */
        char *headers; /* "name: value\n"..., names in lower case */
        char *body;
};

struct httpd;

/* The replies are borrowed. Fails the test when it cannot start. */
struct httpd *httpd_start(const struct httpd_reply *replies, size_t n);
/* The same over TLS, with a key and a certificate in PEM. */
struct httpd *httpd_start_tls(const struct httpd_reply *replies, size_t n, const char *key_pem,
                              const char *certificate_pem);
struct httpd *httpd_stop(struct httpd *httpd);
static inline void httpd_stopp(struct httpd **httpd)
{
        if (*httpd)
                httpd_stop(*httpd);
}

const char *httpd_url(const struct httpd *httpd); /* "http://127.0.0.1:12345" */

size_t httpd_requests(struct httpd *httpd);
/* The i-th request; fails the test when it was not made. Valid until httpd_stop(). */
const struct httpd_request *httpd_request(struct httpd *httpd, size_t i);
/* How many requests had this line. */
size_t httpd_count(struct httpd *httpd, const char *line);
size_t httpd_connections(struct httpd *httpd);

/* A fresh self-signed certificate for a name ("IP:127.0.0.1"), and its key, both in PEM. The caller frees them. */
void httpd_make_certificate(const char *name, char **ret_key, char **ret_certificate);

#endif
