// SPDX-License-Identifier: Apache-2.0
/* vpcsim's control socket, in one thread: what a client sends, and what it gets. Without a fabric, so without root. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vpcwire/jsonx.h>
#include <vpcwire/mem.h>

#include "control.h"
#include "control_client.h"
#include "world.h"

enum { DEADLINE_MS = TEST_PATIENCE_MS };

static const char description[] =
        "{\"vpc\":{\"id\":\"vpc-1\",\"cidrs\":[\"10.0.0.0/16\"]},"
        "\"subnets\":[{\"id\":\"subnet-1\",\"cidr\":\"10.0.1.0/24\",\"zone\":\"z\"}]}";

struct fixture {
        char folder[32], *path;
        struct control_target target;
        struct control *control;
};

static int setup(void **state)
{
        struct fixture *fixture = XNEW(struct fixture);
        _cleanup_json_ json_t *world = json_loads(description, 0, NULL);
        struct err err;

        strcpy(fixture->folder, "/tmp/vpcsim-test-XXXXXX");
        assert_non_null(mkdtemp(fixture->folder));
        fixture->path = xasprintf("%s/control.sock", fixture->folder);
        assert_ok(world_new(world, NULL, &fixture->target.world, &err), &err);
        assert_ok(control_new(fixture->path, &fixture->target, &fixture->control, &err), &err);
        *state = fixture;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *fixture = *state;
        int r;

        control_free(fixture->control);
        world_free(fixture->target.world);
        r = rmdir(fixture->folder); /* so the socket must be gone */
        free(fixture->path);
        free(fixture);
        return r;
}

static int connect_client(struct fixture *fixture)
{
        struct sockaddr_un address;
        struct err err;
        int fd;

        assert_ok(control_address(fixture->path, &address, &err), &err);
        fd = control_connect(&address, &err);
        assert_return_code(fd, errno);
        assert_return_code(fcntl(fd, F_SETFL, O_NONBLOCK), errno);
        return fd;
}

static void send_bytes(struct fixture *fixture, int fd, const char *bytes, size_t n)
{
        while (n > 0) {
                ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);

                if (sent < 0) {
                        assert_int_equal(errno, EAGAIN);
                        control_dispatch(fixture->control);
                        continue;
                }
                bytes += sent;
                n -= (size_t)sent;
        }
}

/* The next line, or NULL when the connection is closed. The caller frees it. */
static char *read_line(struct fixture *fixture, int fd)
{
        _cleanup_(text_done) struct text line = {0};
        char byte;

        for (int idle = 0; idle < DEADLINE_MS;) {
                ssize_t n = recv(fd, &byte, 1, 0);

                if (n == 0 || (n < 0 && errno == ECONNRESET))
                        return NULL;
                if (n < 0) {
                        struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
                                               {.fd = control_fd(fixture->control), .events = POLLIN}};

                        idle += poll(fds, ARRAY_SIZE(fds), 1) == 0;
                        control_dispatch(fixture->control);
                        continue;
                }
                if (byte == '\n') {
                        text_add(&line, "%s", "");
                        return TAKE_PTR(line.text);
                }
                text_add_bytes(&line, &byte, 1);
        }
        fail_msg("no line within %d ms", DEADLINE_MS);
        return NULL;
}

static json_t *ask(struct fixture *fixture, int fd, const char *request)
{
        _cleanup_free_ char *line = NULL;
        json_t *reply;

        send_bytes(fixture, fd, request, strlen(request));
        send_bytes(fixture, fd, "\n", 1);
        line = read_line(fixture, fd);
        assert_non_null(line);
        reply = json_loads(line, 0, NULL);
        assert_true(json_is_object(reply));
        return reply;
}

static bool is_ok(const json_t *reply)
{
        return json_is_true(json_object_get(reply, "ok"));
}

