// SPDX-License-Identifier: Apache-2.0
/* The host's network and the database: what one shows of the other. */
#ifndef IPAMD_RECONCILE_NETWORK_H
#define IPAMD_RECONCILE_NETWORK_H

#include <vpcwire/pod_match.h>

#include "migrate/takeover.h"
#include "reconcile/round.h"

enum {
        NETWORK_PERIOD_MS =
                60 * 1000, /* the host's network is looked at this often even if no notification came */
        SUSPECTS_AGAIN_MS = 3 * 1000, /* suspect routes are looked at again, and then removed */
        LINK_COMES_MS =
                2 * 60 * 1000, /* an ENI's link appears within this after its attach, on EC2's slow days */
        LINK_RESYNC_MS =
                5 * 1000, /* between two looks for the sake of a missing link; twice as long each time, ... */
        LINK_RESYNC_MAX_MS = 10 * 60 * 1000, /* ... but no longer than this */
        PODS_PERIOD_MS = 60 * 1000,          /* the pods' links are looked at */
        PODS_SETTLE_MS = 500,          /* a DEL removes the link first and releases then: give it time */
        RESERVED_GRACE_MS = 30 * 1000, /* a reserved lease's link may not be there yet */
};

/* An address of an ENI that nobody gets, because somebody on the host has it. */
struct withheld {
        struct ip ip;
        int64_t eni_key;
};

/* As the last sync of the host's network saw it. */
struct withholding {
        struct withheld *list;
        size_t n;
};

struct network {
        bool due;               /* the host's network must be looked at */
        int64_t due_ms;         /* ... at this time in any case */
        bool pod_routes_failed; /* the last sync could not set some of the pods' */
        struct withholding withholding;
};

/*
 * network.c: the host's network as it should be, and what follows from it in the store. unlearned: the last resync showed an
 * ENI of ours that could not be taken in.
 */
int network_sync(struct network *network, struct context *ctx, const struct takeover *takeover,
                 bool unlearned, struct round *round, struct outcome *out, struct err *err);
/* network_tell.c: what a sync found that it could not, or should not in silence, put right. */
int network_tell(struct network *network, struct context *ctx, struct round *round,
                 const struct node_report *report, struct outcome *out, struct err *err);

/* missing_link.c: whether the link of an attached ENI is in the kernel, as the last sync saw it. */
int missing_link_see(struct context *ctx, struct round *round, const struct eni *eni, bool present,
                     struct outcome *out, struct err *err);

/* withhold.c: what a sync found occupied is withheld, and nothing else is. addresses: of the database. */
int withhold_occupied(struct withholding *withholding, struct context *ctx, struct round *round,
                      const struct node_report *report, const struct block_address *addresses, size_t n,
                      struct outcome *out, struct err *err);
bool withhold_has(const struct withholding *withholding, struct ip ip);
/* How many of the ENI's preparing addresses are withheld: they are not on their way to become free. */
unsigned withhold_count(const struct withholding *withholding, const struct eni *eni);
void withhold_done(struct withholding *withholding);

/* reclaim.c: leases whose pods are gone. */
struct reclaim {
        int64_t due_ms; /* the pods' links are looked at */
};
int network_reclaim(struct reclaim *reclaim, struct context *ctx, struct round *round, struct outcome *out,
                    struct err *err);
/* A pod's link went away. */
void reclaim_hasten(struct reclaim *reclaim);
/* What is looked for in the kernel; it points into the lease. */
struct pod_sought reclaim_pod_of(const struct lease *lease);

#endif
