// SPDX-License-Identifier: Apache-2.0
/* Where a server listens, as people write it: "127.0.0.1:61679", "[::1]:80", ":61678" (every address), "unix:/run/x". */
#ifndef VPCWIRE_BIND_H
#define VPCWIRE_BIND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

#include "addr.h"

enum { BIND_PATH_BYTES = sizeof(((struct sockaddr_un *)NULL)->sun_path) };

struct bind {
        char path[BIND_PATH_BYTES]; /* of the unix socket; "": TCP */
        struct ip address;          /* IP_NONE: every address of the host, of both families */
        uint16_t port;
};

/* ERR_INVALID quotes the text and says what is allowed. "localhost" is 127.0.0.1; no other name is known here. */
int bind_parse(const char *text, struct bind *ret, struct err *err);
/* Whether only this host can reach it: a unix socket, 127.0.0.0/8 (RFC 1122, 3.2.1.3), ::1. */
bool bind_is_local(const struct bind *bind);

#endif
