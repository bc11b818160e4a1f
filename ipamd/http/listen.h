// SPDX-License-Identifier: Apache-2.0
/* The listening socket of a HTTP server, TCP or unix. No loop in here. */
#ifndef IPAMD_HTTP_LISTEN_H
#define IPAMD_HTTP_LISTEN_H

#include <vpcwire/bind.h>

#include <vpcwire/listen.h>

enum { HTTP_BACKLOG = 32 };

struct http_listener {
        int fd;                      /* -1: none */
        struct listen_socket socket; /* of a unix socket: its file */
        char path[BIND_PATH_BYTES];  /* "": TCP */
};

/* Non-blocking. A unix socket is made as listen_unix() promises. */
int http_listen(const struct bind *bind, struct http_listener *ret, struct err *err);

/* Takes a unix socket's file away; closes the descriptor where nobody else owns it. */
void http_unlisten(struct http_listener *listener, bool close_fd);

#endif
