// SPDX-License-Identifier: Apache-2.0
/* The methods: one table, one place that decodes, answers and reports errors. */
#ifndef IPAMD_RPC_METHODS_H
#define IPAMD_RPC_METHODS_H

#include "rpc/state.h"

/* Executes a call: answers it, or leaves the connection parked or watching. */
void methods_call(struct connection *connection, const struct varlink_call *call);

#endif
