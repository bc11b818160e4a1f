// SPDX-License-Identifier: Apache-2.0
/* How long requests took, by stage: into the metrics, and ADDs of the last hour by minute, for the node's page. */
#ifndef IPAMD_SERVE_LATENCY_H
#define IPAMD_SERVE_LATENCY_H

#include <stdint.h>

struct metrics;

enum {
        LATENCY_MINUTES = 60,
        LATENCY_US_MAX = 600 * 1000 * 1000, /* what a plugin says is believed up to here */
};

enum latency_verb { LATENCY_ADD, LATENCY_DEL, LATENCY_CHECK, _LATENCY_VERB_MAX };
/* In the daemon; waiting for an address; in the plugin, as it says itself. */
enum latency_stage { LATENCY_RPC, LATENCY_WAIT, LATENCY_WIRE, _LATENCY_STAGE_MAX };
const char *latency_stage_to_string(enum latency_stage stage);

struct latency_minute {
        int64_t minute; /* of CLOCK_BOOTTIME; what is not of the last hour says nothing */
        struct {
                int64_t n, sum_us, max_us;
        } stages[_LATENCY_STAGE_MAX];
};

struct latency {
        struct latency_minute minutes[LATENCY_MINUTES];
};

void latency_note(struct latency *latency, struct metrics *metrics, enum latency_verb verb,
                  enum latency_stage stage, int64_t us);

/* The ADDs of the minute that was `ago` minutes before now_ms; NULL: there were none. */
const struct latency_minute *latency_of(const struct latency *latency, int64_t now_ms, unsigned ago);

#endif
