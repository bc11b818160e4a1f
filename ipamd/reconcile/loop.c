// SPDX-License-Identifier: Apache-2.0
/* The reconciler's thread: wait for a reason, run rounds until nothing moves. */
#include "reconcile/reconcile.h"

#include <vpcwire/clock.h>
#include <vpcwire/log.h>

#include "node/monitor.h"
#include "node/sync.h"
#include "reconcile/state.h"
#include "reconcile/steps.h"

/* More in a row than any real work takes: a bug, and a pause instead of a storm. */
enum { ROUNDS_WITHOUT_PAUSE_MAX = 64 };

struct loop {
        struct reconcile reconcile; /* first: what callers have is a pointer to it */
        pthread_t thread;
        bool started;
};

static void take_settings(struct reconcile *r, const struct reconcile_settings *settings)
{
        r->ctx.settings = *settings;
        r->ctx.options.store.cooldown_ms = settings->cooldown_ms;
        store_set_cooldown(r->ctx.store, settings->cooldown_ms);
        r->network.due = true;
}

/* What is due for this reason is so at once, or as soon as it may be. */
static void take_call(struct reconcile *r, const struct wake_call *call)
{
        if (call->fresh_settings)
                take_settings(r, &call->settings);
        r->network.due |= (call->why & RECONCILE_NETWORK) != 0;
        if (call->why & RECONCILE_PROBE)
                probe_want(&r->probe);
        if (call->why & RECONCILE_FIREWALL)
                firewall_hasten(&r->firewalls);
        if (call->why & RECONCILE_PODS)
                reclaim_hasten(&r->reclaim);
}

static void *thread_main(void *data)
{
        struct reconcile *r = data;
        unsigned in_a_row = 0;
        int64_t at_ms = 0;

        for (;;) {
                struct wake_call call;

                if (at_ms == 0 && ++in_a_row > ROUNDS_WITHOUT_PAUSE_MAX) {
                        log_error("reconcile loop does not settle; pausing", LOG_INT("rounds", in_a_row));
                        in_a_row = 0;
                        at_ms = clock_boottime_ms() + ROUND_RETRY_MS;
                } else if (at_ms != 0) {
                        in_a_row = 0;
                }
                call = wake_wait(&r->wake, at_ms);
                if (call.stop)
                        return NULL;
                take_call(r, &call);
                at_ms = round_run(r);
        }
}

int reconcile_start(const struct reconcile_options *options, struct reconcile **ret, struct err *err)
{
        struct loop *loop = XNEW(struct loop);
        _cleanup_(reconcile_stopp) struct reconcile *r = &loop->reconcile;
        int e;

        if (reconcile_open(r, options, err) < 0)
                return -(int)err->code;
        e = pthread_create(&loop->thread, NULL, thread_main, r);
        if (e)
                return err_set_errno(err, e, "start the reconciler's thread");
        loop->started = true;
        *ret = TAKE_PTR(r);
        return 0;
}

struct reconcile *reconcile_stop(struct reconcile *r)
{
        struct loop *loop = (struct loop *)r;

        if (!r)
                return NULL;
        if (loop->started) {
                http_cancel_all(&r->ctx.cancel);
                wake_stop(&r->wake);
                pthread_join(loop->thread, NULL);
        }
        reconcile_done(r);
        free(loop);
        return NULL;
}

void reconcile_wake(struct reconcile *r, unsigned why)
{
        wake_tell(&r->wake, why);
}

void reconcile_set(struct reconcile *r, const struct reconcile_settings *settings)
{
        wake_set(&r->wake, settings);
}

int64_t reconcile_looked_ms(const struct reconcile *r)
{
        return r->looked_ms;
}

struct node_ports reconcile_ports(const struct reconcile *r)
{
        return node_ports(r->ctx.node);
}
