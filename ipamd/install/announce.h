// SPDX-License-Identifier: Apache-2.0
/*
 * Tells the container runtime that this node has a network, by putting the conflist onto the host once the daemon can
 * serve, and again should somebody take it away. It stays when the daemon stops: a restart follows, and pods that are
 * added meanwhile are told to try again. `ipamd uninstall` withdraws it for good, and `ipamd install` for a boot in which
 * no daemon has served yet. Loop thread.
 */
#ifndef IPAMD_INSTALL_ANNOUNCE_H
#define IPAMD_INSTALL_ANNOUNCE_H

#include <uv.h>

#include "install/install.h"

struct announce;

struct announce_options {
        struct install_paths paths;   /* the strings must live as long as the announce */
        const char *marker;           /* file that names the boot in which a daemon served first; copied */
        bool (*is_ready)(void *data); /* can an ADD be served? */
        void *data;
};

/* ERR_INVALID at once when the conflist that is to be installed would not work. */
int announce_new(uv_loop_t *loop, const struct announce_options *options, struct announce **ret,
                 struct err *err);
/* Something changed that may have made the daemon ready. */
void announce_check(struct announce *announce);
/* The memory goes when the loop has run its close callbacks. Returns NULL. */
struct announce *announce_free(struct announce *announce);

/* Was it made in this boot? An unreadable marker means no. */
bool announce_was_made(const char *marker);

#endif
