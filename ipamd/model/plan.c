// SPDX-License-Identifier: Apache-2.0
#include "model/plan.h"

#include <assert.h>

const char *const plan_action_names[_PLAN_ACTION_MAX] = {
        PLAN_CALL_NAMES(PLAN_),
        [PLAN_DRAIN] = "drain",
        [PLAN_UNDRAIN] = "undrain",
};

const char *plan_action_to_string(enum plan_action_kind kind)
{
        assert((unsigned)kind < _PLAN_ACTION_MAX);
        return plan_action_names[kind];
}
