// SPDX-License-Identifier: Apache-2.0
/*
 * A blocking Varlink client on a unix socket, one call at a time, every wait with a deadline. One thread at a time.
 * After ERR_TIMEOUT, ERR_PROTOCOL or ERR_SYSTEM the connection is of no more use: free it.
 */
#ifndef VPCWIRE_VARLINK_CLIENT_H
#define VPCWIRE_VARLINK_CLIENT_H

#include <jansson.h>

#include "err.h"
#include "varlink.h"

struct varlink_client;

/*
 * Connects. ERR_NOT_FOUND: there is no socket at path (or its folder is missing); ERR_AGAIN: no daemon listens on it;
 * ERR_TIMEOUT: its backlog is full until timeout_ms has passed; ERR_DENIED: we may not open it; ERR_INVALID: the path is too
 * long.
 */
int varlink_client_connect(const char *path, int timeout_ms, struct varlink_client **ret, struct err *err);
struct varlink_client *varlink_client_free(struct varlink_client *client);
DEFINE_CLEANUP(struct varlink_client *, varlink_client_free)

/*
 * One call, one reply. *ret_message (new reference) owns what *ret points to. An error reply is a reply: ret->error
 * is its name, and the return value 0. ERR_TIMEOUT when the server has not answered after timeout_ms; ERR_AGAIN when
 * it closed the connection before it answered; ERR_PROTOCOL when its bytes make no sense.
 */
int varlink_client_call(struct varlink_client *client, const char *method, json_t *parameters, int timeout_ms,
                        json_t **ret_message, struct varlink_reply *ret, struct err *err);

/* Starts a call that has many replies ("more"); varlink_client_receive() takes them until one does not continue. */
int varlink_client_call_more(struct varlink_client *client, const char *method, json_t *parameters,
                             int timeout_ms, struct err *err);
/* The next reply; timeout_ms -1 waits for ever. Ownership and errors as varlink_client_call(). */
int varlink_client_receive(struct varlink_client *client, int timeout_ms, json_t **ret_message,
                           struct varlink_reply *ret, struct err *err);

#endif
