// SPDX-License-Identifier: Apache-2.0
/*
 * An ENI comes to be: create (with its addresses, tags and a client token), attach, mark for deletion with the
 * instance. Three calls; each can be cut off anywhere and is taken up again from what the store says.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include "reconcile/act.h"
#include "reconcile/ours.h"

enum { TAGS_OF_OURS = 5 };

/* Counted apart from the calls that failed for other reasons; see ATTACH_ATTEMPTS_MAX and TOKEN_LOOKS_MAX. */
static const char STEP_REFUSED[] = "attach-refused", STEP_NOT_SHOWN[] = "token-not-shown";

/*
 * "vw-<wall seconds>-<96 random bits>". The time is in the token so that a repeat, which EC2 compares parameter by
 * parameter with the first call, carries the same createdAt tag.
 */
static int make_token(char ret[static STORE_TOKEN_BYTES], struct err *err)
{
        uint32_t random[3];

        if (getrandom(random, sizeof(random), 0) != sizeof(random))
                return err_set(err, ERR_SYSTEM, "no random bytes for a client token");
        snprintf(ret, STORE_TOKEN_BYTES, "vw-%" PRIx64 "-%08" PRIx32 "%08" PRIx32 "%08" PRIx32,
                 (uint64_t)(clock_wall_ms() / 1000), random[0], random[1], random[2]);
        return 0;
}

static const char *created_at(struct arena *arena, const char *token)
{
        char *text = arena_alloc(arena, OURS_TIME_BYTES, 1);

        ours_format_time((int64_t)strtoull(token + strlen("vw-"), NULL, 16), text);
        return text;
}

static size_t make_tags(const struct reconcile *r, struct arena *arena, const char *token,
                        struct ec2_tag **ret)
{
        struct ec2_tag *tags = ARENA_ARRAY(arena, struct ec2_tag, TAGS_OF_OURS + r->options.n_tags);
        size_t n = 0;

        tags[n++] = (struct ec2_tag){OURS_TAG_INSTANCE, r->identity.instance_id};
        tags[n++] = (struct ec2_tag){OURS_TAG_CREATED_AT, created_at(arena, token)};
        tags[n++] = (struct ec2_tag){OURS_TAG_TOKEN, token};
        if (r->options.cluster_name && *r->options.cluster_name) {
                tags[n++] = (struct ec2_tag){"cluster.k8s.amazonaws.com/name", r->options.cluster_name};
                tags[n++] = (struct ec2_tag){"eks:eni:owner", "amazon-vpc-cni"};
        }
        for (size_t i = 0; i < r->options.n_tags; i++)
                tags[n++] = (struct ec2_tag){r->options.tags[i].key, r->options.tags[i].value};
        *ret = tags;
        return n;
}

/* It exists: creating -> attaching. */
static int take_in(struct reconcile *r, struct round *round, struct store_eni *eni,
                   const struct ec2_eni *made, struct err *err)
{
        snprintf(eni->eni_id, sizeof(eni->eni_id), "%s", made->eni_id);
        eni->mac = made->mac;
        eni->primary_address = made->primary;
        round->progress = round->changed = true;
        groups_see(r, made);
        log_info("eni created", LOG_STR("eni", eni->eni_id), LOG_STR("subnet", eni->subnet_id),
                 LOG_INT("addresses", made->n_secondary));
        if (store_eni_created(r->store, eni->key, eni, act_hosts(round, made->secondary, made->n_secondary),
                              made->n_secondary, round->now_ms, err) < 0 ||
            blocked_clear(r, round, plan_action_to_string(PLAN_RECREATE), eni->client_token, err) < 0 ||
            blocked_clear(r, round, plan_action_to_string(PLAN_CREATE), eni->subnet_id, err) < 0)
                return -(int)err->code;
        return blocked_clear(r, round, plan_action_to_string(PLAN_CREATE), "", err);
}

