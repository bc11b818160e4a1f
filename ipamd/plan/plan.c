// SPDX-License-Identifier: Apache-2.0
/* Names. The plan itself begins in make.c. */
#include "plan/plan.h"

static const char *const action_names[_PLAN_ACTION_MAX] = {
        [PLAN_RESYNC] = "resync", [PLAN_FIND_SUBNETS] = "find-subnets",
        [PLAN_CREATE] = "create", [PLAN_RECREATE] = "recreate",
        [PLAN_ATTACH] = "attach", [PLAN_MARK_DELETE_ON_TERMINATION] = "mark-delete-on-termination",
        [PLAN_ASSIGN] = "assign", [PLAN_UNASSIGN] = "unassign",
        [PLAN_DRAIN] = "drain",   [PLAN_UNDRAIN] = "undrain",
        [PLAN_DETACH] = "detach", [PLAN_DELETE] = "delete",
};

static const char *const cause_names[_PLAN_CAUSE_MAX] = {
        [PLAN_CAUSE_UNDER_WAY] = "under-way",           [PLAN_CAUSE_ASSIGN_BLOCKED] = "assign-blocked",
        [PLAN_CAUSE_CREATE_BLOCKED] = "create-blocked", [PLAN_CAUSE_ENI_LIMIT] = "eni-limit",
        [PLAN_CAUSE_POD_LIMIT] = "pod-limit",           [PLAN_CAUSE_COOLING] = "cooling",
        [PLAN_CAUSE_NODE_UNKNOWN] = "node-unknown",
};

const char *plan_cause_to_string(enum plan_cause cause)
{
        return (unsigned)cause < _PLAN_CAUSE_MAX ? cause_names[cause] : "unknown";
}

const char *plan_action_to_string(enum plan_action_kind kind)
{
        return (unsigned)kind < _PLAN_ACTION_MAX ? action_names[kind] : "unknown";
}
