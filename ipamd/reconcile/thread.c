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
#include "reconcile/round.h"

uint64_t reconcile_random(struct reconcile *r)
{
        /* xorshift64: jitter needs no more, and getrandom() per call is no use. Seeded from the kernel at the start. */
        r->random ^= r->random << 13;
        r->random ^= r->random >> 7;
        r->random ^= r->random << 17;
        return r->random;
}

bool network_is_wanted(struct reconcile *r)
{
        bool wanted;

        pthread_mutex_lock(&r->wake.mutex);
        wanted = r->wake.why & RECONCILE_NETWORK || r->wake.stop;
        pthread_mutex_unlock(&r->wake.mutex);
        return wanted;
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
                at_ms = round_run(r);
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
        struct outcome out = {0};
        int e;

        r->options = *options;
        r->settings = options->settings;
        r->network_due = true;
        if ((e = take_profile(r, err)) < 0 || (e = open_parts(r, err)) < 0 || (e = first_look(r, err)) < 0 ||
            (e = takeover_start(r, &out, err)) < 0)
                return e;
        r->look_due_ms = outcome_earlier(r->look_due_ms, out.resync_ec2_ms);
        e = start_thread(r, err);
        if (e < 0)
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
