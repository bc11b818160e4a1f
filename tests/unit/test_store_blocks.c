// SPDX-License-Identifier: Apache-2.0
/* Blocks of more than one address, and leases of two families: /28, /80, and what is counted, given out and back of them. */
#include "test.h"

#include <stdio.h>

#include "store_fixture.h"

#define OK(call) assert_ok((call), &f->err)

enum { OF_28 = 16, PODS_MAX = 40 };

static struct prefix block(const char *text)
{
        struct prefix prefix;
        struct err err;

        assert_ok(prefix_parse(text, &prefix, &err), &err);
        return prefix;
}

/* An ENI that EC2 shows with these blocks, all routed. */
static int64_t ready_eni(struct fixture *f, unsigned device, const struct prefix *blocks, size_t n)
{
        int64_t key = fixture_ready_eni(f, device, 0);
        struct eni eni = fixture_eni(device);
        unsigned routed;
        bool changed;

        OK(store_eni_observed(f->store, &eni, blocks, n, 0, NOW, &changed, &f->err));
        assert_true(changed);
        OK(store_blocks_routed(f->store, key, blocks, n, &routed, &f->err));
        assert_int_equal(routed, n);
        return key;
}

static const char *pod_name(struct fixture *f, unsigned i)
{
        return arena_printf(f->arena, "p%u", i);
}

static const char *lease(struct fixture *f, unsigned pod, int64_t now_ms)
{
        return arena_strdup(f->arena, IP_TEXT(fixture_lease(f, pod_name(f, pod), now_ms).address));
}

static void release(struct fixture *f, unsigned pod, int64_t now_ms)
{
        const struct lease_key key = {"net", pod_name(f, pod), "eth0", NULL};
        bool done = false;
        struct ip ip;

        OK(store_lease_release(f->store, &key, LEASE_END_DEL, now_ms, &done, &ip, &f->err));
        assert_true(done);
}

static enum lease_result try_lease(struct fixture *f, const struct lease *wanted, int64_t now_ms,
                                   struct lease *ret)
{
        enum lease_result result;

        OK(store_lease_add(f->store, wanted, now_ms, f->arena, &result, ret, &f->err));
        return result;
}

/* ---- one block ---- */

/* All sixteen, none twice; each cools by itself, and comes again when the others had their turn. */
static void test_a_28_until_it_is_exhausted(void **state)
{
        const struct prefix blocks[] = {block("10.0.1.16/28")};
        struct fixture *f = *state;
        struct lease more = fixture_wanted("more"), got;

        ready_eni(f, 1, blocks, 1);
        assert_int_equal(fixture_counts(f, NOW).free, OF_28);
        for (unsigned i = 0; i < OF_28; i++) {
                char expect[32];

                snprintf(expect, sizeof(expect), "10.0.1.%u", 16 + i);
                assert_string_equal(lease(f, i, NOW), expect);
                assert_int_equal(fixture_counts(f, NOW).free, OF_28 - 1 - i);
        }
        assert_int_equal(try_lease(f, &more, NOW, &got), LEASE_NONE_FREE);
        release(f, 7, NOW);
        release(f, 3, NOW + 1);
        assert_int_equal(fixture_counts(f, NOW + 1).cooling, 2);
        assert_int_equal(fixture_counts(f, NOW + 1).next_cooled_ms, NOW + COOLDOWN_MS);
        assert_int_equal(try_lease(f, &more, NOW + COOLDOWN_MS - 1, &got), LEASE_NONE_FREE);
        assert_int_equal(fixture_counts(f, NOW + COOLDOWN_MS).free, 1);
        assert_string_equal(fixture_address_state(f, got.address, NOW), "");
        assert_int_equal(try_lease(f, &more, NOW + COOLDOWN_MS, &got), LEASE_GIVEN);
        assert_string_equal(IP_TEXT(got.address), "10.0.1.23");
        assert_int_equal(fixture_counts(f, NOW + 2 * COOLDOWN_MS).free, 1);
        fixture_check(f);
}

