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
        draft_stuck(draft, &(struct plan_stuck){.reason = eni->in_doubt ? PLAN_REASON_ENI_IN_DOUBT
                                                                        : PLAN_REASON_ENI_COMES,
                                                .device_index = eni->device_index});
        found(growth, chunk(draft, growth, room));
}

static void fill(struct draft *draft, struct growth *growth, const struct plan_eni *eni, unsigned room)
{
        unsigned count = chunk(draft, growth, room);

        if (!draft_due(draft, eni->grow_not_before_ms)) {
                draft_stuck(draft, &(struct plan_stuck){.reason = PLAN_REASON_ASSIGN_LATER,
                                                        .device_index = eni->device_index});
                /* Nobody waits: better to be patient than to open another ENI. */
                if (draft->view->waiting == 0)
                        found(growth, count);
                return;
        }
        if (!draft_due(draft, eni->subnet_not_before_ms)) {
                /* No patience here: other subnets may have what this one lacks. */
                draft_stuck(draft, &(struct plan_stuck){.reason = PLAN_REASON_ASSIGN_LATER_IN_SUBNET,
                                                        .device_index = eni->device_index,
                                                        .subnet_id = eni->subnet_id});
                return;
        }
        draft_add(draft, PLAN_ASSIGN, eni, count, "%u more addresses needed; device %u has room for %u",
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

                if (!eni_is_usable(eni) || eni->state != ENI_DRAINING || eni->in_doubt || !(back + room))
                        continue;
                draft_add(draft, PLAN_UNDRAIN, eni, back,
                          "%u more addresses needed; the draining ENI at device %u has %u", growth->shortage,
                          eni->device_index, back);
                draft->n_helping++;
                growth->left -= back; /* max_pods counted them all along */
                if (growth->left > 0)
                        found(growth, chunk(draft, growth, room));
        }
}

/* No place for another ENI: who has them all. */
static void no_place(struct draft *draft, unsigned n)
{
        struct plan_stuck stuck = {.n = n};
        unsigned full = 0, taken = 0;

        for (size_t i = 0; i < draft->n_enis; i++) {
                const struct plan_eni *eni = draft->enis[i];

                if (!eni_takes_place(eni))
                        continue;
                stuck.places[!eni->managed         ? PLAN_PLACE_NOT_OURS
                             : eni_is_leaving(eni) ? PLAN_PLACE_LEAVING
                             : eni->link_missing   ? PLAN_PLACE_WITHOUT_LINK
                                                   : PLAN_PLACE_FULL]++;
                taken++;
        }
        full = stuck.places[PLAN_PLACE_FULL];
        stuck.reason = n == draft->targets->max_eni       ? PLAN_REASON_MAX_ENI
                       : n == draft->view->max_enis_seen  ? PLAN_REASON_ATTACH_LIMIT
                       : full == taken                    ? PLAN_REASON_ALL_FULL
                       : stuck.places[PLAN_PLACE_LEAVING] ? PLAN_REASON_PLACE_LATER
                                                          : PLAN_REASON_NO_PLACE;
        draft_stuck(draft, &stuck);
}

static bool has_place(struct draft *draft, unsigned created)
{
        unsigned places = draft_places(draft);

        if (draft->slots + created < places)
                return true;
        if (!created)
                no_place(draft, places);
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
                          "no ENI can be created in the %zu known subnets; others may have free addresses",
                          view->n_subnets);
                draft->n_helping++;
                return NULL;
        }
        for (size_t i = 0; i < view->n_subnets; i++)
                draft_stuck(draft, &(struct plan_stuck){.reason = PLAN_REASON_CREATE_LATER_IN_SUBNET,
                                                        .subnet_id = view->subnets[i].id});
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
                        draft_stuck(draft, &(struct plan_stuck){.reason = PLAN_REASON_CREATE_LATER});
                        return;
                }
                subnet = choose_subnet(draft);
                if (!subnet)
                        return;
                count = fits(subnet, count);
                index = draft_free_index(draft, NULL);
                action = draft_add(draft, PLAN_CREATE, NULL, count,
                                   "%u more addresses needed; %u of %u ENIs have no room", growth->shortage,
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
                draft_stuck(draft, &(struct plan_stuck){.reason = PLAN_REASON_NOT_RESYNCED});
        return growth.shortage;
}

unsigned plan_grow(struct draft *draft)
{
        struct growth growth = measure(draft);

        if (!growth.shortage)
                return 0;
        if (growth.left < growth.shortage)
                draft_stuck(draft, &(struct plan_stuck){.reason = PLAN_REASON_POD_LIMIT,
                                                        .n = draft->targets->max_pods,
                                                        .held = draft->held});
        if (!draft->capacity || !draft->limits->max_enis)
                draft_stuck(draft, &(struct plan_stuck){.reason = PLAN_REASON_TYPE_LIMIT});
        else if (!draft->n_enis || !draft->enis[0]->primary)
                draft_stuck(draft, &(struct plan_stuck){.reason = PLAN_REASON_PRIMARY_NOT_SEEN});
        else {
                use_room(draft, &growth);
                use_draining(draft, &growth);
                create(draft, &growth);
        }
        if (draft->cooling)
                draft_stuck(draft, &(struct plan_stuck){.reason = PLAN_REASON_COOLING, .n = draft->cooling});
        return growth.shortage;
}
