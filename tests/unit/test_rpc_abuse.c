// SPDX-License-Identifier: Apache-2.0
/* Peers that say nonsense, too much, too slowly or nothing; and those who may not speak at all. */
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vpcwire/clock.h>
#include <vpcwire/varlink.h>

#include "rpc_fixture.h"

/* The kernel's: a descriptor that is watched already is found before memory for it is wanted. */
static atomic_bool no_memory_for_watches;

__attribute__((visibility("default"))) int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
        int r = (int)syscall(SYS_epoll_ctl, epfd, op, fd, event);

        if (r < 0 || op != EPOLL_CTL_ADD || !atomic_load(&no_memory_for_watches))
                return r;
        syscall(SYS_epoll_ctl, epfd, EPOLL_CTL_DEL, fd, event);
        errno = ENOSPC;
        return -1;
}

static int ask_status(struct fixture *fixture, struct err *err)
{
        _cleanup_(ipam_client_freep) struct ipam_client *client = fixture_connect(fixture);
        struct ipam_status_reply status;

        return ipam_status(client, &status, err);
}

/* Whatever happened before: a good peer is served. */
static void assert_alive(struct fixture *fixture)
{
        struct err err;

        assert_ok(ask_status(fixture, &err), &err);
}

static bool is_alive(struct fixture *fixture)
{
        return ask_status(fixture, NULL) == 0;
}

#define KEY_TEXT "\"network\":\"n\",\"container_id\":\"c\",\"ifname\":\"i\""

static void test_what_is_answered(void **state)
{
        static const struct {
                const char *call, *expect;
        } cases[] = {
                {"{\"method\":\"org.varlink.service.GetInfo\"}", "\"io.vpcwire.ipam\"]"},
                {"{\"method\":\"org.varlink.service.GetInfo\",\"parameters\":null}", "\"version\":\"9.8.7\""},
                {"{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":"
                 "{\"interface\":\"io.vpcwire.ipam\"}}",
                 "method Add("},
                {"{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":"
                 "{\"interface\":\"org.varlink.service\"}}",
                 "method GetInfo()"},
                {"{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":"
                 "\"a.b\"}}",
                 "InterfaceNotFound\",\"parameters\":{\"interface\":\"a.b\"}"},
                {"{\"method\":\"org.varlink.service.GetInterfaceDescription\"}",
                 "InvalidParameter\",\"parameters\":{\"parameter\":\"interface\"}"},
                {"{\"method\":\"org.varlink.service.Nothing\"}", "org.varlink.service.MethodNotFound"},
                {"{\"method\":\"io.vpcwire.ipam.add\"}",
                 "MethodNotFound\",\"parameters\":{\"method\":\"io.vpcwire.ipam.add\"}"},
                {"{\"method\":\"io.vpcwire.other.Add\"}",
                 "InterfaceNotFound\",\"parameters\":{\"interface\":\"io.vpcwire.other\"}"},
                {"{\"method\":\"Add\"}", "MethodNotFound"},
                {"{\"method\":\"\"}", "MethodNotFound"},
                {"{\"method\":\"io.vpcwire.ipam.\"}", "MethodNotFound"},
                {"{\"method\":\"io.vpcwire.ipam.Status\",\"parameters\":{\"unknown\":[1]},\"new\":1}",
                 "\"ready\":true"},
                {"{\"method\":\"io.vpcwire.ipam.Status\",\"more\":true}", "\"ready\":true"},
                {"{\"method\":\"io.vpcwire.ipam.Watch\"}", "ExpectedMore"},
                {"{\"method\":\"io.vpcwire.ipam.Add\"}",
                 "InvalidParameter\",\"parameters\":{\"parameter\":\"network\"}"},
                {"{\"method\":\"io.vpcwire.ipam.Add\",\"parameters\":{\"network\":\"n\",\"container_id\":"
                 "\"c\"}}",
                 "\"parameter\":\"ifname\""},
                {"{\"method\":\"io.vpcwire.ipam.Add\",\"parameters\":{" KEY_TEXT ",\"timeout_ms\":\"1\"}}",
                 "\"parameter\":\"timeout_ms\""},
                {"{\"method\":\"io.vpcwire.ipam.Add\",\"parameters\":{" KEY_TEXT ",\"timeout_ms\":-1}}",
                 "InvalidRequest\",\"parameters\":{\"field\":\"timeout_ms\",\"value\":\"-1\",\"allowed\":\"0."
                 ".240000\"}"},
                {"{\"method\":\"io.vpcwire.ipam.Del\",\"parameters\":{\"network\":\"n\",\"container_id\":"
                 "\"\","
                 "\"ifname\":\"i\"}}",
                 "\"field\":\"container_id\",\"value\":\"\",\"allowed\":\"not empty\""},
                {"{\"method\":\"io.vpcwire.ipam.Del\",\"parameters\":{\"network\":\"n\",\"container_id\":"
                 "\"c\","
                 "\"ifname\":\"0123456789abcdef\"}}",
                 "\"allowed\":\"at most 15 bytes\""},
                {"{\"method\":\"io.vpcwire.ipam.Confirm\",\"parameters\":{" KEY_TEXT
                 ",\"address\":\"1.2.3\"}}",
                 "\"field\":\"address\",\"value\":\"1.2.3\""},
                {"{\"method\":\"io.vpcwire.ipam.Gc\",\"parameters\":{\"network\":\"n\",\"attachments\":[{"
                 "\"container_id\":"
                 "\"c\"}]}}",
                 "\"parameter\":\"attachments[0].ifname\""},
                {"{\"method\":\"io.vpcwire.ipam.Gc\",\"parameters\":{\"network\":\"n\"}}",
                 "\"parameter\":\"attachments\""},
                {"{\"method\":\"io.vpcwire.ipam.Del\",\"parameters\":{" KEY_TEXT "}}", "\"released\":false"},
        };
        struct fixture *fixture = *state;
        int fd = raw_connect(fixture->socket_path); /* one connection: none of this closes it */

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *reply = raw_call(fd, cases[i].call);

                if (!reply)
                        fail_msg("closed after %s", cases[i].call);
                assert_contains(reply, cases[i].expect);
        }
        close(fd);
}

