// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>

#include <vpcwire/clock.h>

#include "metrics/metrics.h"
#include "serve/latency.h"

enum { MINUTE_MS = 60 * 1000 };

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

const char *latency_stage_to_string(enum latency_stage stage)
{
        return (unsigned)stage < _LATENCY_STAGE_MAX ? stage_names[stage] : "unknown";
}

void latency_note(struct latency *latency, struct metrics *metrics, enum latency_verb verb,
                  enum latency_stage stage, int64_t us)
{
        int64_t minute = clock_boottime_ms() / MINUTE_MS;
        struct latency_minute *now = &latency->minutes[minute % LATENCY_MINUTES];

        if (us > LATENCY_US_MAX)
                us = LATENCY_US_MAX;
        metrics_observe(metrics, METRIC_STAGE_SECONDS, LABELS(verb_names[verb], stage_names[stage]), us);
        if (verb != LATENCY_ADD)
                return;
        if (now->minute != minute)
                *now = (struct latency_minute){.minute = minute};
        now->stages[stage].n++;
        now->stages[stage].sum_us += us;
        if (us > now->stages[stage].max_us)
                now->stages[stage].max_us = us;
}

const struct latency_minute *latency_of(const struct latency *latency, int64_t now_ms, unsigned ago)
{
        int64_t minute = now_ms / MINUTE_MS - ago;
        const struct latency_minute *then = &latency->minutes[minute % LATENCY_MINUTES];

        return minute >= 0 && then->minute == minute && then->stages[LATENCY_RPC].n ? then : NULL;
}
