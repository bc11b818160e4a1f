// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>

#include <microhttpd.h>

#include "httpd.h"

struct httpd {
        struct MHD_Daemon *daemon;
        httpd_handler *handler;
        void *userdata;
        int stop_fd; /* an eventfd, readable from the stop on */
};

/* One request while it comes in; made when its first line is there, freed when it is over. */
struct exchange {
        struct arena *arena;
        struct text body;
        const char *path, *query;
        struct httpd_header headers[HTTPD_MAX_HEADERS];
        size_t n_headers;
        bool started, too_large;
};

const char *httpd_header_value(const struct httpd_request *request, const char *name)
{
        for (size_t i = 0; i < request->n_headers; i++)
                if (strcasecmp(request->headers[i].name, name) == 0)
                        return request->headers[i].value;
        return NULL;
}

/* Called with the request line's target before libmicrohttpd unescapes it: a signature is over these bytes. */
static void *exchange_new(void *userdata _unused_, const char *uri,
                          struct MHD_Connection *connection _unused_)
{
        struct exchange *exchange = XNEW(struct exchange);
        char *query;

        exchange->arena = arena_new();
        exchange->path = arena_strdup(exchange->arena, uri);
        query = strchr(exchange->path, '?');
        exchange->query = query ? query + 1 : "";
        if (query)
                *query = '\0';
        return exchange;
}

static void exchange_over(void *userdata _unused_, struct MHD_Connection *connection _unused_, void **place,
                          enum MHD_RequestTerminationCode code _unused_)
{
        struct exchange *exchange = *place;

        if (!exchange)
                return;
        text_done(&exchange->body);
        arena_free(exchange->arena);
        free(exchange);
        *place = NULL;
}

static enum MHD_Result add_header(void *userdata, enum MHD_ValueKind kind _unused_, const char *name,
                                  const char *value)
{
        struct exchange *exchange = userdata;

        if (exchange->n_headers == HTTPD_MAX_HEADERS) {
                exchange->too_large = true;
                return MHD_NO;
        }
        exchange->headers[exchange->n_headers++] = (struct httpd_header){name, value ?: ""};
        return MHD_YES;
}

static struct ip peer_of(struct MHD_Connection *connection)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

        if (!info || !info->client_addr || info->client_addr->sa_family != AF_INET)
                return IP_NONE;
        return ip_from_in(((const struct sockaddr_in *)(const void *)info->client_addr)->sin_addr);
}

/* Set for each reply: a connection that is kept alive may carry replies of both kinds. */
static void set_ip_ttl(struct MHD_Connection *connection, int ttl)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

        if (info)
                (void)setsockopt(info->connect_fd, IPPROTO_IP, IP_TTL, &ttl,
                                 sizeof(ttl)); /* not on IPv6 sockets */
}

/* A body on its slow or broken way out. */
struct slow_body {
        int stop_fd;
        char *text;
        size_t n;
        unsigned bytes_per_s;
};

static void slow_body_free(void *userdata)
{
        struct slow_body *slow = userdata;

        free(slow->text);
        free(slow);
}

/* false: the server stops. */
static bool wait_or_stop(int stop_fd, int timeout_ms)
{
        struct pollfd fd = {.fd = stop_fd, .events = POLLIN};

        return poll(&fd, 1, timeout_ms) == 0;
}

static ssize_t slow_body_read(void *userdata, uint64_t at, char *buffer, size_t n)
{
        const struct slow_body *slow = userdata;

        if (at >= slow->n)
                return MHD_CONTENT_READER_END_WITH_ERROR;
        if (slow->bytes_per_s) {
                n = 1;
                if (!wait_or_stop(slow->stop_fd, (int)(1000 / slow->bytes_per_s)))
                        return MHD_CONTENT_READER_END_WITH_ERROR;
        }
        if (n > slow->n - at)
                n = slow->n - at;
        memcpy(buffer, slow->text + at, n);
        return (ssize_t)n;
}

static struct MHD_Response *harmed_response(const struct httpd *httpd, const char *body,
                                            const struct httpd_harm *harm)
{
        struct slow_body *slow = XNEW(struct slow_body);
        struct MHD_Response *response;

        *slow = (struct slow_body){
                .stop_fd = httpd->stop_fd,
                .text = xstrdup(body),
                .n = strlen(body),
                .bytes_per_s = harm->bytes_per_s,
        };
        response = MHD_create_response_from_callback(slow->n + harm->missing_bytes, HTTPD_MAX_PIECE_BYTES,
                                                     slow_body_read, slow, slow_body_free);
        if (!response)
                slow_body_free(slow);
        return response;
}

/* Until the delay is over; false: the client has gone, or the server stops. */
static bool wait_delay(const struct httpd *httpd, struct MHD_Connection *connection, unsigned delay_ms)
{
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        struct pollfd fds[] = {{.fd = info ? info->connect_fd : -1, .events = POLLRDHUP},
                               {.fd = httpd->stop_fd, .events = POLLIN}};

        return poll(fds, ARRAY_SIZE(fds), delay_ms > INT_MAX ? -1 : (int)delay_ms) == 0;
}

