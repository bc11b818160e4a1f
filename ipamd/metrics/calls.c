// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>
#include <stdlib.h>

#include <vpcwire/mem.h>

#include "metrics/calls.h"

struct calls {
        pthread_mutex_t mutex;
        struct calls_entry entries[CALLS_MAX];
        size_t n; /* ever; the newest is at (n - 1) % CALLS_MAX */
};

struct calls *calls_new(void)
{
        struct calls *calls = XNEW(struct calls);

        pthread_mutex_init(&calls->mutex, NULL);
        return calls;
}

struct calls *calls_free(struct calls *calls)
{
        if (calls) {
                pthread_mutex_destroy(&calls->mutex);
                free(calls);
        }
        return NULL;
}

void calls_add(struct calls *calls, const struct calls_entry *entry)
{
        if (!calls)
                return;
        pthread_mutex_lock(&calls->mutex);
        calls->entries[calls->n++ % CALLS_MAX] = *entry;
        pthread_mutex_unlock(&calls->mutex);
}

size_t calls_read(struct calls *calls, struct calls_entry ret[static CALLS_MAX])
{
        size_t n;

        pthread_mutex_lock(&calls->mutex);
        n = calls->n < CALLS_MAX ? calls->n : CALLS_MAX;
        for (size_t i = 0; i < n; i++)
                ret[i] = calls->entries[(calls->n - 1 - i) % CALLS_MAX];
        pthread_mutex_unlock(&calls->mutex);
        return n;
}
