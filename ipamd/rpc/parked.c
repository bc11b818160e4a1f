// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpcwire/clock.h>
#include <vpcwire/log.h>
#include <vpcwire/pod_name.h>

#include "rpc/connection.h"
#include "rpc/lease.h"
#include "rpc/parked.h"
#include "rpc/reason.h"
#include "rpc/reply.h"
#include "rpc/status.h"

static bool same_key(const struct ipam_add_request *request, const struct lease_key *key)
{
        return strcmp(request->container_id, key->container_id) == 0 &&
               strcmp(request->ifname, key->ifname) == 0 && strcmp(request->network, key->network) == 0;
}

static bool key_waits(const struct rpc *rpc, const struct lease_key *key)
{
        for (const struct parked *p = rpc->parked_first; p; p = p->next)
                if (same_key(&p->request, key))
                        return true;
        return false;
}

/* Out of the line, and out of the waiting table unless the same key waits on another connection, too. */
static void unlink_parked(struct parked *parked)
{
        struct rpc *rpc = parked->rpc;
        const struct lease_key key = LEASE_KEY(&parked->request);
        struct err err;

        *(parked->previous ? &parked->previous->next : &rpc->parked_first) = parked->next;
        *(parked->next ? &parked->next->previous : &rpc->parked_last) = parked->previous;
        rpc->n_parked--;
        parked->connection->parked = NULL;
        if (!key_waits(rpc, &key) && store_waiting_remove(rpc->options.store, &key, &err) < 0)
                log_error("forgetting a pending add failed", LOG_ERR(&err),
                          LOG_STR("container", key.container_id));
}

/* For the history of a pod that has no address. What cannot be written down is only missing there. */
static void note_parked(const struct parked *parked, enum event_kind kind, const char *text)
{
        const struct ipam_add_request *request = &parked->request;
        const char *pod = pod_name_text(
                &(struct pod_name){.namespace = request->pod_namespace, .name = request->pod_name},
                parked->arena);
        struct err err;

        if (store_event_add_for(parked->rpc->options.store, kind,
                                &(struct store_event){.subject = pod ?: request->container_id,
                                                      .text = text,
                                                      .pod = pod,
                                                      .container_id = request->container_id},
                                &err) < 0)
                log_error("writing an event failed", LOG_STR("kind", event_kind_to_string(kind)),
                          LOG_ERR(&err));
}

static void free_parked(struct parked *parked)
{
        arena_free(parked->arena);
        free(parked);
}

static const char *reason_of(const struct ipam_error *error)
{
        return error->reason[0] ? error->reason : NULL;
}

/* The end of a parked ADD: with a reply, or with an error. */
static void finish(struct parked *parked, const struct ipam_add_reply *reply, const struct ipam_error *error,
                   enum request_result result)
{
        struct connection *connection = parked->connection;

        unlink_parked(parked);
        if (!reply)
                note_parked(parked, EVENT_ADD_REFUSED,
                            error->reason[0] ? error->reason : request_result_to_string(result));
        lease_end_add(parked->rpc, &parked->request, result, error ? reason_of(error) : NULL,
                      reply ? reply->addresses[0].address : IP_NONE, parked->since_ms);
        if (reply)
                latency_note(&parked->rpc->latency, parked->rpc->options.metrics, REQUEST_ADD, REQUEST_WAIT,
                             clock_boottime_us() - parked->since_us);
        if (parked->oneway)
                connection_close(connection); /* it has nobody to tell, and no write to go on from */
        else if (reply)
                reply_answer(connection, IPAM_METHOD_ADD, reply, false);
        else
                reply_refuse(connection, error);
        connection_answered(connection);
        free_parked(parked);
}

static void fail_internal(struct parked *parked, const struct err *err)
{
        struct ipam_error error = {.id = IPAM_ERROR_INTERNAL};

        log_error("serving a pending add failed", LOG_ERR(err));
        snprintf(error.reason, sizeof(error.reason), "%.*s", (int)sizeof(error.reason) - 1, err->msg);
        finish(parked, NULL, &error, REQUEST_FAILED);
}

static void hand_out(struct rpc *rpc, int64_t now_ms)
{
        for (struct parked *p = rpc->parked_first, *next; p; p = next) {
                _cleanup_(arena_freep) struct arena *arena = arena_new();
                struct ipam_add_reply reply;
                enum lease_result result;
                struct lease lease;
                struct err err;

                next = p->next;
                if (lease_try(rpc, &p->request, now_ms, arena, &result, &lease, &err) < 0) {
                        fail_internal(p, &err);
                        continue;
                }
                if (result == LEASE_NONE_FREE)
                        return;
                if (result == LEASE_REFUSED) {
                        const struct ipam_error error = lease_refused(&lease);

                        finish(p, NULL, &error, REQUEST_REFUSED);
                        continue;
                }
                reply = lease_add_reply(rpc, &lease, result == LEASE_AGAIN, arena);
                finish(p, &reply, NULL, result == LEASE_AGAIN ? REQUEST_AGAIN : REQUEST_SUCCESS);
        }
}

