// SPDX-License-Identifier: Apache-2.0
/*
 * What aws-vpc-cni leaves in the kernel, and ours makes superfluous: two rules and a route per pod, a rule per ENI, the
 * rule for marked packets, its nftables table, and its chains and rules in the tables of iptables-nft and iptables-legacy.
 * Removed once ours stand.
 */
#ifndef IPAMD_MIGRATE_LEGACY_H
#define IPAMD_MIGRATE_LEGACY_H

#include <stddef.h>
#include <stdint.h>

#include <vpcwire/addr.h>
#include <vpcwire/err.h>

struct arena;
struct netlink;

/* Whose: the caller's. */
struct legacy {
        const struct ip *pods;
        size_t n_pods;
        const struct ip *enis; /* their primary addresses */
        size_t n_enis;
        uint32_t
                connmark; /* AWS_VPC_K8S_CNI_CONNMARK, as we have it; the one that both have by default counts too */
};

/* Rules and host routes of these pods and ENIs, and the one for marked packets. *ret_n counts what went. */
int legacy_remove_rules(struct netlink *nl, struct arena *arena, const struct legacy *legacy, unsigned *ret_n,
                        struct err *err);
/* Its packet filter. *ret_n counts what went. */
int legacy_remove_nft(uint32_t connmark, unsigned *ret_n, struct err *err);
/*
 * Its packet filter in iptables-legacy, where that is in use, under iptables' lock file. Does not wait for the lock: ERR_BUSY,
 * and try again, while somebody else has it or has changed a table without it. *ret_n as above.
 */
int legacy_remove_xtables(const char *lock, unsigned *ret_n, struct err *err);
#endif
