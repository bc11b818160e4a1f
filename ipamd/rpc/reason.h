// SPDX-License-Identifier: Apache-2.0
/* Why there is no address, as one sentence for people. Pure. */
#ifndef IPAMD_RPC_REASON_H
#define IPAMD_RPC_REASON_H

#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

enum { REASON_BYTES = 384, REASON_BLOCKED_MAX = 3 };

struct reason_facts {
        struct store_counts counts;
        const struct condition *blocked;
        size_t n_blocked;
        const struct condition *warnings; /* stop nothing */
        size_t n_warnings;
        int64_t max_enis;          /* 0: not known */
        const char *instance_type; /* NULL: not known */
        bool set_up;               /* the primary ENI is known and was ready once */
        const char *unwritable;    /* why nothing can be written into the database; NULL: it can */
        int64_t now_ms;
};

/*
 * "no free address: 9 of 9 leased on 3 ENIs of this t3.small; all 3 ENIs that this instance type can have are full; an
 * address that a pod frees is given at once", or "no free address: 3 of 3 leased on 1 ENI; subnet subnet-x has no free
 * addresses (next attempt in 40 s); ..."
 */
void reason_no_address(const struct reason_facts *facts, char ret[static REASON_BYTES]);

#endif