static enum MHD_Result send_reply(const struct httpd *httpd, struct MHD_Connection *connection,
                                  const struct httpd_reply *reply)
{
        const char *body = reply->body ?: "";
        const struct httpd_harm *harm = &reply->harm;
        struct MHD_Response *response;
        enum MHD_Result r;

        if (harm->drop || (harm->delay_ms && !wait_delay(httpd, connection, harm->delay_ms)))
                return MHD_NO;
        if (harm->bytes_per_s || harm->missing_bytes)
                response = harmed_response(httpd, body, harm);
        else /* MHD does not write to the buffer; its prototype is older than const. */
                response = MHD_create_response_from_buffer(strlen(body), (void *)(uintptr_t)body,
                                                           MHD_RESPMEM_MUST_COPY);
        if (!response)
                return MHD_NO;
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->content_type ?: "text/plain");
        for (size_t i = 0; i < reply->n_headers; i++)
                MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
        set_ip_ttl(connection, (int)(reply->ip_ttl ?: HTTPD_DEFAULT_IP_TTL));
        r = MHD_queue_response(connection, reply->status ?: MHD_HTTP_OK, response);
        MHD_destroy_response(response);
        return r;
}

void httpd_date(struct httpd_reply *reply, int64_t wall_ms, struct arena *arena)
{
        enum { DATE_BYTES = sizeof("Sun, 06 Nov 1994 08:49:37 GMT") };
        char *text = arena_alloc(arena, DATE_BYTES, 1);
        time_t seconds = (time_t)(wall_ms / 1000);
        struct tm tm;

        /* No setlocale() here, so that the names are the C locale's, as RFC 9110, 5.6.7, wants them. */
        if (strftime(text, DATE_BYTES, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&seconds, &tm)))
                reply->headers[reply->n_headers++] = (struct httpd_header){"Date", text};
}

static enum MHD_Result refuse_size(const struct httpd *httpd, struct MHD_Connection *connection)
{
        return send_reply(
                httpd, connection,
                &(struct httpd_reply){.status = MHD_HTTP_CONTENT_TOO_LARGE, .body = "request too large"});
}

static bool announces_too_much(struct MHD_Connection *connection)
{
        const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");

        return length && strtoull(length, NULL, 10) > HTTPD_MAX_BODY_BYTES;
}

static enum MHD_Result on_request(void *userdata, struct MHD_Connection *connection, const char *url _unused_,
                                  const char *method, const char *version _unused_, const char *upload,
                                  size_t *upload_bytes, void **place)
{
        struct httpd *httpd = userdata;
        struct exchange *exchange = *place;
        struct httpd_reply reply = {0};
        struct httpd_request request;

        if (!exchange->started) {
                exchange->started = true;
                return announces_too_much(connection) ? refuse_size(httpd, connection) : MHD_YES;
        }
        if (*upload_bytes > 0) {
                if (exchange->body.bytes + *upload_bytes > HTTPD_MAX_BODY_BYTES)
                        exchange->too_large = true;
                else
                        text_add_bytes(&exchange->body, upload, *upload_bytes);
                *upload_bytes = 0;
                return MHD_YES;
        }
        MHD_get_connection_values(connection, MHD_HEADER_KIND, add_header, exchange);
        if (exchange->too_large)
                return refuse_size(httpd, connection);
        request = (struct httpd_request){
                .method = method,
                .path = exchange->path,
                .query = exchange->query,
                .headers = exchange->headers,
                .n_headers = exchange->n_headers,
                .body = exchange->body.text ?: "",
                .body_bytes = exchange->body.bytes,
                .peer = peer_of(connection),
                .arena = exchange->arena,
        };
        httpd->handler(httpd->userdata, &request, &reply);
        return send_reply(httpd, connection, &reply);
}

static void drop_log(void *userdata _unused_, const char *format _unused_, va_list args _unused_)
{
        /* It complains of clients that hang up; that is theirs to do. */
}

static struct MHD_Daemon *start_daemon(struct httpd *httpd, int listen_fd, const struct httpd_tls *tls)
{
        unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_ERROR_LOG;
        struct MHD_OptionItem tls_options[] = {
                {MHD_OPTION_HTTPS_MEM_CERT, 0, tls ? (void *)(uintptr_t)tls->certificate : NULL},
                {MHD_OPTION_HTTPS_MEM_KEY, 0, tls ? (void *)(uintptr_t)tls->key : NULL},
                {MHD_OPTION_END, 0, NULL},
        };

        return MHD_start_daemon(
                tls ? flags | MHD_USE_TLS : flags, 0, NULL, NULL, on_request, httpd,
                MHD_OPTION_EXTERNAL_LOGGER, drop_log, NULL, MHD_OPTION_LISTEN_SOCKET, listen_fd,
                MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTPD_MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
                (unsigned)HTTPD_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTPD_MAX_HEAD_BYTES,
                MHD_OPTION_URI_LOG_CALLBACK, exchange_new, NULL, MHD_OPTION_NOTIFY_COMPLETED, exchange_over,
                NULL, MHD_OPTION_ARRAY, tls ? tls_options : &tls_options[2], MHD_OPTION_END);
}

int httpd_start(int listen_fd, const struct httpd_tls *tls, httpd_handler *handler, void *userdata,
                struct httpd **ret, struct err *err)
{
        struct httpd *httpd = XNEW(struct httpd);

        httpd->handler = handler;
        httpd->userdata = userdata;
        httpd->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (httpd->stop_fd >= 0)
                httpd->daemon = start_daemon(httpd, listen_fd, tls);
        if (!httpd->daemon) {
                cleanup_closep(&httpd->stop_fd);
                free(httpd);
                return err_set(err, ERR_SYSTEM, "start an HTTP server");
        }
        *ret = httpd;
        return 0;
}

struct httpd *httpd_stop(struct httpd *httpd)
{
        if (!httpd)
                return NULL;
        if (eventfd_write(httpd->stop_fd, 1) < 0)
                abort(); /* it was written to never before */
        MHD_stop_daemon(httpd->daemon);
        cleanup_closep(&httpd->stop_fd);
        free(httpd);
        return NULL;
}
