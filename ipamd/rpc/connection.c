// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include <vpcwire/clock.h>
#include <vpcwire/jsonx.h>
#include <vpcwire/listen.h>
#include <vpcwire/log.h>
#include <vpcwire/loop_room.h>

#include "rpc/connection.h"

enum { READ_BYTES = 16 * 1024 };

struct outgoing {
        uv_write_t write;
        struct connection *connection;
        char *bytes;
};

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret);
static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer);

static void on_closed(uv_handle_t *handle)
{
        struct connection *connection = handle->data;
        struct rpc *rpc = connection->rpc;

        if (--connection->handles > 0)
                return;
        varlink_queue_done(&connection->queue);
        free(connection);
        rpc_released(rpc);
}

void connection_close(struct connection *connection)
{
        struct rpc *rpc = connection->rpc;

        if (connection->closing)
                return;
        connection->closing = true;
        rpc->hooks.closed(connection);
        if (connection->previous)
                connection->previous->next = connection->next;
        else
                rpc->connections = connection->next;
        if (connection->next)
                connection->next->previous = connection->previous;
        rpc->n_connections--;
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
                uv_timer_start(&connection->idle, on_idle, (uint64_t)connection->rpc->options.idle_ms, 0);
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

/* Bytes that are no call get an answer, too, before the peer is cut off: what it sent behind them cannot be told apart. */
static void refuse_bytes(struct connection *connection, const struct err *why)
{
        _cleanup_json_ json_t *parameters = json_object();

        log_warn("rpc client sent a malformed message", LOG_ERR(why), LOG_INT("pid", connection->pid));
        json_object_set_new(parameters, "parameter", jsonx_string(why->msg));
        connection->hangup = true;
        uv_read_stop((uv_stream_t *)&connection->pipe);
        connection_reply(connection, &(struct varlink_reply){.error = VARLINK_INVALID_PARAMETER,
                                                             .parameters = parameters});
}

/* One who sends many calls at once waits for the others' after some of them. */
static bool has_had_its_turn(struct connection *connection)
{
        struct rpc *rpc = connection->rpc;

        if (connection->turn != rpc->turn)
                connection->n_taken = 0;
        connection->turn = rpc->turn;
        return connection->n_taken >= RPC_CALLS_PER_TURN;
}

static bool start_reading(struct connection *connection)
{
        uv_os_fd_t fd;

        return uv_fileno((const uv_handle_t *)&connection->pipe, &fd) == 0 &&
               loop_room(connection->rpc->loop, fd) &&
               uv_read_start((uv_stream_t *)&connection->pipe, on_alloc, on_read) == 0;
}

/* Of a peer whose calls wait here no more is read than may wait: it is slowed down where it writes. */
static void read_what_may_wait(struct connection *connection)
{
        bool full = varlink_queue_room(&connection->queue) < READ_BYTES &&
                    varlink_queue_has_message(&connection->queue);

        if (connection->closing || connection->hangup || full == connection->full)
                return;
        connection->full = full;
        if (full)
                uv_read_stop((uv_stream_t *)&connection->pipe);
        else if (!start_reading(connection))
                connection_close(connection);
}

/* The next call that is there; false: there is none. */
static bool take_call(struct connection *connection)
{
        _cleanup_json_ json_t *message = NULL;
        struct varlink_call call;
        struct err err;

        if (varlink_queue_next(&connection->queue, &message, &err) < 0 ||
            (message && varlink_call_parse(message, &call, &err) < 0)) {
                refuse_bytes(connection, &err);
                return false;
        }
        if (!message)
                return false;
        connection->n_taken++;
        uv_timer_stop(&connection->idle);
        connection->rpc->hooks.call(connection, &call);
        if (!is_in_work(connection))
                arm_idle(connection);
        return true;
}

/* Takes calls of those who had theirs in the last turn and sent more. */
static void next_turn(uv_idle_t *idle);

/* Takes calls one after the other, as long as each is answered at once and the peer takes the answers. */
static void take_calls(struct connection *connection)
{
        while (!connection->closing && !connection->hangup && !is_in_work(connection) &&
               connection_unsent(connection) <= RPC_UNSENT_BYTES_MAX) {
                if (has_had_its_turn(connection)) {
                        connection->behind = true;
                        uv_idle_start(&connection->rpc->next_turn, next_turn);
                        break;
                }
                if (!take_call(connection))
                        break;
        }
        read_what_may_wait(connection);
}

/* Calls may end the connection that made them, and others: each is looked for anew. */
static struct connection *find_behind(struct rpc *rpc)
{
        for (struct connection *c = rpc->connections; c; c = c->next)
                if (c->behind && c->turn != rpc->turn)
                        return c;
        return NULL;
}

static void next_turn(uv_idle_t *idle)
{
        struct rpc *rpc = idle->data;
        struct connection *c;

        rpc->turn++;
        uv_idle_stop(idle);
        while ((c = find_behind(rpc))) {
                c->behind = false;
                take_calls(c);
        }
}

void connection_begin_turn(struct rpc *rpc)
{
        rpc->turn++;
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
        connection->rpc->hooks.writable(connection);
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

static void refuse_foreign(struct connection *connection)
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
                refuse_foreign(connection);
                return;
        }
        if (varlink_queue_feed(&connection->queue, buffer->base, (size_t)n, &err) < 0) {
                refuse_bytes(connection, &err);
                return;
        }
        take_calls(connection);
}

/* The one that has been idle for longest makes room; a call in work or a watcher never does. */
static bool make_room(struct rpc *rpc)
{
        struct connection *oldest = NULL;

        if (rpc->n_connections < rpc->options.connections_max)
                return true;
        for (struct connection *c = rpc->connections; c; c = c->next)
                if (!is_in_work(c) && (!oldest || c->active_ms <= oldest->active_ms))
                        oldest = c;
        if (oldest)
                connection_close(oldest);
        return oldest;
}

void connection_accept(struct rpc *rpc)
{
        struct connection *connection = XNEW(struct connection);
        bool room = make_room(rpc);
        uv_os_fd_t fd;

        connection->rpc = rpc;
        varlink_queue_init(&connection->queue, VARLINK_CALL_BYTES_MAX);
        uv_pipe_init(rpc->loop, &connection->pipe, 0);
        uv_timer_init(rpc->loop, &connection->idle);
        connection->pipe.data = connection;
        connection->idle.data = connection;
        connection->handles = 2;
        connection->next = rpc->connections;
        if (connection->next)
                connection->next->previous = connection;
        rpc->connections = connection;
        rpc->n_connections++;
        rpc->handles++;
        if (uv_accept((uv_stream_t *)&rpc->listener, (uv_stream_t *)&connection->pipe) < 0 || !room ||
            uv_fileno((const uv_handle_t *)&connection->pipe, &fd) < 0 || !start_reading(connection)) {
                connection_close(connection);
                return;
        }
        connection->denied = !listen_peer_allowed(fd, &connection->pid);
        arm_idle(connection);
}
