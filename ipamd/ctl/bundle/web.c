// SPDX-License-Identifier: Apache-2.0
/* bundle: the daemon's own pages by HTTP/1.0. A library would be more than the rest of ipamctl. */
#include "ctl/bundle/bundle.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <vpcwire/bind.h>
#include <vpcwire/clock.h>

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
static int take_body(const char *where, struct text *reply, struct err *err)
{
        const char *text = reply->text ?: "", *body = strstr(text, "\r\n\r\n");

        if (strncmp(text, "HTTP/1.", 7) != 0 || !body)
                return err_set(err, ERR_PROTOCOL, "%s: this is no HTTP", where);
        if (strncmp(text + 8, " 200", 4) != 0)
                return err_set(err, ERR_UNSUPPORTED, "%s: %.*s", where, (int)strcspn(text, "\r"), text);
        body += 4;
        reply->bytes -= (size_t)(body - text);
        memmove(reply->text, body, reply->bytes + 1);
        return 0;
}

/* Until the socket can be read or written, or the time is over. */
static int wait_for(int fd, short events, int64_t until_ms, const char *where, struct err *err)
{
        int64_t left_ms = until_ms - clock_boottime_ms();
        struct pollfd ready = {.fd = fd, .events = events};
        int n = left_ms > 0 ? poll(&ready, 1, (int)left_ms) : 0;

        if (n < 0)
                return err_set_errno(err, errno, "%s", where);
        return n ? 0
                 : err_set(err, ERR_TIMEOUT, "%s: no whole answer within %d s", where, CTL_TIMEOUT_MS / 1000);
}

static int send_request(int fd, const union any_address *address, socklen_t length, const char *request,
                        int64_t until_ms, const char *where, struct err *err)
{
        int e = 0;

        if (connect(fd, &address->any, length) < 0 && errno != EINPROGRESS)
                return err_set_errno(err, errno, "%s", where);
        if (wait_for(fd, POLLOUT, until_ms, where, err) < 0)
                return -(int)err->code;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &(socklen_t){sizeof(e)}) < 0 || e)
                return err_set_errno(err, e ?: errno, "%s", where);
        if (send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request))
                return err_set_errno(err, errno, "%s", where);
        return 0;
}

static int read_reply(int fd, int64_t until_ms, const char *where, struct text *ret, struct err *err)
{
        char piece[8192];
        ssize_t n = 1;

        while (n > 0) {
                if (wait_for(fd, POLLIN, until_ms, where, err) < 0)
                        return -(int)err->code;
                n = read(fd, piece, sizeof(piece));
                if (n < 0)
                        return err_set_errno(err, errno, "%s", where);
                text_add_bytes(ret, piece, (size_t)n);
                if (ret->bytes > BUNDLE_TEXT_BYTES_MAX)
                        return err_set(err, ERR_LIMIT, "%s: more than %d bytes", where,
                                       BUNDLE_TEXT_BYTES_MAX);
        }
        return 0;
}

int bundle_get(const char *bind, const char *path, char **ret, size_t *ret_n, struct err *err)
{
        const int64_t until_ms = clock_boottime_ms() + CTL_TIMEOUT_MS;
        _cleanup_free_ char *request = xasprintf("GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", path);
        _cleanup_free_ char *where = xasprintf("http %s%s", bind, path);
        _cleanup_(text_done) struct text reply = {0};
        _cleanup_close_ int fd = -1;
        union any_address address;
        struct bind parsed;
        socklen_t length;

        if (bind_parse(bind, &parsed, err) < 0)
                return -(int)err->code;
        length = address_of(&parsed, &address);
        fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return err_set_errno(err, errno, "%s", where);
        if (send_request(fd, &address, length, request, until_ms, where, err) < 0 ||
            read_reply(fd, until_ms, where, &reply, err) < 0 || take_body(where, &reply, err) < 0)
                return -(int)err->code;
        *ret_n = reply.bytes;
        *ret = TAKE_PTR(reply.text);
        return 0;
}
