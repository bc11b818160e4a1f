// SPDX-License-Identifier: Apache-2.0
/* The pool's database, function by function: leases, ENIs, addresses, and the small tables. */
#include "test.h"

#include <stdio.h>

#include <vpcwire/clock.h>

#include "store_fixture.h"

#define OK(call) assert_ok((call), &f->err)

static bool release(struct fixture *f, const char *container_id, int64_t now_ms)
{
        struct lease_key key = {"net", container_id, "eth0"};
        bool released = false;
        struct ip ip;

        OK(store_lease_release(f->store, &key, LEASE_END_DEL, now_ms, &released, &ip, &f->err));
        return released;
}

static bool set_state(struct fixture *f, int64_t key, enum eni_state to, int64_t now_ms)
{
        bool done = false;

        OK(store_eni_set_state(f->store, key, to, "test", now_ms, &done, &f->err));
        return done;
}

static struct eni read_eni(struct fixture *f, int64_t key, int64_t now_ms)
{
        struct eni *enis;
        size_t n;

        OK(store_enis(f->store, now_ms, f->arena, &enis, &n, &f->err));
        for (size_t i = 0; i < n; i++) {
                if (enis[i].key == key)
                        return enis[i];
        }
        fail_msg("no ENI %lld", (long long)key);
        return (struct eni){0};
}

/* ---- leases ---- */

static void test_lease_life(void **state)
{
        struct lease wanted = fixture_wanted("c1"), got = {0};
        struct fixture *f = *state;
        enum lease_result result;

        assert_int_equal(store_lease_add(f->store, &wanted, NOW, f->arena, &result, &got, &f->err), 0);
        assert_int_equal(result, LEASE_NONE_FREE);
        fixture_ready_eni(f, 0, 2);
        got = fixture_lease(f, "c1", NOW);
        assert_string_equal(IP_TEXT(got.address), "10.0.0.2");
        assert_string_equal(got.eni_id, "eni-0");
        assert_string_equal(got.host_ifname, got.key.container_id);
        assert_string_equal(got.pod_namespace, "default");
        assert_int_equal(got.state, LEASE_RESERVED);
        assert_int_equal(got.since_ms, NOW);
        OK(store_lease_add(f->store, &wanted, NOW + 5, f->arena, &result, &got, &f->err));
        assert_int_equal(result, LEASE_AGAIN);
        assert_string_equal(IP_TEXT(got.address), "10.0.0.2");
        OK(store_lease_confirm(f->store, &wanted.key, got.address, &f->err));
        OK(store_lease_confirm(f->store, &wanted.key, got.address, &f->err));
        OK(store_lease_get(f->store, &wanted.key, f->arena, &got, &f->err));
        assert_int_equal(got.state, LEASE_WIRED);
        assert_fails(store_lease_confirm(f->store, &wanted.key, fixture_ip(0, 2), &f->err), ERR_NOT_FOUND);
        assert_true(release(f, "c1", NOW));
        assert_false(release(f, "c1", NOW));
        assert_fails(store_lease_get(f->store, &wanted.key, f->arena, &got, &f->err), ERR_NOT_FOUND);
        assert_contains(f->err.msg, "c1");
        fixture_check(f);
}

static void test_policy(void **state)
{
        struct fixture *f = *state;

        fixture_ready_eni(f, 2, 1);
        fixture_ready_eni(f, 1, 2);
        fixture_ready_eni(f, 0, 2);
        assert_string_equal(IP_TEXT(fixture_lease(f, "a", NOW).address), "10.0.0.2");
        assert_string_equal(IP_TEXT(fixture_lease(f, "b", NOW).address), "10.0.0.3");
        assert_string_equal(IP_TEXT(fixture_lease(f, "c", NOW).address), "10.0.1.2");
        release(f, "b", NOW + 1);
        release(f, "a", NOW + 2);
        /* Both cool: the next ENI. Then the longest unused of the first one. */
        assert_string_equal(IP_TEXT(fixture_lease(f, "d", NOW + 3).address), "10.0.1.3");
        assert_string_equal(IP_TEXT(fixture_lease(f, "e", NOW + 2 + COOLDOWN_MS).address), "10.0.0.3");
        assert_string_equal(IP_TEXT(fixture_lease(f, "g", NOW + 2 + COOLDOWN_MS).address), "10.0.0.2");
        assert_string_equal(IP_TEXT(fixture_lease(f, "h", NOW + 2 + COOLDOWN_MS).address), "10.0.2.2");
        fixture_check(f);
}

static void test_only_ready_enis_give(void **state)
{
        struct lease wanted = fixture_wanted("x"), got;
        struct fixture *f = *state;
        int64_t key = fixture_ready_eni(f, 1, 3);
        enum lease_result result;

        assert_true(set_state(f, key, ENI_CONFIGURING, NOW));
        OK(store_lease_add(f->store, &wanted, NOW, f->arena, &result, &got, &f->err));
        assert_int_equal(result, LEASE_NONE_FREE);
        assert_int_equal(fixture_counts(f, NOW).unready, 3);
        assert_int_equal(fixture_counts(f, NOW).free, 0);
        assert_true(set_state(f, key, ENI_READY, NOW));
        fixture_sql(f, "UPDATE enis SET managed = 0");
        OK(store_lease_add(f->store, &wanted, NOW, f->arena, &result, &got, &f->err));
        assert_int_equal(result, LEASE_NONE_FREE);
        fixture_sql(f, "UPDATE enis SET managed = 1");
        fixture_lease(f, "x", NOW);
}

