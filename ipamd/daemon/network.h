// SPDX-License-Identifier: Apache-2.0
/*
 * The daemon's ear at the kernel: what others change of the host's network wakes the reconciler, the first change at once
 * and the rest of a storm a few times a second. What the plugin makes wakes it only if no lease let expect that. On the loop's thread.
 */
#ifndef IPAMD_DAEMON_NETWORK_H
#define IPAMD_DAEMON_NETWORK_H

#include <uv.h>

#include <vpcwire/err.h>

#include "node/monitor.h"

enum {
        DAEMON_NETWORK_SETTLE_MS = 100,
        DAEMON_NETWORK_WIRED_MS =
                300, /* what the plugin makes is held against the leases this long after the first of it, all at once */
};

struct reconcile;
struct store;

struct daemon_network {
        struct reconcile *reconcile; /* borrowed */
        struct store *store;         /* borrowed */
        struct node_monitor *monitor;
        uv_poll_t polls[NODE_MONITOR_FDS];
        uv_timer_t settle; /* runs while the reconciler has just been woken */
        uv_timer_t wired;  /* runs while something wired is not held against the leases yet */
        unsigned why;      /* for which it is to be woken again after that */
};

int daemon_network_start(struct daemon_network *network, uv_loop_t *loop, struct reconcile *reconcile,
                         struct store *store, const char *veth_prefix, struct err *err);
/* When the loop has closed the handles. */
void daemon_network_done(struct daemon_network *network);

#endif
