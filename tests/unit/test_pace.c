// SPDX-License-Identifier: Apache-2.0
/* The pacing of EC2 calls: one bucket's rules, and a fleet that starts in the same second. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include <vpcwire/mem.h>

#include "cloud/pace.h"

enum { CALL_MS_MIN = 30, CALL_MS_SPAN = 60 };

static uint64_t draw(uint64_t *state)
{
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        return *state;
}

/* ---- one bucket ---- */

static int64_t wait_of(int64_t rate)
{
        return (int64_t)PACE_CALL_PER_SECOND * 1000 / rate;
}

static unsigned take_all(struct pace *pace, enum pace_class class, int64_t now_ms)
{
        unsigned n = 0;

        while (n < 1000 && pace_take(pace, class, now_ms, 0) == 0)
                n++;
        return n;
}

static void test_a_burst_and_then_the_rate(void **state _unused_)
{
        struct pace pace;
        int64_t wait_ms;

        pace_init(&pace, 1000);
        assert_in_range(take_all(&pace, PACE_ENIS, 1000), 12, 40);
        wait_ms = pace_take(&pace, PACE_ENIS, 1000, 0);
        assert_in_range(wait_ms, wait_of(PACE_RATE_MAX), wait_of(PACE_RATE_MAX) + 1);
        /* The answer stands, and after it a call passes. */
        assert_int_equal(pace_take(&pace, PACE_ENIS, 1010, 77), wait_ms - 10);
        assert_int_equal(pace_take(&pace, PACE_ENIS, 1000 + wait_ms, 0), 0);
        assert_true(pace_take(&pace, PACE_ENIS, 1000 + wait_ms, 0) > 0);
        /* The other classes know nothing of it. */
        assert_true(take_all(&pace, PACE_READS, 1000 + wait_ms) >= 10);
}

static void test_a_refusal_ends_the_burst_and_slows_down(void **state _unused_)
{
        struct pace pace;
        int64_t before = 0, now_ms = 0;

        pace_init(&pace, now_ms);
        for (int i = 0; i < 40; i++) {
                int64_t wait_ms;

                pace_report(&pace, PACE_ENIS, PACE_THROTTLED, now_ms);
                wait_ms = pace_take(&pace, PACE_ENIS, now_ms, 0);
                assert_true(wait_ms >= before);
                assert_in_range(wait_ms, 1000, wait_of(PACE_RATE_MIN) + 1);
                before = wait_ms;
                now_ms += wait_ms;
                assert_int_equal(pace_take(&pace, PACE_ENIS, now_ms, 0), 0);
        }
}

static void test_answers_and_time_bring_the_rate_back(void **state _unused_)
{
        struct pace pace;
        int64_t slow;

        pace_init(&pace, 0);
        for (int i = 0; i < 40; i++)
                pace_report(&pace, PACE_READS, PACE_THROTTLED, 0);
        assert_int_equal(pace.buckets[PACE_READS].rate, PACE_RATE_MIN);
        pace_report(&pace, PACE_READS, PACE_ANSWERED, 0);
        assert_int_equal(pace.buckets[PACE_READS].rate, PACE_RATE_MIN + PACE_RATE_PER_ANSWER);
        pace_report(&pace, PACE_READS, PACE_UNKNOWN, 0);
        assert_int_equal(pace.buckets[PACE_READS].rate, PACE_RATE_MIN + PACE_RATE_PER_ANSWER);
        for (int i = 0; i < 1000; i++)
                pace_report(&pace, PACE_READS, PACE_ANSWERED, 0);
        assert_int_equal(pace.buckets[PACE_READS].rate, PACE_RATE_MAX);
        for (int i = 0; i < 40; i++)
                pace_report(&pace, PACE_READS, PACE_THROTTLED, 0);
        slow = pace_take(&pace, PACE_READS, 0, 0);
        assert_int_equal(pace_take(&pace, PACE_READS, slow + 3600 * 1000, 0), 0);
        assert_true(pace.buckets[PACE_READS].rate > PACE_RATE_AFTER_REFUSAL);
        assert_in_range(take_all(&pace, PACE_READS, slow + 3600 * 1000), 9, 9);
}

static void test_throttled_ends_with_an_answer_or_with_time(void **state _unused_)
{
        struct pace pace;

        pace_init(&pace, 0);
        assert_false(pace_is_throttled(&pace, 0));
        pace_report(&pace, PACE_ENIS, PACE_THROTTLED, 0);
        pace_report(&pace, PACE_READS, PACE_ANSWERED, 0); /* says nothing of the other class */
        assert_true(pace_is_throttled(&pace, 1000));
        assert_false(pace_is_throttled(&pace, 60 * 1000));
        pace_report(&pace, PACE_ENIS, PACE_ANSWERED, 1000);
        assert_false(pace_is_throttled(&pace, 1000));
        for (int i = 0; i < 40; i++)
                pace_report(&pace, PACE_ENIS, PACE_THROTTLED, 1000);
        assert_true(pace_is_throttled(&pace, 60 * 1000)); /* refusals in a row: it lasts */
}

