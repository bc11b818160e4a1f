// SPDX-License-Identifier: Apache-2.0
/*
 * Sysctls by dotted name, in the calling thread's network namespace: "net.ipv4.ip_forward",
 * "net.ipv4.conf.eth0.100.rp_filter". In net.<family>.conf.* and net.<family>.neigh.* all between that and the last dot
 * is the interface's name, whatever dots it has.
 */
#ifndef VPCWIRE_SYSCTL_H
#define VPCWIRE_SYSCTL_H

#include <stdbool.h>

#include "err.h"

enum { SYSCTL_VALUE_BYTES = 128 }; /* with the NUL */

/*
 * Where they are; default /proc/sys. A container may have that read-only, and the host's mounted elsewhere: what is seen
 * there belongs to the caller's network namespace all the same. Absolute; must live on. Set it before threads start.
 */
void sysctl_set_folder(const char *folder);

/* The value without the newline at its end. ERR_NOT_FOUND when there is no such key (or interface). */
int sysctl_read(const char *key, char value[static SYSCTL_VALUE_BYTES], struct err *err);
/* Writes only if the value differs; *ret_changed (may be NULL) says whether it did. */
int sysctl_write(const char *key, const char *value, bool *ret_changed, struct err *err);

#endif
