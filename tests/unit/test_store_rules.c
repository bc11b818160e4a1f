// SPDX-License-Identifier: Apache-2.0
/* What must be impossible to write down, tried with raw SQL on a second connection. */
#include "test.h"

#include <stdio.h>

#include "store/stmt.h"

#include "store_fixture.h"

/*
 * The world that the attempts meet: ENI 1 (primary, ready): 10.0.0.2 leased by "pod", 10.0.0.3 free, 10.0.0.4 leased by
 * "stray" and lost; ENI 2 (ready): 10.0.1.2 and 10.0.1.3 free; ENI 3 (detaching): 10.0.2.2 leaving; ENI 4 creating.
 */
static int setup(void **state)
{
        struct store_eni creating = {.client_token = "token", .subnet_id = "subnet-1", .device_index = 3};
        struct store_eni primary;
        struct fixture *f;
        int64_t key, other;
        bool done;

        fixture_setup(state);
        f = *state;
        fixture_ready_eni(f, 0, 3);
        fixture_lease(f, "pod", NOW);
        fixture_lease(f, "middle", NOW);
        fixture_lease(f, "stray", NOW);
        fixture_ready_eni(f, 1, 2);
        key = fixture_ready_eni(f, 2, 1);
        assert_ok(store_eni_set_state(f->store, key, ENI_DRAINING, "", NOW, &done, &f->err), &f->err);
        assert_ok(store_eni_set_state(f->store, key, ENI_DETACHING, "", NOW, &done, &f->err), &f->err);
        assert_true(done);
        assert_ok(store_eni_begin(f->store, &creating, NOW, &other, &f->err), &f->err);
        primary = fixture_eni(0);
        assert_ok(store_eni_observed(f->store, &primary, (struct ip[]){fixture_ip(0, 1), fixture_ip(0, 2)}, 2,
                                     0, NOW, &done, &f->err),
                  &f->err);
        fixture_sql(f, "DELETE FROM leases WHERE container_id = 'middle';"
                       "UPDATE addresses SET state = 'cooling' WHERE address = '10.0.0.3';"
                       "UPDATE addresses SET state = 'free' WHERE address = '10.0.0.3'");
        assert_string_equal(fixture_address_state(f, fixture_ip(0, 3), NOW), "lost");
        fixture_check(f);
        return 0;
}

#define LEASE(values)                                                                                        \
        "INSERT INTO leases (network, container_id, ifname, address, address_state, host_ifname, netns,"     \
        " pod_namespace, pod_name, pod_uid, since_ms, since_wall_ms) VALUES (" values                        \
        ", '', '', '', '', '', 0, 0)"