static void test_socket_is_private(void **state)
{
        struct fixture *fixture = *state;
        struct stat st;

        assert_return_code(stat(fixture->path, &st), errno);
        assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_bad_requests_are_answered(void **state)
{
        static const struct {
                const char *request, *error;
        } cases[] = {
                {"", ""},
                {"{", ""},
                {"[]", ""},
                {"\"status\"", ""},
                {"{}", "'command' must be a string"},
                {"{\"command\":7}", "'command' must be a string"},
                {"{\"command\":\"\"}", "'command' must be a string"},
                {"{\"command\":\"fly\"}", "no command 'fly'"},
                {"{\"command\":\"status\",\"command\":\"stop\"}", ""},
                {"{\"command\":\"status\",\"x\":1}", "'x' is not an argument of status"},
                {"{\"command\":\"remove-node\"}", "'name' must be a string"},
                {"{\"command\":\"remove-node\",\"name\":\"nobody\"}", "nobody"},
                {"{\"command\":\"add-node\",\"nmae\":\"n1\"}", "nmae"},
                {"{\"command\":\"set-delays\",\"attach_ms\":-1}", "attach_ms"},
                {"{\"command\":\"set-delays\",\"speed\":1}", "speed"},
                {"{\"command\":\"counters\"}", "without"},
                {"\xff\xfe", ""},
        };
        struct fixture *fixture = *state;
        _cleanup_close_ int fd = connect_client(fixture);

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_json_ json_t *reply = ask(fixture, fd, cases[i].request), *after = NULL;

                assert_false(is_ok(reply));
                assert_contains(json_string_value(json_object_get(reply, "error")), cases[i].error);
                after = ask(fixture, fd, "{\"command\":\"status\"}");
                assert_true(is_ok(after));
        }
        assert_false(fixture->target.stop);
}

static void assert_done(struct fixture *fixture, int fd, const char *request)
{
        _cleanup_json_ json_t *reply = ask(fixture, fd, request);

        assert_true(is_ok(reply));
}

static void assert_refused(struct fixture *fixture, int fd, const char *request, const char *error)
{
        _cleanup_json_ json_t *reply = ask(fixture, fd, request);

        assert_false(is_ok(reply));
        assert_contains(json_string_value(json_object_get(reply, "error")), error);
}

static void test_world_through_the_socket(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_close_ int fd = connect_client(fixture);
        _cleanup_json_ json_t *added = NULL, *dump = NULL, *check = NULL, *removed = NULL, *stop = NULL;

        added = ask(fixture, fd,
                    "{\"command\":\"add-node\",\"name\":\"n1\",\"instance_type\":\"t3.small\","
                    "\"subnet\":\"subnet-1\"}");
        assert_true(is_ok(added));
        assert_string_equal(json_string_value(json_object_get(added, "name")), "n1");
        assert_refused(fixture, fd, "{\"command\":\"add-vpc-cidr\",\"cidr\":\"10.0.128.0/17\"}",
                       "overlaps another CIDR");
        assert_refused(fixture, fd,
                       "{\"command\":\"add-subnet\",\"id\":\"s2\",\"cidr\":\"10.9.1.0/24\",\"zone\":\"a\"}",
                       "10.9.1.0/24 is in no CIDR");
        assert_done(fixture, fd, "{\"command\":\"add-vpc-cidr\",\"cidr\":\"10.9.0.0/16\"}");
        assert_done(fixture, fd,
                    "{\"command\":\"add-subnet\",\"id\":\"s2\",\"cidr\":\"10.9.1.0/24\",\"zone\":\"a\"}");
        dump = ask(fixture, fd, "{\"command\":\"dump\"}");
        assert_int_equal(json_array_size(json_object_get(dump, "subnets")), 2);
        assert_int_equal(json_array_size(json_object_get(dump, "nodes")), 1);
        check = ask(fixture, fd, "{\"command\":\"check\"}");
        assert_true(json_is_array(json_object_get(check, "violations")));
        assert_int_equal(json_array_size(json_object_get(check, "violations")), 0);
        removed = ask(fixture, fd, "{\"command\":\"remove-node\",\"name\":\"n1\"}");
        assert_true(is_ok(removed));
        stop = ask(fixture, fd, "{\"command\":\"stop\"}");
        assert_true(is_ok(stop));
        assert_true(fixture->target.stop);
}

static void test_help_names_every_command(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_close_ int fd = connect_client(fixture);
        _cleanup_json_ json_t *help = ask(fixture, fd, "{\"command\":\"help\"}");
        json_t *commands = json_object_get(help, "commands");

        assert_int_equal(json_object_size(commands), 24);
        assert_true(json_is_string(json_object_get(commands, "internet-address")));
}

