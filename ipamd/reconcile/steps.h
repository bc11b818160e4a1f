// SPDX-License-Identifier: Apache-2.0
/* A round, from its first step to its last. */
#ifndef IPAMD_RECONCILE_STEPS_H
#define IPAMD_RECONCILE_STEPS_H

#include "plan/plan.h"
#include "reconcile/round.h"

struct reconcile;

/*
 * One action after the other, and *ret_all is true. Or not all: somebody broke the host's network meanwhile, which is
 * healed before the next call; or EC2 was looked at, and what it showed is planned on anew.
 */
int round_carry_out(struct reconcile *r, struct round *round, const struct plan *plan, bool *ret_all,
                    struct err *err);

/* All steps of one round. Returns when the next one is due: 0 at once, -1 never by time alone. */
int64_t round_run(struct reconcile *r);

#endif
