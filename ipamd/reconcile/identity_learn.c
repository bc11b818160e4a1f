// SPDX-License-Identifier: Apache-2.0
/*
 * Who this node is (IMDS) and what its type allows (compiled-in table, else EC2). Both are kept as facts in the
 * store, so that a daemon that starts while IMDS does not answer serves from its database all the same.
 */
#include <stdio.h>
#include <string.h>

#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include "cloud/endpoint.h"
#include "plan/instance_limits.h"
#include "reconcile/identity_learn.h"
#include "reconcile/report.h"

static void set_text(char *to, size_t size, const char *from)
{
        snprintf(to, size, "%s", from ?: "");
}

static struct identity identity_from_imds(const struct imds_identity *from)
{
        struct identity identity = {
                .known = true,
                .mac = from->mac,
                .primary_address = from->primary_address,
                .subnet_cidr = from->subnet_cidr,
        };

        set_text(identity.instance_id, sizeof(identity.instance_id), from->instance_id);
        set_text(identity.instance_type, sizeof(identity.instance_type), from->instance_type);
        set_text(identity.zone, sizeof(identity.zone), from->availability_zone);
        set_text(identity.region, sizeof(identity.region), from->region);
        set_text(identity.eni_id, sizeof(identity.eni_id), from->eni_id);
        set_text(identity.subnet_id, sizeof(identity.subnet_id), from->subnet_id);
        set_text(identity.vpc_id, sizeof(identity.vpc_id), from->vpc_id);
        identity_set_vpc_cidrs(&identity, from->vpc_cidrs, from->n_vpc_cidrs);
        identity_set_groups(&identity, from->security_groups, from->n_security_groups);
        return identity;
}

/* By its own word, or by a primary ENI that is not ours: an instance keeps its own for life. NULL: it is this instance's. */
static const char *whose_else(const struct context *ctx, const struct round *round, const char *written)
{
        if (written && strcmp(written, ctx->identity.instance_id) != 0)
                return arena_printf(round->arena, "it is of instance %s", written);
        for (size_t i = 0; i < round->n_enis; i++) {
                if (round->enis[i].primary && strcmp(round->enis[i].eni_id, ctx->identity.eni_id) != 0)
                        return arena_printf(round->arena, "its primary ENI is %s", round->enis[i].eni_id);
        }
        return NULL;
}

/* The database of another instance (an imaged disk) is worth nothing here; of its ENIs, none is offered before this. */
static int forget_other_instance(struct context *ctx, struct takeover *takeover, struct round *round,
                                 struct outcome *out, struct err *err)
{
        const struct takeover_options options = context_takeover(ctx);
        char *backup = arena_alloc(round->arena, 1, STORE_PATH_BYTES);
        const char *written, *whose;
        struct err not_kept = {0};

        if (store_fact_get(ctx->store, STORE_FACT_INSTANCE, round->arena, &written, err) < 0)
                return err_wrap(err, "learn whose database it is");
        whose = whose_else(ctx, round, written);
        if (!whose)
                return 0;
        if (store_begin_anew(
                    ctx->store, written,
                    arena_printf(round->arena, "%s, and this is %s", whose, ctx->identity.instance_id),
                    backup, &not_kept, err) < 0)
                return err_wrap(err, "begin anew: the database is another instance's");
        log_error("database of another instance: kept as a backup, and a new one is made from EC2 and the "
                  "kernel",
                  LOG_STR("reason", whose), LOG_STR("is", ctx->identity.instance_id),
                  LOG_STR("backup", backup));
        if (not_kept.code)
                log_warn("no backup of the other instance's database", LOG_ERR(&not_kept));
        outcome_resync_ec2(out, round->now_ms);
        return observe_store(ctx, round, err) < 0 || takeover_start(takeover, &options, out, err) < 0
                       ? -(int)err->code
                       : 0;
}

