// SPDX-License-Identifier: Apache-2.0
/* Names. The plan itself begins in make.c. */
#include "plan/plan.h"

static const char *const action_names[_PLAN_ACTION_MAX] = {
        [PLAN_LOOK] = "look",     [PLAN_FIND_SUBNETS] = "find-subnets",
        [PLAN_CREATE] = "create", [PLAN_RECREATE] = "recreate",
        [PLAN_ATTACH] = "attach", [PLAN_MARK_DELETE_ON_TERMINATION] = "mark-delete-on-termination",
        [PLAN_ASSIGN] = "assign", [PLAN_UNASSIGN] = "unassign",
        [PLAN_DRAIN] = "drain",   [PLAN_UNDRAIN] = "undrain",
        [PLAN_DETACH] = "detach", [PLAN_DELETE] = "delete",
};

const char *plan_action_to_string(enum plan_action_kind kind)
{
        return (unsigned)kind < _PLAN_ACTION_MAX ? action_names[kind] : "unknown";
}
