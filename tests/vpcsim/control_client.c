// SPDX-License-Identifier: Apache-2.0
/* See control_client.h. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <vpcwire/clock.h>
#include <vpcwire/mem.h>

#include "control_client.h"

int control_address(const char *path, struct sockaddr_un *ret, struct err *err)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        size_t n = strlen(path);

        if (n == 0 || n >= sizeof(address.sun_path))
                return err_set(err, ERR_INVALID, "socket path '%s' has %zu bytes; 1..%zu are allowed", path,
                               n, sizeof(address.sun_path) - 1);
        memcpy(address.sun_path, path, n);
        *ret = address;
        return 0;
}

int control_connect(const struct sockaddr_un *address, struct err *err)
{
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return err_set_errno(err, errno, "make a socket");
        if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
                return err_set_errno(err, errno, "connect to %s", address->sun_path);
        return TAKE_FD(fd);
}

/* Waits for events on fd until the deadline. */
static int wait_for(int fd, short events, int64_t deadline_ms, struct err *err)
{
        struct pollfd poll_fd = {.fd = fd, .events = events};
        int64_t left_ms = deadline_ms - clock_boottime_ms();
        int n = left_ms > 0 ? poll(&poll_fd, 1, (int)left_ms) : 0;

        if (n < 0 && errno != EINTR)
                return err_set_errno(err, errno, "wait for the control socket");
        if (n == 0)
                return err_set(err, ERR_TIMEOUT, "no reply in time");
        return 0;
}

static int send_line(int fd, const char *request, int64_t deadline_ms, struct err *err)
{
        _cleanup_free_ char *line = xasprintf("%s\n", request);
        size_t bytes = strlen(line);

        for (size_t sent = 0; sent < bytes;) {
                ssize_t n;
                int r = wait_for(fd, POLLOUT, deadline_ms, err);

                if (r < 0)
                        return r;
                n = send(fd, line + sent, bytes - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n < 0 && errno != EAGAIN && errno != EINTR)
                        return err_set_errno(err, errno, "send");
                if (n > 0)
                        sent += (size_t)n;
        }
        return 0;
}

static int receive_line(int fd, int64_t deadline_ms, char **ret, struct err *err)
{
        _cleanup_(text_done) struct text reply = {0};

        for (;;) {
                char chunk[4096];
                ssize_t n;
                int r = wait_for(fd, POLLIN, deadline_ms, err);

                if (r < 0)
                        return r;
                n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT);
                if (n < 0 && errno != EAGAIN && errno != EINTR)
                        return err_set_errno(err, errno, "receive");
                if (n == 0)
                        return err_set(err, ERR_PROTOCOL, "the connection ended before the reply did");
                if (n < 0)
                        continue;
                text_add_bytes(&reply, chunk, (size_t)n);
                if (chunk[n - 1] != '\n')
                        continue;
                reply.text[reply.bytes - 1] = '\0';
                *ret = TAKE_PTR(reply.text);
                return 0;
        }
}

int control_call(const char *path, const char *request, int timeout_ms, char **ret_reply, struct err *err)
{
        struct sockaddr_un address;
        _cleanup_close_ int fd = -1;
        int64_t deadline_ms = clock_boottime_ms() + timeout_ms;
        int r;

        r = control_address(path, &address, err);
        if (r < 0)
                return r;
        fd = control_connect(&address, err);
        if (fd < 0)
                return fd;
        r = send_line(fd, request, deadline_ms, err);
        if (r == 0)
                r = receive_line(fd, deadline_ms, ret_reply, err);
        return r < 0 ? err_wrap(err, "control socket %s", path) : 0;
}
