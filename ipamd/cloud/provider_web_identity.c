// SPDX-License-Identifier: Apache-2.0
/*
 * IRSA: the service account's token (AWS_WEB_IDENTITY_TOKEN_FILE, reread each time, for kubelet replaces it) is traded for
 * credentials of AWS_ROLE_ARN at the region's STS. AssumeRoleWithWebIdentity is not signed: the token is the proof.
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
 */
#include <string.h>

#include "cloud/credentials.h"
#include "cloud/ec2_errors.h"
#include "cloud/endpoint.h"
#include "cloud/imds.h"
#include "cloud/provider.h"
#include "cloud/provider_json.h"
#include "cloud/sigv4_canonical.h"
#include "cloud/xml.h"

#define ACTION      "AssumeRoleWithWebIdentity"
#define API_VERSION "2011-06-15"

enum {
        MAX_TOKEN_BYTES = 20000, /* STS: WebIdentityToken has 4 to 20000 characters */
        MAX_ARN_BYTES = 2048,
        MAX_SESSION_NAME_BYTES = 64,
        MAX_REPLY_BYTES = 64 * 1024,
        MAX_PARAMETERS_BYTES = 256,
        MAX_SHOWN_BYTES = 160,
        ENCODED = 3, /* a byte becomes "%XX" at worst */
};

static void add(struct text *body, const char *name, const char *value)
{
        text_add(body, "&%s=", name);
        sigv4_encode(body, value, strlen(value));
}

/* *ret is a secret_text, set in any case. */
static int make_body(const struct provider_context *context, struct text *ret, struct err *err)
{
        const char *path = provider_env("AWS_WEB_IDENTITY_TOKEN_FILE"), *role = provider_env("AWS_ROLE_ARN"),
                   *session_name = provider_env("AWS_ROLE_SESSION_NAME");
        _cleanup_(secret_text_done) struct text token = {0};
        _cleanup_free_ char *session = NULL;
        size_t n;
        int r;

        *ret = secret_text_new(ENCODED * (MAX_TOKEN_BYTES + MAX_ARN_BYTES + MAX_SESSION_NAME_BYTES) +
                               MAX_PARAMETERS_BYTES);
        if (!role)
                return err_set(err, ERR_DENIED, "AWS_ROLE_ARN is not set, AWS_WEB_IDENTITY_TOKEN_FILE is");
        session = session_name ? xstrdup(session_name)
                               : xasprintf("vpcwire-%lld", (long long)(context->options->wall_ms() / 1000));
        if (strlen(role) > MAX_ARN_BYTES || strlen(session) > MAX_SESSION_NAME_BYTES)
                return err_set(err, ERR_INVALID, "AWS_ROLE_ARN (at most %d) or AWS_ROLE_SESSION_NAME (%d) %s",
                               MAX_ARN_BYTES, MAX_SESSION_NAME_BYTES, "is too long");
        r = secret_read_file(path, MAX_TOKEN_BYTES, &token, err);
        if (r < 0)
                return r;
        n = strcspn(token.text, " \t\r\n");
        if (n == 0 || token.text[n + strspn(token.text + n, " \t\r\n")])
                return err_set(err, ERR_INVALID, "%s holds no token", path);
        token.text[n] = '\0';
        text_add(ret, "Action=%s&Version=%s", ACTION, API_VERSION);
        add(ret, "RoleArn", role);
        add(ret, "RoleSessionName", session);
        add(ret, "WebIdentityToken", token.text);
        return 0;
}

static int make_url(const struct provider_context *context, char **ret, struct err *err)
{
        const struct credentials_options *o = context->options;
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        _cleanup_(text_done) struct text made = {0};
        _cleanup_free_ char *url = NULL, *host = NULL;
        const char *region = o->region;
        int r = 0;

        if (!o->sts_endpoint && !region) {
                if (!o->imds)
                        return err_set(err, ERR_INVALID, "STS: no region: AWS_REGION is not set");
                r = imds_get(o->imds, "placement/region", arena, &region, err);
        }
        if (r == 0 && !o->sts_endpoint)
                r = endpoint_format(&(const struct endpoint){"sts", region, o->use_fips, o->use_dualstack},
                                    &made, err);
        if (r == 0)
                r = http_parse_endpoint(o->sts_endpoint ?: made.text, &url, &host, err);
        if (r < 0) {
                (void)err_wrap(err, "STS");
                return r;
        }
        *ret = xasprintf("%s/", url);
        return 0;
}

/* Strings of the tree are in an arena, which is not wiped when it is freed. */
static void wipe(const struct xml *node)
{
        explicit_bzero((void *)(uintptr_t)node->text, strlen(node->text));
        for (const struct xml *child = node->first_child; child; child = child->next)
                explicit_bzero((void *)(uintptr_t)child->text, strlen(child->text));
}

