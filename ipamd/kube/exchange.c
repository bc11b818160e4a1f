// SPDX-License-Identifier: Apache-2.0
#include "kube/exchange.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include <vpcwire/file.h>
#include <vpcwire/loop_room.h>
#include <vpcwire/mem.h>

struct exchange {
        uv_loop_t *loop;
        struct exchange_options options;
        char *ca_file, *token_file;
        uv_timer_t timer; /* libcurl's */
        CURLM *multi;     /* NULL while resting */
        CURL *easy;       /* NULL: no request is under way */
        struct curl_slist *headers;
        char *request_body;
        struct text body;
        size_t header_bytes;
        bool too_long;
        char error[CURL_ERROR_SIZE];
};

/* ---- libcurl and the loop ---- */

static void finish(struct exchange *x, CURLcode result);

static void after_curl(struct exchange *x)
{
        CURLMsg *message;
        int left;

        while (x->multi && (message = curl_multi_info_read(x->multi, &left))) {
                if (message->msg == CURLMSG_DONE)
                        finish(x, message->data.result);
        }
}

static void on_timer(uv_timer_t *timer)
{
        struct exchange *x = timer->data;
        int running;

        curl_multi_socket_action(x->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        after_curl(x);
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
        struct exchange *x = poll->data;
        int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
                    (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0) | (status < 0 ? CURL_CSELECT_ERR : 0);
        uv_os_fd_t fd;
        int running;

        if (uv_fileno((uv_handle_t *)poll, &fd) == 0)
                curl_multi_socket_action(x->multi, fd, flags, &running);
        after_curl(x);
}

static int want_timer(CURLM *multi _unused_, long timeout_ms, void *data)
{
        struct exchange *x = data;

        /* 0 is not called from here: libcurl must not be entered from its own callback. */
        if (timeout_ms >= 0)
                uv_timer_start(&x->timer, on_timer, (uint64_t)timeout_ms, 0);
        else
                uv_timer_stop(&x->timer);
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
        struct exchange *x = data;
        uv_poll_t *poll = socket_data;

        if (what == CURL_POLL_REMOVE) {
                if (poll)
                        uv_close((uv_handle_t *)poll, free_handle);
                curl_multi_assign(x->multi, fd, NULL);
                return 0;
        }
        if (!poll) {
                poll = XNEW(uv_poll_t);
                if (uv_poll_init_socket(x->loop, poll, fd) < 0) {
                        free(poll);
                        return -1; /* libcurl ends the transfer */
                }
                poll->data = x;
                curl_multi_assign(x->multi, fd, poll);
        }
        if (!loop_room(x->loop, fd)) {
                uv_close((uv_handle_t *)poll, free_handle);
                curl_multi_assign(x->multi, fd, NULL);
                return -1;
        }
        uv_poll_start(poll, events[what], on_socket);
        return 0;
}

/* ---- a request ---- */

static void wipe_headers(struct exchange *x)
{
        for (struct curl_slist *h = x->headers; h; h = h->next)
                explicit_bzero(h->data, strlen(h->data));
        curl_slist_free_all(x->headers);
        x->headers = NULL;
}

static void end_request(struct exchange *x)
{
        if (x->easy) {
                curl_multi_remove_handle(x->multi, x->easy);
                curl_easy_cleanup(x->easy);
        }
        x->easy = NULL;
        wipe_headers(x);
        free(x->request_body);
        x->request_body = NULL;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
        struct exchange *x = data;
        size_t n = size * count;

        x->too_long = n > EXCHANGE_REPLY_BYTES_MAX - x->body.bytes;
        if (x->too_long)
                return 0;
        text_add_bytes(&x->body, bytes, n);
        return n;
}

static size_t on_header(char *bytes _unused_, size_t size, size_t count, void *data)
{
        struct exchange *x = data;

        x->header_bytes += size * count;
        x->too_long = x->header_bytes > EXCHANGE_HEADER_BYTES_MAX;
        return x->too_long ? 0 : size * count;
}

static int read_reply(struct exchange *x, CURLcode result, struct exchange_reply *ret, struct err *err)
{
        const char *why = *x->error ? x->error : curl_easy_strerror(result);
        curl_off_t retry_after_s = 0;

        if (x->too_long || result == CURLE_FILESIZE_EXCEEDED)
                return err_set(err, ERR_LIMIT, "the reply has more than %d bytes", EXCHANGE_REPLY_BYTES_MAX);
        if (result == CURLE_OPERATION_TIMEDOUT)
                return err_set(err, ERR_TIMEOUT, "no complete reply in time: %s", why);
        if (result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE)
                return err_set(err, ERR_DENIED, "TLS: %s", why);
        if (result != CURLE_OK)
                return err_set(err, ERR_AGAIN, "no complete reply: %s", why);
        curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &ret->status);
        curl_easy_getinfo(x->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
        if (retry_after_s > EXCHANGE_RETRY_AFTER_S_MAX)
                retry_after_s = EXCHANGE_RETRY_AFTER_S_MAX;
        ret->retry_after_ms = (int64_t)retry_after_s * 1000;
        ret->body = x->body.text;
        ret->body_bytes = x->body.bytes;
        return 0;
}

static void finish(struct exchange *x, CURLcode result)
{
        struct exchange_reply reply;
        struct text body;
        struct err err;
        int e;

        text_add_bytes(&x->body, "", 0);
        e = read_reply(x, result, &reply, &err);
        body = x->body; /* done() may start the next request */
        x->body = (struct text){0};
        end_request(x);
        x->options.done(x->options.data, e == 0 ? &reply : NULL, &err);
        text_done(&body);
}

static void add_header(struct exchange *x, const char *line)
{
        struct curl_slist *longer = curl_slist_append(x->headers, line);

        if (!longer)
                abort(); /* out of memory, see mem.h */
        x->headers = longer;
}

static int add_token(struct exchange *x, struct err *err)
{
        static const char scheme[] = "Authorization: Bearer ";
        char *token, *line;
        size_t bytes, n;

        if (file_read(x->token_file, EXCHANGE_TOKEN_BYTES_MAX, &token, &bytes, err) < 0)
                return err_wrap(err, "the service account's token");
        n = strcspn(token, "\r\n");
        if (n == 0 || token[n + strspn(token + n, "\r\n")] != '\0') {
                explicit_bzero(token, bytes);
                free(token);
                return err_set(err, ERR_INVALID, "%s does not hold a token in one line", x->token_file);
        }
        line = xasprintf("%s%.*s", scheme, (int)n, token);
        add_header(x, line);
        explicit_bzero(line, strlen(line));
        free(line);
        explicit_bzero(token, bytes);
        free(token);
        return 0;
}

static void set_limits(struct exchange *x)
{
        curl_easy_setopt(x->easy, CURLOPT_TIMEOUT_MS, (long)EXCHANGE_TIMEOUT_MS);
        curl_easy_setopt(x->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)EXCHANGE_CONNECT_TIMEOUT_MS);
        curl_easy_setopt(x->easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)EXCHANGE_REPLY_BYTES_MAX);
        curl_easy_setopt(x->easy, CURLOPT_NOSIGNAL, 1L);
        /* A resolver that hangs must not hold the loop when its request is given up. */
        curl_easy_setopt(x->easy, CURLOPT_QUICK_EXIT, 1L);
        curl_easy_setopt(x->easy, CURLOPT_PROTOCOLS_STR, "https");
        curl_easy_setopt(x->easy, CURLOPT_FOLLOWLOCATION, 0L);
        curl_easy_setopt(x->easy, CURLOPT_NOPROXY, "*");
        curl_easy_setopt(x->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(x->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
        curl_easy_setopt(x->easy, CURLOPT_SSL_VERIFYPEER, 1L);
        curl_easy_setopt(x->easy, CURLOPT_SSL_VERIFYHOST, 2L);
        curl_easy_setopt(x->easy, CURLOPT_CAINFO, x->ca_file);
        curl_easy_setopt(x->easy, CURLOPT_CAPATH, NULL); /* the cluster's own authority and no other */
}

static void set_request(struct exchange *x, const struct exchange_request *request)
{
        curl_easy_setopt(x->easy, CURLOPT_URL, request->url);
        curl_easy_setopt(x->easy, CURLOPT_USERAGENT, "vpcwire/" VPCWIRE_VERSION);
        curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->headers);
        curl_easy_setopt(x->easy, CURLOPT_POSTFIELDS, x->request_body);
        curl_easy_setopt(x->easy, CURLOPT_CUSTOMREQUEST, request->method);
        curl_easy_setopt(x->easy, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(x->easy, CURLOPT_WRITEDATA, x);
        curl_easy_setopt(x->easy, CURLOPT_HEADERFUNCTION, on_header);
        curl_easy_setopt(x->easy, CURLOPT_HEADERDATA, x);
        curl_easy_setopt(x->easy, CURLOPT_ERRORBUFFER, x->error);
}

static void wake_curl(struct exchange *x)
{
        if (x->multi)
                return;
        x->multi = curl_multi_init();
        if (!x->multi)
                abort(); /* out of memory, see mem.h */
        curl_multi_setopt(x->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
        curl_multi_setopt(x->multi, CURLMOPT_SOCKETDATA, x);
        curl_multi_setopt(x->multi, CURLMOPT_TIMERFUNCTION, want_timer);
        curl_multi_setopt(x->multi, CURLMOPT_TIMERDATA, x);
}

int exchange_start(struct exchange *x, const struct exchange_request *request, struct err *err)
{
        _cleanup_free_ char *type = xasprintf("Content-Type: %s", request->content_type);

        if (x->easy)
                return err_set(err, ERR_BUSY, "a request is under way");
        add_header(x, type);
        add_header(x, "Accept: application/json");
        add_header(x, "Expect:"); /* no "100-continue": it costs a round trip */
        if (add_token(x, err) < 0) {
                wipe_headers(x);
                return -(int)err->code;
        }
        x->easy = curl_easy_init();
        if (!x->easy)
                abort(); /* out of memory, see mem.h */
        wake_curl(x);
        x->request_body = xstrdup(request->body);
        x->header_bytes = 0;
        x->too_long = false;
        x->error[0] = '\0';
        set_limits(x);
        set_request(x, request);
        curl_multi_add_handle(x->multi, x->easy);
        return 0;
}

/* ---- life ---- */

static void global_init(void)
{
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                abort(); /* out of memory, see mem.h */
}

struct exchange *exchange_new(uv_loop_t *loop, const struct exchange_options *options)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        struct exchange *x = XNEW(struct exchange);

        pthread_once(&once, global_init); /* libcurl counts them, from whatever thread */
        x->loop = loop;
        x->options = *options;
        x->ca_file = xstrdup(options->ca_file);
        x->token_file = xstrdup(options->token_file);
        uv_timer_init(loop, &x->timer);
        x->timer.data = x;
        return x;
}

void exchange_rest(struct exchange *x)
{
        if (x->easy || !x->multi)
                return;
        curl_multi_cleanup(x->multi);
        x->multi = NULL;
        uv_timer_stop(&x->timer);
}

static void on_closed(uv_handle_t *handle)
{
        struct exchange *x = handle->data;

        free(x->ca_file);
        free(x->token_file);
        text_done(&x->body);
        free(x);
}

struct exchange *exchange_free(struct exchange *x)
{
        if (!x)
                return NULL;
        end_request(x);
        exchange_rest(x);
        uv_close((uv_handle_t *)&x->timer, on_closed);
        return NULL;
}
