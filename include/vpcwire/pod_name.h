// SPDX-License-Identifier: Apache-2.0
/*
 * What names a pod: Kubernetes' namespace and name, both. A runtime without Kubernetes (podman) says a name alone: its
 * container's, which another container may have while the first one runs on under a new one. That is for people to read, and
 * identifies nobody: there the container's id stands for the pod. Pure.
 */
#ifndef VPCWIRE_POD_NAME_H
#define VPCWIRE_POD_NAME_H

#include <stdbool.h>

struct arena;

/* "" or NULL where the runtime does not say. */
struct pod_name {
        const char *namespace, *name, *uid;
};

/* Whether there is a pod of that name at all. */
bool pod_name_is_known(const struct pod_name *pod);

/* Of the same name, both known, and of no different uids: another uid is another pod, which had the name before. */
bool pod_name_is_same(const struct pod_name *a, const struct pod_name *b);

/* "default/web", "web" without a namespace, NULL without a name. In the arena. */
const char *pod_name_text(const struct pod_name *pod, struct arena *arena);

#endif
