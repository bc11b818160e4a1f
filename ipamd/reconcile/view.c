// SPDX-License-Identifier: Apache-2.0
/* The planner's inputs, made from what the round observed. */
#include "reconcile/blocked.h"
#include "reconcile/state.h"

static int64_t later(int64_t a, int64_t b)
{
        return a > b ? a : b;
}

/* The next step of an ENI is whichever its state calls for; at most one of these is blocked, beside a look for its sake. */
static int64_t step_not_before(const struct round *round, const struct eni *eni)
{
        static const enum condition_kind steps[] = {CONDITION_RESYNC, CONDITION_ATTACH, CONDITION_MARK,
                                                    CONDITION_DETACH, CONDITION_DELETE};
        int64_t until = blocked_until_ms(round, CONDITION_RECREATE, eni->client_token);

        for (size_t i = 0; i < ARRAY_SIZE(steps) && *eni->eni_id; i++)
                until = later(until, blocked_until_ms(round, steps[i], eni->eni_id));
        return until;
}

static struct plan_eni view_eni(const struct reconcile *r, const struct round *round, const struct eni *eni,
                                bool link_present)
{
        const enum condition_kind assign = CONDITION_ASSIGN;
        unsigned withheld = withhold_count(&r->network.withholding, eni), held = withheld + eni->doubted;

        return (struct plan_eni){
                .key = eni->key,
                .state = eni->state,
                .primary = eni->primary,
                .managed = eni->managed && !eni->untagged,
                .in_doubt = eni->in_doubt,
                .has_attachment = *eni->attachment_id != '\0',
                .link_present = link_present,
                .link_missing = eni->link_missing,
                .device_index = eni->device_index,
                .network_card = eni->network_card,
                .asked_addresses = eni->asked_addresses,
                .total = eni->total,
                .free = eni->free,
                .leased = eni->leased + withheld, /* whoever has them */
                .cooling = eni->cooling,
                .preparing = eni->preparing > held ? eni->preparing - held : 0,
                .doubted = eni->doubted,
                .associated = eni->associated,
                .leaving = eni->leaving,
                .lost = eni->lost,
                .ready_ms = eni->since_ms,
                .public_address = *eni->public_address ? eni->public_address : NULL,
                .grow_not_before_ms = blocked_until_ms(round, assign, eni->eni_id),
                .subnet_id = eni->subnet_id,
                .subnet_not_before_ms = blocked_until_ms(round, assign, eni->subnet_id),
                .step_not_before_ms = step_not_before(round, eni),
                .full = blocked_now(round, CONDITION_ENI_FULL, eni->eni_id),
        };
}

/* Is there a call to be made that helps pending ADDs, and that EC2 or our own pace puts off? */
static bool call_is_put_off(const struct round *round, const struct plan_view *view)
{
        if (view->create_not_before_ms > round->now_ms)
                return true;
        for (size_t i = 0; i < view->n_subnets; i++) {
                if (view->subnets[i].create_not_before_ms > round->now_ms)
                        return true;
        }
        for (size_t i = 0; i < view->n_enis; i++) {
                if (view->enis[i].grow_not_before_ms > round->now_ms ||
                    view->enis[i].subnet_not_before_ms > round->now_ms ||
                    view->enis[i].step_not_before_ms > round->now_ms)
                        return true;
        }
        return false;
}

/*
 * A resync that is merely due lets calls that somebody waits for go first: where EC2 gives us few, it would take them. One
 * that the database needs (something is in doubt, or there is nothing in it) is not put off; see plan_resync(). Where no call
 * is put off, a resync may be all that brings the pool forward: an ENI that EC2 is slow to attach.
 */
static int64_t resync_due_ms(const struct reconcile *r, const struct round *round,
                             const struct plan_view *view)
{
        int64_t due_ms = later(r->resync.due_ms, blocked_until_ms(round, CONDITION_RESYNC, ""));

        if (round->counts.waiting && !r->resync.first && call_is_put_off(round, view))
                due_ms = later(due_ms, r->resync.due_ms + RESYNC_YIELDS_MS);
        return due_ms;
}

static struct plan_subnet view_subnet(const struct round *round, const char *id, unsigned available)
{
        return (struct plan_subnet){.id = id,
                                    .available = available,
                                    .create_not_before_ms = blocked_until_ms(round, CONDITION_CREATE, id)};
}

static void view_subnets(const struct reconcile *r, const struct round *round, struct plan_view *view)
{
        struct plan_subnet *subnets = ARENA_ARRAY(round->arena, struct plan_subnet, r->subnets.n + 1);

        subnets[view->n_subnets++] = view_subnet(round, r->ctx.identity.subnet_id, 0);
        for (size_t i = 0; i < r->subnets.n; i++) {
                /* What we made there since EC2 counted may have filled it. */
                if (r->subnets.list[i].available > 1)
                        subnets[view->n_subnets++] =
                                view_subnet(round, r->subnets.list[i].id, r->subnets.list[i].available);
        }
        view->subnets = subnets;
        view->finds_subnets = r->ctx.options.finds_subnets;
        view->find_subnets_due_ms =
                later(r->subnets.due_ms, blocked_until_ms(round, CONDITION_FIND_SUBNETS, ""));
}

void view_make(struct reconcile *r, struct round *round, struct plan_view *ret)
{
        struct plan_eni *enis = ARENA_ARRAY(round->arena, struct plan_eni, round->n_enis);

        for (size_t i = 0; i < round->n_enis; i++)
                enis[i] = view_eni(r, round, &round->enis[i], round->link_present[i]);
        *ret = (struct plan_view){
                .enis = enis,
                .n_enis = round->n_enis,
                .waiting = round->counts.waiting,
                .create_not_before_ms = blocked_until_ms(round, CONDITION_CREATE, ""),
                .resync_not_before_ms = blocked_until_ms(round, CONDITION_RESYNC, ""),
                .resync_first = r->resync.first && round->n_enis,
                .max_enis_seen = r->resync.max_enis_seen,
                .surplus_since_ms = r->surplus_since_ms,
        };
        view_subnets(r, round, ret);
        ret->resync_due_ms = resync_due_ms(r, round, ret);
}
