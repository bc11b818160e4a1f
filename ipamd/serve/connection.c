// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include <vpcwire/clock.h>
#include <vpcwire/jsonx.h>
#include <vpcwire/log.h>

#include "serve/connection.h"
#include "serve/listen.h"

enum { READ_BYTES = 16 * 1024 };

struct outgoing {
        uv_write_t write;
        struct connection *connection;
        char *bytes;
};

static void on_closed(uv_handle_t *handle)
{
        struct connection *connection = handle->data;
        struct serve *serve = connection->serve;

        if (--connection->handles > 0)
                return;
        varlink_queue_done(&connection->queue);
        free(connection);
        serve_released(serve);
}

void connection_close(struct connection *connection)
{
        struct serve *serve = connection->serve;

        if (connection->closing)
                return;
        connection->closing = true;
        serve->hooks.closed(connection);
        if (connection->previous)
                connection->previous->next = connection->next;
        else
                serve->connections = connection->next;
        if (connection->next)
                connection->next->previous = connection->previous;
        serve->n_connections--;
        uv_close((uv_handle_t *)&connection->pipe, on_closed);
        uv_close((uv_handle_t *)&connection->idle, on_closed);
}

static void on_idle(uv_timer_t *timer)
{
        connection_close(timer->data);
}

/* Runs between calls only: one that is parked has its own deadline, and a watcher may stay. */
static void arm_idle(struct connection *connection)
{
        connection->active_ms = clock_boottime_ms();
        if (!connection->closing)
                uv_timer_start(&connection->idle, on_idle, (uint64_t)connection->serve->options.idle_ms, 0);
}

size_t connection_unsent(const struct connection *connection)
{
        return uv_stream_get_write_queue_size((const uv_stream_t *)&connection->pipe);
}

/* A call of it waits for its answer, or answers come without an end. */
static bool is_in_work(const struct connection *connection)
{
        return connection->parked || connection->probing || connection->watching;
}

/* Takes calls one after the other, as long as each is answered at once and the peer takes the answers. */
static void take_calls(struct connection *connection)
{
        while (!connection->closing && !connection->hangup && !is_in_work(connection) &&
               connection_unsent(connection) <= SERVE_UNSENT_BYTES_MAX) {
                _cleanup_json_ json_t *message = NULL;
                struct varlink_call call;
                struct err err;

                if (varlink_queue_next(&connection->queue, &message, &err) < 0 ||
                    (message && varlink_call_parse(message, &call, &err) < 0)) {
                        log_warn("rpc peer sent bad bytes", LOG_ERR(&err), LOG_INT("pid", connection->pid));
                        connection_close(connection);
                        return;
                }
                if (!message)
                        return;
                uv_timer_stop(&connection->idle);
                connection->serve->hooks.call(connection, &call);
                if (!is_in_work(connection))
                        arm_idle(connection);
        }
}

void connection_answered(struct connection *connection)
{
        /* Calls that came in meanwhile are taken when the answer is out: see on_written(). */
        arm_idle(connection);
}

static void on_written(uv_write_t *write, int status)
{
        struct outgoing *outgoing = write->data;
        struct connection *connection = outgoing->connection;

        free(outgoing->bytes);
        free(outgoing);
        if (status < 0 || (connection->hangup && connection_unsent(connection) == 0)) {
                connection_close(connection);
                return;
        }
        connection->serve->hooks.writable(connection);
        take_calls(connection);
}

void connection_reply(struct connection *connection, const struct varlink_reply *reply)
{
        _cleanup_json_ json_t *message = NULL;
        struct outgoing *outgoing;
        size_t n;

        if (connection->closing)
                return;
        message = varlink_reply_new(reply);
        outgoing = XNEW(struct outgoing);
        outgoing->connection = connection;
        outgoing->bytes = varlink_message_format(message, &n);
        outgoing->write.data = outgoing;
        if (uv_write(&outgoing->write, (uv_stream_t *)&connection->pipe,
                     &(uv_buf_t){.base = outgoing->bytes, .len = n}, 1, on_written) < 0) {
                free(outgoing->bytes);
                free(outgoing);
                connection_close(connection);
        }
}

static void refuse_stranger(struct connection *connection)
{
        connection_reply(connection, &(struct varlink_reply){.error = VARLINK_PERMISSION_DENIED});
        connection->hangup = true;
        uv_read_stop((uv_stream_t *)&connection->pipe);
}

static void on_alloc(uv_handle_t *handle _unused_, size_t suggested _unused_, uv_buf_t *ret)
{
        static char
                bytes[READ_BYTES]; /* the loop's thread uses it until on_read() returns, and nobody else */

        *ret = uv_buf_init(bytes, sizeof(bytes));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
        struct connection *connection = stream->data;
        struct err err;

        if (n == 0)
                return; /* EAGAIN */
        if (n < 0) {
                connection_close(connection);
                return;
        }
        if (connection->denied) {
                refuse_stranger(connection);
                return;
        }
        if (varlink_queue_feed(&connection->queue, buffer->base, (size_t)n, &err) < 0) {
                log_warn("rpc peer sent too much", LOG_ERR(&err), LOG_INT("pid", connection->pid));
                connection_close(connection);
                return;
        }
        take_calls(connection);
}

/* The one that has been idle for longest makes room; a call in work or a watcher never does. */
static bool make_room(struct serve *serve)
{
        struct connection *oldest = NULL;

        if (serve->n_connections < serve->options.connections_max)
                return true;
        for (struct connection *c = serve->connections; c; c = c->next)
                if (!is_in_work(c) && (!oldest || c->active_ms <= oldest->active_ms))
                        oldest = c;
        if (oldest)
                connection_close(oldest);
        return oldest;
}

void connection_accept(struct serve *serve)
{
        struct connection *connection = XNEW(struct connection);
        bool room = make_room(serve);
        uv_os_fd_t fd;

        connection->serve = serve;
        varlink_queue_init(&connection->queue, VARLINK_CALL_BYTES_MAX);
        uv_pipe_init(serve->loop, &connection->pipe, 0);
        uv_timer_init(serve->loop, &connection->idle);
        connection->pipe.data = connection;
        connection->idle.data = connection;
        connection->handles = 2;
        connection->next = serve->connections;
        if (connection->next)
                connection->next->previous = connection;
        serve->connections = connection;
        serve->n_connections++;
        serve->handles++;
        if (uv_accept((uv_stream_t *)&serve->listener, (uv_stream_t *)&connection->pipe) < 0 || !room ||
            uv_fileno((const uv_handle_t *)&connection->pipe, &fd) < 0 ||
            uv_read_start((uv_stream_t *)&connection->pipe, on_alloc, on_read) < 0) {
                connection_close(connection);
                return;
        }
        connection->denied = !listen_peer_allowed(fd, &connection->pid);
        arm_idle(connection);
}