static void test_cooldown(void **state)
{
        struct lease wanted = fixture_wanted("y"), got;
        struct fixture *f = *state;
        enum lease_result result;

        fixture_ready_eni(f, 0, 1);
        fixture_lease(f, "x", NOW);
        release(f, "x", NOW);
        assert_int_equal(fixture_counts(f, NOW).cooling, 1);
        assert_int_equal(fixture_counts(f, NOW).next_cooled_ms, NOW + COOLDOWN_MS);
        OK(store_lease_add(f->store, &wanted, NOW + COOLDOWN_MS - 1, f->arena, &result, &got, &f->err));
        assert_int_equal(result, LEASE_NONE_FREE);
        assert_int_equal(fixture_counts(f, NOW + COOLDOWN_MS).free, 1);
        assert_int_equal(fixture_counts(f, NOW + COOLDOWN_MS).next_cooled_ms, 0);
        assert_string_equal(fixture_address_state(f, fixture_ip(0, 1), NOW + COOLDOWN_MS), "free");
        fixture_lease(f, "y", NOW + COOLDOWN_MS);
        store_set_cooldown(f->store, 0);
        release(f, "y", NOW + COOLDOWN_MS);
        assert_int_equal(fixture_counts(f, NOW + COOLDOWN_MS).free, 1);
}

static void test_leases_are_listed(void **state)
{
        struct lease other = fixture_wanted("z"), *leases, got;
        struct fixture *f = *state;
        enum lease_result result;
        size_t n;

        fixture_ready_eni(f, 0, 12);
        for (int i = 0; i < 10; i++)
                fixture_lease(f, (char[]){(char)('a' + i), '\0'}, NOW);
        other.key.network = "other";
        OK(store_lease_add(f->store, &other, NOW, f->arena, &result, &got, &f->err));
        OK(store_leases(f->store, "net", f->arena, &leases, &n, &f->err));
        assert_int_equal(n, 10);
        for (size_t i = 1; i < n; i++) /* by value, not by text: .9 before .10 */
                assert_true(ip_compare(leases[i - 1].address, leases[i].address) < 0);
        OK(store_leases(f->store, NULL, f->arena, &leases, &n, &f->err));
        assert_int_equal(n, 11);
        OK(store_leases(f->store, "none", f->arena, &leases, &n, &f->err));
        assert_int_equal(n, 0);
}

static void test_link_seen(void **state)
{
        struct fixture *f = *state;
        struct lease lease;

        fixture_ready_eni(f, 0, 1);
        lease = fixture_lease(f, "x", NOW);
        OK(store_lease_link_seen(f->store, &lease.key, false, NOW, &f->err));
        OK(store_lease_link_seen(f->store, &lease.key, false, NOW + 10, &f->err));
        OK(store_lease_get(f->store, &lease.key, f->arena, &lease, &f->err));
        assert_int_equal(lease.link_missing_since_ms, NOW); /* the first resync counts */
        OK(store_lease_link_seen(f->store, &lease.key, true, NOW + 20, &f->err));
        OK(store_lease_get(f->store, &lease.key, f->arena, &lease, &f->err));
        assert_int_equal(lease.link_missing_since_ms, 0);
        OK(store_lease_link_seen(f->store, &lease.key, false, NOW + 30, &f->err));
        OK(store_lease_confirm(f->store, &lease.key, lease.address, &f->err));
        OK(store_lease_get(f->store, &lease.key, f->arena, &lease, &f->err));
        assert_int_equal(lease.link_missing_since_ms, 0);
}

static void test_waiting(void **state)
{
        struct lease wanted = fixture_wanted("x"), other = fixture_wanted("y");
        struct fixture *f = *state;

        OK(store_waiting_add(f->store, &wanted.key, NOW, NOW + 1, &f->err));
        OK(store_waiting_add(f->store, &wanted.key, NOW, NOW + 2, &f->err));
        OK(store_waiting_add(f->store, &other.key, NOW, NOW + 2, &f->err));
        assert_int_equal(fixture_counts(f, NOW).waiting, 2);
        fixture_ready_eni(f, 0, 1);
        fixture_lease(f, "x", NOW); /* who has a lease waits no more */
        assert_int_equal(fixture_counts(f, NOW).waiting, 1);
        OK(store_waiting_remove(f->store, &other.key, &f->err));
        OK(store_waiting_remove(f->store, &other.key, &f->err));
        assert_int_equal(fixture_counts(f, NOW).waiting, 0);
        OK(store_waiting_add(f->store, &other.key, NOW, NOW + 2, &f->err));
        fixture_restart(f, "a");
        assert_int_equal(fixture_counts(f, NOW).waiting, 0);
}

/* ---- ENIs ---- */

