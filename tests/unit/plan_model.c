// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include "plan_model.h"

unsigned model_random(struct model *model, unsigned below)
{
        model->random ^= model->random << 13;
        model->random ^= model->random >> 7;
        model->random ^= model->random << 17;
        return (unsigned)(model->random >> 33) % below;
}

static bool one_in(struct model *model, unsigned n)
{
        return model_random(model, n) == 0;
}

unsigned model_capacity(const struct model *model)
{
        return model->limits.ipv4_per_eni - 1;
}

unsigned model_places(const struct model *model)
{
        unsigned places = model->limits.max_enis;

        if (model->view.max_enis_seen && model->view.max_enis_seen < places)
                places = model->view.max_enis_seen;
        if (model->targets.max_eni && model->targets.max_eni < places)
                places = model->targets.max_eni;
        return places;
}

static void sum(struct plan_eni *e)
{
        e->total = e->free + e->leased + e->cooling + e->preparing + e->leaving + e->lost;
}

static struct model_eni *add_eni(struct model *model, struct plan_eni eni)
{
        struct model_eni *added = &model->enis[model->n++];

        assert_in_range(model->n, 1, MODEL_ENIS);
        *added = (struct model_eni){.eni = eni};
        added->eni.key = model->next_key++;
        added->eni.ready_ms = model->now_ms;
        return added;
}

static void choose_targets(struct model *model)
{
        struct pool_targets *t = &model->targets;

        t->warm_eni = model_random(model, 4);
        t->has_warm_ip = one_in(model, 2);
        t->warm_ip = model_random(model, 20);
        t->has_minimum_ip = one_in(model, 3);
        t->minimum_ip = model_random(model, 30);
        t->max_eni = one_in(model, 4) ? 1 + model_random(model, 5) : 0;
        t->max_pods = one_in(model, 3) ? 1 + model_random(model, 60) : 0;
}

void model_start(struct model *model, uint64_t seed)
{
        static const struct plan_limits limits[] = {{2, 2}, {3, 4}, {3, 10}, {4, 15}, {8, 30}};

        *model = (struct model){.random = seed * 0x9e3779b97f4a7c15U + 1, .now_ms = 1000000, .next_key = 1};
        for (int i = 0; i < 8; i++)
                model_random(model, 2);
        model->failing = true;
        model->limits = limits[model_random(model, ARRAY_SIZE(limits))];
        model->true_max_enis = model->limits.max_enis - (one_in(model, 10) && model->limits.max_enis > 2);
        model->view.resync_due_ms = model->now_ms + 1800 * 1000;
        choose_targets(model);
        for (unsigned i = 0; i < MODEL_SUBNETS; i++)
                model->subnets[i] = (struct plan_subnet){
                        .id = (const char *[]){"own", "second", "third"}[i],
                        .available = i ? 2 + model_random(model, 40) : 0,
                };
        model->view.n_subnets = 1;
        model->view.finds_subnets = one_in(model, 2);
        add_eni(model, (struct plan_eni){.state = ENI_READY,
                                         .primary = true,
                                         .managed = true,
                                         .has_attachment = true,
                                         .link_present = true});
        if (one_in(model, 4))
                add_eni(model, (struct plan_eni){.state = ENI_CONFIGURING,
                                                 .has_attachment = true,
                                                 .link_present = true,
                                                 .device_index = 1 + model_random(model, 3)});
}

/* ---- pods ---- */

static bool lease(struct model *model)
{
        for (size_t i = 0; i < model->n; i++) {
                struct plan_eni *e = &model->enis[i].eni;

                if (e->state == ENI_READY && e->managed && e->free) {
                        e->free--;
                        e->leased++;
                        model->leases++;
                        return true;
                }
        }
        return false;
}

void model_add_pod(struct model *model)
{
        if (lease(model))
                return;
        if (model->view.waiting++ == 0)
                model->waiting_until_ms = model->now_ms + MODEL_TIMEOUT_MS;
}

