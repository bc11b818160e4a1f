// SPDX-License-Identifier: Apache-2.0
/* What the daemon can never do again once it runs: least privilege for a process that is root and reads untrusted bytes. */
#ifndef IPAMD_DAEMON_SANDBOX_H
#define IPAMD_DAEMON_SANDBOX_H

#include <vpcwire/err.h>

/*
 * Keeps CAP_NET_ADMIN of all capabilities, forbids gaining new ones, and has the kernel refuse what this daemon has no use
 * for: running programs, mounts, modules, namespaces, bpf, keys (EPERM), and every system call that is newer than Linux 5.1
 * and not named (ENOSYS). For the whole process: call it before the first thread starts.
 */
int sandbox_enter(struct err *err);

#endif