/* Small steps are not rounded away: who asks often recovers as fast as who asks seldom. */
static void test_time_counts_however_often_one_asks(void **state _unused_)
{
        struct pace often, seldom;

        pace_init(&often, 0);
        pace_report(&often, PACE_ENIS, PACE_THROTTLED, 0);
        seldom = often;
        for (int64_t now_ms = 0; now_ms <= 60 * 1000; now_ms += 7)
                pace_report(&often, PACE_ENIS, PACE_UNKNOWN, now_ms);
        pace_report(&seldom, PACE_ENIS, PACE_UNKNOWN, 60 * 1000);
        assert_in_range(often.buckets[PACE_ENIS].rate, seldom.buckets[PACE_ENIS].rate - 2,
                        seldom.buckets[PACE_ENIS].rate + 2);
}

static void test_what_goes_with_a_call_is_paid_for_later(void **state _unused_)
{
        struct pace pace;
        int64_t now_ms, owed;

        pace_init(&pace, 0);
        take_all(&pace, PACE_READS, 0);
        for (int i = 0; i < 4; i++)
                pace_follow(&pace, PACE_READS, 0);
        /* The wait that was reported stands; after it there is the rest of the debt to pay. */
        now_ms = pace_take(&pace, PACE_READS, 0, 0);
        assert_in_range(pace_take(&pace, PACE_READS, now_ms, 0), 4 * wait_of(PACE_RATE_MAX) - 2,
                        4 * wait_of(PACE_RATE_MAX) + 1);
        /* A refusal cancels no debt. */
        owed = pace.buckets[PACE_READS].bucket.used;
        pace_report(&pace, PACE_READS, PACE_THROTTLED, 0);
        assert_int_equal(pace.buckets[PACE_READS].bucket.used, owed);
        for (int i = 0; i < 1000; i++)
                pace_follow(&pace, PACE_READS, 0);
        assert_int_equal(pace_take(&pace, PACE_READS, 3600 * 1000, 0), 0);
}

static void test_jitter_spreads_and_never_comes_early(void **state _unused_)
{
        int64_t least = INT64_MAX, most = 0;
        uint64_t random = 42;

        for (int i = 0; i < 1000; i++) {
                struct pace pace;
                int64_t wait_ms;

                pace_init(&pace, 0);
                pace_report(&pace, PACE_ENIS, PACE_THROTTLED, 0);
                wait_ms = pace_take(&pace, PACE_ENIS, 0, draw(&random));
                least = wait_ms < least ? wait_ms : least;
                most = wait_ms > most ? wait_ms : most;
        }
        assert_true(least >= wait_of(PACE_RATE_AFTER_REFUSAL));
        assert_true(most - least > least * PACE_JITTER_PERCENT * 8 / 1000);
}

static void test_a_clock_that_stands_or_steps_back(void **state _unused_)
{
        struct pace pace;

        pace_init(&pace, 1000);
        take_all(&pace, PACE_READS, 1000);
        pace_report(&pace, PACE_READS, PACE_THROTTLED, 10);
        assert_true(pace_take(&pace, PACE_READS, 10, 0) > 0);
        assert_int_equal(pace_take(&pace, PACE_READS, INT64_MAX / 4, 0), 0);
}

/* ---- the fleet ---- */

/* From nothing to warm: look, assign, and an ENI for those that need one. */
static const enum pace_class with_an_eni[] = {PACE_READS, PACE_ADDRESSES, PACE_ENIS, PACE_ENIS, PACE_ENIS};
enum { CALLS_WITH_AN_ENI = ARRAY_SIZE(with_an_eni), CALLS_WITHOUT = 2 };

struct node {
        struct pace pace;
        unsigned done;
        int64_t next_ms, done_ms;
};

/* EC2's side: tokens in thousandths; a refused call takes none. */
struct account {
        int64_t tokens, burst, per_ms, refused;
};

struct fleet {
        unsigned nodes, calls; /* of each node: the first of with_an_eni */
        int64_t per_second, burst;
        uint64_t random;
};

struct figures {
        int64_t last_ms, median_ms, calls, refused;
};

