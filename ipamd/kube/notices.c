// SPDX-License-Identifier: Apache-2.0
#include "kube/notices.h"

#include <stdlib.h>
#include <string.h>

#include <vpcwire/mem.h>

static void empty(struct notice *notice)
{
        char *texts[] = {notice->reason, notice->over_reason, notice->subject, notice->message,
                         notice->over_message};

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                free(texts[i]);
        *notice = (struct notice){0};
}

void notices_done(struct notices *notices)
{
        for (size_t i = 0; i < NOTICES_MAX; i++)
                empty(&notices->slots[i]);
}

/* ---- what is wrong ---- */

static struct notice *find(struct notices *notices, const struct kube_notice *wanted)
{
        for (size_t i = 0; i < NOTICES_MAX; i++) {
                struct notice *slot = &notices->slots[i];

                if (slot->reason && strcmp(slot->reason, wanted->reason) == 0 &&
                    strcmp(slot->subject, wanted->subject) == 0)
                        return slot;
        }
        return NULL;
}

static bool is_idle(const struct notice *slot)
{
        return !slot->lasts && !slot->reported && !slot->sending;
}

/* An empty slot, or the one whose history ended longest ago. */
static struct notice *make_room(struct notices *notices)
{
        struct notice *best = NULL;

        for (size_t i = 0; i < NOTICES_MAX; i++) {
                struct notice *slot = &notices->slots[i];

                if (!slot->reason)
                        return slot;
                if (is_idle(slot) && (!best || slot->reported_ms < best->reported_ms))
                        best = slot;
        }
        if (best)
                empty(best);
        return best;
}

static void take_text(char **to, const char *text)
{
        if (*to && strcmp(*to, text) == 0)
                return;
        free(*to);
        *to = xstrndup(text, NOTICE_MESSAGE_BYTES_MAX);
}

static void fill(struct notice *slot, const struct kube_notice *wanted)
{
        take_text(&slot->reason, wanted->reason);
        take_text(&slot->over_reason, wanted->over_reason);
        take_text(&slot->subject, wanted->subject);
        take_text(&slot->message, wanted->message);
        take_text(&slot->over_message, wanted->over_message);
}

static bool is_among(const struct notice *slot, const struct kube_notice *now, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (strcmp(slot->reason, now[i].reason) == 0 && strcmp(slot->subject, now[i].subject) == 0)
                        return true;
        }
        return false;
}

/* False: no room. */
static bool begin_or_keep(struct notices *notices, const struct kube_notice *wanted)
{
        struct notice *slot = find(notices, wanted);

        if (wanted->keeps && (!slot || !slot->lasts))
                return true;
        if (!slot)
                slot = make_room(notices);
        if (!slot)
                return false;
        fill(slot, wanted);
        slot->begun += !slot->lasts;
        slot->lasts = true;
        return true;
}

size_t notices_set(struct notices *notices, const struct kube_notice *now, size_t n, bool *ret_any_lasts)
{
        size_t left_out = 0;

        *ret_any_lasts = false;
        for (size_t i = 0; i < NOTICES_MAX; i++) {
                struct notice *slot = &notices->slots[i];

                if (slot->lasts && !is_among(slot, now, n))
                        slot->lasts = false;
        }
        for (size_t i = 0; i < n; i++)
                left_out += !begin_or_keep(notices, &now[i]);
        for (size_t i = 0; i < NOTICES_MAX; i++)
                *ret_any_lasts |= notices->slots[i].lasts;
        return left_out;
}

/* ---- what is due ---- */

/* These buckets count milliseconds: a notice takes the period in which it comes back. */
enum { RATE = 1 };

static int64_t wait_ms_of(struct bucket bucket, int burst, int64_t period_ms, int64_t now_ms)
{
        return bucket_missing(bucket_refilled(bucket, RATE, now_ms), burst * period_ms, period_ms);
}

/* -1: nothing to tell; else how long until it may be reported. */
static int64_t due_in_ms(const struct notice *slot, int64_t now_ms)
{
        int64_t wait_ms = wait_ms_of(slot->bucket, NOTICE_BURST, NOTICE_PERIOD_MS, now_ms);
        int64_t again_ms = slot->reported_ms + NOTICE_AGAIN_MS - now_ms;

        if (!slot->reason || slot->lasts + slot->reported == 0)
                return -1;
        if (slot->lasts && slot->reported && again_ms > wait_ms)
                return again_ms;
        return wait_ms;
}

struct notice *notices_next(struct notices *notices, int64_t now_ms, enum notice_type *ret_type,
                            int64_t *ret_wait_ms)
{
        int64_t all_ms = wait_ms_of(notices->bucket, NOTICES_BURST, NOTICES_PERIOD_MS, now_ms);
        struct notice *best = NULL;
        int64_t first_ms = -1;

        for (size_t i = 0; i < NOTICES_MAX; i++) {
                struct notice *slot = &notices->slots[i];
                int64_t ms = due_in_ms(slot, now_ms);

                if (ms >= 0 && (first_ms < 0 || ms < first_ms))
                        first_ms = ms;
                if (ms == 0 && (!best || slot->reported_ms < best->reported_ms))
                        best = slot;
        }
        if (best && all_ms == 0) {
                *ret_type = best->lasts ? NOTICE_WARNING : NOTICE_NORMAL;
                return best;
        }
        *ret_wait_ms = first_ms >= 0 && first_ms < all_ms ? all_ms : first_ms;
        return NULL;
}

void notices_reported(struct notices *notices, struct notice *notice, enum notice_type type, int64_t now_ms)
{
        notice->reported = type == NOTICE_WARNING;
        notice->reported_ms = now_ms;
        if (type == NOTICE_WARNING)
                notice->begun = 0;
        bucket_take(&notice->bucket, RATE, NOTICE_PERIOD_MS, now_ms);
        bucket_take(&notices->bucket, RATE, NOTICES_PERIOD_MS, now_ms);
}
