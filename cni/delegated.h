// SPDX-License-Identifier: Apache-2.0
/*
 * The verbs of a delegated call: another plugin wires the pod and has {"ipam": {"type": "vpcwire"}}. We lease an address
 * and give it back, and touch neither the pod's namespace nor any link. GC and STATUS are those of verbs.h. On the host a
 * bridge with isGateway gets a route to each of its pods in the pods' table.
 *
 * ADD answers with the address in its subnet's length, since that is what such plugins put on the pod's interface, with
 * a gateway, and with the routes that "ipam" names (none named: the default route). The gateway follows from the plugin:
 * those that put its address on the host (bridge, ptp) get the node's own in that subnet, since the VPC router's would cut
 * the node off from that router; the others, whose links are the VPC's, get the VPC router, the subnet's first address.
 */
#ifndef CNI_DELEGATED_H
#define CNI_DELEGATED_H

#include "call.h"

int delegated_add(struct call *call, json_t **ret_result, struct err *err);
/*
 * Unlike a DEL of our own links it fails where the daemon does not hear of it: nothing else ends such a lease, and the runtime
 * asks again. That there is no lease is success.
 */
int delegated_del(struct call *call, json_t **ret_result, struct err *err);
/* The lease is there, confirmed, and its address in prevResult. */
int delegated_check(struct call *call, json_t **ret_result, struct err *err);

#endif
