// SPDX-License-Identifier: Apache-2.0
/*
 * The names of the host's ends of pod links. They are computed, so that whoever knows the pod knows its link:
 * prefix + the first 11 hex digits of SHA-1 of "namespace.pod", as aws-vpc-cni and Calico have it. Pure.
 */
#ifndef CNI_NAME_H
#define CNI_NAME_H

#include <stdbool.h>

#include <vpcwire/link.h>
#include <vpcwire/pod_link.h>

struct pod_identity;

enum {
        VETH_PREFIX_MAX = 4, /* what leaves room for the digits in LINK_NAME_BYTES */
        HOST_NAME_HEX_DIGITS = POD_LINK_DIGITS,
};

/*
 * The host link's name for a container's interface. Without a pod name the container id is hashed. An interface that is
 * not "eth0" (a second attachment of the pod) gets a link of its own: ".ifname" is added to what is hashed.
 */
void host_link_name(const char *prefix, const struct pod_identity *pod, const char *container_id,
                    const char *ifname, char ret[static LINK_NAME_BYTES]);

/* Whether a name has the form that host_link_name() gives, with whatever prefix. */
bool host_link_name_has_form(const char *name);

/* Whether two names of that form differ in nothing but their prefix. */
bool host_link_name_is_same_pod(const char *a, const char *b);

#endif
