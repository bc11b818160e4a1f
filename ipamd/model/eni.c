// SPDX-License-Identifier: Apache-2.0
#include "model/eni.h"

#include "model/names.h"

const char *const eni_state_names[_ENI_STATE_MAX] = {ENI_STATE_NAMES(ENI_, "")};

DEFINE_TO_STRING(eni_state)

DEFINE_PARSE(eni_state)

bool eni_state_is_leaving(enum eni_state state)
{
        return state == ENI_DETACHING || state == ENI_DELETING;
}

bool eni_is_configured(const struct eni *eni)
{
        return (eni->managed || eni->primary) &&
               (eni->state == ENI_CONFIGURING || eni->state == ENI_READY || eni->state == ENI_DRAINING);
}
