// SPDX-License-Identifier: Apache-2.0
/* What all steps share: who they are, what they are given, and the hands that they work with. Of the reconciler's thread. */
#ifndef IPAMD_RECONCILE_CONTEXT_H
#define IPAMD_RECONCILE_CONTEXT_H

#include "client/http.h"
#include "cloud/credentials.h"
#include "cloud/ec2.h"
#include "cloud/imds.h"
#include "metrics/metrics.h"
#include "migrate/takeover.h"
#include "node/sync.h"
#include "reconcile/identity.h"
#include "reconcile/reconcile.h"

struct context {
        struct arena *arena; /* as long as the reconciler: what the profile adds to the options */
        struct reconcile_options options;
        struct reconcile_settings settings; /* the thread's copy */
        struct http_cancel cancel;
        struct store *store;
        struct imds *imds;
        struct credentials *credentials;
        struct ec2 *ec2; /* NULL until the region is known */
        struct node *node;
        struct netlink *netlink;   /* for looking at links of ENIs that leave */
        struct identity identity;  /* written by identity*.c alone */
        struct plan_limits limits; /* ... and so are these; zero until known */
        uint64_t random;           /* of the jitter; seeded once */
};

/* Opens what the options say. Fails with parts of it open: context_done(). Strings of the options are borrowed. */
int context_open(struct context *ctx, const struct reconcile_options *options, struct err *err);
void context_done(struct context *ctx);

/* EC2 is this from now on: taken over, and what there was is freed. Not NULL. */
void context_set_ec2(struct context *ctx, struct ec2 *ec2);

uint64_t context_random(struct context *ctx);

/* What taking pods of aws-vpc-cni over works with. */
struct takeover_options context_takeover(const struct context *ctx);

#endif
