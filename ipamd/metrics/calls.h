// SPDX-License-Identifier: Apache-2.0
/* The last EC2 calls and what they answered, for people: a ring, written by the reconciler, read by the loop. No secrets. */
#ifndef IPAMD_METRICS_CALLS_H
#define IPAMD_METRICS_CALLS_H

#include <stddef.h>
#include <stdint.h>

#include <vpcwire/cleanup.h>

enum { CALLS_MAX = 64 };

struct calls_entry {
        int64_t at_wall_ms; /* of the answer */
        int64_t took_us;
        int64_t http_status; /* 0: no answer */
        char action[40], class[24], code[64];
        char why[200]; /* "": it succeeded */
};

struct calls;

struct calls *calls_new(void);
struct calls *calls_free(struct calls *calls);
DEFINE_CLEANUP(struct calls *, calls_free)

/* Any thread, like the next; the lock is held for a copy of memory only. NULL is fine: nobody wants to know. */
void calls_add(struct calls *calls, const struct calls_entry *entry);
/* The newest first; how many. */
size_t calls_read(struct calls *calls, struct calls_entry ret[static CALLS_MAX]);

#endif
