// SPDX-License-Identifier: Apache-2.0
/* What must be impossible to write down, tried with raw SQL on a second connection. */
#include "test.h"

#include <stdio.h>

#include "store/pick.h"

#include "store_fixture.h"

/*
 * The world that the attempts meet: ENI 1 (primary, ready): 10.0.0.2 leased by "pod", 10.0.0.3 free, 10.0.0.4 leased by
 * "stray" and lost; ENI 2 (ready): 10.0.1.2 and 10.0.1.3 free; ENI 3 (detaching): 10.0.2.2 leaving; ENI 4 creating.
 */
static int setup(void **state)
{
        struct eni creating = {.client_token = "token", .subnet_id = "subnet-1", .device_index = 3};
        struct lease middle;
        struct eni primary;
        struct fixture *f;
        struct ip released;
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
        assert_ok(store_eni_observed(
                          f->store, &primary,
                          fixture_hosts(f->arena, (struct ip[]){fixture_ip(0, 1), fixture_ip(0, 2)}, 2), 2, 0,
                          NOW, &done, &f->err),
                  &f->err);
        middle = fixture_wanted("middle");
        assert_ok(store_lease_release(f->store, &middle.key, LEASE_END_DEL, NOW - COOLDOWN_MS, &done,
                                      &released, &f->err),
                  &f->err);
        fixture_sql(f, "DELETE FROM addresses WHERE hex = '0a000003'"); /* its cooldown is over */
        assert_string_equal(fixture_address_state(f, fixture_ip(0, 3), NOW), "lost");
        fixture_check(f);
        return 0;
}

#define LEASE_ROW(key, id, hex)                                                                              \
        "INSERT INTO leases (key, network, container_id, ifname, hex, host_ifname, netns, pod_namespace,"    \
        " pod_name, pod_uid, since_ms, since_wall_ms) VALUES (" key ", 'net', '" id "', 'eth0', '" hex       \
        "', '', '', '', '', '', 0, 0);"
#define BLOCK_AT(hex) "(SELECT key FROM blocks WHERE first = '" hex "')"
#define GIVE(lease, hex)                                                                                     \
        "INSERT INTO addresses (hex, block, lease) VALUES ('" hex "', " BLOCK_AT(hex) ", " lease ");"
#define REST(hex, block)                                                                                     \
        "INSERT INTO addresses (hex, block, usable_from_ms) VALUES ('" hex "', " BLOCK_AT(block) ", 5);"
#define LEASE(id, hex) LEASE_ROW("99", id, hex) GIVE("99", hex)

