// SPDX-License-Identifier: Apache-2.0
/*
 * What an operator wants to know and only this thread can try: IMDS, the credentials, and each EC2 action that we use. It runs
 * when somebody asks, with dry runs at the pace of all calls; what the pace puts off comes in a later round, or is given up at
 * the deadline. The answer is a fact in the store, from which the loop hands it out.
 */
#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include <string.h>

#include "cloud/ec2_retry.h"
#include "reconcile/act.h"

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
static const struct store_eni *pick_eni(const struct round *round)
{
        const struct store_eni *best = NULL;

        for (size_t i = 0; i < round->n_enis; i++) {
                const struct store_eni *eni = &round->enis[i];

                if (!*eni->eni_id || !*eni->attachment_id || !eni->managed)
                        continue;
                if (!best || (best->primary && !eni->primary) ||
                    (best->primary == eni->primary && eni->leased < best->leased))
                        best = eni;
        }
        return best;
}

struct question {
        struct reconcile *r;
        struct arena *arena;
        const struct store_eni *eni;
};

static int ask_enis(const struct question *q, struct err *err)
{
        const char *id = q->r->identity.eni_id;
        struct ec2_eni *enis;
        size_t n;

        return ec2_describe_enis(q->r->ec2, NULL, 0, &id, 1, q->arena, &enis, &n, err);
}

static int ask_subnets(const struct question *q, struct err *err)
{
        const char *id = q->r->identity.subnet_id;
        struct ec2_subnet *subnets;
        size_t n;

        return ec2_describe_subnets(q->r->ec2, NULL, 0, &id, 1, q->arena, &subnets, &n, err);
}

static int ask_type(const struct question *q, struct err *err)
{
        struct ec2_instance_type type;

        return ec2_describe_instance_type(q->r->ec2, q->r->identity.instance_type, q->arena, &type, err);
}

static int ask_modify(const struct question *q, struct err *err)
{
        return ec2_set_delete_on_termination(q->r->ec2, q->eni->eni_id, q->eni->attachment_id, err);
}

static int ask_create(const struct question *q, struct err *err)
{
        struct ec2_create_eni request;
        struct ec2_eni made;

        act_create_request(q->r, q->arena, q->r->identity.subnet_id, DRY_RUN_TOKEN, &request);
        return ec2_create_eni(q->r->ec2, &request, q->arena, &made, err);
}

static int ask_delete(const struct question *q, struct err *err)
{
        return ec2_delete_eni(q->r->ec2, q->eni->eni_id, err);
}

static int ask_attach(const struct question *q, struct err *err)
{
        const char *attachment;

        return ec2_attach_eni(q->r->ec2, q->eni->eni_id, q->r->identity.instance_id, q->eni->device_index,
                              q->arena, &attachment, err);
}

static int ask_detach(const struct question *q, struct err *err)
{
        return ec2_detach_eni(q->r->ec2, q->eni->attachment_id, err);
}

/*
 * Without CreateTags: its refusal keeps nothing from working (tag.c).
 * What only reads is first: something that is not EC2, knows no dry runs and does what it is asked shows itself there, and is
 * asked no further. Behind it, what would be refused for what it names comes before the detach.
 */
