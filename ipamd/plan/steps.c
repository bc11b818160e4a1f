// SPDX-License-Identifier: Apache-2.0
/* What must follow from an ENI's own state, whatever the pool needs: looking, coming in, going out. */
#include "plan/draft.h"

/*
 * A create call is repeated with its token, which answers the doubt better than a resync: an ENI that is not attached
 * yet is in no Describe by instance.
 */
static bool needs_resync(const struct plan_eni *eni)
{
        return eni->managed && eni->in_doubt && eni->state != ENI_CREATING;
}

static const struct plan_eni *find_doubt(struct draft *draft)
{
        if (!draft_due(draft, draft->view->resync_not_before_ms))
                return NULL;
        for (size_t i = 0; i < draft->n_enis; i++) {
                if (needs_resync(draft->enis[i]) && draft_due(draft, draft->enis[i]->step_not_before_ms))
                        return draft->enis[i];
        }
        return NULL;
}

void plan_resync(struct draft *draft)
{
        const struct plan_eni *eni = find_doubt(draft);
        bool due = draft_due(draft, draft->view->resync_due_ms);

        if (eni) {
                draft_add(draft, PLAN_RESYNC, NULL, 0,
                          "the outcome of the last call for the ENI at device %u is unknown",
                          eni->device_index);
                draft->n_helping++;
        } else if (due) {
                draft_add(draft, PLAN_RESYNC, NULL, 0, "a sync with EC2 is due");
        }
}

/* ---- in ---- */

/* EC2 refused an attachment beyond this number: an ENI that waits for one will never get it. */
static bool is_one_too_many(const struct draft *draft)
{
        unsigned attached = 0;

        for (size_t i = 0; i < draft->n_enis; i++)
                attached += draft->enis[i]->network_card == 0 && draft->enis[i]->has_attachment;
        return draft->view->max_enis_seen && attached >= draft->view->max_enis_seen;
}

static void plan_attaching(struct draft *draft, const struct plan_eni *eni)
{
        struct plan_action *action;

        if (eni->has_attachment) {
                draft_add(draft, PLAN_MARK, eni, 0,
                          "attached at device %u; must be deleted with the instance (DeleteOnTermination)",
                          eni->device_index);
        } else if (is_one_too_many(draft)) {
                draft_add(draft, PLAN_DELETE, eni, 0, "abandoned: EC2 attaches no more than %u ENIs",
                          draft->view->max_enis_seen);
                return;
        } else {
                /* Its own index, unless somebody else has attached an ENI there meanwhile. */
                unsigned index = draft_free_index(draft, eni);

                action = draft_add(draft, PLAN_ATTACH, eni, 0, "created and not attached; device %u is free",
                                   index);
                action->device_index = index;
        }
        draft->n_helping++;
}

void plan_forward(struct draft *draft)
{
        for (size_t i = 0; i < draft->n_enis; i++) {
                const struct plan_eni *eni = draft->enis[i];

                if (!eni->managed)
                        continue;
                if (eni->state == ENI_CREATING && draft_due(draft, eni->step_not_before_ms)) {
                        draft_add(draft, PLAN_RECREATE, eni, eni->asked_addresses,
                                  "the call that creates it, for device %u, has had no answer yet",
                                  eni->device_index);
                        draft->n_helping++;
                }
                if (eni->state == ENI_ATTACHING && !eni->in_doubt &&
                    draft_due(draft, eni->step_not_before_ms))
                        plan_attaching(draft, eni);
        }
}

/* ---- out ---- */

static void plan_draining(struct draft *draft, const struct plan_eni *eni)
{
        if (draft_has(draft, PLAN_UNDRAIN, eni) || eni->leased || eni->cooling || eni->lost)
                return;
        if (draft_due(draft, eni->step_not_before_ms))
                draft_add(draft, PLAN_DETACH, eni, 0,
                          "drained: none of its %u addresses is in use or cooling", eni->total);
}

static void plan_gone(struct draft *draft, const struct plan_eni *eni)
{
        bool link_stays = eni->state == ENI_DETACHING && eni->link_present;

        if (!eni->has_attachment && link_stays)
                return; /* the kernel will tell when it goes */
        if (!draft_due(draft, eni->step_not_before_ms))
                return;
        if (eni->has_attachment)
                draft_add(draft, PLAN_DETACH, eni, 0, "still attached at device %u", eni->device_index);
        else
                draft_add(draft, PLAN_DELETE, eni, 0, "detached and no longer needed");
}

void plan_backward(struct draft *draft)
{
        for (size_t i = 0; i < draft->n_enis; i++) {
                const struct plan_eni *eni = draft->enis[i];

                if (!eni->managed || eni->in_doubt || eni->primary)
                        continue;
                if (eni->state == ENI_DRAINING)
                        plan_draining(draft, eni);
                if (eni->state == ENI_DETACHING || eni->state == ENI_DELETING)
                        plan_gone(draft, eni);
        }
}
