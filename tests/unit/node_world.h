// SPDX-License-Identifier: Apache-2.0
/*
 * A host for the tests of ipamd/node: a network namespace of the test's own (the calling thread is in it) whose eth0,
 * eth1 and eth2 stand for three ENIs; their other ends f0, f1, f2 are in a second namespace, the fabric. Pods are
 * namespaces wired as the plugin wires them.
 *
 *   ENI 0  02:..:01  10.0.1.10   primary: eth0 has 10.0.1.10/24, default via 10.0.1.1
 *   ENI 1  02:..:02  10.0.1.20   eth1, as hot-plugged: down, no address
 *   ENI 2  02:..:03  10.0.1.30   eth2 is there only after node_world_plug()
 */
#ifndef NODE_WORLD_H
#define NODE_WORLD_H

#include "test.h"

#include <vpcwire/ifaddr.h>
#include <vpcwire/link.h>
#include <vpcwire/mem.h>
#include <vpcwire/neigh.h>
#include <vpcwire/netns.h>
#include <vpcwire/route.h>
#include <vpcwire/rule.h>

#include "node/monitor.h"
#include "node/sync.h"

enum { WORLD_ENIS = 3, WORLD_PODS = 4, WORLD_SKIP = 77 };

struct node_world {
        struct arena *arena;
        struct netlink *nl, *fabric_nl;
        int host_fd, fabric_fd, pod_fds[WORLD_PODS];
        struct node *node;
        struct node_eni enis[WORLD_ENIS];
        struct node_address addresses[WORLD_PODS];
        struct pod_sought pods[WORLD_PODS];
        struct prefix vpc;
        struct egress egress;
        struct node_view view;
        struct node_report report;
        struct err err;
};

/* cmocka's setup and teardown: *state is a struct node_world. */
int node_world_setup(void **state);
int node_world_teardown(void **state);
/* For main(): namespaces of its own. Returns 0, WORLD_SKIP without the capabilities, or 1. */
int node_world_begin(void);

struct ip world_ip(const char *text);
struct prefix world_cidr(const char *text);

/* Makes ENI n's link; the primary one (0) comes up configured. */
void node_world_plug(struct node_world *w, unsigned n);
/* Adds a pod with a link, its route as the plugin makes it, and a lease in the view. Its address is on ENI `device`. */
void node_world_add_pod(struct node_world *w, const char *address, unsigned device, bool with_route);
/* One node_sync() that must succeed; the report is in w->report. Returns the number of repairs. */
unsigned node_world_sync(struct node_world *w);
/* Runs nft commands as an administrator would; fails the test if they fail. Returns the output, in the arena. */
const char *node_world_nft(struct node_world *w, const char *commands);
unsigned node_world_ifindex(struct node_world *w, const char *name);
/* Where it is up and Linux older than 6.2, by way of down: then its routes and neighbours go. Returns whether it stayed up. */
bool node_world_rename(struct node_world *w, unsigned ifindex, const char *name);
/* Our routes of a table, or all rules, one a line, in the arena. */
const char *node_world_routes(struct node_world *w, uint32_t table);
const char *node_world_rules(struct node_world *w);

#endif
