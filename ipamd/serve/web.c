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

#include "serve/web.h"
#include "serve/web_listen.h"
#include "serve/web_visitors.h"

enum { WEB_TYPE_BYTES = 64 };

struct web {
        uv_loop_t *loop;
        struct web_options options;
        struct MHD_Daemon *daemon; /* NULL: not listening yet */
        struct web_listener listener;
        uv_poll_t poll;
        uv_timer_t timer; /* MHD's next wish, the next connection to end, or the next try to listen */
        struct visitors visitors;
        unsigned handles;
        bool polling, complained;
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

static enum MHD_Result send_answer(struct MHD_Connection *connection, struct web_answer *answer)
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
        struct web_answer answer = {.status = status, .content_type = "text/plain; charset=utf-8"};

        text_add(&answer.body, "%s\n", text);
        return send_answer(connection, &answer);
}

static bool is_accepted(const char *accept, const char *content_type)
{
        char type[WEB_TYPE_BYTES];

        snprintf(type, sizeof(type), "%.*s", (int)strcspn(content_type, ";"), content_type);
        return accept && strcasestr(accept, type);
}

static const struct web_route *find_route(const struct web *web, const char *path, const char *accept)
{
        const struct web_route *first = NULL;

        for (size_t i = 0; i < web->options.n_routes; i++) {
                const struct web_route *route = &web->options.routes[i];

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
        const struct web *web = data;
        const struct web_route *route;
        struct web_answer answer;

        if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
                return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD are served here");
        if (web->options.only_local_names && !web_host_is_local(host))
                return refuse(connection, MHD_HTTP_MISDIRECTED_REQUEST,
                              "the Host header must be an address or localhost");
        route = find_route(web, path, accept);
        if (!route)
                return refuse(connection, MHD_HTTP_NOT_FOUND, "there is nothing here");
        answer = (struct web_answer){.status = MHD_HTTP_OK, .content_type = route->content_type};
        route->answer(web->options.data, route, &answer);
        return send_answer(connection, &answer);
}

void web_answer_file(void *data _unused_, const struct web_route *route, struct web_answer *ret)
{
        ret->bytes = route->bytes;
        ret->n_bytes = route->n_bytes;
}

static void on_connection(void *data, struct MHD_Connection *connection, void **place,
                          enum MHD_ConnectionNotificationCode code)
{
        struct web *web = data;

        switch (code) {
        case MHD_CONNECTION_NOTIFY_STARTED:
                *place =
                        visitors_add(&web->visitors, connection,
                                     clock_boottime_ms() + (web->options.connection_ms ?: WEB_CONNECTION_MS));
                break;
        case MHD_CONNECTION_NOTIFY_CLOSED: visitors_remove(&web->visitors, *place); break;
        }
}

/* ---- the loop ---- */

static void on_timer(uv_timer_t *timer);

/*
 * While it is full, or there was no descriptor for a visitor, MHD does not listen until one leaves; it sees that only at
 * the begin of a run, for which nobody would wake it.
 */
static void arm(struct web *web)
{
        int64_t now_ms = clock_boottime_ms(), wait_ms = INT64_MAX;
        int64_t end_ms = visitors_next_end_ms(&web->visitors);
        MHD_UNSIGNED_LONG_LONG wish_ms;

        if (MHD_get_timeout(web->daemon, &wish_ms) == MHD_YES)
                wait_ms = (int64_t)wish_ms;
        if (web->visitors.somebody_left)
                wait_ms = 0;
        if (end_ms != INT64_MAX && end_ms - now_ms < wait_ms)
                wait_ms = end_ms > now_ms ? end_ms - now_ms : 1;
        if (wait_ms == INT64_MAX)
                uv_timer_stop(&web->timer);
        else
                uv_timer_start(&web->timer, on_timer, (uint64_t)wait_ms, 0);
}

static void run(struct web *web)
{
        uv_update_time(web->loop);
        visitors_end_overdue(&web->visitors, clock_boottime_ms());
        web->visitors.somebody_left = false;
        MHD_run(web->daemon);
        arm(web);
}

static void on_poll(uv_poll_t *poll, int status _unused_, int events _unused_)
{
        run(poll->data);
}

static void drop_log(void *data _unused_, const char *format _unused_, va_list args _unused_)
{
        /* It complains of clients that hang up; that is theirs to do. */
}

static int start_daemon(struct web *web, struct err *err)
{
        const union MHD_DaemonInfo *info;

        if (web_listen(&web->options.bind, &web->listener, err) < 0)
                return -(int)err->code;
        web->daemon = MHD_start_daemon(
                MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, web, MHD_OPTION_EXTERNAL_LOGGER,
                drop_log, NULL, MHD_OPTION_LISTEN_SOCKET, web->listener.fd, MHD_OPTION_CONNECTION_LIMIT,
                (unsigned)WEB_CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
                bind_is_local(&web->options.bind) ? 0U : (unsigned)WEB_CONNECTIONS_PER_ADDRESS_MAX,
                MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)WEB_HEAD_BYTES_MAX, MHD_OPTION_NOTIFY_CONNECTION,
                on_connection, web, MHD_OPTION_END);
        info = web->daemon ? MHD_get_daemon_info(web->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
        if (!info) {
                web_unlisten(&web->listener, !web->daemon);
                if (web->daemon)
                        MHD_stop_daemon(TAKE_PTR(web->daemon));
                return err_set(err, ERR_SYSTEM, "libmicrohttpd does not start");
        }
        uv_poll_init(web->loop, &web->poll, info->epoll_fd);
        web->poll.data = web;
        web->handles++;
        web->polling = true;
        uv_poll_start(&web->poll, UV_READABLE, on_poll);
        return 0;
}

/* Pods are served whether or not anybody can look: a port that is taken is no reason not to start. */
static void listen_or_wait(struct web *web)
{
        struct err err;

        if (start_daemon(web, &err) == 0) {
                log_info("listening", LOG_STR("what", web->options.name));
                return;
        }
        if (!web->complained)
                log_warn("nobody can look; trying again", LOG_STR("what", web->options.name), LOG_ERR(&err),
                         LOG_INT("again_in_ms", WEB_RETRY_MS));
        web->complained = true;
        uv_timer_start(&web->timer, on_timer, WEB_RETRY_MS, 0);
}

static void on_timer(uv_timer_t *timer)
{
        struct web *web = timer->data;

        if (web->daemon)
                run(web);
        else
                listen_or_wait(web);
}

/* ---- start and end ---- */

struct web *web_new(uv_loop_t *loop, const struct web_options *options)
{
        struct web *web = XNEW(struct web);

        web->loop = loop;
        web->options = *options;
        web->listener.fd = -1;
        uv_timer_init(loop, &web->timer);
        web->timer.data = web;
        web->handles = 1;
        listen_or_wait(web);
        return web;
}

static void on_closed(uv_handle_t *handle)
{
        struct web *web = handle->data;

        if (--web->handles > 0)
                return;
        if (web->daemon)
                MHD_stop_daemon(
                        web->daemon); /* only now nobody polls its descriptor; it closes the listener */
        web_unlisten(&web->listener, false);
        free(web);
}

struct web *web_free(struct web *web)
{
        if (!web)
                return NULL;
        if (web->polling)
                uv_close((uv_handle_t *)&web->poll, on_closed);
        uv_close((uv_handle_t *)&web->timer, on_closed);
        return NULL;
}
