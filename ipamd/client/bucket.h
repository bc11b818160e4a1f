// SPDX-License-Identifier: Apache-2.0
/*
 * A token bucket, counted by what is missing in it: taking fills `used`, time drains it, and what goes beyond the bucket's
 * size is debt. Pure: the time is an argument, and a clock that steps back changes nothing. The unit is the caller's; the
 * rate is in that unit per millisecond and may differ from one call to the next.
 */
#ifndef IPAMD_CLIENT_BUCKET_H
#define IPAMD_CLIENT_BUCKET_H

#include <stdint.h>

struct bucket {
        int64_t used; /* taken and not yet back, at at_ms; {0}: nothing */
        int64_t at_ms;
};

/* The bucket as it stands at now_ms. `rate` > 0. */
struct bucket bucket_refilled(struct bucket bucket, int64_t rate, int64_t now_ms);

/* What must come back before `n` can be taken of a bucket of `size`; 0: they can be taken at once. */
int64_t bucket_missing(struct bucket bucket, int64_t size, int64_t n);

/* Takes `n`, whether they are there or not. */
void bucket_take(struct bucket *bucket, int64_t rate, int64_t n, int64_t now_ms);

#endif
