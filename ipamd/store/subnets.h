// SPDX-License-Identifier: Apache-2.0
/* Free addresses per subnet: counted by the reconciler, shown by the loop. */
#ifndef IPAMD_STORE_SUBNETS_H
#define IPAMD_STORE_SUBNETS_H

#include "model/subnet.h"
#include "store/database.h"

/* In the place of what there was. */
int store_subnets_set(struct store *store, const struct subnet_count *counts, size_t n, struct err *err);
/* In the same order, in the arena. None is fine: EC2 was not asked yet. */
int store_subnets(struct store *store, struct arena *arena, const struct subnet_count **ret, size_t *ret_n,
                  struct err *err);

#endif
