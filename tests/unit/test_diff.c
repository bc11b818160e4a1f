// SPDX-License-Identifier: Apache-2.0
/* The sorted-merge diff, as tables of sorted letters. */
#include "test.h"

#include <vpcwire/diff.h>
#include <vpcwire/mem.h>

static int compare(const void *a, const void *b)
{
        return *(const char *)a - *(const char *)b;
}

static void add(const void *wanted, void *arg)
{
        text_add(arg, "+%c", *(const char *)wanted);
}

static void remove_(const void *seen, void *arg)
{
        text_add(arg, "-%c", *(const char *)seen);
}

static void keep(const void *wanted, const void *seen, void *arg)
{
        assert_int_equal(*(const char *)wanted, *(const char *)seen);
        text_add(arg, "=%c", *(const char *)wanted);
}

static void test_diff_cases(void **state _unused_)
{
        static const struct {
                const char *wanted, *seen, *expect;
        } cases[] = {
                {"", "", ""},
                {"abc", "", "+a+b+c"},
                {"", "abc", "-a-b-c"},
                {"abc", "abc", "=a=b=c"},
                {"ace", "bdf", "+a-b+c-d+e-f"},
                {"abd", "acd", "=a+b-c=d"},
                {"a", "aaa", "=a-a-a"},
                {"aab", "ab", "=a+a=b"},
                {"z", "abc", "-a-b-c+z"},
        };
        static const struct diff_calls calls = {
                .compare = compare, .add = add, .remove = remove_, .keep = keep};

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(text_done) struct text text = {0};
                const struct diff_input input = {.wanted = cases[i].wanted,
                                                 .n_wanted = strlen(cases[i].wanted),
                                                 .seen = cases[i].seen,
                                                 .n_seen = strlen(cases[i].seen),
                                                 .size = 1};

                diff_sorted(&input, &calls, &text);
                assert_string_equal(text.text ?: "", cases[i].expect);
        }
}

static void test_diff_without_callbacks(void **state _unused_)
{
        static const struct diff_calls calls = {.compare = compare, .remove = remove_};
        const struct diff_input input = {.wanted = "ab", .n_wanted = 2, .seen = "bc", .n_seen = 2, .size = 1};
        _cleanup_(text_done) struct text text = {0};

        diff_sorted(&input, &calls, &text);
        assert_string_equal(text.text, "-c");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_diff_cases),
                cmocka_unit_test(test_diff_without_callbacks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
