// SPDX-License-Identifier: Apache-2.0
/* Leases of another daemon on their way to become ours: nobody gets the address before the verdict. */
#include "test.h"

#include "store_fixture.h"

static struct import import_of(unsigned eni, unsigned n, const char *container_id)
{
        return (struct import){.key = {"aws-cni", container_id, "eth0"},
                               .address = fixture_ip(eni, n),
                               .pod_namespace = "default",
                               .pod_name = "web-0",
                               .since_wall_ms = 1718000000000};
}

static void begin(struct fixture *f, const struct import *imports, size_t n)
{
        bool done = false;

        assert_ok(store_import_begin(f->store, imports, n, &done, &f->err), &f->err);
        assert_true(done);
}

/* An ENI that is ready, of whose addresses `n` the kernel routes all that may be offered. */
static void see_eni(struct fixture *f, unsigned n)
{
        struct eni eni = fixture_eni(0);
        struct ip addresses[8];
        struct eni *enis;
        unsigned n_free;
        bool changed, done;
        size_t n_enis;

        for (unsigned i = 0; i < n; i++)
                addresses[i] = fixture_ip(0, i + 1);
        assert_ok(store_eni_observed(f->store, &eni, fixture_hosts(f->arena, addresses, n), n, 0, NOW,
                                     &changed, &f->err),
                  &f->err);
        assert_ok(store_enis(f->store, NOW, f->arena, &enis, &n_enis, &f->err), &f->err);
        assert_ok(store_blocks_routed(f->store, enis[0].key, fixture_hosts(f->arena, addresses, n), n,
                                      &n_free, &f->err),
                  &f->err);
        assert_ok(store_eni_set_state(f->store, enis[0].key, ENI_READY, "", NOW, &done, &f->err), &f->err);
}

static struct import only_import(struct fixture *f)
{
        struct import *imports;
        size_t n;

        assert_ok(store_imports(f->store, f->arena, &imports, &n, &f->err), &f->err);
        assert_int_equal(n, 1);
        return imports[0];
}

static void test_a_pending_address_is_nobodys(void **state)
{
        struct fixture *f = *state;
        struct import import = import_of(0, 1, "old");
        struct lease wanted, lease;
        enum lease_result result;

        begin(f, &import, 1);
        see_eni(f, 2);
        assert_string_equal(fixture_address_state(f, fixture_ip(0, 1), NOW), "preparing");
        assert_true(ip_equal(fixture_lease(f, "first", NOW).address, fixture_ip(0, 2)));
        wanted = fixture_wanted("second");
        assert_ok(store_lease_add(f->store, &wanted, NOW, f->arena, &result, &lease, &f->err), &f->err);
        assert_int_equal(result, LEASE_NONE_FREE);
        fixture_sql_refused(f, "DELETE FROM addresses WHERE hex = '0a000002'", "waits to be taken over");
        fixture_sql_refused(f, "UPDATE blocks SET state = 'leaving' WHERE first = '0a000002'",
                            "waits to be taken over");
}

static void test_a_pod_is_taken(void **state)
{
        struct fixture *f = *state;
        struct import import = import_of(0, 1, "old");
        struct lease lease;
        struct ip released;
        bool done = true;

        begin(f, &import, 1);
        assert_ok(store_import_take(f->store, &import, "eni1", NOW, &done, &f->err), &f->err);
        assert_false(done); /* EC2 has not shown it */
        see_eni(f, 2);
        assert_ok(store_import_take(f->store, &import, "eni1", NOW, &done, &f->err), &f->err);
        assert_true(done);
        assert_int_equal(only_import(f).verdict, IMPORT_TAKEN);
        assert_ok(store_lease_get(f->store, &import.key, f->arena, &lease, &f->err), &f->err);
        assert_true(ip_equal(lease.address, import.address));
        assert_int_equal(lease.state, LEASE_WIRED);
        assert_string_equal(lease.host_ifname, "eni1");
        assert_int_equal(lease.since_wall_ms, import.since_wall_ms);
        assert_ok(store_import_take(f->store, &import, "eni1", NOW, &done, &f->err), &f->err);
        assert_false(done);
        assert_ok(store_lease_release(f->store, &import.key, LEASE_END_DEL, NOW, &done, &released, &f->err),
                  &f->err);
        assert_string_equal(fixture_address_state(f, import.address, NOW), "cooling");
        fixture_check(f);
}

