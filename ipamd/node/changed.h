// SPDX-License-Identifier: Apache-2.0
/* What the monitor tells, a mask of these; and by what it knows who changed it. */
#ifndef NODE_CHANGED_H
#define NODE_CHANGED_H

#include <stdint.h>

enum node_changed {
        NODE_CHANGED_LINKS =
                1 << 0, /* a link is not any more what it was: up, its name, a pod's alias or group */
        NODE_CHANGED_PODS = 1 << 1,     /* a pod's host link is gone */
        NODE_CHANGED_ADDRS = 1 << 2,    /* an address came or went */
        NODE_CHANGED_ROUTES = 1 << 3,   /* a route of ours is gone or was replaced */
        NODE_CHANGED_RULES = 1 << 4,    /* a rule of ours is gone */
        NODE_CHANGED_NFT = 1 << 5,      /* our table was touched */
        NODE_CHANGED_SYSCTLS = 1 << 6,  /* forwarding or rp_filter is not what we set any more */
        NODE_CHANGED_FIREWALL = 1 << 7, /* somebody's forward chain drops now */
        NODE_CHANGED_OVERRUN = 1 << 8,  /* notifications were lost: look at everything */
};

/* The addresses of our own requests' sockets; 0: none. Who asked is reported by these, and by nothing that a thread or a PID namespace changes. */
struct node_ports {
        uint32_t route, nft;
};

#endif
