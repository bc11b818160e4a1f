// SPDX-License-Identifier: Apache-2.0
/*
 * The RPC server: io.vpcwire.ipam over Varlink on a unix socket, on the daemon's loop. It never waits: what cannot be
 * answered now (an ADD without a free address) is parked in order and answered by serve_pool_changed(), or at its
 * deadline with the reason. A peer's bad bytes close that peer and nothing else. It reads and writes the pool through its
 * own store connection; it logs one line per ADD and DEL.
 *
 * All functions on the loop's thread. The process must ignore SIGPIPE (libuv writes without MSG_NOSIGNAL).
 */
#ifndef IPAMD_RPC_SERVE_H
#define IPAMD_RPC_SERVE_H

#include <uv.h>

#include <vpcwire/err.h>

#include "rpc/options.h"

struct arena;
struct latency;
struct serve;

/*
 * Listens. Makes the socket's folder; the socket is 0600. A socket that is left over is replaced, so call this only while
 * holding the database's lock; one that somebody answers on is ERR_BUSY, another kind of file ERR_EXISTS.
 */
int serve_new(uv_loop_t *loop, const struct serve_options *options, struct serve **ret, struct err *err);

/*
 * Answers what is parked with NotReady, closes all connections and removes the socket. The memory goes when the loop has
 * run its close callbacks: let uv_run() come to its end afterwards. Returns NULL.
 */
struct serve *serve_free(struct serve *serve);

/* Copies the texts. */
void serve_set_node(struct serve *serve, const struct serve_node *node);
void serve_set_settings(struct serve *serve, const struct serve_settings *settings);
/* Why running pods are hurt (the host's network cannot be repaired ...); NULL: they are not. Copied. */
void serve_set_impaired(struct serve *serve, const char *reason);

/* Status, as the RPC answers it. In the arena, and of the server's own texts: to be read at once. */
int serve_status(struct serve *serve, struct arena *arena, struct ipam_status_reply *ret, struct err *err);
const struct latency *serve_latency(const struct serve *serve);

/* Would an ADD be served now, as Status tells it? False too when the store cannot be read. */
bool serve_is_ready(struct serve *serve);

/*
 * The store changed under another thread: answers parked ADDs as far as there are free addresses, and sends new events
 * to watchers. Call it for every round that changed anything (from the reconciler through uv_async).
 */
void serve_pool_changed(struct serve *serve);

#endif
