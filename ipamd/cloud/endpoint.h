// SPDX-License-Identifier: Apache-2.0
/*
 * Where AWS serves a region: a pure function of service, region and variant, from one table of partitions. No network, no
 * environment. It gives what botocore's endpoint rules (of 2026) give.
 */
#ifndef IPAMD_CLOUD_ENDPOINT_H
#define IPAMD_CLOUD_ENDPOINT_H

#include <stdbool.h>

#include <vpcwire/err.h>
#include <vpcwire/mem.h>

enum { ENDPOINT_MAX_REGION_BYTES = 63 }; /* it becomes one label of a host name */

struct endpoint {
        const char *service; /* "ec2" or "sts" */
        const char *region;
        bool use_fips, use_dualstack;
};

/*
 * Appends "https://ec2.eu-west-1.amazonaws.com" to *ret. A region of no known partition is taken for one of "aws".
 * ERR_INVALID for a region that is no part of a host name.
 */
int endpoint_format(const struct endpoint *endpoint, struct text *ret, struct err *err);

#endif
