// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "ec2api_fault.h"
#include "httpd.h"
#include "imdsapi.h"
#include "imdsapi_tree.h"

enum { MAX_TTL_S = 21600 };

#define TTL_HEADER   "X-aws-ec2-metadata-token-ttl-seconds"
#define TOKEN_HEADER "X-aws-ec2-metadata-token"

struct imdsapi {
        struct world *world; /* borrowed */
        struct httpd *httpd;
};

static void refuse(const struct httpd_request *request, struct httpd_reply *reply, unsigned status,
                   const char *text)
{
        *reply = (struct httpd_reply){
                .status = status,
                .content_type = "text/html",
                .body = arena_printf(
                        request->arena,
                        "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n"
                        "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\"\n"
                        "\t\"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">\n"
                        "<html xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang=\"en\" lang=\"en\">\n"
                        " <head>\n  <title>%u - %s</title>\n </head>\n <body>\n  <h1>%u - %s</h1>\n"
                        " </body>\n</html>\n",
                        status, text, status, text),
        };
}

/* A request belongs to the node that has its source address; without packets, to the node that it names. */
static int find_node(struct world *world, const struct httpd_request *request, const char **ret,
                     struct err *err)
{
        const char *name = httpd_header_value(request, "X-Vpcsim-Node");
        unsigned hop_limit;
        int r;

        if (world_has_fabric(world))
                return world_node_of_address(world, request->peer, request->arena, ret, err);
        if (!name || request->peer.family != AF_INET || request->peer.bytes[0] != 127)
                return err_set(err, ERR_NOT_FOUND, "no node is named");
        r = world_imds_hop_limit(world, name, &hop_limit, err);
        if (r < 0)
                return r;
        *ret = name;
        return 0;
}

static bool parse_ttl(const char *text, unsigned *ret)
{
        unsigned long ttl;

        if (!text || !*text || strlen(text) > 5 || strspn(text, "0123456789") != strlen(text))
                return false;
        ttl = strtoul(text, NULL, 10);
        if (ttl < 1 || ttl > MAX_TTL_S)
                return false;
        *ret = (unsigned)ttl;
        return true;
}

static int reply_token(struct world *world, const char *node, const struct httpd_request *request,
                       struct httpd_reply *reply, struct err *err)
{
        const char *text = httpd_header_value(request, TTL_HEADER);
        unsigned ttl, hop_limit;
        int r;

        r = world_imds_hop_limit(world, node, &hop_limit, err);
        if (r < 0)
                return r;
        if (httpd_header_value(request, "X-Forwarded-For") ||
            strcmp(request->path, "/latest/api/token") != 0) {
                refuse(request, reply, 403, "Forbidden");
        } else if (!parse_ttl(text, &ttl)) {
                refuse(request, reply, 400, "Bad Request");
        } else {
                r = world_imds_new_token(world, node, ttl, request->arena, &reply->body, err);
                reply->headers[reply->n_headers++] = (struct httpd_header){TTL_HEADER, text};
        }
        /* So a token does not get further than the node, whoever asked (AWS, "hop limit" of the PUT response). */
        reply->ip_ttl = hop_limit;
        return r;
}

static int answer(struct world *world, const char *node, const struct httpd_request *request,
                  struct httpd_reply *reply, struct err *err)
{
        const char *token = httpd_header_value(request, TOKEN_HEADER);

        if (strcmp(request->method, "PUT") == 0)
                return reply_token(world, node, request, reply, err);
        if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0) {
                refuse(request, reply, 405, "Method Not Allowed");
                return 0;
        }
        if (!token || !world_imds_token_is_good(world, node, token)) {
                refuse(request, reply, 401, "Unauthorized");
                return 0;
        }
        return imdsapi_tree_read(world, node, request->path, request->arena, &reply->body, err);
}

static void handle_locked(struct world *world, const struct httpd_request *request, struct httpd_reply *reply)
{
        const struct world_fault *fault = NULL;
        const char *node = NULL;
        struct err err;
        int r;

        r = world_catch_up(world, &err);
        if (r == 0)
                r = find_node(world, request, &node, &err);
        if (r == 0) {
                fault = world_match_fault(world, WORLD_SERVICE_IMDS, request->path, node);
                r = answer(world, node, request, reply, &err);
        }
        if (r == -ERR_NOT_FOUND)
                refuse(request, reply, 404, "Not Found");
        else if (r < 0)
                refuse(request, reply, 500, "Internal Server Error");
        if (fault && fault->effect == WORLD_EFFECT_ERROR)
                refuse(request, reply, fault->status, arena_strdup(request->arena, fault->message));
        ec2api_fault_apply(fault, request->arena, reply);
}

static void handle(void *userdata, const struct httpd_request *request, struct httpd_reply *reply)
{
        struct imdsapi *api = userdata;

        world_lock(api->world);
        handle_locked(api->world, request, reply);
        httpd_date(reply, world_wall_ms(api->world), request->arena);
        world_unlock(api->world);
        reply->headers[reply->n_headers++] = (struct httpd_header){"Server", "EC2ws"};
}

int imdsapi_start(struct world *world, int listen_fd, struct imdsapi **ret, struct err *err)
{
        struct imdsapi *api = XNEW(struct imdsapi);
        int r;

        api->world = world;
        r = httpd_start(listen_fd, NULL, handle, api, &api->httpd, err);
        if (r < 0) {
                free(api);
                return err_wrap(err, "metadata service");
        }
        *ret = api;
        return 0;
}

struct imdsapi *imdsapi_stop(struct imdsapi *api)
{
        if (!api)
                return NULL;
        httpd_stop(api->httpd);
        free(api);
        return NULL;
}
