// SPDX-License-Identifier: Apache-2.0
/*
 * The host's route to a pod, in the pods' table. An ADD may come late: its lease ended meanwhile, and the address is
 * another pod's. So a route that ipamd or a plugin made for another link is never replaced or removed here; where the lease is
 * this pod's after all, ipamd, which knows, sets the route.
 */
#ifndef CNI_HOST_ROUTE_H
#define CNI_HOST_ROUTE_H

#include <vpcwire/netlink.h>
#include <vpcwire/route.h>

/* Adds it. ERR_EXISTS: the address leads to another link; the error names it and its container. */
int host_route_add(struct netlink *host, const struct route_info *route, struct err *err);

/* The same after an ERR_EXISTS of the kernel's: there already is success, a foreign route is replaced. */
int host_route_settle(struct netlink *host, const struct route_info *route, struct err *err);

/* Removes a left-over route to an address that this container has now. ERR_EXISTS: it leads to another container's link. */
int host_route_clear(struct netlink *host, const struct route_info *route, const char *container_id,
                     struct err *err);

#endif
