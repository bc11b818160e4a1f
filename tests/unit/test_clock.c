// SPDX-License-Identifier: Apache-2.0
/* The two clocks read together, on clocks that go on by what each reading takes. */
#include <time.h>

#include "test.h"
#include <vpcwire/clock.h>
#include <vpcwire/mem.h>

enum { US_PER_S = 1000000, WAIT_US = 70 * 1000, READINGS_MAX = 64 };

#define DIFFERENCE_US 1700000000123400LL /* of the two clocks */
#define BEGIN_US      5000000LL

/* How long each reading takes, from its beginning to its end; the rest takes nothing. */
static struct {
        int64_t takes_us[READINGS_MAX];
        int64_t boottime_us;
        size_t n;
} clocks;

int __wrap_clock_gettime(clockid_t id, struct timespec *ret);

int __wrap_clock_gettime(clockid_t id, struct timespec *ret)
{
        int64_t us = clocks.boottime_us + (id == CLOCK_REALTIME ? DIFFERENCE_US : 0);

        if (clocks.n < ARRAY_SIZE(clocks.takes_us))
                clocks.boottime_us += clocks.takes_us[clocks.n];
        clocks.n++;
        *ret = (struct timespec){.tv_sec = us / US_PER_S, .tv_nsec = us % US_PER_S * 1000};
        return 0;
}

static int setup(void **state _unused_)
{
        memset(&clocks, 0, sizeof(clocks));
        clocks.boottime_us = BEGIN_US;
        return 0;
}

static void assert_difference(void)
{
        assert_int_equal(clock_wall_minus_boottime_ms(), DIFFERENCE_US / 1000);
}

static void test_read_once_where_nothing_is_between(void **state _unused_)
{
        assert_difference();
        assert_int_equal(clocks.n, 3);
}

/* The thread waits after one of the first readings; the next ones tell. */
static void test_a_wait_between_is_not_taken_for_time(void **state)
{
        for (size_t i = 0; i < 2; i++) {
                setup(state);
                clocks.takes_us[i] = WAIT_US;
                assert_difference();
        }
}

/* Where each try has a wait in it, the shortest is the best that can be had, and there is an end. */
static void test_the_shortest_wait_counts(void **state _unused_)
{
        for (size_t i = 0; i < READINGS_MAX; i++)
                clocks.takes_us[i] = WAIT_US;
        clocks.takes_us[6] = clocks.takes_us[7] = 100;
        assert_difference();
        assert_in_range(clocks.n, 9, READINGS_MAX);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_read_once_where_nothing_is_between, setup),
                cmocka_unit_test_setup(test_a_wait_between_is_not_taken_for_time, setup),
                cmocka_unit_test_setup(test_the_shortest_wait_counts, setup),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
