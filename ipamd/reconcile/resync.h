// SPDX-License-Identifier: Apache-2.0
#ifndef IPAMD_RECONCILE_RESYNC_H
#define IPAMD_RECONCILE_RESYNC_H

#include "reconcile/state.h"

/* A full look at EC2, and the store brought up to it. Whoever follows what it shows is told (follow.h, ours.h). */
int look_at_ec2(struct reconcile *r, struct round *round, struct outcome *out, struct err *err);

#endif
