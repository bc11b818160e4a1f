// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/listen.h"

static socklen_t address_of(const struct bind *bind, int family, struct sockaddr_storage *ret)
{
        struct sockaddr_in *four = (struct sockaddr_in *)ret;
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;

        *ret = (struct sockaddr_storage){.ss_family = (sa_family_t)family};
        if (family == AF_INET) {
                four->sin_port = htons(bind->port);
                memcpy(&four->sin_addr, bind->address.bytes, sizeof(four->sin_addr));
                return sizeof(*four);
        }
        six->sin6_port = htons(bind->port);
        memcpy(&six->sin6_addr, bind->address.bytes, sizeof(six->sin6_addr));
        return sizeof(*six);
}

static int listen_tcp(const struct bind *to, int family, int *ret, struct err *err)
{
        _cleanup_close_ int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int on = 1, off = 0;
        struct sockaddr_storage address;
        socklen_t n = address_of(to, family, &address);

        if (fd < 0)
                return err_set_errno(err, errno, "make a TCP socket");
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (family == AF_INET6)
                setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
        if (bind(fd, (const struct sockaddr *)&address, n) < 0 || listen(fd, HTTP_BACKLOG) < 0)
                return err_set_errno(err, errno, "listen on %s port %u",
                                     ip_is_set(to->address) ? IP_TEXT(to->address) : "every address",
                                     to->port);
        *ret = TAKE_FD(fd);
        return 0;
}

int http_listen(const struct bind *bind, struct http_listener *ret, struct err *err)
{
        struct http_listener listener = {.fd = -1};
        int r;

        if (bind->path[0]) {
                r = listen_unix(bind->path, HTTP_BACKLOG, &listener.socket, err);
                if (r < 0)
                        return r;
                listener.fd = listener.socket.fd;
                memcpy(listener.path, bind->path, sizeof(listener.path));
        } else {
                /* One socket for both families; a kernel without IPv6 has one for IPv4. */
                r = listen_tcp(bind, ip_is_set(bind->address) ? bind->address.family : AF_INET6, &listener.fd,
                               err);
                if (r < 0 && !ip_is_set(bind->address))
                        r = listen_tcp(bind, AF_INET, &listener.fd, err);
                if (r < 0)
                        return r;
        }
        *ret = listener;
        return 0;
}

void http_unlisten(struct http_listener *listener, bool close_fd)
{
        if (listener->fd < 0)
                return;
        if (listener->path[0])
                listen_remove(listener->path, listener->socket.device, listener->socket.inode);
        if (close_fd)
                close(listener->fd);
        listener->fd = -1;
}
