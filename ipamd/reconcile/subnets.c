// SPDX-License-Identifier: Apache-2.0
/*
 * Other subnets for new ENIs: those of the node's VPC and zone that bear the tag kubernetes.io/role/cni, with any value but
 * "0", as aws-vpc-cni finds them; where a subnet names clusters (cni.networking.k8s.aws/cluster/<name>), ours must be one of
 * them. EC2 is asked only after the node's own subnet was refused, and not often; what it said is kept in memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpcwire/log.h>

#include "reconcile/blocked.h"
#include "reconcile/subnet_counts.h"
#include "reconcile/subnets.h"

#define TAG_ROLE           "kubernetes.io/role/cni"
#define TAG_CLUSTER_PREFIX "cni.networking.k8s.aws/cluster/"

static bool has_usable_role(const struct ec2_subnet *subnet)
{
        for (size_t i = 0; i < subnet->n_tags; i++) {
                if (strcmp(subnet->tags[i].key, TAG_ROLE) == 0)
                        return strcmp(subnet->tags[i].value, "0") != 0;
        }
        return false;
}

static bool is_for_cluster(const struct ec2_subnet *subnet, const char *cluster)
{
        size_t n = strlen(TAG_CLUSTER_PREFIX);
        bool named = false;

        for (size_t i = 0; i < subnet->n_tags; i++) {
                const char *key = subnet->tags[i].key;

                if (strncmp(key, TAG_CLUSTER_PREFIX, n) != 0)
                        continue;
                if (strcmp(key + n, cluster) == 0)
                        return true;
                named = true;
        }
        return !named;
}

bool subnets_may_use(const struct identity *identity, const char *cluster, const struct ec2_subnet *subnet)
{
        return strcmp(subnet->subnet_id, identity->subnet_id) != 0 &&
               strcmp(subnet->vpc_id, identity->vpc_id) == 0 &&
               strcmp(subnet->availability_zone, identity->zone) == 0 &&
               (!*subnet->state || strcmp(subnet->state, "available") == 0) && subnet->cidr.bits > 0 &&
               subnet->available_addresses > 1 && has_usable_role(subnet) &&
               (!cluster || !*cluster || is_for_cluster(subnet, cluster));
}

static int most_free_first(const void *a, const void *b)
{
        const struct subnet *x = a, *y = b;

        if (x->available != y->available)
                return x->available > y->available ? -1 : 1;
        return strcmp(x->id, y->id);
}

static void take_in(struct subnets *subnets, const struct context *ctx, const struct ec2_subnet_list *list)
{
        free(subnets->list);
        subnets->list = XNEW_ARRAY(struct subnet, list->n);
        subnets->n = 0;
        for (size_t i = 0; i < list->n; i++) {
                const struct ec2_subnet *from = &list->subnets[i];
                struct subnet *to = &subnets->list[subnets->n];

                if (!subnets_may_use(&ctx->identity, ctx->options.cluster_name, from))
                        continue;
                subnets->n++;
                *to = (struct subnet){.cidr = from->cidr, .available = from->available_addresses};
                snprintf(to->id, sizeof(to->id), "%s", from->subnet_id);
        }
        qsort(subnets->list, subnets->n, sizeof(*subnets->list), most_free_first);
}

int subnets_look_for_more(struct subnets *subnets, struct context *ctx, struct round *round,
                          const struct plan_action *action, struct outcome *out, struct err *err)
{
        const struct ec2_filter filters[] = {{"vpc-id", ctx->identity.vpc_id},
                                             {"availability-zone", ctx->identity.zone}};
        const struct ec2_selection which = {
                .filters = filters, .n_filters = ARRAY_SIZE(filters), .skips_unreadable = true};
        const enum condition_kind kind = CONDITION_FIND_SUBNETS;
        struct ec2_subnet_list list;
        struct ec2_result result;
        struct err cause;

        out->again = true;
        if (ctx->ec2->ops->describe_subnets(ctx->ec2, NULL, &which, round->arena, &list, &result, &cause) < 0)
                return blocked_after_failure(ctx, round, kind, "", &result, &cause, out, err);
        take_in(subnets, ctx, &list);
        if (subnet_counts_take(ctx, subnets, round, &list, err) < 0)
                return -(int)err->code;
        subnets->due_ms = round->now_ms + SUBNETS_PERIOD_MS;
        log_info("subnets discovered", LOG_STR("zone", ctx->identity.zone), LOG_INT("usable", subnets->n),
                 LOG_INT("unreadable", list.n_unreadable), LOG_STR("reason", action->reason));
        return blocked_clear(ctx, round, kind, "", err);
}

struct subnet *subnets_find(struct subnets *subnets, const char *id)
{
        for (size_t i = 0; i < subnets->n; i++) {
                if (strcmp(subnets->list[i].id, id) == 0)
                        return &subnets->list[i];
        }
        return NULL;
}

void subnets_forget(struct subnets *subnets)
{
        free(subnets->list);
        *subnets = (struct subnets){0};
}

static int ask_cidr(struct context *ctx, struct round *round, struct eni *eni, struct ec2_result *result,
                    struct err *err)
{
        const char *ids[] = {eni->subnet_id};
        const struct ec2_selection which = {.ids = ids, .n_ids = 1};
        const struct ec2_call_options options = {.follow_up = true};
        struct ec2_subnet_list list;

        if (ctx->ec2->ops->describe_subnets(ctx->ec2, &options, &which, round->arena, &list, result, err) < 0)
                return err_wrap(err, "learn the CIDR of %s", eni->subnet_id);
        if (list.n != 1)
                return err_set(err, ERR_PROTOCOL, "EC2 shows %zu subnets for %s", list.n, eni->subnet_id);
        eni->subnet_cidr = list.subnets[0].cidr;
        return 0;
}

int subnets_learn(struct subnets *subnets, struct context *ctx, struct round *round, struct eni *eni,
                  int64_t *ret_again_ms, struct outcome *out, struct err *err)
{
        const struct subnet *cached = subnets_find(subnets, eni->subnet_id);
        struct ec2_result result;
        struct err cause;

        if (cached)
                eni->subnet_cidr = cached->cidr;
        if (cached || !eni->managed || strcmp(eni->subnet_id, ctx->identity.subnet_id) == 0)
                return 1;
        if (!blocked_now(round, CONDITION_LEARN_SUBNET, eni->subnet_id)) {
                if (ask_cidr(ctx, round, eni, &result, &cause) == 0)
                        return blocked_clear(ctx, round, CONDITION_LEARN_SUBNET, eni->subnet_id, err) < 0
                                       ? -(int)err->code
                                       : 1;
                if (blocked_after_failure(ctx, round, CONDITION_LEARN_SUBNET, eni->subnet_id, &result, &cause,
                                          out, err) < 0)
                        return -(int)err->code;
        }
        *ret_again_ms = outcome_earlier(*ret_again_ms,
                                        blocked_until_ms(round, CONDITION_LEARN_SUBNET, eni->subnet_id));
        return 0;
}
