// SPDX-License-Identifier: Apache-2.0
/* What the kernel shows in use outranks what the database remembers: at a start, whatever kind of file it is. */
#include "test.h"

#include <unistd.h>

#include <vpcwire/clock.h>

#include "store_fixture.h"

static struct import shown(unsigned eni, unsigned n, const char *container_id, const char *link)
{
        return (struct import){.key = {IMPORT_NETWORK_UNKNOWN, container_id, link},
                               .address = fixture_ip(eni, n),
                               .pod_namespace = "",
                               .pod_name = ""};
}

/* A start while the kernel shows this. */
static struct store_prepared restart(struct fixture *f, const char *boot_id, const struct import *running,
                                     size_t n)
{
        struct store_prepared prepared = {0};

        f->store = store_free(f->store);
        f->options.boot_id = boot_id;
        f->options.running = running;
        f->options.n_running = n;
        assert_ok(store_prepare(&f->options, &prepared, &f->err), &f->err);
        close(prepared.lock_fd);
        assert_ok(store_open(&f->options, &f->store, &f->err), &f->err);
        fixture_check(f);
        return prepared;
}

static size_t count_imports(struct fixture *f, enum import_verdict verdict)
{
        struct import *imports;
        size_t n, count = 0;

        assert_ok(store_imports(f->store, f->arena, &imports, &n, &f->err), &f->err);
        for (size_t i = 0; i < n; i++)
                count += imports[i].verdict == verdict;
        return count;
}

static bool has_lease(struct fixture *f, const char *container_id, struct ip address)
{
        struct lease *leases;
        size_t n;

        assert_ok(store_leases(f->store, NULL, f->arena, &leases, &n, &f->err), &f->err);
        for (size_t i = 0; i < n; i++) {
                if (strcmp(leases[i].key.container_id, container_id) == 0 &&
                    ip_equal(leases[i].address, address))
                        return true;
        }
        return false;
}

static void test_what_agrees_is_left_alone(void **state)
{
        struct fixture *f = *state;
        struct store_prepared prepared;
        struct lease lease;
        struct import running;

        fixture_ready_eni(f, 0, 3);
        lease = fixture_lease(f, "one", NOW);
        running = shown(0, 1, "one", "eni0123456789a");
        running.address = lease.address;
        prepared = restart(f, "a", &running, 1);
        assert_int_equal(prepared.ended + prepared.held, 0);
        assert_true(has_lease(f, "one", lease.address));
        assert_int_equal(count_imports(f, IMPORT_PENDING), 0);
}

/* Free, cooling, leaving, or on no ENI that the database has: nobody gets it before the pod has its lease. */
static void test_what_is_not_leased_is_held(void **state)
{
        const struct import running[] = {shown(0, 1, "one", "enia"), shown(0, 2, "two", "enib"),
                                         shown(0, 3, "three", "enic"), shown(1, 1, "four", "enid")};
        struct fixture *f = *state;
        int64_t key = fixture_ready_eni(f, 0, 3);
        struct store_prepared prepared;
        struct prefix *taken;
        struct ip gone;
        bool done;
        size_t n;

        assert_ok(store_blocks_take(f->store, key, 1, NOW, f->arena, &taken, &n, &f->err), &f->err);
        fixture_lease(f, "x", NOW);
        assert_ok(store_lease_release(f->store, &(const struct lease_key){"net", "x", "eth0", NULL},
                                      LEASE_END_DEL, NOW, &done, &gone, &f->err),
                  &f->err);
        prepared = restart(f, "a", running, ARRAY_SIZE(running));
        assert_int_equal(prepared.held, 4);
        assert_int_equal(count_imports(f, IMPORT_PENDING), 4);
        for (unsigned i = 1; i <= 3; i++)
                assert_string_equal(fixture_address_state(f, fixture_ip(0, i), NOW), "preparing");
        fixture_ready_eni(f, 1, 0);
        assert_int_equal(fixture_counts(f, INT64_MAX / 2).free, 0);
        fixture_sql_refused(f,
                            "BEGIN; UPDATE blocks SET doubted = 0; UPDATE blocks SET state = 'usable';"
                            "UPDATE addresses SET held = 0, usable_from_ms = 9 WHERE hex = '0a000002'",
                            "waits to be taken over");
        prepared = restart(f, "a", running, ARRAY_SIZE(running));
        assert_int_equal(prepared.held, 0); /* known by now */
        assert_int_equal(count_imports(f, IMPORT_PENDING), 4);
}

/* An older copy: the address has another pod by now, and that pod has another address. */
static void test_a_lease_that_the_kernel_contradicts_ends(void **state)
{
        struct fixture *f = *state;
        const int64_t before_ms = clock_boottime_ms();
        struct lease old, moved, stays;
        struct import running[2];
        struct store_prepared prepared;

        fixture_ready_eni(f, 0, 5);
        old = fixture_lease(f, "old", NOW);
        moved = fixture_lease(f, "moved", NOW);
        stays = fixture_lease(f, "stays", NOW);
        running[0] = shown(0, 0, "new", "eninew");
        running[0].address = old.address;
        running[1] = shown(0, 5, "moved", moved.host_ifname);
        prepared = restart(f, "a", running, ARRAY_SIZE(running));
        assert_int_equal(prepared.ended, 2);
        assert_int_equal(prepared.held, 2);
        assert_true(has_lease(f, "stays", stays.address)); /* whether its link is there is seen later */
        assert_false(has_lease(f, "old", old.address));
        assert_string_equal(fixture_address_state(f, old.address, NOW), "preparing");
        assert_string_equal(fixture_address_state(f, fixture_ip(0, 5), NOW), "preparing");
        assert_string_equal(fixture_address_state(f, moved.address, before_ms),
                            "preparing"); /* until EC2 was asked */
        fixture_ready_eni(f, 1, 0);
        fixture_sql_refused(
                f,
                "BEGIN; INSERT INTO leases (key, network, container_id, ifname, hex, host_ifname,"
                " netns, pod_namespace, pod_name, pod_uid, since_ms, since_wall_ms)"
                " SELECT 99, 'net', 'thief', 'eth0', hex, '', '', '', '', '', 0, 0 FROM imports LIMIT 1;"
                "UPDATE enis SET state = 'ready'; UPDATE blocks SET doubted = 0;"
                "UPDATE blocks SET state = 'usable';"
                "INSERT INTO addresses (hex, block, lease) SELECT i.hex, b.key, 99 FROM imports i"
                " JOIN blocks b ON b.first = i.hex LIMIT 1",
                "waits for another container");
}

