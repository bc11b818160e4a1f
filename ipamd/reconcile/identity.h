// SPDX-License-Identifier: Apache-2.0
/* Who this node is, and what its type allows. */
#ifndef IPAMD_RECONCILE_IDENTITY_H
#define IPAMD_RECONCILE_IDENTITY_H

#include <vpcwire/addr.h>

#include "cloud/ec2.h"
#include "plan/plan.h"
#include "store/store.h"

struct context;
struct outcome;
struct round;
struct takeover;

enum {
        CHANGES_PERIOD_MS = 20 * 1000, /* and up to a quarter more: what changed in IMDS counts within 30 s */
        VPC_CIDRS_GONE_MS = 5 * 60 * 1000, /* one that IMDS does not show any more counts for so long */
};

/* Who this node is; from IMDS, or from the database while IMDS does not answer. */
struct identity {
        bool known;
        char instance_id[EC2_ID_BYTES], instance_type[64], zone[64], region[64];
        char eni_id[EC2_ID_BYTES], subnet_id[EC2_ID_BYTES], vpc_id[EC2_ID_BYTES];
        struct mac mac;
        struct ip primary_address;
        struct prefix subnet_cidr;
        struct prefix *vpc_cidrs;
        size_t n_vpc_cidrs;
        char **groups;
        size_t n_groups;
};

/* When IMDS is asked again for what may change. */
struct identity_changes {
        int64_t due_ms;
        int64_t vpc_cidrs_less_since_ms; /* since when IMDS shows not all that we know; 0: it does */
};

/*
 * identity.c: learns who we are and what the instance type allows. ERR_AGAIN while that is not known. The books of another
 * instance are put aside, and what runs is taken over anew.
 */
int identity_learn(struct context *ctx, struct identity_changes *changes, struct takeover *takeover,
                   struct round *round, struct outcome *out, struct err *err);
void identity_done(struct identity *identity);
void identity_set_vpc_cidrs(struct identity *identity, const struct prefix *cidrs, size_t n);
void identity_set_groups(struct identity *identity, const char *const *groups, size_t n);

/* identity_changes.c. A failure keeps what was known. */
void identity_follow_changes(struct context *ctx, struct identity_changes *changes, struct round *round,
                             struct outcome *out);
void identity_changes_later(struct context *ctx, struct identity_changes *changes, const struct round *round);

/* identity_facts.c. *ret_found is false where nothing is stored; limits stay as they are then. */
int identity_save(struct store *store, const struct identity *identity, struct err *err);
int identity_load(struct store *store, struct arena *arena, struct identity *ret, bool *ret_found,
                  struct err *err);
int limits_save(struct store *store, const struct plan_limits *limits, struct err *err);
int limits_load(struct store *store, struct arena *arena, struct plan_limits *ret, struct err *err);

#endif
