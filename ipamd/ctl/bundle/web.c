// SPDX-License-Identifier: Apache-2.0
/* bundle: the daemon's own pages by HTTP/1.0. A library would be more than the rest of ipamctl. */
#include "ctl/bundle/bundle.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <vpcwire/bind.h>
#include <vpcwire/file.h>

union any_address {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un un;
};

/* Of a server that listens on every address, the host's own. Returns the length. */
static socklen_t address_of(const struct bind *bind, union any_address *ret)
{
        *ret = (union any_address){0};
        if (*bind->path) {
                ret->un.sun_family = AF_UNIX;
                memcpy(ret->un.sun_path, bind->path, sizeof(bind->path));
                return sizeof(ret->un);
        }
        if (bind->address.family == AF_INET6) {
                ret->v6.sin6_family = AF_INET6;
                ret->v6.sin6_port = htons(bind->port);
                memcpy(&ret->v6.sin6_addr, bind->address.bytes, sizeof(ret->v6.sin6_addr));
                return sizeof(ret->v6);
        }
        ret->v4.sin_family = AF_INET;
        ret->v4.sin_port = htons(bind->port);
        if (ip_is_set(bind->address))
                memcpy(&ret->v4.sin_addr, bind->address.bytes, sizeof(ret->v4.sin_addr));
        else
                ret->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return sizeof(ret->v4);
}

/* "HTTP/1.1 200 OK", lines, an empty line, the body, which is moved to the front. */
static int take_body(const char *where, char *reply, size_t *n, struct err *err)
{
        char *body = strstr(reply, "\r\n\r\n");

        if (strncmp(reply, "HTTP/1.", 7) != 0 || !body)
                return err_set(err, ERR_PROTOCOL, "%s: this is no HTTP", where);
        if (strncmp(reply + 8, " 200", 4) != 0)
                return err_set(err, ERR_UNSUPPORTED, "%s: %.*s", where, (int)strcspn(reply, "\r"), reply);
        body += 4;
        *n -= (size_t)(body - reply);
        memmove(reply, body, *n + 1);
        return 0;
}

int bundle_get(const char *bind, const char *path, char **ret, size_t *ret_n, struct err *err)
{
        const struct timeval patience = {.tv_sec = CTL_TIMEOUT_MS / 1000};
        _cleanup_free_ char *request = xasprintf("GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", path);
        _cleanup_free_ char *where = xasprintf("http %s%s", bind, path), *reply = NULL;
        _cleanup_close_ int fd = -1;
        union any_address address;
        struct bind parsed;
        socklen_t length;
        size_t n;

        if (bind_parse(bind, &parsed, err) < 0)
                return -(int)err->code;
        length = address_of(&parsed, &address);
        fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
            connect(fd, &address.any, length) < 0 ||
            send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request))
                return err_set_errno(err, errno, "%s", where);
        if (file_read_fd(fd, where, BUNDLE_TEXT_BYTES_MAX, &reply, &n, err) < 0 ||
            take_body(where, reply, &n, err) < 0)
                return -(int)err->code;
        *ret = TAKE_PTR(reply);
        *ret_n = n;
        return 0;
}
