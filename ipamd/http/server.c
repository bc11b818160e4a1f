// SPDX-License-Identifier: Apache-2.0
/*
 * libmicrohttpd without threads: it hands out an epoll descriptor, which the loop polls, and the time at which it wants to
 * be called next. Its own timeout starts anew with each byte, so the whole time of a connection is ours to watch.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <microhttpd.h>

#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include "http/clients.h"
#include "http/listen.h"
#include "http/server.h"

enum { HTTP_TYPE_BYTES = 64 };

struct http_server {
        uv_loop_t *loop;
        struct http_server_options options;
        struct MHD_Daemon *daemon; /* NULL: not listening yet */
        struct http_listener listener;
        uv_poll_t poll;
        uv_timer_t timer; /* MHD's next timeout, the next connection to end, or the next try to listen */
        struct clients clients;
        unsigned handles;
        bool polling, reported;
};

/* ---- one request ---- */

static const struct {
        const char *name, *value;
} headers[] = {
        {"Connection", "close"},
        {"Cache-Control", "no-store"},
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
         "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"},
};

static enum MHD_Result send_answer(struct MHD_Connection *connection, struct http_answer *answer)
{
        struct MHD_Response *response;
        enum MHD_Result r;

        if (answer->bytes)
                response = MHD_create_response_from_buffer(answer->n_bytes, (void *)(uintptr_t)answer->bytes,
                                                           MHD_RESPMEM_PERSISTENT);
        else
                response = MHD_create_response_from_buffer(answer->body.bytes, answer->body.text,
                                                           MHD_RESPMEM_MUST_FREE);
        if (!response) {
                text_done(&answer->body);
                return MHD_NO;
        }
        for (size_t i = 0; i < ARRAY_SIZE(headers); i++)
                MHD_add_response_header(response, headers[i].name, headers[i].value);
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type);
        if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED)
                MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
        r = MHD_queue_response(connection, answer->status, response);
        MHD_destroy_response(response);
        return r;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, const char *text)
{
        struct http_answer answer = {.status = status, .content_type = "text/plain; charset=utf-8"};

        text_add(&answer.body, "%s\n", text);
        return send_answer(connection, &answer);
}

static bool is_accepted(const char *accept, const char *content_type)
{
        char type[HTTP_TYPE_BYTES];

        snprintf(type, sizeof(type), "%.*s", (int)strcspn(content_type, ";"), content_type);
        return accept && strcasestr(accept, type);
}

static const struct http_route *find_route(const struct http_server *server, const char *path,
                                           const char *accept)
{
        const struct http_route *first = NULL;

        for (size_t i = 0; i < server->options.n_routes; i++) {
                const struct http_route *route = &server->options.routes[i];

                if (strcmp(route->path, path) != 0)
                        continue;
                if (is_accepted(accept, route->content_type))
                        return route;
                first = first ?: route;
        }
        return first;
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version _unused_,
                                  const char *upload _unused_, size_t *upload_bytes _unused_,
                                  void **place _unused_)
{
        const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
        const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
        const struct http_server *server = data;
        const struct http_route *route;
        struct http_answer answer;

        if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
                return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD are served here");
        if (server->options.only_local_names && !http_host_is_local(host))
                return refuse(connection, MHD_HTTP_MISDIRECTED_REQUEST,
                              "the Host header must be an IP address or localhost");
        route = find_route(server, path, accept);
        if (!route)
                return refuse(connection, MHD_HTTP_NOT_FOUND, "not found; /v1 lists what there is");
        answer = (struct http_answer){.status = MHD_HTTP_OK, .content_type = route->content_type};
        route->answer(server->options.data, route, &answer);
        return send_answer(connection, &answer);
}

void http_answer_file(void *data _unused_, const struct http_route *route, struct http_answer *ret)
{
        ret->bytes = route->bytes;
        ret->n_bytes = route->n_bytes;
}

static void on_connection(void *data, struct MHD_Connection *connection, void **place,
                          enum MHD_ConnectionNotificationCode code)
{
        struct http_server *server = data;

        switch (code) {
        case MHD_CONNECTION_NOTIFY_STARTED:
                *place = clients_add(&server->clients, connection,
                                     clock_boottime_ms() +
                                             (server->options.connection_ms ?: HTTP_CONNECTION_MS));
                break;
        case MHD_CONNECTION_NOTIFY_CLOSED: clients_remove(&server->clients, *place); break;
        }
}

/* ---- the loop ---- */

static void on_timer(uv_timer_t *timer);

/*
 * While it is full, or there was no descriptor for a client, MHD does not listen until one leaves; it sees that only at
 * the begin of a run, for which nobody would wake it.
 */