/* Describe may lag behind the create call that was answered to nobody: looked for a few times. */
static int not_shown(struct reconcile *r, struct round *round, struct store_eni *eni, const struct err *cause,
                     struct err *err)
{
        const char *recreate = plan_action_to_string(PLAN_RECREATE);
        const struct store_blocked *before = blocked_find(round, STEP_NOT_SHOWN, eni->client_token);
        unsigned attempts = before ? before->attempts : 0;
        int64_t until_ms;

        if (attempts + 1 >= TOKEN_LOOKS_MAX) {
                if (blocked_clear(r, round, recreate, eni->client_token, err) < 0 ||
                    blocked_clear(r, round, STEP_NOT_SHOWN, eni->client_token, err) < 0)
                        return -(int)err->code;
                return act_give_up(r, round, eni, "EC2 does not show the ENI that its client token made",
                                   err);
        }
        until_ms = clock_boottime_ms() +
                   ec2_retry_delay_ms(EC2_FAILURE_TOKEN_USED, attempts, reconcile_random(r));
        if (blocked_until(r, round, STEP_NOT_SHOWN, eni->client_token, until_ms, cause->msg, err) < 0)
                return -(int)err->code;
        return blocked_until(r, round, recreate, eni->client_token, until_ms, cause->msg, err);
}

/*
 * The token made an ENI, and we would ask for another now: settings (tags, security groups) changed since. It is found by
 * its tag and taken in as it is; attached already, it is left to the next look.
 */
static int find_by_token(struct reconcile *r, struct round *round, struct store_eni *eni,
                         const struct err *cause, struct err *err)
{
        const char *recreate = plan_action_to_string(PLAN_RECREATE);
        const struct ec2_filter filters[] = {{"tag:" OURS_TAG_TOKEN, eni->client_token},
                                             {"tag:" OURS_TAG_INSTANCE, r->identity.instance_id}};
        struct ec2_eni *made;
        struct err second;
        size_t n;

        ec2_follow_up(r->ec2);
        if (ec2_describe_enis(r->ec2, filters, ARRAY_SIZE(filters), NULL, 0, round->arena, &made, &n,
                              &second) < 0)
                return blocked_after_failure(r, round, recreate, eni->client_token, &second, err);
        if (n == 0)
                return not_shown(r, round, eni, cause, err);
        if (n == 1 && !made->attached && strcmp(made->subnet_id, eni->subnet_id) == 0)
                return take_in(r, round, eni, made, err);
        r->look_due_ms = round->now_ms;
        if (blocked_clear(r, round, recreate, eni->client_token, err) < 0)
                return -(int)err->code;
        return act_give_up(r, round, eni, "the ENI that its client token made is in use already", err);
}

/*
 * A refusal says that this call made nothing; of an earlier one with the same token, whose answer never came, it says
 * something only if EC2 looked at the request itself.
 */
/* What another subnet may mend is the subnet's; all else keeps us from creating anywhere. */
static const char *create_subject(const struct reconcile *r, const struct store_eni *eni)
{
        enum ec2_failure_class class = ec2_last_failure(r->ec2)->class;

        return class == EC2_FAILURE_CAPACITY_SUBNET || class == EC2_FAILURE_GONE ? eni->subnet_id : "";
}

static int create_failed(struct reconcile *r, struct round *round, struct store_eni *eni, bool repeated,
                         const struct err *cause, struct err *err)
{
        const char *create = plan_action_to_string(PLAN_CREATE),
                   *recreate = plan_action_to_string(PLAN_RECREATE);

        if (ec2_last_failure(r->ec2)->class == EC2_FAILURE_TOKEN_USED)
                return find_by_token(r, round, eni, cause, err);
        if (act_outcome_is_unknown(r) || (repeated && act_is_slowed_down(r)))
                return blocked_after_failure(r, round, recreate, eni->client_token, cause, err);
        if (blocked_after_failure(r, round, create, create_subject(r, eni), cause, err) < 0 ||
            blocked_clear(r, round, recreate, eni->client_token, err) < 0)
                return -(int)err->code;
        return store_eni_remove(r->store, eni->key, cause->msg, err);
}

