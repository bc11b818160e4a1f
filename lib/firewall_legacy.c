// SPDX-License-Identifier: Apache-2.0
/*
 * iptables-legacy's side: the filter table as the kernel hands it out. A table is only read where it is there already:
 * asking for it would make it.
 *
 * The table is one blob of entries. A hook's chain begins at hook_entry[] and its policy is the entry at underflow[]; a chain
 * of the user's ends with a RETURN without conditions. A verdict below 0 is -NF_ACCEPT - 1 and so on; one above is the offset
 * of the chain that is jumped to.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>

#include <vpcwire/file.h>
#include <vpcwire/mem.h>

#include "firewall_parts.h"

enum {
        NAMES_BYTES_MAX = 4096,
        TABLE_BYTES_MAX = 64 * 1024 * 1024,
        JUMPS_MAX = 8,
        VERDICT_ACCEPT = -NF_ACCEPT - 1,
        VERDICT_DROP = -NF_DROP - 1,
        VERDICT_RETURN = -NF_REPEAT - 1,
};
#define TABLE       "filter"
#define TABLES_FILE "/proc/net/ip_tables_names"

struct table {
        const struct firewall *firewall;
        const char *entries;
        size_t bytes;
        size_t policy_at; /* the offset of FORWARD's policy: its own entries end there */
};

static bool table_is_there(void)
{
        _cleanup_free_ char *names = NULL;
        char *rest, *name;

        if (file_read(TABLES_FILE, NAMES_BYTES_MAX, &names, NULL, NULL) < 0)
                return false; /* a kernel without it */
        for (name = strtok_r(names, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest)) {
                if (strcmp(name, TABLE) == 0)
                        return true;
        }
        return false;
}

static const struct ipt_entry *entry_at(const struct table *table, size_t offset)
{
        const struct ipt_entry *entry = (const void *)(table->entries + offset);

        if (offset + sizeof(*entry) > table->bytes || entry->next_offset < sizeof(*entry) ||
            entry->target_offset + sizeof(struct xt_entry_target) > entry->next_offset ||
            offset + entry->next_offset > table->bytes)
                return NULL;
        return entry;
}

/* Whether the entry's target is a verdict or a jump. */
static bool read_verdict(const struct ipt_entry *entry, int *ret)
{
        const struct xt_standard_target *target = (const void *)((const char *)entry + entry->target_offset);

        if (target->target.u.user.name[0] != '\0' ||
            entry->target_offset + sizeof(*target) > entry->next_offset)
                return false;
        *ret = target->verdict;
        return true;
}

static bool all_zero(const void *bytes, size_t n)
{
        const unsigned char *byte = bytes;

        for (size_t i = 0; i < n; i++) {
                if (byte[i])
                        return false;
        }
        return true;
}

/* Whether the interface of a condition is "eni+". */
static bool names_the_links(const struct table *table, const char *name, const unsigned char *mask)
{
        size_t n = strlen(table->firewall->veth_prefix);

        return memcmp(name, table->firewall->veth_prefix, n) == 0 && !all_zero(mask, n) && mask[n] == 0;
}

static void walk_chain(const struct table *table, size_t offset, unsigned depth, struct firewall_walk *walk);

/* Whether the entry decides about everything, so that no later one is reached. */
static bool walk_entry(const struct table *table, const struct ipt_entry *entry, unsigned depth,
                       struct firewall_walk *walk)
{
        bool without_matches = entry->target_offset == sizeof(*entry);
        bool any_in = all_zero(entry->ip.iniface_mask, sizeof(entry->ip.iniface_mask));
        bool any_out = all_zero(entry->ip.outiface_mask, sizeof(entry->ip.outiface_mask));
        struct ipt_ip rest = entry->ip;
        int verdict;

        if (!read_verdict(entry, &verdict) || !without_matches)
                return false;
        memset(rest.iniface, 0, sizeof(rest.iniface));
        memset(rest.outiface, 0, sizeof(rest.outiface));
        memset(rest.iniface_mask, 0, sizeof(rest.iniface_mask));
        memset(rest.outiface_mask, 0, sizeof(rest.outiface_mask));
        rest.flags = 0; /* says only how the target is reached */
        if (!all_zero(&rest, sizeof(rest)))
                return false;
        if (verdict == VERDICT_ACCEPT && any_out &&
            names_the_links(table, entry->ip.iniface, entry->ip.iniface_mask))
                walk->accepts_from_pods = true;
        if (verdict == VERDICT_ACCEPT && any_in &&
            names_the_links(table, entry->ip.outiface, entry->ip.outiface_mask))
                walk->accepts_to_pods = true;
        if (!any_in || !any_out)
                return false;
        if (verdict >= 0)
                walk_chain(table, (size_t)verdict, depth + 1, walk);
        walk->accepts_the_rest |= verdict == VERDICT_ACCEPT;
        walk->drops_the_rest |= verdict == VERDICT_DROP;
        return walk->accepts_the_rest || walk->drops_the_rest || verdict == VERDICT_RETURN;
}

static void walk_chain(const struct table *table, size_t offset, unsigned depth, struct firewall_walk *walk)
{
        const struct ipt_entry *entry;

        if (depth > JUMPS_MAX)
                return;
        for (; offset != table->policy_at && (entry = entry_at(table, offset));
             offset += entry->next_offset) {
                if (walk_entry(table, entry, depth, walk))
                        return;
        }
}

static void judge_forward(struct firewall *firewall, const struct ipt_getinfo *info, const char *entries)
{
        const struct table table = {firewall, entries, info->size, info->underflow[NF_INET_FORWARD]};
        const struct ipt_entry *policy = entry_at(&table, table.policy_at);
        struct firewall_walk walk = {0};
        int verdict = VERDICT_ACCEPT;

        walk_chain(&table, info->hook_entry[NF_INET_FORWARD], 0, &walk);
        firewall_judge(firewall, &walk, policy && read_verdict(policy, &verdict) && verdict == VERDICT_DROP,
                       "iptables-legacy chain FORWARD",
                       arena_printf(firewall->arena,
                                    "iptables-legacy -I FORWARD -i %1$s+ -j ACCEPT; "
                                    "iptables-legacy -I FORWARD -o %1$s+ -j ACCEPT",
                                    firewall->veth_prefix));
}

int firewall_look_legacy(struct firewall *firewall, struct err *err)
{
        _cleanup_close_ int fd = -1;
        _cleanup_free_ struct ipt_get_entries *table = NULL;
        struct ipt_getinfo info = {.name = TABLE};
        socklen_t bytes = sizeof(info);

        if (!table_is_there())
                return 0;
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || getsockopt(fd, IPPROTO_IP, IPT_SO_GET_INFO, &info, &bytes) < 0)
                return err_set_errno(err, errno, "look at iptables-legacy's table " TABLE);
        if (info.size > TABLE_BYTES_MAX)
                return err_set(err, ERR_LIMIT, "iptables-legacy's table " TABLE " has %u bytes", info.size);
        table = (void *)XNEW_ARRAY(char, sizeof(*table) + info.size);
        memcpy(table->name, TABLE, sizeof(TABLE));
        table->size = info.size;
        bytes = (socklen_t)(sizeof(*table) + info.size);
        if (getsockopt(fd, IPPROTO_IP, IPT_SO_GET_ENTRIES, table, &bytes) < 0)
                return err_set_errno(err, errno, "read iptables-legacy's table " TABLE);
        judge_forward(firewall, &info, (const char *)table->entrytable);
        return 0;
}
