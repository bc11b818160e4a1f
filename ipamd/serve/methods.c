// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include "serve/handlers.h"
#include "serve/methods.h"
#include "serve/reply.h"
#include "serve/service.h"
#include "serve/watch.h"

static int method_watch(struct method_call *call, const void *request, void *reply _unused_, struct err *err)
{
        const struct ipam_watch_request *watch = request;
        int64_t after = watch->after;

        if (after < 0 && store_event_last_id(call->serve->options.store, &after, err) < 0)
                return -ERR_INTERNAL;
        call->later = true;
        watch_start(call->connection, after);
        return 0;
}

/* What each method needs besides its types, which ipam_method() knows. */
static const struct {
        int (*handler)(struct method_call *call, const void *request, void *reply, struct err *err);
        const void *defaults; /* of the request; NULL: zero */
        bool needs_more;
} table[_IPAM_METHOD_MAX] = {
        [IPAM_METHOD_ADD] = {handle_add},
        [IPAM_METHOD_CONFIRM] = {handle_confirm},
        [IPAM_METHOD_DEL] = {handle_del},
        [IPAM_METHOD_CHECK] = {handle_check},
        [IPAM_METHOD_GC] = {handle_gc},
        [IPAM_METHOD_STATUS] = {handle_status},
        [IPAM_METHOD_LIST] = {handle_list},
        [IPAM_METHOD_EVENTS] = {handle_events},
        [IPAM_METHOD_ADDRESS] = {handle_address},
        [IPAM_METHOD_LOG_LEVEL] = {handle_log_level},
        [IPAM_METHOD_PROBE] = {handle_probe},
        [IPAM_METHOD_WATCH] = {method_watch, &(const struct ipam_watch_request){.after = -1}, true},
};

static void refuse_parameters(struct connection *connection, const struct jsonx_problem *problem)
{
        struct ipam_error error = {.id = IPAM_ERROR_INVALID_REQUEST};

        if (problem->missing_or_type) {
                reply_refuse_service(connection, VARLINK_INVALID_PARAMETER, "parameter", problem->path);
                return;
        }
        snprintf(error.field, sizeof(error.field), "%s", problem->path);
        snprintf(error.value, sizeof(error.value), "%s", problem->value);
        snprintf(error.allowed, sizeof(error.allowed), "%s", problem->allowed);
        reply_refuse(connection, &error);
}

static void refuse_failed(struct method_call *call, const char *method, const struct err *err)
{
        if (call->error.id == IPAM_ERROR_NONE) {
                log_error("rpc call failed", LOG_STR("method", method), LOG_ERR(err));
                call->error.id = IPAM_ERROR_INTERNAL;
                snprintf(call->error.reason, sizeof(call->error.reason), "%.*s",
                         (int)sizeof(call->error.reason) - 1, err->msg);
        }
        reply_refuse(call->connection, &call->error);
}

static void run(struct method_call *call, enum ipam_method_id id, json_t *parameters)
{
        const struct ipam_method *method = ipam_method(id);
        _cleanup_json_ json_t *nothing = json_object();
        struct jsonx_problem problem;
        void *request = arena_alloc(call->arena, 1, method->request->bytes);
        void *reply = arena_alloc(call->arena, 1, method->reply->bytes);
        struct err err = {0};

        if (table[id].defaults)
                memcpy(request, table[id].defaults, method->request->bytes);
        if (jsonx_decode(parameters ?: nothing, method->request, call->arena, request, &problem, &err) < 0) {
                if (!call->oneway)
                        refuse_parameters(call->connection, &problem);
                return;
        }
        if (table[id].handler(call, request, reply, &err) < 0) {
                if (!call->oneway)
                        refuse_failed(call, method->name, &err);
                return;
        }
        if (!call->later && !call->oneway)
                reply_answer(call->connection, id, reply, false);
}

static void call_ipam(struct connection *connection, const struct varlink_call *varlink, const char *name)
{
        struct method_call call = {
                .serve = connection->serve,
                .connection = connection,
                .oneway = varlink->oneway,
                .now_ms = clock_boottime_ms(),
        };
        enum ipam_method_id id;

        if (!ipam_method_find(name, &id)) {
                if (!varlink->oneway)
                        reply_refuse_service(connection, VARLINK_METHOD_NOT_FOUND, "method", varlink->method);
                return;
        }
        if (table[id].needs_more && (!varlink->more || varlink->oneway)) {
                if (!varlink->oneway)
                        reply_refuse_service(connection, VARLINK_EXPECTED_MORE, NULL, NULL);
                return;
        }
        call.arena = arena_new();
        run(&call, id, varlink->parameters);
        arena_free(call.arena);
        if (connection->serve->n_watching)
                watch_feed_all(connection->serve);
}

void methods_call(struct connection *connection, const struct varlink_call *call)
{
        size_t interface_bytes = varlink_interface_bytes(call->method);
        const char *name = call->method + interface_bytes + 1;
        _cleanup_free_ char *interface = xstrndup(call->method, interface_bytes);

        if (interface_bytes && strcmp(interface, IPAM_INTERFACE) == 0)
                call_ipam(connection, call, name);
        else if (call->oneway)
                return;
        else if (interface_bytes && strcmp(interface, SERVICE_INTERFACE) == 0)
                service_call(connection, call, name);
        else if (interface_bytes)
                reply_refuse_service(connection, VARLINK_INTERFACE_NOT_FOUND, "interface", interface);
        else
                reply_refuse_service(connection, VARLINK_METHOD_NOT_FOUND, "method", call->method);
}
