// SPDX-License-Identifier: Apache-2.0
/* The listening socket's file, and who may connect. No loop in here. */
#ifndef VPCWIRE_LISTEN_H
#define VPCWIRE_LISTEN_H

#include <stdbool.h>
#include <sys/types.h>

#include <vpcwire/err.h>

struct listen_socket {
        int fd; /* the caller's */
        dev_t device;
        ino_t inode;
};

/* Binds (mode 0600, folder made) and listens, in a folder that is made; a socket that is left over is replaced, one that somebody answers on is ERR_BUSY, another kind of file ERR_EXISTS. */
int listen_unix(const char *path, int backlog, struct listen_socket *ret, struct err *err);

/* Whether listen_unix() could have the path: ERR_BUSY where another program answers on it. Makes the folder, and no more. */
int listen_prepare(const char *path, struct err *err);

/* Removes the socket's file if it is still the one that listen_unix() made. */
void listen_remove(const char *path, dev_t device, ino_t inode);

/* Whether the peer is root or our own user. *ret_pid is the peer's. */
bool listen_peer_allowed(int fd, pid_t *ret_pid);

#endif
