// SPDX-License-Identifier: Apache-2.0
/* Token and GET. What a status means is in one table. */
#include "cloud/imds.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <vpcwire/clock.h>

#include "client/http.h"

#define IMDS_ENDPOINT_IPV4 "http://169.254.169.254"
#define IMDS_ENDPOINT_IPV6 "http://[fd00:ec2::254]"

enum {
        IMDS_TIMEOUT_MS = 2000,
        IMDS_MAX_TOKEN_BYTES = 1024, /* seen: 56 */
        IMDS_MAX_PATH_BYTES = 512,
        TTL_TEXT_BYTES = 8,
};

struct imds {
        struct http *http;
        char *url;
        int64_t (*boottime_ms)(void);
        char token[IMDS_MAX_TOKEN_BYTES + 1]; /* "": none */
        int64_t token_renew_ms, token_end_ms;
};

int imds_new(const struct imds_options *options, struct imds **ret, struct err *err)
{
        unsigned timeout_ms = options->timeout_ms ?: IMDS_TIMEOUT_MS;
        struct http_options http_options = {
                .max_body_bytes = IMDS_MAX_BODY_BYTES,
                .timeout_ms = timeout_ms,
                .connect_timeout_ms = timeout_ms,
                .min_ttl = options->min_ttl,
                .cancel = options->cancel,
                .no_proxy =
                        true, /* IMDS refuses what comes through one, and no other host may see our token */
        };
        _cleanup_(imds_freep) struct imds *imds = XNEW(struct imds);
        _cleanup_free_ char *host = NULL;
        int r;

        imds->boottime_ms = options->boottime_ms ?: clock_boottime_ms;
        r = http_parse_endpoint(options->endpoint
                                        ?: options->ipv6 ? IMDS_ENDPOINT_IPV6
                                                         : IMDS_ENDPOINT_IPV4,
                                &imds->url, &host, err);
        if (r < 0)
                return err_wrap(err, "IMDS");
        r = http_new(&http_options, &imds->http, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(imds);
        return 0;
}

struct imds *imds_free(struct imds *imds)
{
        if (!imds)
                return NULL;
        http_free(imds->http);
        free(imds->url);
        explicit_bzero(imds->token, sizeof(imds->token));
        free(imds);
        return NULL;
}

void imds_wipe(struct imds *imds)
{
        http_wipe(imds->http);
}

int64_t imds_date_ms(struct imds *imds)
{
        return http_reply_date_ms(imds->http);
}

const char *imds_url(const struct imds *imds)
{
        return imds->url;
}

struct status {
        long status;
        enum err_code code;
        const char *means;
};

static const struct status *find_status(long status)
{
        static const struct status statuses[] = {
                {401, ERR_DENIED, ": the session token was refused"},
                {403, ERR_DENIED,
                 ": IMDS is disabled for this instance (metadata option HttpEndpoint), or the request came "
                 "through "
                 "a proxy"},
                {404, ERR_NOT_FOUND, ": not found"},
                {429, ERR_AGAIN, ": IMDS throttles this node's requests"},
        };
        static const struct status below_500 = {0, ERR_PROTOCOL, ""}, other = {0, ERR_AGAIN, ""};

        for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
                if (statuses[i].status == status)
                        return &statuses[i];
        return status < 500 ? &below_500 : &other;
}

static int status_error(long status, const char *what, struct err *err)
{
        const struct status *found = find_status(status);

        return err_set(err, found->code, "IMDS: %s: HTTP %ld%s", what, status, found->means);
}

static bool is_printable(const char *bytes, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char)bytes[i];

                if ((c < ' ' && !isspace(c)) || c >= 0x7f)
                        return false;
        }
        return true;
}

/* Seconds the token lives, as the answer says; never more than asked for. 0: it does not say. */
static unsigned token_ttl_s(struct imds *imds)
{
        const char *text = http_reply_header(imds->http, "X-aws-ec2-metadata-token-ttl-seconds");
        unsigned long ttl;
        char *end;

        if (!text || !isdigit((unsigned char)*text))
                return IMDS_TOKEN_TTL_S;
        ttl = strtoul(text, &end, 10);
        return *end == '\0' && ttl < IMDS_TOKEN_TTL_S ? (unsigned)ttl : IMDS_TOKEN_TTL_S;
}

static int keep_token(struct imds *imds, const struct http_reply *reply, struct err *err)
{
        int64_t now_ms = imds->boottime_ms();
        unsigned ttl_s = token_ttl_s(imds), ahead_s;

        for (size_t i = 0; i < reply->body_bytes; i++)
                if (!isgraph((unsigned char)reply->body[i]))
                        return err_set(err, ERR_PROTOCOL, "IMDS: the session token has unprintable bytes");
        if (reply->body_bytes == 0 || reply->body_bytes > IMDS_MAX_TOKEN_BYTES)
                return err_set(err, ERR_PROTOCOL, "IMDS: the session token has %zu bytes (1 to %d are fine)",
                               reply->body_bytes, IMDS_MAX_TOKEN_BYTES);
        memcpy(imds->token, reply->body, reply->body_bytes + 1);
        ahead_s = ttl_s / 10 < IMDS_TOKEN_AHEAD_S ? ttl_s / 10 : IMDS_TOKEN_AHEAD_S;
        imds->token_end_ms = now_ms + (int64_t)ttl_s * 1000;
        imds->token_renew_ms = imds->token_end_ms - (int64_t)ahead_s * 1000;
        return 0;
}

