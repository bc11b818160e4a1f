// SPDX-License-Identifier: Apache-2.0
/* A table of iptables-legacy with rules taken out: what stays is whole and leads where it led, or nothing is done. */
#include "test.h"

#include <string.h>

#include "firewall/xtables.h"
#include <vpcwire/mem.h>

enum {
        RETURN = -NF_REPEAT - 1,
        ACCEPT = -NF_ACCEPT - 1,
        NEXT = 0x7fffffff, /* decides nothing */
        RULE_BYTES = sizeof(struct ipt_entry) + sizeof(struct xt_standard_target),
        HEAD_BYTES = sizeof(struct ipt_entry) + sizeof(struct xt_error_target),
};

/* At the table's end; its target is what follows. */
static void *add_entry(struct xtables *table, unsigned bytes)
{
        struct ipt_entry *entry = (void *)(table->entries + table->info.size);

        entry->target_offset = sizeof(*entry);
        entry->next_offset = (unsigned short)bytes;
        table->info.size += bytes;
        table->info.num_entries++;
        return (char *)entry + sizeof(*entry);
}

static void add_rule(struct xtables *table, int verdict)
{
        int next = (int)table->info.size + RULE_BYTES;
        struct xt_standard_target *target = add_entry(table, RULE_BYTES);

        target->target.u.target_size = sizeof(*target);
        target->verdict = verdict == NEXT ? next : verdict;
}

static void add_head(struct xtables *table, const char *name)
{
        struct xt_error_target *target = add_entry(table, HEAD_BYTES);

        memcpy(target->target.u.user.name, XT_ERROR_TARGET, sizeof(XT_ERROR_TARGET));
        memcpy(target->errorname, name, strlen(name) + 1);
}

enum { JUMP_A, DECIDES_NOTHING, JUMP_B, POLICY, HEAD_A, RULE_A, END_A, HEAD_B, END_B, END, N };

/* PREROUTING: jump A; (nothing); jump B; accept. A: return; return. B: return. */
static void make(struct xtables *table)
{
        int a = 4 * RULE_BYTES + HEAD_BYTES, b = a + 2 * RULE_BYTES + HEAD_BYTES;

        *table = (struct xtables){.entries = XNEW_ARRAY(char, N *HEAD_BYTES)};
        memcpy(table->info.name, "nat", sizeof("nat"));
        table->info.valid_hooks = 1 << NF_INET_PRE_ROUTING;
        add_rule(table, a);
        add_rule(table, NEXT);
        add_rule(table, b);
        table->info.underflow[NF_INET_PRE_ROUTING] = table->info.size;
        add_rule(table, ACCEPT);
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
        assert_int_equal(after.info.underflow[NF_INET_PRE_ROUTING], 2 * RULE_BYTES);
        assert_int_equal(verdict_at(&after, 0), RULE_BYTES); /* it still goes on with the next one */
        b = (size_t)verdict_at(&after, RULE_BYTES);
        assert_string_equal(xtables_chain(xtables_entry(&after, b - HEAD_BYTES)), "B");
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
        entry->next_offset = RULE_BYTES;
        entry->target_offset = RULE_BYTES - 1;
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
