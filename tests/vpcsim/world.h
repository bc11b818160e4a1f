// SPDX-License-Identifier: Apache-2.0
/*
 * The state of the simulated account: VPC, subnets, instances, ENIs, addresses, tags; in SQLite (":memory:"), where
 * uniqueness and references are constraints and not hopes. Rules are EC2's (true limits, five reserved addresses per subnet,
 * no address twice, states with delays). Transport-free: ec2api.c turns HTTP into these calls, control.c turns JSON into them.
 *
 * All calls under world_lock(): the HTTP threads and the control thread share one world.
 *
 * The description is the world file of README.md; unknown members are refused by name. A node's "public" address, when it is
 * true, is the lowest free one of 203.0.113.0/24.
 *
 * The world itself tells the fabric of subnets, nodes, ENIs and public addresses, those of the description included.
 */
#ifndef VPCSIM_WORLD_H
#define VPCSIM_WORLD_H

#include <jansson.h>

#include <vpcwire/addr.h>
#include <vpcwire/err.h>
#include <vpcwire/mem.h>

struct world;
struct fabric;

/* fabric may be NULL: an EC2 without packets (no root needed). Borrowed. */
int world_new(const json_t *description, struct fabric *fabric, struct world **ret, struct err *err);
struct world *world_free(struct world *world);
DEFINE_CLEANUP(struct world *, world_free)

void world_lock(struct world *world);
void world_unlock(struct world *world);

/*
 * Carries out what is due (attaching -> in-use with the link appearing, detaching -> available with the link gone, ...).
 * Returns the milliseconds until the next thing is due, or -1 for none. Called by main's loop, which is also woken
 * through world_wake_fd() (an eventfd) whenever a call made something due earlier.
 */
int world_tick(struct world *world);
int world_wake_fd(const struct world *world);

/* Nodes (instances with a primary ENI). reply gets {"name", "instance_id", "primary_eni", "primary_address", "public_address", "mac"}. */
int world_add_node(struct world *world, const json_t *node, json_t **reply, struct err *err);
int world_remove_node(struct world *world, const char *name, struct err *err);

/* What the VPC gets while it runs: a CIDR, a subnet as in the world file. */
int world_add_vpc_cidr(struct world *world, const char *cidr, struct err *err);
int world_add_subnet(struct world *world, const json_t *subnet, struct err *err);

/* The whole state for tests and people: subnets (free counts), nodes, ENIs with states and addresses. Owned by the caller. */
json_t *world_dump(struct world *world);

/*
 * Settings that tests turn; all times are for what happens from now on. ERR_INVALID names an unknown key or a bad value.
 *   "attach_ms", "detach_ms"   how long an attachment stays attaching or detaching (0; up to an hour)
 *   "imds_lag_ms"              how late IMDS shows what has changed (0)
 *   "describe_lag_ms"          how late the Describe actions do (0)
 *   "credentials_ttl_s"        how long the role's credentials last (21600; at least 2)
 *   "clock_ahead_s"            how far AWS's clock is ahead of this machine's (0)
 *   "page_items"               how many items a page of a Describe action has at most, whatever is asked for (1000)
 *   "seed"                     of the random allocation (1)
 *   "allocation"               "lowest" free address of the subnet first (default), or "random"
 *   "reuse_at_once"            whether an address just released may be the next given out (true); false: the next free one
 *                              after the last given, as EC2 mostly does
 */
int world_set_delays(struct world *world, const json_t *delays, struct err *err);

/* Since 1970-01-01T00:00:00Z, by AWS's clock. */
int64_t world_wall_ms(const struct world *world);
unsigned world_page_items(const struct world *world);

/* EC2 calls seen so far: {"total": n, "by_action": {"CreateNetworkInterface": n, ...}, "log": [{"at_ms", "action", "node", "status", "code"}...]} (log bounded). */
json_t *world_calls(struct world *world);
void world_calls_reset(struct world *world);

/*
 * Finds invariant violations: an address with two owners, one outside its subnet, an ENI over its limit, a fabric call
 * that failed outside of a request, ... An array of texts, [] when all is well.
 */
json_t *world_check(struct world *world);

#endif