/* What was given a moment ago is not given again while there are others. */
static void test_round_and_round(void **state)
{
        const struct prefix blocks[] = {block("10.0.1.16/28")};
        struct fixture *f = *state;
        int64_t now_ms = NOW;

        ready_eni(f, 1, blocks, 1);
        for (unsigned i = 0; i < 2 * OF_28; i++, now_ms += 2 * COOLDOWN_MS) {
                char expect[32];

                snprintf(expect, sizeof(expect), "10.0.1.%u", 16 + i % OF_28);
                assert_string_equal(lease(f, i, now_ms), expect);
                release(f, i, now_ms);
        }
        assert_int_equal(fixture_counts(f, now_ms).free, OF_28);
        fixture_check(f);
}

/* Fullest first, so that the other empties; then by address. */
static void test_the_fullest_block_first(void **state)
{
        const struct prefix blocks[] = {block("10.0.1.16/28"), block("10.0.1.64/28"), block("10.0.1.9/32")};
        struct fixture *f = *state;
        struct lease wanted = fixture_wanted("chosen"), got;
        struct prefix *taken;
        size_t n;
        int64_t key = ready_eni(f, 1, blocks, ARRAY_SIZE(blocks));

        wanted.address = block("10.0.1.70/32").ip;
        assert_int_equal(try_lease(f, &wanted, NOW, &got), LEASE_GIVEN);
        assert_string_equal(lease(f, 1, NOW), "10.0.1.71");
        assert_string_equal(lease(f, 2, NOW), "10.0.1.72");
        /* Whole blocks go back, and no more than is asked for. */
        OK(store_blocks_take(f->store, key, 15, NOW, f->arena, &taken, &n, &f->err));
        assert_int_equal(n, 1);
        assert_string_equal(PREFIX_TEXT(taken[0]), "10.0.1.9/32");
        OK(store_blocks_take(f->store, key, 40, NOW, f->arena, &taken, &n, &f->err));
        assert_int_equal(n, 1);
        assert_string_equal(PREFIX_TEXT(taken[0]), "10.0.1.16/28");
        assert_int_equal(fixture_counts(f, NOW).leaving, OF_28 + 1);
        OK(store_blocks_gone(f->store, key, taken, 1, NOW, &f->err));
        assert_int_equal(fixture_counts(f, NOW).total, OF_28 + 1);
        assert_string_equal(lease(f, 3, NOW), "10.0.1.73");
        fixture_check(f);
}

/* What EC2 cannot have given: around the node's own address, or around a pod's. What is there stays. */
static void test_what_overlaps(void **state)
{
        const struct prefix blocks[] = {block("10.0.1.9/32"), block("10.0.1.70/32"), block("10.0.1.71/32")};
        const struct prefix around[] = {block("10.0.1.0/28"), block("10.0.1.64/28")};
        struct lease wanted = fixture_wanted("p2"), got;
        struct fixture *f = *state;
        unsigned added;
        int64_t key = ready_eni(f, 1, blocks, ARRAY_SIZE(blocks));

        wanted.address = blocks[1].ip;
        assert_int_equal(try_lease(f, &wanted, NOW, &got), LEASE_GIVEN);
        OK(store_blocks_add(f->store, key, around, 2, &added, &f->err));
        assert_int_equal(added, 0);
        assert_int_equal(fixture_counts(f, NOW).total, 3);
        release(f, 2, NOW); /* and now that is old news */
        OK(store_blocks_add(f->store, key, around, 2, &added, &f->err));
        assert_int_equal(added, 1);
        assert_int_equal(fixture_counts(f, NOW).total, 1 + OF_28);
        fixture_check(f);
}

