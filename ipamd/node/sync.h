// SPDX-License-Identifier: Apache-2.0
/*
 * Makes the host's network what it should be: reads the kernel, compares with the wanted state, repairs the
 * difference. It touches only what is ours: links by the ENIs' MACs, rules and routes by our protocol number in our
 * tables, our own nftables table.
 *
 * All calls from one thread, in the host's network namespace.
 */
#ifndef NODE_SYNC_H
#define NODE_SYNC_H

#include <stddef.h>
#include <stdint.h>

#include <vpcwire/err.h>
#include <vpcwire/link.h>

#include "node/report.h"
#include "node/want.h"

struct arena;
struct node;
struct node_ports;

/* In the calling thread's network namespace. */
int node_open(struct node **ret, struct err *err);
struct node *node_free(struct node *node);
DEFINE_CLEANUP(struct node *, node_free)

/* For node_monitor_open(): our own changes carry them, and are no news. */
struct node_ports node_ports(const struct node *node);

/* The sum of the counts. */
unsigned node_repairs_total(const struct node_repairs *repairs);

/*
 * One sync. A failing ENI has its error in the report and does not stop the others. Fails when something failed that
 * concerns the whole node (the primary link is not there: ERR_NOT_FOUND; a dump; a rule that is nobody's ENI's;
 * nftables); it has done the rest as well as it can be done. Addresses of an ENI that is ROUTED may be handed out.
 *
 * A route to a pod that no lease of the view speaks for is removed only when two syncs in a row see it so: the plugin
 * may have added it between the reading of the view and the reading of the kernel. The report counts those that were
 * seen once.
 */
int node_sync(struct node *node, struct arena *arena, const struct node_view *view, struct node_report *ret,
              struct err *err);

/*
 * Addresses that came to the pool, or left it: their elements in nftables, and nothing else is read or written, as long as
 * nothing else differs from what the last node_sync() left. Returns false where that is not so, or somebody on the host has
 * one of the addresses that came: node_sync() is needed. True: they may be handed out, where the report has their ENI ROUTED.
 */
bool node_sync_pool(struct node *node, struct arena *arena, const struct node_view *view,
                    struct node_report *ret);

/* What the kernel shows of each pod, in their order, in the arena. `pods` as for node_sync(). */
int node_find_pods(struct node *node, struct arena *arena, const struct pod_sought *pods, size_t n,
                   struct pod_found **ret, struct err *err);

#endif
