// SPDX-License-Identifier: Apache-2.0
/* More addresses: how many are missing, and where they come from. The nearest source first: room, drained ENIs, new ones. */
#include <limits.h>

#include "plan/draft.h"

struct growth {
        int64_t left;      /* addresses still to be found */
        unsigned podroom;  /* how many more max_pods allows */
        unsigned shortage; /* for reasons */
};

static unsigned at_most(unsigned a, unsigned b)
{
        return a < b ? a : b;
}

/* With WARM_ENI_TARGET an ENI is filled whole, as aws-vpc-cni does. */
static unsigned chunk(const struct draft *draft, const struct growth *growth, unsigned room)
{
        unsigned most = at_most(room, growth->podroom);

        return draft->by_address && growth->left < most ? (unsigned)growth->left : most;
}

static void found(struct growth *growth, unsigned count)
{
        growth->left -= count;
        growth->podroom -= count;
}

/* ---- sources ---- */

/* Room that will be there shortly: no other source is opened for what fits into it. */
static void wait_for(struct draft *draft, struct growth *growth, const struct plan_eni *eni, unsigned room)
{
        draft_stuck(draft, PLAN_CAUSE_UNDER_WAY, "the ENI at device %u %s", eni->device_index,
                    eni->in_doubt ? "is in doubt until the next look at EC2" : "is still under way");
        found(growth, chunk(draft, growth, room));
}

static void fill(struct draft *draft, struct growth *growth, const struct plan_eni *eni, unsigned room)
{
        unsigned count = chunk(draft, growth, room);

        if (!draft_due(draft, eni->grow_not_before_ms)) {
                draft_stuck(draft, PLAN_CAUSE_ASSIGN_BLOCKED,
                            "EC2 is asked for addresses on the ENI at device %u again in %lld s",
                            eni->device_index, draft_seconds_until(draft, eni->grow_not_before_ms));
                /* Nobody waits: better to be patient than to open another ENI. */
                if (draft->view->waiting == 0)
                        found(growth, count);
                return;
        }
        if (!draft_due(draft, eni->subnet_not_before_ms)) {
                /* No patience here: other subnets may have what this one lacks. */
                draft_stuck(draft, PLAN_CAUSE_ASSIGN_BLOCKED,
                            "EC2 is asked for addresses on the ENI at device %u again in %lld s, when it may "
                            "have some in subnet %s",
                            eni->device_index, draft_seconds_until(draft, eni->subnet_not_before_ms),
                            eni->subnet_id);
                return;
        }
        draft_add(draft, PLAN_ASSIGN, eni, count, "%u addresses are missing; device %u has room for %u",
                  growth->shortage, eni->device_index, room);
        draft->n_helping++;
        found(growth, count);
}

static void use_room(struct draft *draft, struct growth *growth)
{
        for (size_t i = 0; i < draft->n_enis && growth->left > 0 && growth->podroom; i++) {
                const struct plan_eni *eni = draft->enis[i];
                unsigned room = draft_room(draft, eni);

                if (!eni_is_usable(eni) || eni_is_leaving(eni) || !room)
                        continue;
                if (eni->in_doubt || !eni_is_attached(eni))
                        wait_for(draft, growth, eni, room);
                else
                        fill(draft, growth, eni, room);
        }
}

static void use_draining(struct draft *draft, struct growth *growth)
{
        for (size_t i = 0; i < draft->n_enis && growth->left > 0; i++) {
                const struct plan_eni *eni = draft->enis[i];
                unsigned back = eni->free + eni->preparing, room = draft_room(draft, eni);

                if (!eni_is_usable(eni) || eni->state != PLAN_ENI_DRAINING || eni->in_doubt || !(back + room))
                        continue;
                draft_add(draft, PLAN_UNDRAIN, eni, back,
                          "%u addresses are missing; the draining ENI at device %u has %u", growth->shortage,
                          eni->device_index, back);
                draft->n_helping++;
                growth->left -= back; /* max_pods counted them all along */
                if (growth->left > 0)
                        found(growth, chunk(draft, growth, room));
        }
}

/* Who has the places of this instance type: "1 is full, 2 are not ours". */
static const char *list_places(const struct draft *draft)
{
        static const char *const words[] = {"full", "not ours", "on the way out", "without a link"};
        unsigned counts[ARRAY_SIZE(words)] = {0};
        const char *text = "";

        for (size_t i = 0; i < draft->n_enis; i++) {
                const struct plan_eni *eni = draft->enis[i];

                if (eni_takes_place(eni))
                        counts[!eni->managed ? 1 : eni_is_leaving(eni) ? 2 : eni->link_missing ? 3 : 0]++;
        }
        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                if (counts[i])
                        text = arena_printf(draft->arena, "%s%s%u %s %s", text, *text ? ", " : "", counts[i],
                                            counts[i] == 1 ? "is" : "are", words[i]);
        }
        return text;
}

static bool all_places_are_full(const struct draft *draft)
{
        for (size_t i = 0; i < draft->n_enis; i++) {
                const struct plan_eni *eni = draft->enis[i];

                if (eni_takes_place(eni) && (!eni_is_usable(eni) || eni_is_leaving(eni)))
                        return false;
        }
        return true;
}

static bool has_place(struct draft *draft, unsigned created)
{
        unsigned places = draft_places(draft);

        if (draft->slots + created < places)
                return true;
        if (!created && places == draft->targets->max_eni)
                draft_stuck(draft, PLAN_CAUSE_ENI_LIMIT, "MAX_ENI=%u is reached", places);
        else if (!created && places == draft->view->max_enis_seen)
                draft_stuck(draft, PLAN_CAUSE_ENI_LIMIT, "EC2 attaches no more than %u ENIs", places);
        else if (!created && all_places_are_full(draft))
                draft_stuck(draft, PLAN_CAUSE_ENI_LIMIT,
                            "all %u ENIs that this instance type can have are full", places);
        else if (!created)
                draft_stuck(draft, PLAN_CAUSE_ENI_LIMIT,
                            "no place for another of the %u ENIs that this instance type can have: %s",
                            places, list_places(draft));
        return false;
}

