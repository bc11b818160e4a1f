// SPDX-License-Identifier: Apache-2.0
#ifndef IPAMD_RECONCILE_ROUND_H
#define IPAMD_RECONCILE_ROUND_H

#include "reconcile/state.h"

/* Returns when the next round is due: 0 at once, -1 never by time alone. */
int64_t round_run(struct reconcile *r);

#endif
