// SPDX-License-Identifier: Apache-2.0
/*
 * AWS Signature Version 4 (https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html), as a pure function:
 * same input, same signature; no clock, no environment.
 */
#ifndef IPAMD_CLOUD_SIGV4_H
#define IPAMD_CLOUD_SIGV4_H

#include <stdint.h>

#include <vpcwire/err.h>
#include <vpcwire/mem.h>

#include "cloud/sigv4_canonical.h"

enum { SIGV4_TIME_BYTES = 17, SIGV4_SIGNATURE_BYTES = 65, SIGV4_SIGNING_KEY_BYTES = 32 };

/* Writes the hex signature. Deterministic; ERR_INVALID names what is missing. */
int sigv4_sign(const struct sigv4_request *request, char ret_signature[static SIGV4_SIGNATURE_BYTES],
               struct err *err);

/* The whole Authorization header's value, in the arena. */
int sigv4_authorization(const struct sigv4_request *request, struct arena *arena, const char **ret,
                        struct err *err);

/*
 * The canonical request alone: nobody but tests needs it, which compare it with AWS's published ones. It holds no key, but
 * it repeats the signed headers, a session token among them.
 */
int sigv4_canonical_request(const struct sigv4_request *request, struct arena *arena, const char **ret,
                            struct err *err);

/* The key of one day, region and service. date starts with "20150830". The result is a secret: wipe it. */
void sigv4_signing_key(const char *secret_access_key, const char *date, const char *region,
                       const char *service, unsigned char ret[static SIGV4_SIGNING_KEY_BYTES]);

void sigv4_format_time(int64_t wall_ms, char ret[static SIGV4_TIME_BYTES]);

#endif
