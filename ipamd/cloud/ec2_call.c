// SPDX-License-Identifier: Apache-2.0
/*
 * One exchange with EC2: parameters -> signed POST -> reply -> tree, or an error of a known class.
 *
 * The rule for what is not understood: if EC2 may have done what was asked (no answer, a broken one, a success that
 * cannot be read), the class is TRANSPORT; if it clearly refused, the class says why.
 */
#include <stdlib.h>
#include <string.h>

#include <vpcwire/clock.h>

#include "client/http.h"
#include "cloud/credentials.h"
#include "cloud/ec2_errors.h"
#include "cloud/ec2_internal.h"
#include "cloud/sigv4.h"
#include "cloud/skew.h"

#define API_VERSION  "2016-11-15"
#define CONTENT_TYPE "application/x-www-form-urlencoded; charset=utf-8"

enum {
        TIMEOUT_MS = 10000,
        CONNECT_TIMEOUT_MS = 3000,
        MAX_MESSAGE_BYTES = 300, /* of EC2's message, in our error */
};

struct client {
        struct ec2 ec2; /* first: what callers have is a pointer to it */
        struct http *http;
        char *url, *host, *region;
        struct credentials *credentials;
        const struct http_cancel *cancel;
        struct pace pace;
        ec2_observe_fn *observe;
        void *observe_data;
};

static struct client *client_of(struct ec2 *ec2)
{
        return (struct client *)ec2;
}

static struct client *client_free(struct client *client)
{
        http_free(client->http);
        free(client->url);
        free(client->host);
        free(client->region);
        free(client);
        return NULL;
}
DEFINE_CLEANUP(struct client *, client_free)

/* Sends the signed request. -ERR_INVALID cannot come from EC2 here: it is ours, from what was given to sign. */
static int send_signed(struct client *client, const struct credentials_view *view, const struct text *body,
                       struct http_reply *ret, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        _cleanup_free_ char *url = xasprintf("%s/", client->url);
        char time[SIGV4_TIME_BYTES];
        const char *authorization;
        int r;

        sigv4_format_time(skew_now_ms(credentials_skew(client->credentials)), time);
        const struct sigv4_header to_sign[] = {
                {"Host", client->host},
                {"X-Amz-Date", time},
                {"Content-Type", CONTENT_TYPE},
                {"X-Amz-Security-Token", view->session_token},
        };
        const struct sigv4_request sign = {
                .method = "POST",
                .path = "/",
                .query = "",
                .headers = to_sign,
                .n_headers = ARRAY_SIZE(to_sign) - !view->session_token,
                .body = body->text,
                .body_bytes = body->bytes,
                .region = client->region,
                .service = "ec2",
                .time = time,
                .access_key_id = view->access_key_id,
                .secret_access_key = view->secret_access_key,
        };
        r = sigv4_authorization(&sign, arena, &authorization, err);
        if (r < 0)
                return r;
        const struct http_header headers[] = {
                {"Authorization", authorization},
                {"Host", client->host},
                {"X-Amz-Date", time},
                {"Content-Type", CONTENT_TYPE},
                {"X-Amz-Security-Token", view->session_token},
        };
        return http_exchange(client->http,
                             &(const struct http_request){
                                     .method = "POST",
                                     .url = url,
                                     .headers = headers,
                                     .n_headers = ARRAY_SIZE(headers) - !view->session_token,
                                     .body = body->text,
                                     .body_bytes = body->bytes,
                             },
                             ret, err);
}

/*
 * <Response><Errors><Error> with <RequestID>, <ErrorResponse><Errors><Error> (moto) or <ErrorResponse><Error> with
 * <RequestId> (STS and friends). NULL when it is none of them.
 */
static const struct xml *find_error(const struct xml *root)
{
        const struct xml *error;

        if (!root || (strcmp(root->name, "Response") != 0 && strcmp(root->name, "ErrorResponse") != 0))
                return NULL;
        error = xml_child(xml_child(root, "Errors"), "Error");
        return error ?: xml_child(root, "Error");
}

static void set_request_id(struct client *client, const struct xml *root, struct ec2_result *result)
{
        static const char *const names[] = {"requestId", "RequestID", "RequestId"};
        const char *header = http_reply_header(client->http, "x-amzn-RequestId");

        for (size_t i = 0; i < ARRAY_SIZE(names) && !*result->request_id; i++)
                xml_copy_printable(result->request_id, sizeof(result->request_id), xml_text(root, names[i]));
        if (!*result->request_id && header)
                xml_copy_printable(result->request_id, sizeof(result->request_id), header);
}

