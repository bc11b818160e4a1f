// SPDX-License-Identifier: Apache-2.0
/* lib's base: errors, addresses, memory, files, logs. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include <vpcwire/addr.h>
#include <vpcwire/clock.h>
#include <vpcwire/file.h>
#include <vpcwire/log.h>
#include <vpcwire/mem.h>
#include <vpcwire/nearest.h>
#include <vpcwire/pod_name.h>

static void test_err_wraps_in_order(void **state _unused_)
{
        struct err err;

        assert_int_equal(err_set_errno(&err, ENOENT, "open %s", "/x"), -ERR_NOT_FOUND);
        assert_int_equal(err_wrap(&err, "read settings"), -ERR_NOT_FOUND);
        assert_string_equal(err.msg, "read settings: open /x: No such file or directory");
        assert_int_equal(err.sys_errno, ENOENT);
        assert_int_equal(err_set(NULL, ERR_BUSY, "nobody listens"), -ERR_BUSY);
}

static void test_err_long_text_stays_bounded(void **state _unused_)
{
        char big[4096];
        struct err err;

        memset(big, 'a', sizeof(big) - 1);
        big[sizeof(big) - 1] = '\0';
        err_set(&err, ERR_INVALID, "%s", big);
        for (int i = 0; i < 20; i++)
                err_wrap(&err, "%s", big);
        assert_in_range(strlen(err.msg), 100, ERR_MESSAGE_BYTES - 1);
}

static void test_err_every_code_has_a_name(void **state _unused_)
{
        for (int i = 0; i < _ERR_MAX; i++)
                assert_non_null(err_code_to_string((enum err_code)i));
        assert_string_equal(err_code_to_string((enum err_code)99), "unknown");
}

static void test_ip_parse(void **state _unused_)
{
        static const struct {
                const char *text;
                const char *expect; /* NULL: refused */
        } cases[] = {
                {"10.0.0.1", "10.0.0.1"},
                {"255.255.255.255", "255.255.255.255"},
                {"fe80::1", "fe80::1"},
                {"::", "::"},
                {"10.0.0", NULL},
                {"10.0.0.256", NULL},
                {" 10.0.0.1", NULL},
                {"10.0.0.1 ", NULL},
                {"", NULL},
                {"10.0.0.1/32", NULL},
                {"fe80::1%eth0", NULL},
                {"010.0.0.1", NULL},
        };
        struct err err;
        struct ip ip;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                int r = ip_parse(cases[i].text, &ip, &err);

                if (!cases[i].expect)
                        assert_fails(r, ERR_INVALID);
                else
                        assert_string_equal(IP_TEXT(ip), cases[i].expect);
        }
}

static void test_prefix_parse(void **state _unused_)
{
        static const struct {
                const char *text;
                const char *network; /* NULL: refused */
        } cases[] = {
                {"10.0.3.7/16", "10.0.0.0/16"},
                {"10.0.0.0/0", "0.0.0.0/0"},
                {"10.1.2.3/32", "10.1.2.3/32"},
                {"10.1.2.255/25", "10.1.2.128/25"},
                {"fd00:1:2:3::5/64", "fd00:1:2:3::/64"},
                {"fd00::ff/121", "fd00::80/121"},
                {"10.0.0.0", NULL},
                {"10.0.0.0/33", NULL},
                {"10.0.0.0/", NULL},
                {"10.0.0.0/-1", NULL},
                {"/8", NULL},
                {"10.0.0.0/8 ", NULL},
                {"10.0.0.0/0008", NULL},
                {"fd00::/129", NULL},
        };
        struct prefix prefix;
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                int r = prefix_parse(cases[i].text, &prefix, &err);

                if (!cases[i].network)
                        assert_fails(r, ERR_INVALID);
                else
                        assert_string_equal(PREFIX_TEXT(prefix_network(prefix)), cases[i].network);
        }
}

static void test_prefix_contains_and_nth(void **state _unused_)
{
        struct prefix subnet;
        struct err err;
        struct ip ip;

        assert_ok(prefix_parse("10.0.1.0/24", &subnet, &err), &err);
        assert_ok(ip_parse("10.0.1.255", &ip, &err), &err);
        assert_true(prefix_contains(subnet, ip));
        assert_string_equal(IP_TEXT(prefix_nth(subnet, 1)), "10.0.1.1");
        assert_ok(prefix_parse("10.0.0.0/16", &subnet, &err), &err);
        assert_string_equal(IP_TEXT(prefix_nth(subnet, 65535)), "10.0.255.255");
        assert_true(prefix_contains(subnet, ip));
        assert_ok(ip_parse("10.1.0.0", &ip, &err), &err);
        assert_false(prefix_contains(subnet, ip));
        assert_ok(ip_parse("fd00::1", &ip, &err), &err);
        assert_false(prefix_contains(subnet, ip));
        assert_int_equal(ip_to_u32(ip_from_u32(0x0a000102)), 0x0a000102);
}

static void test_mac(void **state _unused_)
{
        static const char *const bad[] = {"", "02:00:00:00:00", "02-00-00-00-00-01", "02:00:00:00:00:0g",
                                          "02:00:00:00:00:011"};
        struct err err;
        struct mac mac;

        assert_ok(mac_parse("02:aB:00:00:00:01", &mac, &err), &err);
        assert_string_equal(MAC_TEXT(mac), "02:ab:00:00:00:01");
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_fails(mac_parse(bad[i], &mac, &err), ERR_INVALID);
}

