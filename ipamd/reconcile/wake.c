// SPDX-License-Identifier: Apache-2.0
#include "reconcile/wake.h"

#include <errno.h>
#include <time.h>

#include <vpcwire/clock.h>

void wake_init(struct wake *wake)
{
        pthread_condattr_t attr;

        *wake = (struct wake){0};
        pthread_mutex_init(&wake->mutex, NULL);
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(&wake->cond, &attr);
        pthread_condattr_destroy(&attr);
}

void wake_done(struct wake *wake)
{
        pthread_cond_destroy(&wake->cond);
        pthread_mutex_destroy(&wake->mutex);
}

void wake_tell(struct wake *wake, unsigned why)
{
        pthread_mutex_lock(&wake->mutex);
        wake->why |= why;
        pthread_cond_signal(&wake->cond);
        pthread_mutex_unlock(&wake->mutex);
}

void wake_set(struct wake *wake, const struct reconcile_settings *settings)
{
        pthread_mutex_lock(&wake->mutex);
        wake->settings = *settings;
        wake->fresh_settings = true;
        pthread_cond_signal(&wake->cond);
        pthread_mutex_unlock(&wake->mutex);
}

void wake_stop(struct wake *wake)
{
        pthread_mutex_lock(&wake->mutex);
        wake->stop = true;
        pthread_cond_signal(&wake->cond);
        pthread_mutex_unlock(&wake->mutex);
}

static struct timespec until_ms(int64_t at_ms)
{
        /* The condition's clock is CLOCK_MONOTONIC, ours CLOCK_BOOTTIME: only the difference is the same. */
        int64_t wait_ms = at_ms - clock_boottime_ms();
        struct timespec ts;

        if (wait_ms < 0)
                wait_ms = 0;
        clock_gettime(CLOCK_MONOTONIC, &ts);
        ts.tv_sec += wait_ms / 1000;
        ts.tv_nsec += wait_ms % 1000 * 1000000;
        if (ts.tv_nsec >= 1000000000) {
                ts.tv_sec++;
                ts.tv_nsec -= 1000000000;
        }
        return ts;
}

struct wake_call wake_wait(struct wake *wake, int64_t at_ms)
{
        struct wake_call call;

        pthread_mutex_lock(&wake->mutex);
        while (!wake->why && !wake->stop && !wake->fresh_settings) {
                if (at_ms < 0) {
                        pthread_cond_wait(&wake->cond, &wake->mutex);
                } else {
                        struct timespec ts = until_ms(at_ms);

                        if (pthread_cond_timedwait(&wake->cond, &wake->mutex, &ts) == ETIMEDOUT)
                                break;
                }
        }
        call = (struct wake_call){wake->why, wake->stop, wake->fresh_settings, wake->settings};
        wake->why = 0;
        wake->fresh_settings = false;
        pthread_mutex_unlock(&wake->mutex);
        return call;
}

bool wake_is_urgent(struct wake *wake)
{
        bool urgent;

        pthread_mutex_lock(&wake->mutex);
        urgent = wake->why & RECONCILE_NETWORK || wake->stop;
        pthread_mutex_unlock(&wake->mutex);
        return urgent;
}
