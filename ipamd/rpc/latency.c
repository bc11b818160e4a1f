// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <stddef.h>

#include <vpcwire/clock.h>

#include "metrics/metrics.h"
#include "rpc/latency.h"

enum { MINUTE_MS = 60 * 1000 };

/* As latency.h describes them. */
#define LEAST           (INT64_C(1) * LATENCY_US_MIN)
#define DOUBLING(us)    5 * (us) / 4, 6 * (us) / 4, 7 * (us) / 4, 2 * (us)
#define SIXTEENFOLD(us) DOUBLING(us), DOUBLING(2 * (us)), DOUBLING(4 * (us)), DOUBLING(8 * (us))
static const int64_t bounds_us[] = {
        LEAST,
        SIXTEENFOLD(LEAST),
        SIXTEENFOLD(LEAST << 4),
        SIXTEENFOLD(LEAST << 8),
        SIXTEENFOLD(LEAST << 12),
        SIXTEENFOLD(LEAST << 16),
        SIXTEENFOLD(LEAST << 20),
        0,
};
static_assert(ARRAY_SIZE(bounds_us) == LATENCY_BOUNDS + 1, "latency.h counts them");
static_assert(LEAST << 24 >= LATENCY_US_MAX, "the last bound");

static void raise_max(struct latency_counts *counts, int64_t us)
{
        if (us > counts->max_us)
                counts->max_us = us;
}

void latency_note(struct latency *latency, struct metrics *metrics, enum request_verb verb,
                  enum request_stage stage, int64_t us)
{
        int64_t minute = clock_boottime_ms() / MINUTE_MS;
        struct latency_minute *now = &latency->minutes[minute % LATENCY_MINUTES];
        struct latency_counts *counts;

        assert(verb <= REQUEST_TIMED_LAST);
        if (us > LATENCY_US_MAX)
                us = LATENCY_US_MAX;
        if (us < 0)
                us = 0;
        metrics_observe(metrics, METRIC_STAGE_SECONDS,
                        LABELS(request_verb_to_string(verb), request_stage_to_string(stage)), us);
        if ((int)verb >= LATENCY_KEPT_VERBS)
                return;
        if (now->minute != minute)
                *now = (struct latency_minute){.minute = minute};
        counts = &now->counts[verb][stage];
        raise_max(counts, us);
        histogram_observe(bounds_us, counts->cells, us);
}

const struct latency_minute *latency_of(const struct latency *latency, int64_t now_ms, unsigned ago)
{
        int64_t minute = now_ms / MINUTE_MS - ago;
        const struct latency_minute *then;

        if (minute <= 0)
                return NULL; /* nothing was noted yet: a minute that nobody wrote is zero */
        then = &latency->minutes[minute % LATENCY_MINUTES];
        return then->minute == minute ? then : NULL;
}

static int64_t quantile_us(const struct latency_counts *counts, unsigned percent)
{
        int64_t bound_us = histogram_quantile(bounds_us, counts->cells, percent);

        return bound_us < counts->max_us ? bound_us : counts->max_us;
}

struct latency_summary latency_summary(const struct latency_counts *counts)
{
        return (struct latency_summary){.n = histogram_count(bounds_us, counts->cells),
                                        .p50_us = quantile_us(counts, 50),
                                        .p99_us = quantile_us(counts, 99),
                                        .max_us = counts->max_us};
}

struct latency_summary latency_hour(const struct latency *latency, int64_t now_ms, enum request_verb verb,
                                    enum request_stage stage)
{
        struct latency_counts hour = {0};

        for (unsigned ago = 0; ago < LATENCY_MINUTES; ago++) {
                const struct latency_minute *minute = latency_of(latency, now_ms, ago);

                if (!minute)
                        continue;
                raise_max(&hour, minute->counts[verb][stage].max_us);
                histogram_merge(bounds_us, hour.cells, minute->counts[verb][stage].cells);
        }
        return latency_summary(&hour);
}
