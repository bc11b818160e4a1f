// SPDX-License-Identifier: Apache-2.0
/* iptables-legacy's side: the FORWARD chain of its filter table, and what that jumps to. */
#include <string.h>

#include "firewall/xtables.h"
#include <vpcwire/mem.h>

#include "firewall/parts.h"

enum {
        JUMPS_MAX = 8,
        VERDICT_ACCEPT = -NF_ACCEPT - 1,
        VERDICT_DROP = -NF_DROP - 1,
        VERDICT_RETURN = -NF_REPEAT - 1,
};

struct table {
        const struct firewall *firewall;
        const struct xtables *xtables;
        size_t policy_at; /* the offset of FORWARD's policy: its own entries end there */
};

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

        if (!xtables_verdict(entry, &verdict) || !without_matches)
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
        for (; offset != table->policy_at && (entry = xtables_entry(table->xtables, offset));
             offset += entry->next_offset) {
                if (walk_entry(table, entry, depth, walk))
                        return;
        }
}

static void judge_forward(struct firewall *firewall, const struct xtables *xtables)
{
        const struct table table = {firewall, xtables, xtables->info.underflow[NF_INET_FORWARD]};
        const struct ipt_entry *policy = xtables_entry(xtables, table.policy_at);
        struct firewall_walk walk = {0};
        int verdict = VERDICT_ACCEPT;

        walk_chain(&table, xtables->info.hook_entry[NF_INET_FORWARD], 0, &walk);
        firewall_judge(firewall, &walk,
                       policy && xtables_verdict(policy, &verdict) && verdict == VERDICT_DROP,
                       "iptables-legacy chain FORWARD",
                       arena_printf(firewall->arena,
                                    "iptables-legacy -I FORWARD -i %1$s+ -j ACCEPT; "
                                    "iptables-legacy -I FORWARD -o %1$s+ -j ACCEPT",
                                    firewall->veth_prefix));
}

int firewall_look_legacy(struct firewall *firewall, struct err *err)
{
        _cleanup_(xtables_done) struct xtables table = {0};

        if (xtables_read("filter", &table, err) < 0)
                return -(int)err->code;
        if (table.entries)
                judge_forward(firewall, &table);
        return 0;
}
