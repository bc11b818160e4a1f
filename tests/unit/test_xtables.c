// SPDX-License-Identifier: Apache-2.0
/* A table of iptables-legacy with rules taken out: what stays is whole and leads where it led, or nothing is done. */
#include "test.h"

#include <string.h>

#include <vpcwire/mem.h>
#include <vpcwire/xtables.h>

enum { RETURN = -NF_REPEAT - 1, ACCEPT = -NF_ACCEPT - 1, NEXT = 0x7fffffff };

struct rule {
        struct ipt_entry entry;
        struct xt_standard_target target;
};
struct head {
        struct ipt_entry entry;
        struct xt_error_target target;
};

static size_t add(struct xtables *table, const void *entry, size_t bytes)
{
        size_t at = table->info.size;

        memcpy(table->entries + at, entry, bytes);
        table->info.size += (unsigned)bytes;
        table->info.num_entries++;
        return at;
}

static size_t add_rule(struct xtables *table, int verdict)
{
        struct rule rule = {.entry = {.target_offset = sizeof(rule.entry), .next_offset = sizeof(rule)}};

        rule.target.target.u.target_size = sizeof(rule.target);
        rule.target.verdict = verdict == NEXT ? (int)(table->info.size + sizeof(rule)) : verdict;
        return add(table, &rule, sizeof(rule));
}

static size_t add_head(struct xtables *table, const char *name)
{
        struct head head = {.entry = {.target_offset = sizeof(head.entry), .next_offset = sizeof(head)}};

        memcpy(head.target.target.u.user.name, XT_ERROR_TARGET, sizeof(XT_ERROR_TARGET));
        memcpy(head.target.errorname, name, strlen(name) + 1);
        return add(table, &head, sizeof(head));
}

enum { JUMP_A, DECIDES_NOTHING, JUMP_B, POLICY, HEAD_A, RULE_A, END_A, HEAD_B, END_B, END, N };

/* PREROUTING: jump A; (nothing); jump B; accept. A: return; return. B: return. */
static void make(struct xtables *table)
{
        size_t b, a = 4 * sizeof(struct rule) + sizeof(struct head);

        *table = (struct xtables){.entries = XNEW_ARRAY(char, N * sizeof(struct head))};
        memcpy(table->info.name, "nat", sizeof("nat"));
        table->info.valid_hooks = 1 << NF_INET_PRE_ROUTING;
        b = a + 2 * sizeof(struct rule) + sizeof(struct head);
        add_rule(table, (int)a);
        add_rule(table, NEXT);
        add_rule(table, (int)b);
        table->info.underflow[NF_INET_PRE_ROUTING] = (unsigned)add_rule(table, ACCEPT);
        add_head(table, "A");
        add_rule(table, RETURN);
        add_rule(table, RETURN);
        add_head(table, "B");
        add_rule(table, RETURN);
        add_head(table, "ERROR");
}

static int verdict_at(const struct xtables *table, size_t offset)
{
        int verdict = 0;

        assert_true(xtables_verdict(xtables_entry(table, offset), &verdict));
        return verdict;
}

static void test_a_chain_and_its_jump_go(void **state _unused_)
{
        const bool gone[N] = {[JUMP_A] = true, [HEAD_A] = true, [RULE_A] = true, [END_A] = true};
        _cleanup_(xtables_done) struct xtables table = {0}, after = {0};
        struct err err;
        size_t b;

        make(&table);
        assert_ok(xtables_without(&table, gone, &after, &err), &err);
        assert_int_equal(after.info.num_entries, N - 4);
        assert_int_equal(after.info.hook_entry[NF_INET_PRE_ROUTING], 0);
        assert_int_equal(after.info.underflow[NF_INET_PRE_ROUTING], 2 * sizeof(struct rule));
        assert_int_equal(verdict_at(&after, 0), sizeof(struct rule)); /* it still goes on with the next one */
        b = (size_t)verdict_at(&after, sizeof(struct rule));
        assert_string_equal(xtables_chain(xtables_entry(&after, b - sizeof(struct head))), "B");
        assert_int_equal(verdict_at(&after, b), RETURN);
        assert_null(xtables_entry(&after, after.info.size));
}

static void test_all_of_a_hook_but_its_policy(void **state _unused_)
{
        const bool gone[N] = {[JUMP_A] = true, [DECIDES_NOTHING] = true, [JUMP_B] = true};
        _cleanup_(xtables_done) struct xtables table = {0}, after = {0};
        struct err err;

        make(&table);
        assert_ok(xtables_without(&table, gone, &after, &err), &err);
        assert_int_equal(after.info.hook_entry[NF_INET_PRE_ROUTING], 0);
        assert_int_equal(after.info.underflow[NF_INET_PRE_ROUTING], 0);
        assert_int_equal(verdict_at(&after, 0), ACCEPT);
}

static void test_what_is_needed_cannot_go(void **state _unused_)
{
        const bool policy[N] = {[POLICY] = true}, chain[N] = {[HEAD_B] = true, [END_B] = true};
        _cleanup_(xtables_done) struct xtables table = {0}, after = {0};
        struct err err;

        make(&table);
        assert_fails(xtables_without(&table, policy, &after, &err), ERR_INVALID);
        assert_contains(err.msg, "the policy of hook 0 in table nat");
        assert_fails(xtables_without(&table, chain, &after, &err), ERR_INVALID);
        assert_contains(err.msg, "jumps to a chain that goes");
        assert_null(after.entries);
}

/* A length that lies ends the walk, wherever it is. */
static void test_an_entry_that_lies(void **state _unused_)
{
        _cleanup_(xtables_done) struct xtables table = {0};
        struct ipt_entry *entry;

        make(&table);
        entry = (void *)table.entries;
        assert_string_equal(xtables_comment(entry), "");
        entry->next_offset = 0;
        assert_null(xtables_entry(&table, 0));
        entry->next_offset = UINT16_MAX;
        assert_null(xtables_entry(&table, 0));
        entry->next_offset = sizeof(struct rule);
        entry->target_offset = sizeof(struct rule) - 1;
        assert_null(xtables_entry(&table, 0));
        entry->target_offset = 0;
        assert_null(xtables_entry(&table, 0));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_chain_and_its_jump_go),
                cmocka_unit_test(test_all_of_a_hook_but_its_policy),
                cmocka_unit_test(test_what_is_needed_cannot_go),
                cmocka_unit_test(test_an_entry_that_lies),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
