// SPDX-License-Identifier: Apache-2.0
/* What of a sync's findings becomes a warning, and when. */
#include "test.h"

#include "reconcile_fixture.h"

static const char SUBJECT[] = "routes to pods";

/* One sync with so many pods whose route could not be set; whether the database warns of it afterwards. */
static bool warned_after(struct bench *b, unsigned n_pods_failed)
{
        struct round round = bench_round(b, NOW + 1000);
        struct node_report report = {.n_pods_failed = n_pods_failed};

        err_set(&report.pod_err, ERR_SYSTEM, "Network is down");
        assert_ok(network_tell(&b->r.network, &b->r.ctx, &round, &report, bench_out(b), &b->f->err),
                  &b->f->err);
        round = bench_round(b, NOW + 1000);
        return blocked_find(&round, CONDITION_POD_ROUTE, SUBJECT) != NULL;
}

/* Its link is not up yet: the plugin sets the route itself. */
static void test_a_pod_that_is_being_wired_is_no_news(void **state)
{
        struct bench *b = *state;

        assert_false(warned_after(b, 2));
        assert_int_equal(b->r.network.due_ms, NOW + 1000 + ROUND_RETRY_MS); /* looked at again soon */
        assert_false(warned_after(b, 0));
        assert_false(warned_after(b, 1)); /* another one */
}

static void test_a_route_that_stays_away_is_reported_until_it_is_there(void **state)
{
        struct bench *b = *state;

        assert_false(warned_after(b, 1));
        assert_true(warned_after(b, 1));
        assert_true(warned_after(b, 1));
        assert_false(warned_after(b, 0));
}

/* It goes when the next sync sees it again, which need not take a minute. */
static void test_a_route_of_nobodys_is_looked_at_again_soon(void **state)
{
        struct bench *b = *state;
        struct round round = bench_round(b, NOW + 1000);
        const struct node_report none = {0}, suspects = {.n_suspects = 2};

        assert_ok(network_tell(&b->r.network, &b->r.ctx, &round, &none, bench_out(b), &b->f->err),
                  &b->f->err);
        assert_int_equal(b->r.network.due_ms, 0);
        assert_ok(network_tell(&b->r.network, &b->r.ctx, &round, &suspects, bench_out(b), &b->f->err),
                  &b->f->err);
        assert_int_equal(b->r.network.due_ms, NOW + 1000 + SUSPECTS_AGAIN_MS);
        assert_true(SUSPECTS_AGAIN_MS < NETWORK_PERIOD_MS / 4);
}

/* The reason of the warning about table main, in the database after one sync; NULL: there is none. */
static const char *main_after(struct bench *b, bool no_default)
{
        struct round round = bench_round(b, NOW + 1000);
        const struct node_report report = {.no_default = no_default};
        const struct condition *warning;

        assert_ok(network_tell(&b->r.network, &b->r.ctx, &round, &report, bench_out(b), &b->f->err),
                  &b->f->err);
        round = bench_round(b, NOW + 1000);
        warning = blocked_find(&round, CONDITION_MAIN_ROUTE, "default");
        return warning ? warning->message : NULL;
}

static void test_no_default_route_is_reported_for_as_long_as_there_is_none(void **state)
{
        struct bench *b = *state;

        assert_null(main_after(b, false));
        assert_contains(main_after(b, true), "the main routing table has no default route");
        assert_null(main_after(b, false));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_a_pod_that_is_being_wired_is_no_news),
                TEST(test_a_route_that_stays_away_is_reported_until_it_is_there),
                TEST(test_a_route_of_nobodys_is_looked_at_again_soon),
                TEST(test_no_default_route_is_reported_for_as_long_as_there_is_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
