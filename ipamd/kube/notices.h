// SPDX-License-Identifier: Apache-2.0
/*
 * Which Events are due, and when: pure, the time is an argument. A notice is one thing that is wrong (a reason and a
 * subject), and has one Warning while it lasts and one Normal when it is over; what has lasted long is said again. However
 * often things come and go, a notice is reported NOTICE_BURST times at once and then once per NOTICE_PERIOD_MS, all of
 * them together NOTICES_BURST times and then once per NOTICES_PERIOD_MS; what came between is in the count.
 *
 * What cannot be sent stays due: only the latest state of each notice is kept, so hours without an API server cost nothing.
 * What came and went before it could be reported is not reported: nobody must act on it any more.
 */
#ifndef IPAMD_KUBE_NOTICES_H
#define IPAMD_KUBE_NOTICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/bucket.h"

enum {
        NOTICES_MAX = 32, /* kept; more at the same time are not reported */
        NOTICE_BURST = 4,
        NOTICE_PERIOD_MS = 5 * 60 * 1000,
        NOTICES_BURST = 20,
        NOTICES_PERIOD_MS = 30 * 1000,
        NOTICE_AGAIN_MS = 30 * 60 * 1000, /* API servers forget an Event after an hour (--event-ttl) */
        NOTICE_MESSAGE_BYTES_MAX = 1024,  /* as events.k8s.io/v1 limits a note; longer ones are cut */
};

struct kube_notice {
        const char *reason, *over_reason; /* one word each, as kubectl shows them */
        const char *subject;              /* an EC2 action, a subnet's id, ...; "" for the node */
        const char *message, *over_message;
        bool keeps; /* is no reason to begin, but if it was told it is not over */
};

enum notice_type { NOTICE_WARNING, NOTICE_NORMAL, _NOTICE_TYPE_MAX };

/* The Event object of a notice and a type. */
struct notice_event {
        bool made; /* on the API server, as far as we know */
        unsigned count;
        int64_t first_wall_ms;
};

struct notice {
        char *reason, *over_reason, *subject, *message, *over_message; /* reason NULL: an empty slot */
        bool lasts;
        bool reported;  /* the Warning of it */
        bool sending;   /* an Event of it is under way */
        unsigned begun; /* how often it began since it was last told */
        int64_t reported_ms;
        struct bucket bucket;
        struct notice_event events[_NOTICE_TYPE_MAX];
};

struct notices {
        struct notice slots[NOTICES_MAX];
        struct bucket bucket; /* of all of them */
};

void notices_done(struct notices *notices); /* frees the contents */

/*
 * What is wrong now; what was before and is not among it is over. Texts are copied. Returns how many there was no room
 * for.
 */
size_t notices_set(struct notices *notices, const struct kube_notice *now, size_t n, bool *ret_any_lasts);

/*
 * The notice that is to be reported now, and how: the one that waits longest. NULL: none; *ret_wait_ms says when to ask again
 * (-1: not before notices_set()).
 */
struct notice *notices_next(struct notices *notices, int64_t now_ms, enum notice_type *ret_type,
                            int64_t *ret_wait_ms);

/* It is told (or can never be). Takes from the buckets. */
void notices_reported(struct notices *notices, struct notice *notice, enum notice_type type, int64_t now_ms);

#endif
