// SPDX-License-Identifier: Apache-2.0
/*
 * Whether a request is signed by somebody that the world knows: AWS Signature Version 4 in the Authorization header, with
 * EC2's error codes. The signature is computed anew from the bytes that came, with the secret of the key that signed.
 */
#ifndef VPCSIM_SIGVERIFY_H
#define VPCSIM_SIGVERIFY_H

#include "httpd.h"
#include "world_ec2.h"

enum { SIGVERIFY_MAX_SKEW_MS = 5 * 60 * 1000 };

/*
 * service: what the signature must be for, "ec2" or "sts". *ret is who holds the key that signed. What is wrong is a
 * refusal: AuthFailure, SignatureDoesNotMatch, MissingAuthenticationToken, IncompleteSignature, RequestExpired. Under
 * world_lock().
 */
int sigverify_check(struct world *world, const struct httpd_request *request, const char *service,
                    int64_t now_wall_ms, struct world_secret *ret, struct err *err);

#endif
