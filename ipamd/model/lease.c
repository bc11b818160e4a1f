// SPDX-License-Identifier: Apache-2.0
#include "model/lease.h"

#include <assert.h>

#include "model/names.h"

const char *const lease_state_names[_LEASE_STATE_MAX] = {
        [LEASE_RESERVED] = "reserved",
        [LEASE_WIRED] = "wired",
};

const char *lease_state_to_string(enum lease_state state)
{
        assert((unsigned)state < _LEASE_STATE_MAX);
        return lease_state_names[state];
}

enum lease_state lease_state_parse(const char *name)
{
        return (enum lease_state)names_find(lease_state_names, _LEASE_STATE_MAX, name);
}

const char *const lease_end_names[_LEASE_END_MAX] = {
        [LEASE_END_NONE] = "",
        [LEASE_END_DEL] = "del",
        [LEASE_END_GC] = "gc",
        [LEASE_END_LINK_GONE] = "link-gone",
        [LEASE_END_CONTRADICTED] = "contradicted",
};

const char *lease_end_to_string(enum lease_end end)
{
        assert((unsigned)end < _LEASE_END_MAX);
        return lease_end_names[end];
}

enum lease_end lease_end_parse(const char *name)
{
        return (enum lease_end)names_find(lease_end_names, _LEASE_END_MAX, name);
}

const char *const import_verdict_names[_IMPORT_VERDICT_MAX] = {
        [IMPORT_PENDING] = "pending",
        [IMPORT_TAKEN] = "taken",
        [IMPORT_SKIPPED] = "skipped",
};

const char *import_verdict_to_string(enum import_verdict verdict)
{
        assert((unsigned)verdict < _IMPORT_VERDICT_MAX);
        return import_verdict_names[verdict];
}

enum import_verdict import_verdict_parse(const char *name)
{
        return (enum import_verdict)names_find(import_verdict_names, _IMPORT_VERDICT_MAX, name);
}