static void step_node(struct node *node, unsigned calls, struct account *account, int64_t now_ms,
                      uint64_t *random)
{
        enum pace_class class = with_an_eni[node->done];
        int64_t wait_ms = pace_take(&node->pace, class, now_ms, draw(random));
        int64_t answer_ms = now_ms + CALL_MS_MIN + (int64_t)(draw(random) % CALL_MS_SPAN);

        if (wait_ms) {
                node->next_ms = now_ms + wait_ms;
                return;
        }
        node->next_ms = answer_ms;
        if (account->tokens < 1000) {
                account->refused++;
                pace_report(&node->pace, class, PACE_THROTTLED, answer_ms);
                return;
        }
        account->tokens -= 1000;
        pace_report(&node->pace, class, PACE_ANSWERED, answer_ms);
        if (++node->done == calls)
                node->done_ms = answer_ms;
}

static int by_time(const void *a, const void *b)
{
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

        return x < y ? -1 : x > y;
}

static struct figures run_fleet(struct fleet fleet, int64_t most_ms)
{
        struct account account = {
                .tokens = fleet.burst * 1000, .burst = fleet.burst * 1000, .per_ms = fleet.per_second};
        struct node *nodes = XNEW_ARRAY(struct node, fleet.nodes);
        int64_t *times = XNEW_ARRAY(int64_t, fleet.nodes);
        struct figures figures = {0};
        unsigned left = fleet.nodes;

        for (unsigned i = 0; i < fleet.nodes; i++) {
                nodes[i].next_ms = (int64_t)(draw(&fleet.random) % 1000);
                pace_init(&nodes[i].pace, nodes[i].next_ms);
        }
        for (int64_t now_ms = 0; left && now_ms < most_ms; now_ms++) {
                unsigned first = (unsigned)(draw(&fleet.random) % fleet.nodes);

                if (now_ms && account.tokens < account.burst)
                        account.tokens += account.per_ms;
                for (unsigned i = 0; i < fleet.nodes; i++) {
                        struct node *node = &nodes[(first + i) % fleet.nodes];

                        if (node->done < fleet.calls && node->next_ms <= now_ms) {
                                step_node(node, fleet.calls, &account, now_ms, &fleet.random);
                                left -= node->done == fleet.calls;
                        }
                }
        }
        for (unsigned i = 0; i < fleet.nodes; i++)
                times[i] = nodes[i].done_ms ?: most_ms;
        qsort(times, fleet.nodes, sizeof(*times), by_time);
        figures = (struct figures){.last_ms = times[fleet.nodes - 1],
                                   .median_ms = times[fleet.nodes / 2],
                                   .calls = (int64_t)fleet.nodes * fleet.calls,
                                   .refused = account.refused};
        free(nodes);
        free(times);
        return figures;
}

static uint64_t first_seed(void)
{
        const char *text = getenv("VPCWIRE_TEST_SEED");
        uint64_t seed = text ? strtoull(text, NULL, 0) : 1;

        print_message("VPCWIRE_TEST_SEED=%llu\n", (unsigned long long)seed);
        return seed;
}

/* What no client can beat: the burst is there at once, and the rest comes at the account's rate. */
static int64_t floor_ms(const struct fleet *fleet)
{
        int64_t n = (int64_t)fleet->nodes * fleet->calls;

        return n <= fleet->burst ? 0 : (n - fleet->burst) * 1000 / fleet->per_second;
}

static void test_a_fleet_that_starts_in_the_same_second(void **state _unused_)
{
        enum { SEEDS = 200 };
        uint64_t seed = first_seed();
        struct figures worst = {0};
        int64_t fair = 0;

        for (uint64_t i = 0; i < SEEDS; i++) {
                struct fleet fleet = {.nodes = 64,
                                      .calls = CALLS_WITH_AN_ENI,
                                      .per_second = 20,
                                      .burst = 40,
                                      .random = (seed + i) * 0x9e3779b97f4a7c15U | 1};
                int64_t floor = floor_ms(&fleet);
                struct figures f = run_fleet(fleet, 10 * floor);

                worst.last_ms = f.last_ms > worst.last_ms ? f.last_ms : worst.last_ms;
                worst.refused = f.refused > worst.refused ? f.refused : worst.refused;
                fair = f.last_ms * 100 / f.median_ms > fair ? f.last_ms * 100 / f.median_ms : fair;
                if (f.last_ms > floor * 120 / 100 || f.last_ms > 2 * f.median_ms || f.refused > 2 * f.calls)
                        fail_msg("seed %llu: all done after %lld ms (floor %lld), median %lld ms, %lld of "
                                 "%lld calls refused",
                                 (unsigned long long)(seed + i), (long long)f.last_ms, (long long)floor,
                                 (long long)f.median_ms, (long long)f.refused,
                                 (long long)(f.calls + f.refused));
        }
        print_message("64 nodes, %d seeds: all done after at most %lld ms, the slowest node at most %lld %% "
                      "of the median, at most %lld calls refused\n",
                      SEEDS, (long long)worst.last_ms, (long long)fair, (long long)worst.refused);
}

