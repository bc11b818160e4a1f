// SPDX-License-Identifier: Apache-2.0
/*
 * The RPC server: io.vpcwire.ipam over Varlink on a unix socket, on the daemon's loop. It never waits: what cannot be
 * answered now (an ADD without a free address) is parked in order and answered by rpc_pool_changed(), or at its
 * deadline with the reason. A peer's bad bytes close that peer and nothing else. It reads and writes the pool through its
 * own store connection; it logs one line per ADD and DEL.
 *
 * All functions on the loop's thread. The process must ignore SIGPIPE (libuv writes without MSG_NOSIGNAL).
 */
#ifndef IPAMD_RPC_SERVER_H
#define IPAMD_RPC_SERVER_H

#include <uv.h>

#include <vpcwire/err.h>

#include "rpc/options.h"

struct arena;
struct latency;
struct rpc;

/*
 * Listens. Makes the socket's folder; the socket is 0600. A socket that is left over is replaced, so call this only while
 * holding the database's lock; one that somebody answers on is ERR_BUSY, another kind of file ERR_EXISTS.
 */
int rpc_new(uv_loop_t *loop, const struct rpc_options *options, struct rpc **ret, struct err *err);

/*
 * Answers what is parked with NotReady, closes all connections and removes the socket. The memory goes when the loop has
 * run its close callbacks: let uv_run() come to its end afterwards. Returns NULL.
 */
struct rpc *rpc_free(struct rpc *rpc);

/* Copies the texts. */
void rpc_set_node(struct rpc *rpc, const struct rpc_node *node);
void rpc_set_settings(struct rpc *rpc, const struct rpc_settings *settings);
/* Why running pods are hurt (the host's network cannot be repaired ...); NULL: they are not. Copied. */
void rpc_set_impaired(struct rpc *rpc, const char *reason);

/* Status, as the RPC answers it. In the arena, and of the server's own texts: to be read at once. */
int rpc_status(struct rpc *rpc, struct arena *arena, struct ipam_status_reply *ret, struct err *err);
/* The ADDs that wait, as List has them: sets the list's waiting alone, whose texts are the server's own, to be read at once. */
void rpc_list_waiting(const struct rpc *rpc, struct arena *arena, struct ipam_list_reply *list);
const struct latency *rpc_latency(const struct rpc *rpc);

/* Would an ADD be served now, as Status tells it? False too when the store cannot be read. */
bool rpc_is_ready(struct rpc *rpc);

/*
 * The store changed under another thread: answers parked ADDs as far as there are free addresses, and sends new events
 * to watchers. Call it for every round that changed anything (from the reconciler through uv_async).
 */
void rpc_pool_changed(struct rpc *rpc);

#endif
