// SPDX-License-Identifier: Apache-2.0
/* What may be repeated after which failure, and the backoff; two tables. */
#include "cloud/ec2_retry.h"

#include <assert.h>

/*
 * What a second, identical request does when the first one was carried out after all:
 *   READ   nothing
 *   TOKEN  the same again: the client token names the ENI that the first one made
 *   NAMED  nothing more: it names one ENI or attachment whose ids are never reused, and asks for an end state
 *   STEP   a further step: more addresses, an address taken that came back meanwhile, another attachment
 */
enum effect { READ, TOKEN, NAMED, STEP, _EFFECT_MAX };

static const struct {
        enum effect effect;
        enum pace_class pace;
} actions[_EC2_ACTION_MAX] = {
        [EC2_ACTION_DESCRIBE_ENIS] = {READ, PACE_READS},
        [EC2_ACTION_CREATE_ENI] = {TOKEN, PACE_ENIS},
        [EC2_ACTION_ATTACH_ENI] = {STEP, PACE_ENIS},
        [EC2_ACTION_MODIFY_ENI] = {NAMED, PACE_ENIS},
        [EC2_ACTION_ASSIGN_ADDRESSES] = {STEP, PACE_ADDRESSES},
        [EC2_ACTION_UNASSIGN_ADDRESSES] = {STEP, PACE_ADDRESSES},
        [EC2_ACTION_DETACH_ENI] = {NAMED, PACE_ENIS},
        [EC2_ACTION_DELETE_ENI] = {NAMED, PACE_ENIS},
        [EC2_ACTION_DESCRIBE_SUBNETS] = {READ, PACE_READS},
        [EC2_ACTION_DESCRIBE_INSTANCE_TYPE] = {READ, PACE_READS},
        [EC2_ACTION_CREATE_TAGS] = {NAMED, PACE_ENIS},
};

enum { SECOND = 1000, MINUTE = 60 * SECOND };

#define NEVER  EC2_REPEAT_NEVER
#define AS_IS  EC2_REPEAT_AS_IS
#define RESYNC EC2_REPEAT_AFTER_RESYNC

/*
 * Refusals (throttled, no capacity, denied, credentials) say that nothing was done. 5xx and lost answers do not.
 * GONE right after a create or attach is EC2's eventual consistency, so steps look first; for what ends something
 * (see ec2_retry_repeat) it means done. IN_USE: a delete waits for its detach to finish, all else was planned on a wrong view.
 */
static const struct {
        enum ec2_repeat repeat[_EFFECT_MAX];
        int floor_ms, base_ms, cap_ms;
} rules[_EC2_FAILURE_MAX] = {
        /* clang-format off */
        /*                                   READ   TOKEN  NAMED  STEP      floor        base         cap */
        [EC2_FAILURE_NONE] =              {{NEVER, NEVER, NEVER, NEVER},     0,           0,           0},
        [EC2_FAILURE_THROTTLED] =         {{AS_IS, AS_IS, AS_IS, AS_IS}, 100,      1 * SECOND,  1 * MINUTE},
        [EC2_FAILURE_TRANSIENT] =         {{AS_IS, AS_IS, AS_IS, RESYNC},  100,      SECOND / 2, 30 * SECOND},
        [EC2_FAILURE_TRANSPORT] =         {{AS_IS, AS_IS, AS_IS, RESYNC},  100,      SECOND / 2, 30 * SECOND},
        [EC2_FAILURE_CAPACITY_SUBNET] =   {{AS_IS, AS_IS, AS_IS, AS_IS}, 30 * SECOND, 30 * SECOND, 10 * MINUTE},
        [EC2_FAILURE_CAPACITY_ENI] =      {{RESYNC,  RESYNC,  RESYNC,  RESYNC},  1 * SECOND, 2 * SECOND,  5 * MINUTE},
        [EC2_FAILURE_CAPACITY_INSTANCE] = {{RESYNC,  RESYNC,  RESYNC,  RESYNC},  1 * SECOND, 2 * SECOND,  5 * MINUTE},
        [EC2_FAILURE_CAPACITY_ACCOUNT] =  {{AS_IS, AS_IS, AS_IS, AS_IS}, 2 * MINUTE, 2 * MINUTE, 20 * MINUTE},
        [EC2_FAILURE_GONE] =              {{NEVER, NEVER, RESYNC,  RESYNC},  SECOND / 2, 1 * SECOND,  1 * MINUTE},
        [EC2_FAILURE_IN_USE] =            {{NEVER, RESYNC,  RESYNC,  RESYNC},  SECOND / 2, 2 * SECOND,  1 * MINUTE},
        [EC2_FAILURE_TOKEN_USED] =        {{NEVER, RESYNC,  NEVER, NEVER}, SECOND / 2, 2 * SECOND,  1 * MINUTE},
        [EC2_FAILURE_DENIED] =            {{AS_IS, AS_IS, AS_IS, AS_IS}, 1 * MINUTE, 1 * MINUTE, 10 * MINUTE},
        [EC2_FAILURE_CREDENTIALS] =       {{AS_IS, AS_IS, AS_IS, AS_IS}, 100,      2 * SECOND,  2 * MINUTE},
        [EC2_FAILURE_REQUEST] =           {{NEVER, NEVER, NEVER, NEVER}, 1 * MINUTE, 1 * MINUTE, 10 * MINUTE},
        /* clang-format on */
};

enum pace_class ec2_action_pace(enum ec2_action action)
{
        assert((unsigned)action < _EC2_ACTION_MAX);
        return actions[action].pace;
}

bool ec2_action_has_dry_run(enum ec2_action action)
{
        return action != EC2_ACTION_ASSIGN_ADDRESSES && action != EC2_ACTION_UNASSIGN_ADDRESSES;
}

enum ec2_repeat ec2_retry_repeat(enum ec2_action action, enum ec2_failure_class class)
{
        bool ends = action == EC2_ACTION_DETACH_ENI || action == EC2_ACTION_DELETE_ENI;

        assert((unsigned)action < _EC2_ACTION_MAX && (unsigned)class < _EC2_FAILURE_MAX);
        if (class == EC2_FAILURE_GONE && ends)
                return EC2_REPEAT_NEVER;
        if (class == EC2_FAILURE_IN_USE && action == EC2_ACTION_DELETE_ENI)
                return EC2_REPEAT_AS_IS;
        return rules[class].repeat[actions[action].effect];
}

int64_t ec2_retry_delay_ms(enum ec2_failure_class class, unsigned attempt, uint64_t random)
{
        int64_t span;

        assert((unsigned)class < _EC2_FAILURE_MAX);
        span = rules[class].base_ms;
        for (unsigned i = 0; i < attempt && span < rules[class].cap_ms; i++)
                span *= 2;
        if (span > rules[class].cap_ms)
                span = rules[class].cap_ms;
        return rules[class].floor_ms + (int64_t)(random % (uint64_t)(span + 1));
}
