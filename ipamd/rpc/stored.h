// SPDX-License-Identifier: Apache-2.0
/*
 * Replies that the database alone can give: for the daemon's handlers, and for ipamctl where no daemon answers. Texts and
 * lists are in the arena. now_ms is CLOCK_BOOTTIME; errors are the store's.
 */
#ifndef IPAMD_RPC_STORED_H
#define IPAMD_RPC_STORED_H

#include <vpcwire/ipam.h>

#include "store/store.h"

/* What the database does not know: 0 and unset where nobody else does. */
struct stored_node {
        int64_t mtu; /* of pods' interfaces */
        struct ip primary_address;
};

struct ipam_pool stored_pool(const struct store_counts *counts);
/* Pool, number of ENIs and instance; all else is the daemon's, and left out. */
int stored_status(struct store *store, int64_t now_ms, struct arena *arena, struct ipam_status_reply *ret,
                  struct err *err);
/* All but who waits: those are a daemon's connections. *ret is zero before. */
int stored_list(struct store *store, const struct stored_node *node, int64_t now_ms, struct arena *arena,
                struct ipam_list_reply *ret, struct err *err);
/* The addresses of a lease and what goes with each: one today. */
struct ipam_lease_address *stored_lease_addresses(const struct stored_node *node, const struct lease *lease,
                                                  struct arena *arena, size_t *ret_n);
int stored_events(struct store *store, const struct ipam_events_request *request, struct arena *arena,
                  struct ipam_events_reply *ret, struct err *err);
/* Its texts are the row's. */
struct ipam_event stored_event(const struct store_event *event);
/* *ret is zero before. */
int stored_address(struct store *store, const struct ipam_address_request *request, int64_t now_ms,
                   struct arena *arena, struct ipam_address_reply *ret, struct err *err);

#endif
