// SPDX-License-Identifier: Apache-2.0
/* What a resync shows of ENIs, and should be otherwise; put right by a call that nothing waits for. */
#ifndef IPAMD_RECONCILE_FOLLOW_H
#define IPAMD_RECONCILE_FOLLOW_H

#include "reconcile/round.h"

enum { TAG_AGAIN_MS = 60 * 60 * 1000 }; /* EC2 refused to tag the primary ENI: it is not asked before */

/* mark.c: delete-on-termination of ENIs in use. A resync forgets and sees; mark_repeat() is tried in each round. */
struct unmarked_eni {
        char id[EC2_ID_BYTES];
};
struct unmarked {
        struct unmarked_eni *list; /* those that the last resync showed without it */
        size_t n;
};
void mark_forget(struct unmarked *unmarked);
void mark_see(struct unmarked *unmarked, const struct ec2_eni *eni, bool ours);
int mark_repeat(struct unmarked *unmarked, struct context *ctx, struct round *round, struct outcome *out,
                struct err *err);

/*
 * groups.c: security groups of our secondary ENIs follow the primary one's. What EC2 shows of an ENI anyway is seen; a resync forgets
 * first. groups_follow() is tried in each round, and makes no call while they are the same.
 */
struct grouped {
        char eni_id[EC2_ID_BYTES];
        char *groups; /* ids in order, a space between two */
};
struct groups {
        struct grouped *list; /* our secondary ENIs, as EC2 showed them last */
        size_t n;
};
void groups_forget(struct groups *groups);
void groups_see(struct groups *groups, const struct ec2_eni *eni);
int groups_follow(struct groups *groups, struct context *ctx, struct round *round, struct outcome *out,
                  struct err *err);

/* tag.c: the instance's tag on the primary ENI. A resync sees whether it is there; each round may ask for it. */
struct primary_tag {
        bool missing;          /* the last resync showed the primary ENI without it */
        int64_t not_before_ms; /* EC2 refused to set it */
};
void tag_see(struct primary_tag *tag, const struct context *ctx, const struct ec2_eni *eni);
int tag_primary(struct primary_tag *tag, struct context *ctx, struct round *round, struct outcome *out,
                struct err *err);

#endif
