// SPDX-License-Identifier: Apache-2.0
/* Token buckets with additive increase and multiplicative decrease; integers only, so that a seed repeats a run. */
#include "cloud/pace.h"

enum {
        CALL = 1000 * PACE_CALL_PER_SECOND, /* tokens of one call */
        STEP_MAX_MS = 3600 * 1000,          /* brings any rate back, and overflows none */
};

/* Calls in a row from rest. ENIs: all that one plan may begin (4 of 3 calls each), and as many that go. */
static const int64_t burst[_PACE_CLASS_MAX] = {
        [PACE_READS] = 10,
        [PACE_ADDRESSES] = 16,
        [PACE_ENIS] = 24,
};

static int64_t at_most(int64_t a, int64_t b)
{
        return a < b ? a : b;
}

void pace_init(struct pace *pace, int64_t now_ms)
{
        for (int i = 0; i < _PACE_CLASS_MAX; i++)
                pace->buckets[i] = (struct pace_bucket){.bucket.at_ms = now_ms, .rate = PACE_RATE_MAX};
}

/* Refusals in a row say that many others ask too: hope comes back more and more slowly. */
static int64_t per_second(const struct pace_bucket *b)
{
        unsigned beyond = b->refusals > PACE_REFUSALS_FREE ? b->refusals - PACE_REFUSALS_FREE : 0;

        return PACE_RATE_PER_SECOND >> (beyond < PACE_HALVINGS_MAX ? beyond : PACE_HALVINGS_MAX);
}

static int64_t rate_at(const struct pace_bucket *b, int64_t now_ms)
{
        int64_t step_ms = at_most(now_ms - b->bucket.at_ms, STEP_MAX_MS);

        return step_ms > 0 ? at_most(b->rate + (per_second(b) * step_ms) / 1000, PACE_RATE_MAX) : b->rate;
}

/* Tokens first, by the rate that was; then the rate. */
static void advance(struct pace_bucket *b, int64_t now_ms)
{
        int64_t rate = rate_at(b, now_ms);

        if (now_ms <= b->bucket.at_ms)
                return;
        b->bucket = bucket_refilled(b->bucket, b->rate, now_ms);
        b->rate = rate;
}

static int64_t jittered(int64_t wait_ms, uint64_t random)
{
        int64_t span_ms = wait_ms * PACE_JITTER_PERCENT / 100;

        return wait_ms + (int64_t)(random % (uint64_t)(span_ms + 1));
}

int64_t pace_take(struct pace *pace, enum pace_class class, int64_t now_ms, uint64_t random)
{
        struct pace_bucket *b = &pace->buckets[class];
        int64_t missing;

        if (now_ms < b->not_before_ms)
                return b->not_before_ms - now_ms;
        advance(b, now_ms);
        missing = bucket_missing(b->bucket, burst[class] * CALL, CALL);
        if (missing == 0) {
                bucket_take(&b->bucket, b->rate, CALL, now_ms);
                return 0;
        }
        b->not_before_ms = now_ms + jittered(missing / b->rate + 1, random);
        return b->not_before_ms - now_ms;
}

bool pace_is_throttled(const struct pace *pace, int64_t now_ms)
{
        for (int i = 0; i < _PACE_CLASS_MAX; i++) {
                const struct pace_bucket *b = &pace->buckets[i];

                if (b->refusals && rate_at(b, now_ms) < PACE_RATE_MAX)
                        return true;
        }
        return false;
}

void pace_follow(struct pace *pace, enum pace_class class, int64_t now_ms)
{
        struct pace_bucket *b = &pace->buckets[class];

        advance(b, now_ms);
        if (b->bucket.used < 2 * burst[class] * CALL)
                bucket_take(&b->bucket, b->rate, CALL, now_ms);
}

void pace_report(struct pace *pace, enum pace_class class, enum pace_outcome outcome, int64_t now_ms)
{
        struct pace_bucket *b = &pace->buckets[class];

        advance(b, now_ms);
        switch (outcome) {
        case PACE_ANSWERED:
                b->rate = at_most(b->rate + PACE_RATE_PER_ANSWER, PACE_RATE_MAX);
                b->refusals = 0;
                break;
        case PACE_THROTTLED:
                if (b->bucket.used < burst[class] * CALL)
                        b->bucket.used = burst[class] * CALL;
                b->refusals++;
                b->rate = at_most(b->rate * PACE_PERCENT_AFTER_REFUSAL / 100, PACE_RATE_AFTER_REFUSAL);
                if (b->rate < PACE_RATE_MIN)
                        b->rate = PACE_RATE_MIN;
                break;
        case PACE_UNKNOWN: break;
        }
}