/* Some refusals repeat the string that was to be signed, with the session token in it. */
static bool repeats_secret(const struct credentials_view *view, const char *message)
{
        return strstr(message, view->secret_access_key) ||
               (view->session_token && strstr(message, view->session_token));
}

/*
 * Whether the reply says that we signed with a wrong time. A refusal that may be for the time teaches us EC2's; from
 * then on every reply corrects it.
 */
static bool time_was_wrong(struct client *client, const char *code)
{
        struct skew *skew = credentials_skew(client->credentials);
        int64_t date_ms = http_reply_date_ms(client->http);

        return date_ms && (skew->learned || skew_suspects(code)) && skew_learn(skew, date_ms);
}

/* What people can read of it: behind that EC2 adds a long text that only the account's owner can decode. */
static void copy_message(char ret[static MAX_MESSAGE_BYTES], const char *text)
{
        const char *encoded = strcasestr(text, " Encoded authorization failure message");
        _cleanup_free_ char *readable =
                encoded ? xasprintf("%.*s", (int)(encoded - text), text) : xstrdup(text);

        xml_copy_printable(ret, MAX_MESSAGE_BYTES, readable);
}

static int refused(struct client *client, const struct credentials_view *view, const struct xml *root,
                   struct ec2_result *result, struct err *err)
{
        const struct xml *error = find_error(root);
        const char *text = xml_text(error, "Message");
        char message[MAX_MESSAGE_BYTES];

        xml_copy_printable(result->code, sizeof(result->code), xml_text(error, "Code"));
        set_request_id(client, root, result);
        result->class = ec2_error_classify(result->http_status, result->code, text);
        if (!time_was_wrong(client, result->code) && result->class == EC2_FAILURE_CREDENTIALS)
                credentials_expire(client->credentials);
        copy_message(message, repeats_secret(view, text) ? "(left out: it repeats the credentials)" : text);
        return err_set(err, ec2_failure_class_to_err_code(result->class), "HTTP %ld %s%s%s%s%s",
                       result->http_status, *result->code ? result->code : "without an EC2 error code",
                       *message ? ": " : "", message, *result->request_id ? ", request " : "",
                       result->request_id);
}

static int understand(struct client *client, enum ec2_action action, const struct credentials_view *view,
                      const struct http_reply *reply, struct arena *arena, const struct xml **ret_root,
                      struct ec2_result *result, struct err *err)
{
        bool success = reply->status >= 200 && reply->status <= 299;
        const char *name = ec2_action_to_string(action);
        const struct xml *root = NULL;
        size_t n = strlen(name);
        int r;

        result->http_status = reply->status;
        r = xml_parse(reply->body, reply->body_bytes, arena, &root, success ? err : NULL);
        if (!success || find_error(root))
                return refused(client, view, root, result, err);
        result->class = EC2_FAILURE_TRANSPORT;
        if (r < 0) {
                (void)err_wrap(err, "HTTP %ld", reply->status);
                return r;
        }
        set_request_id(client, root, result);
        if (strncmp(root->name, name, n) != 0 || strcmp(root->name + n, "Response") != 0)
                return err_set(err, ERR_PROTOCOL, "HTTP %ld with <%.64s>, not <%sResponse>", reply->status,
                               root->name, name);
        if (strcmp(xml_text(root, "return"), "false") == 0)
                return err_set(err, ERR_PROTOCOL, "HTTP %ld with <return>false</return>", reply->status);
        (void)time_was_wrong(client, "");
        *result = (struct ec2_result){0};
        *ret_root = root;
        return 0;
}

static int call(struct client *client, const struct ec2_call_options *options, enum ec2_action action,
                const struct text *parameters, struct arena *arena, const struct xml **ret_root,
                struct ec2_result *result, struct err *err)
{
        _cleanup_(text_done) struct text body = {0};
        struct credentials_view view;
        struct http_reply reply;
        int r;

        text_add(&body, "Action=%s&Version=%s", ec2_action_to_string(action), API_VERSION);
        if (parameters->bytes)
                text_add(&body, "&%s", parameters->text);
        if (options->dry_run)
                text_add(&body, "&DryRun=true");
        *result = (struct ec2_result){.class = EC2_FAILURE_REQUEST};
        if (options->dry_run && !ec2_action_has_dry_run(action))
                return err_set(err, ERR_UNSUPPORTED, "EC2 has no dry run for this action");
        result->class = EC2_FAILURE_CREDENTIALS;
        r = credentials_get(client->credentials, &view, err);
        if (r < 0)
                return r;
        if (http_cancelled(client->cancel))
                return ec2_put_off(1, "ipamd is stopping", result, err);
        r = ec2_keep_pace(&client->pace, action, options->follow_up, result, err);
        if (r < 0)
                return r;
        result->class = EC2_FAILURE_TRANSPORT;
        r = send_signed(client, &view, &body, &reply, err);
        if (r == 0)
                r = understand(client, action, &view, &reply, arena, ret_root, result, err);
        ec2_report_pace(&client->pace, action, result);
        return r;
}

