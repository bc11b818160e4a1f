// SPDX-License-Identifier: Apache-2.0
/* The lists that a resync is made of. */
#include "reconcile/resync_state.h"

#include <string.h>

#include <vpcwire/log.h>

#include "reconcile/ours.h"

const struct ec2_eni *resync_find(const struct ec2_eni_list *list, const char *eni_id)
{
        for (size_t i = 0; i < list->n; i++) {
                if (strcmp(list->enis[i].eni_id, eni_id) == 0)
                        return &list->enis[i];
        }
        return NULL;
}

static bool is_among_unreadable(const struct ec2_eni_list *list, const char *eni_id)
{
        for (size_t i = 0; i < list->n_unreadable; i++) {
                const char *id = list->unreadable[i].id;

                if (!*id || strcmp(id, eni_id) == 0)
                        return true;
        }
        return false;
}

bool resync_cannot_tell(const struct resync_answer *answer, const char *eni_id)
{
        return is_among_unreadable(&answer->attached, eni_id) || is_among_unreadable(&answer->ours, eni_id);
}

/* Rows that may have an ENI which is not attached: only our tag finds these. */
static bool needs_ours(const struct round *round, const struct resync_answer *answer)
{
        for (size_t i = 0; i < round->n_enis; i++) {
                const struct eni *eni = &round->enis[i];

                if (*eni->eni_id && eni->managed && !eni->primary &&
                    (eni->state == ENI_ATTACHING || eni->state == ENI_DELETING || eni->in_doubt) &&
                    !resync_find(&answer->attached, eni->eni_id))
                        return true;
        }
        return false;
}

int resync_describe(struct context *ctx, struct round *round, struct resync_answer *answer,
                    struct ec2_result *result, struct err *err)
{
        const struct ec2_filter attached = {"attachment.instance-id", ctx->identity.instance_id};
        const struct ec2_selection which = {.filters = &attached, .n_filters = 1, .skips_unreadable = true};
        const struct ec2_call_options second = {.follow_up = true};

        if (ctx->ec2->ops->describe_enis(ctx->ec2, NULL, &which, round->arena, &answer->attached, result,
                                         err) < 0)
                return err_wrap(err, "list the instance's ENIs");
        if (!needs_ours(round, answer))
                return 0;
        answer->asked_ours = true;
        return ours_describe(ctx, round, &second, &answer->ours, result, err);
}

static const char *list_unreadable(struct arena *arena, const char *text, const struct ec2_eni_list *list)
{
        for (size_t i = 0; i < list->n_unreadable; i++)
                text = arena_printf(
                        arena, "%s%s%s%s", text, *text ? "; " : "",
                        *list->unreadable[i].id ? "" : "an ENI without an id: ", list->unreadable[i].why);
        return text;
}

int resync_tell_unreadable(struct resync *resync, struct context *ctx, struct round *round,
                           const struct resync_answer *answer, struct err *err)
{
        const char *text = list_unreadable(round->arena, "", &answer->attached);

        /* What is attached stands in both lists, and with the same words. */
        if (!*text)
                text = list_unreadable(round->arena, "", &answer->ours);
        if (strcmp(text, resync->unreadable ?: "") == 0)
                return 0;
        free(resync->unreadable);
        resync->unreadable = *text ? xstrdup(text) : NULL;
        if (!*text) {
                log_info("EC2's answers can be read again");
                return 0;
        }
        log_warn("part of EC2's answer cannot be read and is ignored", LOG_STR("reason", text));
        return store_event_add(ctx->store, EVENT_EC2_UNREADABLE, "", text, err);
}
