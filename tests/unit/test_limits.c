// SPDX-License-Identifier: Apache-2.0
/* The compiled table of instance limits: complete, and right where AWS's documentation says it in so many words. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "plan/instance_limits.h"

static void test_known_types(void **state _unused_)
{
        static const struct instance_limits known[] = {
                {"t3.small", 3, 4},       {"t3.medium", 3, 6},      {"m5.large", 3, 10},
                {"m5.4xlarge", 8, 30},    {"m5.24xlarge", 15, 50},  {"c5.xlarge", 4, 15},
                {"p4d.24xlarge", 15, 50}, {"c6in.32xlarge", 8, 50}, /* more cards: the default one's ENIs */
        };

        for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
                const struct instance_limits *found = instance_limits_find(known[i].instance_type);

                assert_non_null(found);
                assert_string_equal(found->instance_type, known[i].instance_type);
                assert_int_equal(found->max_enis, known[i].max_enis);
                assert_int_equal(found->ipv4_per_eni, known[i].ipv4_per_eni);
        }
}

static void test_unknown_types(void **state _unused_)
{
        static const char *const unknown[] = {"", "t3", "t3.smal", "t3.smalll", "zz.large", "a", "T3.SMALL"};

        for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
                assert_null(instance_limits_find(unknown[i]));
}

/* The number at *at, up to a comma; *at moves behind it. */
static unsigned next_number(char **at)
{
        char *end;
        unsigned long number = strtoul(*at, &end, 10);

        if (end == *at || *end != ',')
                fail_msg("no number before a comma: %s", *at);
        *at = end + 1;
        return (unsigned)number;
}

/* Every row of the CSV is found: the table is sorted as bsearch() needs it, and none was lost on the way. */
static void test_every_row_is_found(void **state _unused_)
{
        FILE *csv = fopen(LIMITS_CSV, "r");
        char line[1024];
        unsigned rows = 0;

        assert_non_null(csv);
        while (fgets(line, sizeof(line), csv)) {
                const struct instance_limits *found;
                char *type = line, *at = strchr(line, ',');

                if (line[0] == '#')
                        continue;
                if (!at)
                        fail_msg("no comma: %s", line);
                *at++ = '\0';
                found = instance_limits_find(type);
                if (!found)
                        fail_msg("%s is not found", type);
                assert_int_equal(found->max_enis, next_number(&at));
                assert_int_equal(found->ipv4_per_eni, next_number(&at));
                rows++;
        }
        fclose(csv);
        assert_in_range(rows, 1000, 10000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_known_types),
                cmocka_unit_test(test_unknown_types),
                cmocka_unit_test(test_every_row_is_found),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
