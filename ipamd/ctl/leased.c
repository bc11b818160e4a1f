// SPDX-License-Identifier: Apache-2.0
#include "ctl/leased.h"

#include <vpcwire/mem.h>

struct pod_found *leased_match(struct arena *arena, const struct ipam_list_reply *list,
                               const struct pod_evidence *kernel)
{
        struct pod_sought *pods = ARENA_ARRAY(arena, struct pod_sought, list->n_leases);

        for (size_t i = 0; i < list->n_leases; i++) {
                const struct ipam_lease *lease = &list->leases[i];

                pods[i] =
                        (struct pod_sought){.ip = lease->addresses[0].address,
                                            .host_ifname = lease->host_ifname ?: "",
                                            .container_id = lease->address_only ? NULL : lease->container_id};
        }
        return pod_match(arena, pods, list->n_leases, kernel);
}
