// SPDX-License-Identifier: Apache-2.0
/* The listening socket of a web server, TCP or unix. No loop in here. */
#ifndef IPAMD_SERVE_WEB_LISTEN_H
#define IPAMD_SERVE_WEB_LISTEN_H

#include <vpcwire/bind.h>

#include "serve/listen.h"

enum { WEB_BACKLOG = 32 };

struct web_listener {
        int fd;                      /* -1: none */
        struct listen_socket socket; /* of a unix socket: its file */
        char path[BIND_PATH_BYTES];  /* "": TCP */
};

/* Non-blocking. A unix socket is made as listen_unix() promises. */
int web_listen(const struct bind *bind, struct web_listener *ret, struct err *err);

/* Takes a unix socket's file away; closes the descriptor where nobody else owns it. */
void web_unlisten(struct web_listener *listener, bool close_fd);

#endif
