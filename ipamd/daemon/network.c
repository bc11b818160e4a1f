// SPDX-License-Identifier: Apache-2.0
#include "daemon/network.h"

#include <vpcwire/log.h>
#include <vpcwire/loop_room.h>
#include <vpcwire/mem.h>

#include "reconcile/network.h"
#include "reconcile/reconcile.h"

static unsigned reasons(unsigned changed)
{
        unsigned why = 0;

        if (changed & (NODE_CHANGED_PODS | NODE_CHANGED_OVERRUN))
                why |= RECONCILE_PODS;
        if (changed & (NODE_CHANGED_FIREWALL | NODE_CHANGED_OVERRUN))
                why |= RECONCILE_FIREWALL;
        if (changed & ~(unsigned)(NODE_CHANGED_PODS | NODE_CHANGED_FIREWALL))
                why |= RECONCILE_NETWORK;
        return why;
}

static void on_settled(uv_timer_t *timer);

static void wake(struct daemon_network *network)
{
        if (!network->why || uv_is_active((const uv_handle_t *)&network->settle))
                return;
        reconcile_wake(network->reconcile, network->why);
        network->why = 0;
        uv_timer_start(&network->settle, on_settled, DAEMON_NETWORK_SETTLE_MS, 0);
}

static void on_settled(uv_timer_t *timer)
{
        wake(timer->data);
}

/* Leases that cannot be read let expect nothing. */
static bool all_expected(struct daemon_network *network, const struct node_wired *wired, size_t n_wired)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct lease *leases;
        struct pod_sought *pods;
        struct err err;
        size_t n;

        if (store_leases(network->store, NULL, arena, &leases, &n, &err) < 0) {
                log_warn("reading the leases failed", LOG_ERR(&err));
                return false;
        }
        pods = ARENA_ARRAY(arena, struct pod_sought, n);
        for (size_t i = 0; i < n; i++)
                pods[i] = reclaim_pod_of(&leases[i]);
        for (size_t i = 0; i < n_wired; i++) {
                if (!node_wired_is_expected(&wired[i], pods, n))
                        return false;
        }
        return true;
}

static void on_wired(uv_timer_t *timer)
{
        struct daemon_network *network = timer->data;
        size_t n;
        _cleanup_free_ struct node_wired *wired = node_monitor_take_wired(network->monitor, &n);

        if (!n || all_expected(network, wired, n))
                return;
        network->why |= RECONCILE_NETWORK;
        wake(network);
}

static void on_readable(uv_poll_t *poll, int status, int events _unused_)
{
        struct daemon_network *network = poll->data;
        unsigned changed = 0;
        struct err err;

        if (node_monitor_read(network->monitor, &changed, &err) < 0) {
                log_error("kernel notifications lost: the host network is compared once a minute instead",
                          LOG_ERR(&err));
                for (int i = 0; i < NODE_MONITOR_FDS; i++)
                        uv_poll_stop(&network->polls[i]);
                return;
        }
        /* Notifications that were lost are an error of the socket, after which libuv polls it no more. */
        if (status < 0)
                uv_poll_start(poll, UV_READABLE, on_readable);
        if (node_monitor_has_wired(network->monitor) && !uv_is_active((const uv_handle_t *)&network->wired))
                uv_timer_start(&network->wired, on_wired, DAEMON_NETWORK_WIRED_MS, 0);
        network->why |= reasons(changed);
        wake(network);
}

int daemon_network_start(struct daemon_network *network, uv_loop_t *loop, struct reconcile *reconcile,
                         struct store *store, const char *veth_prefix, struct err *err)
{
        int fds[NODE_MONITOR_FDS];

        network->reconcile = reconcile;
        network->store = store;
        if (node_monitor_open(veth_prefix, reconcile_ports(reconcile), &network->monitor, err) < 0)
                return err_wrap(err, "watch the host's network");
        uv_timer_init(loop, &network->settle);
        network->settle.data = network;
        uv_timer_init(loop, &network->wired);
        network->wired.data = network;
        node_monitor_fds(network->monitor, fds);
        for (int i = 0; i < NODE_MONITOR_FDS; i++) {
                uv_poll_init(loop, &network->polls[i], fds[i]);
                network->polls[i].data = network;
                if (!loop_room(loop, fds[i]))
                        return err_set_errno(err, errno, "watch the host's network");
                uv_poll_start(&network->polls[i], UV_READABLE, on_readable);
        }
        return 0;
}

void daemon_network_done(struct daemon_network *network)
{
        network->monitor = node_monitor_free(network->monitor);
}
