// SPDX-License-Identifier: Apache-2.0
/*
 * What each method does. A handler returns 0 with *reply filled, or 0 with call->later set, or a negative code: with
 * call->error set for the caller's mistakes, without it for our own (the caller gets Internal, the log the text).
 */
#ifndef IPAMD_RPC_HANDLERS_H
#define IPAMD_RPC_HANDLERS_H

#include "rpc/state.h"

/* A call in work, as handlers see it. */
struct method_call {
        struct rpc *rpc;
        struct connection *connection;
        struct arena
                *arena; /* of the request and the reply; a handler that parks takes it over (NULL then) */
        bool oneway;
        bool later;       /* set by a handler: the answer does not come from it */
        int64_t now_ms;   /* CLOCK_BOOTTIME */
        int64_t began_us; /* the same, more finely */
        struct ipam_error
                error; /* set by a handler that fails for the caller's sake; else Internal is answered */
};

/* handle_leases.c */
int handle_add(struct method_call *call, const void *request, void *reply, struct err *err);
int handle_confirm(struct method_call *call, const void *request, void *reply, struct err *err);
int handle_del(struct method_call *call, const void *request, void *reply, struct err *err);
int handle_check(struct method_call *call, const void *request, void *reply, struct err *err);
int handle_gc(struct method_call *call, const void *request, void *reply, struct err *err);

/* handle_status.c */
int handle_status(struct method_call *call, const void *request, void *reply, struct err *err);
int handle_list(struct method_call *call, const void *request, void *reply, struct err *err);

/* handle_network.c */
int handle_network(struct method_call *call, const void *request, void *reply, struct err *err);

/* handle_events.c */
int handle_events(struct method_call *call, const void *request, void *reply, struct err *err);
int handle_address(struct method_call *call, const void *request, void *reply, struct err *err);
int handle_log_level(struct method_call *call, const void *request, void *reply, struct err *err);

/* probe.c */
int handle_probe(struct method_call *call, const void *request, void *reply, struct err *err);

#endif
