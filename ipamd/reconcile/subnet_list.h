// SPDX-License-Identifier: Apache-2.0
/* Which subnets beside the node's own ENIs may be made in: what subnets.h finds, and others read. */
#ifndef IPAMD_RECONCILE_SUBNET_LIST_H
#define IPAMD_RECONCILE_SUBNET_LIST_H

#include "reconcile/round.h"

/* A subnet beside the node's own in which ENIs may be made. */
struct subnet {
        char id[EC2_ID_BYTES];
        struct prefix cidr;
        unsigned available; /* addresses, as EC2 counted them; less what we took since */
};

struct subnets {
        struct subnet *list; /* the one with the most free addresses first */
        size_t n;
        int64_t due_ms; /* EC2 may be asked for them again */
};

#endif
