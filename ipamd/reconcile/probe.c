// SPDX-License-Identifier: Apache-2.0
/*
 * What an operator wants to know and only this thread can try: IMDS, the credentials, and each EC2 action that we use. It runs
 * when somebody asks, with dry runs at the pace of all calls; what the pace puts off comes in a later round, or is given up at
 * the deadline. An account that is throttled is asked nothing: the question would make it worse. The answer is a fact in the store, from which the loop hands it out.
 */
#include <string.h>

#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include "client/ttl_drops.h"
#include "cloud/ec2_retry.h"
#include "reconcile/create_request.h"
#include "reconcile/probe.h"
#include "reconcile/report.h"
#include "reconcile/wake.h"

enum {
        DEADLINE_MS = IPAM_PROBE_TIMEOUT_MS / 2, /* a call that runs then has as long again */
        HOPS_TO_PODS = 2,                        /* this host forwards to a pod: one more than its own */
};

/* No time in it: were it ever carried out, the ENI would be an old orphan, which is deleted. */
#define DRY_RUN_TOKEN "vw-0-dry-run"

/*
 * The ENI that a dry run names: one of ours, because policies may be limited to our tags; the fewest leases on it, though
 * nothing is done. Without one it is the primary ENI, whose refusal then says little.
 */
static const struct eni *pick_eni(const struct round *round)
{
        const struct eni *best = NULL;

        for (size_t i = 0; i < round->n_enis; i++) {
                const struct eni *eni = &round->enis[i];

                if (!*eni->eni_id || !*eni->attachment_id || !eni->managed)
                        continue;
                if (!best || (best->primary && !eni->primary) ||
                    (best->primary == eni->primary && eni->leased < best->leased))
                        best = eni;
        }
        return best;
}

struct question {
        struct context *ctx;
        struct arena *arena;
        const struct eni *eni;
};

static const struct ec2_call_options dry = {.dry_run = true};

static int ask_enis(const struct question *q, struct ec2_result *result, struct err *err)
{
        const char *id = q->ctx->identity.eni_id;
        const struct ec2_selection which = {.ids = &id, .n_ids = 1};
        struct ec2_eni_list list;

        return q->ctx->ec2->ops->describe_enis(q->ctx->ec2, &dry, &which, q->arena, &list, result, err);
}

static int ask_subnets(const struct question *q, struct ec2_result *result, struct err *err)
{
        const char *id = q->ctx->identity.subnet_id;
        const struct ec2_selection which = {.ids = &id, .n_ids = 1};
        struct ec2_subnet_list list;

        return q->ctx->ec2->ops->describe_subnets(q->ctx->ec2, &dry, &which, q->arena, &list, result, err);
}

static int ask_type(const struct question *q, struct ec2_result *result, struct err *err)
{
        struct ec2_instance_type type;

        return q->ctx->ec2->ops->describe_instance_type(q->ctx->ec2, &dry, q->ctx->identity.instance_type,
                                                        q->arena, &type, result, err);
}

static int ask_modify(const struct question *q, struct ec2_result *result, struct err *err)
{
        return q->ctx->ec2->ops->set_delete_on_termination(q->ctx->ec2, &dry, q->eni->eni_id,
                                                           q->eni->attachment_id, result, err);
}

static int ask_create(const struct question *q, struct ec2_result *result, struct err *err)
{
        struct ec2_create_eni request;
        struct ec2_eni made;

        create_request_make(q->ctx, q->arena, q->ctx->identity.subnet_id, DRY_RUN_TOKEN, &request);
        return q->ctx->ec2->ops->create_eni(q->ctx->ec2, &dry, &request, q->arena, &made, result, err);
}

static int ask_delete(const struct question *q, struct ec2_result *result, struct err *err)
{
        return q->ctx->ec2->ops->delete_eni(q->ctx->ec2, &dry, q->eni->eni_id, result, err);
}

static int ask_attach(const struct question *q, struct ec2_result *result, struct err *err)
{
        const char *attachment;

        return q->ctx->ec2->ops->attach_eni(q->ctx->ec2, &dry, q->eni->eni_id, q->ctx->identity.instance_id,
                                            q->eni->device_index, q->arena, &attachment, result, err);
}

static int ask_detach(const struct question *q, struct ec2_result *result, struct err *err)
{
        return q->ctx->ec2->ops->detach_eni(q->ctx->ec2, &dry, q->eni->attachment_id, result, err);
}

/*
 * Without CreateTags: its refusal keeps nothing from working (tag.c).
 * What only reads is first: something that is not EC2, knows no dry runs and does what it is asked shows itself there, and is
 * asked no further. Behind it, what would be refused for what it names comes before the detach.
 */
