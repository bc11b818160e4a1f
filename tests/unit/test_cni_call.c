// SPDX-License-Identifier: Apache-2.0
/* The order of the checks, and what a call answers that needs no daemon: environment, input, JSON, version, verb. */
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vpcwire/file.h>
#include <vpcwire/mem.h>

#include "plugin.h"

#define GOOD                                                                                                 \
        "{\"name\":\"n\",\"cniVersion\":\"1.1.0\",\"socket\":\"/nonexistent/"                                \
        "ipamd.sock\",\"timeoutSeconds\":1}"
#define OLD      "{\"name\":\"n\",\"cniVersion\":\"0.3.1\",\"socket\":\"/nonexistent/ipamd.sock\"}"
#define NO_INPUT "\001" /* standard input cannot be read */
#define PATH     "CNI_PATH=/p"
#define ID       "CNI_CONTAINERID=c1"
#define IF       "CNI_IFNAME=eth0"

enum { VARIABLES_MAX = 8, OUTPUT_BYTES_MAX = 65536 };

static int file_with(const char *text)
{
        int fd = memfd_create("input", MFD_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        return fd;
}

/* Runs a call; *ret_json is NULL when it printed nothing. */
static int run(const char *const env[], const char *input, json_t **ret_json)
{
        _cleanup_close_ int in =
                strcmp(input, NO_INPUT) == 0 ? open("/", O_RDONLY | O_CLOEXEC) : file_with(input);
        _cleanup_close_ int out = file_with("");
        _cleanup_free_ char *text = NULL;
        int status = plugin_run(env, in, out);
        struct err err;

        assert_int_equal(lseek(out, 0, SEEK_SET), 0);
        assert_ok(file_read_fd(out, "output", OUTPUT_BYTES_MAX, &text, NULL, &err), &err);
        *ret_json = *text ? json_loads(text, 0, NULL) : NULL;
        if (*text)
                assert_non_null(*ret_json);
        return status;
}

struct order_case {
        const char *env[VARIABLES_MAX];
        const char *input;
        int code; /* 0: success without output */
        const char *msg;
};

static void check_order(const struct order_case *c)
{
        _cleanup_json_ json_t *json = NULL;
        int status = run(c->env, c->input, &json);

        if (!c->code) {
                assert_int_equal(status, 0);
                assert_null(json);
                return;
        }
        assert_int_equal(status, 1);
        assert_non_null(json);
        assert_contains(json_string_value(json_object_get(json, "msg")), c->msg);
        assert_int_equal(json_integer_value(json_object_get(json, "code")), c->code);
}

static void test_order_of_checks(void **state _unused_)
{
        static const struct order_case cases[] = {
                /* The environment comes first, whatever is on the input. */
                {{"CNI_COMMAND=NOPE", NULL}, NO_INPUT, 4, "unknown CNI_COMMAND 'NOPE'"},
                {{"CNI_COMMAND=add", ID, IF, PATH, NULL}, GOOD, 4, "unknown CNI_COMMAND 'add'"},
                {{"CNI_COMMAND=ADD", NULL}, NO_INPUT, 4, "[CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH]"},
                {{"CNI_COMMAND=ADD", ID, IF, PATH, NULL}, "nope", 4, "[CNI_NETNS]"},
                {{"CNI_COMMAND=ADD", "CNI_CONTAINERID=a/b", NULL}, NO_INPUT, 4, "CNI_CONTAINERID 'a/b'"},
                {{"CNI_COMMAND=ADD", ID, "CNI_NETNS=/n", "CNI_IFNAME=a:b", PATH, NULL},
                 "nope",
                 4,
                 "CNI_IFNAME 'a:b'"},
                {{"CNI_COMMAND=CHECK", ID, IF, PATH, NULL}, OLD, 4, "[CNI_NETNS]"},
                {{"CNI_COMMAND=DEL", "CNI_NETNS=/n", NULL}, GOOD, 4, "[CNI_CONTAINERID,CNI_IFNAME,CNI_PATH]"},
                {{"CNI_COMMAND=GC", NULL}, "nope", 4, "[CNI_PATH]"},
                {{"CNI_COMMAND=STATUS", NULL}, "nope", 4, "[CNI_PATH]"},
                /* Then reading. */
                {{"CNI_COMMAND=GC", PATH, NULL}, NO_INPUT, 5, "standard input"},
                {{"CNI_COMMAND=STATUS", PATH, NULL}, NO_INPUT, 5, "standard input"},
                /* Then JSON, before the name, before the version. */
                {{"CNI_COMMAND=GC", PATH, NULL}, "", 6, "standard input"},
                {{"CNI_COMMAND=GC", PATH, NULL}, "{\"cniVersion\":\"9.9.9\"", 6, "standard input"},
                {{"CNI_COMMAND=GC", PATH, NULL}, "{\"cniVersion\":\"9.9.9\"}", 7, "name"},
                {{"CNI_COMMAND=GC", PATH, NULL}, "{\"cniVersion\":\"0.4.0\",\"name\":\"a b\"}", 7, "'a b'"},
                {{"CNI_COMMAND=GC", PATH, NULL}, "{\"cniVersion\":\"9.9.9\",\"name\":\"n\"}", 1, "'9.9.9'"},
                {{"CNI_COMMAND=CHECK", ID, IF, PATH, "CNI_NETNS=/n", NULL},
                 OLD,
                 1,
                 "0.3.1 does not have CHECK"},
                {{"CNI_COMMAND=GC", PATH, NULL}, OLD, 1, "does not have GC, which came with 1.1.0"},
                {{"CNI_COMMAND=STATUS", PATH, NULL},
                 "{\"name\":\"n\",\"cniVersion\":\"1.0.0\"}",
                 1,
                 "STATUS"},
                /* Then the verb: pod's name, settings, namespace, daemon. */
                {{"CNI_COMMAND=ADD", ID, IF, PATH, "CNI_NETNS=/nonexistent", "CNI_ARGS=X=1", NULL},
                 "{\"name\":\"n\",\"mtu\":1}",
                 4,
                 "unknown key 'X'"},
                {{"CNI_COMMAND=ADD", ID, IF, PATH, "CNI_NETNS=/nonexistent", NULL},
                 "{\"name\":\"n\",\"mtu\":1}",
                 7,
                 "mtu 1"},
                {{"CNI_COMMAND=ADD", ID, IF, PATH, "CNI_NETNS=/nonexistent", NULL},
                 "{\"name\":\"n\",\"ipam\":{\"type\":\"dhcp\"}}",
                 2,
                 "'dhcp'"},
                {{"CNI_COMMAND=ADD", ID, IF, PATH, "CNI_NETNS=/nonexistent", NULL}, GOOD, 8, "/nonexistent"},
                {{"CNI_COMMAND=ADD", ID, IF, PATH, "CNI_NETNS=/etc/passwd", NULL}, GOOD, 8, "/etc/passwd"},
                {{"CNI_COMMAND=ADD", ID, IF, PATH, "CNI_NETNS=/", NULL}, GOOD, 8, "'/'"},
                {{"CNI_COMMAND=ADD", ID, IF, PATH, "CNI_NETNS=/proc/self/ns/net", NULL}, GOOD, 8, "own"},
                {{"CNI_COMMAND=ADD", ID, IF, PATH, "CNI_NETNS=/proc/self/ns/mnt", NULL},
                 GOOD,
                 8,
                 "/proc/self/ns/mnt"},
                {{"CNI_COMMAND=CHECK", ID, IF, PATH, "CNI_NETNS=/proc/self/ns/net", NULL},
                 GOOD,
                 7,
                 "prevResult"},
                {{"CNI_COMMAND=STATUS", PATH, NULL}, GOOD, 50, "/nonexistent/ipamd.sock"},
                {{"CNI_COMMAND=GC", PATH, NULL}, GOOD, 0, NULL},
                {{"CNI_COMMAND=GC", PATH, NULL},
                 "{\"name\":\"n\",\"cniVersion\":\"1.1.0\",\"cni.dev/valid-attachments\":7}",
                 7,
                 "cni.dev/valid-attachments"},
                {{"CNI_COMMAND=GC", PATH, NULL},
                 "{\"name\":\"n\",\"cniVersion\":\"1.1.0\",\"socket\":\"/nonexistent/s\",\"cni.dev/"
                 "valid-attachments\":[]}",
                 11,
                 "/nonexistent/s"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                check_order(&cases[i]);
}

static void test_del_forgives(void **state _unused_)
{
        static const struct order_case cases[] = {
                {{"CNI_COMMAND=DEL", ID, IF, PATH, NULL}, GOOD, 0, NULL},
                {{"CNI_COMMAND=DEL", ID, IF, PATH, "CNI_NETNS=", NULL}, OLD, 0, NULL},
                {{"CNI_COMMAND=DEL", ID, IF, PATH, "CNI_NETNS=/nonexistent", NULL}, GOOD, 0, NULL},
                {{"CNI_COMMAND=DEL", ID, IF, PATH, "CNI_NETNS=/etc/passwd", NULL}, GOOD, 0, NULL},
                {{"CNI_COMMAND=DEL", ID, IF, PATH, "CNI_NETNS=/proc/self/ns/net", NULL}, GOOD, 0, NULL},
                {{"CNI_COMMAND=DEL", ID, IF, PATH, "CNI_ARGS=garbage", NULL}, GOOD, 0, NULL},
                {{"CNI_COMMAND=DEL", ID, IF, PATH, NULL},
                 "{\"name\":\"n\",\"mtu\":[],\"socket\":\"/nonexistent/s\",\"ipam\":{\"type\":\"x\"}}",
                 0,
                 NULL},
                /* What is malformed was never made; what cannot be read does not keep the link. */
                {{"CNI_COMMAND=DEL", "CNI_CONTAINERID=a/b", IF, PATH, NULL}, GOOD, 0, NULL},
                {{"CNI_COMMAND=DEL", ID, "CNI_IFNAME=a:b", PATH, NULL}, GOOD, 0, NULL},
                {{"CNI_COMMAND=DEL", ID, "CNI_IFNAME=1234567890123456", PATH, NULL}, GOOD, 0, NULL},
                {{"CNI_COMMAND=DEL", ID, IF, PATH, NULL}, NO_INPUT, 0, NULL},
                {{"CNI_COMMAND=DEL", ID, IF, PATH, NULL}, "", 0, NULL},
                {{"CNI_COMMAND=DEL", ID, IF, PATH, NULL}, "{\"cniVersion\":", 0, NULL},
                {{"CNI_COMMAND=DEL", ID, IF, PATH, NULL}, "[]", 0, NULL},
                {{"CNI_COMMAND=DEL", ID, IF, PATH, NULL}, "{\"name\":\"a b\"}", 0, NULL},
                {{"CNI_COMMAND=DEL", ID, IF, PATH, NULL},
                 "{\"name\":3,\"ipam\":{\"type\":\"vpcwire\"}}",
                 0,
                 NULL},
                {{"CNI_COMMAND=DEL", ID, IF, PATH, NULL},
                 "{\"cniVersion\":\"9.9.9\",\"name\":\"n\"}",
                 0,
                 NULL},
                {{"CNI_COMMAND=DEL", ID, IF, PATH, NULL}, "{\"name\":\"n\",\"prevResult\":7}", 0, NULL},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                check_order(&cases[i]);
}

static void test_input_is_bounded(void **state _unused_)
{
        _cleanup_free_ char *big = XNEW_ARRAY(char, NETCONF_BYTES_MAX + 2);
        struct order_case c = {{"CNI_COMMAND=GC", PATH, NULL}, big, 5, "longer than 1048576"};

        memset(big, ' ', NETCONF_BYTES_MAX + 1);
        check_order(&c);
        memcpy(big, GOOD, strlen(GOOD));
        big[NETCONF_BYTES_MAX] = '\0';
        c.code = 0;
        check_order(&c);
}

static void test_error_is_in_the_callers_version(void **state _unused_)
{
        static const struct {
                const char *input, *version, *details;
        } cases[] = {
                {"{\"cniVersion\":\"0.4.0\"}", "0.4.0", NULL},
                {"{\"cniVersion\":\"9.9.9\",\"name\":\"n\"}", "1.1.0",
                 "supported: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0"},
                {"nope", "1.1.0", NULL},
        };
        static const char *const env[] = {"CNI_COMMAND=GC", PATH, NULL};

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_json_ json_t *json = NULL;
                const json_t *details;

                assert_int_equal(run(env, cases[i].input, &json), 1);
                details = json_object_get(json, "details");
                assert_string_equal(json_string_value(json_object_get(json, "cniVersion")), cases[i].version);
                assert_int_equal(details != NULL, cases[i].details != NULL);
                if (details)
                        assert_string_equal(json_string_value(details), cases[i].details);
        }
}

static void test_version_verb(void **state _unused_)
{
        static const struct {
                const char *input, *version;
        } cases[] = {
                {"", "1.1.0"},       {"{\"cniVersion\":\"0.4.0\"}", "0.4.0"},
                {"nope", "1.1.0"},   {"{\"cniVersion\":\"9\"}", "1.1.0"},
                {NO_INPUT, "1.1.0"}, {"{\"cniVersion\":\"0.1.0\",\"name\":7}", "0.1.0"},
        };
        static const char *const env[] = {"CNI_COMMAND=VERSION", "CNI_NETNS=dummy", NULL};

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_json_ json_t *json = NULL;

                assert_int_equal(run(env, cases[i].input, &json), 0);
                assert_string_equal(json_string_value(json_object_get(json, "cniVersion")), cases[i].version);
                assert_int_equal(json_array_size(json_object_get(json, "supportedVersions")),
                                 _CNI_VERSION_MAX);
        }
}

/* A runtime may leave the pipe open: VERSION must not wait for its end. */
static void test_version_with_an_open_pipe(void **state _unused_)
{
        static const char *const env[] = {"CNI_COMMAND=VERSION", NULL};
        _cleanup_close_ int out = file_with("");
        int pipes[2];

        assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
        assert_int_equal(plugin_run(env, pipes[0], out), 0);
        close(pipes[0]);
        close(pipes[1]);
}

static void test_no_command_is_about(void **state _unused_)
{
        static const char *const unset[] = {"PATH=/bin", NULL}, *const empty[] = {"CNI_COMMAND=", NULL};
        _cleanup_json_ json_t *json = NULL;

        assert_int_equal(run(unset, NO_INPUT, &json), 0);
        assert_null(json);
        assert_int_equal(run(empty, "{}", &json), 0);
        assert_null(json);
}

static void test_log_file(void **state _unused_)
{
        static const char *const env[] = {"CNI_COMMAND=STATUS", PATH, NULL};
        _cleanup_json_ json_t *json = NULL;
        _cleanup_free_ char *input = NULL, *log = NULL;
        char path[] = "/tmp/vw-cni-log-XXXXXX";
        int fd = mkstemp(path);
        struct err err;

        assert_true(fd >= 0);
        close(fd);
        input = xasprintf(
                "{\"name\":\"n\",\"cniVersion\":\"1.1.0\",\"socket\":\"/nonexistent/s\",\"logFile\":\"%s\"}",
                path);
        assert_int_equal(run(env, input, &json), 1);
        assert_ok(file_read(path, 4096, &log, NULL, &err), &err);
        unlink(path);
        assert_contains(log, "STATUS");
        assert_contains(log, "/nonexistent/s");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_order_of_checks),
                cmocka_unit_test(test_del_forgives),
                cmocka_unit_test(test_input_is_bounded),
                cmocka_unit_test(test_error_is_in_the_callers_version),
                cmocka_unit_test(test_version_verb),
                cmocka_unit_test(test_version_with_an_open_pipe),
                cmocka_unit_test(test_no_command_is_about),
                cmocka_unit_test(test_log_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