static void test_requests_in_pieces_and_in_a_row(void **state)
{
        static const char many[] = "{\"command\":\"calls\"}\n{\"command\":\"calls-reset\"}\n{\"comm";
        static const char rest[] = "and\":\"status\"}\n";
        struct fixture *fixture = *state;
        _cleanup_close_ int fd = connect_client(fixture);

        send_bytes(fixture, fd, many, sizeof(many) - 1);
        for (size_t i = 0; i < 3; i++) {
                _cleanup_free_ char *line = NULL;

                if (i == 2)
                        send_bytes(fixture, fd, rest, sizeof(rest) - 1);
                line = read_line(fixture, fd);
                assert_non_null(line);
                assert_contains(line, "\"ok\":true");
        }
}

static void test_long_line_ends_the_connection(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_close_ int fd = connect_client(fixture), other = connect_client(fixture);
        _cleanup_free_ char *line = NULL, *big = xcalloc(1, CONTROL_LINE_BYTES_MAX);
        _cleanup_json_ json_t *reply = NULL;

        memset(big, ' ', CONTROL_LINE_BYTES_MAX);
        send_bytes(fixture, fd, big, CONTROL_LINE_BYTES_MAX);
        line = read_line(fixture, fd);
        assert_non_null(line);
        assert_contains(line, "the line is too long");
        assert_null(read_line(fixture, fd));
        reply = ask(fixture, other, "{\"command\":\"status\"}");
        assert_true(is_ok(reply));
}

static void test_too_many_connections(void **state)
{
        struct fixture *fixture = *state;
        int fds[CONTROL_CLIENTS_MAX];
        _cleanup_close_ int late = -1;
        _cleanup_free_ char *line = NULL;

        for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
                _cleanup_json_ json_t *reply = NULL;

                fds[i] = connect_client(fixture);
                reply = ask(fixture, fds[i], "{\"command\":\"help\"}");
                assert_true(is_ok(reply));
        }
        late = connect_client(fixture);
        line = read_line(fixture, late);
        assert_non_null(line);
        assert_contains(line, "too many connections");
        assert_null(read_line(fixture, late));
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                close(fds[i]);
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++) { /* the places are free again */
                _cleanup_close_ int fd = -1;
                _cleanup_json_ json_t *reply = NULL;

                control_dispatch(fixture->control);
                fd = connect_client(fixture);
                reply = ask(fixture, fd, "{\"command\":\"help\"}");
                assert_true(is_ok(reply));
        }
}

static void test_path_of_another(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_free_ char *file = xasprintf("%s/file", fixture->folder);
        struct control *second = NULL;
        struct err err;
        int fd;

        assert_fails(control_new(fixture->path, &fixture->target, &second, &err), ERR_BUSY);
        fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_return_code(fd, errno);
        close(fd);
        assert_fails(control_new(file, &fixture->target, &second, &err), ERR_EXISTS);
        assert_return_code(unlink(file), errno);
        assert_fails(control_new("", &fixture->target, &second, &err), ERR_INVALID);
        assert_null(second);
        assert_return_code(access(fixture->path, F_OK), errno);
}

static void test_socket_of_a_dead_process_is_replaced(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_free_ char *path = xasprintf("%s/dead.sock", fixture->folder);
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct control *control;
        struct sockaddr_un address;
        struct err err;

        assert_ok(control_address(path, &address, &err), &err);
        assert_return_code(bind(fd, (const struct sockaddr *)&address, sizeof(address)), errno);
        assert_ok(control_new(path, &fixture->target, &control, &err), &err);
        control_free(control);
        assert_int_equal(access(path, F_OK), -1);
}

#define IN_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                IN_FIXTURE(test_socket_is_private),
                IN_FIXTURE(test_bad_requests_are_answered),
                IN_FIXTURE(test_world_through_the_socket),
                IN_FIXTURE(test_help_names_every_command),
                IN_FIXTURE(test_requests_in_pieces_and_in_a_row),
                IN_FIXTURE(test_long_line_ends_the_connection),
                IN_FIXTURE(test_too_many_connections),
                IN_FIXTURE(test_path_of_another),
                IN_FIXTURE(test_socket_of_a_dead_process_is_replaced),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
