// SPDX-License-Identifier: Apache-2.0
/*
 * Two threads: this loop (RPC, signals, the kernel's notifications) and the reconciler. The loop never waits for the
 * cloud. Order of the start: the lock (and whether the socket is to be had), the database, the reconciler, and the socket
 * last: who can connect is served.
 */
#include "daemon/daemon.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include <vpcwire/clock.h>
#include <vpcwire/listen.h>
#include <vpcwire/log.h>
#include <vpcwire/mem.h>

#include "config/config.h"
#include "daemon/commands.h"
#include "daemon/database_open.h"
#include "daemon/network.h"
#include "daemon/notify.h"
#include "daemon/sandbox.h"
#include "daemon/signals.h"
#include "daemon/web.h"
#include "install/announce.h"
#include "metrics/metrics.h"
#include "reconcile/reconcile.h"
#include "report/alarm_watch.h"
#include "rpc/server.h"
#include "store/store.h"

struct daemon {
        struct config *config; /* what is in force; SIGHUP changes it */
        struct daemon_web web;
        const char *conf_path;
        struct database_locks locks;
        struct store *store;
        struct rpc *rpc;
        struct reconcile *reconcile;
        struct daemon_network network;
        struct alarm_watch *alarms;
        struct announce *announce; /* NULL: the conflist is not ours to install */
        uv_loop_t loop;
        uv_async_t changed;
        uv_signal_t signals[SIGNALS];
        bool node_known;
};

static struct reconcile_settings settings_of(const struct config *config)
{
        return (struct reconcile_settings){
                .targets = config->targets,
                .cooldown_ms = (int64_t)config->ip_cooldown_s * 1000,
                .orphan_grace_ms = (int64_t)config->orphan_grace_s * 1000,
                .resync_period_ms = (int64_t)config->resync_period_s * 1000,
                .block_imds = config->block_imds,
                .egress = config->egress,
        };
}

/* They live as long as the config's own. */
static const struct ipam_warning *warnings_of(const struct config *config)
{
        const struct config_warnings *from = &config->warnings;
        struct ipam_warning *warnings = ARENA_ARRAY(from->arena, struct ipam_warning, from->n);

        for (size_t i = 0; i < from->n; i++)
                warnings[i] = (struct ipam_warning){
                        .subject = from->list[i].setting, .reason = from->list[i].text, .setting = true};
        return warnings;
}

static struct rpc_settings rpc_settings_of(const struct config *config)
{
        return (struct rpc_settings){
                .node_name = config->node_name,
                .targets = config->targets,
                .cooldown_ms = (int64_t)config->ip_cooldown_s * 1000,
                .mtu = config->pod_mtu,
                .egress = &config->egress,
                .veth_prefix = config->veth_prefix,
                .eni_mtu = config->eni_mtu,
                .block_imds = config->block_imds,
                .log_level = config->log_level,
                .warnings = warnings_of(config),
                .n_warnings = config->warnings.n,
        };
}

/* ---- the reconciler and the loop wake one another ---- */

static void on_pool_drawn(void *data)
{
        struct daemon *d = data;

        reconcile_wake(d->reconcile, RECONCILE_POOL);
        alarm_watch_changed(d->alarms);
}

static int read_vpc_cidrs(void *data, struct arena *arena, const struct prefix **ret, size_t *ret_n,
                          struct err *err)
{
        const struct daemon *d = data;
        struct reconcile_node node = {0};
        bool known;

        if (reconcile_read_node(d->store, arena, &known, &node, err) < 0)
                return -(int)err->code;
        *ret = node.vpc_cidrs;
        *ret_n = node.n_vpc_cidrs;
        return 0;
}

static int64_t read_looked_ms(void *data)
{
        return reconcile_looked_ms(((const struct daemon *)data)->reconcile);
}

static void on_probe(void *data)
{
        struct daemon *d = data;

        reconcile_wake(d->reconcile, RECONCILE_PROBE);
}

static void on_reconciled(void *data)
{
        struct daemon *d = data;

        uv_async_send(&d->changed);
}

static void tell_node(struct daemon *d)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct reconcile_node node;
        struct err err;

        if (reconcile_read_node(d->store, arena, &d->node_known, &node, &err) < 0) {
                log_error("reading the node's identity failed", LOG_ERR(&err));
                return;
        }
        if (!d->node_known)
                return;
        rpc_set_node(d->rpc,
                     &(struct rpc_node){.node = {.instance_id = node.instance_id,
                                                 .instance_type = node.instance_type,
                                                 .region = node.region,
                                                 .availability_zone = node.zone,
                                                 .vpc_id = node.vpc_id,
                                                 .subnet_id = node.subnet_id,
                                                 .primary_address = node.primary_address},
                                        .max_enis = node.limits.max_enis,
                                        .addresses_per_eni =
                                                node.limits.ipv4_per_eni ? node.limits.ipv4_per_eni - 1 : 0});
        d->node_known = node.limits.max_enis > 0;
}

