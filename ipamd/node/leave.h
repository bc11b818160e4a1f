// SPDX-License-Identifier: Apache-2.0
/* The end of our part in the host's network: for good, when another daemon has taken the pods over. */
#ifndef NODE_LEAVE_H
#define NODE_LEAVE_H

#include <vpcwire/err.h>

struct arena;
struct node;

/*
 * Removes our rules, the pods' table and our nftables tables, and gives the check of sources back to the kernel, which they
 * did; if this cannot be done, that is the error, and all else is done. The ENIs' links, addresses and tables stay: whoever
 * comes next sends by them. In the host's network namespace. *ret_n counts what went.
 */
int node_leave(struct node *node, struct arena *arena, unsigned *ret_n, struct err *err);

#endif
