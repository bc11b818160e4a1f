// SPDX-License-Identifier: Apache-2.0
/* See control.h. The commands themselves are in control_command.c. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <vpcwire/jsonx.h>

#include "control.h"
#include "control_client.h"

enum { LISTEN_BACKLOG = 16, EVENTS_PER_DISPATCH = 16 };

/* One request is answered before the next is read: what a client can make us hold is one line and one reply. */
struct client {
        int fd; /* -1: the place is free */
        bool closing;
        char *line;
        size_t line_bytes;
        struct text reply;
        size_t reply_sent;
};

struct control {
        int epoll_fd, listen_fd;
        char *path; /* NULL until the socket is ours */
        struct control_target *target;
        struct client clients[CONTROL_CLIENTS_MAX];
};

/* Only a socket that refuses connections is dead: anything else at that path belongs to somebody. */
static int remove_dead_socket(const struct sockaddr_un *address, struct err *err)
{
        struct stat st;
        struct err refused;
        int fd;

        if (lstat(address->sun_path, &st) < 0)
                return errno == ENOENT ? 0 : err_set_errno(err, errno, "look at %s", address->sun_path);
        if (!S_ISSOCK(st.st_mode))
                return err_set(err, ERR_EXISTS, "%s exists and is no socket", address->sun_path);
        fd = control_connect(address, &refused);
        if (fd >= 0) {
                close(fd);
                return err_set(err, ERR_BUSY, "another process listens on %s", address->sun_path);
        }
        if (refused.sys_errno != ECONNREFUSED) {
                if (err)
                        *err = refused;
                return fd;
        }
        if (unlink(address->sun_path) < 0)
                return err_set_errno(err, errno, "remove the dead socket %s", address->sun_path);
        return 0;
}

static int control_listen(struct control *control, const char *path, struct err *err)
{
        struct sockaddr_un address;
        int r;

        r = control_address(path, &address, err);
        if (r == 0)
                r = remove_dead_socket(&address, err);
        if (r < 0)
                return r;
        control->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        /* bind() takes the mode of the socket for the file; so it never exists with another. */
        if (control->listen_fd < 0 || fchmod(control->listen_fd, 0600) < 0)
                return err_set_errno(err, errno, "make a socket");
        if (bind(control->listen_fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return err_set_errno(err, errno, "bind to %s", path);
        control->path = xstrdup(path);
        if (listen(control->listen_fd, LISTEN_BACKLOG) < 0)
                return err_set_errno(err, errno, "listen on %s", path);
        return 0;
}

int control_new(const char *path, struct control_target *target, struct control **ret, struct err *err)
{
        _cleanup_(control_freep) struct control *control = XNEW(struct control);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
        int r;

        control->listen_fd = -1;
        control->target = target;
        for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
                control->clients[i].fd = -1;
        control->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (control->epoll_fd < 0)
                return err_set_errno(err, errno, "make an epoll");
        r = control_listen(control, path, err);
        if (r < 0)
                return err_wrap(err, "control socket");
        if (epoll_ctl(control->epoll_fd, EPOLL_CTL_ADD, control->listen_fd, &event) < 0)
                return err_set_errno(err, errno, "watch the control socket");
        *ret = TAKE_PTR(control);
        return 0;
}

static void client_close(struct client *client)
{
        if (client->fd >= 0)
                close(client->fd); /* which takes it out of the epoll */
        free(client->line);
        text_done(&client->reply);
        *client = (struct client){.fd = -1};
}

struct control *control_free(struct control *control)
{
        if (!control)
                return NULL;
        for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
                client_close(&control->clients[i]);
        cleanup_closep(&control->listen_fd);
        cleanup_closep(&control->epoll_fd);
        if (control->path)
                unlink(control->path);
        free(control->path);
        free(control);
        return NULL;
}

int control_fd(const struct control *control)
{
        return control->epoll_fd;
}

static void client_answer(struct client *client, json_t *reply)
{
        _cleanup_free_ char *text = json_dumps(reply, JSON_COMPACT);

        text_add(&client->reply, "%s\n", text);
        json_decref(reply);
}

/* Returns 1 when a request was taken off the line, 0 when there is no whole one yet. */
static int client_take_request(struct client *client, struct control_target *target)
{
        char *end = memchr(client->line, '\n', client->line_bytes);
        size_t taken;

        if (end) {
                taken = (size_t)(end + 1 - client->line);
                client_answer(client, control_command_run(target, client->line, taken - 1));
                client->line_bytes -= taken;
                memmove(client->line, end + 1, client->line_bytes);
                return 1;
        }
        if (client->line_bytes < CONTROL_LINE_BYTES_MAX)
                return 0;
        client_answer(client, json_pack("{s:b, s:s, s:i}", "ok", false, "error", "the line is too long",
                                        "max_bytes", CONTROL_LINE_BYTES_MAX));
        client->closing = true;
        return 1;
}

/* Returns 1 when all is sent, 0 when the socket is full, -1 when the client is gone. */
static int client_flush(struct client *client)
{
        while (client->reply_sent < client->reply.bytes) {
                ssize_t n = send(client->fd, client->reply.text + client->reply_sent,
                                 client->reply.bytes - client->reply_sent, MSG_NOSIGNAL | MSG_DONTWAIT);

                if (n < 0 && errno == EAGAIN)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return -1;
                if (n > 0)
                        client->reply_sent += (size_t)n;
        }
        text_done(&client->reply);
        client->reply = (struct text){0};
        client->reply_sent = 0;
        return 1;
}

/* Goes on until the client would block. Returns the events to wait for, or 0 when it is to be closed. */
static uint32_t client_serve(struct client *client, struct control_target *target)
{
        for (;;) {
                int flushed = client_flush(client);
                ssize_t n;

                if (flushed <= 0)
                        return flushed < 0 ? 0 : EPOLLOUT;
                if (client->closing)
                        return 0;
                if (client_take_request(client, target))
                        continue;
                n = recv(client->fd, client->line + client->line_bytes,
                         CONTROL_LINE_BYTES_MAX - client->line_bytes, MSG_DONTWAIT);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 && errno == EAGAIN ? EPOLLIN : 0;
                client->line_bytes += (size_t)n;
        }
}

static void control_accept(struct control *control)
{
        static const char full[] = "{\"ok\":false,\"error\":\"too many connections\"}\n";
        struct epoll_event event = {.events = EPOLLIN};
        int fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0)
                return;
        for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
                struct client *client = &control->clients[i];

                if (client->fd >= 0)
                        continue;
                client->fd = fd;
                client->line = xcalloc(1, CONTROL_LINE_BYTES_MAX);
                event.data.ptr = client;
                if (epoll_ctl(control->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
                        client_close(client);
                return;
        }
        (void)send(fd, full, sizeof(full) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        close(fd);
}

void control_dispatch(struct control *control)
{
        struct epoll_event events[EVENTS_PER_DISPATCH];
        int n = epoll_wait(control->epoll_fd, events, EVENTS_PER_DISPATCH, 0);

        for (int i = 0; i < n; i++) {
                struct client *client = events[i].data.ptr;
                struct epoll_event wanted = {.data.ptr = client};

                if (!client) {
                        control_accept(control);
                        continue;
                }
                wanted.events = client_serve(client, control->target);
                if (!wanted.events || epoll_ctl(control->epoll_fd, EPOLL_CTL_MOD, client->fd, &wanted) < 0)
                        client_close(client);
        }
}
