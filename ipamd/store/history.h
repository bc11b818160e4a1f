// SPDX-License-Identifier: Apache-2.0
/* What happened, to whom, and when. */
#ifndef IPAMD_STORE_HISTORY_H
#define IPAMD_STORE_HISTORY_H

#include "model/event.h"
#include "model/lease.h"
#include "store/database.h"

enum { STORE_EVENTS_MAX = 10000 }; /* older events are dropped */

struct store_event {
        int64_t id, at_wall_ms;
        const char *kind;    /* the name of an enum event_kind, or what another version of us wrote */
        const char *subject; /* an address, an ENI id, a lease key; what a person would search for */
        const char *text;
        const char
                *pod; /* "namespace/name", or a name alone (vpcwire/pod_name.h); "": no pod, or not known */
        const char *container_id; /* ""... */
        const char *eni_id;       /* "": the subject is no address, or the ENI itself */
        enum lease_end lease_end; /* of EVENT_LEASE_RELEASED */
};

/*
 * Functions above write their own events, in the same transaction; this is for the rest. Where the subject is an address,
 * pod, container and ENI are taken from the database.
 */
int store_event_add(struct store *store, enum event_kind kind, const char *subject, const char *text,
                    struct err *err);
/* What befell a pod that has no address. Only subject, text, pod and container_id are read. */
int store_event_add_for(struct store *store, enum event_kind kind, const struct store_event *event,
                        struct err *err);
int store_events(struct store *store, int64_t after_id, size_t max, struct arena *arena,
                 struct store_event **ret, size_t *ret_n, struct err *err);

struct store_event_filter {
        int64_t before_id;     /* only older ones; 0: from the newest */
        int64_t since_wall_ms; /* not older than this */
        const char *subject;   /* NULL: any */
        const char *pod;       /* "namespace/name", or a name in any namespace; NULL: any */
};

/* The newest first, at most `max`. The node's boots are in every history: they end leases. */
int store_events_before(struct store *store, const struct store_event_filter *filter, size_t max,
                        struct arena *arena, struct store_event **ret, size_t *ret_n, struct err *err);
int store_event_last_id(struct store *store, int64_t *ret, struct err *err);

#endif
