// SPDX-License-Identifier: Apache-2.0
/* The lists that a look is made of. */
#include "reconcile/look.h"

#include <string.h>

#include <vpcwire/log.h>

#include "reconcile/ours.h"

static const char KIND_UNREADABLE[] = "ec2-unreadable";

const struct ec2_eni *look_find(const struct ec2_eni_list *list, const char *eni_id)
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

bool look_cannot_tell(const struct look *look, const char *eni_id)
{
        return is_among_unreadable(&look->attached, eni_id) || is_among_unreadable(&look->ours, eni_id);
}

/* Rows that may have an ENI which is not attached: only our tag finds these. */
static bool needs_ours(const struct round *round, const struct look *look)
{
        for (size_t i = 0; i < round->n_enis; i++) {
                const struct store_eni *eni = &round->enis[i];

                if (*eni->eni_id && eni->managed && !eni->primary &&
                    (eni->state == ENI_ATTACHING || eni->state == ENI_DELETING || eni->in_doubt) &&
                    !look_find(&look->attached, eni->eni_id))
                        return true;
        }
        return false;
}

int look_describe(struct context *ctx, struct round *round, struct look *look, struct ec2_result *result,
                  struct err *err)
{
        const struct ec2_filter attached = {"attachment.instance-id", ctx->identity.instance_id};
        const struct ec2_selection which = {.filters = &attached, .n_filters = 1, .skips_unreadable = true};
        const struct ec2_call_options second = {.follow_up = true};

        if (ctx->ec2->ops->describe_enis(ctx->ec2, NULL, &which, round->arena, &look->attached, result, err) <
            0)
                return err_wrap(err, "look at the instance's ENIs");
        if (!needs_ours(round, look))
                return 0;
        look->asked_ours = true;
        return ours_describe(ctx, round, &second, &look->ours, result, err);
}

static const char *list_unreadable(struct arena *arena, const char *text, const struct ec2_eni_list *list)
{
        for (size_t i = 0; i < list->n_unreadable; i++)
                text = arena_printf(
                        arena, "%s%s%s%s", text, *text ? "; " : "",
                        *list->unreadable[i].id ? "" : "an ENI without an id: ", list->unreadable[i].why);
        return text;
}

int look_tell_unreadable(struct resync *resync, struct context *ctx, struct round *round,
                         const struct look *look, struct err *err)
{
        const char *text = list_unreadable(round->arena, "", &look->attached);

        /* What is attached stands in both lists, and with the same words. */
        if (!*text)
                text = list_unreadable(round->arena, "", &look->ours);
        if (strcmp(text, resync->unreadable ?: "") == 0)
                return 0;
        free(resync->unreadable);
        resync->unreadable = *text ? xstrdup(text) : NULL;
        if (!*text) {
                log_info("all that EC2 shows can be read again");
                return 0;
        }
        log_warn("what EC2 shows cannot be read, and is left as the books have it", LOG_STR("what", text));
        return store_event_add(ctx->store, KIND_UNREADABLE, "", text, err);
}
