// SPDX-License-Identifier: Apache-2.0
/* A full look at EC2: adding rests on what it shows, removing on what it twice does not show. */
#include "test.h"

#include <stdio.h>

#include "reconcile_fixture.h"

enum { SOON = NOW + 1000, LATER = NOW + 1000 + LOOK_SETTLE_MS, MUCH_LATER = LATER + LOOK_SETTLE_MS };

/* The primary ENI with addresses 1..n of its own. */
static const char *primary(struct bench *b, unsigned n)
{
        struct ip addresses[8];

        for (unsigned i = 0; i < n; i++)
                addresses[i] = fixture_ip(0, i + 1);
        return bench_eni_xml(b, 0, INSTANCE, addresses, n);
}

static void script_enis(struct bench *b, const char *const *enis, size_t n)
{
        struct httpd_reply *reply = ARENA_NEW(b->arena, struct httpd_reply);

        *reply = (struct httpd_reply){.body = bench_describe(b, enis, n), .times = HTTPD_ALWAYS};
        bench_script(b, reply, 1);
}

static void test_ours_is_adopted_and_others_are_counted(void **state)
{
        struct bench *b = *state;
        struct ip ours = fixture_ip(1, 1), theirs = fixture_ip(2, 1);
        const char *enis[] = {primary(b, 3), bench_eni_xml(b, 1, INSTANCE, &ours, 1),
                              bench_eni_xml(b, 2, "i-other", &theirs, 1)};
        struct round round;

        script_enis(b, enis, 3);
        bench_look(b, SOON);
        round = bench_round(b, SOON);
        assert_int_equal(round.n_enis, 3);
        assert_true(round.enis[1].managed);
        assert_int_equal(round.enis[1].state, ENI_CONFIGURING);
        assert_int_equal(round.enis[1].preparing, 1);
        assert_false(round.enis[2].managed);
        assert_int_equal(round.enis[2].total, 0);
        assert_int_equal(httpd_requests(b->ec2), 1);
}

static void test_an_address_is_gone_after_two_looks(void **state)
{
        struct bench *b = *state;
        const char *enis[] = {primary(b, 2)};

        script_enis(b, enis, 1);
        bench_look(b, SOON);
        assert_string_equal(fixture_address_state(b->f, fixture_ip(0, 3), SOON), "free");
        assert_true(b->r.look_due_ms <= LATER + 1000);
        bench_look(b, LATER);
        assert_string_equal(fixture_address_state(b->f, fixture_ip(0, 3), LATER), "");
        assert_string_equal(fixture_address_state(b->f, fixture_ip(0, 2), LATER), "free");
}

static void test_an_address_that_comes_back_is_no_suspect(void **state)
{
        struct bench *b = *state;
        const char *without[] = {primary(b, 2)}, *with[] = {primary(b, 3)};

        script_enis(b, without, 1);
        bench_look(b, SOON);
        script_enis(b, with, 1);
        bench_look(b, SOON + 1000);
        script_enis(b, without, 1);
        bench_look(b, LATER);
        assert_string_equal(fixture_address_state(b->f, fixture_ip(0, 3), LATER), "free");
}

static void test_a_leased_address_is_lost_and_its_lease_stays(void **state)
{
        struct bench *b = *state;
        struct store_lease lease = fixture_lease(b->f, "a", NOW), *leases;
        const char *enis[] = {primary(b, 0)};
        size_t n;

        script_enis(b, enis, 1);
        bench_look(b, SOON);
        bench_look(b, LATER);
        assert_ok(store_leases(b->f->store, NULL, b->arena, &leases, &n, &b->f->err), &b->f->err);
        assert_int_equal(n, 1);
        assert_true(leases[0].lost);
        assert_true(ip_equal(leases[0].address, lease.address));
        assert_int_equal(fixture_counts(b->f, LATER).free, 0);
}

