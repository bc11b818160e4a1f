// SPDX-License-Identifier: Apache-2.0
/*
 * Whether a failed EC2 call may be made again, and when: pure functions of the action, the failure's class and a random
 * number. Nothing here sleeps or keeps state; the reconciler keeps "not before" times.
 */
#ifndef IPAMD_CLOUD_EC2_RETRY_H
#define IPAMD_CLOUD_EC2_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "cloud/ec2.h"
#include "cloud/pace.h"

enum ec2_repeat {
        EC2_REPEAT_NEVER, /* the same request cannot succeed, or what it asked for is done */
        EC2_REPEAT_AS_IS, /* the same request, client token included, after the delay */
        EC2_REPEAT_AFTER_RESYNC, /* first ec2_describe_enis(): it may have happened, or the world is not as thought */
};

/* Whose pace a call of this action keeps. */
enum pace_class ec2_action_pace(enum ec2_action action);

/* Whether EC2 has a dry run of it: Assign... and UnassignPrivateIpAddresses have no such parameter (API reference). */
bool ec2_action_has_dry_run(enum ec2_action action);

enum ec2_repeat ec2_retry_repeat(enum ec2_action action, enum ec2_failure_class class);

/*
 * How long to wait after the attempt-th failure in a row (0 is the first): floor + a random part of
 * min(cap, base * 2^attempt) ("full jitter", so that the nodes of a cluster do not come back together).
 * `random` is any 64-bit number; the same one gives the same delay. Throttled and failing calls start at about a
 * second; lack of capacity or permission, which no hurry mends, at half a minute and more. 0 for EC2_FAILURE_NONE.
 */
int64_t ec2_retry_delay_ms(enum ec2_failure_class class, unsigned attempt, uint64_t random);

#endif
