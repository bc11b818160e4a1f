// SPDX-License-Identifier: Apache-2.0
/* Who this node is, and what its type allows. */
#ifndef IPAMD_RECONCILE_IDENTITY_H
#define IPAMD_RECONCILE_IDENTITY_H

#include <vpcwire/addr.h>

#include "cloud/ec2.h"
#include "plan/plan.h"
#include "store/store.h"

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

void identity_done(struct identity *identity);
void identity_set_vpc_cidrs(struct identity *identity, const struct prefix *cidrs, size_t n);
void identity_set_groups(struct identity *identity, const char *const *groups, size_t n);

/* identity_facts.c. *ret_found is false where nothing is stored; limits stay as they are then. */
int identity_save(struct store *store, const struct identity *identity, struct err *err);
int identity_load(struct store *store, struct arena *arena, struct identity *ret, bool *ret_found,
                  struct err *err);
int limits_save(struct store *store, const struct plan_limits *limits, struct err *err);
int limits_load(struct store *store, struct arena *arena, struct plan_limits *ret, struct err *err);

#endif
