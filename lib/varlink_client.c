// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <vpcwire/clock.h>
#include <vpcwire/jsonx.h>
#include <vpcwire/mem.h>
#include <vpcwire/varlink_client.h>

enum { READ_BYTES = 64 * 1024, CONNECT_RETRY_MS = 10 };

struct varlink_client {
        int fd;
        struct varlink_queue queue;
};

static int64_t deadline_of(int timeout_ms)
{
        return timeout_ms < 0 ? INT64_MAX : clock_boottime_ms() + timeout_ms;
}

/* For poll(): -1 for ever, else what is left, at least 0. */
static int left_ms(int64_t deadline_ms)
{
        int64_t left;

        if (deadline_ms == INT64_MAX)
                return -1;
        left = deadline_ms - clock_boottime_ms();
        return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

static int wait_for(int fd, short events, int64_t deadline_ms, const char *what, struct err *err)
{
        struct pollfd poll_fd = {.fd = fd, .events = events};

        for (;;) {
                int r = poll(&poll_fd, 1, left_ms(deadline_ms));

                if (r > 0)
                        return 0;
                if (r == 0)
                        return err_set(err, ERR_TIMEOUT, "%s: ipamd did not answer in time", what);
                if (errno != EINTR)
                        return err_set_errno(err, errno, "%s: poll", what);
        }
}

/* A unix socket whose backlog is full refuses with EAGAIN, and cannot be polled for room. */
static int connect_before(int fd, const struct sockaddr_un *address, int64_t deadline_ms, struct err *err)
{
        for (;;) {
                if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
                        return 0;
                if (errno == ECONNREFUSED)
                        return err_set(err, ERR_AGAIN, "ipamd does not listen on %s", address->sun_path);
                if (errno != EAGAIN && errno != EINTR)
                        return err_set_errno(err, errno, "connect to %s", address->sun_path);
                if (left_ms(deadline_ms) == 0)
                        return err_set(err, ERR_TIMEOUT, "ipamd has too many clients on %s, and accepts none",
                                       address->sun_path);
                poll(NULL, 0, CONNECT_RETRY_MS);
        }
}

int varlink_client_connect(const char *path, int timeout_ms, struct varlink_client **ret, struct err *err)
{
        _cleanup_(varlink_client_freep) struct varlink_client *client = XNEW(struct varlink_client);
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int r;

        client->fd = -1;
        varlink_queue_init(&client->queue, VARLINK_REPLY_BYTES_MAX);
        if (path[0] == '\0' || strlen(path) >= sizeof(address.sun_path))
                return err_set(err, ERR_INVALID, "socket path '%s' has %zu bytes; a unix socket's has 1..%zu",
                               path, strlen(path), sizeof(address.sun_path) - 1);
        memcpy(address.sun_path, path, strlen(path) + 1);
        client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (client->fd < 0)
                return err_set_errno(err, errno, "make a unix socket");
        r = connect_before(client->fd, &address, deadline_of(timeout_ms), err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(client);
        return 0;
}

struct varlink_client *varlink_client_free(struct varlink_client *client)
{
        if (!client)
                return NULL;
        if (client->fd >= 0)
                close(client->fd);
        varlink_queue_done(&client->queue);
        free(client);
        return NULL;
}

static int send_call(struct varlink_client *client, const struct varlink_call *call, int64_t deadline_ms,
                     struct err *err)
{
        _cleanup_json_ json_t *message = varlink_call_new(call);
        size_t n, sent = 0;
        _cleanup_free_ char *bytes = varlink_message_format(message, &n);

        if (n > VARLINK_CALL_BYTES_MAX)
                return err_set(err, ERR_LIMIT, "%s: a call of %zu bytes; at most %d are allowed",
                               call->method, n, VARLINK_CALL_BYTES_MAX);
        while (sent < n) {
                ssize_t r = send(client->fd, bytes + sent, n - sent, MSG_NOSIGNAL);
                int waited;

                if (r >= 0) {
                        sent += (size_t)r;
                        continue;
                }
                if (errno == EPIPE || errno == ECONNRESET)
                        return 0; /* its last words may be in our buffer: the read tells */
                if (errno == EINTR)
                        continue;
                if (errno != EAGAIN)
                        return err_set_errno(err, errno, "%s: send", call->method);
                waited = wait_for(client->fd, POLLOUT, deadline_ms, call->method, err);
                if (waited < 0)
                        return waited;
        }
        return 0;
}

/* Reads once; what came is in the queue. */
static int receive_some(struct varlink_client *client, int64_t deadline_ms, struct err *err)
{
        char bytes[READ_BYTES];
        ssize_t n;
        int r;

        r = wait_for(client->fd, POLLIN, deadline_ms, "wait for the reply", err);
        if (r < 0)
                return r;
        n = recv(client->fd, bytes, sizeof(bytes), 0);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
                return 0;
        if (n == 0 || (n < 0 && errno == ECONNRESET))
                return err_set(err, ERR_AGAIN, "ipamd closed the connection before it answered");
        if (n < 0)
                return err_set_errno(err, errno, "receive the reply");
        r = varlink_queue_feed(&client->queue, bytes, (size_t)n, err);
        return r < 0 ? err_set(err, ERR_PROTOCOL, "a reply of more than %d bytes", VARLINK_REPLY_BYTES_MAX)
                     : 0;
}

static int receive_before(struct varlink_client *client, int64_t deadline_ms, json_t **ret_message,
                          struct varlink_reply *ret, struct err *err)
{
        _cleanup_json_ json_t *message = NULL;
        int r;

        for (;;) {
                r = varlink_queue_next(&client->queue, &message, err);
                if (r < 0)
                        return err_wrap(err, "the daemon's reply");
                if (message)
                        break;
                r = receive_some(client, deadline_ms, err);
                if (r < 0)
                        return r;
        }
        r = varlink_reply_parse(message, ret, err);
        if (r < 0)
                return err_wrap(err, "the daemon's reply");
        *ret_message = TAKE_PTR(message);
        return 0;
}

int varlink_client_receive(struct varlink_client *client, int timeout_ms, json_t **ret_message,
                           struct varlink_reply *ret, struct err *err)
{
        return receive_before(client, deadline_of(timeout_ms), ret_message, ret, err);
}

int varlink_client_call(struct varlink_client *client, const char *method, json_t *parameters, int timeout_ms,
                        json_t **ret_message, struct varlink_reply *ret, struct err *err)
{
        const struct varlink_call call = {.method = method, .parameters = parameters};
        int64_t deadline_ms = deadline_of(timeout_ms);
        int r = send_call(client, &call, deadline_ms, err);

        return r < 0 ? r : receive_before(client, deadline_ms, ret_message, ret, err);
}

int varlink_client_call_more(struct varlink_client *client, const char *method, json_t *parameters,
                             int timeout_ms, struct err *err)
{
        const struct varlink_call call = {.method = method, .parameters = parameters, .more = true};

        return send_call(client, &call, deadline_of(timeout_ms), err);
}
