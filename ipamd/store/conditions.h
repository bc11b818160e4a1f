// SPDX-License-Identifier: Apache-2.0
/* Conditions: what cannot be done now and why, for the planner's next rounds, and for people. They outlive a restart. */
#ifndef IPAMD_STORE_CONDITIONS_H
#define IPAMD_STORE_CONDITIONS_H

#include "model/condition.h"
#include "store/database.h"

/* Takes the place of the one of the same kind and object. */
int store_condition_set(struct store *store, const struct condition *condition, struct err *err);
int store_condition_clear(struct store *store, enum condition_kind kind, const char *object, struct err *err);
/* By kind and object. Ones whose time is over are listed too (attempts count on) until they are cleared. */
int store_conditions(struct store *store, struct arena *arena, struct condition **ret, size_t *ret_n,
                     struct err *err);

#endif
