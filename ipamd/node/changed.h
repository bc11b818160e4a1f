// SPDX-License-Identifier: Apache-2.0
/* What the monitor tells: a mask of these. */
#ifndef NODE_CHANGED_H
#define NODE_CHANGED_H

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

#endif
