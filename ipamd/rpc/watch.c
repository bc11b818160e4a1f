// SPDX-License-Identifier: Apache-2.0
#include <vpcwire/log.h>

#include "rpc/connection.h"
#include "rpc/handlers.h"
#include "rpc/reply.h"
#include "rpc/stored.h"
#include "rpc/watch.h"

static void on_watch_timer(uv_timer_t *timer)
{
        watch_feed_all(timer->data);
}

void watch_start(struct connection *connection, int64_t after)
{
        struct rpc *rpc = connection->rpc;

        connection->watching = true;
        connection->watch_after = after;
        if (rpc->n_watching++ == 0)
                uv_timer_start(&rpc->watch_timer, on_watch_timer, RPC_WATCH_MS, RPC_WATCH_MS);
        watch_feed(connection);
}

void watch_end(struct connection *connection)
{
        struct rpc *rpc = connection->rpc;

        if (!connection->watching)
                return;
        connection->watching = false;
        if (--rpc->n_watching == 0)
                uv_timer_stop(&rpc->watch_timer);
}

static int feed_once(struct connection *connection, size_t *ret_n, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct store_event *events;
        size_t n;

        if (store_events(connection->rpc->options.store, connection->watch_after, RPC_EVENTS_PER_READ, arena,
                         &events, &n, err) < 0)
                return -ERR_INTERNAL;
        for (size_t i = 0; i < n && !connection->closing; i++) {
                const struct ipam_event event = stored_event(&events[i]);

                reply_answer(connection, IPAM_METHOD_WATCH, &event, true);
                connection->watch_after = events[i].id;
        }
        *ret_n = n;
        return 0;
}

void watch_feed(struct connection *connection)
{
        size_t n = RPC_EVENTS_PER_READ;
        struct err err;

        while (connection->watching && n == RPC_EVENTS_PER_READ &&
               connection_unsent(connection) <= RPC_UNSENT_BYTES_MAX) {
                if (feed_once(connection, &n, &err) < 0) {
                        log_error("reading events for a watcher failed", LOG_ERR(&err));
                        connection_close(connection);
                        return;
                }
        }
}

void watch_feed_all(struct rpc *rpc)
{
        for (struct connection *c = rpc->connections, *next; c; c = next) {
                next = c->next;
                watch_feed(c);
        }
}
