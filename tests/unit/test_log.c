// SPDX-License-Identifier: Apache-2.0
/* Logs that repeat: said a few times, counted, and the count said; from two threads. */
#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>

#include <vpcwire/log.h>
#include <vpcwire/log_repeat.h>
#include <vpcwire/mem.h>

static void test_said_then_counted(void **state _unused_)
{
        struct log_repeats *repeats = XNEW(struct log_repeats);
        _cleanup_free_ char *text = NULL;
        unsigned count = 0;

        for (int i = 0; i < LOG_REPEATS_MAX; i++)
                assert_true(log_repeat_admit(repeats, 1000 + i, "assign"));
        for (int i = 0; i < 5; i++)
                assert_false(log_repeat_admit(repeats, 2000 + i, "assign"));
        assert_true(log_repeat_admit(repeats, 2000, "attach"));
        assert_null(log_repeat_take(repeats, 1000 + LOG_REPEAT_WINDOW_MS - 1, &count));
        text = log_repeat_take(repeats, 1000 + LOG_REPEAT_WINDOW_MS, &count);
        assert_string_equal(text, "assign");
        assert_int_equal(count, 5);
        assert_null(log_repeat_take(repeats, INT64_MAX, &count));
        /* The next minute begins anew. */
        for (int i = 0; i < 2 * LOG_REPEATS_MAX; i++)
                assert_true(log_repeat_admit(repeats, (2 + i / LOG_REPEATS_MAX) * LOG_REPEAT_WINDOW_MS,
                                             "assign"));
        free(repeats);
}

/* Many different texts push one another out, but not one whose count is still to be said. */
static void test_a_count_is_not_lost(void **state _unused_)
{
        struct log_repeats *repeats = XNEW(struct log_repeats);
        _cleanup_free_ char *said = NULL;
        unsigned count = 0;
        char text[32];

        for (int i = 0; i <= LOG_REPEATS_MAX; i++)
                assert_int_equal(log_repeat_admit(repeats, i, "the one"), i < LOG_REPEATS_MAX);
        for (int i = 0; i < 10 * LOG_REPEAT_TEXTS; i++) {
                snprintf(text, sizeof(text), "another %d", i);
                assert_true(log_repeat_admit(repeats, 100 + i, text));
        }
        said = log_repeat_take(repeats, LOG_REPEAT_WINDOW_MS, &count);
        assert_string_equal(said, "the one");
        assert_int_equal(count, 1);
        free(repeats);
}

/* ---- through log.c ---- */

enum { THREADS = 2, LINES = 500 };

static void *shout(void *data _unused_)
{
        for (int i = 0; i < LINES; i++)
                log_warn("over and over", LOG_STR("eni", "eni-1"), LOG_INT("i", i));
        return NULL;
}

/* Every line is whole and JSON; what was not said was counted. */
static void test_two_threads(void **state _unused_)
{
        char path[] = "/tmp/vw-log-XXXXXX";
        int fd = mkstemp(path), lines = 0;
        pthread_t threads[THREADS];
        json_int_t more = 0;
        json_t *object;
        FILE *file;

        assert_true(fd >= 0);
        log_init(fd, LOG_FORMAT_JSON, LOG_LEVEL_INFO);
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, shout, NULL), 0);
        for (int i = 0; i < THREADS; i++)
                pthread_join(threads[i], NULL);
        log_flush();
        log_init(STDERR_FILENO, LOG_FORMAT_AUTO, LOG_LEVEL_INFO);
        file = fdopen(fd, "r");
        rewind(file);
        while ((object = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL))) {
                assert_string_equal(json_string_value(json_object_get(object, "msg")), "over and over");
                assert_string_equal(json_string_value(json_object_get(object, "eni")), "eni-1");
                more += json_integer_value(json_object_get(object, "more_times"));
                lines += !json_object_get(object, "more_times");
                json_decref(object);
        }
        fclose(file);
        unlink(path);
        assert_int_equal(lines, LOG_REPEATS_MAX);
        assert_int_equal(more, THREADS * LINES - LOG_REPEATS_MAX);
}

/* A body of one line each, as many as there are: bytes until the end of file. */
static char *read_all(int fd)
{
        struct text text = {0};
        char buffer[4096];
        ssize_t n;

        while ((n = read(fd, buffer, sizeof(buffer))) > 0)
                text_add_bytes(&text, buffer, (size_t)n);
        text_add(&text, "%s", "");
        return text.text;
}

