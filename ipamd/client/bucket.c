// SPDX-License-Identifier: Apache-2.0
#include "client/bucket.h"

#include <assert.h>

struct bucket bucket_refilled(struct bucket bucket, int64_t rate, int64_t now_ms)
{
        int64_t step_ms = now_ms - bucket.at_ms;

        assert(rate > 0);
        if (step_ms <= 0)
                return bucket;
        /* A division, because the product of a long time may overflow. */
        return (struct bucket){.used = step_ms > bucket.used / rate ? 0 : bucket.used - rate * step_ms,
                               .at_ms = now_ms};
}

int64_t bucket_missing(struct bucket bucket, int64_t size, int64_t n)
{
        int64_t missing = bucket.used + n - size;

        return missing > 0 ? missing : 0;
}

void bucket_take(struct bucket *bucket, int64_t rate, int64_t n, int64_t now_ms)
{
        *bucket = bucket_refilled(*bucket, rate, now_ms);
        bucket->used += n;
}
