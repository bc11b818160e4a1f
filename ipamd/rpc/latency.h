// SPDX-License-Identifier: Apache-2.0
/*
 * How long requests took, by stage: into the metrics; and, for the node's page, ADDs and DELs of the last hour by minute,
 * with what is needed to say their quantiles. No allocation, and no more memory after a year than after an hour.
 */
#ifndef IPAMD_RPC_LATENCY_H
#define IPAMD_RPC_LATENCY_H

#include <stdint.h>

#include "metrics/histogram.h"
#include "model/request.h"

struct metrics;

enum {
        LATENCY_MINUTES = 60,
        LATENCY_US_MAX = 600 * 1000 * 1000, /* what a plugin says is believed up to here */
        /* Bounds: the least, then four per doubling to beyond LATENCY_US_MAX; so a quantile is at most 25 % too high. */
        LATENCY_US_MIN = 64,
        LATENCY_BOUNDS = 1 + 4 * 24,
};

enum { LATENCY_KEPT_VERBS = REQUEST_DEL + 1 }; /* by minute: ADD and DEL */

struct latency_counts {
        int64_t max_us;
        _Atomic int64_t cells[HISTOGRAM_CELLS(LATENCY_BOUNDS)];
};

struct latency_minute {
        int64_t minute; /* of CLOCK_BOOTTIME; what is not of the last hour says nothing */
        struct latency_counts counts[LATENCY_KEPT_VERBS][_REQUEST_STAGE_MAX];
};

struct latency {
        struct latency_minute minutes[LATENCY_MINUTES];
};

/* verb: up to REQUEST_TIMED_LAST. */
void latency_note(struct latency *latency, struct metrics *metrics, enum request_verb verb,
                  enum request_stage stage, int64_t us);

/* The minute that was `ago` minutes before now_ms; NULL: there was nothing. */
const struct latency_minute *latency_of(const struct latency *latency, int64_t now_ms, unsigned ago);

struct latency_summary {
        int64_t n, p50_us, p99_us, max_us; /* quantiles: the bound above them, or the longest */
};
struct latency_summary latency_summary(const struct latency_counts *counts);
/* The last hour in one. */
struct latency_summary latency_hour(const struct latency *latency, int64_t now_ms, enum request_verb verb,
                                    enum request_stage stage);

#endif
