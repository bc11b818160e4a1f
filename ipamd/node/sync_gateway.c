// SPDX-License-Identifier: Apache-2.0
/*
 * The pods' gateway is an address that nobody has: each pod has a permanent neighbour entry for it. Linux drops that entry,
 * too, when the MAC of the pod's end changes (the tuning plugin does that). Then the pod asks by ARP, and this answers.
 */
#include <vpcwire/ipam.h>
#include <vpcwire/neigh.h>

#include "node/sync_parts.h"

void sync_gateway(struct sync *sync)
{
        struct netlink *nl = sync->node->nl;
        struct ip gateway = IP_NONE;
        struct err failure;
        bool there = false;

        ip_parse(IPAM_GATEWAY, &gateway, NULL);
        if (neigh_proxy_find(nl, gateway, &there, NULL, &failure) < 0 ||
            (!there && neigh_proxy_add(nl, gateway, &failure) < 0))
                sync_fail_node(sync, &failure);
        else
                sync->report.repaired.neighbours += !there;
}
