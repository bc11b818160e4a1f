// SPDX-License-Identifier: Apache-2.0
/*
 * One curl handle. It is reset before each exchange, so that nothing of one request (headers with a session token, for
 * one) is left for the next; connections survive a reset.
 *
 * curl by itself sends a request again when a reused connection closes without an answer. For EC2 that could carry out
 * a mutation twice, so bodies go through a read callback that cannot be rewound: curl then fails instead.
 */
#include "client/http.h"
#include "client/http_handle.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <vpcwire/clock.h>

struct http {
        CURL *curl;
        struct http_options options;
        char *ca_file;
        struct curl_slist *headers; /* of the request under way */
        char *body;
        size_t body_bytes, body_capacity, header_bytes;
        bool body_too_long, headers_too_long;
        const char *send; /* what of the request's body is not sent yet */
        size_t send_bytes;
        char error[CURL_ERROR_SIZE];
};

static void global_init(void)
{
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                abort(); /* out of memory, see mem.h */
}

int http_new(const struct http_options *options, struct http **ret, struct err *err)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        _cleanup_(http_freep) struct http *http = NULL;

        pthread_once(&once, global_init);
        http = XNEW(struct http);
        http->options = *options;
        if (options->ca_file)
                http->options.ca_file = http->ca_file = xstrdup(options->ca_file);
        http->curl = curl_easy_init();
        if (!http->curl)
                return err_set(err, ERR_SYSTEM, "libcurl could not be initialised");
        *ret = TAKE_PTR(http);
        return 0;
}

void http_wipe(struct http *http)
{
        if (http->body)
                explicit_bzero(http->body, http->body_capacity);
        http->body_bytes = 0;
}

/* The handle keeps a pointer to them. */
static void wipe_headers(struct http *http)
{
        curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, NULL);
        for (struct curl_slist *h = http->headers; h; h = h->next)
                explicit_bzero(h->data, strlen(h->data));
        curl_slist_free_all(TAKE_PTR(http->headers));
}

struct http *http_free(struct http *http)
{
        if (!http)
                return NULL;
        if (http->headers)
                wipe_headers(http);
        if (http->curl)
                curl_easy_cleanup(http->curl);
        http_wipe(http);
        free(http->body);
        free(http->ca_file);
        free(http);
        return NULL;
}

void http_cancel_all(struct http_cancel *cancel)
{
        atomic_store(&cancel->cancelled_ms, clock_boottime_ms());
}

bool http_cancelled(const struct http_cancel *cancel)
{
        return cancel && atomic_load(&cancel->cancelled_ms);
}

/* Not realloc: it would leave the old bytes, which may be secrets, in freed memory. */
static void reserve_body(struct http *http, size_t bytes)
{
        char *grown;
        size_t capacity;

        if (bytes <= http->body_capacity)
                return;
        capacity = bytes * 2;
        grown = xcalloc(capacity, 1);
        if (http->body) {
                memcpy(grown, http->body, http->body_bytes);
                explicit_bzero(http->body, http->body_capacity);
                free(http->body);
        }
        http->body = grown;
        http->body_capacity = capacity;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
        struct http *http = data;
        size_t n = size * count;

        if (n > http->options.max_body_bytes - http->body_bytes) {
                http->body_too_long = true;
                return 0;
        }
        reserve_body(http, http->body_bytes + n + 1);
        memcpy(http->body + http->body_bytes, bytes, n);
        http->body_bytes += n;
        return n;
}

static size_t on_header(char *bytes _unused_, size_t size, size_t count, void *data)
{
        struct http *http = data;

        http->header_bytes += size * count;
        if (http->header_bytes <= HTTP_MAX_HEADER_BYTES)
                return size * count;
        http->headers_too_long = true;
        return 0;
}

static size_t on_send(char *buffer, size_t size, size_t count, void *data)
{
        struct http *http = data;
        size_t n = size * count < http->send_bytes ? size * count : http->send_bytes;

        if (n)
                memcpy(buffer, http->send, n);
        http->send += n;
        http->send_bytes -= n;
        return n;
}

/* libcurl asks at least once a second. */
static int on_progress(void *data, curl_off_t down_all _unused_, curl_off_t down _unused_,
                       curl_off_t up_all _unused_, curl_off_t up _unused_)
{
        const struct http_cancel *cancel = data;

        return http_cancelled(cancel) && clock_boottime_ms() - cancel->cancelled_ms >= HTTP_CANCEL_GRACE_MS;
}

static int on_seek(void *data _unused_, curl_off_t offset _unused_, int origin _unused_)
{
        return CURL_SEEKFUNC_FAIL;
}

/* The value is not shown: it may be a session token. */
static int check_header(const struct http_header *header, struct err *err)
{
        for (const unsigned char *c = (const unsigned char *)header->value; *c; c++)
                if ((*c < ' ' && *c != '\t') || *c == 0x7f)
                        return err_set(err, ERR_INVALID, "the value of header '%s' has a control character",
                                       header->name);
        return 0;
}

/* Takes the line, and leaves no copy of it. */
static void add_header(struct http *http, char *line)
{
        struct curl_slist *longer = curl_slist_append(http->headers, line);

        if (!longer)
                abort(); /* out of memory, see mem.h */
        http->headers = longer;
        explicit_bzero(line, strlen(line));
        free(line);
}

static int add_headers(struct http *http, const struct http_request *request, struct err *err)
{
        int r;

        for (size_t i = 0; i < request->n_headers; i++) {
                r = check_header(&request->headers[i], err);
                if (r < 0)
                        return r;
                add_header(http, xasprintf("%s: %s", request->headers[i].name, request->headers[i].value));
        }
        /* No "Expect: 100-continue": it costs a round trip and some servers do not answer it. */
        add_header(http, xstrdup("Expect:"));
        return 0;
}

