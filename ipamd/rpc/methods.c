// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include "model/request.h"
#include "rpc/handlers.h"
#include "rpc/handover.h"
#include "rpc/methods.h"
#include "rpc/reply.h"
#include "rpc/service.h"
#include "rpc/watch.h"

static int method_watch(struct method_call *call, const void *request, void *reply _unused_, struct err *err)
{
        const struct ipam_watch_request *watch = request;
        int64_t after = watch->after;

        if (after < 0 && store_event_last_id(call->rpc->options.store, &after, err) < 0)
                return -ERR_INTERNAL;
        call->later = true;
        watch_start(call->connection, after);
        return 0;
}

/* What each method needs besides its types, which ipam_method() knows. */
static const struct {
        int (*handler)(struct method_call *call, const void *request, void *reply, struct err *err);
        bool counted; /* as one of the plugin's requests */
        enum request_verb verb;
} table[_IPAM_METHOD_MAX] = {
        [IPAM_METHOD_ADD] = {handle_add, .counted = true, .verb = REQUEST_ADD},
        [IPAM_METHOD_CONFIRM] = {handle_confirm, .counted = true, .verb = REQUEST_CONFIRM},
        [IPAM_METHOD_DEL] = {handle_del, .counted = true, .verb = REQUEST_DEL},
        [IPAM_METHOD_CHECK] = {handle_check, .counted = true, .verb = REQUEST_CHECK},
        [IPAM_METHOD_GC] = {handle_gc, .counted = true, .verb = REQUEST_GC},
        [IPAM_METHOD_STATUS] = {handle_status},
        [IPAM_METHOD_NETWORK] = {handle_network},
        [IPAM_METHOD_LIST] = {handle_list},
        [IPAM_METHOD_EVENTS] = {handle_events},
        [IPAM_METHOD_ADDRESS] = {handle_address},
        [IPAM_METHOD_LOG_LEVEL] = {handle_log_level},
        [IPAM_METHOD_PROBE] = {handle_probe},
        [IPAM_METHOD_HANDOVER] = {handle_handover},
        [IPAM_METHOD_WATCH] = {method_watch},
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
                call->rpc->database_in_doubt = true;
                call->error.id = IPAM_ERROR_INTERNAL;
                snprintf(call->error.reason, sizeof(call->error.reason), "%.*s",
                         (int)sizeof(call->error.reason) - 1, err->msg);
        }
        reply_refuse(call->connection, &call->error);
}

static void count_request(struct metrics *metrics, enum ipam_method_id id, enum request_result ended)
{
        if (table[id].counted)
                metrics_add(metrics, METRIC_REQUESTS,
                            LABELS(request_verb_to_string(table[id].verb), request_result_to_string(ended)),
                            1);
}

/* ADDs end in many ways and tell them themselves (lease_end_add()); an ADD that fails here is reported here. */
static void count(const struct method_call *call, enum ipam_method_id id, int result, const void *reply)
{
        struct metrics *metrics = call->rpc->options.metrics;
        enum request_result ended = result == 0                ? REQUEST_SUCCESS
                                    : result == -ERR_NOT_FOUND ? REQUEST_UNKNOWN
                                                               : REQUEST_FAILED;

        if (id == IPAM_METHOD_DEL && result == 0 && !((const struct ipam_del_reply *)reply)->released)
                ended = REQUEST_UNKNOWN;
        if (id != IPAM_METHOD_ADD || result < 0)
                count_request(metrics, id, ended);
        if (ended == REQUEST_FAILED)
                metrics_add(metrics, METRIC_AWSCNI_ERRORS, LABELS(METRIC_IN_RPC), 1);
        if (id == IPAM_METHOD_ADD)
                metrics_add(metrics, METRIC_AWSCNI_ADD_REQUESTS, NO_LABELS, 1);
        if (table[id].counted && table[id].verb <= REQUEST_TIMED_LAST)
                latency_note(&call->rpc->latency, metrics, table[id].verb, REQUEST_RPC,
                             clock_boottime_us() - call->began_us);
}

static void run(struct method_call *call, enum ipam_method_id id, json_t *parameters)
{
        const struct ipam_method *method = ipam_method(id);
        _cleanup_json_ json_t *nothing = json_object();
        struct jsonx_problem problem;
        void *request = arena_alloc(call->arena, 1, method->request->bytes);
        void *reply = arena_alloc(call->arena, 1, method->reply->bytes);
        struct err err = {0};
        int r;

        if (jsonx_decode(parameters ?: nothing, method->request, call->arena, request, &problem, &err) < 0) {
                count_request(call->rpc->options.metrics, id, REQUEST_INVALID);
                if (!call->oneway)
                        refuse_parameters(call->connection, &problem);
                return;
        }
        r = table[id].handler(call, request, reply, &err);
        count(call, id, r, reply);
        if (r < 0) {
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
                .rpc = connection->rpc,
                .connection = connection,
                .oneway = varlink->oneway,
                .now_ms = clock_boottime_ms(),
                .began_us = clock_boottime_us(),
        };
        enum ipam_method_id id;

        if (!ipam_method_find(name, &id)) {
                if (!varlink->oneway)
                        reply_refuse_service(connection, VARLINK_METHOD_NOT_FOUND, "method", varlink->method);
                return;
        }
        if (ipam_method(id)->more && (!varlink->more || varlink->oneway)) {
                if (!varlink->oneway)
                        reply_refuse_service(connection, VARLINK_EXPECTED_MORE, NULL, NULL);
                return;
        }
        call.arena = arena_new();
        run(&call, id, varlink->parameters);
        arena_free(call.arena);
        if (connection->rpc->n_watching)
                watch_feed_all(connection->rpc);
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
