// SPDX-License-Identifier: Apache-2.0
/*
 * Making room for a pod's host link. A name is no identity: the link that bears it is removed only where the daemon's
 * leases say that it is this pod's (an older sandbox's), or nobody's.
 */
#ifndef CNI_OLDER_LINK_H
#define CNI_OLDER_LINK_H

#include <vpcwire/ipam_client.h>

#include "call.h"
#include "wire.h"

/*
 * Removes what bears wiring's host_ifname, if anything does. ERR_EXISTS names the pod that it belongs to; ERR_NOT_FOUND: our
 * own lease is gone meanwhile.
 */
int older_link_remove(const struct call *call, struct ipam_client *ipam, struct wire *wire,
                      const struct wiring *wiring, struct err *err);

#endif