/* libuv would abort: the peer is let go instead, and who is connected is served on. */
static void test_no_memory_to_watch_a_peer(void **state)
{
        struct fixture *fixture = *state;
        int known = raw_connect(fixture->socket_path), fd;
        _cleanup_free_ char *before = raw_call(known, "{\"method\":\"org.varlink.service.GetInfo\"}");
        _cleanup_free_ char *after = NULL;

        atomic_store(&no_memory_for_watches, true);
        fd = raw_connect(fixture->socket_path);
        assert_null(raw_receive(fd));
        close(fd);
        after = raw_call(known, "{\"method\":\"org.varlink.service.GetInfo\"}");
        atomic_store(&no_memory_for_watches, false);
        assert_non_null(before);
        assert_non_null(after);
        close(known);
        assert_alive(fixture);
}

static void test_oneway_has_no_answer(void **state)
{
        static const char calls[] =
                "{\"method\":\"io.vpcwire.ipam.Add\",\"oneway\":true,\"parameters\":{" KEY_TEXT "}}\0"
                "{\"method\":\"io.vpcwire.ipam.Nothing\",\"oneway\":true}\0"
                "{\"method\":\"a.b.C\",\"oneway\":true}\0"
                "{\"method\":\"io.vpcwire.ipam.Add\",\"oneway\":true}\0"
                "{\"method\":\"io.vpcwire.ipam.Check\",\"parameters\":{" KEY_TEXT "}}";
        struct fixture *fixture = *state;
        int fd = raw_connect(fixture->socket_path);
        _cleanup_free_ char *reply = NULL;

        raw_send(fd, calls, sizeof(calls));
        reply = raw_receive(fd);
        assert_non_null(reply);
        assert_contains(reply, "\"state\":\"reserved\"");
        close(fd);
}

static void test_pieces(void **state)
{
        static const char call[] = "{\"method\":\"org.varlink.service.GetInfo\"}";
        static const size_t pieces[] = {1, 7, 143};
        struct fixture *fixture = *state;
        int fd = raw_connect(fixture->socket_path);

        for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
                _cleanup_free_ char *reply = NULL;

                for (size_t at = 0; at < sizeof(call); at += pieces[i])
                        raw_send(fd, call + at,
                                 sizeof(call) - at < pieces[i] ? sizeof(call) - at : pieces[i]);
                reply = raw_receive(fd);
                assert_non_null(reply);
        }
        close(fd);
}

/* A message with the NUL that ends it. */
#define BYTES(text)                                                                                          \
        {                                                                                                    \
                (text), sizeof(text)                                                                         \
        }
