// SPDX-License-Identifier: Apache-2.0
/*
 * A full look at EC2: what is attached to this instance, all pages, and the books brought up to it. What EC2 shows is
 * believed at once; what it does not show must be absent from two looks at least LOOK_SETTLE_MS apart, because Describe
 * lags behind what EC2 itself answered a moment ago (rule 2: an absence never destroys). What EC2 shows and we cannot
 * read is neither.
 */
#include <stdio.h>
#include <string.h>

#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include "cloud/ec2_retry.h"
#include "reconcile/look.h"
#include "reconcile/ours.h"

static struct store_eni *find_known(struct round *round, const char *eni_id)
{
        for (size_t i = 0; i < round->n_enis; i++) {
                if (strcmp(round->enis[i].eni_id, eni_id) == 0)
                        return &round->enis[i];
        }
        return NULL;
}

/* Absent since when? Starts the clock at the first look that does not show it. */
static bool absence_is_settled(struct reconcile *r, struct round *round, struct look *look, const char *name)
{
        for (size_t i = 0; i < r->n_suspects; i++) {
                if (strcmp(r->suspects[i].name, name) != 0)
                        continue;
                r->suspects[i].absent_now = true;
                if (round->now_ms - r->suspects[i].since_ms >= LOOK_SETTLE_MS)
                        return true;
                look->unsettled = true;
                return false;
        }
        look->unsettled = true;
        if (r->n_suspects < SUSPECTS_MAX) {
                struct suspect *s;

                r->suspects = xrealloc_array(r->suspects, r->n_suspects + 1, sizeof(*r->suspects));
                s = &r->suspects[r->n_suspects++];
                *s = (struct suspect){.since_ms = round->now_ms, .absent_now = true};
                snprintf(s->name, sizeof(s->name), "%s", name);
        }
        return false;
}

/* What was absent before and is there again is no suspect any more. */
static void forget_cleared_suspects(struct reconcile *r)
{
        size_t n = 0;

        for (size_t i = 0; i < r->n_suspects; i++) {
                if (r->suspects[i].absent_now) {
                        r->suspects[n] = r->suspects[i];
                        r->suspects[n++].absent_now = false;
                }
        }
        r->n_suspects = n;
}

static bool is_ours(const struct reconcile *r, const struct ec2_eni *eni)
{
        const char *instance = ec2_eni_tag(eni, OURS_TAG_INSTANCE),
                   *no_manage = ec2_eni_tag(eni, OURS_TAG_NO_MANAGE);

        if (no_manage && strcmp(no_manage, "true") == 0)
                return false;
        if (eni->device_index == 0 && eni->network_card == 0)
                return true; /* the node's own interface: its spare addresses are the pods' */
        return instance && strcmp(instance, r->identity.instance_id) == 0 &&
               (!*eni->interface_type || strcmp(eni->interface_type, "interface") == 0);
}

static bool contains(const struct ip *addresses, size_t n, struct ip address)
{
        for (size_t i = 0; i < n; i++) {
                if (ip_equal(addresses[i], address))
                        return true;
        }
        return false;
}

/* The addresses that count as there: what EC2 shows, and of ours what is absent but not for long enough. */
static int settled_addresses(struct reconcile *r, struct round *round, struct look *look,
                             const struct store_eni *known, const struct ip *shown, size_t n_shown,
                             struct ip **ret, size_t *ret_n, struct err *err)
{
        struct store_address *ours;
        struct ip *list;
        size_t n_ours, n = n_shown;

        if (store_addresses(r->store, round->now_ms, round->arena, &ours, &n_ours, err) < 0)
                return err_wrap(err, "read addresses");
        list = ARENA_ARRAY(round->arena, struct ip, n_shown + n_ours);
        if (n_shown)
                memcpy(list, shown, n_shown * sizeof(*shown));
        for (size_t i = 0; i < n_ours; i++) {
                if (ours[i].eni_key != known->key || contains(shown, n_shown, ours[i].address) ||
                    strcmp(ours[i].state, "leaving") == 0 || strcmp(ours[i].state, "lost") == 0)
                        continue;
                if (!absence_is_settled(r, round, look, IP_TEXT(ours[i].address)))
                        list[n++] = ours[i].address;
        }
        *ret = list;
        *ret_n = n;
        return 0;
}

