// SPDX-License-Identifier: Apache-2.0
/*
 * The daemon's ear at the kernel: what others change of the host's network wakes the reconciler, the first change at once
 * and the rest of a storm a few times a second. On the loop's thread.
 */
#ifndef IPAMD_DAEMON_NETWORK_H
#define IPAMD_DAEMON_NETWORK_H

#include <uv.h>

#include <vpcwire/err.h>

#include "node/monitor.h"

enum { DAEMON_NETWORK_SETTLE_MS = 100 };

struct reconcile;

struct daemon_network {
        struct reconcile *reconcile; /* borrowed */
        struct node_monitor *monitor;
        uv_poll_t polls[NODE_MONITOR_FDS];
        uv_timer_t settle; /* runs while the reconciler has just been woken */
        unsigned why;      /* for which it is to be woken again after that */
};

int daemon_network_start(struct daemon_network *network, uv_loop_t *loop, struct reconcile *reconcile,
                         const char *veth_prefix, struct err *err);
/* When the loop has closed the handles. */
void daemon_network_done(struct daemon_network *network);

#endif