static void arm(struct http_server *server)
{
        int64_t now_ms = clock_boottime_ms(), wait_ms = INT64_MAX;
        int64_t end_ms = clients_next_end_ms(&server->clients);
        MHD_UNSIGNED_LONG_LONG timeout_ms;

        if (MHD_get_timeout(server->daemon, &timeout_ms) == MHD_YES)
                wait_ms = (int64_t)timeout_ms;
        if (server->clients.somebody_left)
                wait_ms = 0;
        if (end_ms != INT64_MAX && end_ms - now_ms < wait_ms)
                wait_ms = end_ms > now_ms ? end_ms - now_ms : 1;
        if (wait_ms == INT64_MAX)
                uv_timer_stop(&server->timer);
        else
                uv_timer_start(&server->timer, on_timer, (uint64_t)wait_ms, 0);
}

static void run(struct http_server *server)
{
        uv_update_time(server->loop);
        clients_end_overdue(&server->clients, clock_boottime_ms());
        server->clients.somebody_left = false;
        MHD_run(server->daemon);
        arm(server);
}

static void on_poll(uv_poll_t *poll, int status _unused_, int events _unused_)
{
        run(poll->data);
}

static void drop_log(void *data _unused_, const char *format _unused_, va_list args _unused_)
{
        /* It complains of clients that hang up; that is theirs to do. */
}

static int start_daemon(struct http_server *server, struct err *err)
{
        const union MHD_DaemonInfo *info;

        if (http_listen(&server->options.bind, &server->listener, err) < 0)
                return -(int)err->code;
        server->daemon = MHD_start_daemon(
                MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, server,
                MHD_OPTION_EXTERNAL_LOGGER, drop_log, NULL, MHD_OPTION_LISTEN_SOCKET, server->listener.fd,
                MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS_MAX,
                MHD_OPTION_PER_IP_CONNECTION_LIMIT,
                bind_is_local(&server->options.bind) ? 0U : (unsigned)HTTP_CONNECTIONS_PER_ADDRESS_MAX,
                MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_HEAD_BYTES_MAX, MHD_OPTION_NOTIFY_CONNECTION,
                on_connection, server, MHD_OPTION_END);
        info = server->daemon ? MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
        if (!info) {
                http_unlisten(&server->listener, !server->daemon);
                if (server->daemon)
                        MHD_stop_daemon(TAKE_PTR(server->daemon));
                return err_set(err, ERR_SYSTEM, "libmicrohttpd does not start");
        }
        uv_poll_init(server->loop, &server->poll, info->epoll_fd);
        server->poll.data = server;
        server->handles++;
        server->polling = true;
        uv_poll_start(&server->poll, UV_READABLE, on_poll);
        return 0;
}

/* Pods are served whether or not anybody can look: a port that is taken is no reason not to start. */
static void listen_or_wait(struct http_server *server)
{
        struct err err;

        if (start_daemon(server, &err) == 0) {
                log_info("listening", LOG_STR("listener", server->options.name));
                return;
        }
        if (!server->reported)
                log_warn("listening failed; retrying", LOG_STR("listener", server->options.name),
                         LOG_ERR(&err), LOG_INT("retry_in_ms", HTTP_RETRY_MS));
        server->reported = true;
        uv_timer_start(&server->timer, on_timer, HTTP_RETRY_MS, 0);
}

static void on_timer(uv_timer_t *timer)
{
        struct http_server *server = timer->data;

        if (server->daemon)
                run(server);
        else
                listen_or_wait(server);
}

/* ---- start and end ---- */

struct http_server *http_server_new(uv_loop_t *loop, const struct http_server_options *options)
{
        struct http_server *server = XNEW(struct http_server);

        server->loop = loop;
        server->options = *options;
        server->listener.fd = -1;
        uv_timer_init(loop, &server->timer);
        server->timer.data = server;
        server->handles = 1;
        listen_or_wait(server);
        return server;
}

static void on_closed(uv_handle_t *handle)
{
        struct http_server *server = handle->data;

        if (--server->handles > 0)
                return;
        if (server->daemon)
                MHD_stop_daemon(
                        server->daemon); /* only now nobody polls its descriptor; it closes the listener */
        http_unlisten(&server->listener, false);
        free(server);
}

struct http_server *http_server_free(struct http_server *server)
{
        if (!server)
                return NULL;
        if (server->polling)
                uv_close((uv_handle_t *)&server->poll, on_closed);
        uv_close((uv_handle_t *)&server->timer, on_closed);
        return NULL;
}
