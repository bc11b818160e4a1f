// SPDX-License-Identifier: Apache-2.0
#include "model/block.h"

#include "model/names.h"

const char *const block_state_names[_BLOCK_STATE_MAX] = {
        [BLOCK_PREPARING] = "preparing", [BLOCK_USABLE] = "usable", [BLOCK_DRAINING] = "draining",
        [BLOCK_LEAVING] = "leaving",     [BLOCK_LOST] = "lost",
};

DEFINE_TO_STRING(block_state)

DEFINE_PARSE(block_state)

const char *const address_state_names[_ADDRESS_STATE_MAX] = {
        [ADDRESS_PREPARING] = "preparing", [ADDRESS_FREE] = "free",       [ADDRESS_LEASED] = "leased",
        [ADDRESS_COOLING] = "cooling",     [ADDRESS_LEAVING] = "leaving", [ADDRESS_LOST] = "lost",
};

DEFINE_TO_STRING(address_state)