/* The first subnet that may be tried now; NULL: none, and why. */
static const struct plan_subnet *choose_subnet(struct draft *draft)
{
        const struct plan_view *view = draft->view;

        for (size_t i = 0; i < view->n_subnets; i++) {
                if (draft_due(draft, view->subnets[i].create_not_before_ms))
                        return &view->subnets[i];
        }
        if (view->finds_subnets && draft_due(draft, view->find_subnets_due_ms)) {
                draft_add(draft, PLAN_FIND_SUBNETS, NULL, 0,
                          "no ENI can be made in the %zu known subnets; others may have room",
                          view->n_subnets);
                draft->n_helping++;
                return NULL;
        }
        for (size_t i = 0; i < view->n_subnets; i++)
                draft_stuck(draft, PLAN_CAUSE_CREATE_BLOCKED,
                            "EC2 is asked for an ENI in subnet %s again in %lld s", view->subnets[i].id,
                            draft_seconds_until(draft, view->subnets[i].create_not_before_ms));
        return NULL;
}

/* What EC2 counted there, less the ENI's own address, is all that can be asked for at once: EC2 gives all or nothing. */
static unsigned fits(const struct plan_subnet *subnet, unsigned count)
{
        return subnet->available > 1 ? at_most(count, subnet->available - 1) : count;
}

static void create(struct draft *draft, struct growth *growth)
{
        for (unsigned n = 0; n < PLAN_MAX_CREATES && growth->left > 0 && growth->podroom; n++) {
                unsigned count = chunk(draft, growth, draft->capacity);
                const struct plan_subnet *subnet;
                struct plan_action *action;
                unsigned index;

                if (!has_place(draft, n))
                        return;
                if (!draft_due(draft, draft->view->create_not_before_ms)) {
                        draft_stuck(draft, PLAN_CAUSE_CREATE_BLOCKED,
                                    "EC2 is asked for another ENI again in %lld s",
                                    draft_seconds_until(draft, draft->view->create_not_before_ms));
                        return;
                }
                subnet = choose_subnet(draft);
                if (!subnet)
                        return;
                count = fits(subnet, count);
                index = draft_free_index(draft, NULL);
                action = draft_add(draft, PLAN_CREATE, NULL, count,
                                   "%u addresses are missing; no room on %u of %u ENIs", growth->shortage,
                                   draft->slots + n, draft_places(draft));
                action->device_index = index;
                action->subnet_id = subnet->id;
                draft->n_helping++;
                found(growth, count);
        }
}

/* ---- the need ---- */

static int64_t gap_to_targets(const struct draft *draft, int64_t free)
{
        int64_t gap, to_minimum;

        if (!draft->by_address)
                return (int64_t)draft->targets->warm_eni * draft->capacity - free;
        gap = draft->warm - free;
        to_minimum = (int64_t)draft->minimum - draft->total;
        return to_minimum > gap ? to_minimum : gap;
}

/*
 * A gap beyond max_pods is none: no pod could ever use the addresses. Waiting ADDs, though, are pods that are here.
 * What a draining ENI has is there already: taking it back is no growth beyond max_pods.
 */
static struct growth measure(const struct draft *draft)
{
        int64_t free = (int64_t)draft->free - draft->view->waiting; /* may be below 0 */
        int64_t gap = gap_to_targets(draft, free), demand = free < 0 ? -free : 0;
        int64_t most = draft->targets->max_pods, staying = draft->held - draft->held_leaving;
        struct growth growth = {.podroom = UINT_MAX, .left = gap > 0 ? gap : 0};

        if (most) {
                growth.podroom = draft->held < most ? (unsigned)(most - draft->held) : 0;
                if (growth.left > most - staying)
                        growth.left = most > staying ? most - staying : 0;
        }
        growth.shortage = (unsigned)(growth.left > demand ? growth.left : demand);
        return growth;
}

unsigned plan_wait_for_look(struct draft *draft)
{
        struct growth growth = measure(draft);

        if (growth.shortage)
                draft_stuck(draft, PLAN_CAUSE_NODE_UNKNOWN,
                            "EC2 has not been looked at since the boot, and what it gave us before may be "
                            "somebody else's now");
        return growth.shortage;
}

unsigned plan_grow(struct draft *draft)
{
        struct growth growth = measure(draft);

        if (!growth.shortage)
                return 0;
        if (growth.left < growth.shortage)
                draft_stuck(draft, PLAN_CAUSE_POD_LIMIT,
                            "the node may have %u pods, and the pool has %u addresses",
                            draft->targets->max_pods, draft->held);
        if (!draft->capacity || !draft->limits->max_enis)
                draft_stuck(draft, PLAN_CAUSE_NODE_UNKNOWN,
                            "the instance type's limits allow no addresses for pods");
        else if (!draft->n_enis || !draft->enis[0]->primary)
                draft_stuck(draft, PLAN_CAUSE_NODE_UNKNOWN,
                            "the instance's own ENI has not been seen in EC2 yet");
        else {
                use_room(draft, &growth);
                use_draining(draft, &growth);
                create(draft, &growth);
        }
        if (draft->cooling)
                draft_stuck(draft, PLAN_CAUSE_COOLING, "%u address%s cooling down", draft->cooling,
                            draft->cooling == 1 ? " is" : "es are");
        return growth.shortage;
}