/* A block that drains gives nothing out, and keeps what its pods have. */
static void test_a_block_that_drains(void **state)
{
        const struct prefix blocks[] = {block("10.0.1.16/28"), block("10.0.1.64/28")};
        struct fixture *f = *state;

        ready_eni(f, 1, blocks, ARRAY_SIZE(blocks));
        assert_string_equal(lease(f, 1, NOW), "10.0.1.16");
        fixture_sql(f, "UPDATE blocks SET state = 'draining' WHERE first = '0a000110'");
        assert_string_equal(lease(f, 2, NOW), "10.0.1.64");
        assert_int_equal(fixture_counts(f, NOW).leased, 2);
        assert_int_equal(fixture_counts(f, NOW).leaving, OF_28 - 1);
        assert_int_equal(fixture_counts(f, NOW).free, OF_28 - 1);
        fixture_check(f);
}

static void test_a_block_that_ec2_does_not_show(void **state)
{
        const struct prefix blocks[] = {block("10.0.1.16/28")};
        struct eni eni = fixture_eni(1);
        struct fixture *f = *state;
        struct lease wanted = fixture_wanted("late"), got;
        struct lease *leases;
        unsigned routed;
        bool changed;
        size_t n;
        int64_t key = ready_eni(f, 1, blocks, 1);

        lease(f, 1, NOW);
        lease(f, 2, NOW);
        release(f, 2, NOW);
        OK(store_eni_observed(f->store, &eni, blocks, 1, 1, NOW, &changed, &f->err)); /* once */
        assert_int_equal(try_lease(f, &wanted, NOW, &got), LEASE_NONE_FREE);
        assert_int_equal(fixture_counts(f, NOW).leased, 1);
        assert_int_equal(fixture_counts(f, NOW).preparing, OF_28 - 1);
        OK(store_eni_observed(f->store, &eni, blocks, 1, 0, NOW, &changed, &f->err)); /* shown again */
        assert_int_equal(try_lease(f, &wanted, NOW, &got), LEASE_NONE_FREE);
        OK(store_blocks_routed(f->store, key, blocks, 1, &routed, &f->err));
        assert_int_equal(fixture_counts(f, NOW).free, OF_28 - 2);
        assert_int_equal(fixture_counts(f, NOW).cooling, 1);
        OK(store_eni_observed(f->store, &eni, NULL, 0, 0, NOW, &changed, &f->err)); /* gone */
        OK(store_leases(f->store, NULL, f->arena, &leases, &n, &f->err));
        assert_true(n == 1 && leases[0].lost);
        assert_int_equal(fixture_counts(f, NOW).lost, 1);
        assert_int_equal(fixture_counts(f, NOW).total, 1);
        release(f, 1, NOW);
        assert_int_equal(fixture_counts(f, NOW).total, 0);
        fixture_check(f);
}

/* One address of it is the host's, another waits for its pod: the others are given out. */
static void test_single_addresses_are_held(void **state)
{
        const struct prefix blocks[] = {block("10.0.1.16/28")}, host = block("10.0.1.16/32");
        const struct import import = {.key = {"aws-cni", "old", "eth0", NULL},
                                      .address = block("10.0.1.17/32").ip,
                                      .pod_namespace = "default",
                                      .pod_name = "web"};
        struct fixture *f = *state;
        unsigned n;
        bool done;
        int64_t key;

        OK(store_import_begin(f->store, &import, 1, &done, &f->err));
        key = ready_eni(f, 1, blocks, 1);
        OK(store_addresses_withhold(f->store, key, &host.ip, 1, &n, &f->err));
        assert_int_equal(n, 1);
        assert_int_equal(fixture_counts(f, NOW).preparing, 2);
        assert_int_equal(fixture_counts(f, NOW).free, OF_28 - 2);
        assert_string_equal(lease(f, 1, NOW), "10.0.1.18");
        OK(store_import_take(f->store, &import, "eni1", NOW, &done, &f->err));
        assert_true(done);
        OK(store_blocks_routed(f->store, key, &host, 1, &n, &f->err));
        assert_int_equal(n, 1);
        assert_int_equal(fixture_counts(f, NOW).leased, 2);
        assert_int_equal(fixture_counts(f, NOW).free, OF_28 - 2);
        fixture_check(f);
}

