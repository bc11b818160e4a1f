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
        bool unsettled;   /* something is absent, and not for long enough yet */
        int64_t again_ms; /* when something that could not be taken in may be; 0: all was */
};

/* Asks EC2, all pages. ERR_* as ec2_list_enis(). */
int look_describe(struct reconcile *r, struct round *round, struct look *look, struct err *err);

const struct ec2_eni *look_find(const struct ec2_eni_list *list, const char *eni_id);

/* Whether this ENI, which the look does not show, may be an item of it that could not be read: no absence then. */
bool look_cannot_tell(const struct look *look, const char *eni_id);

/* Items that could not be read are told once: as a line of the log and an event; and again when they change. */
int look_tell_unreadable(struct reconcile *r, struct round *round, const struct look *look, struct err *err);

#endif
