// SPDX-License-Identifier: Apache-2.0
/*
 * A resync: what is attached to this instance, all pages, and the database brought up to it. What EC2 shows is
 * believed, unless it contradicts what EC2 itself answered us; what it does not show must be absent from two resyncs at least
 * RESYNC_SETTLE_MS apart, because Describe lags behind what EC2 answered a moment ago (rule 2: an absence never destroys), and
 * is kept and not offered until then (resync_settle.c). What EC2 shows and we cannot read is neither. One ENI that cannot be
 * taken in keeps no other from it.
 */
#include <stdio.h>
#include <string.h>

#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include "cloud/ec2_retry.h"
#include "reconcile/blocked.h"
#include "reconcile/resync.h"

static struct eni *find_known(struct round *round, const char *eni_id)
{
        for (size_t i = 0; i < round->n_enis; i++) {
                if (strcmp(round->enis[i].eni_id, eni_id) == 0)
                        return &round->enis[i];
        }
        return NULL;
}

static bool is_ours(const struct reconcile *r, const struct ec2_eni *eni)
{
        const char *instance = ec2_eni_tag(eni, OURS_TAG_INSTANCE),
                   *no_manage = ec2_eni_tag(eni, OURS_TAG_NO_MANAGE);

        /* The node's own interface: its spare addresses are the pods', whatever its tags say (as with aws-vpc-cni). */
        if (eni->device_index == 0 && eni->network_card == 0)
                return true;
        if (no_manage && strcmp(no_manage, "true") == 0)
                return false;
        return instance && strcmp(instance, r->ctx.identity.instance_id) == 0 &&
               (!*eni->interface_type || strcmp(eni->interface_type, "interface") == 0);
}

static void described_to_store(const struct reconcile *r, const struct ec2_eni *eni, struct eni *ret)
{
        *ret = (struct eni){.primary = eni->device_index == 0 && eni->network_card == 0,
                            .managed = is_ours(r, eni),
                            .mac = eni->mac,
                            .primary_address = eni->primary,
                            .device_index = eni->device_index,
                            .network_card = eni->network_card,
                            .subnet_cidr = r->ctx.identity.subnet_cidr};
        snprintf(ret->eni_id, sizeof(ret->eni_id), "%s", eni->eni_id);
        snprintf(ret->attachment_id, sizeof(ret->attachment_id), "%s", eni->attachment_id);
        snprintf(ret->subnet_id, sizeof(ret->subnet_id), "%s", eni->subnet_id);
        snprintf(ret->public_address, sizeof(ret->public_address), "%s", eni->public_address);
}

/*
 * On its way out, and attached: a resync before did not show it, or the answer to its attach call was lost before it was given
 * up. Without its attachment nobody would detach it, and its addresses would be nobody's for good.
 */
static int see_leaving(struct reconcile *r, const struct eni *known, const struct ec2_eni *eni, bool ours,
                       struct err *err)
{
        if (!ours || *known->attachment_id || strcmp(eni->attachment_status, "detaching") == 0)
                return 0;
        return store_eni_set_attachment(r->ctx.store, known->key, eni->attachment_id, err);
}

/*
 * Ours in the database, and shown without our tag. A pod that runs keeps what it has, so the ENI stays ours as long as there is
 * one; without, it is let go after two resyncs. What it has is offered no more, meanwhile.
 */
static int see_tag(struct reconcile *r, struct round *round, struct resync_answer *answer,
                   const struct eni *known, struct eni *entry, struct outcome *out, struct err *err)
{
        const char *name = arena_printf(round->arena, "tag of %s", entry->eni_id);

        if (entry->managed || !known || !known->managed)
                return blocked_clear(&r->ctx, round, CONDITION_ENI_TAG, entry->eni_id, err);
        if (resync_absence_is_settled(&r->resync, round, answer, name) && !known->leased && !known->lost)
                return blocked_clear(&r->ctx, round, CONDITION_ENI_TAG, entry->eni_id, err);
        entry->managed = entry->untagged = true;
        if (!known->untagged)
                log_error("eni without our tag: new pods get none of its addresses",
                          LOG_STR("eni", entry->eni_id), LOG_INT("pods", known->leased + known->lost));
        return blocked_say(&r->ctx, round, CONDITION_ENI_TAG, entry->eni_id,
                           round->now_ms + CONDITION_STANDS_MS, CAUSE_TAG_MISSING,
                           arena_printf(round->arena,
                                        "EC2 shows %s without the tag " OURS_TAG_INSTANCE
                                        "=%s, or with " OURS_TAG_NO_MANAGE
                                        "=true: its pods keep their addresses, and no new pod gets one",
                                        entry->eni_id, r->ctx.identity.instance_id),
                           out, err);
}

