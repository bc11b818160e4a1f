// SPDX-License-Identifier: Apache-2.0
/*
 * What somebody must act on, from what the database says: pure, one table. An alarm is reported as an Event about the Node (see
 * kube/notices.h for how often). What mends itself in time (throttling, a call that failed once) is none.
 */
#ifndef IPAMD_REPORT_ALARM_H
#define IPAMD_REPORT_ALARM_H

#include <vpcwire/mem.h>

#include "config/config.h"
#include "kube/notices.h"
#include "store/store.h"

enum {
        /* A refusal that is over is told of no more so long after it might be tried again: it may come back at once. */
        ALARM_STALE_MS = 30 * 1000,
};

struct alarm_facts {
        int64_t now_ms, looked_ms; /* condition_is_over() */
        struct store_counts counts;
        const struct condition *conditions;
        size_t n_conditions;
        const struct store_fact *denied; /* EC2 actions (the facts' names) and how EC2 refused them */
        size_t n_denied;
        const struct config_warning *settings; /* that are not followed */
        size_t n_settings;
};

/* Each reason and subject at most once; in the arena. */
void alarm_list(const struct alarm_facts *facts, struct arena *arena, struct kube_notice **ret,
                size_t *ret_n);

/* Reads the facts; in the arena. looked_ms was read before: the conditions may only be newer. */
int alarm_read(struct store *store, int64_t looked_ms, struct arena *arena, struct alarm_facts *ret,
               struct err *err);

#endif
