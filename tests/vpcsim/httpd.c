// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include <microhttpd.h>

#include "httpd.h"

struct httpd {
        struct MHD_Daemon *daemon;
        httpd_handler *handler;
        void *userdata;
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

static enum MHD_Result send_reply(struct MHD_Connection *connection, const struct httpd_reply *reply)
{
        const char *body = reply->body ?: "";
        struct MHD_Response *response;
        enum MHD_Result r;

        /* MHD does not write to the buffer; its prototype is older than const. */
        response =
                MHD_create_response_from_buffer(strlen(body), (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
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

static enum MHD_Result refuse_size(struct MHD_Connection *connection)
{
        return send_reply(connection, &(struct httpd_reply){.status = MHD_HTTP_CONTENT_TOO_LARGE,
                                                            .body = "request too large"});
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
                return announces_too_much(connection) ? refuse_size(connection) : MHD_YES;
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
                return refuse_size(connection);
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
        return send_reply(connection, &reply);
}

static void drop_log(void *userdata _unused_, const char *format _unused_, va_list args _unused_)
{
        /* It complains of clients that hang up; that is theirs to do. */
}

int httpd_start(int listen_fd, httpd_handler *handler, void *userdata, struct httpd **ret, struct err *err)
{
        struct httpd *httpd = XNEW(struct httpd);

        httpd->handler = handler;
        httpd->userdata = userdata;
        httpd->daemon = MHD_start_daemon(
                MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request,
                httpd, MHD_OPTION_EXTERNAL_LOGGER, drop_log, NULL, MHD_OPTION_LISTEN_SOCKET, listen_fd,
                MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTPD_MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
                (unsigned)HTTPD_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTPD_MAX_HEAD_BYTES,
                MHD_OPTION_URI_LOG_CALLBACK, exchange_new, NULL, MHD_OPTION_NOTIFY_COMPLETED, exchange_over,
                NULL, MHD_OPTION_END);
        if (!httpd->daemon) {
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
        MHD_stop_daemon(httpd->daemon);
        free(httpd);
        return NULL;
}
