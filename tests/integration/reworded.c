// SPDX-License-Identifier: Apache-2.0
/*
 * ipamd with other words: linked with --wrap, every error, message of a condition, reason and text of an event is this
 * one. It says everything that anybody could once have searched for. See test_reworded.py.
 */
#include <stdio.h>

#include "model/words.h"
#include "plan/plan.h"
#include "rpc/reason.h"
#include "rpc/room.h"
#include "store/conditions.h"
#include "store/history.h"
#include "store/stmt.h"

#undef err_set
#undef err_set_errno

static const char words[] =
        "subnet subnet-x has no free addresses (NetworkInterfaceLimitExceeded, UnauthorizedOperation); AWS "
        "does not take this node's credentials; MAX_ENI=2 is reached; EC2 attaches no more than 2 ENIs; the "
        "node may have 3 pods; 1 is being removed; DEL; GC; reclaimed: its host link is gone";

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
int __real_err_set(struct err *err, enum err_code code, const char *format, ...) _printf_(3, 4);
int __wrap_err_set(struct err *err, enum err_code code, const char *format, ...) _printf_(3, 4);
int __wrap_err_set(struct err *err, enum err_code code, const char *format _unused_, ...)
{
        return __real_err_set(err, code, "%s", words);
}

int __real_err_set_errno(struct err *err, int sys_errno, const char *format, ...) _printf_(3, 4);
int __wrap_err_set_errno(struct err *err, int sys_errno, const char *format, ...) _printf_(3, 4);
int __wrap_err_set_errno(struct err *err, int sys_errno, const char *format _unused_, ...)
{
        return __real_err_set_errno(err, sys_errno, "%s", words);
}

const char *__wrap_plan_stuck_text(const struct plan *plan, struct arena *arena);
const char *__wrap_plan_stuck_text(const struct plan *plan _unused_, struct arena *arena _unused_)
{
        return words;
}

const char *__wrap_plan_kept_text(const struct plan *plan, struct arena *arena);
const char *__wrap_plan_kept_text(const struct plan *plan _unused_, struct arena *arena _unused_)
{
        return words;
}

void __wrap_reason_no_address(const struct pool_facts *facts, char ret[static REASON_BYTES]);
void __wrap_reason_no_address(const struct pool_facts *facts _unused_, char ret[static REASON_BYTES])
{
        snprintf(ret, REASON_BYTES, "%s", words);
}

struct condition_words __real_condition_words(const struct condition *condition, struct arena *arena);
struct condition_words __wrap_condition_words(const struct condition *condition, struct arena *arena);
struct condition_words __wrap_condition_words(const struct condition *condition, struct arena *arena)
{
        struct condition_words reworded = __real_condition_words(condition, arena);

        reworded.what = words;
        if (reworded.remedy)
                reworded.remedy = words;
        return reworded;
}

void __real_room_of(const struct pool_facts *facts, struct arena *arena, struct room *ret);
void __wrap_room_of(const struct pool_facts *facts, struct arena *arena, struct room *ret);
void __wrap_room_of(const struct pool_facts *facts, struct arena *arena, struct room *ret)
{
        __real_room_of(facts, arena, ret);
        ret->summary = words;
}

int __real_store_condition_set(struct store *store, const struct condition *condition, struct err *err);
int __wrap_store_condition_set(struct store *store, const struct condition *condition, struct err *err);
int __wrap_store_condition_set(struct store *store, const struct condition *condition, struct err *err)
{
        struct condition reworded = *condition;

        reworded.message = words;
        return __real_store_condition_set(store, &reworded, err);
}

int __real_store_note(struct store *store, enum event_kind kind, const char *subject, const char *text,
                      struct err *err);
int __wrap_store_note(struct store *store, enum event_kind kind, const char *subject, const char *text,
                      struct err *err);
int __wrap_store_note(struct store *store, enum event_kind kind, const char *subject,
                      const char *text _unused_, struct err *err)
{
        return __real_store_note(store, kind, subject, words, err);
}

int __real_store_event_add(struct store *store, enum event_kind kind, const char *subject, const char *text,
                           struct err *err);
int __wrap_store_event_add(struct store *store, enum event_kind kind, const char *subject, const char *text,
                           struct err *err);
int __wrap_store_event_add(struct store *store, enum event_kind kind, const char *subject,
                           const char *text _unused_, struct err *err)
{
        return __real_store_event_add(store, kind, subject, words, err);
}

int __real_store_event_add_for(struct store *store, enum event_kind kind, const struct store_event *event,
                               struct err *err);
int __wrap_store_event_add_for(struct store *store, enum event_kind kind, const struct store_event *event,
                               struct err *err);
int __wrap_store_event_add_for(struct store *store, enum event_kind kind, const struct store_event *event,
                               struct err *err)
{
        struct store_event reworded = *event;

        reworded.text = words;
        return __real_store_event_add_for(store, kind, &reworded, err);
}

int __real_store_note_lease_end(struct store *store, struct ip address, const char *text, enum lease_end end,
                                struct err *err);
int __wrap_store_note_lease_end(struct store *store, struct ip address, const char *text, enum lease_end end,
                                struct err *err);
int __wrap_store_note_lease_end(struct store *store, struct ip address, const char *text _unused_,
                                enum lease_end end, struct err *err)
{
        return __real_store_note_lease_end(store, address, words, end, err);
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
