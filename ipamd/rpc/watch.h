// SPDX-License-Identifier: Apache-2.0
/* Watch: the history's events, streamed to those who asked. A slow watcher is fed as fast as it reads. */
#ifndef IPAMD_RPC_WATCH_H
#define IPAMD_RPC_WATCH_H

#include "rpc/state.h"

/* Makes the connection a watcher of what comes after the event `after`; it gets what is there at once. */
void watch_start(struct connection *connection, int64_t after);
/* Sends what is new, as far as the peer takes it. Nothing happens for a connection that does not watch. */
void watch_feed(struct connection *connection);
void watch_feed_all(struct rpc *rpc);
void watch_end(struct connection *connection);

#endif
