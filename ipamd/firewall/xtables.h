// SPDX-License-Identifier: Apache-2.0
/*
 * Tables of iptables-legacy: read, some rules taken out, put back. libiptc does the same, but wants a raw socket, and with
 * that CAP_NET_RAW; the kernel asks for CAP_NET_ADMIN only. In the calling thread's network namespace; IPv4.
 *
 * A table is one blob of entries. A hook's chain begins at hook_entry[] and its policy is the entry at underflow[]; a chain
 * of a user's begins after an entry that bears its name, and ends with a RETURN without conditions; the last entry of all
 * bears a name, too. A verdict below 0 is -NF_ACCEPT - 1 and so on; one above is the offset of the entry that comes next:
 * a chain's first, or the following one for a rule that decides nothing.
 */
#ifndef VPCWIRE_XTABLES_H
#define VPCWIRE_XTABLES_H

#include <stdbool.h>
#include <stddef.h>

#include <netinet/in.h> /* before the kernel's header of the same things */

#include <linux/netfilter_ipv4/ip_tables.h>

#include <vpcwire/cleanup.h>
#include <vpcwire/err.h>

enum { XTABLES_BYTES_MAX = 64 * 1024 * 1024 };

struct xtables {
        struct ipt_getinfo info; /* name, hooks, number and bytes of the entries */
        char *entries;           /* NULL: the kernel has no such table, and was not made to load it */
};

/* Reads the table, each entry of which is then known to lie in it. No table is no error. Free with xtables_done(). */
int xtables_read(const char *name, struct xtables *ret, struct err *err);
void xtables_done(struct xtables *table);

/* The entry at an offset; NULL at the end and where there can be none. The next one is at offset + next_offset. */
const struct ipt_entry *xtables_entry(const struct xtables *table, size_t offset);
/* Whether the entry's target is a verdict or a jump. */
bool xtables_verdict(const struct ipt_entry *entry, int *ret);
/* The name of the chain that begins after the entry; NULL: it is an ordinary rule. */
const char *xtables_chain(const struct ipt_entry *entry);
/* The entry's target by name ("": a verdict or a jump). */
const char *xtables_target(const struct ipt_entry *entry);
/* The text of the entry's comment; "": it has none. */
const char *xtables_comment(const struct ipt_entry *entry);

/*
 * The table without the entries for which gone[] (one per entry, in order) is set; pure. Policies and what is jumped to from a
 * rule that stays must stay: ERR_INVALID. Free *ret with xtables_done().
 */
int xtables_without(const struct xtables *table, const bool *gone, struct xtables *ret, struct err *err);

/*
 * Puts `after`, made of `before` by xtables_without(), in its place; atomic for packets, and rules that stay keep their
 * counters. ERR_BUSY when the kernel's table has another number of entries by now: read it again. Hold the lock.
 */
int xtables_replace(const struct xtables *before, const bool *gone, const struct xtables *after,
                    struct err *err);

/* The lock that iptables -w takes, until *ret_fd is closed. Does not wait: ERR_BUSY while somebody else has it. */
int xtables_lock(const char *path, int *ret_fd, struct err *err);

#endif