/* Running pods are hurt when the host's network stays broken, or when EC2, or a route, took addresses from under them. */
static void tell_impaired(struct daemon *d)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const char *reason = NULL;
        struct condition *conditions;
        struct store_counts counts;
        struct err err;
        size_t n;

        if (store_conditions(d->store, arena, &conditions, &n, &err) < 0 ||
            store_counts(d->store, clock_boottime_ms(), &counts, &err) < 0) {
                log_error("reading the conditions failed", LOG_ERR(&err));
                return;
        }
        if (counts.lost)
                reason = arena_printf(arena,
                                      "%u pods have addresses that EC2 does not assign to this node any more",
                                      counts.lost);
        for (size_t i = 0; i < n; i++) {
                if (conditions[i].kind == CONDITION_POD_ROUTE && !reason)
                        reason = arena_printf(arena, "%s: %s", conditions[i].object, conditions[i].message);
                if (conditions[i].kind == CONDITION_STEP_NETWORK)
                        reason = conditions[i].message;
        }
        rpc_set_impaired(d->rpc, reason);
}

static void on_changed(uv_async_t *async)
{
        struct daemon *d = async->data;

        if (!d->rpc)
                return;
        if (!d->node_known)
                tell_node(d);
        tell_impaired(d);
        rpc_pool_changed(d->rpc);
        alarm_watch_changed(d->alarms);
        if (d->announce)
                announce_check(d->announce);
}

/* ---- the container runtime ---- */

static bool is_ready(void *data)
{
        struct daemon *d = data;

        return rpc_is_ready(d->rpc);
}

static int start_announce(struct daemon *d, struct err *err)
{
        _cleanup_free_ char *marker = command_marker(d->config);
        const struct announce_options options = {
                .paths = command_paths(d->config), .marker = marker, .is_ready = is_ready, .data = d};

        return options.paths.conf_folder ? announce_new(&d->loop, &options, &d->announce, err) : 0;
}

/* ---- signals ---- */

/* Whoever has a part of the settings gets it anew. */
static void apply_settings(struct daemon *d)
{
        const struct reconcile_settings settings = settings_of(d->config);
        const struct rpc_settings rpc_settings = rpc_settings_of(d->config);

        log_set_level(d->config->log_level);
        store_set_cooldown(d->store, settings.cooldown_ms);
        rpc_set_settings(d->rpc, &rpc_settings);
        reconcile_set(d->reconcile, &settings);
        alarm_watch_changed(d->alarms);
}

static void reload(struct daemon *d)
{
        _cleanup_(config_freep) struct config *fresh = NULL;
        struct err err;

        if (config_load(d->conf_path, &fresh, &err) < 0) {
                log_error("reload failed; the old settings stay in force", LOG_ERR(&err));
                config_reload_refused(d->config, d->conf_path, &err);
                metrics_set(d->web.metrics, METRIC_CONFIG_RELOAD, NO_LABELS, 0);
                apply_settings(d);
                return;
        }
        metrics_set(d->web.metrics, METRIC_CONFIG_RELOAD, NO_LABELS, 1);
        for (const char *const *name = config_take_reloadable(d->config, fresh); *name; name++)
                log_warn("changed setting needs a restart", LOG_STR("setting", *name));
        config_log_warnings(d->config);
        apply_settings(d);
        log_info("settings reloaded");
}

static void on_signal(uv_signal_t *signal, int number)
{
        struct daemon *d = signal->data;

        if (number == SIGHUP) {
                notify_reloading();
                reload(d);
                notify_ready();
                return;
        }
        log_info("stopping", LOG_INT("signal", number));
        notify_stopping();
        uv_stop(&d->loop);
}

static void watch_signals(struct daemon *d)
{
        for (int i = 0; i < SIGNALS; i++) {
                uv_signal_init(&d->loop, &d->signals[i]);
                d->signals[i].data = d;
                uv_signal_start(&d->signals[i], on_signal, signals_heeded[i]);
        }
        signals_release();
}

/* ---- start and end ---- */

