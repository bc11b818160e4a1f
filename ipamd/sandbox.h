// SPDX-License-Identifier: Apache-2.0
/* What the daemon can never do again once it runs: least privilege for a process that is root and reads strangers' bytes. */
#ifndef IPAMD_SANDBOX_H
#define IPAMD_SANDBOX_H

#include <vpcwire/err.h>

/*
 * Keeps CAP_NET_ADMIN of all capabilities, forbids gaining new ones, and has the kernel refuse (EPERM) what this daemon
 * has no use for: running programs, mounts, modules, namespaces, bpf, keys. For the whole process: call it before
 * the first thread starts. The calls still allowed are those of the libraries we link.
 */
int sandbox_enter(struct err *err);

#endif
