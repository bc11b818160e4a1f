// SPDX-License-Identifier: Apache-2.0
#include "reconcile/ours.h"

#include <string.h>
#include <time.h>

#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include "reconcile/blocked.h"
#include "reconcile/resync_state.h"

static const char TIME_FORMAT[] = "%Y-%m-%dT%H:%M:%SZ";

void ours_format_time(int64_t wall_s, char ret[static OURS_TIME_BYTES])
{
        time_t seconds = (time_t)wall_s;
        struct tm tm = {0};

        gmtime_r(&seconds, &tm);
        if (!strftime(ret, OURS_TIME_BYTES, TIME_FORMAT, &tm))
                *ret = '\0';
}

/* Takes just the form that we write; else it is malformed: false. */
static bool parse_time(const char *text, int64_t *ret_wall_s)
{
        char again[OURS_TIME_BYTES];
        struct tm tm = {0};
        const char *end = strptime(text, TIME_FORMAT, &tm);
        int64_t wall_s;

        if (!end || *end)
                return false;
        wall_s = timegm(&tm);
        /* strptime() takes spaces, short numbers and the 31st of February: only what we would write is a time. */
        ours_format_time(wall_s, again);
        if (strcmp(again, text) != 0)
                return false;
        *ret_wall_s = wall_s;
        return true;
}

const char *ours_description(const struct context *ctx, struct arena *arena)
{
        return arena_printf(arena, "aws-K8S-%s", ctx->identity.instance_id);
}

static bool tag_is(const struct ec2_eni *eni, const char *key, const char *value)
{
        const char *tag = ec2_eni_tag(eni, key);

        return tag && strcmp(tag, value) == 0;
}

/* A create call without an answer is repeated with its token, and gets this ENI then. */
static bool is_awaited(const struct eni *row, const char *token)
{
        return row->state == ENI_CREATING && (!token || strcmp(row->client_token, token) == 0);
}

static bool is_in_database(const struct round *round, const struct ec2_eni *eni)
{
        const char *token = ec2_eni_tag(eni, OURS_TAG_TOKEN);

        for (size_t i = 0; i < round->n_enis; i++) {
                if (strcmp(round->enis[i].eni_id, eni->eni_id) == 0 || is_awaited(&round->enis[i], token))
                        return true;
        }
        return false;
}

enum verdict {
        NOT_AN_ORPHAN, /* in use, in our database, somebody else's, or not provably ours */
        YOUNG_ORPHAN,  /* *ret_age_ms old, and to be left alone as yet */
        ORPHAN,        /* provably ours, unused, and in no database */
};

/* Is this ENI, which EC2 shows, lost? wall_ms is the time of day. */
static enum verdict judge(const struct context *ctx, struct round *round, const struct ec2_eni *eni,
                          int64_t wall_ms, int64_t *ret_age_ms)
{
        const char *created_at = ec2_eni_tag(eni, OURS_TAG_CREATED_AT);
        int64_t created_s;

        if (eni->attached || strcmp(eni->status, "available") != 0 ||
            (*eni->interface_type && strcmp(eni->interface_type, "interface") != 0) ||
            !tag_is(eni, OURS_TAG_INSTANCE, ctx->identity.instance_id) ||
            tag_is(eni, OURS_TAG_NO_MANAGE, "true") ||
            strcmp(eni->description, ours_description(ctx, round->arena)) != 0 ||
            is_in_database(round, eni) || !created_at || !parse_time(created_at, &created_s) ||
            created_s > wall_ms / 1000)
                return NOT_AN_ORPHAN;
        *ret_age_ms = wall_ms - created_s * 1000;
        return *ret_age_ms <= OURS_ORPHAN_AGE_MS ? YOUNG_ORPHAN : ORPHAN;
}

static int delete_orphan(struct context *ctx, struct round *round, const char *eni_id, struct outcome *out,
                         struct err *err)
{
        struct ec2_result result;
        struct err cause;

        if (blocked_now(round, CONDITION_DELETE_ORPHAN, eni_id))
                return 0;
        if (ctx->ec2->ops->delete_eni(ctx->ec2, NULL, eni_id, &result, &cause) < 0 &&
            result.class != EC2_FAILURE_GONE)
                return blocked_after_failure(ctx, round, CONDITION_DELETE_ORPHAN, eni_id, &result, &cause,
                                             out, err);
        log_warn("orphan eni deleted", LOG_STR("eni", eni_id));
        if (store_event_add(ctx->store, EVENT_ENI_ORPHAN_DELETED, eni_id,
                            "it had our tags, was not attached, and was not in the database", err) < 0)
                return -(int)err->code;
        metrics_add(ctx->options.metrics, METRIC_ORPHANS, LABELS(METRIC_ORPHAN_ENI), 1);
        return blocked_clear(ctx, round, CONDITION_DELETE_ORPHAN, eni_id, err);
}

