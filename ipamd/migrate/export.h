// SPDX-License-Identifier: Apache-2.0
/* The way back: our pods as aws-vpc-cni finds its own, in its checkpoint, and by its routes and rules beside ours. */
#ifndef IPAMD_MIGRATE_EXPORT_H
#define IPAMD_MIGRATE_EXPORT_H

#include <vpcwire/ipam.h>

struct link_info;
struct netlink;

/*
 * A pod of aws-vpc-cni that is not ours yet, or never will be (a second address): it is as aws-vpc-cni made it, and so it goes
 * back.
 */
bool export_is_theirs(const struct ipam_import *import);

/* The checkpoint of the running pods, in one line without its end. The caller frees it. */
char *export_checkpoint(const struct ipam_list_reply *list);

/* Its routes and rules for a lease whose pod runs; link: that pod's, on the host. Nothing for any other. Repeatable. */
int export_routes(struct netlink *nl, const struct ipam_list_reply *list, const struct ipam_lease *lease,
                  const struct link_info *link, struct err *err);

#endif