static void test_eni_life(void **state)
{
        struct eni eni = {
                .client_token = "t1", .subnet_id = "subnet-1", .device_index = 1, .asked_addresses = 2};
        struct eni created = fixture_eni(1);
        struct ip addresses[] = {fixture_ip(1, 1), fixture_ip(1, 2), fixture_ip(1, 0)};
        struct fixture *f = *state;
        unsigned n = 0;
        int64_t key;

        OK(store_eni_begin(f->store, &eni, NOW, &key, &f->err));
        assert_int_equal(read_eni(f, key, NOW).asked_addresses, 2);
        assert_false(set_state(f, key, ENI_READY, NOW));
        created.attachment_id[0] = '\0';
        OK(store_eni_created(f->store, key, &created, fixture_hosts(f->arena, addresses, 3), 3, NOW + 1,
                             &f->err));
        assert_fails(store_eni_created(f->store, key, &created, fixture_hosts(f->arena, addresses, 3), 3, NOW,
                                       &f->err),
                     ERR_NOT_FOUND);
        eni = read_eni(f, key, NOW);
        assert_int_equal(eni.state, ENI_ATTACHING);
        assert_int_equal(eni.preparing, 2); /* its primary address is not for pods */
        assert_string_equal(eni.client_token, "t1");
        assert_string_equal(MAC_TEXT(eni.mac), "02:00:00:00:00:01");
        OK(store_eni_set_attachment(f->store, key, "attach-9", &f->err));
        assert_true(set_state(f, key, ENI_CONFIGURING, NOW));
        OK(store_blocks_routed(f->store, key, fixture_hosts(f->arena, addresses, 2), 2, &n, &f->err));
        assert_int_equal(n, 2);
        assert_true(set_state(f, key, ENI_READY, NOW));
        fixture_lease(f, "x", NOW);
        assert_false(set_state(f, key, ENI_DRAINING, NOW)); /* an ADD was faster */
        release(f, "x", NOW);
        assert_true(set_state(f, key, ENI_DRAINING, NOW));
        assert_false(set_state(f, key, ENI_DETACHING, NOW)); /* one cools */
        assert_true(set_state(f, key, ENI_CONFIGURING, NOW));
        assert_true(set_state(f, key, ENI_DRAINING, NOW));
        assert_true(set_state(f, key, ENI_DETACHING, NOW + COOLDOWN_MS));
        assert_int_equal(read_eni(f, key, NOW).leaving, 2);
        assert_false(set_state(f, key, ENI_CONFIGURING, NOW));
        OK(store_eni_set_attachment(f->store, key, NULL, &f->err));
        assert_true(set_state(f, key, ENI_DELETING, NOW));
        OK(store_eni_remove(f->store, key, "deleted", &f->err));
        assert_string_equal(fixture_eni_state(f, key), "");
        assert_int_equal(fixture_counts(f, NOW).total, 0);
        fixture_check(f);
}

/* Deleted, and a database that is older than that has it still, with a pod on it: EC2 gives its address to the next one. */
static void test_created_with_the_address_of_one_that_is_gone(void **state)
{
        struct fixture *f = *state;
        struct eni created = fixture_eni(2), eni = {.client_token = "t1", .device_index = 2};
        int64_t gone = fixture_ready_eni(f, 1, 1), key;

        fixture_lease(f, "x", NOW);
        created.primary_address = read_eni(f, gone, NOW).primary_address;
        created.attachment_id[0] = '\0';
        OK(store_eni_begin(f->store, &eni, NOW, &key, &f->err));
        OK(store_eni_created(f->store, key, &created, NULL, 0, NOW, &f->err));
        assert_true(ip_equal(read_eni(f, key, NOW).primary_address, created.primary_address));
        eni = read_eni(f, gone, NOW);
        assert_false(ip_is_set(eni.primary_address));
        assert_true(eni.in_doubt);
        assert_int_equal(eni.leased, 1);
}

static void test_transitions(void **state)
{
        /* to: from creating, attaching, configuring, ready, draining, detaching, deleting */
        static const char *const allowed[_ENI_STATE_MAX] = {
                [ENI_CREATING] = ".......", [ENI_ATTACHING] = ".......", [ENI_CONFIGURING] = ".x.xx..",
                [ENI_READY] = "..x....",    [ENI_DRAINING] = "..xx...",  [ENI_DETACHING] = "....x..",
                [ENI_DELETING] = "xx...x.",
        };
        struct fixture *f = *state;

        for (int to = 0; to < _ENI_STATE_MAX; to++) {
                for (int from = 0; from < _ENI_STATE_MAX; from++) {
                        char sql[400];
                        bool done;

                        snprintf(sql, sizeof(sql),
                                 "DELETE FROM enis; INSERT INTO enis (key, state, client_token, eni_id, "
                                 "device_index,"
                                 " created_ms, since_ms) VALUES (7, '%s', 't', 'eni-7', 1, 0, 0)",
                                 eni_state_to_string((enum eni_state)from));
                        fixture_sql(f, sql);
                        done = set_state(f, 7, (enum eni_state)to, NOW);
                        if (done != (allowed[to][from] == 'x'))
                                fail_msg("%s -> %s", eni_state_to_string((enum eni_state)from),
                                         eni_state_to_string((enum eni_state)to));
                        assert_string_equal(fixture_eni_state(f, 7),
                                            eni_state_to_string((enum eni_state)(done ? to : from)));
                }
        }
        assert_false(set_state(f, 99, ENI_READY, NOW));
}

