// SPDX-License-Identifier: Apache-2.0
/*
 * Tells when somebody touched what is ours: listens to the kernel's notifications about links, IPv4 addresses, routes,
 * rules, nftables and the sysctls that it tells about, and keeps only those that a repair may follow from. What our own node_sync()
 * does is no news, nor what the plugin does all day (a new pod link, its route) if the leases let expect it: that is for the
 * caller to ask, who has them.
 *
 * One thread; made for a loop: poll the fds for reading, then call node_monitor_read().
 */
#ifndef NODE_MONITOR_H
#define NODE_MONITOR_H

#include <stdint.h>

#include <vpcwire/cleanup.h>
#include <vpcwire/err.h>

#include "node/changed.h"
#include "node/wired.h"

struct node_monitor;

enum { NODE_MONITOR_FDS = 2 };

/* veth_prefix is copied. own: node_ports() of the node whose changes are no news. */
int node_monitor_open(const char *veth_prefix, struct node_ports own, struct node_monitor **ret,
                      struct err *err);
struct node_monitor *node_monitor_free(struct node_monitor *monitor);
DEFINE_CLEANUP(struct node_monitor *, node_monitor_free)

/* The fds to poll for reading; they stay the monitor's. */
void node_monitor_fds(const struct node_monitor *monitor, int fds[static NODE_MONITOR_FDS]);

/*
 * Reads all that is there without waiting. *ret_changed: a mask of enum node_changed, 0 when nothing relevant happened.
 * An error means that the sockets are unusable; free the monitor and open another.
 */
int node_monitor_read(struct node_monitor *monitor, unsigned *ret_changed, struct err *err);

/* What was wired since the last call, without what is gone again; the caller frees it. */
struct node_wired *node_monitor_take_wired(struct node_monitor *monitor, size_t *ret_n);
bool node_monitor_has_wired(const struct node_monitor *monitor);

#endif
