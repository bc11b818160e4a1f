// SPDX-License-Identifier: Apache-2.0
/*
 * Client-side pacing of EC2 calls: a token bucket per class of actions, whose rate grows by addition while EC2 answers
 * and falls by multiplication when EC2 says RequestLimitExceeded. EC2's own buckets belong to the account and region, so a
 * node cannot know what is left in them: it can only take little, and less when it is told so. Pure: no clock, no sleep,
 * no random numbers of its own.
 *
 * EC2 throttles by category (docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html): what only reads has other
 * and larger buckets (100 calls, 20/s) than what changes things, and within those each action its own. A refusal of one
 * class says nothing of the others, so each class here learns by itself.
 */
#ifndef IPAMD_CLOUD_PACE_H
#define IPAMD_CLOUD_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "client/bucket.h"
#include "model/ec2.h"

enum pace_outcome {
        PACE_ANSWERED,  /* EC2 took the call, whatever it then said */
        PACE_THROTTLED, /* EC2 refused it by rate */
        PACE_UNKNOWN,   /* no answer, or EC2's own trouble: says nothing of rates */
};

/*
 * Rates are in millionths of a call per second. The figures were found by simulation (tests/unit/test_pace.c) and hold for
 * real daemons (tests/bench/fleet.py): 64 nodes that start together are all served in little more than the account's bucket
 * allows, a thousand do not hammer.
 */
enum {
        PACE_CALL_PER_SECOND = 1000000,
        PACE_RATE_MIN = PACE_CALL_PER_SECOND / 60, /* a thousand nodes then ask 17 times a second */
        PACE_RATE_MAX = 2 * PACE_CALL_PER_SECOND,  /* of one node, whose need is a few calls a minute */
        PACE_RATE_AFTER_REFUSAL = 800000, /* at most; the burst of a start ends with the first refusal */
        PACE_PERCENT_AFTER_REFUSAL = 80,  /* multiplicative decrease: what is left of the rate */
        PACE_RATE_PER_ANSWER = 800000,    /* additive increase: with each answered call ... */
        PACE_RATE_PER_SECOND = 200000,    /* ... and with each second; */
        PACE_REFUSALS_FREE = 5,           /* half of that after each refusal in a row beyond these */
        PACE_HALVINGS_MAX = 9,
        PACE_JITTER_PERCENT =
                75, /* a wait is longer by up to this, so that nodes do not come back together */
};

struct pace_bucket {
        struct bucket bucket; /* in 10^-9 calls: rate x milliseconds */
        int64_t rate;         /* millionths of a call per second, at bucket.at_ms */
        int64_t not_before_ms;
        unsigned refusals; /* in a row */
};

struct pace {
        struct pace_bucket buckets[_PACE_CLASS_MAX];
};

/* Full buckets, full rates. */
void pace_init(struct pace *pace, int64_t now_ms);

/*
 * May a call of this class be made now? 0: yes, and it is counted. Else the milliseconds until it is worth asking again,
 * jittered by `random` (any 64-bit number); the answer stands until then, so asking more often gains nothing.
 */
int64_t pace_take(struct pace *pace, enum pace_class class, int64_t now_ms, uint64_t random);

/*
 * EC2 throttles this node at this moment: it refused a call by rate, answered none of that class since, and the time since then
 * has not brought the rate back.
 */
bool pace_is_throttled(const struct pace *pace, int64_t now_ms);

/*
 * A call that goes with one that passed, and without which that one was of no use: it does not wait, but it is counted, and
 * later ones wait for it.
 */
void pace_follow(struct pace *pace, enum pace_class class, int64_t now_ms);

/* What became of a call that was made. */
void pace_report(struct pace *pace, enum pace_class class, enum pace_outcome outcome, int64_t now_ms);

#endif
