// SPDX-License-Identifier: Apache-2.0
/* The policy rules. */
#include <vpcwire/dataplane.h>
#include <vpcwire/diff.h>
#include <vpcwire/mem.h>

#include "node/sync_parts.h"

static int compare(const void *a, const void *b)
{
        return rule_compare(a, b);
}

/* The rule to the pods' table is the node's, not one pod's. */
static void fail(struct sync *sync, const struct rule_info *rule, const struct err *failure)
{
        if (rule->table == DATAPLANE_TABLE_PODS)
                sync_fail_node(sync, failure);
        else
                sync_fail_table(sync, rule->table, failure);
}

static struct node_difference of_rule(const struct rule_info *rule, enum node_difference_kind kind,
                                      const char *text)
{
        return (struct node_difference){
                .object = NODE_RULE, .kind = kind, .text = text, .table = rule->table};
}

static void add(const void *wanted, void *arg)
{
        const struct rule_info *rule = wanted;
        struct sync *sync = arg;
        struct err failure;

        if (sync_only_notes(sync, of_rule(rule, NODE_MISSING, RULE_TEXT(rule))))
                return;
        if (rule_add(sync->node->nl, rule, &failure) < 0)
                fail(sync, rule, &failure);
        else
                sync->report.repaired.rules++;
}

static void remove_stale(const void *seen, void *arg)
{
        const struct rule_info *rule = seen;
        struct sync *sync = arg;
        struct err failure;
        int r;

        if (sync_only_notes(sync, of_rule(rule, NODE_EXTRA, RULE_TEXT(rule))))
                return;
        r = rule_delete(sync->node->nl, rule, &failure);
        if (r == 0)
                sync->report.repaired.rules++;
        else if (r != -ERR_NOT_FOUND)
                fail(sync, rule, &failure);
}

static void compare_rules(struct sync *sync, const struct diff_calls *calls)
{
        struct diff_input input = {
                .wanted = sync->want.rules, .n_wanted = sync->want.n_rules, .size = sizeof(struct rule_info)};
        struct rule_info *seen;
        struct err failure;
        size_t n, kept = 0;

        if (rule_dump(sync->node->nl, sync->arena, AF_INET, &seen, &n, &failure) < 0) {
                sync_fail_node(sync, &failure);
                return;
        }
        for (size_t i = 0; i < n; i++) {
                if (node_rule_is_ours(&seen[i]))
                        seen[kept++] = seen[i];
        }
        input.seen = seen;
        input.n_seen = kept;
        diff_sorted(&input, calls, sync);
}

void sync_rules(struct sync *sync)
{
        static const struct diff_calls calls = {.compare = compare, .add = add};

        compare_rules(sync, &calls);
}

void sync_stale_rules(struct sync *sync)
{
        static const struct diff_calls calls = {.compare = compare, .remove = remove_stale};

        if (sync->check || sync->node->nft_tables[NODE_NFT_IP].applied.text)
                compare_rules(sync, &calls);
}