void act_create_request(struct reconcile *r, struct arena *arena, const char *subnet_id, const char *token,
                        struct ec2_create_eni *ret)
{
        struct ec2_tag *tags;
        size_t n_tags = make_tags(r, arena, token, &tags);

        *ret = (struct ec2_create_eni){
                .subnet_id = subnet_id,
                .description = ours_description(r, arena),
                .client_token = token,
                .groups = (const char *const *)r->identity.groups,
                .n_groups = r->identity.n_groups,
                .tags = tags,
                .n_tags = n_tags,
        };
}

static int create_call(struct reconcile *r, struct round *round, struct store_eni *eni, bool repeated,
                       struct err *err)
{
        struct ec2_create_eni request;
        struct ec2_eni made;
        struct err cause;

        act_create_request(r, round->arena, eni->subnet_id, eni->client_token, &request);
        request.secondary_addresses = eni->asked_addresses;
        if (ec2_create_eni(r->ec2, &request, round->arena, &made, &cause) < 0)
                return create_failed(r, round, eni, repeated, &cause, err);
        return take_in(r, round, eni, &made, err);
}

int act_create(struct reconcile *r, struct round *round, const struct plan_action *action,
               struct store_eni *none _unused_, struct err *err)
{
        struct subnet *other = subnets_find(r, action->subnet_id);
        struct store_eni eni = {.state = ENI_CREATING,
                                .managed = true,
                                .subnet_cidr = other ? other->cidr : r->identity.subnet_cidr,
                                .device_index = action->device_index,
                                .asked_addresses = action->count};

        /* An earlier action of the same plan has learnt that the subnet is full: the next plan goes elsewhere. */
        if (blocked_now(round, plan_action_to_string(PLAN_CREATE), action->subnet_id)) {
                round->progress = true;
                return 0;
        }
        snprintf(eni.subnet_id, sizeof(eni.subnet_id), "%s", action->subnet_id);
        if (other)
                other->available -= other->available > action->count ? action->count + 1 : other->available;
        if (make_token(eni.client_token, err) < 0 ||
            store_eni_begin(r->store, &eni, round->now_ms, &eni.key, err) < 0)
                return -(int)err->code;
        return create_call(r, round, &eni, false, err);
}

int act_recreate(struct reconcile *r, struct round *round, const struct plan_action *action _unused_,
                 struct store_eni *eni, struct err *err)
{
        return create_call(r, round, eni, true, err);
}

static unsigned count_attached(const struct round *round)
{
        unsigned n = 0;

        for (size_t i = 0; i < round->n_enis; i++)
                n += *round->enis[i].attachment_id != '\0';
        return n;
}

/* Refused for sure: nothing is in doubt any more, which would keep it from being deleted. */
static int give_up_attaching(struct reconcile *r, struct round *round, struct store_eni *eni, const char *why,
                             struct err *err)
{
        if (store_eni_set_in_doubt(r->store, eni->key, false, err) < 0)
                return -(int)err->code;
        return act_give_up(r, round, eni, why, err);
}

/*
 * Whether EC2 has refused it often enough. What says nothing about the ENI (throttled, put off, denied, no answer) is an
 * attempt for the pace of the next one, and none here.
 */
static int refused_too_often(struct reconcile *r, struct round *round, const struct store_eni *eni,
                             const struct err *cause, bool *ret, struct err *err)
{
        const struct store_blocked *attach = blocked_find(round, plan_action_to_string(PLAN_ATTACH),
                                                          eni->eni_id),
                                   *refused;

        *ret = false;
        if (act_is_slowed_down(r) || act_outcome_is_unknown(r))
                return 0;
        if (blocked_until(r, round, STEP_REFUSED, eni->eni_id, attach->until_ms, cause->msg, err) < 0)
                return -(int)err->code;
        refused = blocked_find(round, STEP_REFUSED, eni->eni_id);
        *ret = refused->attempts > ATTACH_ATTEMPTS_MAX;
        return 0;
}

