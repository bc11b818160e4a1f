// SPDX-License-Identifier: Apache-2.0
/*
 * Network namespaces: open and compare, enter for a while, and named ones under /run/netns as `ip netns` makes them.
 * All but netns_enter() and netns_leave() may be called from any thread and leave the thread where it was.
 */
#ifndef VPCWIRE_NETNS_H
#define VPCWIRE_NETNS_H

#include <stdbool.h>

#include "cleanup.h"
#include "err.h"

#define NETNS_FOLDER "/run/netns"
enum { NETNS_NAME_BYTES = 64, NETNS_PATH_BYTES = NETNS_NAME_BYTES + sizeof(NETNS_FOLDER) }; /* with the NUL */

/*
 * Opens a namespace by path (/run/netns/x, /proc/1/ns/net). ERR_NOT_FOUND when there is nothing; ERR_INVALID when it is
 * something else: a plain file, a folder, a namespace of another type.
 */
int netns_open(const char *path, int *ret_fd, struct err *err);
/* The calling thread's. */
int netns_open_current(int *ret_fd, struct err *err);
/* Whether both are the same namespace. Both must come from netns_open*(). */
int netns_is_same(int a_fd, int b_fd, bool *ret, struct err *err);

/*
 * Enters a namespace with the calling thread and comes back at the end of the scope:
 *
 *         _cleanup_(netns_leave) struct netns_guard guard = NETNS_GUARD_NONE;
 *         r = netns_enter(fd, &guard, err);
 *
 * A thread that cannot come back aborts the program: all that it would do from then on would be in the wrong place.
 */
struct netns_guard {
        int previous_fd; /* -1: nothing to leave */
};
#define NETNS_GUARD_NONE ((struct netns_guard){-1})
int netns_enter(int fd, struct netns_guard *guard, struct err *err);
void netns_leave(struct netns_guard *guard);

/* ERR_INVALID unless 1..63 bytes of letters, digits, '.', '_' and '-' that do not begin with '.' or '-'. */
int netns_check_name(const char *name, struct err *err);
/* NETNS_FOLDER/name */
const char *netns_path(const char *name, char path[static NETNS_PATH_BYTES]);

/*
 * Makes a namespace and binds it to its name. ERR_EXISTS when the name is taken. Its loopback is down. Safe beside other
 * processes that do the same, `ip netns add` included.
 */
int netns_create(const char *name, struct err *err);
/* Takes the name away; the namespace itself lives as long as anything uses it. ERR_NOT_FOUND when there is none. */
int netns_delete(const char *name, struct err *err);

#endif
