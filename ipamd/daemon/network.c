// SPDX-License-Identifier: Apache-2.0
#include "daemon/network.h"

#include <vpcwire/log.h>
#include <vpcwire/loop_room.h>

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

static void on_readable(uv_poll_t *poll, int status, int events _unused_)
{
        struct daemon_network *network = poll->data;
        unsigned changed = 0;
        struct err err;

        if (node_monitor_read(network->monitor, &changed, &err) < 0) {
                log_error("the kernel's notifications are lost; the network is still looked at every minute",
                          LOG_ERR(&err));
                for (int i = 0; i < NODE_MONITOR_FDS; i++)
                        uv_poll_stop(&network->polls[i]);
                return;
        }
        /* Notifications that were lost are an error of the socket, after which libuv polls it no more. */
        if (status < 0)
                uv_poll_start(poll, UV_READABLE, on_readable);
        network->why |= reasons(changed);
        wake(network);
}

int daemon_network_start(struct daemon_network *network, uv_loop_t *loop, struct reconcile *reconcile,
                         const char *veth_prefix, struct err *err)
{
        int fds[NODE_MONITOR_FDS];

        network->reconcile = reconcile;
        if (node_monitor_open(veth_prefix, reconcile_ports(reconcile), &network->monitor, err) < 0)
                return err_wrap(err, "watch the host's network");
        uv_timer_init(loop, &network->settle);
        network->settle.data = network;
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