static void test_bad_bytes_are_answered_and_end_that_peer(void **state)
{
        static const struct {
                const char *bytes;
                size_t n;
        } cases[] = {
                BYTES(""),
                BYTES("hello"),
                BYTES("[]"),
                BYTES("{}"),
                BYTES("{\"method\":1}"),
                BYTES("{\"method\":\"a.B\",\"method\":\"a.C\"}"),
                BYTES("{\"method\":\"a.B\",\"parameters\":3}"),
                BYTES("{\"method\":\"\xff\"}"),
                BYTES("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        };
        struct fixture *fixture = *state;
        struct ipam_client *bystander = fixture_connect(fixture);
        struct ipam_status_reply status;
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                int fd = raw_connect(fixture->socket_path);
                _cleanup_free_ char *answer = NULL;

                raw_send(fd, cases[i].bytes, cases[i].n);
                answer = raw_receive(fd);
                assert_non_null(answer);
                assert_contains(answer, "org.varlink.service.InvalidParameter");
                assert_null(raw_receive(fd));
                close(fd);
                assert_ok(ipam_status(bystander, &status, &err), &err);
        }
        ipam_client_free(bystander);
}

static void test_too_long_a_message(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_free_ char *bytes = xcalloc(1, VARLINK_CALL_BYTES_MAX + 1), *answer = NULL;
        int fd = raw_connect(fixture->socket_path);

        memset(bytes, ' ', VARLINK_CALL_BYTES_MAX + 1);
        raw_send(fd, bytes, VARLINK_CALL_BYTES_MAX + 1);
        answer = raw_receive(fd);
        assert_non_null(answer);
        assert_contains(answer, "org.varlink.service.InvalidParameter");
        assert_null(raw_receive(fd));
        close(fd);
        assert_alive(fixture);
}

static void test_silence_and_half_messages_end(void **state _unused_)
{
        struct fixture *fixture = fixture_new(1000);
        int64_t start_ms;
        int silent, half, drip;

        fixture->options.idle_ms = 300;
        fixture_start(fixture);
        start_ms = clock_boottime_ms(); /* before they are accepted */
        silent = raw_connect(fixture->socket_path);
        half = raw_connect(fixture->socket_path);
        drip = raw_connect(fixture->socket_path);
        raw_send(half, "{\"method\":", 10);
        /* One byte at a time does not keep a connection alive. */
        while (clock_boottime_ms() - start_ms < TEST_PATIENCE_MS) {
                struct pollfd closed = {.fd = drip, .events = POLLIN};

                raw_send(drip, " ", 1);
                if (poll(&closed, 1, 20) > 0)
                        break;
        }
        assert_in_range(clock_boottime_ms() - start_ms, 200, TEST_PATIENCE_MS);
        assert_null(raw_receive(drip));
        assert_null(raw_receive(half));
        assert_null(raw_receive(silent));
        close(silent);
        close(half);
        close(drip);
        fixture_wait(fixture, is_alive, "a good peer to be served"); /* one that is not quick enough is not */
        fixture_free(fixture);
}

static void test_300_connections(void **state)
{
        enum { CONNECTIONS = 300 };
        struct fixture *fixture = *state;
        int fds[CONNECTIONS], alive = 0;

        for (int i = 0; i < CONNECTIONS; i++) {
                _cleanup_free_ char *reply = NULL;

                fds[i] = raw_connect(fixture->socket_path);
                assert_true(fds[i] >= 0);
                reply = raw_call(fds[i], "{\"method\":\"org.varlink.service.GetInfo\"}");
                assert_non_null(reply); /* the newest is always served: the oldest idle one makes room */
        }
        for (int i = 0; i < CONNECTIONS; i++) {
                _cleanup_free_ char *reply = raw_call(fds[i], "{\"method\":\"org.varlink.service.GetInfo\"}");

                alive += reply != NULL;
                close(fds[i]);
        }
        assert_int_equal(alive, RPC_CONNECTIONS_MAX);
        assert_alive(fixture);
}

static void test_calls_in_work_are_not_pushed_out(void **state _unused_)
{
        struct fixture *fixture = fixture_new(1000);
        struct async_add adds[4];
        int fd;

        fixture->options.connections_max = ARRAY_SIZE(adds);
        fixture_start(fixture);
        for (unsigned i = 0; i < ARRAY_SIZE(adds); i++)
                async_add_start(&adds[i], fixture, i, TEST_PATIENCE_MS);
        fixture_wait_waiting(fixture, ARRAY_SIZE(adds));
        fd = raw_connect(fixture->socket_path);
        assert_null(raw_receive(fd)); /* refused */
        close(fd);
        fixture_set_addresses(fixture, ARRAY_SIZE(adds));
        fixture_pool_changed(fixture);
        for (unsigned i = 0; i < ARRAY_SIZE(adds); i++) {
                async_add_join(&adds[i]);
                assert_ok(adds[i].result, &adds[i].err);
        }
        assert_alive(fixture);
        fixture_free(fixture);
}

struct pusher {
        int fd, calls, padding; /* bytes more in each call */
        _Atomic size_t sent;    /* bytes */
};

static void *push(void *data)
{
        struct pusher *pusher = data;
        _cleanup_free_ char *call = xasprintf("{\"method\":\"org.varlink.service.GetInterfaceDescription\","
                                              "\"parameters\":{\"interface\":\"io.vpcwire.ipam\"}%*s}",
                                              pusher->padding, "");
        size_t n = strlen(call) + 1;

        for (int i = 0; i < pusher->calls; i++) {
                raw_send(pusher->fd, call, n);
                atomic_fetch_add(&pusher->sent, n);
        }
        return NULL;
}

/* Megabytes of answers for a peer that reads late: they wait in the peer's calls, not in the server's memory. */
static void test_a_peer_that_reads_late(void **state)
{
        struct fixture *fixture = *state;
        struct pusher pusher = {.fd = raw_connect(fixture->socket_path), .calls = 1500};
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, push, &pusher), 0);
        assert_alive(fixture);
        for (int i = 0; i < pusher.calls; i++) {
                _cleanup_free_ char *reply = raw_receive(pusher.fd);

                if (!reply)
                        fail_msg("closed after %d answers", i);
        }
        pthread_join(thread, NULL);
        close(pusher.fd);
}