/* 1: take it in; 0: not now, or not at all. */
static int see_new(struct reconcile *r, struct round *round, struct resync_answer *answer,
                   const struct ec2_eni *eni, struct eni *entry, struct outcome *out, struct err *err)
{
        int e = subnets_learn(&r->subnets, &r->ctx, round, entry, &answer->again_ms, out, err);

        r->resync.unlearned |= e == 0;
        if (e > 0)
                log_info(entry->managed ? "eni found" : "foreign eni found", LOG_STR("eni", eni->eni_id),
                         LOG_INT("device", eni->device_index), LOG_INT("addresses", eni->n_secondary));
        return e;
}

static int see_attached(struct reconcile *r, struct round *round, struct resync_answer *answer,
                        const struct ec2_eni *eni, struct outcome *out, struct err *err)
{
        struct eni *known = find_known(round, eni->eni_id), entry;
        struct resync_blocks there = {0}; /* of somebody else's, none count */
        bool changed = false, tagged;
        int e;

        described_to_store(r, eni, &entry);
        tagged = entry.managed;
        if (resync_is_late(answer, eni->eni_id))
                return 0;
        if (known && known->state >= ENI_DETACHING)
                return see_leaving(r, known, eni, tagged, err);
        if (resync_make_way(&r->ctx, round, answer, eni, err) < 0)
                return -(int)err->code;
        if (!known) {
                e = see_new(r, round, answer, eni, &entry, out, err);
                if (e <= 0)
                        return e;
        } else {
                entry.subnet_cidr = known->subnet_cidr;
                if (known->state == ENI_ATTACHING && !*known->attachment_id &&
                    store_eni_set_attachment(r->ctx.store, known->key, eni->attachment_id, err) < 0)
                        return -(int)err->code;
        }
        if (see_tag(r, round, answer, known, &entry, out, err) < 0 ||
            (entry.managed &&
             resync_blocks(&r->resync, &r->ctx, round, answer, known, eni, &there, out, err) < 0))
                return -(int)err->code;
        mark_see(&r->unmarked, eni, tagged && !entry.primary);
        if (entry.primary)
                tag_see(&r->tag, &r->ctx, eni);
        if (tagged && !entry.primary)
                groups_see(&r->groups, eni);
        if (known && blocked_clear(&r->ctx, round, CONDITION_RESYNC, eni->eni_id, err) < 0)
                return -(int)err->code;
        if (store_eni_observed(r->ctx.store, &entry, there.blocks, there.n, there.n_doubted, round->now_ms,
                               &changed, err) < 0)
                return -(int)err->code;
        out->pool_changed |= changed;
        /* It has more or fewer than we believed when EC2 called it full: what is known now decides. */
        if (known && there.n != known->total - known->lost &&
            blocked_clear(&r->ctx, round, CONDITION_ENI_FULL, eni->eni_id, err) < 0)
                return -(int)err->code;
        return entry.managed ? store_addresses_associated(r->ctx.store, eni->eni_id, eni->associated,
                                                          eni->n_associated, err)
                             : 0;
}

/* What the database refuses of this ENI; what ails the database itself is no fault of EC2's. */
static bool is_about_the_eni(const struct err *err)
{
        return err->code != ERR_SYSTEM && err->code != ERR_BUSY && err->code != ERR_DENIED &&
               err->code != ERR_PROTOCOL;
}

/* An ENI that cannot be taken in is named and passed over: the others must go on. */
static int take_in(struct reconcile *r, struct round *round, struct resync_answer *answer,
                   const struct ec2_eni *eni, struct outcome *out, struct err *err)
{
        struct err cause;

        if (see_attached(r, round, answer, eni, out, &cause) >= 0)
                return blocked_clear(&r->ctx, round, CONDITION_ENI_TAKE_IN, eni->eni_id, err);
        if (!is_about_the_eni(&cause)) {
                *err = cause;
                return err_wrap(err, "take in %s", eni->eni_id);
        }
        r->resync.unlearned = true;
        log_error("eni skipped: EC2's answer contradicts the database", LOG_STR("eni", eni->eni_id),
                  LOG_ERR(&cause));
        return blocked_say(&r->ctx, round, CONDITION_ENI_TAKE_IN, eni->eni_id,
                           round->now_ms + CONDITION_STANDS_MS, CAUSE_DOES_NOT_FIT,
                           arena_printf(round->arena,
                                        "EC2's answer about %s contradicts the database and is ignored: %s",
                                        eni->eni_id, cause.msg),
                           out, err);
}

