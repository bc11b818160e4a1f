// SPDX-License-Identifier: Apache-2.0
#include "model/lease.h"

#include "model/names.h"

const char *const lease_state_names[_LEASE_STATE_MAX] = {
        [LEASE_RESERVED] = "reserved",
        [LEASE_WIRED] = "wired",
};

DEFINE_TO_STRING(lease_state)

DEFINE_PARSE(lease_state)

const char *const lease_end_names[_LEASE_END_MAX] = {
        [LEASE_END_NONE] = "",
        [LEASE_END_DEL] = "del",
        [LEASE_END_GC] = "gc",
        [LEASE_END_LINK_GONE] = "link-gone",
        [LEASE_END_CONTRADICTED] = "contradicted",
};

DEFINE_TO_STRING(lease_end)

DEFINE_PARSE(lease_end)

const char *const import_verdict_names[_IMPORT_VERDICT_MAX] = {
        [IMPORT_PENDING] = "pending",
        [IMPORT_TAKEN] = "taken",
        [IMPORT_SKIPPED] = "skipped",
};

DEFINE_TO_STRING(import_verdict)

DEFINE_PARSE(import_verdict)