static void test_eni_of_pods_is_not_removed(void **state)
{
        struct fixture *f = *state;
        int64_t key = fixture_ready_eni(f, 1, 2);

        fixture_lease(f, "x", NOW);
        assert_fails(store_eni_remove(f->store, key, "gone", &f->err), ERR_BUSY);
        assert_int_equal(fixture_counts(f, NOW).total, 2);
        assert_fails(store_eni_remove(f->store, 99, "gone", &f->err), ERR_NOT_FOUND);
        release(f, "x", NOW);
        OK(store_eni_remove(f->store, key, "gone", &f->err));
}

static void test_primary_is_never_drained(void **state)
{
        struct fixture *f = *state;
        int64_t key = fixture_ready_eni(f, 0, 1);
        struct eni second = fixture_eni(1);
        bool changed;

        assert_false(set_state(f, key, ENI_DRAINING, NOW));
        second.primary = true;
        assert_fails(store_eni_observed(f->store, &second, NULL, 0, 0, NOW, &changed, &f->err), ERR_INTERNAL);
        assert_contains(f->err.msg, "eni-1");
        assert_int_equal(fixture_counts(f, NOW).enis, 1);
}

/* ---- what EC2 shows ---- */

static void test_observed(void **state)
{
        struct ip shown[] = {fixture_ip(1, 1), fixture_ip(1, 2), fixture_ip(1, 3)};
        struct eni eni = fixture_eni(1), read;
        struct fixture *f = *state;
        int64_t key = fixture_ready_eni(f, 1, 3);
        bool changed = true;

        OK(store_eni_observed(f->store, &eni, fixture_hosts(f->arena, shown, 3), 3, 0, NOW, &changed,
                              &f->err));
        assert_false(changed);
        OK(store_eni_set_in_doubt(f->store, key, true, &f->err));
        assert_true(read_eni(f, key, NOW).in_doubt);
        fixture_lease(f, "x", NOW);  /* .2 */
        shown[0] = fixture_ip(1, 4); /* .2 vanished, .5 came */
        eni.mac = (struct mac){0};   /* what it does not say stays */
        eni.subnet_id[0] = '\0';
        strcpy(eni.attachment_id, "attach-new");
        OK(store_eni_observed(f->store, &eni, fixture_hosts(f->arena, shown, 3), 3, 0, NOW, &changed,
                              &f->err));
        assert_true(changed);
        read = read_eni(f, key, NOW);
        assert_false(read.in_doubt);
        assert_int_equal(read.mac.bytes[5], 1);
        assert_string_equal(read.subnet_id, "subnet-1");
        assert_string_equal(read.attachment_id, "attach-new");
        assert_int_equal(read.state, ENI_READY);
        assert_int_equal(read.lost, 1);
        assert_int_equal(read.preparing, 1);
        assert_int_equal(read.free, 2);
        fixture_check(f);
}

static void test_lost_and_found(void **state)
{
        struct eni eni = fixture_eni(1);
        struct ip all[] = {fixture_ip(1, 1), fixture_ip(1, 2)};
        struct fixture *f = *state;
        struct lease lease, *leases;
        bool changed;
        size_t n;

        fixture_ready_eni(f, 1, 2);
        lease = fixture_lease(f, "x", NOW);
        OK(store_eni_observed(f->store, &eni, fixture_hosts(f->arena, all + 1, 1), 1, 0, NOW, &changed,
                              &f->err));
        OK(store_leases(f->store, NULL, f->arena, &leases, &n, &f->err));
        assert_true(leases[0].lost);
        OK(store_eni_observed(f->store, &eni, fixture_hosts(f->arena, all, 2), 2, 0, NOW, &changed, &f->err));
        OK(store_lease_get(f->store, &lease.key, f->arena, &lease, &f->err));
        assert_false(lease.lost);
        OK(store_eni_observed(f->store, &eni, fixture_hosts(f->arena, all + 1, 1), 1, 0, NOW, &changed,
                              &f->err));
        release(f, "x", NOW); /* a lost one goes for good */
        assert_int_equal(fixture_counts(f, NOW).total, 1);
        OK(store_eni_observed(f->store, &eni, NULL, 0, 0, NOW, &changed, &f->err));
        assert_int_equal(fixture_counts(f, NOW).total, 0);
        fixture_check(f);
}

static void test_address_that_moved(void **state)
{
        struct eni b = fixture_eni(2);
        struct ip moved[] = {fixture_ip(1, 1), fixture_ip(1, 2)};
        struct fixture *f = *state;
        int64_t key_b, key_a = fixture_ready_eni(f, 1, 2);
        unsigned n;
        bool changed;

        key_b = fixture_ready_eni(f, 2, 1);
        fixture_lease(f, "x", NOW); /* 10.0.1.2 */
        OK(store_blocks_add(f->store, key_b, fixture_hosts(f->arena, moved, 2), 2, &n, &f->err));
        assert_int_equal(n, 1);
        assert_int_equal(read_eni(f, key_b, NOW).preparing, 1);
        assert_int_equal(read_eni(f, key_a, NOW).leased, 1); /* the pod keeps its address where it is */
        OK(store_eni_observed(f->store, &b, fixture_hosts(f->arena, moved, 2), 2, 0, NOW, &changed, &f->err));
        assert_int_equal(read_eni(f, key_a, NOW).leased, 1);
        assert_int_equal(read_eni(f, key_b, NOW).total, 1);
        /* An address becomes the primary one of an ENI: no pod's any more. */
        b.primary_address = moved[1];
        OK(store_eni_observed(f->store, &b, NULL, 0, 0, NOW, &changed, &f->err));
        assert_string_equal(fixture_address_state(f, moved[1], NOW), "");
        fixture_check(f);
}