/* A deletion that was put off, or failed for a reason that passes, is not left for an hour. */
static int64_t sooner(const struct round *round, const char *eni_id, int64_t again_ms)
{
        const struct condition *blocked = blocked_find(round, CONDITION_DELETE_ORPHAN, eni_id);
        int64_t wait_ms =
                blocked && blocked->retry_at_ms > round->now_ms ? blocked->retry_at_ms - round->now_ms : 0;

        if (!blocked)
                return again_ms;
        wait_ms = wait_ms > OURS_ORPHAN_AGE_MS ? wait_ms : OURS_ORPHAN_AGE_MS;
        return wait_ms < again_ms ? wait_ms : again_ms;
}

int ours_delete_orphans(struct sweep *sweep, struct context *ctx, struct round *round,
                        const struct ec2_eni *enis, size_t n, struct outcome *out, struct err *err)
{
        int64_t again_ms = OURS_SWEEP_PERIOD_MS, age_ms = 0;

        for (size_t i = 0; i < n; i++) {
                switch (judge(ctx, round, &enis[i], clock_wall_ms(), &age_ms)) {
                case NOT_AN_ORPHAN: break;
                case YOUNG_ORPHAN:
                        if (OURS_ORPHAN_AGE_MS + 1000 - age_ms < again_ms)
                                again_ms = OURS_ORPHAN_AGE_MS + 1000 - age_ms;
                        break;
                case ORPHAN:
                        if (delete_orphan(ctx, round, enis[i].eni_id, out, err) < 0)
                                return err_wrap(err, "delete the orphan %s", enis[i].eni_id);
                        again_ms = sooner(round, enis[i].eni_id, again_ms);
                        break;
                }
        }
        ours_sweep_at(sweep, round->now_ms + again_ms);
        return 0;
}

void ours_sweep_at(struct sweep *sweep, int64_t at_ms)
{
        sweep->due_ms = at_ms;
}

int ours_describe(struct context *ctx, struct round *round, const struct ec2_call_options *options,
                  struct ec2_eni_list *ret, struct ec2_result *result, struct err *err)
{
        const struct ec2_filter ours = {"tag:" OURS_TAG_INSTANCE, ctx->identity.instance_id};
        const struct ec2_selection which = {.filters = &ours, .n_filters = 1, .skips_unreadable = true};

        if (ctx->ec2->ops->describe_enis(ctx->ec2, options, &which, round->arena, ret, result, err) < 0)
                return err_wrap(err, "list our ENIs");
        return 0;
}

/* Not before the database is there and the round's own calls are made; pending ADDs go first, for a while. */
static bool sweep_is_due(const struct sweep *sweep, struct round *round, struct outcome *out)
{
        int64_t until_ms = blocked_until_ms(round, CONDITION_FIND_ORPHANS, ""),
                due_ms = sweep->due_ms + (round->counts.waiting ? RESYNC_YIELDS_MS : 0);

        if (!sweep->due_ms || !round->n_enis || round->so_far.again)
                return false;
        if (until_ms > due_ms)
                due_ms = until_ms;
        if (due_ms <= round->now_ms)
                return true;
        outcome_wake(out, due_ms);
        return false;
}

int ours_sweep(struct sweep *sweep, struct context *ctx, struct round *round, struct outcome *out,
               struct err *err)
{
        struct ec2_eni_list list;
        struct ec2_result result;
        struct err cause;

        if (!sweep_is_due(sweep, round, out))
                return 0;
        if (ours_describe(ctx, round, NULL, &list, &result, &cause) < 0)
                return blocked_after_failure(ctx, round, CONDITION_FIND_ORPHANS, "", &result, &cause, out,
                                             err);
        if (ours_delete_orphans(sweep, ctx, round, list.enis, list.n, out, err) < 0)
                return -(int)err->code;
        outcome_wake(out, sweep->due_ms);
        return blocked_clear(ctx, round, CONDITION_FIND_ORPHANS, "", err);
}