/* A row whose ENI is not attached to us, for sure by now. */
static int absent_row(struct reconcile *r, struct round *round, const struct eni *eni,
                      const struct ec2_eni *elsewhere, struct outcome *out, struct err *err)
{
        struct eni empty = *eni;
        bool done, changed;

        /* These may be a successor's by now (resync_make_way); what is not said stays as it is. */
        empty.mac = (struct mac){0};
        empty.primary_address = IP_NONE;

        out->pool_changed = true;
        if (blocked_clear(&r->ctx, round, CONDITION_ENI_LINK, eni->eni_id, err) < 0)
                return -(int)err->code;
        if (eni->leased || eni->lost) {
                if (!*eni->attachment_id)
                        return 0; /* known since the last resync */
                empty.attachment_id[0] = '\0';
                log_error("eni with running pods detached: their addresses are lost",
                          LOG_STR("eni", eni->eni_id), LOG_INT("pods", eni->leased + eni->lost));
                return store_eni_observed(r->ctx.store, &empty, NULL, 0, 0, round->now_ms, &changed, err);
        }
        if (eni->managed && !eni->primary && elsewhere && strcmp(elsewhere->status, "available") == 0 &&
            eni->state == ENI_ATTACHING)
                return store_eni_set_state(r->ctx.store, eni->key, ENI_DELETING, "was never attached",
                                           round->now_ms, &done, err);
        log_warn("eni no longer attached to this instance", LOG_STR("eni", eni->eni_id));
        return store_eni_remove(r->ctx.store, eni->key, "EC2 shows it as not attached", err);
}

/* This resync has not answered what it was asked: the next one for this ENI's sake comes later and later. */
static int stays_in_doubt(struct reconcile *r, struct round *round, const struct eni *eni,
                          struct outcome *out, struct err *err)
{
        const enum condition_kind answer = CONDITION_RESYNC;
        unsigned attempts = blocked_attempts(round, answer, eni->eni_id);
        int64_t delay_ms = ec2_retry_delay_ms(EC2_FAILURE_GONE, attempts, context_random(&r->ctx));

        if (!eni->in_doubt || eni->state == ENI_CREATING)
                return 0;
        return blocked_until(
                &r->ctx, round, answer, eni->eni_id, round->now_ms + delay_ms, CAUSE_NOT_SHOWN,
                arena_printf(round->arena, "EC2 does not show yet whether %s was changed", eni->eni_id), out,
                err);
}

static int see_absent(struct reconcile *r, struct round *round, struct resync_answer *answer,
                      const struct eni *eni, struct outcome *out, struct err *err)
{
        const struct ec2_eni *elsewhere = resync_find(&answer->ours, eni->eni_id);

        switch (eni->state) {
        case ENI_CREATING: return 0;
        case ENI_DETACHING: return store_eni_set_attachment(r->ctx.store, eni->key, NULL, err);
        case ENI_DELETING:
                if (!answer->asked_ours || elsewhere ||
                    !resync_absence_is_settled(&r->resync, round, answer, eni->eni_id))
                        return 0;
                return store_eni_remove(r->ctx.store, eni->key, "EC2 no longer shows it", err);
        case ENI_ATTACHING:
                if (!*eni->attachment_id && elsewhere && strcmp(elsewhere->status, "available") == 0)
                        return store_eni_set_in_doubt(r->ctx.store, eni->key, false,
                                                      err); /* the attach did not happen */
                if (elsewhere && elsewhere->attached)
                        return absent_row(r, round, eni, elsewhere, out, err); /* somebody else took it */
                break;
        case ENI_CONFIGURING:
        case ENI_READY:
        case ENI_DRAINING: break;
        case _ENI_STATE_MAX: return 0;
        }
        if (resync_absence_is_settled(&r->resync, round, answer, eni->eni_id))
                return absent_row(r, round, eni, elsewhere, out, err);
        /* Of one that comes in nothing is offered yet, and what it has was EC2's own answer. */
        if (eni->state != ENI_ATTACHING && store_eni_doubt(r->ctx.store, eni->key, err) < 0)
                return -(int)err->code;
        out->pool_changed = true;
        return stays_in_doubt(r, round, eni, out, err);
}

static int apply_row(struct reconcile *r, struct round *round, struct resync_answer *answer,
                     const struct eni *eni, struct outcome *out, struct err *err)
{
        if (*eni->eni_id && resync_find(&answer->attached, eni->eni_id))
                return 0;
        if (resync_cannot_tell(answer, eni->eni_id))
                return stays_in_doubt(r, round, eni, out, err);
        return see_absent(r, round, answer, eni, out, err);
}

