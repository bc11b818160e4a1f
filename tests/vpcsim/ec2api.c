// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <vpcwire/clock.h>

#include "ec2api.h"
#include "ec2api_actions.h"
#include "ec2api_fault.h"
#include "sigverify.h"
#include "world_imds.h"
#include "xmlout.h"

#define EC2_VERSION "2016-11-15"
#define STS_VERSION "2011-06-15"
#define XML_HEAD    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

enum { STATUS_OK = 200, STATUS_BAD_REQUEST = 400, STATUS_INTERNAL = 500, DENIAL_BYTES = 400 };

struct ec2api {
        struct world *world; /* borrowed */
        struct httpd *httpd;
};

/* The statuses that are not 400 (EC2 API reference, "Error codes"). */
static unsigned status_of(const char *code)
{
        static const struct {
                const char *code;
                unsigned status;
        } statuses[] = {
                {"AuthFailure", 401},           {"MissingAuthenticationToken", 403},
                {"SignatureDoesNotMatch", 403}, {"UnauthorizedOperation", 403},
                {"DryRunOperation", 412},       {"InternalError", STATUS_INTERNAL},
                {"RequestLimitExceeded", 503},  {"Unavailable", 503},
                {"AccessDenied", 403},
        };

        for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
                if (strcmp(statuses[i].code, code) == 0)
                        return statuses[i].status;
        return STATUS_BAD_REQUEST;
}

