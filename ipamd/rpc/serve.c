// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include <vpcwire/clock.h>
#include <vpcwire/listen.h>

#include "rpc/connection.h"
#include "rpc/handover.h"
#include "rpc/methods.h"
#include "rpc/parked.h"
#include "rpc/probe.h"
#include "rpc/serve.h"
#include "rpc/state.h"
#include "rpc/watch.h"

static void on_connection(uv_stream_t *listener, int status)
{
        struct serve *serve = listener->data;

        if (status == 0 && !serve->closing)
                connection_accept(serve);
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
        serve_released(handle->data);
}

static void on_turn(uv_prepare_t *turn)
{
        connection_begin_turn(turn->data);
}

static struct serve_options options_with_defaults(const struct serve_options *options)
{
        struct serve_options all = *options;

        all.socket_path = xstrdup(options->socket_path);
        all.version = xstrdup(options->version ?: VPCWIRE_VERSION);
        all.connections_max = options->connections_max ?: SERVE_CONNECTIONS_MAX;
        all.idle_ms = options->idle_ms ?: SERVE_IDLE_MS;
        all.add_timeout_ms = options->add_timeout_ms ?: IPAM_ADD_TIMEOUT_MS;
        return all;
}

static void close_listener(struct serve *serve)
{
        uv_close((uv_handle_t *)&serve->listener, on_closed);
        uv_close((uv_handle_t *)&serve->park_timer, on_closed);
        uv_close((uv_handle_t *)&serve->watch_timer, on_closed);
        uv_close((uv_handle_t *)&serve->probe_timer, on_closed);
        uv_close((uv_handle_t *)&serve->turn_begin, on_closed);
        uv_close((uv_handle_t *)&serve->next_turn, on_closed);
}

int serve_new(uv_loop_t *loop, const struct serve_options *options, struct serve **ret, struct err *err)
{
        struct listen_socket listener;
        struct serve *serve;
        int64_t held_since_wall_ms;
        int r;

        if (handover_load(options->store, &held_since_wall_ms, err) < 0)
                return -(int)err->code;
        r = listen_unix(options->socket_path, SERVE_BACKLOG, &listener, err);
        if (r < 0)
                return r;
        serve = XNEW(struct serve);
        serve->loop = loop;
        serve->hooks = hooks;
        serve->held_since_wall_ms = held_since_wall_ms;
        serve->options = options_with_defaults(options);
        serve->socket_device = listener.device;
        serve->socket_inode = listener.inode;
        serve_set_settings(serve, &options->settings);
        serve->started_wall_ms = clock_wall_ms();
        serve->started_ms = clock_boottime_ms();
        serve->booted_wall_ms = serve->started_wall_ms - serve->started_ms;
        uv_pipe_init(loop, &serve->listener, 0);
        uv_timer_init(loop, &serve->park_timer);
        uv_timer_init(loop, &serve->watch_timer);
        uv_timer_init(loop, &serve->probe_timer);
        uv_prepare_init(loop, &serve->turn_begin);
        uv_idle_init(loop, &serve->next_turn);
        serve->listener.data = serve->park_timer.data = serve->watch_timer.data = serve->probe_timer.data =
                serve->turn_begin.data = serve->next_turn.data = serve;
        uv_prepare_start(&serve->turn_begin, on_turn);
        serve->handles = 6;
        r = uv_pipe_open(&serve->listener, listener.fd);
        if (r < 0)
                close(listener.fd);
        else
                r = uv_listen((uv_stream_t *)&serve->listener, SERVE_BACKLOG, on_connection);
        if (r < 0) {
                serve->closing = true;
                listen_remove(options->socket_path, listener.device, listener.inode);
                close_listener(serve);
                return err_set(err, ERR_SYSTEM, "listen on %s: %s", options->socket_path, uv_strerror(r));
        }
        *ret = serve;
        return 0;
}

struct serve *serve_free(struct serve *serve)
{
        const struct ipam_error stopping = {.id = IPAM_ERROR_NOT_READY, .reason = "ipamd is stopping"};

        if (!serve)
                return NULL;
        serve->closing = true;
        listen_remove(serve->options.socket_path, serve->socket_device, serve->socket_inode);
        parked_end_all(serve, &stopping, REQUEST_STOPPING);
        probe_end_all(serve);
        while (serve->connections)
                connection_close(serve->connections);
        close_listener(serve);
        return NULL;
}

static const char *copy(struct arena *arena, const char *text)
{
        return text && text[0] ? arena_strdup(arena, text) : NULL;
}

void serve_set_node(struct serve *serve, const struct serve_node *node)
{
        struct arena *arena = arena_new();
        struct serve_node all = *node;

        all.node.instance_id = copy(arena, node->node.instance_id);
        all.node.instance_type = copy(arena, node->node.instance_type);
        all.node.region = copy(arena, node->node.region);
        all.node.availability_zone = copy(arena, node->node.availability_zone);
        all.node.vpc_id = copy(arena, node->node.vpc_id);
        all.node.subnet_id = copy(arena, node->node.subnet_id);
        arena_free(serve->node_arena);
        serve->node_arena = arena;
        serve->node = all;
}

void serve_set_settings(struct serve *serve, const struct serve_settings *settings)
{
        serve->settings = *settings;
        if (!serve->settings.mtu)
                serve->settings.mtu = SERVE_MTU;
}

void serve_set_impaired(struct serve *serve, const char *reason)
{
        char *text = reason ? xstrdup(reason) : NULL;

        free(serve->impaired);
        serve->impaired = text;
}

const struct latency *serve_latency(const struct serve *serve)
{
        return &serve->latency;
}

void serve_pool_changed(struct serve *serve)
{
        if (serve->closing)
                return;
        parked_serve(serve);
        probe_serve(serve);
        watch_feed_all(serve);
}
