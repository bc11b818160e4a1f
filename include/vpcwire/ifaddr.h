// SPDX-License-Identifier: Apache-2.0
/* Addresses on links. Does not go together with <net/if.h>, whose old `struct ifaddr` nobody uses: take <linux/if.h>. */
#ifndef VPCWIRE_IFADDR_H
#define VPCWIRE_IFADDR_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "netlink.h"

struct arena;

struct ifaddr {
        unsigned ifindex;
        struct prefix prefix; /* the address with its prefix length: host bits are kept */
        uint8_t scope;        /* RT_SCOPE_UNIVERSE (0), RT_SCOPE_LINK, RT_SCOPE_HOST */
        uint32_t flags; /* IFA_F_NODAD, IFA_F_NOPREFIXROUTE; a dump has IFA_F_PERMANENT and the like too */
};

int ifaddr_add(struct netlink *nl, const struct ifaddr *ifaddr, struct err *err); /* ERR_EXISTS */
int ifaddr_replace(struct netlink *nl, const struct ifaddr *ifaddr, struct err *err);
/* By index, address and length. ERR_NOT_FOUND when it is not there. */
int ifaddr_delete(struct netlink *nl, const struct ifaddr *ifaddr, struct err *err);
/* Addresses of one family (AF_UNSPEC: both) and link (0: all), sorted by ifaddr_compare(), in the arena. */
int ifaddr_dump(struct netlink *nl, struct arena *arena, int family, unsigned ifindex, struct ifaddr **ret,
                size_t *ret_n, struct err *err);
/* Order by index, address, length: what identifies an address. */
int ifaddr_compare(const struct ifaddr *a, const struct ifaddr *b);

#endif
