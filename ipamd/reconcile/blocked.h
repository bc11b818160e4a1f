// SPDX-License-Identifier: Apache-2.0
/* What cannot be done now, and what people are told of it; in the store, and as the round knows it. */
#ifndef IPAMD_RECONCILE_BLOCKED_H
#define IPAMD_RECONCILE_BLOCKED_H

#include "reconcile/round.h"

enum {
        BLOCKED_FORGET_MS =
                15 * 60 * 1000,        /* after it ended, a block and its count of attempts are forgotten */
        TOLD_MS = 24 * 60 * 60 * 1000, /* how long a word stands that is said again, or taken back */
};

/* The block that says: EC2 takes no more addresses for this ENI, whatever the instance type's limits are. */
#define BLOCKED_FULL "full"

/*
 * An EC2 call failed, with this result and for this cause. Writes down that (action, subject) is not tried again before a time
 * that follows from the class and the number of attempts, and logs it.
 */
int blocked_after_failure(struct context *ctx, struct round *round, const char *action, const char *subject,
                          const struct ec2_result *result, const struct err *cause, struct outcome *out,
                          struct err *err);
int blocked_until(struct context *ctx, struct round *round, const char *action, const char *subject,
                  int64_t until_ms, const char *reason, struct outcome *out, struct err *err);
/* A word for people, until then or until it is taken back: nothing is tried at that time. */
int blocked_say(struct context *ctx, struct round *round, const char *action, const char *subject,
                int64_t until_ms, const char *reason, struct outcome *out, struct err *err);
int blocked_clear(struct context *ctx, struct round *round, const char *action, const char *subject,
                  struct err *err);
const struct store_blocked *blocked_find(const struct round *round, const char *action, const char *subject);
bool blocked_now(const struct round *round, const char *action, const char *subject);
/* The same; and if so, a round comes when that ends. */
bool blocked_waits(const struct round *round, const char *action, const char *subject, struct outcome *out);
/* Until when, and after how many attempts; 0: it is not in the books. */
int64_t blocked_until_ms(const struct round *round, const char *action, const char *subject);
unsigned blocked_attempts(const struct round *round, const char *action, const char *subject);

/*
 * warn.c: the warnings of this action (one of store_is_warning()) are exactly these from now on, each told when it is new.
 * They stand until until_ms, unless they are seen again before.
 */
struct warning {
        const char *subject, *reason;
};
int warn_exactly(struct context *ctx, struct round *round, const char *action, const struct warning *warnings,
                 size_t n, int64_t until_ms, struct outcome *out, struct err *err);

/* tell.c: notes beside the other blocked things why the pool stays as it is. */
int tell_plan(struct context *ctx, struct round *round, const struct plan *plan, struct outcome *out,
              struct err *err);

#endif
