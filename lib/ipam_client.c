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

static int take_reply(struct ipam_client *client, enum ipam_method_id id, const struct varlink_reply *reply,
                      struct arena *arena, void *ret, struct err *err)
{
        const struct ipam_method *method = ipam_method(id);
        _cleanup_json_ json_t *nothing = json_object();

        if (reply->error)
                return ipam_error_decode(reply->error, reply->parameters, &client->error, err);
        if (jsonx_decode(reply->parameters ?: nothing, method->reply, arena, ret, NULL, err) < 0) {
                err_wrap(err, "the daemon's reply to %s", method->name);
                if (err)
                        err->code = ERR_PROTOCOL;
                return -ERR_PROTOCOL;
        }
        return 0;
}

static int call(struct ipam_client *client, enum ipam_method_id id, const void *request, int64_t extra_ms,
                void *ret, struct err *err)
{
        const struct ipam_method *method = ipam_method(id);
        _cleanup_json_ json_t *parameters = jsonx_encode(method->request, request), *message = NULL;
        _cleanup_free_ char *name = xasprintf("%s.%s", IPAM_INTERFACE, method->name);
        struct varlink_reply reply;
        int r;

        client->error = (struct ipam_error){0};
        r = varlink_client_call(client->varlink, name, parameters, client->timeout_ms + (int)extra_ms,
                                &message, &reply, err);
        if (r < 0)
                return r;
        return take_reply(client, id, &reply, client->arena, ret, err);
}

int ipam_add(struct ipam_client *client, const struct ipam_add_request *request, struct ipam_add_reply *ret,
             struct err *err)
{
        int64_t waits_ms = request->timeout_ms ?: IPAM_ADD_TIMEOUT_MS;
        struct ipam_add_reply reply = {0};
        int r;

        if (waits_ms < 0 || waits_ms > IPAM_ADD_TIMEOUT_MS_MAX)
                return err_set(err, ERR_INVALID, "timeout of %lld ms; 0..%d are allowed", (long long)waits_ms,
                               IPAM_ADD_TIMEOUT_MS_MAX);
        r = call(client, IPAM_METHOD_ADD, request, waits_ms, &reply, err);
        if (r < 0)
                return r;
        *ret = reply;
        return 0;
}

int ipam_confirm(struct ipam_client *client, const struct ipam_confirm_request *request, struct err *err)
{
        return call(client, IPAM_METHOD_CONFIRM, request, 0, NULL, err);
}

/* The other methods differ in their types only: the reply reaches *ret whole or not at all. */
#define CALL_WITH_REPLY(method_, request_, type_, defaults_, ret_)                                           \
        type_ reply = defaults_;                                                                             \
        int r = call(client, (method_), (request_), 0, &reply, err);                                         \
                                                                                                             \
        if (r < 0)                                                                                           \
                return r;                                                                                    \
        *(ret_) = reply;                                                                                     \
        return 0

int ipam_del(struct ipam_client *client, const struct ipam_del_request *request, struct ipam_del_reply *ret,
             struct err *err)
{
        CALL_WITH_REPLY(IPAM_METHOD_DEL, request, struct ipam_del_reply, {0}, ret);
}

int ipam_check(struct ipam_client *client, const struct ipam_check_request *request,
               struct ipam_check_reply *ret, struct err *err)
{
        CALL_WITH_REPLY(IPAM_METHOD_CHECK, request, struct ipam_check_reply, {0}, ret);
}

int ipam_gc(struct ipam_client *client, const struct ipam_gc_request *request, struct ipam_gc_reply *ret,
            struct err *err)
{
        CALL_WITH_REPLY(IPAM_METHOD_GC, request, struct ipam_gc_reply, {0}, ret);
}

int ipam_status(struct ipam_client *client, struct ipam_status_reply *ret, struct err *err)
{
        CALL_WITH_REPLY(IPAM_METHOD_STATUS, NULL, struct ipam_status_reply, IPAM_STATUS_UNSET, ret);
}

int ipam_list(struct ipam_client *client, struct ipam_list_reply *ret, struct err *err)
{
        CALL_WITH_REPLY(IPAM_METHOD_LIST, NULL, struct ipam_list_reply, {0}, ret);
}

int ipam_events(struct ipam_client *client, const struct ipam_events_request *request,
                struct ipam_events_reply *ret, struct err *err)
{
        CALL_WITH_REPLY(IPAM_METHOD_EVENTS, request, struct ipam_events_reply, {0}, ret);
}

int ipam_address(struct ipam_client *client, const struct ipam_address_request *request,
                 struct ipam_address_reply *ret, struct err *err)
{
        CALL_WITH_REPLY(IPAM_METHOD_ADDRESS, request, struct ipam_address_reply, {0}, ret);
}

int ipam_log_level(struct ipam_client *client, const struct ipam_log_level_request *request,
                   struct ipam_log_level_reply *ret, struct err *err)
{
        CALL_WITH_REPLY(IPAM_METHOD_LOG_LEVEL, request, struct ipam_log_level_reply, {0}, ret);
}

int ipam_probe(struct ipam_client *client, struct ipam_probe_reply *ret, struct err *err)
{
        struct ipam_probe_reply reply = {0};
        int r = call(client, IPAM_METHOD_PROBE, NULL, IPAM_PROBE_TIMEOUT_MS, &reply, err);

        if (r < 0)
                return r;
        *ret = reply;
        return 0;
}

int ipam_handover(struct ipam_client *client, const struct ipam_handover_request *request,
                  struct ipam_handover_reply *ret, struct err *err)
{
        CALL_WITH_REPLY(IPAM_METHOD_HANDOVER, request, struct ipam_handover_reply, {0}, ret);
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
        struct ipam_event event = {0};
        struct varlink_reply reply;
        int r;

        if (client->watch_ended)
                return err_set(err, ERR_AGAIN, "the daemon ended the stream of events");
        r = varlink_client_receive(client->varlink, timeout_ms, &message, &reply, err);
        if (r < 0)
                return r;
        client->event_arena = arena_free(client->event_arena);
        client->event_arena = arena_new();
        client->watch_ended = !reply.continues;
        r = take_reply(client, IPAM_METHOD_WATCH, &reply, client->event_arena, &event, err);
        if (r < 0)
                return r;
        *ret = event;
        return 0;
}
