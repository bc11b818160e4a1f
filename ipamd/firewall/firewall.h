// SPDX-License-Identifier: Apache-2.0
/*
 * Other people's firewalls: which of them drop what the node forwards, and with that the pods' packets. Looking
 * changes nothing. In the calling thread's network namespace; needs CAP_NET_ADMIN.
 *
 * What can be seen: base chains at the forward hook in nftables (iptables-nft's among them), and the FORWARD chain of
 * iptables-legacy. A chain is named when what its rules do not accept is dropped (by its policy or by a last rule) and no rule
 * accepts all that comes from the pods' links and all that goes to them. Rules with finer conditions are not weighed.
 */
#ifndef VPCWIRE_FIREWALL_H
#define VPCWIRE_FIREWALL_H

#include <stddef.h>

#include <vpcwire/err.h>

struct arena;

struct firewall_drop {
        const char *where;  /* "nftables chain inet filter forward" */
        const char *why;    /* "its policy is drop" */
        const char *remedy; /* commands */
};

/* All that drop, in the arena. veth_prefix: what the pods' links begin with. */
int firewall_look(struct arena *arena, const char *veth_prefix, struct firewall_drop **ret, size_t *ret_n,
                  struct err *err);

/* The names of a table's chains, in the arena; none where there is no such table. */
int firewall_table_chains(struct arena *arena, const char *family, const char *table, const char ***ret,
                          size_t *ret_n, struct err *err);

/* A table as `nft list table` shows it; free it. ERR_NOT_FOUND where there is none. */
int firewall_table_text(const char *family, const char *table, char **ret, struct err *err);

enum firewall_how {
        FIREWALL_COMMIT, /* in a namespace of the caller's own: it changes something */
        FIREWALL_DRY,    /* the kernel takes it and does nothing */
};

/* Runs nft commands. The error has nft's first line; ERR_DENIED: this process may not use nftables. */
int firewall_try(const char *commands, enum firewall_how how, struct err *err);

#endif
