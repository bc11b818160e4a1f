// SPDX-License-Identifier: Apache-2.0
/* What a new lease asks for by name: its host link, which is one live lease's alone, and perhaps its address. */
#include "test.h"

#include <vpcwire/clock.h>

#include "store_fixture.h"

static const char *const spares[] = {"spare1", "spare2"};

static struct lease wants(const char *container_id, const char *pod, const char *uid)
{
        struct lease wanted = fixture_wanted(container_id);

        wanted.host_ifname = "eni0";
        wanted.pod_name = pod;
        wanted.pod_uid = uid;
        wanted.spare_host_ifnames = spares;
        wanted.n_spare_host_ifnames = ARRAY_SIZE(spares);
        return wanted;
}

static enum lease_result add(struct fixture *f, const struct lease *wanted, struct lease *ret)
{
        enum lease_result result = LEASE_NONE_FREE;

        assert_ok(store_lease_add(f->store, wanted, NOW, f->arena, &result, ret, &f->err), &f->err);
        return result;
}

static void given(struct fixture *f, const struct lease *wanted, const char *host_ifname)
{
        struct lease got = {0};

        assert_int_equal(add(f, wanted, &got), LEASE_GIVEN);
        assert_string_equal(got.host_ifname, host_ifname);
}

static void refused(struct fixture *f, const struct lease *wanted, const char *why)
{
        unsigned before = fixture_counts(f, NOW).leased;
        struct lease got = {0};

        assert_int_equal(add(f, wanted, &got), LEASE_REFUSED);
        assert_contains(got.refusal, why);
        assert_int_equal(fixture_counts(f, NOW).leased, before);
}

static void test_other_pods_get_spare_names(void **state)
{
        struct fixture *f = *state;
        struct lease first = wants("c1", "a", ""), second = wants("c2", "b", ""),
                     third = wants("c3", "c", ""), fourth = wants("c4", "d", ""), old = fourth;

        fixture_ready_eni(f, 0, 10);
        given(f, &first, "eni0");
        given(f, &second, "spare1");
        given(f, &third, "spare2");
        refused(f, &fourth, "the host link eni0 belongs to pod default/a, and all spare names");
        old.n_spare_host_ifnames = 0;
        refused(f, &old, "the host link eni0 belongs to pod default/a, and the CNI plugin is too old");
        fixture_check(f);
}

static void test_the_newest_sandbox_has_the_name(void **state)
{
        struct fixture *f = *state;
        struct lease older = wants("c1", "a", "u1"), newer = wants("c2", "a", "u1"),
                     other = wants("c3", "a", "u2"), got = {0};

        fixture_ready_eni(f, 0, 10);
        given(f, &older, "eni0");
        given(f, &newer, "eni0");
        assert_string_equal(fixture_host_ifname(f, "c1"), "");
        /* Of the same name, and not the same pod. */
        given(f, &other, "spare1");
        /* The older one asks again: it has no claim on the newer one's name. */
        assert_int_equal(add(f, &older, &got), LEASE_AGAIN);
        assert_string_equal(got.host_ifname, "spare2");
        assert_string_equal(fixture_host_ifname(f, "c1"), "spare2");
        assert_string_equal(fixture_host_ifname(f, "c2"), "eni0");
}

/* Without a namespace a name is no pod's: its container may have got another one, and runs. */
static void test_a_name_alone_takes_nothing_over(void **state)
{
        struct fixture *f = *state;
        struct lease first = wants("c1", "web", ""), second = wants("c2", "web", "");

        first.pod_namespace = second.pod_namespace = "";
        fixture_ready_eni(f, 0, 10);
        given(f, &first, "eni0");
        given(f, &second, "spare1");
        assert_string_equal(fixture_host_ifname(f, "c1"), "eni0");
        second.key.container_id = "c3";
        second.n_spare_host_ifnames = 0;
        refused(f, &second, "the host link eni0 belongs to pod web, and the CNI plugin is too old");
}

/* The rule holds for whoever writes into the file. */
static void test_a_name_twice_cannot_be_written(void **state)
{
        struct fixture *f = *state;
        struct lease first = wants("c1", "a", ""), second = wants("c2", "b", "");

        fixture_ready_eni(f, 0, 10);
        given(f, &first, "eni0");
        given(f, &second, "spare1");
        fixture_sql_refused(f, "UPDATE leases SET host_ifname = 'eni0' WHERE container_id = 'c2'", "UNIQUE");
        /* A bridge leads to many pods. */
        for (int i = 0; i < 2; i++) {
                struct lease alone = wants(i ? "c3" : "c4", "x", "");

                alone.host_ifname = "cni0";
                alone.address_only = true;
                given(f, &alone, "cni0");
        }
}

static void test_a_chosen_address(void **state)
{
        struct fixture *f = *state;
        struct lease first = wants("c1", "a", ""), second = wants("c2", "b", ""), got = {0};
        struct ip ip;
        bool released;

        fixture_ready_eni(f, 0, 10);
        first.address = second.address = fixture_ip(0, 7);
        assert_int_equal(add(f, &first, &got), LEASE_GIVEN);
        assert_true(ip_equal(got.address, first.address));
        assert_int_equal(add(f, &first, &got), LEASE_AGAIN);
        refused(f, &second, "pod default/a has it");
        first.address = fixture_ip(0, 8);
        refused(f, &first, "already has 10.0.0.8");
        first.address = second.address;
        assert_ok(store_lease_release(f->store, &first.key, LEASE_END_DEL, NOW, &released, &ip, &f->err),
                  &f->err);
        refused(f, &second, "released a short while ago");
        second.address = fixture_ip(9, 1);
        refused(f, &second, "10.0.9.2 was requested: it is not an address for pods");
        fixture_check(f);
}

