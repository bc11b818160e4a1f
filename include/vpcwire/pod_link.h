// SPDX-License-Identifier: Apache-2.0
/*
 * The names of pods' host links: a prefix and the first digits of SHA-1 of "namespace.pod", as aws-vpc-cni and Calico
 * compute them, so that whoever knows the pod knows its link. Two pods can have one such name; then the second one's link
 * gets a spare name. Pure.
 */
#ifndef VPCWIRE_POD_LINK_H
#define VPCWIRE_POD_LINK_H

#include <stdbool.h>

enum {
        POD_LINK_DIGITS = 11,
        POD_LINK_NAME_BYTES = 16, /* the kernel's IFNAMSIZ */
        POD_LINK_PREFIX_MAX = 4,  /* what leaves room for the digits */
        POD_LINK_SPARES = 7,
};

/* The digits of any text, NUL-terminated. */
void pod_link_digits(const char *key, char ret[static POD_LINK_DIGITS + 1]);

/* Whose link it is. Without a pod's name and namespace (see pod_name.h) the container's id stands for the pod. */
struct pod_link_owner {
        const char *pod_namespace, *pod_name, *container_id;
        const char *
                ifname; /* one that is not "eth0" (a second attachment of the pod) is part of what is hashed */
};

/* nth 0: the name; 1 to POD_LINK_SPARES: the spare names, in the order in which they are tried. */
void pod_link_name(const char *prefix, const struct pod_link_owner *owner, unsigned nth,
                   char ret[static POD_LINK_NAME_BYTES]);

/* Whether a name has that form, with whatever prefix. */
bool pod_link_has_form(const char *name);
/* The prefix of a name of that form. */
void pod_link_prefix(const char *name, char ret[static POD_LINK_PREFIX_MAX + 1]);

#endif
