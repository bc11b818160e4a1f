// SPDX-License-Identifier: Apache-2.0
/* How what steps leave becomes what a round leaves: any of them is enough, and the earliest time counts. */
#include "test.h"

#include "model/outcome.h"

static void test_the_earlier_time_counts_and_zero_is_none(void **state _unused_)
{
        assert_int_equal(outcome_earlier(0, 0), 0);
        assert_int_equal(outcome_earlier(0, 5), 5);
        assert_int_equal(outcome_earlier(5, 0), 5);
        assert_int_equal(outcome_earlier(5, 7), 5);
        assert_int_equal(outcome_earlier(7, 5), 5);
}

static void test_any_part_is_enough(void **state _unused_)
{
        const struct outcome nothing = {0}, parts[] = {{.again = true},
                                                       {.pool_changed = true, .wake_ms = 9},
                                                       {.resync_network = true, .resync_ec2_ms = 4},
                                                       {.wake_ms = 7, .resync_ec2_ms = 6}};
        struct outcome sum = {0};

        outcome_add(&sum, &nothing);
        assert_memory_equal(&sum, &nothing, sizeof(sum));
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                outcome_add(&sum, &parts[i]);
                outcome_add(&sum, &nothing); /* takes nothing back */
        }
        assert_true(sum.again && sum.pool_changed && sum.resync_network);
        assert_int_equal(sum.resync_ec2_ms, 4);
        assert_int_equal(sum.wake_ms, 7);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_earlier_time_counts_and_zero_is_none),
                cmocka_unit_test(test_any_part_is_enough),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