static const struct {
        enum ec2_action action;
        /* NULL: EC2 has no dry run of it. */
        int (*ask)(const struct question *q, struct ec2_result *result, struct err *err);
        bool names_eni;
} questions[] = {
        {EC2_ACTION_DESCRIBE_ENIS, ask_enis, false},
        {EC2_ACTION_DESCRIBE_SUBNETS, ask_subnets, false},
        {EC2_ACTION_DESCRIBE_INSTANCE_TYPE, ask_type, false},
        {EC2_ACTION_MODIFY_ENI, ask_modify, true},
        {EC2_ACTION_DELETE_ENI, ask_delete, true},
        {EC2_ACTION_ATTACH_ENI, ask_attach, true},
        {EC2_ACTION_CREATE_ENI, ask_create, false},
        {EC2_ACTION_DETACH_ENI, ask_detach, true},
        {EC2_ACTION_ASSIGN_ADDRESSES, NULL, false},
        {EC2_ACTION_UNASSIGN_ADDRESSES, NULL, false},
};

static void note(struct probe *p, enum ec2_action action, enum ipam_permission_result result, const char *why)
{
        p->reply.permissions[p->reply.n_permissions++] = (struct ipam_permission){
                .action = ec2_action_to_string(action),
                .result = result,
                .why = why ? arena_strdup(p->arena, why) : NULL,
        };
}

/* Of what cannot be asked, EC2's answer to the last real call is known. */
static void note_unasked(struct probe *p, struct context *ctx, enum ec2_action action)
{
        bool denied = false;
        struct err err;

        if (denied_known(ctx, p->arena, action, &denied, &err) < 0)
                note(p, action, IPAM_PERMISSION_RESULT_UNKNOWN, err.msg);
        else if (denied)
                note(p, action, IPAM_PERMISSION_RESULT_DENIED, "EC2 denied the last call");
        else
                note(p, action, IPAM_PERMISSION_RESULT_UNASKED, NULL);
}

/* What came of a dry run; where the next ones would fare the same they are not made. */
static void take_answer(struct probe *p, enum ec2_action action, const struct eni *eni,
                        const struct ec2_result *result, const struct err *why)
{
        if (result->class == EC2_FAILURE_NONE) {
                p->stopped = "this EC2 endpoint ignores DryRun, so nothing more is tried";
                note(p, action, IPAM_PERMISSION_RESULT_ALLOWED, NULL);
        } else if (strcmp(result->code, EC2_CODE_DRY_RUN) == 0) {
                note(p, action, IPAM_PERMISSION_RESULT_ALLOWED, NULL);
        } else if (result->class == EC2_FAILURE_DENIED && eni && eni->primary) {
                note(p, action, IPAM_PERMISSION_RESULT_UNKNOWN,
                     arena_printf(p->arena,
                                  "denied for the primary ENI %s, as by a policy limited to tags; there is "
                                  "no other ENI yet to try it with",
                                  eni->eni_id));
        } else if (result->class == EC2_FAILURE_DENIED) {
                note(p, action, IPAM_PERMISSION_RESULT_DENIED, why->msg);
        } else {
                note(p, action, IPAM_PERMISSION_RESULT_UNKNOWN, why->msg);
                if (result->class == EC2_FAILURE_TRANSPORT || result->class == EC2_FAILURE_CREDENTIALS)
                        p->stopped = arena_strdup(p->arena, why->msg);
        }
}

/* False: the pace puts it off, and there is time. */
static bool ask(struct probe *p, struct context *ctx, struct round *round, size_t i, struct outcome *out)
{
        const struct question question = {ctx, round->arena, questions[i].names_eni ? pick_eni(round) : NULL};
        int64_t now_ms = clock_boottime_ms();
        struct ec2_result result;
        struct err err;

        if (!questions[i].ask) {
                note_unasked(p, ctx, questions[i].action);
                return true;
        }
        if (!p->stopped && ctx->ec2->ops->is_throttled(ctx->ec2))
                p->stopped = "not checked: EC2 throttles this account";
        if (p->stopped || now_ms >= p->deadline_ms || (questions[i].names_eni && !question.eni)) {
                note(p, questions[i].action, IPAM_PERMISSION_RESULT_UNKNOWN,
                     p->stopped
                             ?: now_ms >= p->deadline_ms ? "there was no time to check"
                                                         : "there is no ENI to check it with yet");
                return true;
        }
        if (questions[i].ask(&question, &result, &err) < 0 && result.paced &&
            now_ms + result.wait_ms < p->deadline_ms) {
                outcome_wake(out, now_ms + result.wait_ms);
                return false;
        }
        take_answer(p, questions[i].action, question.eni, &result, &err);
        return true;
}

