// SPDX-License-Identifier: Apache-2.0
/*
 * The client of io.vpcwire.ipam: one function per method, made as the types are (vpcwire/ipam_calls.h). Blocking, each with a deadline; one thread at a time.
 *
 *         _cleanup_(ipam_client_freep) struct ipam_client *ipam = NULL;
 *         if (ipam_client_connect(path, timeout_ms, &ipam, err) < 0 || ipam_add(ipam, &request, &reply, err) < 0)
 *                 return err_wrap(err, "ask for an address");
 *
 * Strings and lists in replies belong to the client and live until ipam_client_free(). Errors of the transport are those
 * of varlink_client.h; the daemon's errors are mapped as ipam_error_decode() says, and ipam_client_error() has details.
 */
#ifndef VPCWIRE_IPAM_CLIENT_H
#define VPCWIRE_IPAM_CLIENT_H

#include "ipam.h"

struct ipam_client;

/*
 * timeout_ms: for connecting, and for each answer. ipam_add() and ipam_probe() wait that long on top of the time that the
 * daemon may take. Errors as varlink_client_connect(): ERR_NOT_FOUND without a socket, ERR_AGAIN when nobody listens.
 */
int ipam_client_connect(const char *path, int timeout_ms, struct ipam_client **ret, struct err *err);
/* For the answers from here on. */
void ipam_client_set_timeout(struct ipam_client *client, int timeout_ms);
struct ipam_client *ipam_client_free(struct ipam_client *client);
DEFINE_CLEANUP(struct ipam_client *, ipam_client_free)

/* What the daemon said when the last call failed; id is IPAM_ERROR_NONE when it said nothing. Owned by the client. */
const struct ipam_error *ipam_client_error(const struct ipam_client *client);

/*
 * What ipam_add(), ipam_del() and so on stand on: calls the method, and fills *ret (NULL: the method answers nothing) with its
 * reply, whole or not at all. wait_ms: how long the daemon may take beside the client's timeout; ERR_INVALID where that is
 * more than any Add may wait. ERR_UNSUPPORTED: a daemon that does not know the method.
 */
int ipam_client_call(struct ipam_client *client, enum ipam_method_id id, const void *request, int64_t wait_ms,
                     void *ret, struct err *err);

/*
 * Starts the stream; after that the client serves ipam_watch_next() only. The daemon's first answer may be an error, so
 * it comes from ipam_watch_next(), too.
 */
int ipam_watch(struct ipam_client *client, const struct ipam_watch_request *request, struct err *err);
/*
 * Waits for the next event (timeout_ms -1: for ever). Its strings live until the next call. ERR_AGAIN when the daemon
 * closed the connection (it was stopped).
 */
int ipam_watch_next(struct ipam_client *client, int timeout_ms, struct ipam_event *ret, struct err *err);

#include <vpcwire/ipam_calls.h> /* ipam_add() and so on */

#endif