static void test_an_eni_with_leases_is_never_removed(void **state)
{
        struct bench *b = *state;
        int64_t key = fixture_ready_eni(b->f, 1, 1);
        const char *enis[] = {primary(b, 3)};
        struct round round;

        for (int i = 0; i < 4; i++)
                fixture_lease(b->f, (const char *[]){"a", "b", "c", "d"}[i], NOW);
        script_enis(b, enis, 1);
        bench_look(b, SOON);
        round = bench_round(b, SOON);
        assert_int_equal(observe_eni(&round, key)->leased, 1);
        bench_look(b, LATER);
        bench_look(b, MUCH_LATER);
        round = bench_round(b, MUCH_LATER);
        assert_non_null(observe_eni(&round, key));
        assert_int_equal(observe_eni(&round, key)->lost, 1);
}

static void test_an_empty_eni_is_dropped_after_two_looks(void **state)
{
        struct bench *b = *state;
        int64_t key = fixture_ready_eni(b->f, 1, 2);
        const char *enis[] = {primary(b, 3)};

        script_enis(b, enis, 1);
        bench_look(b, SOON);
        assert_string_equal(fixture_eni_state(b->f, key), "ready");
        bench_look(b, LATER);
        assert_string_equal(fixture_eni_state(b->f, key), "");
}

static void test_a_failing_look_changes_nothing(void **state)
{
        struct bench *b = *state;
        struct httpd_reply replies[] = {{.status = 503,
                                         .body = bench_error(b, "Unavailable", "try again later"),
                                         .times = HTTPD_ALWAYS}};
        struct round round;

        bench_script(b, replies, 1);
        bench_look(b, SOON);
        bench_look(b, LATER);
        assert_int_equal(fixture_counts(b->f, LATER).free, 3);
        round = bench_round(b, LATER);
        assert_non_null(blocked_find(&round, "look", ""));
        assert_int_equal(blocked_find(&round, "look", "")->attempts, 2);
}

static void test_an_empty_answer_is_not_believed(void **state)
{
        struct bench *b = *state;

        script_enis(b, NULL, 0);
        bench_look(b, SOON);
        bench_look(b, LATER);
        bench_look(b, MUCH_LATER);
        assert_int_equal(fixture_counts(b->f, LATER).free, 3);
}

static void test_an_attach_in_doubt_is_seen(void **state)
{
        struct bench *b = *state;
        struct store_eni eni = fixture_eni(1);
        const char *enis[] = {primary(b, 3), bench_eni_xml(b, 1, INSTANCE, NULL, 0)};
        struct round round;
        int64_t key;

        snprintf(eni.client_token, sizeof(eni.client_token), "token");
        assert_ok(store_eni_begin(b->f->store, &eni, NOW, &key, &b->f->err), &b->f->err);
        assert_ok(store_eni_created(b->f->store, key, &eni, NULL, 0, NOW, &b->f->err), &b->f->err);
        assert_ok(store_eni_set_in_doubt(b->f->store, key, true, &b->f->err), &b->f->err);
        script_enis(b, enis, 2);
        bench_look(b, SOON);
        round = bench_round(b, SOON);
        assert_false(observe_eni(&round, key)->in_doubt);
        assert_string_equal(observe_eni(&round, key)->attachment_id, "attach-1");
        assert_int_equal(observe_eni(&round, key)->state, ENI_ATTACHING);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_ours_is_adopted_and_others_are_counted),
                TEST(test_an_address_is_gone_after_two_looks),
                TEST(test_an_address_that_comes_back_is_no_suspect),
                TEST(test_a_leased_address_is_lost_and_its_lease_stays),
                TEST(test_an_eni_with_leases_is_never_removed),
                TEST(test_an_empty_eni_is_dropped_after_two_looks),
                TEST(test_a_failing_look_changes_nothing),
                TEST(test_an_empty_answer_is_not_believed),
                TEST(test_an_attach_in_doubt_is_seen),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
