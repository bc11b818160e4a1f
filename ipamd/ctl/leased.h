// SPDX-License-Identifier: Apache-2.0
/* The links of the daemon's leases, as the kernel has them now. */
#ifndef IPAMD_CTL_LEASED_H
#define IPAMD_CTL_LEASED_H

#include <vpcwire/ipam.h>
#include <vpcwire/pod_match.h>

/* One entry for each lease of the list, in its order. What it points into lives in the arena, as kernel->links must. */
struct pod_found *leased_match(struct arena *arena, const struct ipam_list_reply *list,
                               const struct pod_evidence *kernel);

#endif