static int start_reconciler(struct daemon *d, const struct store_options *store, struct err *err)
{
        const struct config *c = d->config;
        struct reconcile_options options = {
                .store = *store,
                .metrics = d->web.metrics,
                .calls = d->web.calls,
                .settings = settings_of(c),
                .imds_endpoint = c->imds_endpoint,
                .imds_ipv6 = c->imds_ipv6,
                .ec2_endpoint = c->ec2_endpoint,
                .sts_endpoint = c->sts_endpoint,
                .use_fips = c->use_fips,
                .use_dualstack = c->use_dualstack,
                .ca_file = c->ca_file,
                .region = c->region,
                .http_timeout_ms = c->http_timeout_s * 1000,
                .eni_mtu = c->eni_mtu,
                .veth_prefix = c->veth_prefix,
                .cluster_name = c->cluster_name,
                .finds_subnets = c->finds_subnets,
                .backing_store = c->backing_store,
                .xtables_lock = c->xtables_lock,
                .tags = c->tags,
                .n_tags = c->n_tags,
                .changed = on_reconciled,
                .changed_data = d,
        };

        return reconcile_start(&options, &d->reconcile, err);
}

static int start(struct daemon *d, struct err *err)
{
        const struct config *c = d->config;
        const struct store_options store = database_options(c);
        struct rpc_options rpc = {.socket_path = c->socket_path,
                                  .metrics = d->web.metrics,
                                  .settings = rpc_settings_of(c),
                                  .wake = on_pool_drawn,
                                  .wake_data = d,
                                  .vpc_cidrs = read_vpc_cidrs,
                                  .vpc_cidrs_data = d,
                                  .looked_ms = read_looked_ms,
                                  .looked_data = d,
                                  .probe = on_probe,
                                  .probe_data = d};

        /* Before anything is changed or started: a daemon that cannot serve does nothing at all. */
        if (database_lock(c->db_path, &d->locks, err) < 0 || listen_prepare(c->socket_path, err) < 0 ||
            database_open(c, &store, &d->locks, &d->store, err) < 0 || start_reconciler(d, &store, err) < 0 ||
            daemon_network_start(&d->network, &d->loop, d->reconcile, d->store, c->veth_prefix, err) < 0)
                return -(int)err->code;
        rpc.store = d->store;
        if (rpc_new(&d->loop, &rpc, &d->rpc, err) < 0)
                return err_wrap(err, "serve");
        metrics_set(d->web.metrics, METRIC_CONFIG_RELOAD, NO_LABELS, 1);
        tell_node(d);
        d->alarms = alarm_watch_new(&d->loop, d->store, c, read_looked_ms, d);
        if (start_announce(d, err) < 0)
                return -(int)err->code;
        return daemon_web_start(&d->web, &d->loop, d->rpc, d->store, err);
}

static void close_handle(uv_handle_t *handle, void *data _unused_)
{
        if (!uv_is_closing(handle))
                uv_close(handle, NULL);
}

/* The server first (pending ADDs are told), the reconciler next (a call that runs is given some seconds), the database and the lock last. */
static void stop(struct daemon *d)
{
        daemon_web_stop(&d->web);
        d->alarms = alarm_watch_free(d->alarms);
        d->announce = announce_free(d->announce);
        d->rpc = d->rpc ? rpc_free(d->rpc) : NULL;
        d->reconcile = reconcile_stop(d->reconcile);
        uv_walk(&d->loop, close_handle, NULL);
        uv_run(&d->loop, UV_RUN_DEFAULT);
        uv_loop_close(&d->loop);
        daemon_network_done(&d->network);
        store_free(d->store);
        daemon_web_done(&d->web);
        database_unlock(&d->locks);
}

int daemon_run(struct config *config, const char *conf_path, struct err *err)
{
        struct daemon d = {.config = config, .conf_path = conf_path, .locks = DATABASE_UNLOCKED};
        int e;

        umask(077);
        signal(SIGPIPE, SIG_IGN);
        if (uv_loop_init(&d.loop) < 0)
                return err_set(err, ERR_SYSTEM, "no event loop");
        daemon_web_init(&d.web, config);
        uv_async_init(&d.loop, &d.changed, on_changed);
        d.changed.data = &d;
        watch_signals(&d);
        e = sandbox_enter(err);
        if (e == 0)
                e = start(&d, err);
        if (e == 0) {
                log_info("serving", LOG_STR("version", VPCWIRE_VERSION),
                         LOG_STR("socket", config->socket_path), LOG_STR("database", config->db_path));
                notify_ready();
                uv_run(&d.loop, UV_RUN_DEFAULT);
        }
        stop(&d);
        log_flush();
        if (e == 0)
                log_info("stopped");
        return e;
}
