// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <vpcwire/mem.h>

#include "node/monitor.h"
#include "node/monitor_events.h"

enum {
        DATAGRAM_BYTES = 64 * 1024,
        RECEIVE_BUFFER_BYTES = 1024 * 1024,
        DATAGRAMS_PER_READ = 4096, /* then others get their turn; what is left keeps the fd readable */
};

enum { ROUTE_SOCKET, NFT_SOCKET };

struct node_monitor {
        int fds[NODE_MONITOR_FDS];
        struct monitor_events events;
        char *datagram; /* DATAGRAM_BYTES */
};

static int subscribe(int protocol, const unsigned *groups, size_t n, int *ret_fd, struct err *err)
{
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
        const struct sockaddr_nl address = {.nl_family = AF_NETLINK};
        const int bytes = RECEIVE_BUFFER_BYTES;

        if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return err_set_errno(err, errno, "open netlink protocol %d to listen", protocol);
        if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
                (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
        for (size_t i = 0; i < n; i++) {
                if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i])) < 0)
                        return err_set_errno(err, errno, "listen to netlink protocol %d, group %u", protocol,
                                             groups[i]);
        }
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* The links that are there already: the answer is read like notifications about new ones. */
static int ask_for_links(int fd, struct err *err)
{
        const struct {
                struct nlmsghdr header;
                struct ifinfomsg links;
        } request = {
                .header = {.nlmsg_len = sizeof(request),
                           .nlmsg_type = RTM_GETLINK,
                           .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
                .links = {.ifi_family = AF_UNSPEC},
        };

        if (send(fd, &request, sizeof(request), 0) < 0)
                return err_set_errno(err, errno, "ask for the links");
        return 0;
}

int node_monitor_open(const char *veth_prefix, struct node_ports own, struct node_monitor **ret,
                      struct err *err)
{
        static const unsigned route_groups[] = {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE,
                                                RTNLGRP_IPV4_RULE, RTNLGRP_IPV4_NETCONF};
        static const unsigned nft_groups[] = {NFNLGRP_NFTABLES};
        _cleanup_(node_monitor_freep) struct node_monitor *monitor = XNEW(struct node_monitor);
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(monitor->fds); i++)
                monitor->fds[i] = -1;
        if (!veth_prefix[0] || strlen(veth_prefix) > NODE_VETH_PREFIX_MAX)
                return err_set(err, ERR_INVALID, "veth prefix '%s': 1..%d characters are allowed",
                               veth_prefix, NODE_VETH_PREFIX_MAX);
        memcpy(monitor->events.veth_prefix, veth_prefix, strlen(veth_prefix) + 1);
        monitor->events.own = own;
        monitor->datagram = XNEW_ARRAY(char, DATAGRAM_BYTES);
        r = subscribe(NETLINK_ROUTE, route_groups, ARRAY_SIZE(route_groups), &monitor->fds[ROUTE_SOCKET],
                      err);
        if (r == 0)
                r = ask_for_links(monitor->fds[ROUTE_SOCKET], err);
        if (r == 0)
                r = subscribe(NETLINK_NETFILTER, nft_groups, ARRAY_SIZE(nft_groups),
                              &monitor->fds[NFT_SOCKET], err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(monitor);
        return 0;
}

struct node_monitor *node_monitor_free(struct node_monitor *monitor)
{
        if (monitor) {
                for (size_t i = 0; i < ARRAY_SIZE(monitor->fds); i++)
                        cleanup_closep(&monitor->fds[i]);
                free(monitor->events.links);
                free(monitor->events.pods);
                free(monitor->events.wired);
                free(monitor->datagram);
                free(monitor);
        }
        return NULL;
}

void node_monitor_fds(const struct node_monitor *monitor, int fds[static NODE_MONITOR_FDS])
{
        memcpy(fds, monitor->fds, sizeof(monitor->fds));
}

/* One datagram. Returns its size, 0 when there is none now; -ENOBUFS when some were lost. */
static ssize_t receive(struct node_monitor *monitor, int fd)
{
        struct sockaddr_nl sender = {0};
        struct iovec part = {.iov_base = monitor->datagram, .iov_len = DATAGRAM_BYTES};
        struct msghdr datagram = {
                .msg_name = &sender, .msg_namelen = sizeof(sender), .msg_iov = &part, .msg_iovlen = 1};
        ssize_t n;

        for (;;) {
                n = recvmsg(fd, &datagram, 0);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == EAGAIN ? 0 : -errno;
                if (datagram.msg_flags & MSG_TRUNC)
                        return -ENOBUFS;
                if (sender.nl_pid == 0) /* from the kernel, and not from another process */
                        return n;
                datagram.msg_namelen = sizeof(sender);
        }
}

static int drain(struct node_monitor *monitor, size_t which, unsigned *changed, struct err *err)
{
        for (int i = 0; i < DATAGRAMS_PER_READ; i++) {
                ssize_t n = receive(monitor, monitor->fds[which]);

                if (n == 0)
                        return 0;
                if (n == -ENOBUFS) {
                        *changed |= NODE_CHANGED_OVERRUN;
                        continue;
                }
                if (n < 0)
                        return err_set_errno(err, (int)-n, "read netlink notifications");
                *changed |= monitor_event_datagram(&monitor->events, monitor->datagram, (size_t)n,
                                                   which == ROUTE_SOCKET ? monitor_event_route
                                                                         : monitor_event_nft);
        }
        return 0;
}

int node_monitor_read(struct node_monitor *monitor, unsigned *ret_changed, struct err *err)
{
        unsigned changed = 0;

        for (size_t i = 0; i < ARRAY_SIZE(monitor->fds); i++) {
                int r = drain(monitor, i, &changed, err);

                if (r < 0)
                        return r;
        }
        *ret_changed = changed;
        return 0;
}

bool node_monitor_has_wired(const struct node_monitor *monitor)
{
        return monitor->events.n_wired;
}

struct node_wired *node_monitor_take_wired(struct node_monitor *monitor, size_t *ret_n)
{
        struct monitor_events *events = &monitor->events;

        *ret_n = events->n_wired;
        events->n_wired = events->wired_capacity = 0;
        return TAKE_PTR(events->wired);
}
