// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include <vpcwire/ipam_client.h>
#include <vpcwire/mem.h>
#include <vpcwire/varlink_client.h>

struct ipam_client {
        struct varlink_client *varlink;
        struct arena *arena;       /* of the replies */
        struct arena *event_arena; /* of the last event of a stream */
        int timeout_ms;
        bool watch_ended;
        struct ipam_error error;
};

int ipam_client_connect(const char *path, int timeout_ms, struct ipam_client **ret, struct err *err)
{
        struct ipam_client *client;
        struct varlink_client *varlink;
        int r;

        r = varlink_client_connect(path, timeout_ms, &varlink, err);
        if (r < 0)
                return r;
        client = XNEW(struct ipam_client);
        client->varlink = varlink;
        client->arena = arena_new();
        client->timeout_ms = timeout_ms;
        *ret = client;
        return 0;
}

struct ipam_client *ipam_client_free(struct ipam_client *client)
{
        if (!client)
                return NULL;
        varlink_client_free(client->varlink);
        arena_free(client->arena);
        arena_free(client->event_arena);
        free(client);
        return NULL;
}

void ipam_client_set_timeout(struct ipam_client *client, int timeout_ms)
{
        client->timeout_ms = timeout_ms;
}

const struct ipam_error *ipam_client_error(const struct ipam_client *client)
{
        return &client->error;
}

/* The reply reaches *ret whole or not at all. */
static int take_reply(struct ipam_client *client, const struct ipam_method *method,
                      const struct varlink_reply *reply, struct arena *arena, void *ret, struct err *err)
{
        _cleanup_json_ json_t *nothing = json_object();
        void *value = arena_alloc(arena, 1, method->reply->bytes);

        if (reply->error)
                return ipam_error_decode(reply->error, reply->parameters, &client->error, err);
        if (jsonx_decode(reply->parameters ?: nothing, method->reply, arena, value, NULL, err) < 0) {
                err_wrap(err, "the daemon's reply to %s", method->name);
                if (err)
                        err->code = ERR_PROTOCOL;
                return -ERR_PROTOCOL;
        }
        if (ret)
                memcpy(ret, value, method->reply->bytes);
        return 0;
}

int ipam_client_call(struct ipam_client *client, enum ipam_method_id id, const void *request, int64_t wait_ms,
                     void *ret, struct err *err)
{
        const struct ipam_method *method = ipam_method(id);
        _cleanup_json_ json_t *parameters = NULL, *message = NULL;
        _cleanup_free_ char *name = xasprintf("%s.%s", IPAM_INTERFACE, method->name);
        struct varlink_reply reply;
        int r;

        if (wait_ms < 0 || wait_ms > IPAM_ADD_TIMEOUT_MS_MAX)
                return err_set(err, ERR_INVALID, "timeout of %lld ms; 0..%d are allowed", (long long)wait_ms,
                               IPAM_ADD_TIMEOUT_MS_MAX);
        parameters = jsonx_encode(method->request, request);
        client->error = (struct ipam_error){0};
        r = varlink_client_call(client->varlink, name, parameters, client->timeout_ms + (int)wait_ms,
                                &message, &reply, err);
        if (r < 0)
                return r;
        return take_reply(client, method, &reply, client->arena, ret, err);
}

int ipam_watch(struct ipam_client *client, const struct ipam_watch_request *request, struct err *err)
{
        _cleanup_json_ json_t *parameters = jsonx_encode(ipam_method(IPAM_METHOD_WATCH)->request, request);

        client->error = (struct ipam_error){0};
        return varlink_client_call_more(client->varlink, IPAM_INTERFACE ".Watch", parameters,
                                        client->timeout_ms, err);
}

int ipam_watch_next(struct ipam_client *client, int timeout_ms, struct ipam_event *ret, struct err *err)
{
        _cleanup_json_ json_t *message = NULL;
        struct varlink_reply reply;
        int r;

        if (client->watch_ended)
                return err_set(err, ERR_AGAIN, "ipamd ended the stream of events");
        r = varlink_client_receive(client->varlink, timeout_ms, &message, &reply, err);
        if (r < 0)
                return r;
        client->event_arena = arena_free(client->event_arena);
        client->event_arena = arena_new();
        client->watch_ended = !reply.continues;
        return take_reply(client, ipam_method(IPAM_METHOD_WATCH), &reply, client->event_arena, ret, err);
}