static void test_foreign_eni(void **state)
{
        struct ip shown[] = {fixture_ip(3, 1)};
        struct eni eni = fixture_eni(3), *enis;
        struct fixture *f = *state;
        bool changed;
        size_t n;

        eni.managed = false;
        OK(store_eni_observed(f->store, &eni, fixture_hosts(f->arena, shown, 1), 1, 0, NOW, &changed,
                              &f->err));
        OK(store_enis(f->store, NOW, f->arena, &enis, &n, &f->err));
        assert_int_equal(n, 1);
        assert_int_equal(enis[0].total, 0); /* its addresses are nobody's business */
        assert_int_equal(fixture_counts(f, NOW).enis, 0);
        assert_false(set_state(f, enis[0].key, ENI_READY, NOW));
        assert_false(set_state(f, enis[0].key, ENI_DRAINING, NOW));
        eni.managed = true; /* tagged as ours now */
        OK(store_eni_observed(f->store, &eni, fixture_hosts(f->arena, shown, 1), 1, 0, NOW, &changed,
                              &f->err));
        assert_int_equal(read_eni(f, enis[0].key, NOW).preparing, 1);
}

/* ---- addresses on their way out ---- */

static const struct store_event *last_event(struct fixture *f)
{
        struct store_event *events;
        size_t n;

        OK(store_events(f->store, 0, SIZE_MAX, f->arena, &events, &n, &f->err));
        assert_true(n > 0);
        return &events[n - 1];
}

static void test_take_and_give_back(void **state)
{
        struct eni eni = fixture_eni(1);
        struct fixture *f = *state;
        int64_t key = fixture_ready_eni(f, 1, 4);
        struct prefix *taken;
        bool changed;
        size_t n;

        fixture_lease(f, "x", NOW);
        fixture_lease(f, "y", NOW);
        release(f, "y", NOW);
        OK(store_blocks_take(f->store, key, 10, NOW, f->arena, &taken, &n, &f->err));
        assert_int_equal(n, 2); /* neither the leased nor the cooling one */
        assert_int_equal(fixture_counts(f, NOW).leaving, 2);
        OK(store_blocks_restore(f->store, key, taken, 1, &f->err));
        OK(store_blocks_gone(f->store, key, taken, 2, NOW, &f->err)); /* the restored one stays */
        assert_string_equal(last_event(f)->kind, "address-leaving");
        assert_string_equal(last_event(f)->eni_id, eni.eni_id); /* whose row is gone */
        assert_int_equal(fixture_counts(f, NOW).free, 1);
        assert_int_equal(fixture_counts(f, NOW).total, 3);
        OK(store_blocks_take(f->store, key, 1, NOW, f->arena, &taken, &n, &f->err));
        OK(store_eni_observed(
                f->store, &eni,
                fixture_hosts(f->arena, (struct ip[]){fixture_ip(1, 1), fixture_ip(1, 2), taken[0].ip}, 3), 3,
                0, NOW, &changed, &f->err));
        assert_int_equal(fixture_counts(f, NOW).leaving, 1);
        OK(store_blocks_take(f->store, key, 0, NOW, f->arena, &taken, &n, &f->err));
        assert_int_equal(n, 0);
        fixture_check(f);
}

static void test_take_longest_unused_first(void **state)
{
        struct fixture *f = *state;
        int64_t key = fixture_ready_eni(f, 1, 2);
        struct prefix *taken;
        size_t n;

        fixture_lease(f, "x", NOW);
        release(f, "x", NOW);
        OK(store_blocks_take(f->store, key, 1, NOW + COOLDOWN_MS, f->arena, &taken, &n, &f->err));
        assert_string_equal(PREFIX_TEXT(taken[0]), "10.0.1.3/32");
}

static void test_arrivals_on_a_leaving_eni(void **state)
{
        struct fixture *f = *state;
        int64_t key = fixture_ready_eni(f, 1, 1);
        struct ip late = fixture_ip(1, 7);
        unsigned n;

        assert_true(set_state(f, key, ENI_DRAINING, NOW));
        assert_true(set_state(f, key, ENI_DETACHING, NOW));
        OK(store_blocks_add(f->store, key, fixture_hosts(f->arena, &late, 1), 1, &n, &f->err));
        OK(store_blocks_restore(f->store, key, fixture_hosts(f->arena, &late, 1), 1,
                                &f->err)); /* nothing comes back on it */
        assert_int_equal(fixture_counts(f, NOW).leaving, 2);
        assert_fails(store_blocks_add(f->store, 99, fixture_hosts(f->arena, &late, 1), 1, &n, &f->err),
                     ERR_NOT_FOUND);
        fixture_check(f);
}

