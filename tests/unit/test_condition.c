// SPDX-License-Identifier: Apache-2.0
/* The names of conditions are one list: the schema's CHECKs, EC2's classes and the RPC's definition have the same. */
#include "test.h"

#include <sqlite3.h>

#include <vpcwire/ipam.h>

#include "reconcile/blocked.h"
#include "store_fixture.h"

static void test_names_are_read_back(void **state _unused_)
{
        for (int kind = 0; kind < _CONDITION_KIND_MAX; kind++)
                assert_int_equal(condition_kind_parse(condition_kind_to_string((enum condition_kind)kind)),
                                 kind);
        for (int cause = 0; cause < _CONDITION_CAUSE_MAX; cause++)
                assert_int_equal(
                        condition_cause_parse(condition_cause_to_string((enum condition_cause)cause)), cause);
}

/* How many names the table's text lists. */
static int count_names(struct fixture *f)
{
        sqlite3 *db = fixture_raw(f);
        sqlite3_stmt *s = NULL;
        int quotes;

        assert_int_equal(sqlite3_prepare_v2(db,
                                            "SELECT length(sql) - length(replace(sql, char(39), ''))"
                                            " FROM sqlite_schema WHERE name = 'conditions'",
                                            -1, &s, NULL),
                         SQLITE_OK);
        assert_int_equal(sqlite3_step(s), SQLITE_ROW);
        quotes = sqlite3_column_int(s, 0);
        sqlite3_finalize(s);
        sqlite3_close(db);
        return quotes / 2;
}

/* The CHECKs take each kind and each cause, and list no other. */
static void test_the_schema_has_the_same(void **state)
{
        struct fixture *f = *state;

        for (int kind = 0; kind < _CONDITION_KIND_MAX; kind++) {
                const struct condition condition = {
                        .kind = (enum condition_kind)kind, .object = "", .message = ""};

                assert_ok(store_condition_set(f->store, &condition, &f->err), &f->err);
        }
        for (int cause = 0; cause < _CONDITION_CAUSE_MAX; cause++) {
                const struct condition condition = {
                        .object = "", .cause = (enum condition_cause)cause, .message = ""};

                assert_ok(store_condition_set(f->store, &condition, &f->err), &f->err);
        }
        assert_int_equal(count_names(f), _CONDITION_KIND_MAX + _CONDITION_CAUSE_MAX);
}

static void test_causes_of_ec2_are_its_classes(void **state _unused_)
{
        for (int class = EC2_FAILURE_NONE + 1; class < _EC2_FAILURE_MAX; class ++)
                assert_string_equal(condition_cause_to_string(blocked_cause((enum ec2_failure_class) class)),
                                    ec2_failure_class_to_string((enum ec2_failure_class) class));
}

/* In Varlink a name has _ for -. */
static void assert_same_name(const char *ours, const char *rpc)
{
        assert_int_equal(strlen(ours), strlen(rpc));
        for (size_t i = 0; ours[i]; i++)
                assert_int_equal(ours[i] == '-' ? '_' : ours[i], rpc[i]);
}

static void test_ends_of_leases(void **state _unused_)
{
        for (int end = LEASE_END_DEL; end < _LEASE_END_MAX; end++) {
                const char *name = lease_end_to_string((enum lease_end)end);

                assert_int_equal(lease_end_parse(name), end);
                assert_same_name(name, ipam_lease_end_to_string((enum ipam_lease_end)(IPAM_LEASE_END_DEL +
                                                                                      end - LEASE_END_DEL)));
        }
}

static void test_the_rpc_has_the_same(void **state _unused_)
{
        for (int kind = 0; kind < _CONDITION_KIND_MAX; kind++)
                assert_same_name(condition_kind_to_string((enum condition_kind)kind),
                                 ipam_condition_kind_to_string(
                                         (enum ipam_condition_kind)(IPAM_CONDITION_KIND_RESYNC + kind)));
        for (int cause = 0; cause < _CONDITION_CAUSE_MAX; cause++)
                assert_same_name(condition_cause_to_string((enum condition_cause)cause),
                                 ipam_condition_cause_to_string((enum ipam_condition_cause)(
                                         IPAM_CONDITION_CAUSE_THROTTLED + cause)));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names_are_read_back),
                cmocka_unit_test_setup_teardown(test_the_schema_has_the_same, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test(test_causes_of_ec2_are_its_classes),
                cmocka_unit_test(test_the_rpc_has_the_same),
                cmocka_unit_test(test_ends_of_leases),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
