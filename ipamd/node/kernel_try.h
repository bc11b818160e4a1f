// SPDX-License-Identifier: Apache-2.0
/* How the features of kernel.c's table are tried. But for nftables' each only reads, or asks for what the kernel refuses in any case. */
#ifndef IPAMD_NODE_KERNEL_TRY_H
#define IPAMD_NODE_KERNEL_TRY_H

#include <vpcwire/err.h>

int kernel_try_netlink(struct err *err);
int kernel_try_netns(struct err *err);
int kernel_try_seccomp(struct err *err);
int kernel_try_veth(struct err *err);
int kernel_try_rules(struct err *err);
int kernel_try_nft(const char *commands, struct err *err);

#endif
