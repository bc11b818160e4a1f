// SPDX-License-Identifier: Apache-2.0
/* What prevents an address: for Status and for refusals. */
#ifndef IPAMD_RPC_STATUS_H
#define IPAMD_RPC_STATUS_H

#include "rpc/facts.h"
#include "rpc/state.h"

/* Looks at the store: the facts of a refusal. Lists are in the arena. */
int status_facts(struct rpc *rpc, int64_t now_ms, struct arena *arena, struct pool_facts *ret,
                 struct err *err);

#endif
