// SPDX-License-Identifier: Apache-2.0
/* A resync: what is kept between two of them; and, inside one, what EC2 showed, and what of it could not be read. */
#ifndef IPAMD_RECONCILE_RESYNC_STATE_H
#define IPAMD_RECONCILE_RESYNC_STATE_H

#include "reconcile/round.h"

enum {
        RESYNC_SETTLE_MS =
                30 * 1000, /* an absence in EC2 must last this long, over two resyncs, to be believed */
        RESYNC_AFTER_START_MS = 5 * 1000, /* with a valid database the first resync waits until we serve */
        RESYNC_YIELDS_MS =
                120 * 1000, /* how long a resync that is due lets calls go first that an ADD waits for */
        MAX_ENIS_SEEN_MS = 5 * 60 * 1000, /* how long EC2's word on the number of ENIs stands */
        SUSPECTS_MAX = 4096,
};

/* Something of ours that the last resync did not show. */
struct suspect {
        char name[EC2_ID_BYTES]; /* an address or an ENI id */
        int64_t since_ms;
        bool absent_now; /* scratch of one resync */
};

/* What is known from one resync to the next. */
struct resync {
        int64_t due_ms;
        bool first;          /* nothing is offered before a resync, and no call goes before it */
        int64_t resynced_ms; /* the last resync that EC2 answered; 0: none yet */
        struct suspect *suspects;
        size_t n_suspects;
        bool unlearned;           /* the last resync showed an ENI of ours that could not be taken in */
        char *unreadable;         /* what was told of items that no resync could read; NULL: nothing */
        unsigned max_enis_seen;   /* EC2 refused to attach more than this; 0: it never did */
        int64_t max_enis_seen_ms; /* when it said so */
};
void resync_done(struct resync *resync);

struct resync_answer {
        struct ec2_eni_list attached; /* to this instance */
        struct ec2_eni_list
                ours; /* all with our tag, attached or not; asked for only when something is in doubt */
        bool asked_ours;
        bool unsettled; /* something is absent, or there against our own call, and not for long enough yet */
        struct store_given_back *given_back; /* when the resync began */
        size_t n_given_back;
        int64_t again_ms; /* when something that could not be taken in may be; 0: all was */
};

/* Asks EC2, all pages. Fails as the call that failed, with its result. */
int resync_describe(struct context *ctx, struct round *round, struct resync_answer *answer,
                    struct ec2_result *result, struct err *err);

const struct ec2_eni *resync_find(const struct ec2_eni_list *list, const char *eni_id);

/* Whether this ENI, which the resync does not show, may be an item of it that could not be read: no absence then. */
bool resync_cannot_tell(const struct resync_answer *answer, const char *eni_id);

/* Items that could not be read are reported once: as a line of the log and an event; and again when they change. */
int resync_tell_unreadable(struct resync *resync, struct context *ctx, struct round *round,
                           const struct resync_answer *answer, struct err *err);

/* resync_settle.c: what counts as there. */

/* Absent since when? Starts the clock at the first resync that does not show it (an address, an ENI, an ENI's tag). */
bool resync_absence_is_settled(struct resync *resync, struct round *round, struct resync_answer *answer,
                               const char *name);
/* What was absent before and is there again is no suspect any more. */
void resync_forget_cleared_suspects(struct resync *resync);

struct resync_blocks {
        /* What EC2 shows; the last n_doubted are ours, absent, and not for long enough. */
        struct prefix *blocks;
        size_t n, n_doubted;
};

/*
 * EC2 gives an ENI what one that it deleted had. A row that this resync does not show keeps no MAC and no primary address from the
 * ENI that has them now; two ENIs that are both shown with one are a contradiction, which is reported.
 */
int resync_make_way(struct context *ctx, struct round *round, const struct resync_answer *answer,
                    const struct ec2_eni *shown, struct err *err);

/* The blocks of an ENI that count as there; known: its row, NULL where there is none. In the arena. */
int resync_blocks(struct resync *resync, struct context *ctx, struct round *round,
                  struct resync_answer *answer, const struct eni *known, const struct ec2_eni *shown,
                  struct resync_blocks *ret, struct outcome *out, struct err *err);

/* EC2 deleted this ENI for us, and shows it once more. */
bool resync_is_late(struct resync_answer *answer, const char *eni_id);

/* What was given back and is not shown, for long enough after that, is forgotten. */
int resync_settle_given_back(struct context *ctx, struct round *round, const struct resync_answer *answer,
                             struct err *err);

#endif