/* ---- the small tables ---- */

static void test_facts_and_conditions(void **state)
{
        struct condition blocked = {CONDITION_ASSIGN, "eni-1", CAUSE_CAPACITY_SUBNET,
                                    "subnet is full", 1,       NOW + 5},
                         *list;
        struct fixture *f = *state;
        const char *value = "x";
        size_t n;

        OK(store_fact_get(f->store, "limits", f->arena, &value, &f->err));
        assert_null(value);
        OK(store_fact_set(f->store, "limits", "3x4", &f->err));
        OK(store_fact_set(f->store, "limits", "3x10", &f->err));
        fixture_restart(f, "a");
        OK(store_fact_get(f->store, "limits", f->arena, &value, &f->err));
        assert_string_equal(value, "3x10");
        OK(store_condition_set(f->store, &blocked, &f->err));
        blocked.attempts = 2;
        OK(store_condition_set(f->store, &blocked, &f->err));
        OK(store_conditions(f->store, f->arena, &list, &n, &f->err));
        assert_int_equal(n, 1);
        assert_int_equal(list[0].attempts, 2);
        assert_string_equal(list[0].message, "subnet is full");
        assert_int_equal(list[0].kind, CONDITION_ASSIGN);
        assert_int_equal(list[0].cause, CAUSE_CAPACITY_SUBNET);
        OK(store_condition_clear(f->store, CONDITION_ASSIGN, "eni-1", &f->err));
        OK(store_conditions(f->store, f->arena, &list, &n, &f->err));
        assert_int_equal(n, 0);
}

static void test_events_are_bounded(void **state)
{
        struct fixture *f = *state;
        struct store_event *events;
        int64_t last = 0, more;
        size_t n;

        fixture_sql(f, "WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 12000)"
                       "INSERT INTO events (at_wall_ms, kind, subject, text) SELECT 0, 'k', 's', 't' FROM i");
        for (int i = 0; i < 64; i++)
                OK(store_event_add(f->store, EVENT_HANDOVER, "node", "all well", &f->err));
        fixture_sql(f, "CREATE TEMP TABLE bound (n CHECK (n < 10064));"
                       "INSERT INTO bound SELECT count(*) FROM events"); /* in the file, too */
        OK(store_events(f->store, 0, SIZE_MAX, f->arena, &events, &n, &f->err));
        assert_int_equal(n, STORE_EVENTS_MAX);
        assert_string_equal(events[n - 1].text, "all well");
        OK(store_event_last_id(f->store, &last, &f->err));
        assert_int_equal(events[n - 1].id, last);
        fixture_ready_eni(f, 1, 1);
        fixture_lease(f, "x", NOW);
        OK(store_events(f->store, last, 100, f->arena, &events, &n, &f->err));
        assert_int_equal(n, 4); /* seen, address, ready, lease */
        assert_string_equal(events[3].kind, "lease-added");
        assert_string_equal(events[3].subject, "10.0.1.2");
        OK(store_events(f->store, last, 1, f->arena, &events, &n, &f->err));
        assert_int_equal(n, 1);
        OK(store_event_last_id(f->store, &more, &f->err));
        assert_int_equal(more, last + 4);
}

static size_t events_of(struct fixture *f, const char *subject, const char *pod, int64_t before,
                        struct store_event **ret)
{
        size_t n = 0;

        OK(store_events_before(
                f->store, &(struct store_event_filter){.subject = subject, .pod = pod, .before_id = before},
                100, f->arena, ret, &n, &f->err));
        return n;
}

static void test_events_of_one(void **state)
{
        struct fixture *f = *state;
        const struct store_event waiting = {
                .subject = "ns/web", .text = "why", .pod = "ns/web", .container_id = "c1"};
        struct lease wanted = {.key = {"net", "c1", "eth0"}, .pod_namespace = "ns", .pod_name = "web"}, lease;
        enum lease_result result;
        struct store_event *events;
        struct ip address;
        bool released;

        fixture_ready_eni(f, 1, 2);
        OK(store_event_add_for(f->store, EVENT_ADD_WAITING, &waiting, &f->err));
        OK(store_lease_add(f->store, &wanted, NOW, f->arena, &result, &lease, &f->err));
        OK(store_lease_confirm(f->store, &wanted.key, lease.address, &f->err));
        OK(store_lease_confirm(f->store, &wanted.key, lease.address, &f->err)); /* twice is once */
        fixture_lease(f, "other", NOW);
        OK(store_lease_release(f->store, &wanted.key, LEASE_END_DEL, NOW, &released, &address, &f->err));
        /* The newest first, the boot in each; the database's pod, container and ENI with each. */
        assert_int_equal(events_of(f, NULL, "ns/web", 0, &events), 5);
        assert_string_equal(events[0].kind, "lease-released");
        assert_int_equal(events[0].lease_end, LEASE_END_DEL);
        assert_string_equal(events[1].kind, "lease-wired");
        assert_string_equal(events[2].kind, "lease-added");
        assert_string_equal(events[3].kind, "add-waiting");
        for (size_t i = 0; i < 3; i++) {
                assert_string_equal(events[i].pod, "ns/web");
                assert_string_equal(events[i].container_id, "c1");
                assert_string_equal(events[i].eni_id, lease.eni_id);
        }
        assert_int_equal(events_of(f, NULL, "ns/web", events[1].id, &events), 3);
        assert_int_equal(events_of(f, NULL, "web", 0, &events), 5);
        assert_int_equal(events_of(f, NULL, "ns/we", 0, &events), 1);
        assert_int_equal(events_of(f, NULL, "eb", 0, &events), 1);
        assert_int_equal(events_of(f, IP_TEXT(lease.address), NULL, 0, &events), 5);
        assert_string_equal(events[3].kind, "address-added");
        assert_int_equal(events_of(f, "10.9.9.9", NULL, 0, &events), 1);
        assert_true(events_of(f, NULL, NULL, 0, &events) > 5);
}

