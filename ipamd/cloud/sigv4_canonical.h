// SPDX-License-Identifier: Apache-2.0
/*
 * The part of SigV4 that is text: what is to be signed, and its canonical form. Others include sigv4.h, which has it all.
 */
#ifndef IPAMD_CLOUD_SIGV4_CANONICAL_H
#define IPAMD_CLOUD_SIGV4_CANONICAL_H

#include <stddef.h>

#include <vpcwire/err.h>
#include <vpcwire/mem.h>

enum { SIGV4_HASH_BYTES = 32, SIGV4_HEX_BYTES = 2 * SIGV4_HASH_BYTES + 1 };

struct sigv4_header {
        const char *name, *value; /* any case, any white space: canonicalised here */
};

struct sigv4_request {
        const char *method; /* "POST" */
        const char *path;   /* as on the wire, percent-encoded; "" is "/" */
        const char *query;  /* as on the wire, without '?'; sorted and re-encoded here; "" for none */
        const struct sigv4_header
                *headers; /* exactly the ones to sign; host and x-amz-date must be among them */
        size_t n_headers;
        const void *body;
        size_t body_bytes;
        const char *region, *service;
        const char *time; /* "20150830T123600Z" */
        const char *access_key_id, *secret_access_key;
};

/* Percent-encodes all but unreserved characters (RFC 3986 section 2.3), as SigV4 and the query protocol want it. */
void sigv4_encode(struct text *out, const char *s, size_t n);

/* SHA-256 in hex. */
void sigv4_hash(const void *bytes, size_t n, char ret[static SIGV4_HEX_BYTES]);
void sigv4_hex(const unsigned char hash[static SIGV4_HASH_BYTES], char ret[static SIGV4_HEX_BYTES]);

/* Appends the canonical request. ERR_INVALID as sigv4_sign(). */
int sigv4_add_canonical_request(const struct sigv4_request *request, struct text *out, struct err *err);
/* Appends "host;x-amz-date": each name once, sorted. */
void sigv4_add_signed_headers(const struct sigv4_request *request, struct text *out);

#endif