static void test_another_boot(void **state)
{
        const struct prefix blocks[] = {block("10.0.1.16/28"), block("2600:1f13:1:2:3::/80")};
        struct fixture *f = *state;

        ready_eni(f, 1, blocks, 2);
        lease(f, 1, NOW);
        fixture_restart(f, "b");
        assert_int_equal(fixture_counts(f, NOW).leased, 0);
        assert_int_equal(fixture_counts(f, NOW).free, 0);
        fixture_check(f);
}

/* ---- the second family ---- */

static struct lease dual_stack(const char *container_id)
{
        struct lease wanted = fixture_wanted(container_id);

        wanted.families = LEASE_IPV4 | LEASE_IPV6;
        return wanted;
}

static void test_a_lease_of_both_families(void **state)
{
        const struct prefix blocks[] = {block("10.0.1.16/28"), block("2600:1f13:1:2:3::/80")};
        struct lease wanted = dual_stack("both"), got, again, *leases;
        struct store_event *events;
        struct fixture *f = *state;
        struct ip first;
        size_t n;
        bool done;

        ready_eni(f, 1, blocks, 2);
        assert_int_equal(fixture_counts(f, NOW).free, OF_28 + STORE_BLOCK_COUNTED_MAX);
        lease(f, 1, NOW);
        assert_int_equal(try_lease(f, &wanted, NOW, &got), LEASE_GIVEN);
        assert_int_equal(got.n_addresses, 2);
        assert_string_equal(IP_TEXT(got.address), "10.0.1.17");
        assert_string_equal(IP_TEXT(got.addresses[0].address), "10.0.1.17");
        assert_string_equal(IP_TEXT(got.addresses[1].address), "2600:1f13:1:2:3::");
        assert_string_equal(got.addresses[1].eni_id, "eni-1");
        assert_int_equal(try_lease(f, &wanted, NOW, &again), LEASE_AGAIN);
        assert_int_equal(again.n_addresses, 2);
        OK(store_lease_confirm(f->store, &wanted.key, got.address, &f->err));
        OK(store_leases(f->store, NULL, f->arena, &leases, &n, &f->err));
        assert_int_equal(n, 2);
        assert_int_equal(leases[0].n_addresses, 1);
        assert_int_equal(leases[1].n_addresses, 2);
        assert_int_equal(fixture_counts(f, NOW).leased, 3);
        assert_string_equal(fixture_address_state(f, got.addresses[1].address, NOW), "leased");
        OK(store_events_before(f->store, &(struct store_event_filter){.subject = "2600:1f13:1:2:3::"}, 9,
                               f->arena, &events, &n, &f->err));
        assert_int_equal(n, 3); /* added, wired, the boot */
        assert_string_equal(events[0].container_id, "both");
        OK(store_lease_release(f->store, &wanted.key, LEASE_END_DEL, NOW, &done, &first, &f->err));
        assert_true(done && ip_equal(first, got.address));
        assert_int_equal(fixture_counts(f, NOW).cooling, 2);
        wanted = dual_stack("next");
        assert_int_equal(try_lease(f, &wanted, NOW, &got), LEASE_GIVEN);
        assert_string_equal(IP_TEXT(got.addresses[1].address), "2600:1f13:1:2:3::1");
        fixture_check(f);
}

/* Both, or none: what was picked of the first is not kept. */
static void test_one_family_is_exhausted(void **state)
{
        const struct prefix blocks[] = {block("10.0.1.16/28")};
        const struct prefix ipv6 = block("2600::5/128");
        struct lease wanted = dual_stack("both"), got;
        struct fixture *f = *state;
        unsigned routed, added;
        int64_t key = ready_eni(f, 1, blocks, 1);

        assert_int_equal(try_lease(f, &wanted, NOW, &got), LEASE_NONE_FREE);
        assert_int_equal(fixture_counts(f, NOW).free, OF_28);
        OK(store_blocks_add(f->store, key, &ipv6, 1, &added, &f->err));
        assert_int_equal(added, 1);
        assert_int_equal(try_lease(f, &wanted, NOW, &got), LEASE_NONE_FREE); /* not routed */
        OK(store_blocks_routed(f->store, key, &ipv6, 1, &routed, &f->err));
        assert_int_equal(try_lease(f, &wanted, NOW, &got), LEASE_GIVEN);
        assert_string_equal(IP_TEXT(got.addresses[1].address), "2600::5");
        assert_string_equal(lease(f, 1, NOW), "10.0.1.17"); /* who asks for IPv4 alone gets it */
        fixture_check(f);
}