/* ---- restarts ---- */

static void test_restart(void **state)
{
        struct fixture *f = *state;
        int64_t ready = fixture_ready_eni(f, 0, 2), draining = fixture_ready_eni(f, 1, 1);

        assert_true(set_state(f, draining, ENI_DRAINING, NOW));
        fixture_lease(f, "x", NOW);
        fixture_restart(f, "a");
        assert_string_equal(fixture_eni_state(f, ready),
                            "configuring"); /* the kernel must be looked at first */
        assert_string_equal(fixture_eni_state(f, draining), "draining");
        assert_int_equal(fixture_counts(f, NOW).leased, 1);
        assert_int_equal(fixture_counts(f, NOW).free, 0);
}

static void test_another_boot(void **state)
{
        struct condition blocked = {CONDITION_CREATE, "", CAUSE_DENIED, "no", 3, NOW * 1000LL}, *list;
        const struct ip there[] = {fixture_ip(0, 1), fixture_ip(0, 2)};
        struct eni eni = fixture_eni(0), *enis;
        struct fixture *f = *state;
        const char *value;
        unsigned n_free;
        bool changed;
        size_t n;

        fixture_ready_eni(f, 0, 3);
        fixture_lease(f, "x", NOW);
        fixture_lease(f, "y", NOW);
        fixture_lease(f, "z", NOW);
        release(f, "y", NOW);
        OK(store_eni_observed(f->store, &eni, fixture_hosts(f->arena, there, 2), 2, 0, NOW, &changed,
                              &f->err)); /* z's is lost */
        OK(store_condition_set(f->store, &blocked, &f->err));
        OK(store_fact_set(f->store, "look-at-ms", "99999999999", &f->err));
        fixture_restart(f, "b");
        assert_int_equal(fixture_counts(f, 0).leased, 0);
        assert_int_equal(fixture_counts(f, 0).preparing, 2); /* until EC2 has been asked ... */
        assert_int_equal(fixture_counts(f, 0).total, 2);
        OK(store_eni_observed(f->store, &eni, fixture_hosts(f->arena, there, 2), 2, 0, NOW, &changed,
                              &f->err));
        OK(store_enis(f->store, NOW, f->arena, &enis, &n, &f->err));
        OK(store_blocks_routed(f->store, enis[0].key, fixture_hosts(f->arena, there, 2), 2, &n_free,
                               &f->err));
        assert_int_equal(fixture_counts(f, 0).cooling, 2); /* ... and from now on, on this boot's clock */
        OK(store_conditions(f->store, f->arena, &list, &n, &f->err));
        assert_int_equal(n, 0);
        OK(store_fact_get(f->store, "look-at-ms", f->arena, &value, &f->err));
        assert_null(value);
        fixture_check(f);
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

/*
 * A snapshot of a virtual machine is restored: the boot is the same and its clock earlier than times in the database.
 * Nothing waits for that clock to come round again.
 */
static void test_a_clock_that_went_back(void **state)
{
        const int64_t day_ms = 24LL * 3600 * 1000;
        const int64_t now_ms = clock_boottime_ms();
        struct fixture *f = *state;
        struct block_address cooling;
        struct condition *blocked;
        struct lease lease, got, ends = fixture_wanted("ends");
        struct store_given_back *given_back;
        struct eni *enis;
        struct prefix *taken;
        struct ip address;
        bool done;
        size_t n;

        assert_ok(store_blocks_take(f->store, fixture_ready_eni(f, 0, 3), 1, now_ms, f->arena, &taken, &n,
                                    &f->err),
                  &f->err);
        assert_ok(store_enis(f->store, now_ms, f->arena, &enis, &n, &f->err), &f->err);
        assert_ok(store_blocks_gone(f->store, enis[0].key, taken, 1, now_ms + day_ms, &f->err), &f->err);
        lease = fixture_lease(f, "stays", now_ms + day_ms);
        address = fixture_lease(f, "ends", now_ms + day_ms).address;
        assert_ok(store_lease_link_seen(f->store, &lease.key, false, now_ms + day_ms, &f->err), &f->err);
        assert_ok(store_lease_release(f->store, &ends.key, LEASE_END_DEL, now_ms + day_ms, &done, &address,
                                      &f->err),
                  &f->err);
        assert_ok(store_condition_set(f->store,
                                      &(const struct condition){.kind = CONDITION_ASSIGN,
                                                                .object = "eni-0",
                                                                .cause = CAUSE_THROTTLED,
                                                                .message = "",
                                                                .retry_at_ms = now_ms + day_ms,
                                                                .attempts = 2},
                                      &f->err),
                  &f->err);
        fixture_restart(f, "a");
        assert_ok(store_address_get(f->store, address, now_ms, f->arena, &cooling, &f->err), &f->err);
        assert_int_equal(cooling.state, ADDRESS_COOLING);
        assert_in_range(cooling.cooling_until_ms, now_ms, clock_boottime_ms() + COOLDOWN_MS);
        assert_ok(store_lease_get(f->store, &lease.key, f->arena, &got, &f->err), &f->err);
        assert_in_range(got.since_ms, 1, clock_boottime_ms());
        assert_in_range(got.link_missing_since_ms, 1, clock_boottime_ms());
        assert_ok(store_enis(f->store, now_ms, f->arena, &enis, &n, &f->err), &f->err);
        assert_in_range(enis[0].since_ms, 0, clock_boottime_ms());
        assert_ok(store_conditions(f->store, f->arena, &blocked, &n, &f->err), &f->err);
        assert_int_equal(n, 1);
        assert_in_range(blocked[0].retry_at_ms, 0, clock_boottime_ms());
        assert_int_equal(blocked[0].attempts, 2);
        assert_ok(store_given_back(f->store, f->arena, &given_back, &n, &f->err), &f->err);
        assert_int_equal(n, 1);
        assert_in_range(given_back[0].since_ms, 1, clock_boottime_ms());
}

/* The same under a daemon that runs: the next ADD sees it. */
static void test_a_clock_that_goes_back_while_running(void **state)
{
        const int64_t day_ms = 24LL * 3600 * 1000;
        struct fixture *f = *state;
        struct lease wanted = fixture_wanted("next"), ends = fixture_wanted("ends"), got;
        enum lease_result result;
        struct ip address;
        bool done;

        fixture_ready_eni(f, 0, 1);
        fixture_lease(f, "ends", NOW + day_ms);
        assert_ok(store_lease_release(f->store, &ends.key, LEASE_END_DEL, NOW + day_ms, &done, &address,
                                      &f->err),
                  &f->err);
        assert_ok(store_lease_add(f->store, &wanted, NOW, f->arena, &result, &got, &f->err), &f->err);
        assert_int_equal(result, LEASE_NONE_FREE);
        assert_ok(store_lease_add(f->store, &wanted, NOW + COOLDOWN_MS, f->arena, &result, &got, &f->err),
                  &f->err);
        assert_int_equal(result, LEASE_GIVEN);
}

/* Free and cooling ones are nobody's until they are routed again; a cooldown goes on as if nothing had been. */
static void test_withheld_addresses(void **state)
{
        struct fixture *f = *state;
        int64_t key = fixture_ready_eni(f, 0, 3);
        const struct ip leased = fixture_lease(f, "stays", NOW).address,
                        cooling = fixture_lease(f, "goes", NOW).address;
        const struct ip all[] = {fixture_ip(0, 1), fixture_ip(0, 2), fixture_ip(0, 3)};
        const struct lease wanted = fixture_wanted("late");
        struct lease got;
        enum lease_result result;
        unsigned n;

        release(f, "goes", NOW);
        OK(store_addresses_withhold(f->store, key, all, ARRAY_SIZE(all), &n, &f->err));
        assert_int_equal(n, 2);
        assert_string_equal(fixture_address_state(f, leased, NOW), "leased");
        assert_int_equal(fixture_counts(f, NOW).preparing, 2);
        OK(store_lease_add(f->store, &wanted, NOW + 2 * COOLDOWN_MS, f->arena, &result, &got, &f->err));
        assert_int_equal(result, LEASE_NONE_FREE);
        OK(store_blocks_routed(f->store, key, fixture_hosts(f->arena, all, ARRAY_SIZE(all)), ARRAY_SIZE(all),
                               &n, &f->err));
        assert_int_equal(n, 2);
        assert_string_equal(fixture_address_state(f, cooling, NOW + 1), "cooling");
        assert_string_equal(fixture_address_state(f, cooling, NOW + COOLDOWN_MS), "free");
        fixture_check(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(test_lease_life),
                T(test_withheld_addresses),
                T(test_policy),
                T(test_only_ready_enis_give),
                T(test_cooldown),
                T(test_a_clock_that_went_back),
                T(test_a_clock_that_goes_back_while_running),
                T(test_leases_are_listed),
                T(test_link_seen),
                T(test_waiting),
                T(test_eni_life),
                T(test_created_with_the_address_of_one_that_is_gone),
                T(test_transitions),
                T(test_eni_of_pods_is_not_removed),
                T(test_primary_is_never_drained),
                T(test_observed),
                T(test_lost_and_found),
                T(test_address_that_moved),
                T(test_foreign_eni),
                T(test_take_and_give_back),
                T(test_take_longest_unused_first),
                T(test_arrivals_on_a_leaving_eni),
                T(test_facts_and_conditions),
                T(test_events_are_bounded),
                T(test_events_of_one),
                T(test_restart),
                T(test_another_boot),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
