// SPDX-License-Identifier: Apache-2.0
/*
 * ADDs that wait for an address, in the order of their arrival. They stand in the store's waiting table as long, so that
 * the planner counts them. One ends with an address, at its deadline, by a DEL of its key, or with its peer.
 */
#ifndef IPAMD_RPC_PARKED_H
#define IPAMD_RPC_PARKED_H

#include "model/request.h"
#include "rpc/state.h"

/* Parks the connection's call; takes over the arena, in which the request's strings are. */
int parked_add(struct connection *connection, struct arena *arena, const struct ipam_add_request *request,
               bool oneway, struct err *err);

/* Hands out what is free, first come, first served; ends those whose time is over; sets the timer for the next. */
void parked_serve(struct rpc *rpc);

/* A DEL overtook: all that wait with this key are answered with LeaseNotFound. */
void parked_cancel(struct rpc *rpc, const struct lease_key *key);

/* The peer is gone: no answer. */
void parked_drop(struct parked *parked);

/* Nobody gets an address any more: all are answered with the error. */
void parked_end_all(struct rpc *rpc, const struct ipam_error *error, enum request_result result);

#endif
