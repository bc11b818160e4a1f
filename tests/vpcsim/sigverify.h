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
 * *ret_node is the node whose role's keys signed, NULL for a user's keys. What is wrong is a refusal: AuthFailure,
 * SignatureDoesNotMatch, MissingAuthenticationToken, IncompleteSignature, RequestExpired. Under world_lock().
 */
int sigverify_check(struct world *world, const struct httpd_request *request, int64_t now_wall_ms,
                    const char **ret_node, struct err *err);

#endif
