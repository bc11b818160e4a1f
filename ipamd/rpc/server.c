// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <stdlib.h>

#include <vpcwire/clock.h>
#include <vpcwire/listen.h>

#include "rpc/connection.h"
#include "rpc/handover.h"
#include "rpc/methods.h"
#include "rpc/parked.h"
#include "rpc/probe.h"
#include "rpc/server.h"
#include "rpc/state.h"
#include "rpc/watch.h"

static void on_connection(uv_stream_t *listener, int status)
{
        struct rpc *rpc = listener->data;

        if (status == 0 && !rpc->closing)
                connection_accept(rpc);
}

static void on_peer_gone(struct connection *connection)
{
        if (connection->parked)
                parked_drop(connection->parked);
        probe_drop(connection);
        watch_end(connection);
}

static const struct connection_hooks hooks = {
        .call = methods_call,
        .writable = watch_feed,
        .closed = on_peer_gone,
};

static void on_closed(uv_handle_t *handle)
{
        rpc_released(handle->data);
}

static void on_turn(uv_prepare_t *turn)
{
        connection_begin_turn(turn->data);
}

static struct rpc_options options_with_defaults(const struct rpc_options *options)
{
        struct rpc_options all = *options;

        all.socket_path = xstrdup(options->socket_path);
        all.version = xstrdup(options->version ?: VPCWIRE_VERSION);
        all.connections_max = options->connections_max ?: RPC_CONNECTIONS_MAX;
        all.idle_ms = options->idle_ms ?: RPC_IDLE_MS;
        all.add_timeout_ms = options->add_timeout_ms ?: IPAM_ADD_TIMEOUT_MS;
        return all;
}

static void close_listener(struct rpc *rpc)
{
        uv_close((uv_handle_t *)&rpc->listener, on_closed);
        uv_close((uv_handle_t *)&rpc->park_timer, on_closed);
        uv_close((uv_handle_t *)&rpc->watch_timer, on_closed);
        uv_close((uv_handle_t *)&rpc->probe_timer, on_closed);
        uv_close((uv_handle_t *)&rpc->turn_begin, on_closed);
        uv_close((uv_handle_t *)&rpc->next_turn, on_closed);
}

int rpc_new(uv_loop_t *loop, const struct rpc_options *options, struct rpc **ret, struct err *err)
{
        struct listen_socket listener;
        struct rpc *rpc;
        int64_t held_since_wall_ms;
        int r;

        if (handover_load(options->store, &held_since_wall_ms, err) < 0)
                return -(int)err->code;
        r = listen_unix(options->socket_path, RPC_BACKLOG, &listener, err);
        if (r < 0)
                return r;
        rpc = XNEW(struct rpc);
        rpc->loop = loop;
        rpc->hooks = hooks;
        rpc->held_since_wall_ms = held_since_wall_ms;
        rpc->options = options_with_defaults(options);
        rpc->socket_device = listener.device;
        rpc->socket_inode = listener.inode;
        rpc_set_settings(rpc, &options->settings);
        rpc->started_wall_ms = clock_wall_ms();
        rpc->started_ms = clock_boottime_ms();
        rpc->booted_wall_ms = rpc->started_wall_ms - rpc->started_ms;
        uv_pipe_init(loop, &rpc->listener, 0);
        uv_timer_init(loop, &rpc->park_timer);
        uv_timer_init(loop, &rpc->watch_timer);
        uv_timer_init(loop, &rpc->probe_timer);
        uv_prepare_init(loop, &rpc->turn_begin);
        uv_idle_init(loop, &rpc->next_turn);
        rpc->listener.data = rpc->park_timer.data = rpc->watch_timer.data = rpc->probe_timer.data =
                rpc->turn_begin.data = rpc->next_turn.data = rpc;
        uv_prepare_start(&rpc->turn_begin, on_turn);
        rpc->handles = 6;
        r = uv_pipe_open(&rpc->listener, listener.fd);
        if (r < 0)
                close(listener.fd);
        else
                r = uv_listen((uv_stream_t *)&rpc->listener, RPC_BACKLOG, on_connection);
        if (r < 0) {
                rpc->closing = true;
                listen_remove(options->socket_path, listener.device, listener.inode);
                close_listener(rpc);
                return err_set(err, ERR_SYSTEM, "listen on %s: %s", options->socket_path, uv_strerror(r));
        }
        *ret = rpc;
        return 0;
}

struct rpc *rpc_free(struct rpc *rpc)
{
        const struct ipam_error stopping = {.id = IPAM_ERROR_NOT_READY, .reason = "ipamd is stopping"};

        if (!rpc)
                return NULL;
        rpc->closing = true;
        listen_remove(rpc->options.socket_path, rpc->socket_device, rpc->socket_inode);
        parked_end_all(rpc, &stopping, REQUEST_STOPPING);
        probe_end_all(rpc);
        while (rpc->connections)
                connection_close(rpc->connections);
        close_listener(rpc);
        return NULL;
}

static const char *copy(struct arena *arena, const char *text)
{
        return text && text[0] ? arena_strdup(arena, text) : NULL;
}

void rpc_set_node(struct rpc *rpc, const struct rpc_node *node)
{
        struct arena *arena = arena_new();
        struct rpc_node all = *node;

        all.node.instance_id = copy(arena, node->node.instance_id);
        all.node.instance_type = copy(arena, node->node.instance_type);
        all.node.region = copy(arena, node->node.region);
        all.node.availability_zone = copy(arena, node->node.availability_zone);
        all.node.vpc_id = copy(arena, node->node.vpc_id);
        all.node.subnet_id = copy(arena, node->node.subnet_id);
        arena_free(rpc->node_arena);
        rpc->node_arena = arena;
        rpc->node = all;
}

void rpc_set_settings(struct rpc *rpc, const struct rpc_settings *settings)
{
        assert(settings->mtu > 0);
        rpc->settings = *settings;
}

void rpc_set_impaired(struct rpc *rpc, const char *reason)
{
        char *text = reason ? xstrdup(reason) : NULL;

        free(rpc->impaired);
        rpc->impaired = text;
}

const struct latency *rpc_latency(const struct rpc *rpc)
{
        return &rpc->latency;
}

void rpc_pool_changed(struct rpc *rpc)
{
        if (rpc->closing)
                return;
        parked_serve(rpc);
        probe_serve(rpc);
        watch_feed_all(rpc);
}