/* Far more calls than may wait here, behind one that is in work: the peer is slowed down, and gets all its answers. */
static void test_a_peer_that_pipelines_behind_an_add(void **state _unused_)
{
        static const char add[] =
                "{\"method\":\"io.vpcwire.ipam.Add\",\"parameters\":{" KEY_TEXT ",\"timeout_ms\":60000}}";
        struct fixture *fixture = fixture_new(60000);
        struct pusher pusher = {.calls = 600, .padding = 2000};
        _cleanup_free_ char *first = NULL;
        pthread_t thread;

        fixture_start(fixture);
        pusher.fd = raw_connect(fixture->socket_path);
        raw_send(pusher.fd, add, sizeof(add));
        fixture_wait_waiting(fixture, 1);
        assert_int_equal(pthread_create(&thread, NULL, push, &pusher), 0);
        while (atomic_load(&pusher.sent) <= VARLINK_CALL_BYTES_MAX)
                poll(NULL, 0, 1);
        fixture_set_addresses(fixture, 1);
        fixture_pool_changed(fixture);
        first = raw_receive(pusher.fd);
        assert_non_null(first);
        assert_contains(first, "10.0.1.1");
        for (int i = 0; i < pusher.calls; i++) {
                _cleanup_free_ char *reply = raw_receive(pusher.fd);

                if (!reply)
                        fail_msg("closed after %d answers", i);
        }
        pthread_join(thread, NULL);
        close(pusher.fd);
        fixture_free(fixture);
}

enum { PIPELINED = 60, ADDRESSES = 30 };
static int pipeliner, other;

static void send_add(int fd, unsigned number)
{
        char call[256];
        int n = snprintf(
                call, sizeof(call),
                "{\"method\":\"io.vpcwire.ipam.Add\",\"parameters\":{\"network\":\"n\",\"container_id\":"
                "\"c%u\",\"ifname\":\"eth0\",\"timeout_ms\":1}}",
                number);

        raw_send(fd, call, (size_t)n + 1);
}

/* On the loop's thread, so that it finds all of it at once. */
static void task_send_adds(struct fixture *fixture _unused_)
{
        for (unsigned i = 0; i < PIPELINED; i++)
                send_add(pipeliner, i);
        send_add(other, PIPELINED);
}