void model_delete_pod(struct model *model)
{
        size_t first = model_random(model, (unsigned)model->n);

        for (size_t i = 0; i < model->n; i++) {
                struct model_eni *m = &model->enis[(first + i) % model->n];

                if (m->eni.leased && m->eni.cooling < MODEL_COOLING) {
                        m->eni.leased--;
                        m->cooling_until_ms[m->eni.cooling++] = model->now_ms + MODEL_COOLDOWN_MS;
                        return;
                }
        }
}

/* ---- time ---- */

static void thaw(struct model *model, struct model_eni *m)
{
        for (unsigned i = m->eni.cooling; i-- > 0;) {
                if (m->cooling_until_ms[i] > model->now_ms)
                        continue;
                m->cooling_until_ms[i] = m->cooling_until_ms[--m->eni.cooling];
                m->eni.free++;
        }
}

static void move_link(struct model *model, struct model_eni *m)
{
        if (!m->link_changes_ms || m->link_changes_ms > model->now_ms)
                return;
        m->link_changes_ms = 0;
        if (m->eni.state == ENI_DETACHING) {
                m->eni.has_attachment = m->eni.link_present = false;
        } else {
                m->eni.link_present = true;
        }
}

static void configure(struct plan_eni *e)
{
        if (!e->managed || !e->link_present)
                return;
        if (e->state == ENI_CONFIGURING)
                e->state = ENI_READY;
        if (e->state == ENI_READY) {
                e->free += e->preparing;
                e->preparing = 0;
        }
}

void model_tick(struct model *model)
{
        for (size_t i = 0; i < model->n; i++) {
                thaw(model, &model->enis[i]);
                move_link(model, &model->enis[i]);
                configure(&model->enis[i].eni);
        }
        if (model->view.waiting && model->now_ms >= model->waiting_until_ms)
                model->view.waiting = 0;
        while (model->view.waiting && lease(model))
                model->view.waiting--;
}

int64_t model_next_ms(const struct model *model)
{
        int64_t next = model->view.waiting ? model->waiting_until_ms : 0;

        for (size_t i = 0; i < model->n; i++) {
                const struct model_eni *m = &model->enis[i];

                if (m->link_changes_ms && (!next || m->link_changes_ms < next))
                        next = m->link_changes_ms;
                for (unsigned c = 0; c < m->eni.cooling; c++) {
                        if (!next || m->cooling_until_ms[c] < next)
                                next = m->cooling_until_ms[c];
                }
        }
        return next;
}

/* ---- rules ---- */

static bool takes_place(const struct plan_eni *e)
{
        return e->state != ENI_DELETING || e->has_attachment;
}

static const struct plan_eni *shown(const struct model *model, int64_t key)
{
        for (size_t i = 0; i < model->view.n_enis; i++) {
                if (model->shown[i].key == key)
                        return &model->shown[i];
        }
        fail_msg("an action for key %lld, which is not in view", (long long)key);
}

static void check_giving_back(const struct model *model, const struct plan_action *a,
                              const struct plan_eni *e)
{
        assert_true(e->managed);
        assert_false(e->in_doubt);
        if (a->kind == PLAN_UNASSIGN)
                assert_in_range(a->count, 1, e->free);
        else
                assert_true(!e->primary && !e->leased && !e->cooling && !e->lost);
        if (a->kind == PLAN_DRAIN || a->kind == PLAN_UNASSIGN)
                assert_true(model->view.waiting == 0 &&
                            model->now_ms - model->view.surplus_since_ms >= PLAN_SHRINK_DELAY_MS);
        if (a->kind == PLAN_DRAIN)
                assert_true(model->now_ms - e->ready_ms >= PLAN_SHRINK_DELAY_MS);
        if (a->kind == PLAN_DELETE)
                assert_false(e->has_attachment);
}

