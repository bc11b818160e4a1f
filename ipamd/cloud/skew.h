// SPDX-License-Identifier: Apache-2.0
/*
 * AWS's time, as far as we know it. Normally that is this machine's wall clock. When EC2 refuses a signature for its
 * time, its Date header says how late it is there; from then on time runs from that moment on CLOCK_BOOTTIME, so that
 * nobody who steps the wall clock meanwhile can break it again. Once the wall clock is right, it is used again.
 *
 * Plain data of one thread.
 */
#ifndef IPAMD_CLOUD_SKEW_H
#define IPAMD_CLOUD_SKEW_H

#include <stdbool.h>
#include <stdint.h>

enum {
        /* Below it the wall clock is right: EC2 takes 5 minutes; a Date has whole seconds, and is some seconds old. */
        SKEW_TOLERATED_MS = 60 * 1000,
};

struct skew {
        int64_t (*wall_ms)(void);     /* as clock_wall_ms() */
        int64_t (*boottime_ms)(void); /* as clock_boottime_ms() */
        bool learned;
        int64_t offset_ms; /* AWS's time minus boottime, where learned */
};

/* Since 1970-01-01T00:00:00Z, by AWS's clock. For signatures and for the expiry of credentials. */
int64_t skew_now_ms(const struct skew *skew);

/* The peer says it is peer_wall_ms now. Returns whether the time used until now was wrong by more than is tolerated. */
bool skew_learn(struct skew *skew, int64_t peer_wall_ms);

/* Whether a refusal with this code may be for the request's time. */
bool skew_suspects(const char *code);

#endif
