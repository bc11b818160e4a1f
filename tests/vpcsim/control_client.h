// SPDX-License-Identifier: Apache-2.0
/* The end of the control socket that asks: vpcsim ctl. */
#ifndef VPCSIM_CONTROL_CLIENT_H
#define VPCSIM_CONTROL_CLIENT_H

#include <sys/un.h>

#include <vpcwire/err.h>

/* ERR_INVALID when the path is empty or too long for a socket. */
int control_address(const char *path, struct sockaddr_un *ret, struct err *err);
/* Returns a connected socket, the caller's, or a negative code. */
int control_connect(const struct sockaddr_un *address, struct err *err);

/*
 * Sends one request line (without its newline) and waits for the reply line, which is the caller's, without its newline.
 * ERR_TIMEOUT after timeout_ms, ERR_PROTOCOL when the connection ends before.
 */
int control_call(const char *path, const char *request, int timeout_ms, char **ret_reply, struct err *err);

#endif
