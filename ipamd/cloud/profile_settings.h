// SPDX-License-Identifier: Apache-2.0
/*
 * What the profile in the shared files says beside its keys: the region, and other endpoints. The environment goes first;
 * that is the caller's to see to.
 */
#ifndef IPAMD_CLOUD_PROFILE_SETTINGS_H
#define IPAMD_CLOUD_PROFILE_SETTINGS_H

#include <vpcwire/err.h>
#include <vpcwire/mem.h>

/* NULL: not set. In the arena. */
struct profile_settings {
        const char *region;
        const char *ec2_endpoint, *sts_endpoint;
};

/*
 * The profile that AWS_PROFILE names. An endpoint is that of the service in the "services" section which the profile names,
 * else the profile's endpoint_url; none with AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true. The credentials file wins over the
 * config file, as with botocore. ERR_INVALID names file and line, or the file and what makes no sense.
 */
int profile_settings_read(struct arena *arena, struct profile_settings *ret, struct err *err);

#endif
