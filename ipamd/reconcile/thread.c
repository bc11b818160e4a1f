// SPDX-License-Identifier: Apache-2.0
/* The reconciler's thread: wait for a reason, run rounds until nothing moves, tell the loop. */
#include "reconcile/reconcile.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <vpcwire/clock.h>
#include <vpcwire/log.h>
#include <vpcwire/netlink.h>

#include "cloud/profile_settings.h"
#include "reconcile/ours.h"

uint64_t reconcile_random(struct reconcile *r)
{
        /* xorshift64: jitter needs no more, and getrandom() per call is no use. Seeded from the kernel at the start. */
        r->random ^= r->random << 13;
        r->random ^= r->random >> 7;
        r->random ^= r->random << 17;
        return r->random;
}

void round_wake_at(struct round *round, int64_t at_ms)
{
        if (at_ms && (!round->wake_ms || at_ms < round->wake_ms))
                round->wake_ms = at_ms;
}

bool network_is_wanted(struct reconcile *r)
{
        bool wanted;

        pthread_mutex_lock(&r->wake.mutex);
        wanted = r->wake.why & RECONCILE_NETWORK || r->wake.stop;
        pthread_mutex_unlock(&r->wake.mutex);
        return wanted;
}

static int plan_and_act(struct reconcile *r, struct round *round, struct err *err)
{
        struct plan_view view;
        struct plan plan;

        view_make(r, round, &view);
        plan_make(&view, &r->settings.targets, &r->limits, round->now_ms, round->arena, &plan);
        count_plan(r, &plan);
        if (!plan.surplus)
                r->surplus_since_ms = 0;
        else if (!r->surplus_since_ms) {
                r->surplus_since_ms = round->now_ms;
                round_wake_at(round, round->now_ms + plan_shrink_delay_ms(&r->settings.targets));
        }
        if (tell_plan(r, round, &plan, err) < 0)
                return err_wrap(err, "note why the pool stays as it is");
        round_wake_at(round, plan.wake_ms);
        for (size_t i = 0; i < plan.n; i++) {
                if (act(r, round, &plan.actions[i], err) < 0)
                        return -(int)err->code;
                if (i + 1 < plan.n && network_is_wanted(r)) {
                        round->progress = true;
                        return 0;
                }
        }
        if (mark_repeat(r, round, err) < 0 || groups_follow(r, round, err) < 0)
                return -(int)err->code;
        return act_finish_unassigns(r, round, err);
}

static int observe_again(struct reconcile *r, struct round *round, struct err *err)
{
        return round->changed ? observe_store(r, round, err) : 0;
}

/* What a round is made of; a step that fails ends it, and is told under its name until it succeeds again. */
static const struct {
        const char *name;
        int (*run)(struct reconcile *r, struct round *round, struct err *err);
} steps[] = {
        {"store", observe_store},      {"identity", identity_learn}, {RECONCILE_STEP_NETWORK, network_sync},
        {"takeover", takeover_step},   {"reclaim", network_reclaim}, {"store", observe_again},
        {"firewalls", firewall_watch}, {"plan", plan_and_act},       {"tag-primary", tag_primary},
        {"orphans", ours_sweep},
};

static int run_round(struct reconcile *r, struct round *round)
{
        struct err err, second;

        for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
                int e = steps[i].run(r, round, &err);

                if (e == 0)
                        e = blocked_clear(r, round, steps[i].name, "", &err);
                if (e == 0)
                        continue;
                log_error("round failed", LOG_STR("step", steps[i].name), LOG_ERR(&err));
                metrics_add(r->options.metrics, METRIC_AWSCNI_ERRORS, LABELS(steps[i].name), 1);
                if (blocked_until(r, round, steps[i].name, "", round->now_ms + ROUND_RETRY_MS, err.msg,
                                  &second) < 0)
                        log_error("why it failed is not written down", LOG_ERR(&second));
                return e;
        }
        return 0;
}

/* Returns when the next round is due: 0 at once, -1 never by time alone. */
static int64_t round_once(struct reconcile *r)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct round round = {.arena = arena, .now_ms = clock_boottime_ms()};
        int e = run_round(r, &round);

        count_round(r);
        health_tell(r);
        probe_run(r, &round);
        if (e < 0)
                round_wake_at(&round, round.now_ms + ROUND_RETRY_MS);
        if (round.changed)
                r->options.changed(r->options.changed_data);
        if (e == 0 && round.progress)
                return 0;
        if (e == 0)
                round_wake_at(&round, r->network_due_ms);
        return round.wake_ms ? round.wake_ms : -1;
}

