// SPDX-License-Identifier: Apache-2.0
/* aws-vpc-cni's part of the tables of iptables-legacy: which entries are its own, and their removal under iptables' lock. */
#include <string.h>

#include "firewall/xtables.h"
#include <vpcwire/mem.h>

#include "migrate/legacy.h"

#define NAT    "nat"
#define MANGLE "mangle"

static const char chain_prefixes[][24] = {"AWS-SNAT-CHAIN-", "AWS-CONNMARK-CHAIN-"};

/* Rules of its own in PREROUTING, which everybody uses. Known by target and whole comment. */
static const struct {
        const char *table, *target, *comment;
} lone_rules[] = {
        {NAT, "CONNMARK", "AWS, CONNMARK"},
        {MANGLE, "CONNMARK", "AWS, primary ENI"},
};

static bool chain_is_legacy(const char *chain)
{
        for (size_t i = 0; i < ARRAY_SIZE(chain_prefixes); i++) {
                if (strncmp(chain, chain_prefixes[i], strlen(chain_prefixes[i])) == 0)
                        return true;
        }
        return false;
}

static bool rule_is_legacy(const struct xtables *table, const struct ipt_entry *entry, size_t offset)
{
        if (offset < table->info.hook_entry[NF_INET_PRE_ROUTING] ||
            offset >= table->info.underflow[NF_INET_PRE_ROUTING])
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(lone_rules); i++) {
                if (strcmp(lone_rules[i].table, table->info.name) == 0 &&
                    strcmp(lone_rules[i].target, xtables_target(entry)) == 0 &&
                    strcmp(lone_rules[i].comment, xtables_comment(entry)) == 0)
                        return true;
        }
        return false;
}

/* Where its chains begin, as jumps name it. */
struct starts {
        size_t *offsets;
        size_t n, capacity;
};

static void starts_done(struct starts *starts)
{
        free(starts->offsets);
}

static void mark_chains(const struct xtables *table, bool *gone, struct starts *starts)
{
        const struct ipt_entry *entry;
        bool legacy = false;
        size_t i = 0;

        for (size_t offset = 0; (entry = xtables_entry(table, offset)); offset += entry->next_offset, i++) {
                const char *chain = xtables_chain(entry);

                if (chain)
                        legacy = chain_is_legacy(chain);
                if (chain && legacy) {
                        GROW(starts->offsets, starts->n, starts->capacity);
                        starts->offsets[starts->n++] = offset + entry->next_offset;
                }
                gone[i] = legacy;
        }
}

static bool jumps_to(const struct ipt_entry *entry, const struct starts *starts)
{
        int verdict;

        if (!xtables_verdict(entry, &verdict) || verdict < 0)
                return false;
        for (size_t i = 0; i < starts->n; i++) {
                if ((size_t)verdict == starts->offsets[i])
                        return true;
        }
        return false;
}

/* Sets gone[] for each entry of its own; how many chains and rules that are. */
static unsigned mark_gone(const struct xtables *table, bool *gone)
{
        _cleanup_(starts_done) struct starts starts = {0};
        const struct ipt_entry *entry;
        unsigned n = 0;
        size_t i = 0;

        mark_chains(table, gone, &starts);
        n = (unsigned)starts.n;
        for (size_t offset = 0; (entry = xtables_entry(table, offset)); offset += entry->next_offset, i++) {
                if (gone[i] || !(jumps_to(entry, &starts) || rule_is_legacy(table, entry, offset)))
                        continue;
                gone[i] = true;
                n++;
        }
        return n;
}

/* The table, and the marks of mark_gone(). */
struct plan {
        struct xtables table;
        bool *gone;
        unsigned n;
};

static void plan_done(struct plan *plan)
{
        xtables_done(&plan->table);
        free(plan->gone);
}

static int plan_read(const char *name, struct plan *plan, struct err *err)
{
        if (xtables_read(name, &plan->table, err) < 0)
                return -(int)err->code;
        if (!plan->table.entries)
                return 0;
        plan->gone = XNEW_ARRAY(bool, plan->table.info.num_entries);
        plan->n = mark_gone(&plan->table, plan->gone);
        return 0;
}

static int plan_do(const struct plan *plan, unsigned *n, struct err *err)
{
        _cleanup_(xtables_done) struct xtables after = {0};

        if (!plan->n)
                return 0;
        if (xtables_without(&plan->table, plan->gone, &after, err) < 0 ||
            xtables_replace(&plan->table, plan->gone, &after, err) < 0)
                return -(int)err->code;
        *n += plan->n;
        return 0;
}

static int look(unsigned *n, struct err *err)
{
        _cleanup_(plan_done) struct plan nat = {0};

        if (plan_read(NAT, &nat, err) < 0)
                return -(int)err->code;
        *n = nat.n;
        return 0;
}

int legacy_remove_xtables(const char *lock, unsigned *ret_n, struct err *err)
{
        _cleanup_(plan_done) struct plan nat = {0}, mangle = {0};
        _cleanup_close_ int lock_fd = -1;
        unsigned n = 0;

        if (look(&n, err) < 0 || (n && xtables_lock(lock, &lock_fd, err) < 0))
                return err_wrap(err, "remove aws-vpc-cni's chains");
        if (!n)
                return 0;
        /* The nat table last: by it alone the other one's rules are known for its own, should this have to be repeated. */
        if (plan_read(NAT, &nat, err) < 0 || plan_read(MANGLE, &mangle, err) < 0 ||
            plan_do(&mangle, ret_n, err) < 0 || plan_do(&nat, ret_n, err) < 0)
                return err_wrap(err, "remove aws-vpc-cni's chains");
        return 0;
}
