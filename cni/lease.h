// SPDX-License-Identifier: Apache-2.0
/* What the verbs ask of the daemon: the lease of the call's attachment (network, container, interface). */
#ifndef CNI_LEASE_H
#define CNI_LEASE_H

#include <vpcwire/ipam_client.h>

#include "call.h"

enum {
        RPC_TIMEOUT_MS = 5000,   /* to connect, and for an answer that needs no cloud */
        ANSWER_MARGIN_MS = 1000, /* of an ADD's time, for an answer to reach us */
        RECONNECT_PAUSE_MS = 50, /* doubled up to the next */
        RECONNECT_PAUSE_MAX_MS = 500,
        LAST_TRY_MS = 250, /* of an ADD's time: a try with less would end in silence, not with the reason */
};

/* Connects to the daemon. A failure says which socket it was and what to do. */
int lease_connect(const struct call *call, int timeout_ms, struct ipam_client **ret, struct err *err);

/* What the daemon and the alias of a link cannot hold. DEL does not ask: nothing of that length was ever leased. */
int lease_check_lengths(struct call *call, struct err *err);

struct lease_ask {
        const char *
                host_ifname; /* what the pod's link would be called, or the bridge that leads to the pod; or NULL */
        bool address_only; /* somebody else wires the pod */
};

/*
 * Connects to the daemon and asks for an address. Waits for both as long as the settings allow, and no longer: also for a
 * daemon that restarts meanwhile. An answer that is "not now", or that the lease was taken away while we waited for it, is
 * worth another try. *ipam is the connection; NULL after a failure.
 */
int lease_ask(struct call *call, const struct lease_ask *what, struct ipam_client **ipam,
              struct ipam_add_reply *ret, struct err *err);

/* ERR_UNSUPPORTED: another address was asked for, or there are more than a pod gets from us. */
int lease_check_given(const struct call *call, const struct ipam_add_reply *reply, struct err *err);

/*
 * What was given is in use from now on; wire_us: how long the wiring took (0: not said). ERR_NOT_FOUND: a DEL overtook. A
 * daemon that restarted while the pod was wired, or took us for dead, is asked once more on a new connection, which
 * replaces *ipam: the lease is in its database.
 */
int lease_confirm(struct call *call, struct ipam_client **ipam, const struct ipam_add_reply *given,
                  int64_t wire_us, struct err *err);

/* The address of the attachment's lease, which must be there and confirmed. On a connection of its own. */
int lease_check(struct call *call, struct ip *ret_address, struct err *err);

/*
 * Tells the daemon, on a connection of its own, that the attachment is gone, and how long that took (0: not said).
 * ret_address may be NULL; else IP_NONE: there was no lease.
 */
int lease_release(const struct call *call, int64_t wire_us, struct ip *ret_address, struct err *err);

#endif