static int learn_who(struct context *ctx, struct takeover *takeover, struct round *round, struct outcome *out,
                     struct err *err)
{
        struct imds_identity fresh;
        struct identity stored = {0};
        bool found = false;
        struct err imds_err;
        int e;

        e = identity_load(ctx->store, round->arena, &stored, &found, err);
        if (e < 0)
                return e;
        if (imds_get_identity(ctx->imds, round->arena, &fresh, &imds_err) == 0) {
                ctx->identity = identity_from_imds(&fresh);
                identity_done(&stored);
                e = forget_other_instance(ctx, takeover, round, out, err);
                if (e < 0) {
                        identity_done(&ctx->identity);
                        return e;
                }
                return identity_save(ctx->store, &ctx->identity, err);
        }
        if (!found) {
                if (err)
                        *err = imds_err;
                return err_wrap(err, "learn who this node is");
        }
        log_warn("instance metadata unavailable: using the stored identity", LOG_ERR(&imds_err));
        ctx->identity = stored;
        return 0;
}

static int learn_limits(struct context *ctx, struct round *round, struct err *err)
{
        const struct instance_limits *table = instance_limits_find(ctx->identity.instance_type);
        struct plan_limits limits = {0};
        struct ec2_instance_type type;
        struct ec2_result result;
        int e;

        if (table)
                limits = (struct plan_limits){.max_enis = table->max_enis,
                                              .ipv4_per_eni = table->ipv4_per_eni};
        else if ((e = limits_load(ctx->store, round->arena, &limits, err)) < 0)
                return e;
        if (!limits.max_enis) {
                e = ctx->ec2->ops->describe_instance_type(ctx->ec2, NULL, ctx->identity.instance_type,
                                                          round->arena, &type, &result, err);
                if (e < 0)
                        return err_wrap(err, "learn the limits of instance type %s",
                                        ctx->identity.instance_type);
                limits = (struct plan_limits){.max_enis = type.max_enis, .ipv4_per_eni = type.ipv4_per_eni};
        }
        e = limits_save(ctx->store, &limits, err);
        if (e == 0)
                ctx->limits = limits;
        return e;
}

static int open_ec2(struct context *ctx, struct err *err)
{
        const struct reconcile_options *o = &ctx->options;
        const char *region = o->region ?: ctx->identity.region;
        _cleanup_(text_done) struct text own = {0};
        struct ec2 *ec2;

        if (!o->ec2_endpoint &&
            endpoint_format(&(const struct endpoint){"ec2", region, o->use_fips, o->use_dualstack}, &own,
                            err) < 0)
                return err_wrap(err, "find EC2's endpoint");
        if (ec2_new(&(const struct ec2_options){.endpoint = o->ec2_endpoint ?: own.text,
                                                .region = region,
                                                .credentials = ctx->credentials,
                                                .timeout_ms = o->http_timeout_ms,
                                                .ca_file = o->ca_file,
                                                .cancel = &ctx->cancel,
                                                .observe = count_ec2_call,
                                                .observe_data = ctx},
                    &ec2, err) < 0)
                return -(int)err->code;
        context_set_ec2(ctx, ec2);
        return 0;
}

int identity_learn(struct context *ctx, struct identity_changes *changes, struct takeover *takeover,
                   struct round *round, struct outcome *out, struct err *err)
{
        int e = 0;

        if (!ctx->identity.known) {
                e = learn_who(ctx, takeover, round, out, err);
                identity_changes_later(ctx, changes, round);
                if (e == 0)
                        log_info("node", LOG_STR("instance", ctx->identity.instance_id),
                                 LOG_STR("type", ctx->identity.instance_type),
                                 LOG_STR("zone", ctx->identity.zone),
                                 LOG_STR("subnet", ctx->identity.subnet_id));
        }
        if (e == 0 && !ctx->ec2)
                e = open_ec2(ctx, err);
        if (e == 0 && !ctx->limits.max_enis)
                e = learn_limits(ctx, round, err);
        if (e == 0)
                identity_follow_changes(ctx, changes, round, out);
        return e;
}