/* What was said of an ENI that is not attached any more. */
static int forget_what_is_gone(struct reconcile *r, struct round *round, const struct resync_answer *answer,
                               struct err *err)
{
        static const enum condition_kind kinds[] = {CONDITION_ENI_TAKE_IN, CONDITION_ENI_TAG,
                                                    CONDITION_ENI_FULL};
        const struct condition *before = round->conditions;
        size_t n = round->n_conditions;

        for (size_t i = 0; i < n * ARRAY_SIZE(kinds); i++) {
                const struct condition *blocked = &before[i % n];
                enum condition_kind kind = kinds[i / n];

                if (blocked->kind == kind && !resync_find(&answer->attached, blocked->object) &&
                    !resync_cannot_tell(answer, blocked->object) &&
                    blocked_clear(&r->ctx, round, kind, blocked->object, err) < 0)
                        return -(int)err->code;
        }
        return 0;
}

static int apply(struct reconcile *r, struct round *round, struct resync_answer *answer, struct outcome *out,
                 struct err *err)
{
        if (store_given_back(r->ctx.store, round->arena, &answer->given_back, &answer->n_given_back, err) < 0)
                return err_wrap(err, "read what was given back");
        mark_forget(&r->unmarked);
        groups_forget(&r->groups);
        r->resync.unlearned = false;
        for (size_t i = 0; i < answer->attached.n; i++) {
                if (take_in(r, round, answer, &answer->attached.enis[i], out, err) < 0)
                        return -(int)err->code;
        }
        for (size_t i = 0; i < round->n_enis; i++) {
                if (apply_row(r, round, answer, &round->enis[i], out, err) < 0)
                        return err_wrap(err, "%s is not shown", round->enis[i].eni_id);
        }
        if (forget_what_is_gone(r, round, answer, err) < 0 ||
            resync_settle_given_back(&r->ctx, round, answer, err) < 0)
                return -(int)err->code;
        return answer->asked_ours ? ours_delete_orphans(&r->sweep, &r->ctx, round, answer->ours.enis,
                                                        answer->ours.n, out, err)
                                  : 0;
}

/* The next resync: soon while something is absent, else in a period, more or less. */
static void plan_next_resync(struct reconcile *r, const struct round *round,
                             const struct resync_answer *answer)
{
        int64_t period = r->ctx.settings.resync_period_ms;

        r->resync.due_ms =
                round->now_ms +
                (answer->unsettled ? RESYNC_SETTLE_MS + 1000
                                   : period - period / 20 + context_random(&r->ctx) % (period / 10 + 1));
        if (answer->again_ms && answer->again_ms < r->resync.due_ms)
                r->resync.due_ms = answer->again_ms;
}

int look_at_ec2(struct reconcile *r, struct round *round, struct outcome *out, struct err *err)
{
        struct resync_answer answer = {0};
        struct ec2_result result;
        struct err cause;

        if (resync_describe(&r->ctx, round, &answer, &result, &cause) < 0)
                return blocked_after_failure(&r->ctx, round, CONDITION_RESYNC, "", &result, &cause, out, err);
        if (resync_tell_unreadable(&r->resync, &r->ctx, round, &answer, err) < 0)
                return err_wrap(err, "resync with EC2");
        if (answer.attached.n + answer.attached.n_unreadable == 0) {
                err_set(&cause, ERR_PROTOCOL, "EC2 shows no ENI attached to %s, not even the primary one",
                        r->ctx.identity.instance_id);
                return blocked_until(&r->ctx, round, CONDITION_RESYNC, "", round->now_ms + RESYNC_SETTLE_MS,
                                     CAUSE_NOT_SHOWN, cause.msg, out, err);
        }
        if (apply(r, round, &answer, out, err) < 0)
                return err_wrap(err, "resync with EC2");
        resync_forget_cleared_suspects(&r->resync);
        if (r->resync.first && store_fact_set(r->ctx.store, STORE_FACT_RESYNCED, "yes", err) < 0)
                return err_wrap(err, "resync with EC2");
        r->resync.first = false;
        r->resync.resynced_ms = clock_boottime_ms();
        plan_next_resync(r, round, &answer);
        out->resync_network = true;
        /* Somebody else's ENI may have made room, seen or, after a while, unseen; EC2 will say if not. */
        if (answer.attached.n + answer.attached.n_unreadable < r->resync.max_enis_seen ||
            round->now_ms - r->resync.max_enis_seen_ms >= MAX_ENIS_SEEN_MS)
                r->resync.max_enis_seen = 0;
        return blocked_clear(&r->ctx, round, CONDITION_RESYNC, "", err);
}