static void check_create(const struct model *model, const struct plan_action *a)
{
        assert_in_range(a->count, 1, model_capacity(model));
        assert_true(model->now_ms >= model->view.create_not_before_ms);
        for (size_t i = 0; i < model->view.n_subnets; i++) {
                const struct plan_subnet *s = &model->subnets[i];
                bool due = model->now_ms >= s->create_not_before_ms;

                if (strcmp(s->id, a->subnet_id) == 0) {
                        assert_true(due && (!s->available || a->count < s->available));
                        return;
                }
                assert_false(due); /* it comes first */
        }
        fail_msg("an ENI in the unknown subnet %s", a->subnet_id);
}

static void check_action(const struct model *model, const struct plan_action *a)
{
        bool has_key = a->kind != PLAN_RESYNC && a->kind != PLAN_CREATE && a->kind != PLAN_FIND_SUBNETS;
        const struct plan_eni *e = has_key ? shown(model, a->key) : NULL;

        switch (a->kind) {
        case PLAN_RESYNC: assert_true(model->now_ms >= model->view.resync_not_before_ms); break;
        case PLAN_CREATE: check_create(model, a); break;
        case PLAN_FIND_SUBNETS:
                assert_true(model->view.finds_subnets && model->now_ms >= model->view.find_subnets_due_ms);
                for (size_t i = 0; i < model->view.n_subnets; i++)
                        assert_true(model->now_ms < model->subnets[i].create_not_before_ms);
                break;
        case PLAN_RECREATE: assert_int_equal(e->state, ENI_CREATING); break;
        case PLAN_ATTACH: assert_true(e->state == ENI_ATTACHING && !e->has_attachment && !e->in_doubt); break;
        case PLAN_MARK: assert_true(e->state == ENI_ATTACHING && e->has_attachment && !e->in_doubt); break;
        case PLAN_ASSIGN:
                assert_true(e->managed && !e->in_doubt && !e->full &&
                            model->now_ms >= e->grow_not_before_ms &&
                            model->now_ms >= e->subnet_not_before_ms);
                assert_true(e->state == ENI_READY || e->state == ENI_CONFIGURING);
                assert_in_range(a->count, 1, model_capacity(model) - (e->total - e->lost));
                break;
        case PLAN_UNDRAIN: assert_int_equal(e->state, ENI_DRAINING); break;
        case PLAN_UNASSIGN:
        case PLAN_DRAIN:
        case PLAN_DETACH:
        case PLAN_DELETE: check_giving_back(model, a, e); break;
        case _PLAN_ACTION_MAX: fail();
        }
}

/* What only the whole plan can break: places, device indexes, max_pods. */
static void check_plan(const struct model *model, const struct plan *plan)
{
        unsigned slots = 0, held = 0, more = 0, creates = 0;
        uint64_t indexes = 0;

        for (size_t i = 0; i < model->view.n_enis; i++) {
                const struct plan_eni *e = &model->shown[i];

                slots += takes_place(e);
                held += e->state == ENI_CREATING ? e->asked_addresses : e->total - e->leaving;
                indexes |= takes_place(e) ? 1ULL << e->device_index : 0;
        }
        for (size_t i = 0; i < plan->n; i++) {
                const struct plan_action *a = &plan->actions[i];

                check_action(model, a);
                more += a->kind == PLAN_CREATE || a->kind == PLAN_ASSIGN ? a->count : 0;
                creates += a->kind == PLAN_CREATE;
                if (a->kind == PLAN_CREATE) {
                        assert_false(indexes & 1ULL << a->device_index);
                        indexes |= 1ULL << a->device_index;
                }
        }
        assert_in_range(creates, 0, PLAN_MAX_CREATES);
        if (creates)
                assert_in_range(slots + creates, 1, model_places(model));
        if (more && model->targets.max_pods)
                assert_in_range(held + more, 0, model->targets.max_pods);
        assert_false(plan->shortage && plan->surplus);
        assert_true(plan->wake_ms == 0 || plan->wake_ms > model->now_ms);
}

/* ---- carrying out ---- */

enum outcome { DONE, FAILED, UNKNOWN };

static enum outcome ec2(struct model *model)
{
        unsigned dice = model->failing ? model_random(model, 10) : 9;

