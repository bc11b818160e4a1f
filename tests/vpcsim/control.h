// SPDX-License-Identifier: Apache-2.0
/*
 * The control socket: tests and people change the world and read what it counted. One JSON object per line, one reply
 * per line; see README.md. Bad input gets an error reply, or costs its sender the connection; never the process.
 * Single-threaded: everything happens in control_dispatch(), called when control_fd() is readable.
 */
#ifndef VPCSIM_CONTROL_H
#define VPCSIM_CONTROL_H

#include <vpcwire/err.h>
#include <vpcwire/mem.h>

#include "control_command.h"

struct control;

enum {
        CONTROL_LINE_BYTES_MAX = 64 * 1024, /* a request, with its newline */
        CONTROL_CLIENTS_MAX = 32,
};

/*
 * target is borrowed. Listens on path (mode 0600). The socket of a dead process is replaced; ERR_BUSY when a living
 * one answers there, ERR_EXISTS when something else is there.
 */
int control_new(const char *path, struct control_target *target, struct control **ret, struct err *err);
struct control *control_free(struct control *control);
DEFINE_CLEANUP(struct control *, control_free)

int control_fd(const struct control *control); /* for poll(): readable when there is something to do */
void control_dispatch(struct control *control);

#endif
