// SPDX-License-Identifier: Apache-2.0
#include "model/eni.h"

#include <assert.h>

#include "model/names.h"

const char *const eni_state_names[_ENI_STATE_MAX] = {ENI_STATE_NAMES(ENI_, "")};

const char *eni_state_to_string(enum eni_state state)
{
        assert((unsigned)state < _ENI_STATE_MAX);
        return eni_state_names[state];
}

enum eni_state eni_state_parse(const char *name)
{
        return (enum eni_state)names_find(eni_state_names, _ENI_STATE_MAX, name);
}

bool eni_state_is_leaving(enum eni_state state)
{
        return state == ENI_DETACHING || state == ENI_DELETING;
}

bool eni_is_configured(const struct eni *eni)
{
        return (eni->managed || eni->primary) &&
               (eni->state == ENI_CONFIGURING || eni->state == ENI_READY || eni->state == ENI_DRAINING);
}