/* Where a start is two calls, the burst serves the first third at once, and a wait after a refusal counts for much. */
static void test_a_fleet_that_needs_little(void **state _unused_)
{
        enum { SEEDS = 200, LONGEST_WAIT_MS = 1250 * (100 + PACE_JITTER_PERCENT) / 100 };
        uint64_t seed = first_seed();
        int64_t sum_ms = 0, floor = 0;

        for (uint64_t i = 0; i < SEEDS; i++) {
                struct fleet fleet = {.nodes = 64,
                                      .calls = CALLS_WITHOUT,
                                      .per_second = 20,
                                      .burst = 40,
                                      .random = (seed + i) * 0x9e3779b97f4a7c15U | 1};
                struct figures f;

                floor = floor_ms(&fleet);
                f = run_fleet(fleet, 10 * floor);
                sum_ms += f.last_ms;
                if (f.last_ms > floor * 120 / 100 + LONGEST_WAIT_MS || f.refused > f.calls)
                        fail_msg("seed %llu: all done after %lld ms (floor %lld), %lld of %lld calls refused",
                                 (unsigned long long)(seed + i), (long long)f.last_ms, (long long)floor,
                                 (long long)f.refused, (long long)(f.calls + f.refused));
        }
        print_message("64 nodes of 2 calls, %d seeds: all done after %lld ms on average (floor %lld)\n",
                      SEEDS, (long long)(sum_ms / SEEDS), (long long)floor);
        assert_true(sum_ms / SEEDS <= floor * 120 / 100);
}

static struct figures thousand_nodes(unsigned calls, int64_t most_percent)
{
        struct fleet fleet = {.nodes = 1000,
                              .calls = calls,
                              .per_second = 20,
                              .burst = 40,
                              .random = first_seed() * 0x9e3779b97f4a7c15U | 1};
        int64_t floor = floor_ms(&fleet);
        struct figures f = run_fleet(fleet, 10 * floor);

        print_message("1000 nodes of %u calls: all done after %lld ms (floor %lld), median %lld, %lld calls "
                      "refused\n",
                      calls, (long long)f.last_ms, (long long)floor, (long long)f.median_ms,
                      (long long)f.refused);
        assert_true(f.last_ms <= floor * most_percent / 100);
        /* The clients of others ask again at once, or once a second: a thousand calls refused each second. */
        assert_true(f.refused * 1000 / f.last_ms < 200);
        return f;
}

/* A thousand calm down: the account is used well, and most of what it must refuse is the first storm. */
static void test_a_thousand_nodes_calm_down(void **state _unused_)
{
        struct figures f = thousand_nodes(CALLS_WITH_AN_ENI, 120);

        assert_true(f.last_ms <= 2 * f.median_ms);
        /* With two calls each even a perfect queue serves the last one twice as late as the median. */
        (void)thousand_nodes(CALLS_WITHOUT, 130);
}

/* Where the account has room, nobody waits for a bucket of ours. */
static void test_a_few_nodes_do_not_wait(void **state _unused_)
{
        struct fleet fleet = {
                .nodes = 8, .calls = CALLS_WITH_AN_ENI, .per_second = 20, .burst = 40, .random = 1};
        struct figures f = run_fleet(fleet, 60 * 1000);

        assert_int_equal(f.refused, 0);
        assert_true(f.last_ms <= 1000 + (int64_t)CALLS_WITH_AN_ENI * (CALL_MS_MIN + CALL_MS_SPAN));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_burst_and_then_the_rate),
                cmocka_unit_test(test_a_refusal_ends_the_burst_and_slows_down),
                cmocka_unit_test(test_answers_and_time_bring_the_rate_back),
                cmocka_unit_test(test_throttled_ends_with_an_answer_or_with_time),
                cmocka_unit_test(test_time_counts_however_often_one_asks),
                cmocka_unit_test(test_what_goes_with_a_call_is_paid_for_later),
                cmocka_unit_test(test_jitter_spreads_and_never_comes_early),
                cmocka_unit_test(test_a_clock_that_stands_or_steps_back),
                cmocka_unit_test(test_a_fleet_that_starts_in_the_same_second),
                cmocka_unit_test(test_a_fleet_that_needs_little),
                cmocka_unit_test(test_a_thousand_nodes_calm_down),
                cmocka_unit_test(test_a_few_nodes_do_not_wait),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
