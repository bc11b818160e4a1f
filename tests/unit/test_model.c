// SPDX-License-Identifier: Apache-2.0
/* The names of the model's enums are one list: the schema's CHECKs, EC2's classes and the RPC's definition have the same. */
#include "test.h"

#include <sqlite3.h>

#include <vpcwire/ipam.h>

#include "model/event.h"
#include "reconcile/blocked.h"
#include "rpc/wire.h"
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

/* Each name is read back, and stands in the schema, whose CHECKs let no other one in. */
#define ASSERT_READ_BACK(f, x)                                                                               \
        for (int i_ = 0; i_ < (int)ARRAY_SIZE(x##_names); i_++) {                                            \
                assert_int_equal(x##_parse(x##_to_string(i_)), i_);                                          \
                assert_in_schema(f, x##_names[i_]);                                                          \
        }

static void assert_in_schema(struct fixture *f, const char *name)
{
        sqlite3 *db = fixture_raw(f);
        sqlite3_stmt *s = NULL;

        assert_int_equal(sqlite3_prepare_v2(db,
                                            "SELECT count(*) FROM sqlite_schema WHERE"
                                            " instr(sql, 'CHECK') AND instr(sql, char(39) || ?1 || char(39))",
                                            -1, &s, NULL),
                         SQLITE_OK);
        sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
        assert_int_equal(sqlite3_step(s), SQLITE_ROW);
        if (sqlite3_column_int(s, 0) == 0)
                fail_msg("no CHECK has '%s'", name);
        sqlite3_finalize(s);
        sqlite3_close(db);
}

static void test_states_are_read_back(void **state)
{
        struct fixture *f = *state;

        ASSERT_READ_BACK(f, eni_state);
        ASSERT_READ_BACK(f, block_state);
        ASSERT_READ_BACK(f, lease_state);
        ASSERT_READ_BACK(f, lease_end);
        ASSERT_READ_BACK(f, import_verdict);
}

static void test_kinds_of_events_are_read_back(void **state _unused_)
{
        for (int kind = 0; kind < _EVENT_KIND_MAX; kind++)
                assert_int_equal(event_kind_parse(event_kind_to_string((enum event_kind)kind)), kind);
        assert_int_equal(event_kind_parse("of-a-later-version"), _EVENT_KIND_MAX);
        for (int eni = 0; eni < _ENI_STATE_MAX; eni++) {
                const char *name = event_kind_to_string(event_of_eni_state((enum eni_state)eni));

                assert_memory_equal(name, "eni-", strlen("eni-"));
                assert_string_equal(name + strlen("eni-"), eni_state_to_string((enum eni_state)eni));
        }
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

#define ASSERT_SAME(names, first, wire, rpc_to_string)                                                       \
        for (int i_ = (first); i_ < (int)ARRAY_SIZE(names); i_++)                                            \
        assert_same_name((names)[i_], rpc_to_string(wire(i_)))

static void test_the_rpc_has_the_same(void **state _unused_)
{
        ASSERT_SAME(condition_kind_names, 0, wire_kind, ipam_condition_kind_to_string);
        ASSERT_SAME(condition_cause_names, 0, wire_cause, ipam_condition_cause_to_string);
        ASSERT_SAME(eni_state_names, 0, wire_eni_state, ipam_eni_state_to_string);
        ASSERT_SAME(address_state_names, 0, wire_address_state, ipam_address_state_to_string);
        ASSERT_SAME(lease_state_names, 0, wire_lease_state, ipam_lease_state_to_string);
        ASSERT_SAME(lease_end_names, LEASE_END_DEL, wire_lease_end, ipam_lease_end_to_string);
        ASSERT_SAME(import_verdict_names, 0, wire_import_verdict, ipam_import_verdict_to_string);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names_are_read_back),
                cmocka_unit_test(test_kinds_of_events_are_read_back),
                cmocka_unit_test_setup_teardown(test_states_are_read_back, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_the_schema_has_the_same, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test(test_causes_of_ec2_are_its_classes),
                cmocka_unit_test(test_the_rpc_has_the_same),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
