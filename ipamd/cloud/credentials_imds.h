// SPDX-License-Identifier: Apache-2.0
/* The credentials of the instance's IAM role, as IMDS has them. */
#ifndef IPAMD_CLOUD_CREDENTIALS_IMDS_H
#define IPAMD_CLOUD_CREDENTIALS_IMDS_H

#include <vpcwire/err.h>

enum { CREDENTIALS_MAX_JSON_BYTES = 64 * 1024 };

struct imds;
struct secret;

/*
 * ERR_DENIED when no role is attached or IMDS has no credentials for it, ERR_PROTOCOL for a document that makes no sense,
 * else as imds_get(). The secret may be half filled after a failure. No error shows a secret.
 */
int credentials_fetch_from_imds(struct imds *imds, struct secret *secret, struct err *err);

#endif
