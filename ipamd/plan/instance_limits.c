// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include <vpcwire/cleanup.h>

#include "plan/instance_limits.h"

/* Made by instance_limits.cmake from instance-limits.csv; sorted, test_limits checks it. */
static const struct instance_limits table[] = {
#include "instance-limits.inc"
};

static int compare(const void *key, const void *row)
{
        return strcmp(key, ((const struct instance_limits *)row)->instance_type);
}

const struct instance_limits *instance_limits_find(const char *instance_type)
{
        return bsearch(instance_type, table, ARRAY_SIZE(table), sizeof(table[0]), compare);
}
