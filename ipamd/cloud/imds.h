// SPDX-License-Identifier: Apache-2.0
/*
 * The instance metadata service, version 2 only. What it says is a hint (it lags and lies): absence of a leaf is
 * ERR_NOT_FOUND and never a reason to take something away.
 *
 * The session token is fetched at the first use, renewed before it ends and once on a 401. One `struct imds` belongs to
 * one thread.
 */
#ifndef IPAMD_CLOUD_IMDS_H
#define IPAMD_CLOUD_IMDS_H

#include <vpcwire/addr.h>
#include <vpcwire/err.h>
#include <vpcwire/mem.h>

struct imds;
struct http_cancel;

enum {
        IMDS_MAX_BODY_BYTES = 1024 * 1024,
        IMDS_MAX_LIST_ITEMS = 4096,
        IMDS_TOKEN_TTL_S = 21600, /* what we ask for, the most there is */
        IMDS_TOKEN_AHEAD_S = 300, /* renewed this long before its end (a short-lived one: at nine tenths) */
};

struct imds_options {
        const char *endpoint;             /* NULL = "http://169.254.169.254" or "http://[fd00:ec2::254]" */
        bool ipv6;                        /* which of the two; the second answers on Nitro instances only */
        unsigned timeout_ms;              /* one exchange; 0 = 2 s */
        const struct http_cancel *cancel; /* NULL = none; borrowed */
        unsigned min_ttl;                 /* replies that could make fewer hops are not seen; 0 = all are */
        int64_t (*boottime_ms)(void);     /* NULL = clock_boottime_ms(); for tests */
};

int imds_new(const struct imds_options *options, struct imds **ret, struct err *err);
struct imds *imds_free(struct imds *imds);
DEFINE_CLEANUP(struct imds *, imds_free)

/*
 * GET /latest/meta-data/<path>. *ret is NUL-terminated, trimmed of white space at both ends, in the arena.
 * ERR_NOT_FOUND (404), ERR_DENIED (403: disabled), ERR_PROTOCOL (body not printable or too long), ERR_TIMEOUT, ERR_AGAIN (503, refused).
 */
int imds_get(struct imds *imds, const char *path, struct arena *arena, const char **ret, struct err *err);

/*
 * As imds_get(), for bodies that hold secrets: *ret points into the imds' own memory, is not trimmed, and is valid until
 * the next call on it. imds_wipe() as soon as it is no longer needed.
 */
int imds_peek(struct imds *imds, const char *path, const char **ret, struct err *err);
void imds_wipe(struct imds *imds);

/*
 * A new session token now, whatever is there. With min_ttl in the options it tells how far one gets: the reply carries the
 * metadata option HttpPutResponseHopLimit as its TTL. ERR_TIMEOUT, ERR_AGAIN, ERR_DENIED (disabled), ERR_UNSUPPORTED (no
 * version 2 there).
 */
int imds_renew(struct imds *imds, struct err *err);

/* When the last reply was made, by IMDS's clock (since 1970, UTC); 0: it did not say. */
int64_t imds_date_ms(struct imds *imds);

const char *imds_url(const struct imds *imds); /* "http://169.254.169.254" */

/* Who this instance is; read at the start. What of it can change has a reader of its own below. All strings in the arena. */
struct imds_identity {
        const char *instance_id, *instance_type, *availability_zone, *region;
        struct mac mac; /* of the primary interface */
        /* of the primary interface: */
        const char *eni_id, *subnet_id, *vpc_id;
        struct ip primary_address;
        struct prefix subnet_cidr;
        struct prefix *vpc_cidrs;
        size_t n_vpc_cidrs;
        const char **security_groups;
        size_t n_security_groups;
};

int imds_get_identity(struct imds *imds, struct arena *arena, struct imds_identity *ret, struct err *err);

/* security-group-ids of the primary interface, at least one; ERR_PROTOCOL when there is none or one is no id. */
int imds_get_security_groups(struct imds *imds, struct mac mac, struct arena *arena, const char ***ret,
                             size_t *ret_n, struct err *err);

/*
 * vpc-ipv4-cidr-blocks of the primary interface; items that are no CIDR are left out, the rest is returned. *ret_whole says
 * whether nothing was left out: only then is what is not there absent.
 */
int imds_get_vpc_cidrs(struct imds *imds, struct mac mac, struct arena *arena, struct prefix **ret,
                       size_t *ret_n, bool *ret_whole, struct err *err);

#endif
