// SPDX-License-Identifier: Apache-2.0
/*
 * AWS credentials: from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN), else from IMDSv2
 * (iam/security-credentials/<role>). Refreshed ahead of their expiry; used up to their end when a refresh fails. Secrets
 * live in memory that is locked, kept out of core dumps and wiped when replaced; nothing prints them. One thread.
 */
#ifndef IPAMD_CLOUD_CREDENTIALS_H
#define IPAMD_CLOUD_CREDENTIALS_H

#include <stdint.h>

#include <vpcwire/err.h>
#include <vpcwire/mem.h>

struct imds;
struct credentials;

/* What a signature needs; borrowed from the credentials, valid until the next call on them. */
struct credentials_view {
        const char *access_key_id, *secret_access_key;
        const char *session_token; /* NULL where there is none */
};

enum {
        CREDENTIALS_REFRESH_AHEAD_S = 300, /* IMDS has the next ones at least 5 minutes before the end */
        CREDENTIALS_REFRESH_JITTER_S = 60, /* plus up to this, so that nodes do not ask together */
        CREDENTIALS_REFRESH_PAUSE_S = 30,  /* between two tries to replace credentials that are still good */
};

/* imds is borrowed and may be NULL (environment only). */
struct credentials *credentials_new(struct imds *imds);

/* As credentials_new(), with other clocks (milliseconds, as in vpcwire/clock.h); for tests. */
struct credentials_clocks {
        int64_t (*wall_ms)(void);
        int64_t (*boottime_ms)(void);
};
struct credentials *credentials_new_with_clocks(struct imds *imds, const struct credentials_clocks *clocks);

struct credentials *credentials_free(struct credentials *credentials);
DEFINE_CLEANUP(struct credentials *, credentials_free)

/*
 * ERR_DENIED when there are none to be had, naming what was tried; ERR_AGAIN and ERR_TIMEOUT when IMDS did not answer;
 * ERR_PROTOCOL when what it answered makes no sense.
 */
int credentials_get(struct credentials *credentials, struct credentials_view *ret, struct err *err);

/* The next credentials_get() fetches anew: EC2 said that these are not good (any more). */
void credentials_expire(struct credentials *credentials);

#endif
