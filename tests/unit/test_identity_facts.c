// SPDX-License-Identifier: Apache-2.0
/* What the database keeps of the node: written and read again, also as daemons before this one wrote it. */
#include "test.h"

#include <jansson.h>

#include "reconcile/identity.h"
#include "reconcile/reconcile.h"
#include "store_fixture.h"

/* Of a daemon that packed it by hand. */
static const char OLD_IDENTITY[] =
        "{\"instance_id\":\"i-1\",\"instance_type\":\"t3.small\",\"availability_zone\":\"us-east-1a\","
        "\"region\":\"us-east-1\",\"eni_id\":\"eni-0\",\"subnet_id\":\"subnet-1\",\"vpc_id\":\"vpc-1\","
        "\"mac\":\"02:00:00:00:00:0a\",\"primary_address\":\"10.0.0.1\",\"subnet_cidr\":\"10.0.0.0/24\","
        "\"vpc_cidrs\":[\"10.0.0.0/16\",\"10.1.0.0/16\"],\"security_groups\":[\"sg-a\",\"sg-b\"]}";

static void set_fact(struct fixture *f, const char *name, const char *text)
{
        assert_ok(store_fact_set(f->store, name, text, &f->err), &f->err);
}

static void test_an_older_daemons_identity_is_read_and_written_as_it_was(void **state)
{
        struct fixture *f = *state;
        struct identity identity = {0};
        json_t *before = json_loads(OLD_IDENTITY, 0, NULL), *after;
        const char *text;
        bool found = true;

        assert_ok(identity_load(f->store, f->arena, &identity, &found, &f->err), &f->err);
        assert_false(found || identity.known);
        set_fact(f, "identity", OLD_IDENTITY);
        assert_ok(identity_load(f->store, f->arena, &identity, &found, &f->err), &f->err);
        assert_true(found && identity.known);
        assert_string_equal(identity.zone, "us-east-1a");
        assert_string_equal(MAC_TEXT(identity.mac), "02:00:00:00:00:0a");
        assert_string_equal(IP_TEXT(identity.primary_address), "10.0.0.1");
        assert_int_equal(identity.n_vpc_cidrs, 2);
        assert_string_equal(PREFIX_TEXT(identity.vpc_cidrs[1]), "10.1.0.0/16");
        assert_int_equal(identity.n_groups, 2);
        assert_string_equal(identity.groups[1], "sg-b");
        assert_ok(identity_save(f->store, &identity, &f->err), &f->err);
        identity_done(&identity);
        assert_ok(store_fact_get(f->store, "identity", f->arena, &text, &f->err), &f->err);
        after = json_loads(text, 0, NULL);
        assert_true(json_equal(before, after));
        json_decref(before);
        json_decref(after);
        assert_ok(store_fact_get(f->store, STORE_FACT_INSTANCE, f->arena, &text, &f->err), &f->err);
        assert_string_equal(text, "i-1");
}

static void test_what_is_no_identity_is_named(void **state)
{
        static const struct {
                const char *text, *word;
        } cases[] = {
                {"", "not JSON"},
                {"{\"instance_id\":\"i-1\"}", "instance_type"},
                {"{\"instance_id\":7}", "instance_id"},
        };
        struct fixture *f = *state;
        struct identity identity = {0};
        bool found;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                set_fact(f, "identity", cases[i].text);
                assert_true(identity_load(f->store, f->arena, &identity, &found, &f->err) < 0);
                assert_contains(f->err.msg, "stored identity");
                assert_contains(f->err.msg, cases[i].word);
                assert_false(identity.known);
        }
}

static void test_limits(void **state)
{
        static const struct {
                const char *text;
                unsigned max_enis, ipv4_per_eni; /* 9, 9: there are none to read */
        } cases[] = {
                {"3 4", 3, 4}, /* a daemon's before this one */
                {"15 50", 15, 50},
                {"{\"max_enis\":3,\"ipv4_per_eni\":4}", 3, 4},
                {"", 9, 9},
                {"3", 9, 9},
                {"3 ", 9, 9},
                {"3 4 5", 9, 9},
                {"3 x", 9, 9},
                {"-3 4", 9, 9},
                {"3 99999999999", 9, 9},
                {"{\"max_enis\":3}", 9, 9},
                {"{} {}", 9, 9},
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct plan_limits limits = {9, 9};

                set_fact(f, "limits", cases[i].text);
                assert_ok(limits_load(f->store, f->arena, &limits, &f->err), &f->err);
                if (limits.max_enis != cases[i].max_enis || limits.ipv4_per_eni != cases[i].ipv4_per_eni)
                        fail_msg("'%s' is read as %u %u", cases[i].text, limits.max_enis,
                                 limits.ipv4_per_eni);
        }
}

static void test_limits_are_written_by_name(void **state)
{
        static const struct plan_limits limits = {.max_enis = 3, .ipv4_per_eni = 4};
        struct fixture *f = *state;
        const char *text;

        assert_ok(limits_save(f->store, &limits, &f->err), &f->err);
        assert_ok(store_fact_get(f->store, "limits", f->arena, &text, &f->err), &f->err);
        assert_string_equal(text, "{\"max_enis\":3,\"ipv4_per_eni\":4}");
}

static void test_the_daemon_reads_both(void **state)
{
        struct fixture *f = *state;
        struct reconcile_node node = {0};
        bool known = true;

        assert_ok(reconcile_read_node(f->store, f->arena, &known, &node, &f->err), &f->err);
        assert_false(known);
        set_fact(f, "identity", OLD_IDENTITY);
        set_fact(f, "limits", "3 4");
        assert_ok(reconcile_read_node(f->store, f->arena, &known, &node, &f->err), &f->err);
        assert_true(known);
        assert_string_equal(node.instance_type, "t3.small");
        assert_string_equal(node.subnet_id, "subnet-1");
        assert_int_equal(node.n_vpc_cidrs, 2);
        assert_string_equal(PREFIX_TEXT(node.vpc_cidrs[0]), "10.0.0.0/16");
        assert_int_equal(node.limits.ipv4_per_eni, 4);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_an_older_daemons_identity_is_read_and_written_as_it_was),
                TEST(test_what_is_no_identity_is_named),
                TEST(test_limits),
                TEST(test_limits_are_written_by_name),
                TEST(test_the_daemon_reads_both),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
