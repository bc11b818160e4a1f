// SPDX-License-Identifier: Apache-2.0
#include "rpc/handover.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include "rpc/lease.h"
#include "rpc/parked.h"
#include "rpc/reply.h"

/* Its value is the moment, in milliseconds of the wall clock; "" is none. */
static const char fact[] = "handover";

int handover_load(struct store *store, int64_t *ret_since_ms, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const char *value;

        if (store_fact_get(store, fact, arena, &value, err) < 0)
                return err_wrap(err, "read whether the node is handed over");
        *ret_since_ms = value ? strtoll(value, NULL, 10) : 0;
        if (*ret_since_ms)
                log_warn("new pods get no address: the node is handed over",
                         LOG_INT("since_ms", *ret_since_ms));
        return 0;
}

const char *handover_reason(const struct rpc *rpc, struct arena *arena)
{
        return arena_printf(
                arena,
                "this node was exported to another daemon %" PRId64
                " s ago, which does not know of new pods; `ipamctl --cancel export aws-vpc-cni` cancels that",
                (clock_wall_ms() - rpc->held_since_wall_ms) / 1000);
}

static struct ipam_error refusal(const struct rpc *rpc, struct arena *arena)
{
        struct ipam_error error = {.id = IPAM_ERROR_NO_ADDRESS};

        snprintf(error.reason, sizeof(error.reason), "%s", handover_reason(rpc, arena));
        return error;
}

int handover_refuses(struct method_call *call, const struct ipam_add_request *add, struct err *err)
{
        const struct lease_key key = LEASE_KEY(add);
        struct lease lease;
        struct ipam_error error;
        int r;

        if (!call->rpc->held_since_wall_ms)
                return 0;
        r = store_lease_get(call->rpc->options.store, &key, call->arena, &lease, err);
        if (r != -ERR_NOT_FOUND)
                return r;
        error = refusal(call->rpc, call->arena);
        lease_end_add(call->rpc, add, REQUEST_HANDED_OVER, error.reason, IP_NONE, call->now_ms);
        if (!call->oneway)
                reply_refuse(call->connection, &error);
        call->later = true;
        return 1;
}

static int note(struct rpc *rpc, int64_t since_ms, struct arena *arena, struct err *err)
{
        const char *value = since_ms ? arena_printf(arena, "%" PRId64, since_ms) : "";
        const char *text = since_ms ? "new pods get no address: the node is handed over"
                                    : "new pods get addresses again: the handover is cancelled";

        if (store_fact_set(rpc->options.store, fact, value, err) < 0 ||
            store_event_add(rpc->options.store, EVENT_HANDOVER, "node", text, err) < 0)
                return err_wrap(err, "write down that the node is handed over");
        log_info(text);
        return 0;
}

int handle_handover(struct method_call *call, const void *request, void *reply, struct err *err)
{
        const struct ipam_handover_request *wanted = request;
        struct rpc *rpc = call->rpc;
        int64_t since_ms = wanted->hold ? rpc->held_since_wall_ms ?: clock_wall_ms() : 0;
        struct ipam_error error;

        if (since_ms != rpc->held_since_wall_ms) {
                if (note(rpc, since_ms, call->arena, err) < 0)
                        return -ERR_INTERNAL;
                rpc->held_since_wall_ms = since_ms;
        }
        if (since_ms) {
                error = refusal(rpc, call->arena);
                parked_end_all(rpc, &error, REQUEST_HANDED_OVER);
        }
        *(struct ipam_handover_reply *)reply = (struct ipam_handover_reply){since_ms};
        return 0;
}
