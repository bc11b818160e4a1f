// SPDX-License-Identifier: Apache-2.0
/* How many addresses EC2 counted free in a subnet. */
#ifndef IPAMD_MODEL_SUBNET_H
#define IPAMD_MODEL_SUBNET_H

#include <stdint.h>

#include <vpcwire/addr.h>

#include "model/ec2.h"

enum { SUBNETS_COUNTED_MAX = 16 }; /* of one node; each is a label's value */

struct subnet_count {
        char id[EC2_ID_BYTES];
        struct prefix cidr;
        int64_t available;    /* AvailableIpAddressCount: all nodes take from it */
        int64_t seen_wall_ms; /* when EC2 said so */
};

#endif
