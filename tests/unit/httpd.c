// SPDX-License-Identifier: Apache-2.0
#include "httpd.h"

#include <ctype.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <microhttpd.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>

#include <vpcwire/mem.h>

#include "test.h"

enum { MAX_REQUESTS = 1024, CRAWL_NS = 20 * 1000 * 1000 };

struct httpd {
        struct MHD_Daemon *daemon;
        char *url;
        pthread_mutex_t lock;
        const struct httpd_reply *replies;
        unsigned *used;
        size_t n_replies;
        struct httpd_request requests[MAX_REQUESTS];
        size_t n_requests, n_connections;
};

/* What is sent: shared by all readers of one reply, so copied. */
struct sending {
        char *bytes;
        size_t n;
        enum httpd_fault fault;
};

static enum MHD_Result add_header(void *data, enum MHD_ValueKind kind _unused_, const char *name,
                                  const char *value)
{
        struct text *headers = data;

        for (; *name; name++)
                text_add(headers, "%c", tolower((unsigned char)*name));
        text_add(headers, ": %s\n", value ?: "");
        return MHD_YES;
}

static const struct httpd_reply *record(struct httpd *httpd, struct MHD_Connection *connection,
                                        const char *method, const char *url, struct text *body)
{
        const struct httpd_reply *reply = NULL;
        struct text headers = {0};
        char *line = xasprintf("%s %s", method, url);

        text_add_bytes(&headers, "", 0);
        text_add_bytes(body, "", 0);
        MHD_get_connection_values(connection, MHD_HEADER_KIND, add_header, &headers);
        pthread_mutex_lock(&httpd->lock);
        for (size_t i = 0; i < httpd->n_replies && !reply; i++) {
                const struct httpd_reply *r = &httpd->replies[i];

                if ((r->on && strcmp(r->on, line) != 0) || httpd->used[i] >= (r->times ?: 1))
                        continue;
                httpd->used[i]++;
                reply = r;
        }
        if (httpd->n_requests == MAX_REQUESTS)
                abort();
        httpd->requests[httpd->n_requests++] =
                (struct httpd_request){line, headers.text, TAKE_PTR(body->text)};
        pthread_mutex_unlock(&httpd->lock);
        return reply;
}

static ssize_t read_sending(void *data, uint64_t position, char *buffer, size_t max)
{
        const struct sending *s = data;
        size_t n;

        if (position >= s->n)
                return s->fault == HTTPD_TRUNCATE ? MHD_CONTENT_READER_END_WITH_ERROR
                                                  : MHD_CONTENT_READER_END_OF_STREAM;
        n = s->n - position < max ? s->n - position : max;
        if (s->fault == HTTPD_CRAWL) {
                /* The slowness is what is tested; nobody waits here for something to happen. */
                nanosleep(&(const struct timespec){.tv_nsec = CRAWL_NS}, NULL);
                n = 1;
        }
        memcpy(buffer, s->bytes + position, n);
        return (ssize_t)n;
}

static void free_sending(void *data)
{
        struct sending *s = data;

        free(s->bytes);
        free(s);
}

static enum MHD_Result send_reply(struct MHD_Connection *connection, const struct httpd_reply *reply)
{
        struct sending *s = XNEW(struct sending);
        struct MHD_Response *response;
        enum MHD_Result result;

        s->fault = reply->fault;
        s->n = reply->body_bytes ?: strlen(reply->body ?: "");
        s->bytes = xcalloc(s->n, 1);
        if (reply->body)
                memcpy(s->bytes, reply->body, s->n);
        else
                memset(s->bytes, 'x', s->n);
        response = MHD_create_response_from_callback(s->n + (s->fault == HTTPD_TRUNCATE), 4096, read_sending,
                                                     s, free_sending);
        if (reply->header) {
                size_t n = strcspn(reply->header, ":");
                char *name = xstrndup(reply->header, n);

                MHD_add_response_header(response, name, reply->header + n + 2);
                free(name);
        }
        result = MHD_queue_response(connection, reply->status ?: 200, response);
        MHD_destroy_response(response);
        return result;
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version _unused_, const char *upload,
                                  size_t *upload_bytes, void **state)
{
        static const struct httpd_reply unexpected = {.status = 599,
                                                      .body = "the script has no reply for this"};
        const struct httpd_reply *reply;
        struct text *body = *state;

        if (!body) {
                *state = XNEW(struct text);
                return MHD_YES;
        }
        if (*upload_bytes) {
                text_add_bytes(body, upload, *upload_bytes);
                *upload_bytes = 0;
                return MHD_YES;
        }
        reply = record(data, connection, method, url, body) ?: &unexpected;
        if (reply->fault == HTTPD_DROP)
                return MHD_NO;
        return send_reply(connection, reply);
}

