// SPDX-License-Identifier: Apache-2.0
/* A histogram: its edges, and random numbers against the same numbers sorted. Prints its seed. */
#include "test.h"

#include <stdlib.h>

#include <vpcwire/clock.h>
#include <vpcwire/mem.h>

#include "metrics/histogram.h"

enum { RUNS = 300, BOUNDS_MAX = 20, NUMBERS_MAX = 500 };

static unsigned draw(unsigned below)
{
        return (unsigned)random() % below;
}

static void test_edges(void **state _unused_)
{
        static const int64_t bounds[] = {10, 20, 0}, numbers[] = {0, 10, 11, 20, 21};
        _Atomic int64_t cells[HISTOGRAM_CELLS(2)] = {0};

        assert_int_equal(histogram_n_bounds(bounds), 2);
        assert_int_equal(histogram_count(bounds, cells), 0);
        assert_int_equal(histogram_quantile(bounds, cells, 50), 10);
        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
                histogram_observe(bounds, cells, numbers[i]);
        assert_int_equal(cells[0], 2);
        assert_int_equal(cells[1], 2);
        assert_int_equal(cells[2], 1);
        assert_int_equal(cells[3], 62);
        assert_int_equal(histogram_count(bounds, cells), 5);
        assert_int_equal(histogram_quantile(bounds, cells, 40), 10);
        assert_int_equal(histogram_quantile(bounds, cells, 41), 20);
        assert_int_equal(histogram_quantile(bounds, cells, 80), 20);
        assert_int_equal(histogram_quantile(bounds, cells, 81), INT64_MAX);
}

static void test_without_bounds(void **state _unused_)
{
        _Atomic int64_t cells[HISTOGRAM_CELLS(0)] = {0};

        histogram_observe(NULL, cells, 3);
        histogram_observe(NULL, cells, 4);
        assert_int_equal(histogram_count(NULL, cells), 2);
        assert_int_equal(cells[1], 7);
        assert_int_equal(histogram_quantile(NULL, cells, 1), INT64_MAX);
}

static int compare(const void *a, const void *b)
{
        return (*(const int64_t *)a > *(const int64_t *)b) - (*(const int64_t *)a < *(const int64_t *)b);
}

static int64_t bound_of(const int64_t *bounds, int64_t number)
{
        for (; *bounds; bounds++)
                if (number <= *bounds)
                        return *bounds;
        return INT64_MAX;
}

/* Two histograms of halves of the numbers, merged: the quantile is the bound of the number at that place in order. */
static void run_one(void)
{
        int64_t bounds[BOUNDS_MAX + 1] = {0}, numbers[NUMBERS_MAX], sum = 0;
        _Atomic int64_t cells[2][HISTOGRAM_CELLS(BOUNDS_MAX)] = {0};
        unsigned n_bounds = draw(BOUNDS_MAX + 1), n = 1 + draw(NUMBERS_MAX);

        for (unsigned i = 0; i < n_bounds; i++)
                bounds[i] = (i ? bounds[i - 1] : 0) + 1 + draw(50);
        for (unsigned i = 0; i < n; i++) {
                numbers[i] = draw(1000);
                sum += numbers[i];
                histogram_observe(bounds, cells[draw(2)], numbers[i]);
        }
        histogram_merge(bounds, cells[0], cells[1]);
        qsort(numbers, n, sizeof(*numbers), compare);
        assert_int_equal(histogram_n_bounds(bounds), n_bounds);
        assert_int_equal(histogram_count(bounds, cells[0]), n);
        assert_int_equal(cells[0][n_bounds + 1], sum);
        for (unsigned percent = 1; percent <= 100; percent++)
                assert_int_equal(histogram_quantile(bounds, cells[0], percent),
                                 bound_of(bounds, numbers[(n * percent + 99) / 100 - 1]));
}

static void test_random_numbers(void **state _unused_)
{
        const char *given = getenv("VPCWIRE_TEST_SEED");
        unsigned seed = given ? (unsigned)strtoul(given, NULL, 0) : (unsigned)clock_wall_ms();

        print_message("VPCWIRE_TEST_SEED=%u\n", seed);
        srandom(seed);
        for (int i = 0; i < RUNS; i++)
                run_one();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_edges),
                cmocka_unit_test(test_without_bounds),
                cmocka_unit_test(test_random_numbers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
