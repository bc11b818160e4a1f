// SPDX-License-Identifier: Apache-2.0
/* What the daemon makes the host's network from, as it tells it: node/want.h's view. Pure. */
#ifndef IPAMD_CTL_NETWORK_VIEW_H
#define IPAMD_CTL_NETWORK_VIEW_H

#include <vpcwire/ipam.h>

#include "node/want.h"

struct arena;

/* In the arena; it points into both replies. ERR_INVALID: a CIDR or a MAC that is none. */
int network_view_make(struct arena *arena, const struct ipam_network_reply *network,
                      const struct ipam_list_reply *list, struct node_view *ret, struct err *err);

#endif