static struct timespec until_ms(int64_t at_ms)
{
        /* The condition's clock is CLOCK_MONOTONIC, ours CLOCK_BOOTTIME: only the difference is the same. */
        int64_t wait_ms = at_ms - clock_boottime_ms();
        struct timespec ts;

        if (wait_ms < 0)
                wait_ms = 0;
        clock_gettime(CLOCK_MONOTONIC, &ts);
        ts.tv_sec += wait_ms / 1000;
        ts.tv_nsec += wait_ms % 1000 * 1000000;
        if (ts.tv_nsec >= 1000000000) {
                ts.tv_sec++;
                ts.tv_nsec -= 1000000000;
        }
        return ts;
}

static void take_settings(struct reconcile *r)
{
        if (!r->wake.fresh_settings)
                return;
        r->wake.fresh_settings = false;
        r->settings = r->wake.settings;
        r->options.store.cooldown_ms = r->settings.cooldown_ms;
        store_set_cooldown(r->store, r->settings.cooldown_ms);
        r->network_due = true;
}

/* Waits for a reason or the time; false when the thread shall end. */
static bool wait_for_reason(struct reconcile *r, int64_t at_ms)
{
        bool go_on;
        unsigned why;

        pthread_mutex_lock(&r->wake.mutex);
        while (!r->wake.why && !r->wake.stop && !r->wake.fresh_settings) {
                if (at_ms < 0) {
                        pthread_cond_wait(&r->wake.cond, &r->wake.mutex);
                } else {
                        struct timespec ts = until_ms(at_ms);

                        if (pthread_cond_timedwait(&r->wake.cond, &r->wake.mutex, &ts) == ETIMEDOUT)
                                break;
                }
        }
        why = r->wake.why;
        r->wake.why = 0;
        take_settings(r);
        go_on = !r->wake.stop;
        pthread_mutex_unlock(&r->wake.mutex);
        r->probe_wanted |= (why & RECONCILE_PROBE) != 0;
        if (why & RECONCILE_NETWORK)
                r->network_due = true;
        if (why & RECONCILE_FIREWALL && r->firewall_due_ms > r->firewall_seen_ms + FIREWALL_SETTLE_MS)
                r->firewall_due_ms = r->firewall_seen_ms + FIREWALL_SETTLE_MS;
        if (why & RECONCILE_PODS && r->pods_due_ms > clock_boottime_ms() + PODS_SETTLE_MS)
                r->pods_due_ms = clock_boottime_ms() + PODS_SETTLE_MS;
        return go_on;
}

static void *thread_main(void *data)
{
        struct reconcile *r = data;
        unsigned in_a_row = 0;
        int64_t at_ms = 0;

        for (;;) {
                int64_t now_ms = clock_boottime_ms();

                if (at_ms == 0 && ++in_a_row > ROUNDS_WITHOUT_PAUSE_MAX) {
                        log_error("rounds make no end; pausing", LOG_INT("rounds", in_a_row));
                        in_a_row = 0;
                        at_ms = now_ms + ROUND_RETRY_MS;
                } else if (at_ms != 0) {
                        in_a_row = 0;
                }
                if (!wait_for_reason(r, at_ms))
                        return NULL;
                at_ms = round_once(r);
        }
}

/* What the environment and our own settings leave open is the profile's to say, as with the SDKs. */
static int take_profile(struct reconcile *r, struct err *err)
{
        struct reconcile_options *o = &r->options;
        struct profile_settings profile;

        r->arena = arena_new();
        if (profile_settings_read(r->arena, &profile, err) < 0)
                return -(int)err->code;
        o->region = o->region ?: profile.region;
        o->ec2_endpoint = o->ec2_endpoint ?: profile.ec2_endpoint;
        o->sts_endpoint = o->sts_endpoint ?: profile.sts_endpoint;
        return 0;
}

