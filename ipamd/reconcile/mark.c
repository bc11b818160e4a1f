// SPDX-License-Identifier: Apache-2.0
/*
 * Delete-on-termination of ENIs that are in use already: a life of ours may have ended between attach and this, or somebody
 * took it back. Known from the last resync, kept in memory alone, and asked for until EC2 does it: an instance that ends must
 * not leave ENIs behind.
 */
#include <string.h>

#include <vpcwire/log.h>

#include "reconcile/blocked.h"
#include "reconcile/follow.h"

void mark_forget(struct unmarked *unmarked)
{
        free(unmarked->list);
        unmarked->list = NULL;
        unmarked->n = 0;
}

void mark_see(struct unmarked *unmarked, const struct ec2_eni *eni, bool ours)
{
        if (!ours || eni->delete_on_termination || !*eni->attachment_id)
                return;
        unmarked->list = xrealloc_array(unmarked->list, unmarked->n + 1, sizeof(*unmarked->list));
        memcpy(unmarked->list[unmarked->n++].id, eni->eni_id,
               strlen(eni->eni_id) + 1); /* ids fit: ec2_parse.c */
}

static const struct eni *find(const struct round *round, const char *eni_id)
{
        for (size_t i = 0; i < round->n_enis; i++) {
                if (strcmp(round->enis[i].eni_id, eni_id) == 0)
                        return &round->enis[i];
        }
        return NULL;
}

/* Not yet attached, or on its way out: its state has steps of its own. */
static bool is_in_use(const struct eni *eni)
{
        return *eni->attachment_id &&
               (eni->state == ENI_CONFIGURING || eni->state == ENI_READY || eni->state == ENI_DRAINING);
}

/* 1: done, or not to be done any more; 0: later. */
static int mark(struct context *ctx, struct round *round, const char *eni_id, struct outcome *out,
                struct err *err)
{
        const struct eni *eni = find(round, eni_id);
        struct ec2_result result;
        struct err cause;
        int e;

        if (!eni)
                return 0; /* adopted just now: the round does not know it yet */
        if (blocked_waits(round, CONDITION_MARK_AGAIN, eni_id, out))
                return 0;
        if (!is_in_use(eni))
                return 1;
        if (ctx->ec2->ops->set_delete_on_termination(ctx->ec2, NULL, eni_id, eni->attachment_id, &result,
                                                     &cause) < 0) {
                if (result.class == EC2_FAILURE_GONE)
                        outcome_resync_ec2(out, round->now_ms);
                return blocked_after_failure(ctx, round, CONDITION_MARK_AGAIN, eni_id, &result, &cause, out,
                                             err);
        }
        log_info("eni set to delete on termination", LOG_STR("eni", eni_id));
        e = blocked_clear(ctx, round, CONDITION_MARK_AGAIN, eni_id, err);
        return e < 0 ? e : 1;
}

int mark_repeat(struct unmarked *unmarked, struct context *ctx, struct round *round, struct outcome *out,
                struct err *err)
{
        size_t left = 0;

        for (size_t i = 0; i < unmarked->n; i++) {
                int done = mark(ctx, round, unmarked->list[i].id, out, err);

                if (done < 0)
                        return err_wrap(err, "set delete on termination of %s", unmarked->list[i].id);
                if (!done)
                        unmarked->list[left++] = unmarked->list[i];
        }
        unmarked->n = left;
        return 0;
}
