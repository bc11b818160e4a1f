// SPDX-License-Identifier: Apache-2.0
/* struct fabric: what was made, so that it can be changed and removed. Internal to fabric*.c. */
#ifndef VPCSIM_FABRIC_PRIVATE_H
#define VPCSIM_FABRIC_PRIVATE_H

#include "fabric.h"
#include "fabric_link.h"
#include "fabric_nft.h"
#include "fabric_space.h"

enum { FABRIC_PREFIX_MAX = 8, FABRIC_NODE_NAME_MAX = 32 };

struct fabric_node {
        char *name;
        struct fabric_space space;
};

struct fabric_public {
        struct ip private_address, public_address;
};

struct fabric {
        char prefix[FABRIC_PREFIX_MAX + 1];
        int alive_fd; /* tells fabric_clean() that we live */
        struct fabric_space vpc, inet;
        struct fabric_nft *nft;
        struct fabric_node *nodes;
        size_t n_nodes, nodes_capacity;
        struct fabric_link **links;
        size_t n_links, links_capacity;
        unsigned links_made; /* ever: names are not used twice */
        size_t n_networks;   /* their namespaces are among the nodes' */
        struct fabric_public *publics;
        size_t n_publics, publics_capacity;
};

/* NULL when there is none. */
struct fabric_node *fabric_find_node(struct fabric *fabric, const char *name);
struct fabric_link *fabric_find_link(struct fabric *fabric, const char *eni_id);

/* A namespace under a name of its own; *ret is good until the next one is added or removed. */
int fabric_add_space(struct fabric *fabric, const char *name, const struct fabric_sysctl *sysctls,
                     struct fabric_space **ret, struct err *err);

/* The far end of each link that leaves the fabric. */
#define FABRIC_FAR_LINK "vpc"

/* A link to another namespace. Ends are "address/length"; number makes its MACs different from the others'. */
struct fabric_joint {
        const char *link; /* its name in the fabric */
        const char *fabric_end, *far_end;
        unsigned number, mtu;
};

int fabric_join(const struct fabric_space *vpc, const struct fabric_space *far,
                const struct fabric_joint *joint, struct err *err);
/* A route via an end of a link; source is the one that connections from here get, IP_NONE: the kernel's choice. */
struct fabric_way {
        const char *end, *link;
        struct ip source;
};

int fabric_route(const struct fabric_space *space, const char *dst, const struct fabric_way *way,
                 struct err *err);

/* fabric_ipv6.c: the fabric's table and routes, and what the boot of an instance does with the primary ENI's addresses. */
int fabric_ipv6_start(struct fabric *fabric, struct err *err);
int fabric_ipv6_boot_primary(const struct fabric_space *node, const struct fabric_eni *eni, struct err *err);

/* The fabric's namespaces, the link between them and what lies behind it. On failure the caller removes the spaces. */
int fabric_base_create(struct fabric *fabric, struct err *err);

#endif