/* A token of its own, so that nothing that was kept answers. */
static int try_imds(const struct context *ctx, unsigned min_ttl, struct err *err)
{
        _cleanup_(imds_freep) struct imds *imds = NULL;
        const struct imds_options options = {.endpoint = ctx->options.imds_endpoint,
                                             .ipv6 = ctx->options.imds_ipv6,
                                             .cancel = &ctx->cancel,
                                             .min_ttl = min_ttl};

        if (imds_new(&options, &imds, err) < 0)
                return -(int)err->code;
        return imds_renew(imds, err);
}

/*
 * How far a token gets; 0: not known. The hop limit is no leaf of the metadata, and asking EC2 for it needs a permission that
 * nothing else here does. But it is the TTL of the packets that carry a token, and the kernel can be told to drop those that
 * would not reach a pod. It counts them: silence alone may be that of a busy machine.
 */
static int try_hops(const struct context *ctx, struct err *err)
{
        uint64_t before, after;
        int r;

        if (ttl_drops_read(&before, err) < 0)
                return 0;
        r = try_imds(ctx, HOPS_TO_PODS, err);
        if (r == 0)
                return HOPS_TO_PODS;
        return r == -ERR_TIMEOUT && ttl_drops_read(&after, NULL) == 0 && after > before ? 1 : 0;
}

static void probe_imds(struct probe *p, struct context *ctx)
{
        struct ipam_imds *imds = &p->reply.imds;
        struct err err;

        imds->url = imds_url(ctx->imds);
        imds->reachable = try_imds(ctx, 0, &err) == 0;
        imds->hops = imds->reachable ? try_hops(ctx, &err) : 0;
        if (imds->hops == 0)
                imds->why = arena_strdup(p->arena, err.msg);
}

static void probe_credentials(struct probe *p, struct context *ctx)
{
        struct ipam_credentials *credentials = &p->reply.credentials;
        struct credentials_health health;
        struct credentials_view view;
        struct err err;

        (void)credentials_get(ctx->credentials, &view, &err); /* its health says how it went */
        credentials_get_health(ctx->credentials, &health);
        *credentials = (struct ipam_credentials){
                .good = health.have_good,
                .failing = health.failing,
                .provider = health.provider,
                .why = health.failing ? arena_strdup(p->arena, health.why) : NULL,
                .expires_ms = health.expires_wall_ms,
                .clock_ahead_ms = health.ahead_ms < 0 ? -health.ahead_ms : health.ahead_ms,
                .clock_behind = health.ahead_ms < 0,
        };
}

static void begin(struct probe *p, struct context *ctx)
{

        *p = (struct probe){.arena = arena_new(), .deadline_ms = clock_boottime_ms() + DEADLINE_MS};
        p->reply.permissions = ARENA_ARRAY(p->arena, struct ipam_permission, _EC2_ACTION_MAX);
        probe_imds(p, ctx);
        if (!ctx->ec2)
                p->stopped = "not checked: the node's region is not known yet";
}

void probe_want(struct probe *p)
{
        p->wanted = true;
}

void probe_forget(struct probe *p)
{
        arena_free(p->arena);
        *p = (struct probe){.wanted = p->wanted};
}

static void finish(struct probe *p, struct context *ctx, struct outcome *out)
{
        _cleanup_json_ json_t *json = NULL;
        _cleanup_free_ char *text = NULL;
        struct err err;

        probe_credentials(p, ctx); /* the calls made them known, and AWS's time */
        p->reply.at_ms = clock_wall_ms();
        json = jsonx_encode(ipam_method(IPAM_METHOD_PROBE)->reply, &p->reply);
        json_object_set_new(json, STORE_PROBE_AT, json_integer(clock_boottime_ms()));
        text = json_dumps(json, JSON_COMPACT);
        if (!text || store_fact_set(ctx->store, STORE_FACT_PROBE, text, &err) < 0)
                log_error("writing the probe's result failed", LOG_STR("err", text ? err.msg : "no text"));
        probe_forget(p);
        out->pool_changed = true;
}

void probe_run(struct probe *p, struct context *ctx, struct wake *wake, struct round *round,
               struct outcome *out)
{
        if (!p->wanted && !p->arena)
                return;
        if (!p->arena) {
                p->wanted = false;
                begin(p, ctx);
        }
        while (p->reply.n_permissions < ARRAY_SIZE(questions)) {
                if (wake_is_urgent(wake)) {
                        out->again = true;
                        return;
                }
                if (!ask(p, ctx, round, p->reply.n_permissions, out))
                        return;
        }
        finish(p, ctx, out);
}
