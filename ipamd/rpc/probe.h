// SPDX-License-Identifier: Apache-2.0
/* Probe: what AWS lets us do, asked of another thread. Who wants to know waits here; a young answer is given again. */
#ifndef IPAMD_RPC_PROBE_H
#define IPAMD_RPC_PROBE_H

#include "rpc/state.h"

/* Answers all who wait, if there is an answer by now. */
void probe_serve(struct rpc *rpc);
/* The peer is gone. */
void probe_drop(struct connection *connection);
/* The daemon stops: NotReady for all. */
void probe_end_all(struct rpc *rpc);

#endif