/* Why there is no address, as far as it is known. */
static void explain_none(struct rpc *rpc, int64_t now_ms, char reason[static REASON_BYTES])
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct pool_facts facts;
        struct err err;

        if (status_facts(rpc, now_ms, arena, &facts, &err) < 0)
                snprintf(reason, REASON_BYTES, "no free address; the reason is not known: %.300s", err.msg);
        else
                reason_no_address(&facts, reason);
}

static void note_waiting(const struct parked *parked, int64_t now_ms)
{
        char reason[REASON_BYTES];

        explain_none(parked->rpc, now_ms, reason);
        note_parked(parked, EVENT_ADD_WAITING, reason);
}

static void expire(struct rpc *rpc, int64_t now_ms)
{
        struct ipam_error error = {.id = IPAM_ERROR_NO_ADDRESS};

        for (struct parked *p = rpc->parked_first, *next; p; p = next) {
                next = p->next;
                if (p->deadline_ms > now_ms)
                        continue;
                if (!error.reason[0])
                        explain_none(rpc, now_ms, error.reason);
                metrics_add(rpc->options.metrics, METRIC_AWSCNI_NO_ADDRESS, NO_LABELS, 1);
                finish(p, NULL, &error, REQUEST_NO_ADDRESS);
        }
}

static void on_park_timer(uv_timer_t *timer)
{
        parked_serve(timer->data);
}

/* The next moment at which something can happen by itself: a deadline, or a cooling address that becomes free. */
static void arm(struct rpc *rpc, int64_t now_ms)
{
        int64_t next_ms = INT64_MAX;
        struct store_counts counts;
        struct err err;

        uv_timer_stop(&rpc->park_timer);
        if (!rpc->parked_first || rpc->closing)
                return;
        for (const struct parked *p = rpc->parked_first; p; p = p->next)
                if (p->deadline_ms < next_ms)
                        next_ms = p->deadline_ms;
        if (store_counts(rpc->options.store, now_ms, &counts, &err) < 0)
                log_error("reading when an address is free failed", LOG_ERR(&err));
        else if (counts.next_cooled_ms && counts.next_cooled_ms < next_ms)
                next_ms = counts.next_cooled_ms;
        uv_update_time(rpc->loop);
        uv_timer_start(&rpc->park_timer, on_park_timer, next_ms > now_ms ? (uint64_t)(next_ms - now_ms) : 1,
                       0);
}

void parked_serve(struct rpc *rpc)
{
        int64_t now_ms = clock_boottime_ms();

        if (!rpc->parked_first)
                return;
        hand_out(rpc, now_ms);
        expire(rpc, now_ms);
        arm(rpc, now_ms);
}

int parked_add(struct connection *connection, struct arena *arena, const struct ipam_add_request *request,
               bool oneway, struct err *err)
{
        struct rpc *rpc = connection->rpc;
        const struct lease_key key = LEASE_KEY(request);
        int64_t now_ms = clock_boottime_ms();
        int64_t deadline_ms = now_ms + (request->timeout_ms ?: rpc->options.add_timeout_ms);
        struct parked *parked;

        if (!key_waits(rpc, &key) &&
            store_waiting_add(rpc->options.store, &key, now_ms, deadline_ms, err) < 0)
                return -ERR_INTERNAL;
        parked = XNEW(struct parked);
        *parked = (struct parked){
                .rpc = rpc,
                .connection = connection,
                .previous = rpc->parked_last,
                .arena = arena,
                .request = *request,
                .oneway = oneway,
                .since_ms = now_ms,
                .since_us = clock_boottime_us(),
                .deadline_ms = deadline_ms,
        };
        *(rpc->parked_last ? &rpc->parked_last->next : &rpc->parked_first) = parked;
        rpc->parked_last = parked;
        rpc->n_parked++;
        connection->parked = parked;
        note_waiting(parked, now_ms);
        arm(rpc, now_ms);
        return 0;
}

void parked_cancel(struct rpc *rpc, const struct lease_key *key)
{
        const struct ipam_error error = lease_not_found(key);

        for (struct parked *p = rpc->parked_first, *next; p; p = next) {
                next = p->next;
                if (same_key(&p->request, key))
                        finish(p, NULL, &error, REQUEST_OVERTAKEN);
        }
}

void parked_drop(struct parked *parked)
{
        struct rpc *rpc = parked->rpc;

        unlink_parked(parked);
        note_parked(parked, EVENT_ADD_GIVEN_UP, "the caller hung up while it waited");
        lease_end_add(rpc, &parked->request, REQUEST_CALLER_GONE, NULL, IP_NONE, parked->since_ms);
        free_parked(parked);
        arm(rpc, clock_boottime_ms());
}

void parked_end_all(struct rpc *rpc, const struct ipam_error *error, enum request_result result)
{
        for (struct parked *p = rpc->parked_first, *next; p; p = next) {
                next = p->next;
                finish(p, NULL, error, result);
        }
}
