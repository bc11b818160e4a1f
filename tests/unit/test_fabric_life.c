// SPDX-License-Identifier: Apache-2.0
/* vpcsim's fabric from beginning to end: what it refuses, what it removes, what a crash leaves. Needs root. */
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vpcwire/link.h>
#include <vpcwire/mem.h>
#include <vpcwire/netns.h>

#include "fabric_fixture.h"
#include "fabric_packets.h"

static void test_bad_input(void **state)
{
        static const char *const bad_prefixes[] = {"", "toolongpr", "Abc", "a-b", "a/b", ".."};
        static const char *const bad_nodes[] = {"", "vpc", "inet", "a b", "../x", "N1"};
        struct fabric *none = NULL;
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(bad_prefixes); i++)
                assert_fails(fabric_new(bad_prefixes[i], &none, &err), ERR_INVALID);
        for (size_t i = 0; i < ARRAY_SIZE(bad_nodes); i++)
                assert_fails(fabric_add_node(*state, bad_nodes[i], &err), ERR_INVALID);
        assert_null(none);
        assert_fails(fabric_add_node(*state, "n1", &err), ERR_EXISTS);
        assert_fails(fabric_remove_node(*state, "n9", &err), ERR_NOT_FOUND);
        assert_fails(fixture_attach(*state, "eni-9", "n9", 0, "10.0.1.90", &err), ERR_NOT_FOUND);
        assert_fails(fixture_attach(*state, "eni-1", "n2", 1, "10.0.1.90", &err), ERR_EXISTS);
        assert_fails(fixture_attach(*state, "eni-9", "n2", 0, "10.0.1.90", &err),
                     ERR_EXISTS); /* eth0 is there */
        assert_fails(fixture_attach(*state, "eni-9", "n2", 1, N1_IP, &err), ERR_BUSY);
        assert_ok(fixture_attach(*state, "eni-9", "n2", 1, "10.0.1.90", &err),
                  &err); /* the failures left nothing */
        assert_fails(fabric_add_subnet(*state, fixture_cidr("10.0.3.1/24"), &err), ERR_INVALID);
        assert_fails(fabric_add_subnet(*state, fixture_cidr("fd00::/64"), &err), ERR_INVALID);
        assert_fails(fabric_set_public(*state, packets_ip(N1_IP), packets_ip("8.8.8.8"), &err), ERR_INVALID);
        assert_fails(fabric_add_internet_address(*state, packets_ip("8.8.8.8"), &err), ERR_INVALID);
}

static void test_remove_node_and_make_it_again(void **state)
{
        struct err err;

        assert_ok(fixture_attach(*state, "eni-5", "n2", 1, "10.0.2.50", &err), &err);
        assert_ok(fabric_remove_node(*state, "n2", &err), &err);
        assert_int_equal(fixture_count_spaces(fixture_prefix), 4);
        assert_false(packets_ping(SPACE("n1"), NULL, N2_IP, 56, PACKETS_ABSENCE_MS));
        assert_ok(fabric_add_node(*state, "n2", &err), &err);
        assert_ok(fixture_attach(*state, "eni-2", "n2", 0, N2_IP, &err), &err);
        assert_true(packets_ping(SPACE("n1"), NULL, N2_IP, 56, PACKETS_DEADLINE_MS));
}

static void test_two_fabrics_do_not_meet(void **state _unused_)
{
        struct fabric *other;
        char other_prefix[16];

        snprintf(other_prefix, sizeof(other_prefix), "g%s", fixture_prefix + 1);
        other = fixture_build(other_prefix);
        assert_true(packets_ping(SPACE("n1"), NULL, N2_IP, 56, PACKETS_DEADLINE_MS));
        assert_int_equal(fixture_counters(other).forwarded_packets, 0);
        fabric_free(other);
        assert_int_equal(fixture_count_spaces(other_prefix), 0);
        assert_true(packets_ping(SPACE("n1"), NULL, N2_IP, 56, PACKETS_DEADLINE_MS));
}

/* A child in the node's namespace; *ret_fd becomes readable once it is there. It lives until it is killed. */
static pid_t live_in(const char *node, int *ret_fd)
{
        int ready[2];
        pid_t pid;

        assert_return_code(pipe(ready), errno);
        pid = fork();
        assert_return_code(pid, errno);
        if (pid == 0) {
                struct netns_guard guard = NETNS_GUARD_NONE;
                char path[NETNS_PATH_BYTES];
                int fd;

                if (netns_open(netns_path(SPACE(node), path), &fd, NULL) < 0 ||
                    netns_enter(fd, &guard, NULL) < 0 || write(ready[1], "x", 1) != 1)
                        _exit(1);
                for (;;)
                        pause();
        }
        close(ready[1]);
        *ret_fd = ready[0];
        return pid;
}

