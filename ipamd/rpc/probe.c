// SPDX-License-Identifier: Apache-2.0
/*
 * The loop never waits for the cloud: it asks the other thread by options.probe, and finds the answer in the store. An answer
 * costs EC2 calls, so one serves all who ask within a minute.
 */
#include "rpc/probe.h"

#include <stdio.h>
#include <string.h>

#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include "rpc/connection.h"
#include "rpc/handlers.h"
#include "rpc/reply.h"

/* 1: *ret is an answer that was ready at since_ms or later; 0: there is none. Texts are in the arena. */
static int read_answer(struct rpc *rpc, int64_t since_ms, struct arena *arena, struct ipam_probe_reply *ret,
                       struct err *err)
{
        _cleanup_json_ json_t *json = NULL;
        const char *text;

        if (store_fact_get(rpc->options.store, STORE_FACT_PROBE, arena, &text, err) < 0)
                return -(int)err->code;
        if (!text)
                return 0;
        if (jsonx_parse(text, strlen(text), &json, err) < 0)
                return -(int)err->code;
        if (json_integer_value(json_object_get(json, STORE_PROBE_AT)) < since_ms)
                return 0;
        if (jsonx_decode(json, ipam_method(IPAM_METHOD_PROBE)->reply, arena, ret, NULL, err) < 0)
                return -(int)err->code;
        return 1;
}

static void finish(struct connection *connection, const struct ipam_probe_reply *reply,
                   const struct ipam_error *error)
{
        connection->probing = false;
        if (reply)
                reply_answer(connection, IPAM_METHOD_PROBE, reply, false);
        else
                reply_refuse(connection, error);
        connection_answered(connection);
}

static void finish_all(struct rpc *rpc, const struct ipam_probe_reply *reply, const struct ipam_error *error)
{
        rpc->probe_asked_ms = 0;
        uv_timer_stop(&rpc->probe_timer);
        for (struct connection *c = rpc->connections, *next; c; c = next) {
                next = c->next;
                if (c->probing)
                        finish(c, reply, error);
        }
}

void probe_serve(struct rpc *rpc)
{
        _cleanup_(arena_freep) struct arena *arena = NULL;
        struct ipam_probe_reply reply = {0};
        struct ipam_error error = {.id = IPAM_ERROR_INTERNAL};
        struct err err;
        int r;

        if (!rpc->probe_asked_ms)
                return;
        arena = arena_new();
        r = read_answer(rpc, rpc->probe_asked_ms, arena, &reply, &err);
        if (r == 0)
                return;
        if (r < 0) {
                log_error("reading the probe's result failed", LOG_ERR(&err));
                snprintf(error.reason, sizeof(error.reason), "%.300s", err.msg);
        }
        finish_all(rpc, r > 0 ? &reply : NULL, &error);
}

static void on_deadline(uv_timer_t *timer)
{
        const struct ipam_error error = {.id = IPAM_ERROR_NOT_READY,
                                         .reason = "AWS does not answer ipamd, or is slow; see ipamd's log"};

        finish_all(timer->data, NULL, &error);
}

/* Whether it is the first that waits. */
static bool begins(struct method_call *call)
{
        struct rpc *rpc = call->rpc;

        call->later = true;
        if (call->oneway)
                return false;
        call->connection->probing = true;
        if (rpc->probe_asked_ms)
                return false;
        rpc->probe_asked_ms = call->now_ms;
        uv_update_time(rpc->loop);
        uv_timer_start(&rpc->probe_timer, on_deadline, IPAM_PROBE_TIMEOUT_MS, 0);
        return true;
}

int handle_probe(struct method_call *call, const void *request _unused_, void *reply, struct err *err)
{
        struct rpc *rpc = call->rpc;
        int64_t since_ms = call->now_ms - RPC_PROBE_PERIOD_MS;
        int r = read_answer(rpc, since_ms > rpc->started_ms ? since_ms : rpc->started_ms, call->arena, reply,
                            err);

        if (r != 0)
                return r < 0 ? r : 0;
        if (!rpc->options.probe)
                return err_set(err, ERR_UNSUPPORTED, "this daemon cannot ask AWS");
        if (begins(call))
                rpc->options.probe(rpc->options.probe_data);
        return 0;
}

void probe_drop(struct connection *connection)
{
        connection->probing = false;
}

void probe_end_all(struct rpc *rpc)
{
        const struct ipam_error error = {.id = IPAM_ERROR_NOT_READY, .reason = "ipamd is stopping"};

        finish_all(rpc, NULL, &error);
}
