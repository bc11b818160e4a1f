// SPDX-License-Identifier: Apache-2.0
#include "model/plan.h"

#include "model/names.h"

const char *const plan_action_kind_names[_PLAN_ACTION_MAX] = {
        PLAN_CALL_NAMES(PLAN_),
        [PLAN_DRAIN] = "drain",
        [PLAN_UNDRAIN] = "undrain",
};

DEFINE_TO_STRING(plan_action_kind)
