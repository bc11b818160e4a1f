// SPDX-License-Identifier: Apache-2.0
/* The JSON documents with credentials that IMDS and the containers' endpoints hand out; and AWS's times. */
#ifndef IPAMD_CLOUD_PROVIDER_JSON_H
#define IPAMD_CLOUD_PROVIDER_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include <vpcwire/err.h>

enum { CREDENTIALS_MAX_JSON_BYTES = 64 * 1024 };

struct secret;

/*
 * Reads AccessKeyId, SecretAccessKey, Token, Expiration; all must be there. With needs_code (IMDS) Code must be there too and
 * be "Success". ERR_PROTOCOL for a document that makes no sense, ERR_DENIED for another Code. No error shows a secret. Copies
 * that we can reach are wiped; the body is the caller's to wipe.
 */
int provider_json_read(const char *body, bool needs_code, struct secret *secret, struct err *err);

/* "2026-11-23T12:00:00Z", or with a fraction of a second, which is dropped. ERR_PROTOCOL. */
int provider_time_parse(const char *text, int64_t *ret_wall_ms, struct err *err);

#endif