static void on_completed(void *data _unused_, struct MHD_Connection *connection _unused_, void **state,
                         enum MHD_RequestTerminationCode code _unused_)
{
        if (*state)
                text_done(*state);
        free(TAKE_PTR(*state));
}

static void on_connection(void *data, struct MHD_Connection *connection _unused_, void **state _unused_,
                          enum MHD_ConnectionNotificationCode code)
{
        struct httpd *httpd = data;

        if (code != MHD_CONNECTION_NOTIFY_STARTED)
                return;
        pthread_mutex_lock(&httpd->lock);
        httpd->n_connections++;
        pthread_mutex_unlock(&httpd->lock);
}

static struct httpd *start(const struct httpd_reply *replies, size_t n, unsigned flags, const char *scheme,
                           const struct MHD_OptionItem *more)
{
        struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct httpd *httpd = XNEW(struct httpd);

        pthread_mutex_init(&httpd->lock, NULL);
        httpd->replies = replies;
        httpd->n_replies = n;
        httpd->used = XNEW_ARRAY(unsigned, n);
        httpd->daemon = MHD_start_daemon(
                flags | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION, 0, NULL, NULL,
                on_request, httpd, MHD_OPTION_SOCK_ADDR, &loopback, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
                NULL, MHD_OPTION_NOTIFY_CONNECTION, on_connection, httpd, MHD_OPTION_ARRAY, more,
                MHD_OPTION_END);
        assert_non_null(httpd->daemon);
        httpd->url = xasprintf("%s://127.0.0.1:%u", scheme,
                               (unsigned)MHD_get_daemon_info(httpd->daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
        return httpd;
}

struct httpd *httpd_start(const struct httpd_reply *replies, size_t n)
{
        const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};

        return start(replies, n, 0, "http", none);
}

struct httpd *httpd_start_tls(const struct httpd_reply *replies, size_t n, const char *key_pem,
                              const char *certificate_pem)
{
        const struct MHD_OptionItem tls[] = {
                {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key_pem},
                {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)certificate_pem},
                {MHD_OPTION_END, 0, NULL},
        };

        return start(replies, n, MHD_USE_TLS, "https", tls);
}

struct httpd *httpd_stop(struct httpd *httpd)
{
        MHD_stop_daemon(httpd->daemon);
        for (size_t i = 0; i < httpd->n_requests; i++) {
                free(httpd->requests[i].line);
                free(httpd->requests[i].headers);
                free(httpd->requests[i].body);
        }
        free(httpd->used);
        free(httpd->url);
        free(httpd);
        return NULL;
}

const char *httpd_url(const struct httpd *httpd)
{
        return httpd->url;
}

size_t httpd_requests(struct httpd *httpd)
{
        size_t n;

        pthread_mutex_lock(&httpd->lock);
        n = httpd->n_requests;
        pthread_mutex_unlock(&httpd->lock);
        return n;
}

const struct httpd_request *httpd_request(struct httpd *httpd, size_t i)
{
        assert_true(i < httpd_requests(httpd));
        return &httpd->requests[i];
}

size_t httpd_count(struct httpd *httpd, const char *line)
{
        size_t count = 0, n = httpd_requests(httpd);

        for (size_t i = 0; i < n; i++)
                count += strcmp(httpd->requests[i].line, line) == 0;
        return count;
}

size_t httpd_connections(struct httpd *httpd)
{
        size_t n;

        pthread_mutex_lock(&httpd->lock);
        n = httpd->n_connections;
        pthread_mutex_unlock(&httpd->lock);
        return n;
}

static char *bio_text(BIO *bio)
{
        char *bytes;
        long n = BIO_get_mem_data(bio, &bytes);
        char *copy = xstrndup(bytes, (size_t)n);

        BIO_free(bio);
        return copy;
}

void httpd_make_certificate(const char *name, char **ret_key, char **ret_certificate)
{
        BIO *key_bio = BIO_new(BIO_s_mem()), *certificate_bio = BIO_new(BIO_s_mem());
        EVP_PKEY *key = EVP_EC_gen("P-256");
        X509 *x = X509_new();
        X509_EXTENSION *alt = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, name);

        X509_set_version(x, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
        X509_gmtime_adj(X509_getm_notBefore(x), -3600);
        X509_gmtime_adj(X509_getm_notAfter(x), 3600);
        X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)name,
                                   -1, -1, 0);
        X509_set_issuer_name(x, X509_get_subject_name(x));
        X509_add_ext(x, alt, -1);
        X509_set_pubkey(x, key);
        assert_true(X509_sign(x, key, EVP_sha256()) > 0);
        PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL);
        PEM_write_bio_X509(certificate_bio, x);
        *ret_key = bio_text(key_bio);
        *ret_certificate = bio_text(certificate_bio);
        X509_EXTENSION_free(alt);
        X509_free(x);
        EVP_PKEY_free(key);
}
