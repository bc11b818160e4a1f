// SPDX-License-Identifier: Apache-2.0
/* Tables, ages and colours of ipamctl. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "ctl/show.h"

static const struct show_column columns[] = {
        {"POD", .shrinks_to = 8},
        {"ENI", .dropped = 1},
        {"N", .right = true},
        {"CONTAINER", .dropped = 2},
        {"STATE"},
};
static const struct show_cell cells[] = {
        {"default/web-0"}, {"eni-0123456789"}, {"7"}, {"abcdef"}, {"wired", SHOW_GOOD}, {NULL}, {""}, {"123"},
        {"x\033[2J"},      {"caf\xc3\xa9"},
};
static const struct show_table table = {columns, ARRAY_SIZE(columns), cells, 2};

static char *print(unsigned width, bool colours)
{
        char *text = NULL;
        size_t n;
        FILE *out = open_memstream(&text, &n);

        show_table(out, &table, width, colours);
        fclose(out);
        return text;
}

static void test_table_at_each_width(void **state _unused_)
{
        static const struct {
                unsigned width;
                const char *expect;
        } cases[] = {
                {0, "POD            ENI               N  CONTAINER  STATE\n"
                    "default/web-0  eni-0123456789    7  abcdef     wired\n"
                    "-              -               123  x?[2J      caf\xc3\xa9\n"},
                {50, "POD          ENI               N  CONTAINER  STATE\n"
                     "default/we~  eni-0123456789    7  abcdef     wired\n"
                     "-            -               123  x?[2J      caf\xc3\xa9\n"},
                {37, "POD              N  CONTAINER  STATE\n"
                     "default/web-0    7  abcdef     wired\n"
                     "-              123  x?[2J      caf\xc3\xa9\n"},
                {25, "POD              N  STATE\n"
                     "default/web-0    7  wired\n"
                     "-              123  caf\xc3\xa9\n"},
                {22, "POD           N  STATE\n"
                     "default/w~    7  wired\n"
                     "-           123  caf\xc3\xa9\n"},
                {5, "POD         N  STATE\n"
                    "default~    7  wired\n"
                    "-         123  caf\xc3\xa9\n"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *text = print(cases[i].width, false);

                assert_string_equal(text, cases[i].expect);
        }
}

static void test_wrapping(void **state _unused_)
{
        static const struct {
                unsigned at, width;
                const char *text, *expect;
        } cases[] = {
                {10, 0, "a b\033 c", "a b? c"},
                {10, 40, "", ""},
                {10, 40, "it fits in here", "it fits in here"},
                {10, 40, "the words of a longer text are kept whole",
                 "the words of a longer text are\n    kept whole"},
                {30, 40, "fits just!", "fits just!"},
                {30, 40, "does not fit", "\n    does not fit"},
                {60, 40, "behind the edge", "\n    behind the edge"},
                {4, 24, "one-word-that-is-too-long", "one-word-that-is-too\n    -long"},
                {4, 23, "too narrow to be worth it", "too narrow to be worth it"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *text = NULL;
                size_t n;
                FILE *out = open_memstream(&text, &n);

                show_wrapped(out, cases[i].text, cases[i].at, 4, cases[i].width);
                fclose(out);
                assert_string_equal(text, cases[i].expect);
        }
}

static void test_colours_do_not_move_columns(void **state _unused_)
{
        _cleanup_free_ char *plain = print(0, false), *painted = print(0, true);
        char *to = painted;

        assert_null(strchr(plain, '\033'));
        assert_contains(painted, "\033[32mwired\033[0m");
        /* Without its colours it is the same text. */
        for (const char *c = painted; *c; c++) {
                if (*c == '\033')
                        c += strcspn(c, "m");
                else
                        *to++ = *c;
        }
        *to = '\0';
        assert_string_equal(painted, plain);
}

static void test_age(void **state _unused_)
{
        static const struct {
                int64_t ms;
                const char *expect;
        } cases[] = {
                {-5, "0s"},          {999, "0s"},        {59999, "59s"},     {60000, "1m00s"},
                {250000, "4m10s"},   {3600000, "1h00m"}, {7500000, "2h05m"}, {86400000, "1d0h"},
                {273600000, "3d4h"}, {INT64_MAX, NULL},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char text[SHOW_AGE_BYTES];

                show_age(cases[i].ms, text);
                assert_true(strlen(text) < sizeof(text));
                if (cases[i].expect)
                        assert_string_equal(text, cases[i].expect);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_table_at_each_width),
                cmocka_unit_test(test_wrapping),
                cmocka_unit_test(test_colours_do_not_move_columns),
                cmocka_unit_test(test_age),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
