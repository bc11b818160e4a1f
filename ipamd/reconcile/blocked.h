// SPDX-License-Identifier: Apache-2.0
/* What cannot be done now, and what people are told of it; in the store, and as the round knows it. */
#ifndef IPAMD_RECONCILE_BLOCKED_H
#define IPAMD_RECONCILE_BLOCKED_H

#include "reconcile/round.h"

enum {
        BLOCKED_FORGET_MS =
                15 * 60 * 1000, /* after it ended, a block and its count of attempts are forgotten */
        CONDITION_STANDS_MS =
                24 * 60 * 60 * 1000, /* how long a word stands that is said again, or taken back */
};

/*
 * An EC2 call failed, with this result and for this cause. Writes down that (kind, object) is not tried again before a time
 * that follows from the class and the number of attempts, and logs it. The message of the condition is EC2's own text (model/words.h).
 */
int blocked_after_failure(struct context *ctx, struct round *round, enum condition_kind kind,
                          const char *object, const struct ec2_result *result, const struct err *cause,
                          struct outcome *out, struct err *err);
/* The cause of what a failure of this class stops. */
enum condition_cause blocked_cause(enum ec2_failure_class class);
int blocked_until(struct context *ctx, struct round *round, enum condition_kind kind, const char *object,
                  int64_t until_ms, enum condition_cause cause, const char *message, struct outcome *out,
                  struct err *err);
/* A word for people, until then or until it is taken back: nothing is tried at that time. */
int blocked_say(struct context *ctx, struct round *round, enum condition_kind kind, const char *object,
                int64_t until_ms, enum condition_cause cause, const char *message, struct outcome *out,
                struct err *err);
int blocked_clear(struct context *ctx, struct round *round, enum condition_kind kind, const char *object,
                  struct err *err);
const struct condition *blocked_find(const struct round *round, enum condition_kind kind, const char *object);
bool blocked_now(const struct round *round, enum condition_kind kind, const char *object);
/* The same; and if so, a round comes when that ends. */
bool blocked_waits(const struct round *round, enum condition_kind kind, const char *object,
                   struct outcome *out);
/* Until when, and after how many attempts; 0: it is not in the database. */
int64_t blocked_until_ms(const struct round *round, enum condition_kind kind, const char *object);
unsigned blocked_attempts(const struct round *round, enum condition_kind kind, const char *object);

/*
 * warn.c: the warnings of this kind are exactly these from now on, each logged when it is new, or has another cause.
 * They stand until until_ms, unless they are seen again before.
 */
struct warning {
        const char *object;
        enum condition_cause cause;
        const char *message;
};
int warn_exactly(struct context *ctx, struct round *round, enum condition_kind kind,
                 const struct warning *warnings, size_t n, int64_t until_ms, struct outcome *out,
                 struct err *err);

/* tell.c: notes beside the other blocked things why the pool stays as it is. */
int tell_plan(struct context *ctx, struct round *round, const struct plan *plan, struct outcome *out,
              struct err *err);

#endif