static void described_to_store(const struct reconcile *r, const struct ec2_eni *eni, struct store_eni *ret)
{
        *ret = (struct store_eni){.primary = eni->device_index == 0 && eni->network_card == 0,
                                  .managed = is_ours(r, eni),
                                  .mac = eni->mac,
                                  .primary_address = eni->primary,
                                  .device_index = eni->device_index,
                                  .network_card = eni->network_card,
                                  .subnet_cidr = r->identity.subnet_cidr};
        snprintf(ret->eni_id, sizeof(ret->eni_id), "%s", eni->eni_id);
        snprintf(ret->attachment_id, sizeof(ret->attachment_id), "%s", eni->attachment_id);
        snprintf(ret->subnet_id, sizeof(ret->subnet_id), "%s", eni->subnet_id);
}

/*
 * On its way out, and attached: a look before did not show it, or the answer to its attach call was lost before it was given
 * up. Without its attachment nobody would detach it, and its addresses would be nobody's for good.
 */
static int see_leaving(struct reconcile *r, const struct store_eni *known, const struct ec2_eni *eni,
                       bool ours, struct err *err)
{
        if (!ours || *known->attachment_id || strcmp(eni->attachment_status, "detaching") == 0)
                return 0;
        return store_eni_set_attachment(r->store, known->key, eni->attachment_id, err);
}

static int see_attached(struct reconcile *r, struct round *round, struct look *look,
                        const struct ec2_eni *eni, struct err *err)
{
        struct store_eni *known = find_known(round, eni->eni_id), entry;
        const struct ip *addresses = eni->secondary;
        struct ip *settled = NULL;
        size_t n = eni->n_secondary;
        bool changed = false;
        int e;

        described_to_store(r, eni, &entry);
        if (known && known->state >= ENI_DETACHING)
                return see_leaving(r, known, eni, entry.managed, err);
        if (!known) {
                e = subnets_learn(r, round, &entry, &look->again_ms, err);
                r->unlearned |= e == 0;
                if (e <= 0)
                        return e;
                log_info(entry.managed ? "eni adopted" : "eni of somebody else seen",
                         LOG_STR("eni", eni->eni_id), LOG_INT("device", eni->device_index),
                         LOG_INT("addresses", n));
        } else {
                entry.subnet_cidr = known->subnet_cidr;
                if (settled_addresses(r, round, look, known, addresses, n, &settled, &n, err) < 0)
                        return -(int)err->code;
                addresses = settled;
                if (known->state == ENI_ATTACHING && !*known->attachment_id &&
                    store_eni_set_attachment(r->store, known->key, eni->attachment_id, err) < 0)
                        return -(int)err->code;
        }
        mark_see(r, eni, entry.managed && !entry.primary);
        if (entry.managed && !entry.primary)
                groups_see(r, eni);
        if (known && blocked_clear(r, round, plan_action_to_string(PLAN_LOOK), eni->eni_id, err) < 0)
                return -(int)err->code;
        if (!entry.managed)
                n = 0;
        if (store_eni_observed(r->store, &entry, addresses, n, false, round->now_ms, &changed, err) < 0)
                return -(int)err->code;
        round->changed |= changed;
        return 0;
}

/* A row whose ENI is not attached to us, for sure by now. */
static int absent_row(struct reconcile *r, struct round *round, const struct store_eni *eni,
                      const struct ec2_eni *elsewhere, struct err *err)
{
        struct store_eni empty = *eni;
        bool done, changed;

        round->changed = true;
        if (eni->leased || eni->lost) {
                if (!*eni->attachment_id)
                        return 0; /* known since the last look */
                empty.attachment_id[0] = '\0';
                log_error("an eni with running pods is not attached any more; their addresses are lost",
                          LOG_STR("eni", eni->eni_id), LOG_INT("pods", eni->leased + eni->lost));
                return store_eni_observed(r->store, &empty, NULL, 0, false, round->now_ms, &changed, err);
        }
        if (eni->managed && !eni->primary && elsewhere && strcmp(elsewhere->status, "available") == 0 &&
            eni->state == ENI_ATTACHING)
                return store_eni_set_state(r->store, eni->key, ENI_DELETING, "never got attached",
                                           round->now_ms, &done, err);
        log_warn("eni is not attached to this instance any more", LOG_STR("eni", eni->eni_id));
        return store_eni_remove(r->store, eni->key, "EC2 does not show it attached", err);
}

/* This look has not answered what it was asked: the next one for this ENI's sake comes later and later. */
static int stays_in_doubt(struct reconcile *r, struct round *round, const struct store_eni *eni,
                          struct err *err)
{
        const char *look = plan_action_to_string(PLAN_LOOK);
        const struct store_blocked *before = blocked_find(round, look, eni->eni_id);
        int64_t delay_ms =
                ec2_retry_delay_ms(EC2_FAILURE_GONE, before ? before->attempts : 0, reconcile_random(r));

