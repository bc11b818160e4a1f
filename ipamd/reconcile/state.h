// SPDX-License-Identifier: Apache-2.0
/*
 * The reconciler as a whole: what its steps share, and what each keeps from one round to the next. For those who join steps; a step
 * itself is given what its signature says, and nothing else. Of the thread, but for `wake` and `looked_ms`.
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
#include "reconcile/subnet_counts.h"
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
        struct subnet_counts subnet_counts;
        int64_t surplus_since_ms; /* the plan's: since when there is more than is wanted; 0: there is not */
        struct health health;
        struct probe probe;
        struct wake wake;
        _Atomic int64_t looked_ms; /* reconcile_looked_ms() */
};

/*
 * state.c: all but the thread. Opens what the options say, and reads of the life before what is due when; what the node is, the first
 * round learns. Strings of the options are borrowed until reconcile_done(), which is due after a failure, too.
 */
int reconcile_open(struct reconcile *r, const struct reconcile_options *options, struct err *err);
void reconcile_done(struct reconcile *r);

/* view.c: the planner's inputs. */
void view_make(struct reconcile *r, struct round *round, struct plan_view *ret);

#endif