static int fetch_token(struct imds *imds, struct err *err)
{
        _cleanup_free_ char *url = xasprintf("%s/latest/api/token", imds->url);
        _cleanup_free_ char *ttl = xasprintf("%d", IMDS_TOKEN_TTL_S);
        const struct http_header headers[] = {
                {"X-aws-ec2-metadata-token-ttl-seconds", ttl},
                {"Content-Type", "text/plain"},
        };
        const struct http_request request = {
                .method = "PUT", .url = url, .headers = headers, .n_headers = ARRAY_SIZE(headers)};
        struct http_reply reply;
        int r;

        r = http_exchange(imds->http, &request, &reply, err);
        if (r < 0) {
                (void)err_wrap(err, "IMDS: token%s",
                               r == -ERR_TIMEOUT ? " (is the metadata option HttpPutResponseHopLimit too low "
                                                   "for ipamd's network?)"
                                                 : "");
                return r;
        }
        if (reply.status == 404)
                return err_set(err, ERR_UNSUPPORTED, "IMDS: %s does not offer IMDSv2 (HTTP 404 for a token)",
                               imds->url);
        if (reply.status != 200)
                return status_error(reply.status, "token", err);
        return keep_token(imds, &reply, err);
}

int imds_renew(struct imds *imds, struct err *err)
{
        return fetch_token(imds, err);
}

/* A token that still lives is used on when its renewal fails. */
static int ensure_token(struct imds *imds, struct err *err)
{
        int64_t now_ms = imds->boottime_ms();
        struct err ignored;

        if (*imds->token && now_ms < imds->token_renew_ms)
                return 0;
        if (*imds->token && now_ms < imds->token_end_ms) {
                (void)fetch_token(imds, &ignored);
                return 0;
        }
        return fetch_token(imds, err);
}

static int exchange_get(struct imds *imds, const char *path, struct http_reply *ret, struct err *err)
{
        _cleanup_free_ char *url = xasprintf("%s/latest/meta-data/%s", imds->url, path);
        int r;

        for (int tries = 0; tries < 2; tries++) {
                r = ensure_token(imds, err);
                if (r < 0)
                        return r;
                r = http_exchange(imds->http,
                                  &(const struct http_request){
                                          .method = "GET",
                                          .url = url,
                                          .headers = &(const struct http_header){"X-aws-ec2-metadata-token",
                                                                                 imds->token},
                                          .n_headers = 1,
                                  },
                                  ret, err);
                if (r == -ERR_LIMIT)
                        return err_set(err, ERR_PROTOCOL, "IMDS: %s: more than %d bytes", path,
                                       IMDS_MAX_BODY_BYTES);
                if (r < 0) {
                        (void)err_wrap(err, "IMDS: %s", path);
                        return r;
                }
                if (ret->status != 401)
                        return 0;
                imds->token[0] = '\0'; /* ended early, or of another boot of IMDS: one new one */
        }
        return 0;
}

static bool is_path(const char *path)
{
        size_t n = strlen(path);

        if (n == 0 || n > IMDS_MAX_PATH_BYTES || *path == '/' || strstr(path, ".."))
                return false;
        for (; *path; path++)
                if (!isalnum((unsigned char)*path) && !strchr("-._~/:+=,@", *path))
                        return false;
        return true;
}

int imds_peek(struct imds *imds, const char *path, const char **ret, struct err *err)
{
        struct http_reply reply;
        int r;

        if (!is_path(path))
                return err_set(err, ERR_INVALID, "IMDS: '%s' is not a path below meta-data", path);
        r = exchange_get(imds, path, &reply, err);
        if (r < 0)
                return r;
        if (reply.status != 200)
                return status_error(reply.status, path, err);
        if (!is_printable(reply.body, reply.body_bytes))
                return err_set(err, ERR_PROTOCOL, "IMDS: %s: the body has unprintable bytes", path);
        *ret = reply.body;
        return 0;
}

int imds_get(struct imds *imds, const char *path, struct arena *arena, const char **ret, struct err *err)
{
        const char *body;
        char *copy;
        size_t n;
        int r;

        r = imds_peek(imds, path, &body, err);
        if (r < 0)
                return r;
        while (isspace((unsigned char)*body))
                body++;
        n = strlen(body);
        while (n && isspace((unsigned char)body[n - 1]))
                n--;
        copy = arena_alloc(arena, n + 1, 1);
        memcpy(copy, body, n);
        *ret = copy;
        return 0;
}