/* The database is older than the pod's newer sandbox, which has the name of the link now. */
static void test_the_link_was_another_containers(void **state)
{
        struct fixture *f = *state;
        struct import import = import_of(0, 1, "new");
        struct lease old, got;
        bool done = false;

        begin(f, &import, 1);
        see_eni(f, 2);
        old = fixture_lease(f, "old", NOW);
        assert_ok(store_import_take(f->store, &import, old.host_ifname, NOW, &done, &f->err), &f->err);
        assert_true(done);
        assert_ok(store_lease_get(f->store, &import.key, f->arena, &got, &f->err), &f->err);
        assert_string_equal(got.host_ifname, old.host_ifname);
        assert_ok(store_lease_get(f->store, &old.key, f->arena, &got, &f->err), &f->err);
        assert_string_equal(got.host_ifname, "");
        assert_true(ip_equal(got.address, old.address));
}

static void test_a_skipped_row_frees_its_address(void **state)
{
        struct fixture *f = *state;
        struct import import = import_of(0, 1, "old");

        begin(f, &import, 1);
        see_eni(f, 1);
        assert_ok(store_import_explain(f->store, import.address, "not seen yet", &f->err), &f->err);
        assert_string_equal(only_import(f).reason, "not seen yet");
        assert_ok(store_import_skip(f->store, import.address, "gone", &f->err), &f->err);
        assert_int_equal(only_import(f).verdict, IMPORT_SKIPPED);
        see_eni(f, 1);
        assert_true(ip_equal(fixture_lease(f, "new", NOW).address, import.address));
        assert_string_equal(only_import(f).reason, "gone");
}

/* An older copy of the database had it draining already: it stays so, and what EC2 shows of it is taken. */
static void test_a_draining_eni_with_a_pod_that_was_not_known(void **state)
{
        struct fixture *f = *state;
        struct prefix host = prefix_host(fixture_ip(1, 1));
        struct eni eni = fixture_eni(1);
        int64_t key = fixture_ready_eni(f, 1, 1);
        bool done = false;

        assert_ok(store_eni_set_state(f->store, key, ENI_DRAINING, "", NOW, &done, &f->err), &f->err);
        assert_true(done);
        fixture_sql(f, "INSERT INTO imports (hex, network, container_id, ifname, pod_namespace, pod_name, "
                       "since_wall_ms)"
                       " VALUES ('0a000102', '', 'runs', 'eni1', '', '', 0)");
        eni.untagged = true;
        assert_ok(store_eni_observed(f->store, &eni, &host, 1, 0, NOW, &done, &f->err), &f->err);
        assert_true(done);
        assert_string_equal(fixture_eni_state(f, key), "draining");
        fixture_sql_refused(f, "UPDATE enis SET state = 'detaching' WHERE eni_id = 'eni-1'",
                            "waits to be taken over");
}

static void test_it_happens_once(void **state)
{
        struct fixture *f = *state;
        struct import import = import_of(0, 1, "old");
        bool done = true;

        begin(f, NULL, 0);
        assert_ok(store_import_begin(f->store, &import, 1, &done, &f->err), &f->err);
        assert_false(done);
        fixture_restart(f, "a");
        assert_ok(store_import_begin(f->store, &import, 1, &done, &f->err), &f->err);
        assert_false(done);
}

static void test_one_address_twice_is_refused_whole(void **state)
{
        struct fixture *f = *state;
        struct import imports[] = {import_of(0, 1, "a"), import_of(0, 2, "b"), import_of(0, 1, "c")};
        struct import *kept;
        bool done = false;
        size_t n;

        assert_int_equal(store_import_begin(f->store, imports, ARRAY_SIZE(imports), &done, &f->err),
                         -ERR_INVALID);
        assert_non_null(strstr(f->err.msg, "10.0.0.2 is in it twice"));
        assert_ok(store_imports(f->store, f->arena, &kept, &n, &f->err), &f->err);
        assert_int_equal(n, 0);
        begin(f, imports, 2);
}