/* The same message, level and texts are the same line; numbers may differ. */
static void test_what_is_the_same(void **state _unused_)
{
        _cleanup_free_ char *got = NULL;
        int pipes[2];

        assert_int_equal(pipe(pipes), 0);
        log_init(pipes[1], LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
        for (int i = 0; i < LOG_REPEATS_MAX; i++)
                log_error("detach", LOG_STR("eni", "eni-1"), LOG_INT("try", i));
        log_error("detach", LOG_STR("eni", "eni-1"), LOG_INT("try", 99));
        log_error("detach", LOG_STR("eni", "eni-2"), LOG_INT("try", 100));
        log_error("detach", LOG_STR("subnet", "eni-1"), LOG_INT("try", 101));
        log_error("attach", LOG_STR("eni", "eni-1"), LOG_INT("try", 102));
        log_warn("detach", LOG_STR("eni", "eni-1"), LOG_INT("try", 103));
        log_flush();
        log_init(STDERR_FILENO, LOG_FORMAT_AUTO, LOG_LEVEL_INFO);
        close(pipes[1]);
        got = read_all(pipes[0]);
        close(pipes[0]);
        assert_null(strstr(got, "try=99"));
        assert_contains(got, " error detach eni=eni-2 try=100\n");
        assert_contains(got, " error detach subnet=eni-1 try=101\n");
        assert_contains(got, " error attach eni=eni-1 try=102\n");
        assert_contains(got, " warn  detach eni=eni-1 try=103\n");
        assert_contains(got, " error detach eni=eni-1 more_times=1\n");
}

static void test_debug_lines_are_all_said(void **state _unused_)
{
        int pipes[2], lines = 0;
        char c;

        assert_int_equal(pipe(pipes), 0);
        log_init(pipes[1], LOG_FORMAT_TEXT, LOG_LEVEL_DEBUG);
        for (int i = 0; i < 3 * LOG_REPEATS_MAX; i++)
                log_debug("looked", LOG_STR("eni", "eni-1"));
        log_init(STDERR_FILENO, LOG_FORMAT_AUTO, LOG_LEVEL_INFO);
        close(pipes[1]);
        while (read(pipes[0], &c, 1) == 1)
                lines += c == '\n';
        close(pipes[0]);
        assert_int_equal(lines, 3 * LOG_REPEATS_MAX);
}

/* All that is in the pipe now. */
static char *read_present(int fd)
{
        assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
        return read_all(fd);
}

static json_int_t number_of(const char *line, size_t n, const char *key)
{
        json_t *object = json_loadb(line, n, 0, NULL);
        json_int_t number;

        if (!object)
                fail_msg("not a line of JSON: %.*s", (int)(n < 200 ? n : 200), line);
        number = json_integer_value(json_object_get(object, key));
        json_decref(object);
        return number;
}

/* Nobody reads, and nobody waits for that; who comes back to read is told how much there is not. */
static void test_a_reader_that_stops(void **state _unused_)
{
        enum { SAID = 3000, LONG_BYTES = 10000 };
        _cleanup_free_ char *long_text = xcalloc(LONG_BYTES + 1, 1), *before = NULL, *after = NULL;
        json_int_t got = 0, lost = 0, cut = 0;
        int pipes[2];

        memset(long_text, 'x', LONG_BYTES);
        assert_int_equal(pipe(pipes), 0);
        log_init(pipes[1], LOG_FORMAT_JSON, LOG_LEVEL_DEBUG);
        alarm(TEST_PATIENCE_MS / 1000); /* else it would wait for ever */
        for (int i = 0; i < SAID; i++)
                log_debug("looked", LOG_STR("text", i % 10 ? "short" : long_text), LOG_INT("one", 1));
        alarm(0);
        before = read_present(pipes[0]);
        log_debug("looked", LOG_INT("one", 1));
        log_init(STDERR_FILENO, LOG_FORMAT_AUTO, LOG_LEVEL_INFO);
        after = read_present(pipes[0]);
        close(pipes[0]);
        close(pipes[1]);
        for (char *line = before, *end; *line; line = end + 1) {
                end = strchr(line, '\n');
                if (!end) { /* only the last one, and its end never comes */
                        assert_int_equal(after[0], '\n');
                        cut = 1;
                        break;
                }
                got += number_of(line, (size_t)(end - line), "one");
        }
        for (char *line = after + cut, *end; *line; line = end + 1) {
                end = strchr(line, '\n');
                assert_non_null(end);
                got += number_of(line, (size_t)(end - line), "one");
                lost += number_of(line, (size_t)(end - line), "lines");
        }
        assert_true(lost > 0);
        assert_int_equal(got + lost, SAID + 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_said_then_counted),        cmocka_unit_test(test_what_is_the_same),
                cmocka_unit_test(test_a_count_is_not_lost),      cmocka_unit_test(test_two_threads),
                cmocka_unit_test(test_debug_lines_are_all_said), cmocka_unit_test(test_a_reader_that_stops),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
