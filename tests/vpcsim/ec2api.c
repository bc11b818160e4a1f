// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <vpcwire/clock.h>

#include "ec2api.h"
#include "ec2api_actions.h"
#include "sigverify.h"
#include "world_imds.h"
#include "xmlout.h"

#define EC2_VERSION "2016-11-15"

enum { STATUS_OK = 200, STATUS_BAD_REQUEST = 400, STATUS_INTERNAL = 500 };

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

        if (!ec2api_text(request, "Action"))
                return world_refuse(request->world, err, "MissingAction",
                                    "The request must contain the parameter Action");
        if (!version)
                return world_refuse(request->world, err, "MissingParameter",
                                    "The request must contain the parameter Version");
        if (strcmp(version, EC2_VERSION) != 0)
                return world_refuse(request->world, err, "NoSuchVersion",
                                    "The requested version (%.32s) of service AmazonEC2 does not exist",
                                    version);
        *ret = ec2api_action_find(request->action);
        if (!*ret)
                return world_refuse(request->world, err, "InvalidAction",
                                    "The action %.128s is not valid for this web service.", request->action);
        return 0;
}

/* The whole way of a request; what it says is in request->reply. */
static int carry_out(struct ec2api_request *request, const struct httpd_request *http, struct err *err)
{
        const struct ec2api_action *action;
        bool dry_run = false;
        int r;

        if ((r = world_catch_up(request->world, err)) < 0 || (r = read_form(request, http, err)) < 0 ||
            (r = sigverify_check(request->world, http, clock_wall_ms(), &request->node, err)) < 0 ||
            (r = find_action(request, &action, err)) < 0 ||
            (r = ec2api_request_check(request, action->parameters, action->dry_run, err)) < 0 ||
            (r = ec2api_bool(request, "DryRun", &dry_run, err)) < 0)
                return r;
        if (dry_run)
                return world_refuse(request->world, err, "DryRunOperation",
                                    "Request would have succeeded, but DryRun flag is set.");
        text_add(request->reply, "<%sResponse xmlns=\"http://ec2.amazonaws.com/doc/" EC2_VERSION "/\">",
                 action->name);
        xmlout_text(request->reply, "requestId", request->id);
        r = action->handler(request, err);
        if (r < 0)
                return r;
        text_add(request->reply, "</%sResponse>", action->name);
        return 0;
}

/* A message may quote what came, cut off in the middle of a character: it is made ASCII. */
static void render_error(struct ec2api_request *request, const char *code, char *message)
{
        struct text *out = request->reply;

        for (char *c = message; *c; c++)
                if ((unsigned char)*c >= 0x80)
                        *c = '?';
        xmlout_open(out, "Response");
        xmlout_open(out, "Errors");
        xmlout_open(out, "Error");
        xmlout_text(out, "Code", code);
        xmlout_text(out, "Message", message);
        xmlout_close(out, "Error");
        xmlout_close(out, "Errors");
        xmlout_text(out, "RequestID", request->id);
        xmlout_close(out, "Response");
}

/* Whose call it was: the signature says it, else the address it came from. */
static void note_call(struct ec2api_request *request, const struct httpd_request *http, unsigned status,
                      const char *code)
{
        const struct ec2api_action *action = ec2api_action_find(request->action);
        const char *node = request->node;
        struct err err;

        if (!node && world_node_of_address(request->world, http->peer, request->arena, &node, &err) < 0)
                node = NULL;
        world_note_call(request->world, action ? action->name : "(unknown)", node, status, code);
}

static void handle(void *userdata, const struct httpd_request *http, struct httpd_reply *reply)
{
        struct ec2api *api = userdata;
        _cleanup_(text_done) struct text out = {0};
        struct ec2api_request request = {
                .world = api->world, .arena = http->arena, .reply = &out, .action = ""};
        const char *code = NULL;
        struct err err;

        new_request_id(request.id);
        reply->status = STATUS_OK;
        text_add(&out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        world_lock(api->world);
        world_clear_refusal(api->world);
        if (carry_out(&request, http, &err) < 0) {
                code = world_refusal(api->world) ?: "InternalError";
                reply->status = status_of(code);
                text_done(&out);
                text_add(&out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
                render_error(&request, code, err.msg);
        }
        note_call(&request, http, reply->status, code);
        world_unlock(api->world);
        reply->content_type = "text/xml;charset=UTF-8";
        reply->body = arena_strdup(http->arena, out.text);
        reply->headers[reply->n_headers++] =
                (struct httpd_header){"x-amzn-RequestId", arena_strdup(http->arena, request.id)};
}

int ec2api_start(struct world *world, int listen_fd, struct ec2api **ret, struct err *err)
{
        struct ec2api *api = XNEW(struct ec2api);
        int r;

        api->world = world;
        r = httpd_start(listen_fd, handle, api, &api->httpd, err);
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
