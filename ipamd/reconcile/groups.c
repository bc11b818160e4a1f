// SPDX-License-Identifier: Apache-2.0
/*
 * Security groups of our secondary ENIs follow those of the primary one: else a node's pods have two firewalls, by the ENI
 * that they are on. The primary's come from IMDS (identity_changes.c); an ENI's own come with what EC2 shows of it anyway: a resync,
 * the answer to its creation. Kept in memory alone, since the resync after a start brings them; what EC2 refuses is asked for until
 * EC2 does it. ENIs of users keep what they have.
 */
#include <stdlib.h>
#include <string.h>

#include <vpcwire/log.h>

#include "reconcile/blocked.h"
#include "reconcile/follow.h"

static int compare_texts(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The same for the same set. */
static char *in_order(struct arena *arena, const char *const *groups, size_t n)
{
        const char **sorted = ARENA_ARRAY(arena, const char *, n);
        struct text text = {0};

        text_add_bytes(&text, "", 0);
        for (size_t i = 0; i < n; i++)
                sorted[i] = groups[i];
        if (n)
                qsort(sorted, n, sizeof(*sorted), compare_texts);
        for (size_t i = 0; i < n; i++)
                text_add(&text, "%s%s", i ? " " : "", sorted[i]);
        return text.text;
}

void groups_forget(struct groups *groups)
{
        for (size_t i = 0; i < groups->n; i++)
                free(groups->list[i].groups);
        free(groups->list);
        groups->list = NULL;
        groups->n = 0;
}

static struct grouped *find_grouped(struct groups *groups, const char *eni_id)
{
        for (size_t i = 0; i < groups->n; i++) {
                if (strcmp(groups->list[i].eni_id, eni_id) == 0)
                        return &groups->list[i];
        }
        return NULL;
}

void groups_see(struct groups *groups, const struct ec2_eni *eni)
{
        _cleanup_(arena_freep) struct arena *scratch = NULL;
        struct grouped *grouped = find_grouped(groups, eni->eni_id);

        if (eni->n_groups == 0)
                return; /* not reported: in a VPC an ENI has at least one */
        scratch = arena_new();
        if (!grouped) {
                groups->list = xrealloc_array(groups->list, groups->n + 1, sizeof(*groups->list));
                grouped = &groups->list[groups->n++];
                *grouped = (struct grouped){0};
                memcpy(grouped->eni_id, eni->eni_id, strlen(eni->eni_id) + 1); /* ids fit: ec2_parse.c */
        }
        free(grouped->groups);
        grouped->groups = in_order(scratch, eni->groups, eni->n_groups);
}

/* Whether the database has it, and it is not on its way out. */
static bool stays(const struct round *round, const char *eni_id)
{
        for (size_t i = 0; i < round->n_enis; i++) {
                if (strcmp(round->enis[i].eni_id, eni_id) == 0)
                        return round->enis[i].managed && round->enis[i].state < ENI_DETACHING;
        }
        return false;
}

static int follow(struct context *ctx, struct round *round, struct grouped *grouped, const char *wanted,
                  struct outcome *out, struct err *err)
{
        const struct identity *identity = &ctx->identity;
        struct ec2_result result;
        struct err cause;

        if (strcmp(grouped->groups, wanted) == 0)
                return blocked_clear(ctx, round, CONDITION_SECURITY_GROUPS, grouped->eni_id, err);
        if (!stays(round, grouped->eni_id) ||
            blocked_waits(round, CONDITION_SECURITY_GROUPS, grouped->eni_id, out))
                return 0;
        if (ctx->ec2->ops->set_groups(ctx->ec2, NULL, grouped->eni_id, (const char *const *)identity->groups,
                                      identity->n_groups, &result, &cause) < 0) {
                if (result.class == EC2_FAILURE_GONE)
                        outcome_resync_ec2(out, round->now_ms);
                return blocked_after_failure(ctx, round, CONDITION_SECURITY_GROUPS, grouped->eni_id, &result,
                                             &cause, out, err);
        }
        free(grouped->groups);
        grouped->groups = xstrdup(wanted);
        log_info("eni security groups updated", LOG_STR("eni", grouped->eni_id), LOG_STR("groups", wanted));
        return blocked_clear(ctx, round, CONDITION_SECURITY_GROUPS, grouped->eni_id, err);
}

int groups_follow(struct groups *groups, struct context *ctx, struct round *round, struct outcome *out,
                  struct err *err)
{
        const struct identity *identity = &ctx->identity;
        _cleanup_free_ char *wanted = NULL;

        if (identity->n_groups == 0)
                return 0;
        wanted = in_order(round->arena, (const char *const *)identity->groups, identity->n_groups);
        for (size_t i = 0; i < groups->n; i++) {
                if (follow(ctx, round, &groups->list[i], wanted, out, err) < 0)
                        return err_wrap(err, "security groups of %s", groups->list[i].eni_id);
        }
        return 0;
}