/* A random UUID (RFC 4122, version 4). */
static void new_request_id(char id[static 37])
{
        unsigned char b[16];

        if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
                abort(); /* small reads are never short once the kernel has booted */
        b[6] = (b[6] & 0x0f) | 0x40;
        b[8] = (b[8] & 0x3f) | 0x80;
        snprintf(id, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
                 b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

/* The parameters of a request: its form, or its query string where it is a GET. */
static int read_form(struct ec2api_request *request, const struct httpd_request *http, struct err *err)
{
        bool get = strcmp(http->method, "GET") == 0;

        if (!get && strcmp(http->method, "POST") != 0)
                return world_refuse(request->world, err, "InvalidRequest",
                                    "Only GET and POST are taken here.");
        if (strcmp(http->path, "/") != 0)
                return world_refuse(request->world, err, "InvalidRequest", "There is nothing at this path.");
        return ec2api_request_parse(request, get ? http->query : http->body,
                                    get ? strlen(http->query) : http->body_bytes, err);
}

static int find_action(struct ec2api_request *request, const struct ec2api_action **ret, struct err *err)
{
        const char *version = ec2api_text(request, "Version");
        const struct ec2api_action *action = ec2api_action_find(request->action);
        bool sts = action && action->service == WORLD_SERVICE_STS;

        if (!ec2api_text(request, "Action"))
                return world_refuse(request->world, err, "MissingAction",
                                    "The request must contain the parameter Action");
        if (!version)
                return world_refuse(request->world, err, "MissingParameter",
                                    "The request must contain the parameter Version");
        if (strcmp(version, sts ? STS_VERSION : EC2_VERSION) != 0)
                return world_refuse(request->world, err, "NoSuchVersion",
                                    "The requested version (%.32s) of service %s does not exist", version,
                                    sts ? "AWSSecurityTokenService" : "AmazonEC2");
        *ret = action;
        if (!action)
                return world_refuse(request->world, err, "InvalidAction",
                                    "The action %.128s is not valid for this web service.", request->action);
        return 0;
}

const char *ec2api_caller_arn(const struct ec2api_request *request)
{
        struct world_instance instance;
        const char *session = "unknown";

        if (request->secret.arn)
                return request->secret.arn;
        if (!request->secret.node)
                return arena_printf(request->arena, "arn:aws:iam::%s:user/vpcsim",
                                    world_account(request->world));
        if (world_imds_instance(request->world, request->secret.node, request->arena, &instance, NULL) == 0)
                session = instance.id;
        return arena_printf(request->arena, "arn:aws:sts::%s:assumed-role/%s/%s",
                            world_account(request->world), world_role(request->world), session);
}

/* As IAM says it: who, what, and a message that only sts:DecodeAuthorizationMessage could read. */
static int refuse_denied(struct ec2api_request *request, const char *name, struct err *err)
{
        unsigned char noise[DENIAL_BYTES];
        struct text encoded = {0};

        if (getrandom(noise, sizeof(noise), 0) != (ssize_t)sizeof(noise))
                abort(); /* small reads are never short once the kernel has booted */
        for (size_t i = 0; i < sizeof(noise); i++)
                text_add(&encoded, "%c", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef0123456789-_"[noise[i] % 44]);
        request->message = arena_printf(
                request->arena,
                "You are not authorized to perform this operation. User: %s is not authorized to perform:"
                " ec2:%s because no identity-based policy allows the ec2:%s action. Encoded authorization"
                " failure message: %s",
                ec2api_caller_arn(request), name, name, encoded.text);
        text_done(&encoded);
        return world_refuse(request->world, err, "UnauthorizedOperation", "You are not authorized: %s", name);
}

/* Who asks for what; *ret is the action. */
static int read_request(struct ec2api_request *request, const struct httpd_request *http,
                        const struct ec2api_action **ret, struct err *err)
{
        const struct ec2api_action *action;
        bool sts;
        int r;

        if ((r = world_catch_up(request->world, err)) < 0 || (r = read_form(request, http, err)) < 0)
                return r;
        action = ec2api_action_find(request->action);
        sts = action && action->service == WORLD_SERVICE_STS;
        if (!action || !action->unsigned_too) {
                r = sigverify_check(request->world, http, sts ? "sts" : "ec2", world_wall_ms(request->world),
                                    &request->secret, err);
                if (r < 0)
                        return r;
        }
        request->node = request->secret.node;
        return find_action(request, ret, err);
}

/* What stands between a good request and its action. */
static int check_request(struct ec2api_request *request, const struct ec2api_action *action, struct err *err)
{
        bool dry_run = false;
        int r;

        if ((r = world_take_token(request->world, action->name, err)) < 0 ||
            (r = ec2api_request_check(request, action->parameters, action->dry_run, err)) < 0 ||
            (r = ec2api_bool(request, "DryRun", &dry_run, err)) < 0)
                return r;
        if (world_is_denied(request->world, action->name,
                            action->service == WORLD_SERVICE_EC2 ? request->secret.arn : NULL))
                return refuse_denied(request, action->name, err);
        return dry_run ? world_refuse(request->world, err, "DryRunOperation",
                                      "Request would have succeeded, but DryRun flag is set.")
                       : 0;
}

static int run_action(struct ec2api_request *request, const struct ec2api_action *action, struct err *err)
{
        bool sts = action->service == WORLD_SERVICE_STS, describe = strncmp(action->name, "Describe", 8) == 0;
        struct text *out = request->reply;
        int r;

        text_add(out, "<%sResponse xmlns=\"%s\">", action->name,
                 sts ? "https://sts.amazonaws.com/doc/" STS_VERSION "/"
                     : "http://ec2.amazonaws.com/doc/" EC2_VERSION "/");
        if (sts)
                text_add(out, "<%sResult>", action->name);
        else
                xmlout_text(out, "requestId", request->id);
        if (describe)
                world_view_enter(request->world, WORLD_VIEW_DESCRIBE, NULL);
        r = action->handler(request, err);
        if (describe)
                world_view_leave(request->world);
        if (r < 0)
                return r;
        if (sts) {
                text_add(out, "</%sResult>", action->name);
                xmlout_open(out, "ResponseMetadata");
                xmlout_text(out, "RequestId", request->id);
                xmlout_close(out, "ResponseMetadata");
        }
        text_add(out, "</%sResponse>", action->name);
        return 0;
}

/* Whose call it was: the signature says it, else the address it came from. */
static const char *caller(struct ec2api_request *request, const struct httpd_request *http)
{
        const char *node = request->node;
        struct err err;

        if (!node && world_node_of_address(request->world, http->peer, request->arena, &node, &err) < 0)
                node = NULL;
        return node;
}

/* The whole way of a request; what it says is in request->reply. *ret_fault: what the script does to it. */
static int carry_out(struct ec2api_request *request, const struct httpd_request *http,
                     const struct world_fault **ret_fault, struct err *err)
{
        const struct ec2api_action *action;
        const struct world_fault *fault;
        int r;

        r = read_request(request, http, &action, err);
        if (r < 0)
                return r;
        *ret_fault = fault =
                world_match_fault(request->world, action->service, action->name, caller(request, http));
        request->fewer = fault && fault->effect == WORLD_EFFECT_FEWER;
        if (!fault || fault->commit) {
                r = check_request(request, action, err);
                if (r == 0)
                        r = run_action(request, action, err);
        }
        if (fault && fault->effect == WORLD_EFFECT_ERROR)
                return world_refuse(request->world, err, fault->code, "%s", fault->message);
        return r;
}

/* A message may quote what came, cut off in the middle of a character: it is made ASCII. */
static const char *ascii(struct arena *arena, const char *message)
{
        char *copy = arena_strdup(arena, message);

        for (char *c = copy; *c; c++)
                if ((unsigned char)*c >= 0x80)
                        *c = '?';
        return copy;
}

static void render_error(struct ec2api_request *request, const char *code, const char *message)
{
        const struct ec2api_action *action = ec2api_action_find(request->action);
        bool sts = action && action->service == WORLD_SERVICE_STS;
        struct text *out = request->reply;

        xmlout_open(out, sts ? "ErrorResponse" : "Response");
        if (!sts)
                xmlout_open(out, "Errors");
        xmlout_open(out, "Error");
        if (sts)
                xmlout_text(out, "Type", "Sender");
        xmlout_text(out, "Code", code);
        xmlout_text(out, "Message", ascii(request->arena, message));
        xmlout_close(out, "Error");
        if (!sts)
                xmlout_close(out, "Errors");
        xmlout_text(out, sts ? "RequestId" : "RequestID", request->id);
        xmlout_close(out, sts ? "ErrorResponse" : "Response");
}

static void handle_locked(struct ec2api_request *request, const struct httpd_request *http,
                          struct httpd_reply *reply)
{
        const struct ec2api_action *action;
        const struct world_fault *fault = NULL;
        struct text *out = request->reply;
        const char *code = NULL;
        struct err err;

        text_add(out, XML_HEAD);
        world_clear_refusal(request->world);
        if (carry_out(request, http, &fault, &err) < 0) {
                code = world_refusal(request->world) ?: "InternalError";
                reply->status =
                        fault && fault->effect == WORLD_EFFECT_ERROR ? fault->status : status_of(code);
                text_done(out);
                text_add(out, XML_HEAD);
                render_error(request, code, request->message ?: err.msg);
        }
        action = ec2api_action_find(request->action);
        world_note_call(request->world, action ? action->name : "(unknown)", caller(request, http),
                        reply->status, code);
        reply->content_type = "text/xml;charset=UTF-8";
        reply->body = arena_strdup(http->arena, out->text);
        ec2api_fault_apply(fault, http->arena, reply);
}

static void handle(void *userdata, const struct httpd_request *http, struct httpd_reply *reply)
{
        struct ec2api *api = userdata;
        _cleanup_(text_done) struct text out = {0};
        struct ec2api_request request = {
                .world = api->world, .arena = http->arena, .reply = &out, .action = ""};

        new_request_id(request.id);
        reply->status = STATUS_OK;
        world_lock(api->world);
        handle_locked(&request, http, reply);
        httpd_date(reply, world_wall_ms(api->world), http->arena);
        world_unlock(api->world);
        reply->headers[reply->n_headers++] =
                (struct httpd_header){"x-amzn-RequestId", arena_strdup(http->arena, request.id)};
}

int ec2api_start(struct world *world, int listen_fd, const struct httpd_tls *tls, struct ec2api **ret,
                 struct err *err)
{
        struct ec2api *api = XNEW(struct ec2api);
        int r;

        api->world = world;
        r = httpd_start(listen_fd, tls, handle, api, &api->httpd, err);
        if (r < 0) {
                free(api);
                return err_wrap(err, "EC2 API");
        }
        *ret = api;
        return 0;
}

struct ec2api *ec2api_stop(struct ec2api *api)
{
        if (!api)
                return NULL;
        httpd_stop(api->httpd);
        free(api);
        return NULL;
}
