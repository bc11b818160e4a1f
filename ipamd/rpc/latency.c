// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>

#include <vpcwire/clock.h>

#include "metrics/metrics.h"
#include "rpc/latency.h"

enum { MINUTE_MS = 60 * 1000, QUARTERS = 4 };

static const char *const verb_names[_LATENCY_VERB_MAX] = {
        [LATENCY_ADD] = "add",
        [LATENCY_DEL] = "del",
        [LATENCY_CHECK] = "check",
};
static const char *const stage_names[_LATENCY_STAGE_MAX] = {
        [LATENCY_RPC] = "rpc",
        [LATENCY_WAIT] = "wait",
        [LATENCY_WIRE] = "wire",
};

const char *latency_verb_to_string(enum latency_verb verb)
{
        return (unsigned)verb < _LATENCY_VERB_MAX ? verb_names[verb] : "unknown";
}

const char *latency_stage_to_string(enum latency_stage stage)
{
        return (unsigned)stage < _LATENCY_STAGE_MAX ? stage_names[stage] : "unknown";
}

/* ---- buckets: the place of the highest bit, and the two bits below it ---- */

static unsigned bucket_of(uint32_t us)
{
        unsigned bits;

        if (us < 1U << LATENCY_BITS_MIN)
                return 0;
        bits = 31U - (unsigned)__builtin_clz(us);
        return 1 + (bits - LATENCY_BITS_MIN) * QUARTERS + ((us >> (bits - 2)) & (QUARTERS - 1));
}

static int64_t bucket_end_us(unsigned bucket)
{
        unsigned bits = LATENCY_BITS_MIN + (bucket - 1) / QUARTERS, quarter = (bucket - 1) % QUARTERS;

        return bucket ? (int64_t)(QUARTERS + quarter + 1) << (bits - 2) : 1 << LATENCY_BITS_MIN;
}

/* The least bucket end that `percent` of all are below. */
static int64_t quantile_us(const uint32_t buckets[static LATENCY_BUCKETS], unsigned percent, int64_t max_us)
{
        uint64_t n = 0, seen = 0;

        for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
                n += buckets[i];
        for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
                seen += buckets[i];
                if (seen * 100 >= n * percent)
                        return bucket_end_us(i) < max_us ? bucket_end_us(i) : max_us;
        }
        return max_us;
}

/* ---- noting and reading ---- */

static void note(struct latency_counts *counts, uint32_t us)
{
        uint16_t *bucket = &counts->buckets[bucket_of(us)];

        counts->n++;
        if (us > counts->max_us)
                counts->max_us = us;
        if (*bucket < UINT16_MAX)
                ++*bucket;
}

void latency_note(struct latency *latency, struct metrics *metrics, enum latency_verb verb,
                  enum latency_stage stage, int64_t us)
{
        int64_t minute = clock_boottime_ms() / MINUTE_MS;
        struct latency_minute *now = &latency->minutes[minute % LATENCY_MINUTES];

        if (us > LATENCY_US_MAX)
                us = LATENCY_US_MAX;
        if (us < 0)
                us = 0;
        metrics_observe(metrics, METRIC_STAGE_SECONDS, LABELS(verb_names[verb], stage_names[stage]), us);
        if ((int)verb >= LATENCY_KEPT_VERBS)
                return;
        if (now->minute != minute)
                *now = (struct latency_minute){.minute = minute};
        note(&now->counts[verb][stage], (uint32_t)us);
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

static void add(uint32_t buckets[static LATENCY_BUCKETS], struct latency_summary *to,
                const struct latency_counts *counts)
{
        to->n += counts->n;
        if (counts->max_us > to->max_us)
                to->max_us = counts->max_us;
        for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
                buckets[i] += counts->buckets[i];
}

static struct latency_summary with_quantiles(struct latency_summary summary,
                                             const uint32_t buckets[static LATENCY_BUCKETS])
{
        summary.p50_us = quantile_us(buckets, 50, summary.max_us);
        summary.p99_us = quantile_us(buckets, 99, summary.max_us);
        return summary;
}

struct latency_summary latency_summary(const struct latency_counts *counts)
{
        uint32_t buckets[LATENCY_BUCKETS] = {0};
        struct latency_summary summary = {0};

        add(buckets, &summary, counts);
        return with_quantiles(summary, buckets);
}

struct latency_summary latency_hour(const struct latency *latency, int64_t now_ms, enum latency_verb verb,
                                    enum latency_stage stage)
{
        uint32_t buckets[LATENCY_BUCKETS] = {0};
        struct latency_summary summary = {0};

        for (unsigned ago = 0; ago < LATENCY_MINUTES; ago++) {
                const struct latency_minute *minute = latency_of(latency, now_ms, ago);

                if (minute)
                        add(buckets, &summary, &minute->counts[verb][stage]);
        }
        return with_quantiles(summary, buckets);
}