        return dice < 2 ? FAILED : dice < 3 ? UNKNOWN : DONE;
}

static int64_t some_time_later(struct model *model)
{
        return model->now_ms + 1 + model_random(model, 60 * 1000);
}

static void act_resync(struct model *model)
{
        if (ec2(model) != DONE)
                return;
        for (size_t i = 0; i < model->n; i++) {
                struct model_eni *m = &model->enis[i];

                m->eni.in_doubt = m->eni.in_doubt && m->eni.state == ENI_CREATING;
                m->eni.preparing += m->unseen;
                m->unseen = 0;
                m->eni.has_attachment = m->eni.has_attachment || m->attached_unseen;
                m->attached_unseen = false;
                if (m->eni.state < ENI_DETACHING && m->eni.leaving) {
                        if (one_in(model, 2))
                                m->eni.free += m->eni.leaving; /* the unassign had not happened */
                        m->eni.leaving = 0;
                }
        }
        model->view.resync_due_ms = model->now_ms + 1800 * 1000;
}

static void act_find_subnets(struct model *model)
{
        model->view.find_subnets_due_ms = some_time_later(model);
        if (ec2(model) == DONE)
                model->view.n_subnets = 1 + model_random(model, MODEL_SUBNETS);
}

static struct plan_subnet *find_subnet(struct model *model, const char *id)
{
        for (size_t i = 0; i < MODEL_SUBNETS; i++) {
                if (strcmp(model->subnets[i].id, id) == 0)
                        return &model->subnets[i];
        }
        return NULL;
}

static void act_create(struct model *model, const struct plan_action *a)
{
        struct model_eni *m = add_eni(model, (struct plan_eni){.state = ENI_CREATING,
                                                               .managed = true,
                                                               .device_index = a->device_index,
                                                               .asked_addresses = a->count});
        enum outcome outcome = ec2(model);

        if (outcome == FAILED) {
                model->n--;
                *(one_in(model, 3) ? &model->view.create_not_before_ms
                                   : &find_subnet(model, a->subnet_id)->create_not_before_ms) =
                        some_time_later(model);
        } else if (outcome == DONE) {
                m->eni.state = ENI_ATTACHING;
                m->eni.preparing = a->count;
        }
}

static unsigned attached(const struct model *model)
{
        unsigned n = 0;

        for (size_t i = 0; i < model->n; i++)
                n += model->enis[i].eni.has_attachment || model->enis[i].attached_unseen;
        return n;
}

static void act_attach(struct model *model, struct model_eni *m, const struct plan_action *a)
{
        enum outcome outcome = ec2(model);

        for (size_t i = 0; i < model->n; i++)
                assert_true(&model->enis[i] == m || !model->enis[i].eni.has_attachment ||
                            model->enis[i].eni.device_index != a->device_index);
        if (outcome != FAILED && attached(model) >= model->true_max_enis) {
                model->view.max_enis_seen = attached(model);
                return;
        }
        if (outcome == FAILED)
                m->eni.step_not_before_ms = some_time_later(model);
        else
                m->eni.device_index = a->device_index;
        m->eni.in_doubt = outcome == UNKNOWN;
        m->eni.has_attachment = outcome == DONE;
        m->attached_unseen = outcome == UNKNOWN && one_in(model, 2);
}

static void act_assign(struct model *model, struct model_eni *m, const struct plan_action *a)
{
        switch (ec2(model)) {
        case DONE: m->eni.preparing += a->count; break;
        case FAILED:
                *(one_in(model, 2) ? &m->eni.grow_not_before_ms : &m->eni.subnet_not_before_ms) =
                        some_time_later(model);
                m->eni.full = one_in(model, 20);
                break;
        case UNKNOWN:
                m->eni.in_doubt = true;
                m->unseen = one_in(model, 2) ? a->count : 0;
                break;
        }
}

