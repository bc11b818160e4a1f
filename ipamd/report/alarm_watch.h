// SPDX-License-Identifier: Apache-2.0
/*
 * Looks at the database for what somebody must act on, soon after it changed and every few seconds while something is
 * wrong, and has Kubernetes told. On the loop.
 */
#ifndef IPAMD_REPORT_ALARM_WATCH_H
#define IPAMD_REPORT_ALARM_WATCH_H

#include <uv.h>

struct alarm_watch;
struct config;
struct store;

enum {
        ALARM_SOON_MS = 500,        /* after a change; more of them in that time cost nothing more */
        ALARM_AGAIN_MS = 10 * 1000, /* while something is wrong: it may pass by time alone */
};

/*
 * NULL where this node is none of Kubernetes, which is said once. Store and settings stay the caller's, and may change. looked_ms: as
 * condition_is_over() has it; must not wait.
 */
struct alarm_watch *alarm_watch_new(uv_loop_t *loop, struct store *store, const struct config *config,
                                    int64_t (*looked_ms)(void *data), void *looked_data);

/* The memory goes when the loop has run its close callbacks. NULL is fine. Returns NULL. */
struct alarm_watch *alarm_watch_free(struct alarm_watch *watch);

/* Something changed. NULL is fine. */
void alarm_watch_changed(struct alarm_watch *watch);

#endif
