// SPDX-License-Identifier: Apache-2.0
/*
 * An Event of Kubernetes as JSON; pure. core/v1, not events.k8s.io/v1: one object is both to the API server, but only the old
 * form can be brought up to date (count, last time) by a patch that knows nothing of the object, and `kubectl describe
 * node` reads it with every version.
 *
 * An Event's name follows from node, reason and subject, so there is at most one of each on the API server, whoever
 * repeats it: a request whose answer was lost, or a daemon that starts again and again.
 */
#ifndef IPAMD_KUBE_EVENT_H
#define IPAMD_KUBE_EVENT_H

#include <stddef.h>
#include <stdint.h>

/* A Node is in no namespace; the API server wants the Events about it in this one. */
#define EVENT_NAMESPACE "default"
#define EVENT_COMPONENT "vpcwire"

enum { EVENT_NAME_BYTES = sizeof(EVENT_COMPONENT) + 41 };

struct event {
        const char *node;
        const char *type; /* "Warning" or "Normal" */
        const char *reason, *subject, *message;
        unsigned count; /* 0: what the API server has stays */
        int64_t first_wall_ms, last_wall_ms;
};

const char *event_name(const struct event *event, char name[static EVENT_NAME_BYTES]);

/* The whole object, for POST. Owned by the caller. */
char *event_create_body(const struct event *event);
/* What changes, as a JSON merge patch. Owned by the caller. */
char *event_patch_body(const struct event *event);

/* The count that the API server's answer to either names; 0: none. */
unsigned event_reply_count(const char *body, size_t bytes);

#endif
