// SPDX-License-Identifier: Apache-2.0
/*
 * One peer: bytes in, calls up through the server's hooks, messages out. Bounded in every direction: unread bytes
 * (VARLINK_CALL_BYTES_MAX), calls in work (one), calls between those of others, unsent bytes, idle time. Who sends more is
 * slowed down.
 */
#ifndef IPAMD_RPC_CONNECTION_H
#define IPAMD_RPC_CONNECTION_H

#include "rpc/state.h"

/* Takes the peer that waits at the listener; closes another that is idle, or this one, when there are too many. */
void connection_accept(struct rpc *rpc);

/* Others' calls come first again: to be called once per round of the loop. */
void connection_begin_turn(struct rpc *rpc);

/* Sends one reply; parameters are borrowed. error NULL for success. Nothing is sent to a closing peer. */
void connection_reply(struct connection *connection, const struct varlink_reply *reply);

/* The call that was in work is answered: the peer is idle again. */
void connection_answered(struct connection *connection);

/* Bytes that the peer has not taken yet. */
size_t connection_unsent(const struct connection *connection);

/* Idempotent. Frees in the loop's next round; what is parked or watched for the peer ends now. */
void connection_close(struct connection *connection);

#endif