/* The kernel itself drops what is below (ip(7), IP_MINTTL): the peer then seems not to answer. */
static int on_socket(void *data, curl_socket_t fd, curlsocktype purpose _unused_)
{
        const struct http *http = data;
        int min_ttl = (int)http->options.min_ttl, domain = AF_INET;
        socklen_t n = sizeof(domain);
        bool ipv6;

        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) < 0)
                return CURL_SOCKOPT_ERROR;
        ipv6 = domain == AF_INET6;
        if (setsockopt(fd, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, ipv6 ? IPV6_MINHOPCOUNT : IP_MINTTL, &min_ttl,
                       sizeof(min_ttl)) < 0)
                return CURL_SOCKOPT_ERROR;
        return CURL_SOCKOPT_OK;
}

static void set_limits(struct http *http)
{
        const struct http_options *o = &http->options;
        CURL *curl = http->curl;

        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)o->timeout_ms);
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)o->connect_timeout_ms);
        curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, (long)HTTP_MAX_IDLE_S);
        curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)o->max_body_bytes);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L); /* we are one thread of several */
        /* Without it libcurl's time is over only when its resolver's is: minutes, with name servers that are silent. */
        curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, o->https_only ? "https" : "http,https");
        curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
        curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
        if (o->ca_file) {
                curl_easy_setopt(curl, CURLOPT_CAINFO, o->ca_file);
                curl_easy_setopt(curl, CURLOPT_CAPATH, NULL); /* these authorities and no other */
        }
        if (o->min_ttl) {
                curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, on_socket);
                curl_easy_setopt(curl, CURLOPT_SOCKOPTDATA, http);
        }
        if (o->cancel) {
                curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
                curl_easy_setopt(curl, CURLOPT_XFERINFODATA, o->cancel);
                curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
        }
        if (o->no_proxy)
                curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
}

static void set_request(struct http *http, const struct http_request *request)
{
        CURL *curl = http->curl;

        curl_easy_setopt(curl, CURLOPT_URL, request->url);
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "vpcwire/" VPCWIRE_VERSION);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, http->headers);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, http);
        curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
        curl_easy_setopt(curl, CURLOPT_HEADERDATA, http);
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, http->error);
        if (strcmp(request->method, "GET") == 0)
                return;
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_bytes);
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_send);
        curl_easy_setopt(curl, CURLOPT_READDATA, http);
        curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
        http->send = request->body;
        http->send_bytes = request->body_bytes;
}

static int exchange_error(const struct http *http, CURLcode result, struct err *err)
{
        const char *why = *http->error ? http->error : curl_easy_strerror(result);

        if (http->body_too_long || result == CURLE_FILESIZE_EXCEEDED)
                return err_set(err, ERR_LIMIT, "the reply has more than %zu bytes",
                               http->options.max_body_bytes);
        if (http->headers_too_long)
                return err_set(err, ERR_LIMIT, "the reply has more than %d bytes of headers",
                               HTTP_MAX_HEADER_BYTES);
        if (result == CURLE_OPERATION_TIMEDOUT)
                return err_set(err, ERR_TIMEOUT, "no complete reply in time: %s", why);
        if (result == CURLE_ABORTED_BY_CALLBACK)
                return err_set(err, ERR_AGAIN, "no complete reply before this program stops");
        if (result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE)
                return err_set(err, ERR_DENIED, "TLS: %s", why);
        return err_set(err, ERR_AGAIN, "no complete reply: %s", why);
}

int http_prepare(struct http *http, const struct http_request *request, CURL **ret, struct err *err)
{
        int r;

        if (http_cancelled(http->options.cancel))
                return err_set(err, ERR_AGAIN, "not sent: this program is stopping");
        curl_easy_reset(http->curl);
        r = add_headers(http, request, err);
        if (r < 0) {
                wipe_headers(http);
                return r;
        }
        http_wipe(http);
        reserve_body(http, 1);
        http->header_bytes = 0;
        http->body_too_long = http->headers_too_long = false;
        http->error[0] = '\0';
        set_limits(http);
        set_request(http, request);
        *ret = http->curl;
        return 0;
}

int http_finish(struct http *http, CURLcode result, struct http_reply *ret, struct err *err)
{
        curl_off_t retry_after_s = 0;
        long status = 0;

        wipe_headers(http);
        if (result != CURLE_OK)
                return exchange_error(http, result, err);
        curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(http->curl, CURLINFO_RETRY_AFTER, &retry_after_s);
        if (retry_after_s > HTTP_RETRY_AFTER_S_MAX)
                retry_after_s = HTTP_RETRY_AFTER_S_MAX;
        http->body[http->body_bytes] = '\0';
        *ret = (struct http_reply){status, http->body, http->body_bytes, (int64_t)retry_after_s * 1000};
        return 0;
}

int http_exchange(struct http *http, const struct http_request *request, struct http_reply *ret,
                  struct err *err)
{
        CURL *curl;
        int r = http_prepare(http, request, &curl, err);

        return r < 0 ? r : http_finish(http, curl_easy_perform(curl), ret, err);
}

const char *http_reply_header(struct http *http, const char *name)
{
        struct curl_header *header;

        if (curl_easy_header(http->curl, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
                return NULL;
        return header->value;
}

int64_t http_reply_date_ms(struct http *http)
{
        const char *date = http_reply_header(http, "Date");
        time_t seconds = date ? curl_getdate(date, NULL) : -1;

        return seconds > 0 ? (int64_t)seconds * 1000 : 0;
}