static void release(struct fixture *f, const struct lease *lease)
{
        struct ip ip;
        bool released;

        assert_ok(store_lease_release(f->store, &lease->key, LEASE_END_DEL, NOW, &released, &ip, &f->err),
                  &f->err);
        assert_true(released);
}

/* All that there is was given, and c1's is cooling. */
static struct ip cooling_of_c1(struct fixture *f)
{
        struct lease lease;

        fixture_ready_eni(f, 0, 3);
        lease = fixture_lease(f, "c1", NOW);
        fixture_lease(f, "c2", NOW);
        while (fixture_counts(f, NOW).free)
                fixture_lease(f, arena_printf(f->arena, "more%u", fixture_counts(f, NOW).free), NOW);
        release(f, &lease);
        assert_string_equal(fixture_address_state(f, lease.address, NOW), "cooling");
        return lease.address;
}

static void test_who_comes_back_has_it_at_once(void **state)
{
        struct fixture *f = *state;
        struct ip address = cooling_of_c1(f);
        struct lease wanted = fixture_wanted("c1"), got = {0};

        for (int i = 0; i < 3; i++) {
                wanted.address = i == 1 ? address : IP_NONE; /* as podman reloads a network */
                assert_int_equal(store_lease_can_return(f->store, &wanted.key, &f->err), 1);
                assert_int_equal(add(f, &wanted, &got), LEASE_GIVEN);
                assert_true(ip_equal(got.address, address));
                assert_int_equal(store_lease_can_return(f->store, &wanted.key, &f->err), 0);
                assert_int_equal(fixture_counts(f, NOW).cooling, 0);
                fixture_check(f);
                release(f, &got);
        }
        /* A pod in between, and it is nobody's own any more. */
        wanted = fixture_wanted("c9");
        assert_int_equal(store_lease_add(f->store, &wanted, NOW + COOLDOWN_MS, f->arena,
                                         &(enum lease_result){0}, &got, &f->err),
                         0);
        assert_true(ip_equal(got.address, address));
        release(f, &got);
        wanted = fixture_wanted("c1");
        assert_int_equal(add(f, &wanted, &got), LEASE_NONE_FREE);
}

/* A cooldown that ends early leaves no time of the future behind, which at a restart would be a clock that went back. */
static void test_a_restart_after_it_came_back(void **state)
{
        const int64_t now_ms = clock_boottime_ms(), later_ms = now_ms + 2 * COOLDOWN_MS;
        struct fixture *f = *state;
        struct condition *blocked;
        struct lease lease, got;
        struct ip address;
        bool released;
        size_t n;

        fixture_ready_eni(f, 0, 1);
        lease = fixture_lease(f, "c1", now_ms);
        assert_ok(store_lease_release(f->store, &lease.key, LEASE_END_DEL, now_ms, &released, &address,
                                      &f->err),
                  &f->err);
        got = fixture_lease(f, "c1", now_ms);
        assert_true(ip_equal(got.address, address));
        assert_ok(store_condition_set(f->store,
                                      &(const struct condition){.kind = CONDITION_ASSIGN,
                                                                .object = "eni-0",
                                                                .cause = CAUSE_THROTTLED,
                                                                .message = "",
                                                                .retry_at_ms = later_ms,
                                                                .attempts = 2},
                                      &f->err),
                  &f->err);
        fixture_restart(f, "a");
        assert_ok(store_conditions(f->store, f->arena, &blocked, &n, &f->err), &f->err);
        assert_int_equal(n, 1);
        assert_int_equal(blocked[0].retry_at_ms, later_ms);
        fixture_check(f);
}

static void test_what_cools_is_no_others(void **state)
{
        struct fixture *f = *state;
        struct ip address = cooling_of_c1(f);
        struct lease others[] = {fixture_wanted("c3"), fixture_wanted("c1"), fixture_wanted("c1")}, got = {0},
                     both = fixture_wanted("c1");

        others[1].key.ifname = "eth1";
        others[2].key.network = "another";
        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                assert_int_equal(store_lease_can_return(f->store, &others[i].key, &f->err), 0);
                assert_int_equal(add(f, &others[i], &got), LEASE_NONE_FREE);
                others[i].address = address;
                refused(f, &others[i], "released a short while ago");
        }
        /* Where it comes back and cannot have all that it asks for, the cooldown goes on. */
        both.families = LEASE_IPV4 | LEASE_IPV6;
        assert_int_equal(add(f, &both, &got), LEASE_NONE_FREE);
        assert_string_equal(fixture_address_state(f, address, NOW), "cooling");
        fixture_check(f);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(test_other_pods_get_spare_names),
                T(test_the_newest_sandbox_has_the_name),
                T(test_a_name_alone_takes_nothing_over),
                T(test_a_name_twice_cannot_be_written),
                T(test_a_chosen_address),
                T(test_who_comes_back_has_it_at_once),
                T(test_a_restart_after_it_came_back),
                T(test_what_cools_is_no_others),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
