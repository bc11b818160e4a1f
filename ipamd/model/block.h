// SPDX-License-Identifier: Apache-2.0
/*
 * A block is what EC2 gave: one address (/32, /128) or more (/28, /80) of an ENI, known by its prefix; and what each
 * address of one is. Life of a block: preparing (the kernel does not route it yet) -> usable -> draining (nothing more of it is
 * given out) -> leaving (on its way back to EC2), or lost (EC2 says that it is not ours any more, and a pod has an address of it).
 */
#ifndef IPAMD_MODEL_BLOCK_H
#define IPAMD_MODEL_BLOCK_H

#include <stdint.h>

#include <vpcwire/addr.h>

enum block_state {
        BLOCK_PREPARING,
        BLOCK_USABLE,
        BLOCK_DRAINING,
        BLOCK_LEAVING,
        BLOCK_LOST,
        _BLOCK_STATE_MAX,
};
extern const char *const block_state_names[_BLOCK_STATE_MAX];
const char *block_state_to_string(enum block_state state);
enum block_state block_state_parse(const char *name); /* of a name that is one of theirs */

struct block {
        struct prefix prefix;
        int64_t eni_key;
        enum block_state state;
        unsigned
                taken; /* addresses of it that are leased or not usable yet, and some whose cooldown is just over */
};

enum address_state {
        ADDRESS_PREPARING, /* nobody's yet: its block is not usable yet, or it is held */
        ADDRESS_FREE,      /* on an ENI that is ready it can be given out */
        ADDRESS_LEASED,
        ADDRESS_COOLING,
        ADDRESS_LEAVING, /* with its block, or because that drains */
        ADDRESS_LOST,    /* leased, of a block that is lost */
        _ADDRESS_STATE_MAX,
};
extern const char *const address_state_names[_ADDRESS_STATE_MAX];
const char *address_state_to_string(enum address_state state);

struct block_address {
        struct ip address;
        int64_t eni_key;
        enum address_state state;
        unsigned device_index, network_card;
        int64_t cooling_until_ms; /* 0 unless cooling */
        const char *eni_id;       /* "" while it has none */
};

#endif
