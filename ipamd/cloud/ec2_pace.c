// SPDX-License-Identifier: Apache-2.0
/* Calls at this node's pace (pace.h): which may be made now, and what their answers say of it. */
#include <sys/random.h>

#include <vpcwire/clock.h>

#include "cloud/ec2_internal.h"

static int64_t ask(struct pace *pace, enum ec2_action action)
{
        uint64_t random = 0; /* without one there is no jitter, which is better than no call */

        (void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
        return pace_take(pace, ec2_action_pace(action), clock_boottime_ms(), random);
}

int ec2_put_off(int64_t wait_ms, const char *why, struct ec2_result *result, struct err *err)
{
        char span[CLOCK_SPAN_BYTES];

        *result = (struct ec2_result){.class = EC2_FAILURE_THROTTLED, .paced = true, .wait_ms = wait_ms};
        return err_set(err, ERR_AGAIN, "not sent: %s; next try in %s", why,
                       clock_until_format(wait_ms, span));
}

int ec2_keep_pace(struct pace *pace, enum ec2_action action, bool follow_up, struct ec2_result *result,
                  struct err *err)
{
        int64_t wait_ms;

        if (follow_up) {
                pace_follow(pace, ec2_action_pace(action), clock_boottime_ms());
                return 0;
        }
        wait_ms = ask(pace, action);
        return wait_ms ? ec2_put_off(wait_ms, "delayed by the local rate limit", result, err) : 0;
}

static enum pace_outcome pace_outcome(enum ec2_failure_class class)
{
        switch (class) {
        case EC2_FAILURE_THROTTLED: return PACE_THROTTLED;
        case EC2_FAILURE_TRANSIENT:
        case EC2_FAILURE_TRANSPORT: return PACE_UNKNOWN;
        case EC2_FAILURE_NONE:
        case EC2_FAILURE_CAPACITY_SUBNET:
        case EC2_FAILURE_CAPACITY_ENI:
        case EC2_FAILURE_CAPACITY_INSTANCE:
        case EC2_FAILURE_CAPACITY_ACCOUNT:
        case EC2_FAILURE_GONE:
        case EC2_FAILURE_IN_USE:
        case EC2_FAILURE_TOKEN_USED:
        case EC2_FAILURE_DENIED:
        case EC2_FAILURE_CREDENTIALS:
        case EC2_FAILURE_REQUEST:
        case _EC2_FAILURE_MAX: break;
        }
        return PACE_ANSWERED;
}

void ec2_report_pace(struct pace *pace, enum ec2_action action, struct ec2_result *result)
{
        pace_report(pace, ec2_action_pace(action), pace_outcome(result->class), clock_boottime_ms());
        if (result->class == EC2_FAILURE_THROTTLED)
                result->wait_ms = ask(pace, action);
}
