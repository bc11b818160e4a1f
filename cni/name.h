// SPDX-License-Identifier: Apache-2.0
/*
 * What the host's end of a pod's link is called, and its MAC. Both are computed, so that whoever knows the pod knows its
 * link: the name is that of pod_link.h, unless the daemon says that another pod has it. Pure.
 */
#ifndef CNI_NAME_H
#define CNI_NAME_H

#include <stdbool.h>

#include <vpcwire/link.h>
#include <vpcwire/pod_link.h>

struct pod_identity;

/* The host link's first name for a container's interface. */
void host_link_name(const char *prefix, const struct pod_identity *pod, const char *container_id,
                    const char *ifname, char ret[static LINK_NAME_BYTES]);

/* Whether two names of that form differ in nothing but their prefix. */
bool host_link_name_is_same_pod(const char *a, const char *b);

/* Whether the name is one that the owner's link may have: its first or a spare one, with whatever prefix. */
bool host_link_name_is_of(const char *name, const struct pod_link_owner *owner);

/*
 * The MAC of the host's end. The kernel takes no alias for a link that it makes; until the link gets it, this says whose it
 * is.
 */
struct mac host_link_mac(const char *container_id, const char *ifname);

/* A veth that bears the container's alias, or none yet and the MAC of the container's interface. */
bool host_link_is_ours(const struct link_info *link, const char *container_id, const char *ifname);

#endif