int ec2_call(struct ec2 *ec2, const struct ec2_call_options *options, enum ec2_action action,
             const struct text *parameters, struct arena *arena, const struct xml **ret_root,
             struct ec2_result *result, struct err *err)
{
        static const struct ec2_call_options plain = {0};
        struct client *client = client_of(ec2);
        int64_t began_us = clock_boottime_us();
        struct err cause = {0};
        int r;

        options = options ?: &plain;
        r = call(client, options, action, parameters, arena, ret_root, result, &cause);
        result->dry_run = options->dry_run;
        result->took_us = clock_boottime_us() - began_us;
        if (client->observe && !result->paced)
                client->observe(client->observe_data, action, result, cause.msg);
        if (r < 0) {
                (void)err_wrap(&cause, "%s", ec2_action_to_string(action));
                if (err)
                        *err = cause;
        }
        return r;
}

int ec2_fail_reply(enum ec2_action action, struct ec2_result *result, struct err *err)
{
        *result = (struct ec2_result){.class = EC2_FAILURE_TRANSPORT, .http_status = 200};
        (void)err_wrap(err, "%s: the reply", ec2_action_to_string(action));
        return -ERR_PROTOCOL;
}

int ec2_fail_argument(enum ec2_action action, struct ec2_result *result, struct err *err)
{
        *result = (struct ec2_result){.class = EC2_FAILURE_REQUEST};
        (void)err_wrap(err, "%s", ec2_action_to_string(action));
        return -ERR_INVALID;
}

/* ---- the table ---- */

static int64_t pace_rate(const struct ec2 *ec2, enum pace_class class)
{
        return ((const struct client *)ec2)->pace.buckets[class].rate;
}

static bool is_throttled(const struct ec2 *ec2)
{
        return pace_is_throttled(&((const struct client *)ec2)->pace, clock_boottime_ms());
}

static struct ec2 *free_client(struct ec2 *ec2)
{
        client_free(client_of(ec2));
        return NULL;
}

static const struct ec2_ops by_http = {
        .describe_enis = ec2_describe_enis,
        .describe_subnets = ec2_describe_subnets,
        .describe_instance_type = ec2_describe_instance_type,
        .create_eni = ec2_create_eni,
        .attach_eni = ec2_attach_eni,
        .set_delete_on_termination = ec2_set_delete_on_termination,
        .set_groups = ec2_set_groups,
        .assign_addresses = ec2_assign_addresses,
        .unassign_addresses = ec2_unassign_addresses,
        .detach_eni = ec2_detach_eni,
        .delete_eni = ec2_delete_eni,
        .create_tags = ec2_create_tags,
        .pace_rate = pace_rate,
        .is_throttled = is_throttled,
        .free = free_client,
};

int ec2_new(const struct ec2_options *options, struct ec2 **ret, struct err *err)
{
        struct http_options http_options = {
                .max_body_bytes = EC2_MAX_REPLY_BYTES,
                .timeout_ms = options->timeout_ms ?: TIMEOUT_MS,
                .connect_timeout_ms = options->connect_timeout_ms ?: CONNECT_TIMEOUT_MS,
                .ca_file = options->ca_file,
                .cancel = options->cancel,
        };
        _cleanup_(client_freep) struct client *client = XNEW(struct client);
        int r;

        if (!options->region || !*options->region)
                return err_set(err, ERR_INVALID, "EC2: the region is not known");
        r = http_parse_endpoint(options->endpoint, &client->url, &client->host, err);
        if (r < 0) {
                (void)err_wrap(err, "EC2");
                return r;
        }
        r = http_new(&http_options, &client->http, err);
        if (r < 0)
                return r;
        client->ec2.ops = &by_http;
        client->region = xstrdup(options->region);
        client->credentials = options->credentials;
        client->cancel = options->cancel;
        client->observe = options->observe;
        client->observe_data = options->observe_data;
        pace_init(&client->pace, clock_boottime_ms());
        *ret = &TAKE_PTR(client)->ec2;
        return 0;
}
