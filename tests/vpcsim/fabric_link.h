// SPDX-License-Identifier: Apache-2.0
/*
 * An attached ENI: a veth pair between the fabric and a node, or of a branch a VLAN on its trunk's, and the fabric's routes
 * and neighbours for its addresses.
 * Internal to fabric*.c.
 */
#ifndef VPCSIM_FABRIC_LINK_H
#define VPCSIM_FABRIC_LINK_H

#include <vpcwire/link.h>

#include "fabric.h"
#include "fabric_space.h"

struct fabric_link {
        char *eni_id, *node;
        char *trunk_id;             /* of a branch; NULL: it is none */
        char name[LINK_NAME_BYTES]; /* in the fabric */
        unsigned ifindex;           /* in the fabric */
        struct mac mac;             /* the ENI's */
        struct ip *addresses;       /* that the fabric delivers to this ENI */
        struct prefix *ipv6;        /* likewise */
        size_t n_addresses, n_ipv6;
        bool unchecked;
};

/*
 * Makes the pair and prepares the fabric's end. number is unique in the life of the fabric. No addresses yet. On
 * failure nothing is left.
 */
int fabric_link_create(const struct fabric_space *vpc, const struct fabric_space *node,
                       const struct fabric_eni *eni, unsigned number, struct fabric_link **ret,
                       struct err *err);
/* The same for a branch: its link is a VLAN of the trunk's, and the node's side of it is the node's to make. */
int fabric_link_create_branch(const struct fabric_space *vpc, const struct fabric_link *trunk,
                              const struct fabric_eni *eni, uint16_t vlan, unsigned number,
                              struct fabric_link **ret, struct err *err);
/* Deletes the link, of a pair both (fine when it is gone) and frees the link. */
int fabric_link_delete(const struct fabric_space *vpc, struct fabric_link *link, struct err *err);
/* Frees the struct, and leaves the pair. */
void fabric_link_free(struct fabric_link *link);

/* Starts or stops delivering to the link: a /32 route and a permanent neighbour each. The link's list is not changed. */
int fabric_link_add_routes(const struct fabric_space *vpc, const struct fabric_link *link,
                           const struct ip *addresses, size_t n, struct err *err);
int fabric_link_delete_routes(const struct fabric_space *vpc, const struct fabric_link *link,
                              const struct ip *addresses, size_t n, struct err *err);

/* What the boot of an instance does with its primary ENI: up, address, default route, link route to the IMDS. */
int fabric_link_boot_primary(const struct fabric_space *node, const struct fabric_eni *eni, struct err *err);

#endif