static void test_arena_and_text(void **state _unused_)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        _cleanup_(text_done) struct text text = {0};
        char *big;

        for (int i = 0; i < 1000; i++)
                assert_int_equal((uintptr_t)arena_alloc(arena, 3, 7) % 16, 0);
        big = arena_alloc(arena, 1, 100000);
        for (size_t i = 0; i < 100000; i++)
                assert_int_equal(big[i], 0);
        assert_string_equal(arena_printf(arena, "%s-%d", "a", 7), "a-7");
        for (int i = 0; i < 1000; i++)
                text_add(&text, "%d,", i % 10);
        assert_int_equal(strlen(text.text), 2000);
}

static void test_file_round_trip(void **state _unused_)
{
        char folder[] = "/tmp/vw-test-XXXXXX";
        _cleanup_free_ char *path = NULL, *bytes = NULL;
        struct stat st;
        struct err err;
        size_t n;

        assert_non_null(mkdtemp(folder));
        path = xasprintf("%s/a/b/file", folder);
        assert_fails(file_read(path, 10, &bytes, NULL, &err), ERR_NOT_FOUND);
        assert_contains(err.msg, path);
        path[strlen(path) - 5] = '\0';
        assert_ok(file_make_folder(path, 0700, &err), &err);
        assert_ok(file_make_folder(path, 0700, &err), &err);
        path[strlen(path)] = '/';
        assert_ok(file_replace(path, "hello", 5, 0640, &err), &err);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0640);
        assert_ok(file_read(path, 5, &bytes, &n, &err), &err);
        assert_string_equal(bytes, "hello");
        assert_int_equal(n, 5);
        free(TAKE_PTR(bytes));
        assert_fails(file_read(path, 4, &bytes, NULL, &err), ERR_LIMIT);
        unlink(path);
        for (int i = 0; i < 2; i++) {
                *strrchr(path, '/') = '\0';
                assert_int_equal(rmdir(path), 0);
        }
        assert_int_equal(rmdir(folder), 0);
}

static void test_log_lines_are_json(void **state _unused_)
{
        char line[2048] = "";
        json_t *object;
        int pipes[2];
        ssize_t n;

        assert_int_equal(pipe(pipes), 0);
        log_init(pipes[1], LOG_FORMAT_JSON, LOG_LEVEL_INFO);
        log_debug("not shown");
        log_warn("quote \" and \xff byte", LOG_STR("pod", "a/b\n"), LOG_INT("n", -7), LOG_STR("none", NULL));
        n = read(pipes[0], line, sizeof(line) - 1);
        log_init(STDERR_FILENO, LOG_FORMAT_AUTO, LOG_LEVEL_INFO);
        close(pipes[0]);
        close(pipes[1]);
        assert_true(n > 0 && line[n - 1] == '\n');
        object = json_loads(line, 0, NULL);
        assert_non_null(object);
        assert_string_equal(json_string_value(json_object_get(object, "level")), "warn");
        assert_string_equal(json_string_value(json_object_get(object, "pod")), "a/b\n");
        assert_int_equal(json_integer_value(json_object_get(object, "n")), -7);
        json_decref(object);
}

static void test_clock_format(void **state _unused_)
{
        char text[CLOCK_TEXT_BYTES];

        assert_string_equal(clock_wall_format(1440938160123, text), "2015-08-30T12:36:00.123Z");
}

static void test_nearest_distance(void **state _unused_)
{
        static const struct {
                const char *a, *b;
                unsigned expect;
        } cases[] = {{"", "", 0},         {"", "pods", 4},      {"pods", "", 4},         {"pods", "pods", 0},
                     {"PODS", "pods", 0}, {"pod", "pods", 1},   {"statsu", "status", 2}, {"enis", "pods", 3},
                     {"ab", "ba", 2},     {"events", "even", 2}};

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_int_equal(nearest_distance(cases[i].a, cases[i].b), cases[i].expect);
}

static void test_pod_names(void **state _unused_)
{
        static const struct {
                struct pod_name a, b;
                bool same;
                const char *text; /* of a */
        } cases[] = {
                {{"default", "web", "u1"}, {"default", "web", "u1"}, true, "default/web"},
                {{"default", "web", ""}, {"default", "web", "u1"}, true, "default/web"},
                {{"default", "web", "u2"}, {"default", "web", "u1"}, false, "default/web"},
                {{"default", "web", NULL}, {"prod", "web", NULL}, false, "default/web"},
                {{"default", "web", NULL}, {"default", "db", NULL}, false, "default/web"},
                {{"", "web", ""}, {"", "web", ""}, false, "web"},
                {{NULL, "web", "u1"}, {NULL, "web", "u1"}, false, "web"},
                {{"default", "", ""}, {"default", NULL, ""}, false, NULL},
                {{NULL, NULL, NULL}, {NULL, NULL, NULL}, false, NULL},
        };
        _cleanup_(arena_freep) struct arena *arena = arena_new();

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const char *text = pod_name_text(&cases[i].a, arena);

                assert_int_equal(pod_name_is_same(&cases[i].a, &cases[i].b), cases[i].same);
                assert_int_equal(pod_name_is_same(&cases[i].b, &cases[i].a), cases[i].same);
                assert_true(cases[i].text ? text && strcmp(text, cases[i].text) == 0 : !text);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_err_wraps_in_order),
                cmocka_unit_test(test_err_long_text_stays_bounded),
                cmocka_unit_test(test_err_every_code_has_a_name),
                cmocka_unit_test(test_ip_parse),
                cmocka_unit_test(test_prefix_parse),
                cmocka_unit_test(test_prefix_contains_and_nth),
                cmocka_unit_test(test_mac),
                cmocka_unit_test(test_arena_and_text),
                cmocka_unit_test(test_file_round_trip),
                cmocka_unit_test(test_log_lines_are_json),
                cmocka_unit_test(test_clock_format),
                cmocka_unit_test(test_nearest_distance),
                cmocka_unit_test(test_pod_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
