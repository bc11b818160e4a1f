// SPDX-License-Identifier: Apache-2.0
#ifndef IPAMD_RECONCILE_RESYNC_H
#define IPAMD_RECONCILE_RESYNC_H

#include "reconcile/state.h"

/* A resync, and the store brought up to it. Those that follow what it shows hear of it (follow.h, ours.h). */
int look_at_ec2(struct reconcile *r, struct round *round, struct outcome *out, struct err *err);

#endif