        if (!eni->in_doubt || eni->state == ENI_CREATING)
                return 0;
        return blocked_until(
                r, round, look, eni->eni_id, round->now_ms + delay_ms,
                arena_printf(round->arena, "EC2 does not show yet what became of %s", eni->eni_id), err);
}

static int see_absent(struct reconcile *r, struct round *round, struct look *look,
                      const struct store_eni *eni, struct err *err)
{
        const struct ec2_eni *elsewhere = look_find(&look->ours, eni->eni_id);

        switch (eni->state) {
        case ENI_CREATING: return 0;
        case ENI_DETACHING: return store_eni_set_attachment(r->store, eni->key, NULL, err);
        case ENI_DELETING:
                if (!look->asked_ours || elsewhere || !absence_is_settled(r, round, look, eni->eni_id))
                        return 0;
                return store_eni_remove(r->store, eni->key, "EC2 does not show it any more", err);
        case ENI_ATTACHING:
                if (!*eni->attachment_id && elsewhere && strcmp(elsewhere->status, "available") == 0)
                        return store_eni_set_in_doubt(r->store, eni->key, false,
                                                      err); /* the attach did not happen */
                if (elsewhere && elsewhere->attached)
                        return absent_row(r, round, eni, elsewhere, err); /* somebody else took it */
                break;
        case ENI_CONFIGURING:
        case ENI_READY:
        case ENI_DRAINING: break;
        case _ENI_STATE_MAX: return 0;
        }
        if (!absence_is_settled(r, round, look, eni->eni_id))
                return stays_in_doubt(r, round, eni, err);
        return absent_row(r, round, eni, elsewhere, err);
}

static int apply_row(struct reconcile *r, struct round *round, struct look *look, const struct store_eni *eni,
                     struct err *err)
{
        if (*eni->eni_id && look_find(&look->attached, eni->eni_id))
                return 0;
        if (look_cannot_tell(look, eni->eni_id))
                return stays_in_doubt(r, round, eni, err);
        return see_absent(r, round, look, eni, err);
}

static int apply(struct reconcile *r, struct round *round, struct look *look, struct err *err)
{
        mark_forget(r);
        groups_forget(r);
        r->unlearned = false;
        for (size_t i = 0; i < look->attached.n; i++) {
                if (see_attached(r, round, look, &look->attached.enis[i], err) < 0)
                        return err_wrap(err, "take in %s", look->attached.enis[i].eni_id);
        }
        for (size_t i = 0; i < round->n_enis; i++) {
                if (apply_row(r, round, look, &round->enis[i], err) < 0)
                        return err_wrap(err, "%s is not shown", round->enis[i].eni_id);
        }
        return look->asked_ours ? ours_delete_orphans(r, round, look->ours.enis, look->ours.n, err) : 0;
}

/* The next look: soon while something is absent, else in a period, more or less. */
static void plan_next_look(struct reconcile *r, const struct round *round, const struct look *look)
{
        int64_t period = r->settings.look_period_ms;

        r->look_due_ms = round->now_ms +
                         (look->unsettled ? LOOK_SETTLE_MS + 1000
                                          : period - period / 20 + reconcile_random(r) % (period / 10 + 1));
        if (look->again_ms && look->again_ms < r->look_due_ms)
                r->look_due_ms = look->again_ms;
}

int look_at_ec2(struct reconcile *r, struct round *round, struct err *err)
{
        struct look look = {0};
        struct err cause;

        if (look_describe(r, round, &look, &cause) < 0)
                return blocked_after_failure(r, round, plan_action_to_string(PLAN_LOOK), "", &cause, err);
        if (look_tell_unreadable(r, round, &look, err) < 0)
                return err_wrap(err, "look at EC2");
        if (look.attached.n + look.attached.n_unreadable == 0) {
                err_set(&cause, ERR_PROTOCOL, "EC2 shows no ENI attached to %s, not even the primary one",
                        r->identity.instance_id);
                return blocked_until(r, round, plan_action_to_string(PLAN_LOOK), "",
                                     round->now_ms + LOOK_SETTLE_MS, cause.msg, err);
        }
        if (apply(r, round, &look, err) < 0)
                return err_wrap(err, "look at EC2");
        forget_cleared_suspects(r);
        r->looked_ms = clock_boottime_ms();
        plan_next_look(r, round, &look);
        r->network_due = true;
        /* Somebody else's ENI may have made room, seen or, after a while, unseen; EC2 will say if not. */
        if (look.attached.n + look.attached.n_unreadable < r->max_enis_seen ||
            round->now_ms - r->max_enis_seen_ms >= MAX_ENIS_SEEN_MS)
                r->max_enis_seen = 0;
        return blocked_clear(r, round, plan_action_to_string(PLAN_LOOK), "", err);
}
