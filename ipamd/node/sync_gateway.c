// SPDX-License-Identifier: Apache-2.0
/*
 * The pods' gateway is an address that nobody has: each pod has a permanent neighbour entry for it. Linux drops that entry,
 * too, when the MAC of the pod's end changes (the tuning plugin does that). Then the pod asks by ARP, and its link answers:
 * the plugin sees to that, and here it is put back.
 */
#include <vpcwire/dataplane.h>
#include <vpcwire/neigh.h>

#include "node/sync_parts.h"

void sync_gateway(struct sync *sync)
{
        struct ip gateway = IP_NONE;
        struct err failure;
        unsigned *answering;
        size_t n;

        ip_parse(DATAPLANE_GATEWAY, &gateway, NULL);
        if (neigh_proxy_links(sync->node->nl, sync->arena, gateway, &answering, &n, &failure) < 0) {
                sync_fail_node(sync, &failure);
                return;
        }
        for (size_t i = 0; i < sync->kernel.n_links; i++) {
                const struct link_info *link = &sync->kernel.links[i];
                int r;

                if (!node_want_link_is_pod(&sync->want, sync->view, link) || !link->up ||
                    neigh_proxy_has(answering, n, link->ifindex))
                        continue;
                if (sync_only_notes(sync, (struct node_difference){.object = NODE_NEIGHBOUR,
                                                                   .kind = NODE_MISSING,
                                                                   .text = "proxy " DATAPLANE_GATEWAY,
                                                                   .ifindex = link->ifindex}))
                        continue;
                r = neigh_proxy_add(sync->node->nl, link->ifindex, gateway, &failure);
                if (r == 0)
                        sync->report.repaired.neighbours++;
                else if (r != -ERR_NOT_FOUND) /* it has just gone */
                        sync_fail_node(sync, &failure);
        }
}
