// SPDX-License-Identifier: Apache-2.0
/*
 * Another daemon is to take this node's pods over (`ipamctl export aws-vpc-cni --output`). What it is not told of it takes for
 * free, so from the export on no new pod gets an address: a lease that begins later would be shared. It is a fact in the database,
 * for the daemon may be restarted in between. All on the server's loop.
 */
#ifndef IPAMD_RPC_HANDOVER_H
#define IPAMD_RPC_HANDOVER_H

#include "rpc/handlers.h"

/* What the database says, at the start: since when the node is held, by the wall clock, or 0. */
int handover_load(struct store *store, int64_t *ret_since_ms, struct err *err);

/* Why an ADD is refused, for people: since when, and how it is taken back. In the arena. */
const char *handover_reason(const struct rpc *rpc, struct arena *arena);

/*
 * Whether the node is held and the ADD's key has no lease: the call is then answered, and the handler is done (1). 0: it may go
 * on. Negative: the database cannot be read.
 */
int handover_refuses(struct method_call *call, const struct ipam_add_request *add, struct err *err);

int handle_handover(struct method_call *call, const void *request, void *reply, struct err *err);

#endif
