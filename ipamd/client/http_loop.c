// SPDX-License-Identifier: Apache-2.0
#include "client/http_loop.h"

#include <stdlib.h>
#include <string.h>

#include <vpcwire/loop_room.h>

#include "client/http_handle.h"

struct http_loop {
        uv_loop_t *loop;
        struct http_loop_options options;
        char *ca_file;
        uv_timer_t timer;  /* libcurl's */
        CURLM *multi;      /* NULL while resting */
        struct http *http; /* NULL: no request is under way */
        CURL *easy;        /* of http */
        char *body;        /* of the request */
};

/* ---- libcurl and the loop ---- */

static void finish(struct http_loop *c, CURLcode result);

static void after_curl(struct http_loop *c)
{
        CURLMsg *message;
        int left;

        while (c->multi && (message = curl_multi_info_read(c->multi, &left))) {
                if (message->msg == CURLMSG_DONE)
                        finish(c, message->data.result);
        }
}

static void on_timer(uv_timer_t *timer)
{
        struct http_loop *c = timer->data;
        int running;

        curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        after_curl(c);
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
        struct http_loop *c = poll->data;
        int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
                    (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0) | (status < 0 ? CURL_CSELECT_ERR : 0);
        uv_os_fd_t fd;
        int running;

        if (uv_fileno((uv_handle_t *)poll, &fd) == 0)
                curl_multi_socket_action(c->multi, fd, flags, &running);
        after_curl(c);
}

static int want_timer(CURLM *multi _unused_, long timeout_ms, void *data)
{
        struct http_loop *c = data;

        /* 0 is not called from here: libcurl must not be entered from its own callback. */
        if (timeout_ms >= 0)
                uv_timer_start(&c->timer, on_timer, (uint64_t)timeout_ms, 0);
        else
                uv_timer_stop(&c->timer);
        return 0;
}

static void free_handle(uv_handle_t *handle)
{
        free(handle);
}

static int want_socket(CURL *easy _unused_, curl_socket_t fd, int what, void *data, void *socket_data)
{
        static const int events[] = {[CURL_POLL_IN] = UV_READABLE,
                                     [CURL_POLL_OUT] = UV_WRITABLE,
                                     [CURL_POLL_INOUT] = UV_READABLE | UV_WRITABLE};
        struct http_loop *c = data;
        uv_poll_t *poll = socket_data;

        if (what == CURL_POLL_REMOVE) {
                if (poll)
                        uv_close((uv_handle_t *)poll, free_handle);
                curl_multi_assign(c->multi, fd, NULL);
                return 0;
        }
        if (!poll) {
                poll = XNEW(uv_poll_t);
                if (uv_poll_init_socket(c->loop, poll, fd) < 0) {
                        free(poll);
                        return -1; /* libcurl ends the transfer */
                }
                poll->data = c;
                curl_multi_assign(c->multi, fd, poll);
        }
        if (!loop_room(c->loop, fd)) {
                uv_close((uv_handle_t *)poll, free_handle);
                curl_multi_assign(c->multi, fd, NULL);
                return -1;
        }
        uv_poll_start(poll, events[what], on_socket);
        return 0;
}

/* ---- a request ---- */

/* Takes it from libcurl; the reply stays in what is returned, which is the caller's. */
static struct http *end_request(struct http_loop *c)
{
        if (c->http)
                curl_multi_remove_handle(c->multi, c->easy);
        return TAKE_PTR(c->http);
}

static void finish(struct http_loop *c, CURLcode result)
{
        _cleanup_(http_freep) struct http *http = end_request(c); /* done() may start the next request */
        struct http_reply reply;
        struct err err;
        int r = http_finish(http, result, &reply, &err);

        c->options.done(c->options.data, r == 0 ? &reply : NULL, &err);
}

static void wake_curl(struct http_loop *c)
{
        if (c->multi)
                return;
        c->multi = curl_multi_init();
        if (!c->multi)
                abort(); /* out of memory, see mem.h */
        curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
        curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
        curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, want_timer);
        curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
}

int http_loop_start(struct http_loop *c, const struct http_request *request, struct err *err)
{
        _cleanup_(http_freep) struct http *http = NULL;
        struct http_request copy = *request;
        int r;

        if (c->http)
                return err_set(err, ERR_BUSY, "a request is under way");
        free(c->body);
        copy.body = c->body = xcalloc(request->body_bytes + 1, 1);
        if (request->body_bytes)
                memcpy(c->body, request->body, request->body_bytes);
        r = http_new(&c->options.http, &http, err);
        if (r < 0)
                return r;
        r = http_prepare(http, &copy, &c->easy, err);
        if (r < 0)
                return r;
        wake_curl(c);
        c->http = TAKE_PTR(http);
        curl_multi_add_handle(c->multi, c->easy);
        return 0;
}

/* ---- life ---- */

struct http_loop *http_loop_new(uv_loop_t *loop, const struct http_loop_options *options)
{
        struct http_loop *c = XNEW(struct http_loop);

        c->loop = loop;
        c->options = *options;
        if (options->http.ca_file)
                c->options.http.ca_file = c->ca_file = xstrdup(options->http.ca_file);
        uv_timer_init(loop, &c->timer);
        c->timer.data = c;
        return c;
}

void http_loop_rest(struct http_loop *c)
{
        if (c->http || !c->multi)
                return;
        curl_multi_cleanup(c->multi);
        c->multi = NULL;
        uv_timer_stop(&c->timer);
}

static void on_closed(uv_handle_t *handle)
{
        struct http_loop *c = handle->data;

        free(c->ca_file);
        free(c->body);
        free(c);
}

struct http_loop *http_loop_free(struct http_loop *c)
{
        if (!c)
                return NULL;
        http_free(end_request(c));
        http_loop_rest(c);
        uv_close((uv_handle_t *)&c->timer, on_closed);
        return NULL;
}
