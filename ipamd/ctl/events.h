// SPDX-License-Identifier: Apache-2.0
/* Past events, as `events`, `explain` and `bundle` ask for them. */
#ifndef IPAMD_CTL_EVENTS_H
#define IPAMD_CTL_EVENTS_H

#include "ctl/source.h"

enum { EVENTS_MAX = 10000 }; /* a daemon keeps no more */

/*
 * The newest `max` (0: all) that the request lets through, in the order of their happening, in the arena. Asks page by
 * page; before and max of the request are not read.
 */
int events_fetch(struct source *source, const struct ipam_events_request *wanted, size_t max,
                 struct arena *arena, struct ipam_event **ret, size_t *ret_n, struct err *err);

#endif
