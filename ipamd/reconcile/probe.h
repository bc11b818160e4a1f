// SPDX-License-Identifier: Apache-2.0
/* What AWS lets us do, for somebody who asked. */
#ifndef IPAMD_RECONCILE_PROBE_H
#define IPAMD_RECONCILE_PROBE_H

#include "reconcile/round.h"

struct wake;

/* What is being found out for somebody who asked; nothing is: arena is NULL. */
struct probe {
        bool wanted; /* somebody asked */
        struct arena *arena;
        struct ipam_probe_reply reply; /* so far: one permission after the other */
        int64_t deadline_ms;
        const char *stopped; /* why EC2 is asked no further; NULL: it is */
};

/* Somebody asks. */
void probe_want(struct probe *probe);
/* Goes on with what somebody asked for, if somebody did; also after a round that failed. Lets go first what `wake` wants. */
void probe_run(struct probe *probe, struct context *ctx, struct wake *wake, struct round *round,
               struct outcome *out);
void probe_forget(struct probe *probe);

#endif
