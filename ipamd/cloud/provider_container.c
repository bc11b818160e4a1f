// SPDX-License-Identifier: Apache-2.0
/*
 * EKS Pod Identity and ECS: an agent on this machine hands out credentials over HTTP, against a token (the file is reread
 * each time). Neither the URL's path (ECS puts a secret id there) nor the token is ever shown.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
 */
#include <ctype.h>
#include <string.h>

#include <vpcwire/addr.h>

#include "cloud/credentials.h"
#include "cloud/provider.h"
#include "cloud/provider_json.h"

#define FULL_URI      "AWS_CONTAINER_CREDENTIALS_FULL_URI"
#define RELATIVE_URI  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
#define TOKEN         "AWS_CONTAINER_AUTHORIZATION_TOKEN"
#define TOKEN_FILE    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
#define RELATIVE_HOST "http://169.254.170.2"

enum { MAX_TOKEN_BYTES = 16 * 1024 };

static bool address_is_allowed(struct ip ip)
{
        static const char *const allowed[] = {
                "127.0.0.0/8",       "::1/128", "169.254.170.2/32", /* ECS */
                "169.254.170.23/32",                                /* EKS Pod Identity */
                "fd00:ec2::23/128",
        };
        struct prefix prefix;

        for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
                if (prefix_parse(allowed[i], &prefix, NULL) == 0 && prefix_contains(prefix, ip))
                        return true;
        return false;
}

int provider_container_check(const struct http_url *url, struct err *err)
{
        size_t n = strlen(url->host);
        _cleanup_free_ char *bare = *url->host == '[' && url->host[n - 1] == ']'
                                            ? xstrndup(url->host + 1, n - 2)
                                            : xstrdup(url->host);
        struct ip ip;

        /* "localhost" is never asked of DNS: curl itself knows what it is. */
        if (url->is_https || strcasecmp(bare, "localhost") == 0 ||
            (ip_parse(bare, &ip, NULL) == 0 && address_is_allowed(ip)))
                return 0;
        return err_set(err, ERR_DENIED,
                       "host '%.80s' is not allowed: https, or http to loopback, 169.254.170.2, "
                       "169.254.170.23 or [fd00:ec2::23]",
                       bare);
}

/* The token as a header's value; empty where there is none. *ret is a secret_text, set in any case. */
static int read_token(struct text *ret, struct err *err)
{
        const char *path = provider_env(TOKEN_FILE), *token = provider_env(TOKEN);
        int r;

        if (path) {
                r = secret_read_file(path, MAX_TOKEN_BYTES, ret, err);
                if (r < 0)
                        return r;
        } else {
                *ret = secret_text_new(MAX_TOKEN_BYTES);
                if (token && strlen(token) > MAX_TOKEN_BYTES)
                        return err_set(err, ERR_INVALID, TOKEN " has more than %d bytes", MAX_TOKEN_BYTES);
                if (token)
                        text_add_bytes(ret, token, strlen(token));
        }
        while (ret->bytes && isspace((unsigned char)ret->text[ret->bytes - 1]))
                ret->text[--ret->bytes] = '\0';
        if (path && ret->bytes == 0)
                return err_set(err, ERR_INVALID, "%s holds no token", path);
        for (size_t i = 0; i < ret->bytes; i++)
                if (!isprint((unsigned char)ret->text[i]))
                        return err_set(err, ERR_INVALID, "the token of %s has an unprintable character",
                                       path ? TOKEN_FILE : TOKEN);
        return 0;
}

static int make_url(struct http_url *ret, struct err *err)
{
        const char *relative = provider_env(RELATIVE_URI);
        _cleanup_free_ char *joined = relative ? xasprintf(RELATIVE_HOST "%s", relative) : NULL;
        int r;

        if (relative && *relative != '/')
                return err_set(err, ERR_INVALID, RELATIVE_URI " does not begin with '/'");
        r = http_parse_url(joined ?: provider_env(FULL_URI), ret, err);
        if (r == 0)
                r = provider_container_check(ret, err);
        if (r < 0)
                (void)err_wrap(err, "%s", relative ? RELATIVE_URI : FULL_URI);
        return r;
}

static int open_http(struct provider_context *context, struct err *err)
{
        const struct http_options options = {
                .max_body_bytes = CREDENTIALS_MAX_JSON_BYTES,
                .timeout_ms = context->options->timeout_ms ?: PROVIDER_TIMEOUT_MS,
                .connect_timeout_ms = PROVIDER_CONNECT_TIMEOUT_MS,
                .no_proxy = true, /* the token is for the agent alone */
                .ca_file = context->options->ca_file,
                .cancel = context->options->cancel,
        };

        return context->container ? 0 : http_new(&options, &context->container, err);
}

static int ask(struct provider_context *context, const struct http_url *url, const struct text *token,
               struct secret *secret, struct err *err)
{
        const struct http_header headers[] = {{"Accept", "application/json"}, {"Authorization", token->text}};
        const struct http_request request = {
                .method = "GET",
                .url = url->url,
                .headers = headers,
                .n_headers = ARRAY_SIZE(headers) - (token->bytes == 0),
        };
        struct http_reply reply;
        int r;

        r = http_exchange(context->container, &request, &reply, err);
        if (r == 0 && reply.status != 200)
                r = err_set(err, reply.status >= 500 || reply.status == 429 ? ERR_AGAIN : ERR_DENIED,
                            "HTTP %ld", reply.status);
        else if (r == 0)
                r = provider_json_read(reply.body, false, secret, err);
        http_wipe(context->container);
        if (r < 0)
                (void)err_wrap(err, "%s", url->host);
        return r;
}

static int fetch(struct provider_context *context, struct secret *secret, struct err *err)
{
        _cleanup_(secret_text_done) struct text token = {0};
        _cleanup_(http_url_done) struct http_url url = {0};
        int r;

        if (!provider_env(RELATIVE_URI) && !provider_env(FULL_URI))
                return provider_skip(context, FULL_URI " is not set");
        if ((r = make_url(&url, err)) < 0 || (r = read_token(&token, err)) < 0 ||
            (r = open_http(context, err)) < 0 || (r = ask(context, &url, &token, secret, err)) < 0)
                return r;
        return 1;
}

const struct provider provider_container = {"container", fetch};