static void test_an_eni_that_drains_stays(void **state)
{
        const struct import running = shown(1, 1, "one", "enia");
        struct fixture *f = *state;
        int64_t key;
        bool done;

        fixture_ready_eni(f, 0, 1);
        key = fixture_ready_eni(f, 1, 2);
        assert_ok(store_eni_set_state(f->store, key, ENI_DRAINING, "", NOW, &done, &f->err), &f->err);
        restart(f, "a", &running, 1);
        assert_string_equal(fixture_eni_state(f, key), "configuring");
        assert_ok(store_eni_set_state(f->store, key, ENI_DRAINING, "", NOW, &done, &f->err), &f->err);
        assert_false(done);
        fixture_sql_refused(f, "UPDATE enis SET state = 'draining' WHERE device_index = 1",
                            "waits to be taken over");
        assert_ok(store_import_skip(f->store, running.address, "gone", &f->err), &f->err);
        assert_ok(store_eni_set_state(f->store, key, ENI_DRAINING, "", NOW, &done, &f->err), &f->err);
        assert_true(done);
}

/* The id alone frees nothing that the kernel shows in use, and keeps nothing that it does not. */
static void test_another_boot_id_while_pods_run(void **state)
{
        struct fixture *f = *state;
        const int64_t before_ms = clock_boottime_ms();
        struct lease one, two, got;
        struct import running;

        fixture_ready_eni(f, 0, 4);
        one = fixture_lease(f, "one", NOW);
        two = fixture_lease(f, "two", NOW);
        running = shown(0, 0, "one", one.host_ifname);
        running.address = one.address;
        restart(f, "b", &running, 1);
        assert_true(has_lease(f, "one", one.address));
        assert_false(has_lease(f, "two", two.address));
        assert_string_equal(fixture_address_state(f, two.address, before_ms),
                            "preparing"); /* until EC2 was asked */
        assert_ok(store_lease_get(f->store, &one.key, f->arena, &got, &f->err), &f->err);
        assert_string_equal(got.pod_name, "one");
        assert_int_equal(count_imports(f, IMPORT_PENDING), 0);
}

/* Earlier daemons took every pod that ran for one to be taken over when the file was of schema 1 to 3. */
static void test_rows_of_pods_that_have_their_lease_go(void **state)
{
        struct fixture *f = *state;
        struct lease one;
        struct import running;
        bool done;

        fixture_ready_eni(f, 0, 2);
        one = fixture_lease(f, "one", NOW);
        running = shown(0, 0, "one", one.host_ifname);
        running.address = one.address;
        assert_ok(store_import_begin(f->store, &running, 1, &done, &f->err), &f->err);
        assert_int_equal(count_imports(f, IMPORT_PENDING), 0);
        fixture_sql(f,
                    "INSERT INTO imports (hex, network, container_id, ifname, pod_namespace, pod_name,"
                    " since_wall_ms, verdict, reason) SELECT hex, '', container_id, host_ifname, '', '', 0,"
                    " 'pending', 'EC2 does not show it' FROM leases");
        restart(f, "a", &running, 1);
        assert_int_equal(count_imports(f, IMPORT_PENDING), 0);
        assert_true(has_lease(f, "one", one.address));
}

/* A list of another daemon that is older than our lease: while its row waits, the end of the lease frees nothing. */
static void test_a_lease_ends_while_somebody_elses_row_waits(void **state)
{
        struct fixture *f = *state;
        struct import row;
        struct lease one;
        struct ip gone;
        bool done;

        fixture_ready_eni(f, 0, 1);
        one = fixture_lease(f, "one", NOW);
        row = shown(0, 0, "other", "enib");
        row.address = one.address;
        assert_ok(store_import_begin(f->store, &row, 1, &done, &f->err), &f->err);
        assert_ok(store_lease_release(f->store, &one.key, LEASE_END_DEL, NOW, &done, &gone, &f->err),
                  &f->err);
        assert_string_equal(fixture_address_state(f, one.address, NOW), "preparing");
        assert_int_equal(fixture_counts(f, NOW + 2 * COOLDOWN_MS).free, 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(test_what_agrees_is_left_alone),
                T(test_what_is_not_leased_is_held),
                T(test_a_lease_that_the_kernel_contradicts_ends),
                T(test_an_eni_that_drains_stays),
                T(test_another_boot_id_while_pods_run),
                T(test_rows_of_pods_that_have_their_lease_go),
                T(test_a_lease_ends_while_somebody_elses_row_waits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