static const struct {
        const char *name, *sql, *refusal;
} attempts[] = {
        {"a second lease on an address", LEASE("'net', 'thief', 'eth0', '10.0.0.2', 'leased'"),
         "the address is leased"},
        {"the same by REPLACE",
         "REPLACE "
         "INTO leases SELECT network, 'thief', ifname, address, address_state, state,"
         " host_ifname, netns, pod_namespace, pod_name, pod_uid, since_ms, since_wall_ms, 0, 0 FROM leases"
         " WHERE container_id = 'pod'",
         "the address is leased"},
        {"a lease that moves to another's address",
         "UPDATE leases SET address = '10.0.0.4' WHERE container_id = 'pod'", "a lease keeps its address"},
        {"a lease on an address that is only free", LEASE("'net', 'x', 'eth0', '10.0.1.2', 'leased'"),
         "FOREIGN KEY"},
        {"a lease on an address that we do not have", LEASE("'net', 'x', 'eth0', '10.9.9.9', 'leased'"),
         "ready ENI"},
        {"a lease on an address that leaves", LEASE("'net', 'x', 'eth0', '10.0.2.2', 'leased'"), "ready ENI"},
        {"a new lease that is lost at once", LEASE("'net', 'x', 'eth0', '10.0.1.2', 'lost'"), "ready ENI"},
        {"a lease on an ENI that is not ready",
         "UPDATE enis SET state = 'configuring' WHERE key = 2;"
         "UPDATE addresses SET state = 'leased' WHERE address = '10.0.1.2';" LEASE(
                 "'net', 'x', 'eth0', '10.0.1.2', 'leased'"),
         "ready ENI"},
        {"a lease on an ENI that is not ours",
         "UPDATE enis SET managed = 0 WHERE key = 2;"
         "UPDATE addresses SET state = 'leased' WHERE address = '10.0.1.2';" LEASE(
                 "'net', 'x', 'eth0', '10.0.1.2', 'leased'"),
         "ready ENI"},
        {"two leases of one key",
         "UPDATE addresses SET state = 'leased' WHERE address = '10.0.1.2';" LEASE(
                 "'net', 'pod', 'eth0', '10.0.1.2', 'leased'"),
         "UNIQUE"},
        {"a lease in a state of its own", "UPDATE leases SET state = 'borrowed'", "CHECK"},
        {"a leased address free", "UPDATE addresses SET state = 'free' WHERE address = '10.0.0.2'", "CHECK"},
        {"a leased address cooling", "UPDATE addresses SET state = 'cooling' WHERE address = '10.0.0.2'",
         "CHECK"},
        {"a leased address leaving", "UPDATE addresses SET state = 'leaving' WHERE address = '10.0.0.2'",
         "CHECK"},
        {"a leased address preparing", "UPDATE addresses SET state = 'preparing' WHERE address = '10.0.0.2'",
         "CHECK"},
        {"a leased address gone", "DELETE FROM addresses WHERE address = '10.0.0.2'", "FOREIGN KEY"},
        {"a leased address replaced",
         "REPLACE INTO addresses (address, eni, state) VALUES ('10.0.0.2', 2, 'preparing')", "FOREIGN KEY"},
        {"a leased address on another ENI", "UPDATE addresses SET eni = 2 WHERE address = '10.0.0.2'",
         "stays on its ENI"},
        {"a lost address free", "UPDATE addresses SET state = 'free' WHERE address = '10.0.0.4'",
         "stays with its lease"},
        {"a lost address gone", "DELETE FROM addresses WHERE address = '10.0.0.4'", "FOREIGN KEY"},
        {"a free address lost", "UPDATE addresses SET state = 'lost' WHERE address = '10.0.1.2'",
         "stays with its lease"},
        {"a leaving address leased", "UPDATE addresses SET state = 'leased' WHERE address = '10.0.2.2'", ""},
        {"a cooling address leased",
         "UPDATE addresses SET state = 'cooling' WHERE address = '10.0.1.2';"
         "UPDATE addresses SET state = 'leased' WHERE address = '10.0.1.2'",
         "only a free address"},
        {"an address in a state of its own",
         "UPDATE addresses SET state = 'happy' WHERE address = '10.0.1.2'", "CHECK"},
        {"an address that begins free",
         "INSERT INTO addresses (address, eni, state) VALUES ('10.0.1.9', 2, 'free')", "begins as preparing"},
        {"an address that begins leased",
         "INSERT INTO addresses (address, eni, state) VALUES ('10.0.1.9', 2, 'leased')",
         "begins as preparing"},
        {"an address of no ENI",
         "INSERT INTO addresses (address, eni, state) VALUES ('10.0.1.9', 99, 'preparing')", "FOREIGN KEY"},
        {"an address twice",
         "INSERT INTO addresses (address, eni, state) VALUES ('10.0.1.2', 1, 'preparing')", "UNIQUE"},
        {"the node's own address for pods",
         "INSERT INTO addresses (address, eni, state) VALUES ('10.0.0.1', 2, 'preparing')", "not for pods"},
        {"an address preparing on an ENI that leaves",
         "INSERT INTO addresses (address, eni, state) VALUES ('10.0.2.9', 3, 'preparing')", "is leaving"},
        {"an address free on an ENI that leaves", "UPDATE addresses SET state = 'free' WHERE eni = 3",
         "is leaving"},
        {"an address moved to an ENI that leaves", "UPDATE addresses SET eni = 3 WHERE address = '10.0.1.2'",
         "is leaving"},
        {"an ENI with leases drained",
         "UPDATE enis SET is_primary = 0 WHERE key = 1;"
         "UPDATE enis SET state = 'draining' WHERE key = 1",
         "has leases"},
        {"an ENI with leases detached",
         "UPDATE enis SET is_primary = 0 WHERE key = 1;"
         "UPDATE enis SET state = 'detaching' WHERE key = 1",
         ""},
        {"an ENI with leases deleted",
         "UPDATE enis SET is_primary = 0 WHERE key = 1;"
         "UPDATE enis SET state = 'deleting' WHERE key = 1",
         ""},
        {"an ENI with addresses gone", "DELETE FROM enis WHERE key = 2", "has addresses"},
        {"an ENI leaves while its addresses stay", "UPDATE enis SET state = 'detaching' WHERE key = 2",
         "not leaving"},
        {"the primary drained",
         "UPDATE addresses SET eni = 2 WHERE address = '10.0.0.3';"
         "DELETE FROM leases; UPDATE enis SET state = 'draining' WHERE key = 1",
         "CHECK"},
        {"two primaries", "UPDATE enis SET is_primary = 1 WHERE key = 2", "UNIQUE"},
        {"an ENI that is not ours drained",
         "UPDATE enis SET managed = 0 WHERE key = 2;"
         "UPDATE enis SET state = 'draining' WHERE key = 2",
         "CHECK"},
        {"the same eni id twice", "UPDATE enis SET eni_id = 'eni-0' WHERE key = 2", "UNIQUE"},
        {"the same attachment twice", "UPDATE enis SET attachment_id = 'attach-0' WHERE key = 2", "UNIQUE"},
        {"the same client token twice", "UPDATE enis SET client_token = 'token' WHERE key = 2", "UNIQUE"},
        {"the same MAC twice", "UPDATE enis SET mac = '02:00:00:00:00:00' WHERE key = 2", "UNIQUE"},
        {"the same primary address twice", "UPDATE enis SET primary_address = '10.0.0.1' WHERE key = 2",
         "UNIQUE"},
        {"creating without a token", "UPDATE enis SET client_token = NULL WHERE key = 4", "CHECK"},
        {"creating, yet attached", "UPDATE enis SET attachment_id = 'x' WHERE key = 4", "CHECK"},
        {"attaching without an id", "UPDATE enis SET state = 'attaching' WHERE key = 4", "CHECK"},
        {"ready without an id", "UPDATE enis SET state = 'ready' WHERE key = 4", "CHECK"},
        {"an ENI in a state of its own", "UPDATE enis SET state = 'asleep' WHERE key = 2", "CHECK"},
        {"an ENI at a negative device", "UPDATE enis SET device_index = -1 WHERE key = 2", "CHECK"},
};

