// SPDX-License-Identifier: Apache-2.0
/*
 * The instance metadata service, version 2 only, for all nodes on one listening socket. The node is found by the peer's
 * address (address -> ENI -> instance), so a pod that asks from its own address gets its node's answers; but the reply to
 * a token request leaves with an IP TTL of the node's hop limit. Without a fabric a request from the loopback names its
 * node in the header X-Vpcsim-Node. One thread of its own; it takes world_lock() for each request.
 */
#ifndef VPCSIM_IMDSAPI_H
#define VPCSIM_IMDSAPI_H

#include <vpcwire/err.h>
#include <vpcwire/mem.h>

struct world;
struct imdsapi;

/* As ec2api_start() and ec2api_stop(). */
int imdsapi_start(struct world *world, int listen_fd, struct imdsapi **ret, struct err *err);
struct imdsapi *imdsapi_stop(struct imdsapi *api);
DEFINE_CLEANUP(struct imdsapi *, imdsapi_stop)

#endif
