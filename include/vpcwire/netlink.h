// SPDX-License-Identifier: Apache-2.0
/*
 * A route netlink socket: requests with acknowledgement, batches, and dumps. Links, addresses, routes, rules and
 * neighbours are built on it, each in its own header.
 *
 * A failed request's error holds the kernel's own explanation where it gives one (the extended acknowledgement):
 *
 *         add route 10.0.0.9/32: Invalid argument (Nexthop has invalid gateway)
 *
 * A struct netlink belongs to one thread at a time.
 */
#ifndef VPCWIRE_NETLINK_H
#define VPCWIRE_NETLINK_H

#include <stdint.h>

#include "cleanup.h"
#include "err.h"

struct netlink;
struct nlmsghdr;
struct nl_msg;

/*
 * Opens a socket in the network namespace of netns_fd (-1: the calling thread's). The thread is back in its own
 * namespace when this returns; the socket stays in the one where it was made.
 */
int netlink_open(int netns_fd, struct netlink **ret, struct err *err);
struct netlink *netlink_free(struct netlink *nl);
DEFINE_CLEANUP(struct netlink *, netlink_free)

/* The socket's address, which notifications about our own changes carry. */
uint32_t netlink_port(const struct netlink *nl);

/*
 * A batch: from begin to commit, requests are kept instead of sent, and their functions return 0. The commit sends
 * them together, in order, and collects every acknowledgement. The kernel carries out the later ones even where an
 * earlier one fails; the error is that of the first that failed. What must not go on after a failure belongs in two
 * batches. Reading (get, dump) inside a batch is ERR_INTERNAL. The batch is over when commit or cancel returns.
 */
void netlink_batch_begin(struct netlink *nl);
int netlink_batch_commit(struct netlink *nl, struct err *err);
void netlink_batch_cancel(struct netlink *nl);

/*
 * For the modules built on this one, and for tests.
 * netlink_request() sends the message (or adds it to the batch) and waits for the acknowledgement; it takes the
 * message over, also on failure. The format says what is done ("add route 10.0.0.9/32"); it begins the error's text.
 */
int netlink_request(struct netlink *nl, struct nl_msg *msg, struct err *err, const char *format, ...)
        _printf_(4, 5);

/* Called for each message of a reply. A negative return ends the walk and is passed on. */
typedef int (*netlink_each_fn)(const struct nlmsghdr *hdr, void *arg, struct err *err);

/*
 * Sends a get or dump request (taken over) and calls `each` for every message of the reply, after the whole reply has
 * arrived. A dump that the kernel reports as inconsistent is repeated, up to a limit (then ERR_AGAIN); `each` never
 * sees the torn ones.
 */
int netlink_get(struct netlink *nl, struct nl_msg *msg, netlink_each_fn each, void *arg, struct err *err,
                const char *format, ...) _printf_(6, 7);

#endif