static void test_attempts(void **state)
{
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
                char sql[1500];

                /* All of an attempt or nothing: the next one meets the same world. */
                snprintf(sql, sizeof(sql), "BEGIN; %s", attempts[i].sql);
                fixture_sql_refused(f, sql, attempts[i].refusal);
                fixture_check(f);
                assert_string_equal(fixture_address_state(f, fixture_ip(0, 1), NOW), "leased");
                assert_string_equal(fixture_address_state(f, fixture_ip(0, 3), NOW), "lost");
        }
}

/* What a rule must not forbid: the lease ends, and then all of it may go. */
static void test_after_the_lease(void **state)
{
        fixture_sql(*state, "BEGIN; DELETE FROM leases WHERE container_id = 'pod';"
                            "UPDATE addresses SET state = 'leaving' WHERE address = '10.0.0.2';"
                            "DELETE FROM addresses WHERE address = '10.0.0.2'; ROLLBACK");
}

/* The policy is served by indexes: no sorting, no walking through all addresses. */
static int no_sort(void *data, int n _unused_, char **columns, char **names _unused_)
{
        text_add(data, "%s; ", columns[3]);
        return 0;
}

static void test_policy_uses_its_index(void **state)
{
        sqlite3 *db = fixture_raw(*state);
        _cleanup_(text_done) struct text plan = {0};

        assert_int_equal(sqlite3_exec(db, "EXPLAIN QUERY PLAN " STORE_PICK_ADDRESS, no_sort, &plan, NULL),
                         SQLITE_OK);
        assert_contains(plan.text, "addresses_pick");
        if (strstr(plan.text, "TEMP B-TREE"))
                fail_msg("%s", plan.text);
        sqlite3_close(db);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_attempts, setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_after_the_lease, setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_policy_uses_its_index, setup, fixture_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
