// SPDX-License-Identifier: Apache-2.0
/*
 * The reconciler as a whole: what its steps share, and what each keeps from one round to the next. For those who join steps; a step
 * itself is given what its signature says, and nothing else. Of the thread, but for `wake`.
 */
#ifndef IPAMD_RECONCILE_STATE_H
#define IPAMD_RECONCILE_STATE_H

#include "migrate/takeover.h"
#include "reconcile/firewalls.h"
#include "reconcile/follow.h"
#include "reconcile/identity_learn.h"
#include "reconcile/network.h"
#include "reconcile/ours.h"
#include "reconcile/probe.h"
#include "reconcile/report.h"
#include "reconcile/resync_state.h"
#include "reconcile/subnets.h"
#include "reconcile/wake.h"

struct reconcile {
        struct context ctx;
        struct identity_changes changes;
        struct network network;
        struct takeover takeover;
        struct reclaim reclaim;
        struct firewalls firewalls;
        struct resync resync;
        struct unmarked unmarked;
        struct groups groups;
        struct primary_tag tag;
        struct sweep sweep;
        struct subnets subnets;
        int64_t surplus_since_ms; /* the plan's: since when there is more than is wanted; 0: there is not */
        struct health health;
        struct probe probe;
        struct wake wake;
};

/* state.c: nothing is known yet. Who calls it opens the context, or has one without some of its parts: tests have no kernel. */
void reconcile_init(struct reconcile *r);
/* What the store says of the life before: what is due when. */
int reconcile_begin(struct reconcile *r, struct err *err);
/* Frees all, the context too. */
void reconcile_done(struct reconcile *r);

/* view.c: the planner's inputs. */
void view_make(struct reconcile *r, struct round *round, struct plan_view *ret);

#endif