/* The kernel shows one of its addresses with the container: the lease is borne out. */
static void test_a_lease_of_both_families_at_a_start(void **state)
{
        const struct prefix blocks[] = {block("10.0.1.16/28"), block("2600:1f13:1:2:3::/80")};
        struct lease wanted = dual_stack("both"), got;
        struct fixture *f = *state;
        struct import running = {
                .key = {IMPORT_NETWORK_UNKNOWN, "both", "both", NULL}, .pod_namespace = "", .pod_name = ""};

        ready_eni(f, 1, blocks, 2);
        assert_int_equal(try_lease(f, &wanted, NOW, &got), LEASE_GIVEN);
        running.address = got.addresses[1].address;
        f->options.running = &running;
        f->options.n_running = 1;
        fixture_restart(f, "b");
        OK(store_lease_get(f->store, &wanted.key, f->arena, &got, &f->err));
        assert_int_equal(got.n_addresses, 2);
        assert_int_equal(fixture_counts(f, NOW).leased, 2);
        fixture_check(f);
}

/* ---- marks and tables ---- */

static struct eni eni_of(struct fixture *f, int64_t key)
{
        struct eni *enis;
        size_t n;

        OK(store_enis(f->store, NOW, f->arena, &enis, &n, &f->err));
        for (size_t i = 0; i < n; i++) {
                if (enis[i].key == key)
                        return enis[i];
        }
        fail_msg("no ENI %lld", (long long)key);
        return (struct eni){0};
}

static void assert_numbers(struct fixture *f, int64_t key, unsigned mark_index, unsigned route_table)
{
        assert_int_equal(eni_of(f, key).mark_index, mark_index);
        assert_int_equal(eni_of(f, key).route_table, route_table);
}

static void test_numbers_of_enis(void **state)
{
        struct fixture *f = *state;
        struct eni moved = fixture_eni(2), card = fixture_eni(7);
        int64_t primary = fixture_ready_eni(f, 0, 0), second = fixture_ready_eni(f, 1, 0),
                third = fixture_ready_eni(f, 2, 0), on_card = fixture_ready_eni(f, 7, 0);
        bool changed, done;

        assert_numbers(f, primary, 0, 0);
        assert_numbers(f, second, 1, 2);
        assert_numbers(f, third, 2, 3);
        card.network_card = 1;
        card.device_index = 1;
        OK(store_eni_observed(f->store, &card, NULL, 0, 0, NOW, &changed, &f->err));
        assert_numbers(f, on_card, 31, 10101);
        /* Its own through a restart; attached elsewhere it gets what belongs there, free again when it leaves. */
        fixture_restart(f, "a");
        assert_numbers(f, on_card, 31, 10101);
        moved.device_index = 4;
        OK(store_eni_observed(f->store, &moved, NULL, 0, 0, NOW, &changed, &f->err));
        assert_numbers(f, third, 4, 5);
        OK(store_eni_set_state(f->store, third, ENI_DRAINING, "", NOW, &done, &f->err));
        assert_numbers(f, third, 4, 5);
        OK(store_eni_set_state(f->store, third, ENI_DETACHING, "", NOW, &done, &f->err));
        assert_numbers(f, third, 0, 0);
        fixture_check(f);
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(test_a_28_until_it_is_exhausted),
                T(test_round_and_round),
                T(test_the_fullest_block_first),
                T(test_what_overlaps),
                T(test_a_block_that_drains),
                T(test_a_block_that_ec2_does_not_show),
                T(test_single_addresses_are_held),
                T(test_another_boot),
                T(test_a_lease_of_both_families),
                T(test_one_family_is_exhausted),
                T(test_a_lease_of_both_families_at_a_start),
                T(test_numbers_of_enis),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