static void act_unassign(struct model *model, struct model_eni *m, const struct plan_action *a)
{
        enum outcome outcome = ec2(model);
        unsigned count = a->count < m->eni.free ? a->count : m->eni.free;

        if (outcome == FAILED) {
                m->eni.step_not_before_ms = some_time_later(model);
                return;
        }
        m->eni.free -= count;
        m->eni.leaving += outcome == UNKNOWN ? count : 0;
        m->eni.in_doubt = outcome == UNKNOWN;
}

static void act_detach(struct model *model, struct model_eni *m)
{
        struct plan_eni *e = &m->eni;

        if (e->leased || e->cooling)
                return; /* the store would refuse: a race */
        e->leaving += e->free + e->preparing;
        e->free = e->preparing = 0;
        if (e->state != ENI_DELETING)
                e->state = ENI_DETACHING;
        if (ec2(model) == DONE)
                m->link_changes_ms = model->now_ms + 1 + model_random(model, 5000);
        e->step_not_before_ms = some_time_later(model);
}

static void act_delete(struct model *model, struct model_eni *m)
{
        m->eni.state = ENI_DELETING;
        m->eni.leaving += m->eni.free + m->eni.preparing;
        m->eni.free = m->eni.preparing = 0;
        if (ec2(model) != DONE) {
                m->eni.step_not_before_ms = some_time_later(model);
                return;
        }
        memmove(m, m + 1, (size_t)(&model->enis[--model->n] - m) * sizeof(*m));
}

static void act_step(struct model *model, struct model_eni *m, const struct plan_action *a)
{
        if (ec2(model) != DONE) {
                m->eni.step_not_before_ms = some_time_later(model);
        } else if (a->kind == PLAN_RECREATE) {
                m->eni.state = ENI_ATTACHING;
                m->eni.preparing = m->eni.asked_addresses;
        } else {
                m->eni.state = ENI_CONFIGURING;
                m->link_changes_ms = model->now_ms + 1 + model_random(model, 8000);
        }
}

static void act(struct model *model, const struct plan_action *a)
{
        struct model_eni *m = NULL;

        for (size_t i = 0; i < model->n; i++) {
                if (model->enis[i].eni.key == a->key)
                        m = &model->enis[i];
        }
        switch (a->kind) {
        case PLAN_RESYNC: act_resync(model); break;
        case PLAN_FIND_SUBNETS: act_find_subnets(model); break;
        case PLAN_CREATE: act_create(model, a); break;
        case PLAN_RECREATE:
        case PLAN_MARK: act_step(model, m, a); break;
        case PLAN_ATTACH: act_attach(model, m, a); break;
        case PLAN_ASSIGN: act_assign(model, m, a); break;
        case PLAN_UNASSIGN: act_unassign(model, m, a); break;
        case PLAN_DRAIN:
                if (!m->eni.leased) /* else an ADD came in between, and the store refused */
                        m->eni.state = ENI_DRAINING;
                break;
        case PLAN_UNDRAIN: m->eni.state = ENI_CONFIGURING; break;
        case PLAN_DETACH: act_detach(model, m); break;
        case PLAN_DELETE: act_delete(model, m); break;
        case _PLAN_ACTION_MAX: fail();
        }
}

void model_round(struct model *model, struct arena *arena, struct plan *ret)
{
        for (size_t i = 0; i < model->n; i++) {
                sum(&model->enis[i].eni);
                model->shown[i] = model->enis[i].eni;
        }
        model->view.enis = model->shown;
        model->view.subnets = model->subnets;
        model->view.n_enis = model->n;
        plan_make(&model->view, &model->targets, &model->limits, model->now_ms, arena, ret);
        check_plan(model, ret);
        model->view.surplus_since_ms = !ret->surplus                  ? 0
                                       : model->view.surplus_since_ms ? model->view.surplus_since_ms
                                                                      : model->now_ms;
        for (size_t i = 0; i < ret->n; i++) {
                if (model->failing && one_in(model, 8))
                        model_add_pod(model); /* while the plan is carried out */
                act(model, &ret->actions[i]);
        }
        for (size_t i = 0; i < model->n; i++)
                sum(&model->enis[i].eni);
        model->plans++;
        model->actions += ret->n;
}