/* Who asks for more than there is gets it between the calls of others, and not before them. */
static void test_a_peer_that_pipelines_does_not_hold_up_others(void **state _unused_)
{
        struct fixture *fixture = fixture_new(60000);
        _cleanup_free_ char *answer = NULL;

        fixture_set_addresses(fixture, ADDRESSES);
        fixture_start(fixture);
        pipeliner = raw_connect(fixture->socket_path);
        other = raw_connect(fixture->socket_path);
        free(raw_call(pipeliner, "{\"method\":\"org.varlink.service.GetInfo\"}"));
        free(raw_call(other, "{\"method\":\"org.varlink.service.GetInfo\"}")); /* both are accepted */
        fixture_run(fixture, task_send_adds);
        answer = raw_receive(other);
        assert_non_null(answer);
        assert_contains(answer, "\"address\":\"10.0.1.");
        for (unsigned i = 0; i < PIPELINED; i++) {
                _cleanup_free_ char *reply = raw_receive(pipeliner);

                assert_non_null(reply);
        }
        close(pipeliner);
        close(other);
        fixture_free(fixture);
}

static uint32_t next_random(uint32_t *seed)
{
        *seed = *seed * 1664525 + 1013904223;
        return *seed >> 8;
}

static void test_random_bytes(void **state)
{
        static const char good[] =
                "{\"method\":\"io.vpcwire.ipam.Add\",\"parameters\":{\"network\":\"net\","
                "\"container_id\":\"r\",\"ifname\":\"eth0\",\"timeout_ms\":1},\"more\":false}";
        struct fixture *fixture = *state;
        uint32_t seed = (uint32_t)clock_wall_ms(), first = seed;

        print_message("seed %u\n", first);
        for (int round = 0; round < 300; round++) {
                char bytes[sizeof(good)];
                int fd = raw_connect(fixture->socket_path);

                assert_true(fd >= 0);
                memcpy(bytes, good, sizeof(good));
                for (uint32_t n = next_random(&seed) % 6; n > 0; n--)
                        bytes[next_random(&seed) % sizeof(bytes)] = (char)next_random(&seed);
                raw_send(fd, bytes, next_random(&seed) % (sizeof(bytes) + 1));
                if (next_random(&seed) % 2)
                        shutdown(fd, SHUT_WR);
                close(fd);
        }
        assert_alive(fixture);
}

static void test_foreign_users_are_denied(void **state)
{
        struct fixture *fixture = *state;
        int status = 0;
        pid_t child;

        if (geteuid() != 0)
                skip();
        /* As if somebody had opened the file's mode: the peer's credentials still decide. */
        assert_int_equal(chmod(fixture->folder, 0755), 0);
        assert_int_equal(chmod(fixture->socket_path, 0666), 0);
        child = fork();
        if (child == 0) {
                char reply[256] = "";
                int fd;
                ssize_t n;

                if (setgid(65534) < 0 || setuid(65534) < 0)
                        _exit(3);
                fd = raw_connect(fixture->socket_path);
                if (fd < 0)
                        _exit(4);
                raw_send(fd, "{\"method\":\"io.vpcwire.ipam.Status\"}", 36);
                n = read(fd, reply, sizeof(reply) - 1);
                if (n <= 0 || !strstr(reply, "org.varlink.service.PermissionDenied"))
                        _exit(5);
                _exit(read(fd, reply, sizeof(reply)) <= 0 ? 0 : 6); /* and closed */
        }
        assert_true(child > 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        assert_alive(fixture);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_what_is_answered, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_no_memory_to_watch_a_peer, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(test_oneway_has_no_answer, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_pieces, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_bad_bytes_are_answered_and_end_that_peer, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(test_too_long_a_message, fixture_setup, fixture_teardown),
                cmocka_unit_test(test_silence_and_half_messages_end),
                cmocka_unit_test_setup_teardown(test_300_connections, fixture_setup, fixture_teardown),
                cmocka_unit_test(test_calls_in_work_are_not_pushed_out),
                cmocka_unit_test_setup_teardown(test_a_peer_that_reads_late, fixture_setup, fixture_teardown),
                cmocka_unit_test(test_a_peer_that_pipelines_behind_an_add),
                cmocka_unit_test(test_a_peer_that_pipelines_does_not_hold_up_others),
                cmocka_unit_test_setup_teardown(test_random_bytes, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_foreign_users_are_denied, fixture_setup,
                                                fixture_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
