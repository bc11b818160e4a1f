// SPDX-License-Identifier: Apache-2.0
/*
 * What the kernel is told about a pod's host link, whatever the host's defaults are: the plugin sets it before the link is
 * up. What protects the node and others from the pod, and what the pod cannot do without, ipamd puts back; the rest belongs
 * to whoever sets it later: a plugin after ours in the list, or an administrator. One table for all that ask.
 */
#ifndef VPCWIRE_POD_SYSCTL_H
#define VPCWIRE_POD_SYSCTL_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "link.h"

struct pod_sysctl {
        const char *family, *name; /* net.FAMILY.conf.LINK.NAME */
        const char *value;
        enum link_conf conf; /* the same as the kernel tells it beside the link */
        int32_t number;
        bool kept; /* it is put back; doctor and CHECK miss it */
};

extern const struct pod_sysctl pod_sysctls[];
extern const size_t n_pod_sysctls;

enum { POD_SYSCTL_KEY_BYTES = 64 };
/* "net.ipv4.conf.eni0a1b2c3d4e5.rp_filter", in the caller's buffer. */
const char *pod_sysctl_key(const struct pod_sysctl *sysctl, const char *ifname,
                           char key[static POD_SYSCTL_KEY_BYTES]);

/*
 * Sets all that differ, in the calling thread's network namespace; *ret_changed counts them. What is not there is passed
 * over: a kernel without IPv6, a link that has just gone.
 */
int pod_sysctl_apply(const char *ifname, unsigned *ret_changed, struct err *err);
/* Whether one that is kept is another, by what the kernel told beside the link. */
bool pod_sysctl_is_off(const struct pod_sysctl *sysctl, const struct link_info *link);
/* Those that are kept, of a link that has just been read: files are touched only where it says that something is off. */
int pod_sysctl_repair(const struct link_info *link, unsigned *ret_changed, struct err *err);

#endif
