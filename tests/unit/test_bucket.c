// SPDX-License-Identifier: Apache-2.0
/* The token bucket: its edges, and what holds whatever is taken when. Prints its seed. */
#include "test.h"

#include <stdlib.h>

#include <vpcwire/clock.h>

#include "client/bucket.h"

enum { RUNS = 300, STEPS = 300, SIZE_MAX_UNITS = 100000, RATE_MAX = 500, STEP_MS_MAX = 400 };

static uint64_t state_of_random;

static int64_t draw(int64_t below)
{
        state_of_random = state_of_random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (int64_t)((state_of_random >> 33) % (uint64_t)below);
}

static void test_edges(void **state _unused_)
{
        struct bucket b = {.at_ms = 100};

        assert_int_equal(bucket_missing(b, 10, 10), 0);
        assert_int_equal(bucket_missing(b, 10, 11), 1);
        bucket_take(&b, 2, 10, 100);
        assert_int_equal(bucket_missing(b, 10, 1), 1);
        assert_int_equal(bucket_refilled(b, 2, 104).used, 2);
        assert_int_equal(bucket_refilled(b, 2, 105).used, 0);
        assert_int_equal(bucket_refilled(b, 3, 103).used, 1);
        assert_int_equal(bucket_refilled(b, 3, 104).used, 0); /* and not below */
        assert_int_equal(bucket_refilled(b, INT64_MAX, INT64_MAX / 2).used, 0);
        bucket_take(&b, 2, 10, 100); /* a debt */
        assert_int_equal(bucket_missing(b, 10, 1), 11);
}

static void test_a_clock_that_stands_or_steps_back(void **state _unused_)
{
        struct bucket b = {.used = 7, .at_ms = 1000};

        for (int64_t now_ms = 1000; now_ms > 0; now_ms -= 250)
                b = bucket_refilled(b, 1, now_ms);
        assert_int_equal(b.used, 7);
        assert_int_equal(b.at_ms, 1000);
}

/* The wait is exact: a millisecond before its end it is not yet there. */
static void check_wait(struct bucket b, int64_t size, int64_t n, int64_t rate, int64_t missing)
{
        int64_t then_ms = b.at_ms + (missing + rate - 1) / rate;

        assert_int_equal(bucket_missing(bucket_refilled(b, rate, then_ms), size, n), 0);
        assert_true(bucket_missing(bucket_refilled(b, rate, then_ms - 1), size, n) > 0);
}

/*
 * Who takes only what is there gets, from any moment to any other, at most the size beyond what comes back in that time:
 * `excess` is the worst of the stretches that end now. And a bucket that is looked at in between is never different.
 */
static void run_one(void)
{
        int64_t size = 1 + draw(SIZE_MAX_UNITS), rate = 1 + draw(RATE_MAX), now_ms = draw(1000), excess = 0;
        struct bucket b = {.at_ms = now_ms}, watched = b;

        for (int i = 0; i < STEPS; i++) {
                int64_t step_ms = draw(STEP_MS_MAX), n = 1 + draw(size), missing;

                watched = bucket_refilled(watched, rate, now_ms + draw(step_ms + 1));
                now_ms += step_ms;
                excess = excess > rate * step_ms ? excess - rate * step_ms : 0;
                b = bucket_refilled(b, rate, now_ms);
                watched = bucket_refilled(watched, rate, now_ms);
                assert_memory_equal(&b, &watched, sizeof(b));
                missing = bucket_missing(b, size, n);
                if (missing > 0) {
                        check_wait(b, size, n, rate, missing);
                        assert_true(excess + n > size); /* refused only for a reason */
                        continue;
                }
                bucket_take(&b, rate, n, now_ms);
                bucket_take(&watched, rate, n, now_ms);
                excess += n;
                assert_in_range(excess, 0, size);
                assert_int_equal(b.used, excess);
        }
}

static void test_whatever_is_taken_when(void **state _unused_)
{
        const char *given = getenv("VPCWIRE_TEST_SEED");

        state_of_random = given ? strtoull(given, NULL, 0) : (uint64_t)clock_wall_ms();
        print_message("VPCWIRE_TEST_SEED=%llu\n", (unsigned long long)state_of_random);
        for (int i = 0; i < RUNS; i++)
                run_one();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_edges),
                cmocka_unit_test(test_a_clock_that_stands_or_steps_back),
                cmocka_unit_test(test_whatever_is_taken_when),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
