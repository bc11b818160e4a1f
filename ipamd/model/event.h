// SPDX-License-Identifier: Apache-2.0
/*
 * What an event of the history says has happened; who and when are its other fields. The names stand in the database and
 * in io.vpcwire.ipam, where a reader of another version may meet kinds that it does not know.
 */
#ifndef IPAMD_MODEL_EVENT_H
#define IPAMD_MODEL_EVENT_H

#include <vpcwire/mem.h>

#include "model/eni.h"

enum event_kind {
        EVENT_BOOT,  /* all leases ended */
        EVENT_CLOCK, /* CLOCK_BOOTTIME went back */
        EVENT_DATABASE_OUTDATED,
        EVENT_DATABASE_REPLACED,
        EVENT_HANDOVER,
        /* a pod that has no address */
        EVENT_ADD_WAITING,
        EVENT_ADD_REFUSED,
        EVENT_ADD_GIVEN_UP,
        EVENT_LEASE_ADDED,
        EVENT_LEASE_WIRED,
        EVENT_LEASE_RELEASED,
        EVENT_IMPORT_SKIPPED,
        /* an address, or a block of them */
        EVENT_ADDRESS_ADDED,
        EVENT_ADDRESS_DOUBTED, /* a resync did not show it */
        EVENT_ADDRESS_GONE,
        EVENT_ADDRESS_HELD, /* the kernel shows it in use */
        EVENT_ADDRESS_LEAVING,
        EVENT_ADDRESS_LOST,  /* EC2 took it away, and a pod has it */
        EVENT_ADDRESS_FOUND, /* a lost one is ours again */
        /* an ENI: its states in their order, and more */
        EVENT_ENI_CREATING,
        EVENT_ENI_ATTACHING,
        EVENT_ENI_CONFIGURING,
        EVENT_ENI_READY,
        EVENT_ENI_DRAINING,
        EVENT_ENI_DETACHING,
        EVENT_ENI_DELETING,
        EVENT_ENI_SEEN,
        EVENT_ENI_REMOVED,
        EVENT_ENI_ORPHAN_DELETED,
        EVENT_EC2_DENIED,
        EVENT_EC2_ALLOWED,
        EVENT_EC2_UNREADABLE,
        _EVENT_KIND_MAX,
};
extern const char *const event_kind_names[_EVENT_KIND_MAX];
const char *event_kind_to_string(enum event_kind kind);
/* _EVENT_KIND_MAX: another version's. */
enum event_kind event_kind_parse(const char *name);
/* That an ENI is in this state now. */
enum event_kind event_of_eni_state(enum eni_state state);

enum { SHORT_ID_CHARS = 12 }; /* of a container's id: as runtimes' tools show it, and find it by */
/* For people: an event's subject or text with the event's container id (NULL: none) cut. In the arena, or `text` itself. */
const char *event_short_ids(const char *text, const char *container_id, struct arena *arena);

#endif
