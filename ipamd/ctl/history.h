// SPDX-License-Identifier: Apache-2.0
/* From events to leases: who had which address, from when to when, and how it ended. Pure. */
#ifndef IPAMD_CTL_HISTORY_H
#define IPAMD_CTL_HISTORY_H

#include <vpcwire/ipam.h>

struct history_lease {
        const char *address, *pod, *container_id, *eni_id; /* NULL: not known */
        int64_t since_ms;  /* wall clock; 0: before the oldest event that is kept */
        int64_t waited_ms; /* before it began; 0: not at all */
        int64_t wired_ms;  /* 0: the plugin never said so */
        int64_t lost_ms;   /* EC2 took the address away from under it; 0: no */
        int64_t until_ms;  /* 0: it lasts */
        const char *end;   /* why it ended; NULL: it lasts */
};

struct history {
        struct history_lease *leases; /* by the time of their beginning */
        size_t n_leases, capacity;
        const struct ipam_event *waiting; /* an ADD that waits still; NULL: none */
};

/* Events in the order of their happening. What the history says points into them; history_done() frees the list. */
struct history history_tell(const struct ipam_event *events, size_t n);
void history_done(struct history *history);

#endif
