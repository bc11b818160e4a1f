// SPDX-License-Identifier: Apache-2.0
/* From requests to leases, and the one log line of an ADD. */
#ifndef IPAMD_RPC_LEASE_H
#define IPAMD_RPC_LEASE_H

#include "model/request.h"
#include "rpc/state.h"
#include "rpc/stored.h"

/* The key in any request or reply struct that has network, container_id and ifname. */
#define LEASE_KEY(from)                                                                                      \
        ((struct lease_key){                                                                                 \
                .network = (from)->network, .container_id = (from)->container_id, .ifname = (from)->ifname})

/* Tries to lease for the request. *ret is as of store_lease_add(). Wakes the planner when the pool was drawn. */
int lease_try(struct rpc *rpc, const struct ipam_add_request *request, int64_t now_ms, struct arena *arena,
              enum lease_result *ret_result, struct lease *ret, struct err *err);

/* NoAddress, with why what was asked for cannot be had. */
struct ipam_error lease_refused(const struct lease *lease);

/* LeaseNotFound for this key. */
struct ipam_error lease_not_found(const struct lease_key *key);

/*
 * An ADD ends: one line, and counted. result says how, the reason (may be NULL) why;
 * address IP_NONE where there is none.
 */
void lease_end_add(const struct rpc *rpc, const struct ipam_add_request *request, enum request_result result,
                   const char *reason, struct ip address, int64_t since_ms);

/* A lease as Add answers it, its addresses in the arena. */
struct ipam_add_reply lease_add_reply(const struct rpc *rpc, const struct lease *lease, bool reused,
                                      struct arena *arena);

/* What the database does not know of this node. */
struct stored_node lease_node(const struct rpc *rpc);
/* stored_lease_addresses() of this node. */
struct ipam_lease_address *lease_addresses(const struct rpc *rpc, const struct lease *lease,
                                           struct arena *arena, size_t *ret_n);
/* The pool was drawn or refilled, or somebody waits: the planner should look. */
void lease_wake(struct rpc *rpc);

#endif