static void test_free_cuts_off_processes_that_live_on(void **state _unused_)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        _cleanup_(netlink_freep) struct netlink *nl = NULL;
        _cleanup_close_ int ready = -1, netns_fd = -1;
        struct fabric *fabric = fixture_build(fixture_prefix);
        _cleanup_free_ char *path = NULL;
        struct link_info *links;
        struct err err;
        char byte;
        pid_t pid;
        size_t n;

        pid = live_in("n1", &ready);
        assert_int_equal(read(ready, &byte, 1), 1);
        fabric_free(fabric);
        assert_int_equal(fixture_count_spaces(fixture_prefix), 0);
        path = xasprintf("/proc/%d/ns/net", pid);
        assert_ok(netns_open(path, &netns_fd, &err), &err);
        assert_ok(netlink_open(netns_fd, &nl, &err), &err);
        assert_ok(link_dump(nl, arena, &links, &n, &err), &err);
        for (size_t i = 0; i < n; i++)
                assert_string_not_equal(links[i].kind, "veth");
        assert_return_code(kill(pid, SIGKILL), errno);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_leftovers_are_reported_and_cleaned(void **state _unused_)
{
        struct fabric *fabric = NULL;
        unsigned removed = 99;
        struct err err;
        int status;
        pid_t pid = fork();

        assert_return_code(pid, errno);
        if (pid == 0) { /* the run that crashes */
                (void)fixture_build(fixture_prefix);
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_fails(fabric_new(fixture_prefix, &fabric, &err), ERR_EXISTS);
        assert_contains(err.msg, "vpcsim clean --prefix");
        assert_ok(fabric_clean(fixture_prefix, &removed, &err), &err);
        assert_int_equal(removed, 5);
        assert_int_equal(fixture_count_spaces(fixture_prefix), 0);
        assert_ok(fabric_clean(fixture_prefix, &removed, &err), &err);
        assert_int_equal(removed, 0);

        fabric = fixture_build(fixture_prefix);
        assert_fails(fabric_clean(fixture_prefix, &removed, &err), ERR_BUSY);
        assert_int_equal(fixture_count_spaces(fixture_prefix), 5);
        fabric_free(fabric);
}

static void test_clean_leaves_the_namespaces_of_others(void **state _unused_)
{
        unsigned removed;
        struct err err;

        assert_ok(netns_create(SPACE("vpc"), &err), &err);
        assert_ok(netns_create(SPACE("pod"), &err), &err);
        assert_fails(fabric_clean(fixture_prefix, &removed, &err), ERR_DENIED);
        assert_int_equal(fixture_count_spaces(fixture_prefix), 2);
        assert_ok(netns_delete(SPACE("vpc"), &err), &err);
        assert_fails(fabric_clean(fixture_prefix, &removed, &err), ERR_DENIED);
        assert_ok(netns_delete(SPACE("pod"), &err), &err);
}

static const struct link_change up = {.admin = LINK_ADMIN_UP};

/* The other end comes up, in a process of its own, later than the kernel's own work queue ever is by itself. */
static pid_t bring_up_late(const char *space_name, const char *link)
{
        enum { LATE_MS = 1500 };
        pid_t pid = fork();

        assert_return_code(pid, errno);
        if (pid == 0) {
                struct fabric_space space;
                struct err err;

                poll(NULL, 0, LATE_MS);
                _exit(fabric_space_open(space_name, &space, &err) < 0 ||
                      link_change_by_name(space.nl, link, &up, &err) < 0);
        }
        return pid;
}

static void test_a_link_that_runs_late_is_waited_for(void **state _unused_)
{
        const struct link_veth veth = {.name = "one",
                                       .peer_name = "other",
                                       .peer_netns_fd = -1,
                                       .mac = {{2, 0, 0, 0, 0, 1}},
                                       .peer_mac = {{2, 0, 0, 0, 0, 2}}};
        struct fabric_space space;
        struct err err;
        int status;
        pid_t pid;

        assert_ok(fabric_space_create(fixture_prefix, "late", &space, &err), &err);
        assert_ok(link_create_veth(space.nl, &veth, &err), &err);
        assert_ok(link_change_by_name(space.nl, "one", &up, &err), &err);
        pid = bring_up_late(space.name, "other");
        assert_ok(fabric_space_wait_running(&space, "one", &err), &err);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_ok(fabric_space_remove(&space, &err), &err);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_FABRIC(test_bad_input),
                WITH_FABRIC(test_remove_node_and_make_it_again),
                WITH_FABRIC(test_two_fabrics_do_not_meet),
                cmocka_unit_test(test_free_cuts_off_processes_that_live_on),
                cmocka_unit_test(test_leftovers_are_reported_and_cleaned),
                cmocka_unit_test(test_clean_leaves_the_namespaces_of_others),
                cmocka_unit_test(test_a_link_that_runs_late_is_waited_for),
        };

        return fixture_start() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
