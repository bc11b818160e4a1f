// SPDX-License-Identifier: Apache-2.0
/* What the two readers of firewalls share. Private to them. */
#ifndef FIREWALL_PARTS_H
#define FIREWALL_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include <vpcwire/err.h>

struct arena;
struct firewall_drop;

struct firewall {
        struct arena *arena;
        const char *veth_prefix;
        struct firewall_drop *drops;
        size_t n_drops, capacity;
};

/* What a walk over a chain's rules, and those it jumps to, has found. */
struct firewall_walk {
        bool accepts_from_pods, accepts_to_pods;
        bool drops_the_rest;   /* by a rule without conditions */
        bool accepts_the_rest; /* the same */
        bool ufw, docker;      /* a chain on the way is theirs */
};

/* Notes the chain if it drops; policy_drops: what no rule decides is dropped. */
void firewall_judge(struct firewall *firewall, const struct firewall_walk *walk, bool policy_drops,
                    const char *where, const char *remedy);

int firewall_look_legacy(struct firewall *firewall, struct err *err);

#endif
