// SPDX-License-Identifier: Apache-2.0
/* What a notification means to us. Private to this folder; no sockets here. */
#ifndef NODE_MONITOR_EVENTS_H
#define NODE_MONITOR_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/changed.h"
#include "node/want.h"
#include "node/wired.h"

struct nlmsghdr;

/* The last that we heard of a link: only a difference is news. */
struct monitor_link {
        unsigned ifindex, mtu;
        bool up;
        char name[LINK_NAME_BYTES];
};

struct monitor_events {
        char veth_prefix[NODE_VETH_PREFIX_MAX + 1];
        struct node_ports own;
        bool nft_touched;           /* in the transaction whose end we have not read yet */
        struct monitor_link *links; /* of those that are no pod's */
        size_t n_links, capacity;
        struct monitor_link *pods; /* of pods' host links that the plugin is done with */
        size_t n_pods, pods_capacity;
        struct node_wired *wired; /* what nobody has taken yet */
        size_t n_wired, wired_capacity;
};

/* A mask of enum node_changed. Messages that make no sense mean nothing. */
typedef unsigned monitor_event(struct monitor_events *events, const struct nlmsghdr *hdr);
monitor_event monitor_event_route, monitor_event_nft;
/* The same of all messages in a datagram, up to the first whose length is not true. */
unsigned monitor_event_datagram(struct monitor_events *events, const void *datagram, size_t n,
                                monitor_event *event);

#endif
