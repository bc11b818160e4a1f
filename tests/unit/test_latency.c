// SPDX-License-Identifier: Apache-2.0
/* What is kept of the last hour: quantiles near the truth, minutes that are forgotten, counters that do not overflow. */
#include "test.h"

#include <stdlib.h>

#include <vpcwire/clock.h>

#include "metrics/metrics.h"
#include "rpc/latency.h"

enum { MINUTE_MS = 60 * 1000, DRAWS = 20000 };

static struct latency latency; /* of the test that runs */
static struct metrics *metrics;

static int setup(void **state _unused_)
{
        latency = (struct latency){0};
        metrics = metrics_new();
        return 0;
}

static int teardown(void **state _unused_)
{
        metrics = metrics_free(metrics);
        return 0;
}

static void note(enum request_verb verb, int64_t us)
{
        latency_note(&latency, metrics, verb, REQUEST_RPC, us);
}

static struct latency_summary hour(enum request_verb verb)
{
        return latency_hour(&latency, clock_boottime_ms(), verb, REQUEST_RPC);
}

static int compare(const void *a, const void *b)
{
        return (*(const int64_t *)a > *(const int64_t *)b) - (*(const int64_t *)a < *(const int64_t *)b);
}

/* Never too low, and not more than a quarter too high (or the least bound). */
static void assert_near(int64_t got, int64_t truth)
{
        if (got < truth || got > truth + truth / 4 + LATENCY_US_MIN)
                fail_msg("%lld us for %lld us", (long long)got, (long long)truth);
}

static void test_quantiles(void **state _unused_)
{
        static int64_t drawn[DRAWS];
        uint32_t number = 1;
        struct latency_summary summary;

        for (size_t i = 0; i < DRAWS; i++) {
                number = number * 1664525 + 1013904223;
                drawn[i] = (int64_t)(number >> 8) >> (number >> 3) % 20; /* over many powers of two */
                note(REQUEST_ADD, drawn[i]);
        }
        qsort(drawn, DRAWS, sizeof(*drawn), compare);
        summary = hour(REQUEST_ADD);
        assert_int_equal(summary.n, DRAWS);
        assert_int_equal(summary.max_us, drawn[DRAWS - 1]);
        assert_near(summary.p50_us, drawn[DRAWS / 2 - 1]);
        assert_near(summary.p99_us, drawn[DRAWS * 99 / 100 - 1]);
}

static void test_one(void **state _unused_)
{
        static const int64_t times_us[] = {0, 1, 63, 64, 65, 100, 999999, LATENCY_US_MAX};
        struct latency_summary summary;

        for (size_t i = 0; i < ARRAY_SIZE(times_us); i++) {
                latency = (struct latency){0};
                note(REQUEST_DEL, times_us[i]);
                summary = hour(REQUEST_DEL);
                assert_int_equal(summary.n, 1);
                assert_int_equal(summary.p50_us, times_us[i]);
                assert_int_equal(summary.p99_us, times_us[i]);
                assert_int_equal(summary.max_us, times_us[i]);
        }
        assert_int_equal(hour(REQUEST_ADD).n, 0);
}

/* What a plugin says of itself may be anything. */
static void test_unbelievable(void **state _unused_)
{
        note(REQUEST_ADD, INT64_MAX);
        note(REQUEST_ADD, INT64_MIN);
        assert_int_equal(hour(REQUEST_ADD).n, 2);
        assert_int_equal(hour(REQUEST_ADD).max_us, LATENCY_US_MAX);
        assert_int_equal(hour(REQUEST_ADD).p50_us, LATENCY_US_MIN);
}

static void test_an_hour_later(void **state _unused_)
{
        int64_t now_ms;

        do { /* again, where a minute has just ended */
                latency = (struct latency){0};
                now_ms = clock_boottime_ms();
                note(REQUEST_ADD, 100);
                note(REQUEST_CHECK, 100); /* is in the metrics only */
        } while (clock_boottime_ms() / MINUTE_MS != now_ms / MINUTE_MS);
        assert_non_null(latency_of(&latency, now_ms, 0));
        assert_null(latency_of(&latency, now_ms, 1));
        assert_non_null(latency_of(&latency, now_ms + 59 * MINUTE_MS, 59));
        assert_int_equal(latency_hour(&latency, now_ms + 59 * MINUTE_MS, REQUEST_ADD, REQUEST_RPC).n, 1);
        assert_int_equal(latency_hour(&latency, now_ms + 60 * MINUTE_MS, REQUEST_ADD, REQUEST_RPC).n, 0);
        for (unsigned ago = 0; ago < LATENCY_MINUTES; ago++)
                assert_null(latency_of(&latency, now_ms + 60 * MINUTE_MS, ago));
}

/* A machine that was just started has no hour behind it. */
static void test_just_booted(void **state _unused_)
{
        for (unsigned ago = 0; ago < LATENCY_MINUTES; ago++)
                assert_null(latency_of(&latency, 30 * 1000, ago));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_quantiles),     TEST(test_one),         TEST(test_unbelievable),
                TEST(test_an_hour_later), TEST(test_just_booted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