static int attach_failed(struct reconcile *r, struct round *round, struct store_eni *eni,
                         const struct err *cause, struct err *err)
{
        const char *name = plan_action_to_string(PLAN_ATTACH);
        enum ec2_failure_class class = ec2_last_failure(r->ec2)->class;
        enum ec2_repeat repeat = ec2_retry_repeat(EC2_ACTION_ATTACH_ENI, class);
        bool too_often;

        if (blocked_after_failure(r, round, name, eni->eni_id, cause, err) < 0 ||
            refused_too_often(r, round, eni, cause, &too_often, err) < 0)
                return -(int)err->code;
        if (class == EC2_FAILURE_CAPACITY_INSTANCE) {
                /* EC2 knows better than our table how many this instance takes. */
                r->max_enis_seen = count_attached(round);
                r->max_enis_seen_ms = round->now_ms;
                return give_up_attaching(r, round, eni, cause->msg, err);
        }
        if (repeat == EC2_REPEAT_NEVER || too_often)
                return give_up_attaching(r, round, eni, cause->msg, err);
        if (repeat == EC2_REPEAT_AFTER_LOOK)
                return 0; /* in doubt: the planner asks for a look before anything else is done with it */
        return store_eni_set_in_doubt(r->store, eni->key, false, err);
}

int act_attach(struct reconcile *r, struct round *round, const struct plan_action *action,
               struct store_eni *eni, struct err *err)
{
        const char *attachment_id;
        struct err cause;

        if (action->device_index != eni->device_index) {
                eni->device_index = action->device_index;
                if (store_eni_set_device(r->store, eni->key, eni->device_index, err) < 0)
                        return -(int)err->code;
        }
        if (store_eni_set_in_doubt(r->store, eni->key, true, err) < 0)
                return -(int)err->code;
        if (ec2_attach_eni(r->ec2, eni->eni_id, r->identity.instance_id, eni->device_index, round->arena,
                           &attachment_id, &cause) < 0)
                return attach_failed(r, round, eni, &cause, err);
        snprintf(eni->attachment_id, sizeof(eni->attachment_id), "%s", attachment_id);
        round->progress = true;
        log_info("eni attached", LOG_STR("eni", eni->eni_id), LOG_INT("device", eni->device_index));
        if (store_eni_set_attachment(r->store, eni->key, attachment_id, err) < 0 ||
            store_eni_set_in_doubt(r->store, eni->key, false, err) < 0 ||
            blocked_clear(r, round, STEP_REFUSED, eni->eni_id, err) < 0)
                return -(int)err->code;
        return blocked_clear(r, round, plan_action_to_string(PLAN_ATTACH), eni->eni_id, err);
}

int act_mark(struct reconcile *r, struct round *round, const struct plan_action *action _unused_,
             struct store_eni *eni, struct err *err)
{
        const char *name = plan_action_to_string(PLAN_MARK_DELETE_ON_TERMINATION);
        struct err cause;
        bool done;

        if (ec2_set_delete_on_termination(r->ec2, eni->eni_id, eni->attachment_id, &cause) < 0) {
                if (ec2_last_failure(r->ec2)->class == EC2_FAILURE_GONE)
                        r->look_due_ms = round->now_ms;
                return blocked_after_failure(r, round, name, eni->eni_id, &cause, err);
        }
        round->progress = true;
        r->network_due = true;
        if (eni->doubted) /* of before the boot: the last look could not show what it has */
                r->look_due_ms = round->now_ms;
        if (store_eni_set_state(r->store, eni->key, ENI_CONFIGURING, "attached", round->now_ms, &done, err) <
            0)
                return -(int)err->code;
        return blocked_clear(r, round, name, eni->eni_id, err);
}
