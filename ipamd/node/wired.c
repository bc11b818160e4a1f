// SPDX-License-Identifier: Apache-2.0
#include "node/wired.h"

#include <string.h>

/* A pod whose link has no name in its lease, or that somebody else wired, may have it by any. */
static bool has_link(const struct pod_sought *pod, const char *name)
{
        return !pod->container_id || !*pod->host_ifname || strcmp(pod->host_ifname, name) == 0;
}

static bool lets_expect(const struct pod_sought *pod, const struct node_wired *wired)
{
        if (ip_is_set(wired->ip))
                return ip_equal(pod->ip, wired->ip) && has_link(pod, wired->link);
        return pod->container_id && strcmp(pod->container_id, wired->alias) == 0 &&
               has_link(pod, wired->link);
}

bool node_wired_is_expected(const struct node_wired *wired, const struct pod_sought *pods, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (lets_expect(&pods[i], wired))
                        return true;
        }
        return false;
}
