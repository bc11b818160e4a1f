// SPDX-License-Identifier: Apache-2.0
#include "model/block.h"

#include <assert.h>

#include "model/names.h"

const char *const block_state_names[_BLOCK_STATE_MAX] = {
        [BLOCK_PREPARING] = "preparing", [BLOCK_USABLE] = "usable", [BLOCK_DRAINING] = "draining",
        [BLOCK_LEAVING] = "leaving",     [BLOCK_LOST] = "lost",
};

const char *block_state_to_string(enum block_state state)
{
        assert((unsigned)state < _BLOCK_STATE_MAX);
        return block_state_names[state];
}

enum block_state block_state_parse(const char *name)
{
        return (enum block_state)names_find(block_state_names, _BLOCK_STATE_MAX, name);
}

const char *const address_state_names[_ADDRESS_STATE_MAX] = {
        [ADDRESS_PREPARING] = "preparing", [ADDRESS_FREE] = "free",       [ADDRESS_LEASED] = "leased",
        [ADDRESS_COOLING] = "cooling",     [ADDRESS_LEAVING] = "leaving", [ADDRESS_LOST] = "lost",
};

const char *address_state_to_string(enum address_state state)
{
        assert((unsigned)state < _ADDRESS_STATE_MAX);
        return address_state_names[state];
}