static const struct {
        enum ec2_action action;
        int (*ask)(const struct question *q, struct err *err); /* NULL: EC2 has no dry run of it */
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
static void note_unasked(struct reconcile *r, enum ec2_action action)
{
        struct probe *p = &r->probe;
        bool denied = false;
        struct err err;

        if (denied_known(r, p->arena, ec2_action_to_string(action), &denied, &err) < 0)
                note(p, action, IPAM_PERMISSION_RESULT_UNKNOWN, err.msg);
        else if (denied)
                note(p, action, IPAM_PERMISSION_RESULT_DENIED, "EC2 refused the last call");
        else
                note(p, action, IPAM_PERMISSION_RESULT_UNASKED, NULL);
}

/* What came of a dry run; where the next ones would fare the same they are not made. */
static void take_answer(struct reconcile *r, enum ec2_action action, const struct store_eni *eni, int e,
                        const struct err *why)
{
        const struct ec2_failure *failure = ec2_last_failure(r->ec2);
        struct probe *p = &r->probe;

        if (e == 0) {
                p->stopped = "what answers as EC2 carries out dry runs";
                note(p, action, IPAM_PERMISSION_RESULT_ALLOWED, NULL);
        } else if (strcmp(failure->code, EC2_CODE_DRY_RUN) == 0) {
                note(p, action, IPAM_PERMISSION_RESULT_ALLOWED, NULL);
        } else if (failure->class == EC2_FAILURE_DENIED && eni && eni->primary) {
                note(p, action, IPAM_PERMISSION_RESULT_UNKNOWN,
                     arena_printf(
                             p->arena,
                             "denied for the primary ENI %s, as a policy limited to tags does; ipamd has "
                             "no other ENI yet",
                             eni->eni_id));
        } else if (failure->class == EC2_FAILURE_DENIED) {
                note(p, action, IPAM_PERMISSION_RESULT_DENIED, why->msg);
        } else {
                note(p, action, IPAM_PERMISSION_RESULT_UNKNOWN, why->msg);
                if (failure->class == EC2_FAILURE_TRANSPORT || failure->class == EC2_FAILURE_CREDENTIALS)
                        p->stopped = arena_strdup(p->arena, why->msg);
        }
}

/* False: the pace puts it off, and there is time. */
static bool ask(struct reconcile *r, struct round *round, size_t i)
{
        const struct question question = {r, round->arena, questions[i].names_eni ? pick_eni(round) : NULL};
        const struct ec2_failure *failure;
        struct probe *p = &r->probe;
        int64_t now_ms = clock_boottime_ms();
        struct err err;
        int e;

        if (!questions[i].ask) {
                note_unasked(r, questions[i].action);
                return true;
        }
        if (p->stopped || now_ms >= p->deadline_ms || (questions[i].names_eni && !question.eni)) {
                note(p, questions[i].action, IPAM_PERMISSION_RESULT_UNKNOWN,
                     p->stopped
                             ?: now_ms >= p->deadline_ms ? "there was no time to ask"
                                                         : "there is no ENI to name yet");
                return true;
        }
        ec2_dry_run(r->ec2);
        e = questions[i].ask(&question, &err);
        failure = ec2_last_failure(r->ec2);
        if (e < 0 && ec2_failure_is_pause(failure) && now_ms + failure->wait_ms < p->deadline_ms) {
                round_wake_at(round, now_ms + failure->wait_ms);
                return false;
        }
        take_answer(r, questions[i].action, question.eni, e, &err);
        return true;
}

/* A token of its own, so that nothing that was kept answers. */
static int try_imds(const struct reconcile *r, unsigned min_ttl, struct err *err)
{
        _cleanup_(imds_freep) struct imds *imds = NULL;
        const struct imds_options options = {.endpoint = r->options.imds_endpoint,
                                             .ipv6 = r->options.imds_ipv6,
                                             .brake = &r->brake,
                                             .min_ttl = min_ttl};

        if (imds_new(&options, &imds, err) < 0)
                return -(int)err->code;
        return imds_renew(imds, err);
}

/*
 * The hop limit is no leaf of the metadata, and asking EC2 for it needs a permission that nothing else here does. But it is
 * the TTL of the packets that carry a token, and the kernel can be told to drop those that would not reach a pod.
 */
static void probe_imds(struct reconcile *r)
{
        struct probe *p = &r->probe;
        struct ipam_imds *imds = &p->reply.imds;
        struct err err;
        int e;

        imds->url = imds_url(r->imds);
        imds->reachable = try_imds(r, 0, &err) == 0;
        e = imds->reachable ? try_imds(r, HOPS_TO_PODS, &err) : -(int)err.code;
        if (imds->reachable && (e == 0 || e == -ERR_TIMEOUT))
                imds->hops = e == 0 ? HOPS_TO_PODS : 1;
        else
                imds->why = arena_strdup(p->arena, err.msg);
}

static void probe_credentials(struct reconcile *r)
{
        struct ipam_credentials *credentials = &r->probe.reply.credentials;
        struct credentials_health health;
        struct credentials_view view;
        struct err err;

        (void)credentials_get(r->credentials, &view, &err); /* its health says how it went */
        credentials_get_health(r->credentials, &health);
        *credentials = (struct ipam_credentials){
                .good = health.have_good,
                .failing = health.failing,
                .provider = health.provider,
                .why = health.failing ? arena_strdup(r->probe.arena, health.why) : NULL,
                .expires_ms = health.expires_wall_ms,
                .clock_ahead_ms = health.ahead_ms < 0 ? -health.ahead_ms : health.ahead_ms,
                .clock_behind = health.ahead_ms < 0,
        };
}

static void begin(struct reconcile *r)
{
        struct probe *p = &r->probe;

        *p = (struct probe){.arena = arena_new(), .deadline_ms = clock_boottime_ms() + DEADLINE_MS};
        p->reply.permissions = ARENA_ARRAY(p->arena, struct ipam_permission, _EC2_ACTION_MAX);
        probe_imds(r);
        if (!r->ec2)
                p->stopped = "not asked: this node does not know its region yet";
}

void probe_forget(struct reconcile *r)
{
        arena_free(r->probe.arena);
        r->probe = (struct probe){0};
}

static void finish(struct reconcile *r, struct round *round)
{
        _cleanup_json_ json_t *json = NULL;
        _cleanup_free_ char *text = NULL;
        struct err err;

        probe_credentials(r); /* the calls made them known, and AWS's time */
        r->probe.reply.at_ms = clock_wall_ms();
        json = jsonx_encode(ipam_method(IPAM_METHOD_PROBE)->reply, &r->probe.reply);
        json_object_set_new(json, STORE_PROBE_AT, json_integer(clock_boottime_ms()));
        text = json_dumps(json, JSON_COMPACT);
        if (!text || store_fact_set(r->store, STORE_FACT_PROBE, text, &err) < 0)
                log_error("what was probed is not written down", LOG_STR("why", text ? err.msg : "no text"));
        probe_forget(r);
        round->changed = true;
}

void probe_run(struct reconcile *r, struct round *round)
{
        if (!r->probe_wanted && !r->probe.arena)
                return;
        if (!r->probe.arena) {
                r->probe_wanted = false;
                begin(r);
        }
        while (r->probe.reply.n_permissions < ARRAY_SIZE(questions)) {
                if (network_is_wanted(r)) {
                        round->progress = true;
                        return;
                }
                if (!ask(r, round, r->probe.reply.n_permissions))
                        return;
        }
        finish(r, round);
}