static int read_credentials(const struct xml *root, struct secret *secret, struct err *err)
{
        const struct xml *node = xml_child(xml_child(root, ACTION "Result"), "Credentials");
        const struct {
                const char *name;
                char *field;
                size_t bytes;
        } fields[] = {
                {"AccessKeyId", secret->access_key_id, sizeof(secret->access_key_id)},
                {"SecretAccessKey", secret->secret_access_key, sizeof(secret->secret_access_key)},
                {"SessionToken", secret->session_token, sizeof(secret->session_token)},
        };
        int r = 0;

        if (!node)
                return err_set(err, ERR_PROTOCOL, "the reply has no <Credentials>");
        for (size_t i = 0; i < ARRAY_SIZE(fields) && r == 0; i++)
                r = secret_set(fields[i].field, fields[i].bytes, fields[i].name,
                               xml_text(node, fields[i].name), err);
        if (r == 0)
                r = provider_time_parse(xml_text(node, "Expiration"), &secret->expires_wall_ms, err);
        wipe(node);
        return r;
}

/* What STS says of a refusal; the body of the request may be repeated in it, and is then left out. */
static int refused(const struct http_reply *reply, const struct xml *root, struct err *err)
{
        const struct xml *error = xml_child(root, "Error") ?: xml_child(xml_child(root, "Errors"), "Error");
        const char *message = xml_text(error, "Message");
        char code[MAX_SHOWN_BYTES], text[MAX_SHOWN_BYTES];
        enum ec2_failure_class class;
        bool again;

        xml_copy_printable(code, sizeof(code), xml_text(error, "Code"));
        /* A token is a JWT, and each JWT begins with an encoded '{"'. */
        xml_copy_printable(text, sizeof(text), strstr(message, "eyJ") ? "(left out)" : message);
        class = ec2_error_classify(reply->status, code, message);
        again = class == EC2_FAILURE_THROTTLED || class == EC2_FAILURE_TRANSIENT ||
                strcmp(code, "IDPCommunicationError") == 0; /* STS could not ask the issuer for its keys */
        return err_set(err, again ? ERR_AGAIN : ERR_DENIED, "HTTP %ld %s%s%s", reply->status,
                       *code ? code : "without an error code", *text ? ": " : "", text);
}

static int understand(const struct http_reply *reply, struct secret *secret, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const struct xml *root = NULL;
        int r;

        r = xml_parse(reply->body, reply->body_bytes, arena, &root, err);
        if (reply->status != 200)
                return refused(reply, r < 0 ? NULL : root, err);
        if (r < 0)
                return r;
        if (strcmp(root->name, ACTION "Response") != 0)
                return err_set(err, ERR_PROTOCOL, "<%.64s>, not <" ACTION "Response>", root->name);
        return read_credentials(root, secret, err);
}

static int open_http(struct provider_context *context, struct err *err)
{
        const struct http_options options = {
                .max_body_bytes = MAX_REPLY_BYTES,
                .timeout_ms = context->options->timeout_ms ?: PROVIDER_TIMEOUT_MS,
                .connect_timeout_ms = PROVIDER_CONNECT_TIMEOUT_MS,
                .ca_file = context->options->ca_file,
                .cancel = context->options->cancel,
        };

        return context->sts ? 0 : http_new(&options, &context->sts, err);
}

static int fetch(struct provider_context *context, struct secret *secret, struct err *err)
{
        static const struct http_header headers[] = {
                {"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}, {"Accept", "text/xml"}};
        _cleanup_(secret_text_done) struct text body = {0};
        _cleanup_free_ char *url = NULL;
        struct http_request request = {
                .method = "POST", .headers = headers, .n_headers = ARRAY_SIZE(headers)};
        struct http_reply reply;
        int r;

        if (!provider_env("AWS_WEB_IDENTITY_TOKEN_FILE"))
                return provider_skip(context, "AWS_WEB_IDENTITY_TOKEN_FILE is not set");
        if ((r = make_body(context, &body, err)) < 0 || (r = make_url(context, &url, err)) < 0 ||
            (r = open_http(context, err)) < 0)
                return r;
        request.url = url;
        request.body = body.text;
        request.body_bytes = body.bytes;
        r = http_exchange(context->sts, &request, &reply, err);
        if (r == 0) {
                context->peer_wall_ms = http_reply_date_ms(context->sts);
                r = understand(&reply, secret, err);
        }
        http_wipe(context->sts);
        if (r < 0) {
                (void)err_wrap(err, "%s: " ACTION, url);
                return r;
        }
        return 1;
}

const struct provider provider_web_identity = {"web identity", fetch};
