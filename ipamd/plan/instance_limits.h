// SPDX-License-Identifier: Apache-2.0
/*
 * What EC2 allows per instance type: a sorted table compiled in from instance-limits.csv (facts of DescribeInstanceTypes).
 * A type that is not in it is asked from EC2 by the reconciler.
 */
#ifndef IPAMD_PLAN_INSTANCE_LIMITS_H
#define IPAMD_PLAN_INSTANCE_LIMITS_H

struct instance_limits {
        const char *instance_type;
        unsigned max_enis;     /* of the default network card */
        unsigned ipv4_per_eni; /* the primary address included */
};

/* NULL when the type is unknown. */
const struct instance_limits *instance_limits_find(const char *instance_type);

#endif
