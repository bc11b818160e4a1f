// SPDX-License-Identifier: Apache-2.0
/* What other threads tell the reconciler's. */
#ifndef IPAMD_RECONCILE_WAKE_H
#define IPAMD_RECONCILE_WAKE_H

#include <pthread.h>
#include <stdint.h>

#include "reconcile/reconcile.h"

struct wake {
        pthread_mutex_t mutex;
        pthread_cond_t cond;
        unsigned why; /* enum reconcile_why */
        bool stop, fresh_settings;
        struct reconcile_settings settings;
};

/* What the thread is told when it wakes. */
struct wake_call {
        unsigned why; /* enum reconcile_why; 0: it is time */
        bool stop, fresh_settings;
        struct reconcile_settings settings;
};

void wake_init(struct wake *wake);
void wake_done(struct wake *wake);

/* Any thread. */
void wake_tell(struct wake *wake, unsigned why);
void wake_set(struct wake *wake, const struct reconcile_settings *settings);
void wake_stop(struct wake *wake);

/* Waits for a word, or for the time (of clock_boottime_ms(); negative: for ever). */
struct wake_call wake_wait(struct wake *wake, int64_t at_ms);
/* Someone broke the host's network while EC2 kept us waiting (that is healed before the next call), or the thread shall end. */
bool wake_is_urgent(struct wake *wake);

#endif
