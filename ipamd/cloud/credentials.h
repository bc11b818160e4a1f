// SPDX-License-Identifier: Apache-2.0
/*
 * AWS credentials, from the first of these that is set up: the environment, the shared files, a web identity (IRSA), the
 * container's agent (EKS Pod Identity, ECS), IMDSv2. Refreshed ahead of their expiry; used up to their end when a refresh
 * fails. Secrets live in memory that is locked, kept out of core dumps and wiped when replaced; nothing prints them. One
 * thread.
 */
#ifndef IPAMD_CLOUD_CREDENTIALS_H
#define IPAMD_CLOUD_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include <vpcwire/err.h>
#include <vpcwire/mem.h>

struct imds;
struct http_cancel;
struct skew;
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

struct credentials_options {
        struct imds *imds;        /* borrowed; NULL: not to be asked */
        const char *region;       /* for STS; NULL: as IMDS says */
        const char *sts_endpoint; /* NULL: the region's own */
        bool use_fips, use_dualstack;
        const char *ca_file;                            /* NULL: the system's certificates */
        const struct http_cancel *cancel;               /* NULL: none; borrowed */
        unsigned timeout_ms;                            /* of one exchange with STS or an agent; 0 = 10 s */
        int64_t (*wall_ms)(void), (*boottime_ms)(void); /* NULL: as in vpcwire/clock.h; for tests */
};

/* Strings are copied. Which provider it is, is read from the environment at each refresh. */
struct credentials *credentials_open(const struct credentials_options *options);

struct credentials *credentials_free(struct credentials *credentials);
DEFINE_CLEANUP(struct credentials *, credentials_free)

/*
 * ERR_DENIED when there are none to be had, naming what was tried; ERR_UNSUPPORTED when the profile asks for what is not
 * done here; ERR_AGAIN and ERR_TIMEOUT when the provider did not answer; ERR_PROTOCOL when what it answered makes no
 * sense; ERR_INVALID for settings of a provider that make none.
 */
int credentials_get(struct credentials *credentials, struct credentials_view *ret, struct err *err);

/* The next credentials_get() fetches anew: EC2 said that these are not good (any more). */
void credentials_expire(struct credentials *credentials);

/* Since when (boottime) we have the current ones, and until when (wall clock; 0: for ever) they are good. false: none yet. */
bool credentials_times(const struct credentials *credentials, int64_t *ret_since_ms,
                       int64_t *ret_expires_wall_ms);

/* For who tells people; no secrets in it. */
struct credentials_health {
        bool failing;    /* the last try to fetch credentials failed; those that are still good are used on */
        bool have_good;  /* there are such */
        const char *why; /* the failure; "" when not failing. Valid until the next call on the credentials */
        const char *provider;    /* that had those in use; NULL: none had any. A constant */
        int64_t expires_wall_ms; /* of those in use, by AWS's clock; 0: never, or there are none */
        int64_t ahead_ms; /* how far this machine's clock is ahead of AWS's; 0: not far enough to matter */
};

void credentials_get_health(const struct credentials *credentials, struct credentials_health *ret);

/* AWS's time, for who signs with these: expiry is judged by it too. Lives as long as the credentials. */
struct skew *credentials_skew(struct credentials *credentials);

#endif