static int open_parts(struct reconcile *r, struct err *err)
{
        const struct reconcile_options *o = &r->options;

        if (getrandom(&r->random, sizeof(r->random), 0) != sizeof(r->random) || !r->random)
                r->random = (uint64_t)clock_wall_ms();
        if (store_open(&o->store, &r->store, err) < 0)
                return -(int)err->code;
        if (imds_new(&(const struct imds_options){.endpoint = o->imds_endpoint,
                                                  .ipv6 = o->imds_ipv6,
                                                  .brake = &r->brake},
                     &r->imds, err) < 0)
                return -(int)err->code;
        r->credentials = credentials_open(&(const struct credentials_options){
                .imds = r->imds,
                .region = o->region,
                .sts_endpoint = o->sts_endpoint,
                .use_fips = o->use_fips,
                .use_dualstack = o->use_dualstack,
                .ca_file = o->ca_file,
                .brake = &r->brake,
                .timeout_ms = o->http_timeout_ms,
        });
        if (node_open(&r->node, err) < 0)
                return -(int)err->code;
        return netlink_open(-1, &r->netlink, err);
}

/*
 * With ENIs in the books the daemon serves first and looks afterwards, with one call. Without, or where EC2 was not asked since
 * the boot, the look is what it starts from: nothing is offered before it. What lost or older books have left behind is
 * looked for when it serves.
 */
static int first_look(struct reconcile *r, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        int64_t now_ms = clock_boottime_ms();
        int64_t after_start_ms =
                now_ms + LOOK_AFTER_START_MS + (int64_t)(reconcile_random(r) % LOOK_AFTER_START_MS);
        const char *looked;
        struct store_eni *enis;
        size_t n;

        if (store_enis(r->store, now_ms, arena, &enis, &n, err) < 0 ||
            store_fact_get(r->store, STORE_FACT_LOOKED, arena, &looked, err) < 0)
                return -(int)err->code;
        denied_recall(r);
        r->look_first = !n || !looked;
        r->look_due_ms = r->look_first ? now_ms : after_start_ms;
        r->sweep_due_ms = r->look_first ? after_start_ms : now_ms + OURS_SWEEP_PERIOD_MS;
        return 0;
}

static int start_thread(struct reconcile *r, struct err *err)
{
        pthread_condattr_t attr;
        int e;

        pthread_mutex_init(&r->wake.mutex, NULL);
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(&r->wake.cond, &attr);
        pthread_condattr_destroy(&attr);
        e = pthread_create(&r->wake.thread, NULL, thread_main, r);
        if (e)
                return err_set_errno(err, e, "start the reconciler's thread");
        r->wake.started = true;
        return 0;
}

int reconcile_start(const struct reconcile_options *options, struct reconcile **ret, struct err *err)
{
        _cleanup_(reconcile_stopp) struct reconcile *r = XNEW(struct reconcile);
        int e;

        r->options = *options;
        r->settings = options->settings;
        r->network_due = true;
        if ((e = take_profile(r, err)) < 0 || (e = open_parts(r, err)) < 0 || (e = first_look(r, err)) < 0 ||
            (e = takeover_start(r, err)) < 0 || (e = start_thread(r, err)) < 0)
                return e;
        *ret = TAKE_PTR(r);
        return 0;
}

struct reconcile *reconcile_stop(struct reconcile *r)
{
        if (!r)
                return NULL;
        if (r->wake.started) {
                pthread_mutex_lock(&r->wake.mutex);
                r->wake.stop = true;
                http_brake_pull(&r->brake);
                pthread_cond_signal(&r->wake.cond);
                pthread_mutex_unlock(&r->wake.mutex);
                pthread_join(r->wake.thread, NULL);
                pthread_cond_destroy(&r->wake.cond);
                pthread_mutex_destroy(&r->wake.mutex);
        }
        ec2_free(r->ec2);
        credentials_free(r->credentials);
        imds_free(r->imds);
        node_free(r->node);
        netlink_free(r->netlink);
        store_free(r->store);
        identity_done(&r->identity);
        free(r->suspects);
        free(r->withheld);
        free(r->unreadable);
        mark_forget(r);
        groups_forget(r);
        probe_forget(r);
        free(r->subnets);
        arena_free(r->arena);
        free(r);
        return NULL;
}

void reconcile_wake(struct reconcile *r, unsigned why)
{
        pthread_mutex_lock(&r->wake.mutex);
        r->wake.why |= why;
        pthread_cond_signal(&r->wake.cond);
        pthread_mutex_unlock(&r->wake.mutex);
}

void reconcile_set(struct reconcile *r, const struct reconcile_settings *settings)
{
        pthread_mutex_lock(&r->wake.mutex);
        r->wake.settings = *settings;
        r->wake.fresh_settings = true;
        pthread_cond_signal(&r->wake.cond);
        pthread_mutex_unlock(&r->wake.mutex);
}

uint32_t reconcile_port(const struct reconcile *r)
{
        return node_port(r->node);
}
