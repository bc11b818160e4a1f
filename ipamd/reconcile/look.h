// SPDX-License-Identifier: Apache-2.0
/* Inside a look: what EC2 showed, and what of it could not be read. */
#ifndef IPAMD_RECONCILE_LOOK_H
#define IPAMD_RECONCILE_LOOK_H

#include "reconcile/state.h"

struct look {
        struct ec2_eni_list attached; /* to this instance */
        struct ec2_eni_list
                ours; /* all with our tag, attached or not; asked for only when something is in doubt */
        bool asked_ours;
        bool unsettled; /* something is absent, or there against our own call, and not for long enough yet */
        struct store_given_back *given_back; /* when the look began */
        size_t n_given_back;
        int64_t again_ms; /* when something that could not be taken in may be; 0: all was */
};

/* Asks EC2, all pages. ERR_* as ec2_list_enis(). */
int look_describe(struct reconcile *r, struct round *round, struct look *look, struct err *err);

const struct ec2_eni *look_find(const struct ec2_eni_list *list, const char *eni_id);

/* Whether this ENI, which the look does not show, may be an item of it that could not be read: no absence then. */
bool look_cannot_tell(const struct look *look, const char *eni_id);

/* Items that could not be read are told once: as a line of the log and an event; and again when they change. */
int look_tell_unreadable(struct reconcile *r, struct round *round, const struct look *look, struct err *err);

/* look_settle.c: what counts as there. */

/* Absent since when? Starts the clock at the first look that does not show it (an address, an ENI, an ENI's tag). */
bool look_absence_is_settled(struct reconcile *r, struct round *round, struct look *look, const char *name);
/* What was absent before and is there again is no suspect any more. */
void look_forget_cleared_suspects(struct reconcile *r);

struct look_blocks {
        /* What EC2 shows; the last n_doubted are ours, absent, and not for long enough. */
        struct prefix *blocks;
        size_t n, n_doubted;
};

/*
 * EC2 gives an ENI what one that it deleted had. A row that this look does not show keeps no MAC and no primary address from the
 * ENI that has them now; two ENIs that are both shown with one are a contradiction, which is told.
 */
int look_make_way(struct reconcile *r, struct round *round, const struct look *look,
                  const struct ec2_eni *shown, struct err *err);

/* The blocks of an ENI that count as there; known: its row, NULL where there is none. In the arena. */
int look_blocks(struct reconcile *r, struct round *round, struct look *look, const struct store_eni *known,
                const struct ec2_eni *shown, struct look_blocks *ret, struct err *err);

/* EC2 deleted this ENI for us, and shows it once more. */
bool look_is_late(struct look *look, const char *eni_id);

/* What was given back and is not shown, for long enough after that, is forgotten. */
int look_settle_given_back(struct reconcile *r, struct round *round, const struct look *look,
                           struct err *err);

#endif
