// SPDX-License-Identifier: Apache-2.0
/* What the verbs ask of the daemon: the lease of the call's attachment (network, container, interface). */
#ifndef CNI_LEASE_H
#define CNI_LEASE_H

#include <vpcwire/ipam_client.h>

#include "call.h"

enum {
        RPC_TIMEOUT_MS = 5000, /* to connect, and for an answer that needs no cloud */
        RECONNECT_PAUSE_MS = 50,
};

/* Connects to the daemon. A failure says which socket it was and what to do. */
int lease_connect(const struct call *call, int timeout_ms, struct ipam_client **ret, struct err *err);

/* What the daemon and the alias of a link cannot hold. DEL does not ask: nothing of that length was ever leased. */
int lease_check_lengths(struct call *call, struct err *err);

/*
 * Asks for an address; waits as long as the settings allow. An answer that is "not now", or that the lease was taken away
 * while we waited for it, is worth another try.
 */
int lease_ask(struct call *call, struct ipam_client *ipam, const char *host_ifname,
              struct ipam_add_reply *ret, struct err *err);
/* The same for a pod that somebody else wires. bridge: the host's link that leads to it, for the daemon to keep; or NULL. */
int lease_ask_alone(struct call *call, struct ipam_client *ipam, const char *bridge,
                    struct ipam_add_reply *ret, struct err *err);

/*
 * The address is in use from now on; wire_us: how long the wiring took (0: not said). ERR_NOT_FOUND: a DEL overtook. A
 * daemon that restarted while the pod was wired, or took us for dead, is asked once more on a new connection, which
 * replaces *ipam: the lease is in its books.
 */
int lease_confirm(struct call *call, struct ipam_client **ipam, struct ip address, int64_t wire_us,
                  struct err *err);

/* The address of the attachment's lease, which must be there and confirmed. On a connection of its own. */
int lease_check(struct call *call, struct ip *ret_address, struct err *err);

/*
 * Tells the daemon, on a connection of its own, that the attachment is gone, and how long that took (0: not said).
 * ret_address may be NULL; else IP_NONE: there was no lease.
 */
int lease_release(const struct call *call, int64_t wire_us, struct ip *ret_address, struct err *err);

#endif