static void test_another_boot_forgets(void **state)
{
        struct fixture *f = *state;
        struct import import = import_of(0, 1, "old"), *imports;
        size_t n;

        begin(f, &import, 1);
        fixture_restart(f, "a");
        (void)only_import(f);
        fixture_restart(f, "b");
        assert_ok(store_imports(f->store, f->arena, &imports, &n, &f->err), &f->err);
        assert_int_equal(n, 0);
}

/* Whatever the runtime calls them: the container is what the kernel knew. */
static void test_a_recovered_pod_is_named_by_who_asks_for_it(void **state)
{
        struct fixture *f = *state;
        struct import imports[] = {import_of(0, 1, "one"), import_of(0, 2, "two"), import_of(0, 3, "two")};
        const struct lease_key one = {"net", "one", "eth0", "enia"}, two = {"net", "two", "eth0", "enib"},
                               other = {"net", "two", "net1", "end0"},
                               nameless = {"net", "two", "net1", NULL};
        enum lease_result result;
        struct lease lease;
        struct ip released;
        bool done = false;

        for (size_t i = 0; i < ARRAY_SIZE(imports); i++) {
                imports[i].key.network = IMPORT_NETWORK_UNKNOWN;
                imports[i].key.ifname = (const char *[]){"enia", "enib", "enic"}[i];
        }
        begin(f, imports, ARRAY_SIZE(imports));
        see_eni(f, 4);
        for (size_t i = 0; i < ARRAY_SIZE(imports); i++) {
                assert_ok(
                        store_import_take(f->store, &imports[i], imports[i].key.ifname, NOW, &done, &f->err),
                        &f->err);
                assert_true(done);
        }
        assert_int_equal(store_lease_get(f->store, &other, f->arena, &lease, &f->err), -ERR_NOT_FOUND);
        assert_ok(store_lease_release(f->store, &nameless, LEASE_END_DEL, NOW, &done, &released, &f->err),
                  &f->err);
        assert_false(done);
        assert_ok(store_lease_get(f->store, &one, f->arena, &lease, &f->err), &f->err);
        assert_true(ip_equal(lease.address, imports[0].address));
        assert_string_equal(lease.host_ifname, "enia");
        assert_ok(store_lease_release(f->store, &one, LEASE_END_DEL, NOW, &done, &released, &f->err),
                  &f->err);
        assert_true(done && ip_equal(released, imports[0].address));
        assert_ok(store_lease_release(f->store, &one, LEASE_END_DEL, NOW, &done, &released, &f->err),
                  &f->err);
        assert_false(done);
        /* Which of the two is meant, its link tells. */
        assert_ok(store_lease_add(f->store, &(struct lease){.key = two, .host_ifname = "enib"}, NOW, f->arena,
                                  &result, &lease, &f->err),
                  &f->err);
        assert_int_equal(result, LEASE_AGAIN);
        assert_ok(store_lease_confirm(f->store, &two, imports[1].address, &f->err), &f->err);
        assert_ok(store_lease_add(f->store, &(struct lease){.key = other, .host_ifname = "end0"}, NOW,
                                  f->arena, &result, &lease, &f->err),
                  &f->err);
        assert_int_equal(result, LEASE_GIVEN);
        assert_ok(
                store_lease_release(f->store, &imports[2].key, LEASE_END_DEL, NOW, &done, &released, &f->err),
                &f->err);
        assert_true(done);
        fixture_check(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_a_pending_address_is_nobodys, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(test_a_pod_is_taken, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_the_link_was_another_containers, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(test_a_draining_eni_with_a_pod_that_was_not_known,
                                                fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_a_skipped_row_frees_its_address, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(test_a_recovered_pod_is_named_by_who_asks_for_it,
                                                fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_it_happens_once, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_one_address_twice_is_refused_whole, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(test_another_boot_forgets, fixture_setup, fixture_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
