// SPDX-License-Identifier: Apache-2.0
/* Why there is no address, as one sentence for people. Pure. */
#ifndef IPAMD_RPC_REASON_H
#define IPAMD_RPC_REASON_H

#include <stddef.h>

#include "rpc/facts.h"

enum { REASON_BYTES = 384, REASON_BLOCKED_MAX = 3 };

/*
 * "no free address: 9 of 9 in use, t3.small's limit; fix: ...", or "no free address: 3 of at most 9 in use; subnet subnet-x has
 * no free addresses, next try in 40s; fix: ...". What does not fit into REASON_BYTES is left out clause by clause: never cut.
 */
void reason_no_address(const struct pool_facts *facts, char ret[static REASON_BYTES]);

#endif