static const struct {
        const char *name, *sql, *refusal;
} attempts[] = {
        {"a second lease on an address", LEASE("thief", "0a000002"), "the address is leased"},
        {"the same by REPLACE",
         LEASE_ROW("99", "thief", "0a000002") "REPLACE INTO addresses (hex, block, lease) VALUES "
                                              "('0a000002', " BLOCK_AT("0a000002") ", 99)",
         "the address is leased"},
        {"the same by the lease's column",
         LEASE_ROW("99", "thief", "0a000002") "UPDATE addresses SET lease = 99 WHERE hex = '0a000002'",
         "only a free address"},
        {"a lease that is replaced", "REPLACE " LEASE_ROW("99", "pod", "0a000102") "", ""},
        {"a lease that moves to another's address",
         "UPDATE leases SET hex = '0a000004' WHERE container_id = 'pod'", "a lease keeps its address"},
        {"a lease without an address", LEASE_ROW("99", "x", "0a000102") "COMMIT", "FOREIGN KEY"},
        {"a lease that names an address of another one", LEASE_ROW("99", "x", "0a000002") "COMMIT",
         "FOREIGN KEY"},
        {"a lease that loses its address",
         "UPDATE addresses SET lease = NULL, usable_from_ms = 5 WHERE hex = '0a000002'; COMMIT",
         "FOREIGN KEY"},
        {"a lease that goes before its address is let go", "DELETE FROM leases WHERE container_id = 'pod'",
         "FOREIGN KEY"},
        {"an address of a lease that is none", GIVE("99", "0a000102"), "FOREIGN KEY"},
        {"a lease on an address that we do not have",
         LEASE_ROW("99", "x",
                   "0a090909") "INSERT INTO addresses (hex, block, lease) VALUES ('0a090909', 1, 99)",
         "not in its block"},
        {"a lease on an address of another block",
         LEASE_ROW("99", "x", "0a000003") "INSERT INTO addresses (hex, block, lease) VALUES "
                                          "('0a000003', " BLOCK_AT("0a000102") ", 99)",
         "not in its block"},
        {"a lease on an address that leaves", LEASE("x", "0a000202"), "ready ENI"},
        {"a lease on an address that is lost", LEASE("x", "0a000004"), "the address is leased"},
        {"a lease on a block that drains",
         "UPDATE blocks SET state = 'draining' WHERE first = '0a000102';" LEASE("x", "0a000102"),
         "ready ENI"},
        {"a lease on a block that is preparing",
         "UPDATE blocks SET state = 'preparing' WHERE first = '0a000102';" LEASE("x", "0a000102"),
         "ready ENI"},
        {"a lease on an ENI that is not ready",
         "UPDATE enis SET state = 'configuring' WHERE key = 2;" LEASE("x", "0a000102"), "ready ENI"},
        {"a lease on an ENI that is not ours",
         "UPDATE enis SET managed = 0 WHERE key = 2;" LEASE("x", "0a000102"), "ready ENI"},
        {"two leases of one key", LEASE("pod", "0a000102"), "the key has a lease"},
        {"two addresses of one family on one card",
         LEASE("x", "0a000102") "INSERT INTO addresses (hex, block, lease) VALUES ('0a000103', " BLOCK_AT(
                 "0a000103") ", 99)",
         "of this family on this card"},
        {"a lease in a state of its own", "UPDATE leases SET state = 'borrowed'", "CHECK"},
        {"a leased address cooling", "UPDATE addresses SET usable_from_ms = 5 WHERE hex = '0a000002'",
         "CHECK"},
        {"a leased address held", "UPDATE addresses SET held = 1 WHERE hex = '0a000002'", "CHECK"},
        {"a row of an address that says nothing",
         "INSERT INTO addresses (hex, block) VALUES ('0a000003', " BLOCK_AT("0a000003") ")", "CHECK"},
        {"a leased address cooling as another row",
         "INSERT INTO addresses (hex, block, usable_from_ms) VALUES ('0a000002', " BLOCK_AT(
                 "0a000002") ", 5)",
         "the address is leased"},
        {"the same by REPLACE, cooling",
         "REPLACE INTO addresses (hex, block, usable_from_ms) VALUES ('0a000002', " BLOCK_AT(
                 "0a000002") ", 5)",
         "the address is leased"},
        {"a leased address gone", "DELETE FROM addresses WHERE hex = '0a000002'; COMMIT", "FOREIGN KEY"},
        {"a cooling address leased as it is",
         REST("0a000102", "0a000102")
                 LEASE_ROW("99", "x", "0a000102") "UPDATE addresses SET lease = 99,"
                                                  " usable_from_ms = 0 WHERE hex = '0a000102'",
         "only a free address"},
        {"a cooling address leased as a new one", REST("0a000102", "0a000102") LEASE("x", "0a000102"),
         "UNIQUE"},
        {"an address in another block", REST("0a000102", "0a000103"), "not in its block"},
        {"an address that moves to another block",
         "UPDATE addresses SET block = " BLOCK_AT("0a000102") " WHERE hex = '0a000002'",
         "stays in its block"},
        {"an address that is none", "INSERT INTO addresses (hex, block, held) VALUES ('0A000003', 2, 1)", ""},
        {"an IPv6 address in an IPv4 block",
         "INSERT INTO addresses (hex, block, held) VALUES ('0a000003000000000000000000000000', " BLOCK_AT(
                 "0a000003") ", 1)",
         "not in its block"},
        {"a count of one's own", "UPDATE blocks SET taken = 0 WHERE first = '0a000002'", "what has a row"},

        {"a block with a lease leaving", "UPDATE blocks SET state = 'leaving' WHERE first = '0a000002'",
         "of the block is leased"},
        {"a block with a lease gone", "DELETE FROM blocks WHERE first = '0a000002'", "has a row"},
        {"a block with a lease on another ENI", "UPDATE blocks SET eni = 2 WHERE first = '0a000002'",
         "of the block is leased"},
        {"a block replaced",
         "REPLACE INTO blocks (first, bits, eni, state) VALUES ('0a000002', 32, 2, 'preparing')", "overlaps"},
        {"a lost block gone", "DELETE FROM blocks WHERE first = '0a000004'", "has a row"},
        {"a block lost without a lease", "UPDATE blocks SET state = 'lost' WHERE first = '0a000102'",
         "no pod has an address"},
        {"a doubted block usable", "UPDATE blocks SET doubted = 1 WHERE first = '0a000102'", "CHECK"},
        {"a block in a state of its own", "UPDATE blocks SET state = 'happy' WHERE first = '0a000102'",
         "CHECK"},
        {"a block that begins usable",
         "INSERT INTO blocks (first, bits, eni, state) VALUES ('0a000109', 32, 2, 'usable')",
         "begins as preparing"},
        {"a block of no ENI",
         "INSERT INTO blocks (first, bits, eni, state) VALUES ('0a000109', 32, 99, 'preparing')",
         "FOREIGN KEY"},
        {"a block twice",
         "INSERT INTO blocks (first, bits, eni, state) VALUES ('0a000102', 32, 1, 'preparing')", "overlaps"},
        {"a block around others",
         "INSERT INTO blocks (first, bits, eni, state) VALUES ('0a000315', 32, 2, 'preparing');"
         "INSERT INTO blocks (first, bits, eni, state) VALUES ('0a000310', 28, 2, 'preparing')",
         "overlaps"},
        {"a block of a waiting pod's address leaving",
         "INSERT INTO imports (hex, network, container_id, ifname, pod_namespace, pod_name, since_wall_ms)"
         " VALUES ('0a000102', '', 'c', '', '', '', 0); UPDATE blocks SET state = 'leaving' WHERE first = "
         "'0a000102'",
         "waits to be taken over"},
        {"a waiting pod's address let go",
         "INSERT INTO imports (hex, network, container_id, ifname, pod_namespace, pod_name, since_wall_ms)"
         " VALUES ('0a000102', '', 'c', '', '', '', 0); DELETE FROM addresses WHERE hex = '0a000102'",
         "waits to be taken over"},
        {"a block in another one",
         "INSERT INTO blocks (first, bits, eni, state) VALUES ('0a000310', 28, 2, 'preparing');"
         "INSERT INTO blocks (first, bits, eni, state) VALUES ('0a00031f', 32, 2, 'preparing')",
         "overlaps"},
        {"a block that grows", "UPDATE blocks SET bits = 28 WHERE first = '0a000002'", ""},
        {"a block with bits behind its length",
         "INSERT INTO blocks (first, bits, eni, state) VALUES ('0a000312', 28, 2, 'preparing')", "CHECK"},
        {"a block of an odd length",
         "INSERT INTO blocks (first, bits, eni, state) VALUES ('0a000310', 29, 2, 'preparing')", "CHECK"},
        {"a block whose last given address is elsewhere",
         "UPDATE blocks SET last_given = '0a000109' WHERE first = '0a000102'", "CHECK"},
        {"the node's own address for pods",
         "INSERT INTO blocks (first, bits, eni, state) VALUES ('0a000001', 32, 2, 'preparing')",
         "not for pods"},
        {"a block around the node's own address",
         "DELETE FROM blocks WHERE eni = 2;"
         "INSERT INTO blocks (first, bits, eni, state) VALUES ('0a000100', 28, 2, 'preparing')",
         "not for pods"},
        {"a block preparing on an ENI that leaves",
         "INSERT INTO blocks (first, bits, eni, state) VALUES ('0a000209', 32, 3, 'preparing')",
         "is leaving"},
        {"a block usable on an ENI that leaves", "UPDATE blocks SET state = 'usable' WHERE eni = 3",
         "is leaving"},
        {"a block moved to an ENI that leaves", "UPDATE blocks SET eni = 3 WHERE first = '0a000102'",
         "is leaving"},
        {"a mark twice",
         "UPDATE enis SET mark_index = 1, route_table = 77 WHERE key = 2;"
         "INSERT INTO enis (state, eni_id, device_index, mark_index, created_ms, since_ms)"
         " VALUES ('ready', 'eni-9', 9, 1, 0, 0)",
         "UNIQUE"},
        {"a route table twice",
         "INSERT INTO enis (state, eni_id, device_index, route_table, created_ms, since_ms)"
         " VALUES ('ready', 'eni-9', 9, 2, 0, 0)",
         "UNIQUE"},
        {"a mark of an ENI that leaves", "UPDATE enis SET mark_index = 7 WHERE key = 3", "CHECK"},
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
        {"an ENI with blocks gone", "DELETE FROM enis WHERE key = 2", "has blocks"},
        {"an ENI leaves while its addresses stay", "UPDATE enis SET state = 'detaching' WHERE key = 2",
         "not leaving"},
        {"the primary drained",
         "UPDATE addresses SET lease = NULL, held = 1; DELETE FROM leases; UPDATE enis SET state = "
         "'draining' WHERE key = 1",
         "CHECK"},
        {"two primaries",
         "UPDATE enis SET is_primary = 1, mark_index = NULL, route_table = NULL WHERE key = 2", "UNIQUE"},
        {"an ENI that is not ours drained",
         "UPDATE enis SET managed = 0 WHERE key = 2;"
         "UPDATE enis SET state = 'draining' WHERE key = 2",
         "CHECK"},
        {"the same eni id twice", "UPDATE enis SET eni_id = 'eni-0' WHERE key = 2", "UNIQUE"},
        {"the same attachment twice", "UPDATE enis SET attachment_id = 'attach-0' WHERE key = 2", "UNIQUE"},
        {"the same client token twice", "UPDATE enis SET client_token = 'token' WHERE key = 2", "UNIQUE"},
        {"the same MAC twice", "UPDATE enis SET mac = '02:00:00:00:00:00' WHERE key = 2", "UNIQUE"},
        {"the same primary address twice", "UPDATE enis SET primary_hex = '0a000001' WHERE key = 2",
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
                char sql[2000];

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
        fixture_sql(*state,
                    "BEGIN; UPDATE addresses SET lease = NULL, usable_from_ms = 5 WHERE hex = '0a000002';"
                    "DELETE FROM leases WHERE container_id = 'pod';"
                    "UPDATE blocks SET state = 'leaving' WHERE first = '0a000002';"
                    "DELETE FROM addresses WHERE hex = '0a000002';"
                    "DELETE FROM blocks WHERE first = '0a000002'; COMMIT");
        fixture_check(*state);
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

        assert_int_equal(sqlite3_exec(db, "EXPLAIN QUERY PLAN " STORE_PICK_BLOCK, no_sort, &plan, NULL),
                         SQLITE_OK);
        assert_contains(plan.text, "blocks_pick");
        if (strstr(plan.text, "TEMP B-TREE"))
                fail_msg("%s", plan.text);
        /* Of one key there are one or two: these may be sorted. */
        assert_int_equal(sqlite3_exec(db, "EXPLAIN QUERY PLAN " STORE_PICK_OWN, no_sort, &plan, NULL),
                         SQLITE_OK);
        assert_contains(plan.text, "SEARCH a USING INDEX addresses_had_by");
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
