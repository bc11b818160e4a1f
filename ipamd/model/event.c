// SPDX-License-Identifier: Apache-2.0
#include "model/event.h"

#include <assert.h>
#include <string.h>

#include "model/names.h"

const char *const event_kind_names[_EVENT_KIND_MAX] = {
        [EVENT_BOOT] = "boot",
        [EVENT_CLOCK] = "clock",
        [EVENT_DATABASE_OUTDATED] = "database-outdated",
        [EVENT_DATABASE_REPLACED] = "database-replaced",
        [EVENT_HANDOVER] = "handover",
        [EVENT_ADD_WAITING] = "add-waiting",
        [EVENT_ADD_REFUSED] = "add-refused",
        [EVENT_ADD_GIVEN_UP] = "add-given-up",
        [EVENT_LEASE_ADDED] = "lease-added",
        [EVENT_LEASE_WIRED] = "lease-wired",
        [EVENT_LEASE_RELEASED] = "lease-released",
        [EVENT_IMPORT_SKIPPED] = "import-skipped",
        [EVENT_ADDRESS_ADDED] = "address-added",
        [EVENT_ADDRESS_DOUBTED] = "address-doubted",
        [EVENT_ADDRESS_GONE] = "address-gone",
        [EVENT_ADDRESS_HELD] = "address-held",
        [EVENT_ADDRESS_LEAVING] = "address-leaving",
        [EVENT_ADDRESS_LOST] = "address-lost",
        [EVENT_ADDRESS_FOUND] = "address-found",
        ENI_STATE_NAMES(EVENT_ENI_, "eni-"),
        [EVENT_ENI_SEEN] = "eni-seen",
        [EVENT_ENI_REMOVED] = "eni-removed",
        [EVENT_ENI_ORPHAN_DELETED] = "eni-orphan-deleted",
        [EVENT_EC2_DENIED] = "ec2-denied",
        [EVENT_EC2_ALLOWED] = "ec2-allowed",
        [EVENT_EC2_UNREADABLE] = "ec2-unreadable",
};

DEFINE_TO_STRING(event_kind)

enum event_kind event_kind_parse(const char *name)
{
        int kind = 0;

        while (kind < _EVENT_KIND_MAX && strcmp(name, event_kind_names[kind]) != 0)
                kind++;
        return (enum event_kind)kind;
}

static_assert(EVENT_ENI_DELETING - EVENT_ENI_CREATING == ENI_DELETING - ENI_CREATING,
              "states in their order");

enum event_kind event_of_eni_state(enum eni_state state)
{
        assert((unsigned)state < _ENI_STATE_MAX);
        return (enum event_kind)(EVENT_ENI_CREATING + (int)state);
}

const char *event_short_ids(const char *text, const char *container_id, struct arena *arena)
{
        const char *at =
                container_id && strlen(container_id) > SHORT_ID_CHARS ? strstr(text, container_id) : NULL;

        if (!at)
                return text;
        return arena_printf(arena, "%.*s%s", (int)(at - text) + SHORT_ID_CHARS, text,
                            event_short_ids(at + strlen(container_id), container_id, arena));
}
