// SPDX-License-Identifier: Apache-2.0
/*
 * What a step of a round, or an act of its plan, leaves to be done by others. It is handed back, never set at a distance: a
 * function that takes no outcome causes no other round. The round adds them up (reconcile/steps.c); one that fails has left what it
 * did until then.
 */
#ifndef IPAMD_MODEL_OUTCOME_H
#define IPAMD_MODEL_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

/* Zero: nothing. Times are of clock_boottime_ms(). */
struct outcome {
        bool again;            /* something was done: another round at once */
        bool pool_changed;     /* pending ADDs may be served, or told more */
        bool resync_network;   /* the host's network is compared with the database */
        int64_t resync_ec2_ms; /* EC2 is looked at, at this time at the latest; 0: when it is due anyway */
        int64_t wake_ms;       /* another round, at this time at the latest; 0: time alone calls for none */
};

/* The earlier of two times, of which 0 is none. */
static inline int64_t outcome_earlier(int64_t a_ms, int64_t b_ms)
{
        return !a_ms || (b_ms && b_ms < a_ms) ? b_ms : a_ms;
}

static inline void outcome_wake(struct outcome *out, int64_t at_ms)
{
        out->wake_ms = outcome_earlier(out->wake_ms, at_ms);
}

static inline void outcome_resync_ec2(struct outcome *out, int64_t at_ms)
{
        out->resync_ec2_ms = outcome_earlier(out->resync_ec2_ms, at_ms);
}

static inline void outcome_add(struct outcome *sum, const struct outcome *part)
{
        sum->again |= part->again;
        sum->pool_changed |= part->pool_changed;
        sum->resync_network |= part->resync_network;
        outcome_resync_ec2(sum, part->resync_ec2_ms);
        outcome_wake(sum, part->wake_ms);
}

#endif
