// SPDX-License-Identifier: Apache-2.0
/* The monitor against the real kernel: it tells what was done to our things, and is silent about the daily business. */
#include "node_world.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include <vpcwire/clock.h>
#include <vpcwire/dataplane.h>
#include <vpcwire/sysctl.h>

#include "node/monitor_events.h"

enum { DEADLINE_MS = TEST_PATIENCE_MS };

static struct node_monitor *monitor;

static int setup(void **state)
{
        struct node_world *w;

        node_world_setup(state);
        w = *state;
        node_world_plug(w, 2);
        node_world_add_pod(w, "10.0.1.11", 0, true);
        node_world_add_pod(w, "10.0.1.21", 1, true);
        assert_ok(node_monitor_open("eni", node_ports(w->node), &monitor, &w->err), &w->err);
        node_world_sync(w);
        return 0;
}

static int teardown(void **state)
{
        monitor = node_monitor_free(monitor);
        return node_world_teardown(state);
}

static unsigned read_now(struct node_world *w)
{
        unsigned changed;

        assert_ok(node_monitor_read(monitor, &changed, &w->err), &w->err);
        return changed;
}

/* Reads until all of `expect` was reported, or the deadline passes; returns all that was reported. */
static unsigned wait_for(struct node_world *w, unsigned expect)
{
        int64_t deadline = clock_boottime_ms() + DEADLINE_MS;
        struct pollfd polls[NODE_MONITOR_FDS];
        int fds[NODE_MONITOR_FDS];
        unsigned reported = 0;

        node_monitor_fds(monitor, fds);
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                polls[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
        for (;;) {
                int64_t left = deadline - clock_boottime_ms();

                reported |= read_now(w);
                if ((reported & expect) == expect || left <= 0)
                        return reported;
                poll(polls, ARRAY_SIZE(polls), (int)left);
        }
}

static void delete_rule(struct node_world *w)
{
        assert_ok(rule_delete(w->nl, &(struct rule_info){.family = AF_INET, .priority = 512, .table = 512},
                              &w->err),
                  &w->err);
}

static void delete_eni_route(struct node_world *w)
{
        assert_ok(route_delete(w->nl, &(struct route_info){.table = 2, .dst = world_cidr("0.0.0.0/0")},
                               &w->err),
                  &w->err);
}

static void delete_pod_route(struct node_world *w)
{
        assert_ok(route_delete(w->nl, &(struct route_info){.table = 512, .dst = prefix_host(w->pods[0].ip)},
                               &w->err),
                  &w->err);
}

static void turn_pod_route(struct node_world *w, uint8_t protocol)
{
        const struct route_info route = {.table = 512,
                                         .dst = prefix_host(w->pods[0].ip),
                                         .oif = node_world_ifindex(w, w->pods[1].host_ifname),
                                         .scope = RT_SCOPE_LINK,
                                         .protocol = protocol};

        assert_ok(route_replace(w->nl, &route, &w->err), &w->err);
}

static void turn_pod_route_by_hand(struct node_world *w)
{
        turn_pod_route(w, RTPROT_STATIC);
}

static void turn_pod_route_late(struct node_world *w)
{
        turn_pod_route(w, DATAPLANE_PROTOCOL);
}

static void replace_eni_route(struct node_world *w)
{
        const struct route_info route = {.table = 2,
                                         .dst = world_cidr("0.0.0.0/0"),
                                         .oif = node_world_ifindex(w, "eth0"),
                                         .protocol = RTPROT_STATIC,
                                         .scope = RT_SCOPE_LINK};

        assert_ok(route_replace(w->nl, &route, &w->err), &w->err);
        assert_ok(route_delete(w->nl, &route, &w->err), &w->err);
}

static void delete_address(struct node_world *w)
{
        assert_ok(ifaddr_delete(w->nl,
                                &(struct ifaddr){.ifindex = node_world_ifindex(w, "eth1"),
                                                 .prefix = world_cidr("10.0.1.20/32")},
                                &w->err),
                  &w->err);
}

static void add_address(struct node_world *w)
{
        assert_ok(ifaddr_add(w->nl,
                             &(struct ifaddr){.ifindex = node_world_ifindex(w, "eth1"),
                                              .prefix = world_cidr("10.0.1.20/24")},
                             &w->err),
                  &w->err);
}

static void link_down(struct node_world *w)
{
        assert_ok(
                link_change_by_name(w->nl, "eth1", &(struct link_change){.admin = LINK_ADMIN_DOWN}, &w->err),
                &w->err);
}

static void link_mtu(struct node_world *w)
{
        assert_ok(link_change_by_name(w->nl, "eth1", &(struct link_change){.mtu = 1300}, &w->err), &w->err);
}

static void pod_link_down(struct node_world *w)
{
        const struct link_change down = {.admin = LINK_ADMIN_DOWN}, up = {.admin = LINK_ADMIN_UP};

        assert_ok(link_change_by_name(w->nl, w->pods[0].host_ifname, &down, &w->err), &w->err);
        assert_ok(link_change_by_name(w->nl, w->pods[0].host_ifname, &up, &w->err), &w->err);
}

static void change_pod_link(struct node_world *w, const struct link_change *change)
{
        unsigned ifindex = node_world_ifindex(w, w->pods[0].host_ifname);

        assert_ok(link_change(w->nl, ifindex, change, &w->err), &w->err);
}

static void pod_link_renamed(struct node_world *w)
{
        node_world_rename(w, node_world_ifindex(w, w->pods[0].host_ifname), "uplink7");
        w->pods[0].host_ifname = "uplink7"; /* for those that come after */
}

static void pod_alias_cleared(struct node_world *w)
{
        change_pod_link(w, &(struct link_change){.alias = ""});
}

static void new_link(struct node_world *w _unused_)
{
        assert_runs("ip link add br7 type bridge");
}

static void link_gone(struct node_world *w)
{
        assert_ok(link_delete_by_name(w->nl, "br7", &w->err), &w->err);
}

static void nft_flush(struct node_world *w)
{
        node_world_nft(w, "flush ruleset");
}

static void nft_rule(struct node_world *w)
{
        node_world_nft(w, "add rule ip vpcwire snat_pods drop");
}

static void nft_element(struct node_world *w)
{
        node_world_nft(w, "delete element ip vpcwire eni_of { 10.0.1.21 }");
}

static void set_sysctl(struct node_world *w, const char *key, const char *value)
{
        assert_ok(sysctl_write(key, value, NULL, &w->err), &w->err);
}

static void forwarding_off(struct node_world *w)
{
        set_sysctl(w, "net.ipv4.ip_forward", "0");
}

static void forwarding_off_one(struct node_world *w)
{
        set_sysctl(w, "net.ipv4.conf.eth1.forwarding", "0");
}

static void rp_filter_strict(struct node_world *w)
{
        set_sysctl(w, "net.ipv4.conf.eth0.rp_filter", "1");
}

static void set_of_pod(struct node_world *w, const char *name, const char *value)
{
        set_sysctl(w, arena_printf(w->arena, "net.ipv4.conf.%s.%s", w->pods[0].host_ifname, name), value);
}

static void all_strict(struct node_world *w)
{
        set_sysctl(w, "net.ipv4.conf.all.rp_filter", "1");
}

static void pod_without_group(struct node_world *w)
{
        assert_ok(link_change_by_name(w->nl, w->pods[0].host_ifname, &(struct link_change){.group = 7},
                                      &w->err),
                  &w->err);
}

static void pod_rp_filter_off(struct node_world *w)
{
        set_of_pod(w, "rp_filter", "0");
}

static void pod_forwarding_off(struct node_world *w)
{
        set_of_pod(w, "forwarding", "0");
}

/* Each is reported, with nothing beside it; its repair is no news; what was reported was enough to repair by. */
static void test_damage_is_reported(void **state)
{
        static const struct {
                const char *name;
                void (*damage)(struct node_world *w);
                unsigned expect;
        } cases[] = {
                {"rule deleted", delete_rule, NODE_CHANGED_RULES},
                {"ENI's route deleted", delete_eni_route, NODE_CHANGED_ROUTES},
                {"pod's route deleted", delete_pod_route, NODE_CHANGED_ROUTES},
                {"pod's route replaced by another's", turn_pod_route_by_hand, NODE_CHANGED_ROUTES},
                {"pod's route replaced by a late plugin", turn_pod_route_late, NODE_CHANGED_ROUTES},
                {"ENI's route replaced", replace_eni_route, NODE_CHANGED_ROUTES},
                {"address deleted", delete_address, NODE_CHANGED_ADDRS},
                {"address added", add_address, NODE_CHANGED_ADDRS},
                {"link down", link_down, NODE_CHANGED_LINKS},
                {"link MTU", link_mtu, NODE_CHANGED_LINKS},
                {"pod link down", pod_link_down, NODE_CHANGED_PODS},
                {"pod link up again", pod_link_down, NODE_CHANGED_LINKS},
                {"pod link's alias cleared", pod_alias_cleared, NODE_CHANGED_LINKS},
                {"pod link renamed", pod_link_renamed, NODE_CHANGED_LINKS},
                {"renamed pod link's alias cleared", pod_alias_cleared, NODE_CHANGED_LINKS},
                {"new link", new_link, NODE_CHANGED_LINKS},
                {"link gone", link_gone, NODE_CHANGED_LINKS},
                {"nft flushed", nft_flush, NODE_CHANGED_NFT},
                {"nft rule added", nft_rule, NODE_CHANGED_NFT},
                {"nft element deleted", nft_element, NODE_CHANGED_NFT},
                {"forwarding off", forwarding_off, NODE_CHANGED_SYSCTLS},
                {"forwarding off for one link", forwarding_off_one, NODE_CHANGED_SYSCTLS},
                {"strict source check", rp_filter_strict, NODE_CHANGED_SYSCTLS},
                {"strict source check of all", all_strict, NODE_CHANGED_SYSCTLS},
                {"pod not in its group", pod_without_group, NODE_CHANGED_LINKS},
                {"no source check of a pod", pod_rp_filter_off, NODE_CHANGED_SYSCTLS},
                {"forwarding off for a pod", pod_forwarding_off, NODE_CHANGED_SYSCTLS},
        };
        /* The kernel tells of a changed link without saying who changed it. */
        const unsigned echo = NODE_CHANGED_LINKS;
        struct node_world *w = *state;

        read_now(w);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                unsigned reported;

                cases[i].damage(w);
                reported = wait_for(w, cases[i].expect);
                if (!(reported & cases[i].expect))
                        fail_msg("%s: told %#x, not %#x", cases[i].name, reported, cases[i].expect);
                node_world_sync(w);
                reported = read_now(w);
                if (reported & ~echo)
                        fail_msg("%s: its repair told %#x", cases[i].name, reported);
                assert_int_equal(node_world_sync(w), 0);
        }
}

static void test_daily_business_is_silent(void **state)
{
        struct node_world *w = *state;
        const struct rule_info foreign = {
                .family = AF_INET, .priority = 512, .table = 512, .protocol = RTPROT_STATIC};
        const struct route_info route = {.dst = world_cidr("10.7.0.0/16"),
                                         .gateway = world_ip("10.0.1.1"),
                                         .oif = node_world_ifindex(w, "eth0"),
                                         .protocol = RTPROT_STATIC};

        read_now(w);
        node_world_add_pod(w, "10.0.1.22", 1, true);
        node_world_sync(w);
        assert_ok(rule_add(w->nl, &foreign, &w->err), &w->err);
        assert_ok(rule_delete(w->nl, &foreign, &w->err), &w->err);
        assert_ok(route_add(w->nl, &route, &w->err), &w->err);
        assert_ok(route_delete(w->nl, &route, &w->err), &w->err);
        node_world_nft(w, "add table ip other; add chain ip other c; delete table ip other");
        node_world_nft(w, "add table ip6 vpcwire; delete table ip6 vpcwire");
        set_sysctl(w, arena_printf(w->arena, "net.ipv4.conf.%s.rp_filter", w->pods[2].host_ifname), "1");
        set_sysctl(w, "net.ipv4.conf.eth1.proxy_arp", "1");
        set_sysctl(w, arena_printf(w->arena, "net.ipv4.conf.%s.proxy_arp", w->pods[2].host_ifname), "1");
        assert_int_equal(read_now(w), 0);
}

static void *sync_node(void *data)
{
        struct node_world *w = data;

        return (void *)(intptr_t)node_sync(w->node, w->arena, &w->view, &w->report, &w->err);
}

/* As the reconciler's are, whose thread has another id than the process. */
static void test_own_changes_of_another_thread_are_silent(void **state)
{
        struct node_world *w = *state;
        pthread_t thread;
        void *failed;

        node_world_add_pod(w, "10.0.1.22", 1, true);
        read_now(w);
        assert_int_equal(pthread_create(&thread, NULL, sync_node, w), 0);
        assert_int_equal(pthread_join(thread, &failed), 0);
        assert_null(failed);
        assert_int_equal(w->report.repaired.nft, 2);
        assert_int_equal(read_now(w), 0);
}

static size_t take_wired(struct node_wired *ret)
{
        size_t n;
        struct node_wired *list = node_monitor_take_wired(monitor, &n);

        for (size_t i = 0; i < n && i < 2; i++)
                ret[i] = list[i];
        free(list);
        return n;
}

/* For who has the leases: a pod's link and its route, unless they are ours, gone again, or were there before. */
static void test_wired_is_kept(void **state)
{
        struct node_world *w = *state;
        struct node_wired wired[2] = {0};

        /* A link that the monitor has not yet come to in its first list, and of which the kernel speaks just then, counts as new. */
        read_now(w);
        take_wired(wired);
        assert_int_equal(read_now(w), 0);
        assert_false(node_monitor_has_wired(monitor));
        node_world_add_pod(w, "10.0.1.22", 1, true);
        assert_int_equal(read_now(w), 0);
        assert_true(node_monitor_has_wired(monitor));
        assert_int_equal(take_wired(wired), 2);
        assert_string_equal(wired[0].link, w->pods[2].host_ifname);
        assert_string_equal(wired[0].alias, w->pods[2].container_id);
        assert_false(ip_is_set(wired[0].ip));
        assert_string_equal(wired[1].link, w->pods[2].host_ifname);
        assert_true(ip_equal(wired[1].ip, w->pods[2].ip));
        assert_false(node_monitor_has_wired(monitor));

        delete_pod_route(w);
        node_world_sync(w);
        read_now(w);
        assert_int_equal(take_wired(wired), 0);
        node_world_add_pod(w, "10.0.1.23", 1, true);
        assert_ok(link_delete_by_name(w->nl, w->pods[3].host_ifname, &w->err), &w->err);
        read_now(w);
        assert_int_equal(take_wired(wired), 0);
}

static void test_pod_link_gone_is_reported(void **state)
{
        struct node_world *w = *state;

        read_now(w);
        assert_ok(link_delete_by_name(w->nl, w->pods[0].host_ifname, &w->err), &w->err);
        assert_int_equal(wait_for(w, NODE_CHANGED_PODS), NODE_CHANGED_PODS);
        /* The namespace goes, and the kernel takes the link with it when it comes to it. */
        close(w->pod_fds[1]);
        w->pod_fds[1] = -1;
        assert_int_equal(wait_for(w, NODE_CHANGED_PODS), NODE_CHANGED_PODS);
}

static void test_overrun_is_reported(void **state)
{
        struct node_world *w = *state;
        const int tiny = 1;
        struct route_info route = {.table = 2, .oif = node_world_ifindex(w, "eth1"), .scope = RT_SCOPE_LINK};
        int fds[NODE_MONITOR_FDS];

        read_now(w);
        node_monitor_fds(monitor, fds);
        assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_RCVBUF, &tiny, sizeof(tiny)), 0);
        netlink_batch_begin(w->nl);
        for (uint32_t i = 0; i < 200; i++) {
                route.dst = prefix_host(ip_from_u32(0x0a630000 + i));
                assert_ok(route_add(w->nl, &route, &w->err), &w->err);
        }
        assert_ok(netlink_batch_commit(w->nl, &w->err), &w->err);
        assert_true(wait_for(w, NODE_CHANGED_OVERRUN) & NODE_CHANGED_OVERRUN);
        delete_rule(w); /* and it goes on */
        assert_true(wait_for(w, NODE_CHANGED_RULES) & NODE_CHANGED_RULES);
}

static void test_bad_prefix_is_refused(void **state)
{
        struct node_world *w = *state;
        struct node_monitor *none = NULL;

        assert_fails(node_monitor_open("", (struct node_ports){0}, &none, &w->err), ERR_INVALID);
        assert_fails(node_monitor_open("toolong", (struct node_ports){0}, &none, &w->err), ERR_INVALID);
        assert_null(none);
}

static unsigned n_messages;

static unsigned count_message(struct monitor_events *events _unused_, const struct nlmsghdr *hdr _unused_)
{
        n_messages++;
        return NODE_CHANGED_LINKS;
}

/* Lengths that are not true end the datagram: what lies behind it is not read. */
static void test_lengths_of_messages(void **state _unused_)
{
        static const struct {
                size_t n;            /* bytes of the datagram */
                uint32_t lengths[2]; /* of its messages, the second where the padded first ends */
                unsigned expect;
        } cases[] = {
                {0, {0}, 0},
                {NLMSG_HDRLEN - 1, {0}, 0},
                {NLMSG_HDRLEN, {NLMSG_HDRLEN - 1}, 0},
                {NLMSG_HDRLEN, {NLMSG_HDRLEN + 1}, 0},
                {NLMSG_HDRLEN, {UINT32_MAX}, 0},
                {NLMSG_HDRLEN, {NLMSG_HDRLEN}, 1},
                {NLMSG_HDRLEN + 1, {NLMSG_HDRLEN + 1}, 1}, /* not padded: less than nothing is left */
                {NLMSG_HDRLEN + 4, {NLMSG_HDRLEN + 1}, 1},
                {2 * NLMSG_HDRLEN, {NLMSG_HDRLEN, NLMSG_HDRLEN}, 2},
                {2 * NLMSG_HDRLEN, {NLMSG_HDRLEN, NLMSG_HDRLEN + 1}, 1},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                size_t second = NLMSG_ALIGN((size_t)cases[i].lengths[0]);
                char *exact = calloc(1, cases[i].n ?: 1);

                assert_non_null(exact);
                if (cases[i].n >= NLMSG_HDRLEN)
                        memcpy(exact, &cases[i].lengths[0], sizeof(uint32_t));
                if (cases[i].lengths[1])
                        memcpy(exact + second, &cases[i].lengths[1], sizeof(uint32_t));
                n_messages = 0;
                monitor_event_datagram(NULL, exact, cases[i].n, count_message);
                free(exact);
                assert_int_equal(n_messages, cases[i].expect);
        }
}

int main(void)
{
#define MONITOR_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
        const struct CMUnitTest tests[] = {
                MONITOR_TEST(test_damage_is_reported),
                MONITOR_TEST(test_daily_business_is_silent),
                MONITOR_TEST(test_own_changes_of_another_thread_are_silent),
                MONITOR_TEST(test_wired_is_kept),
                MONITOR_TEST(test_pod_link_gone_is_reported),
                MONITOR_TEST(test_overrun_is_reported),
                MONITOR_TEST(test_bad_prefix_is_refused),
                cmocka_unit_test(test_lengths_of_messages),
        };
        int r = node_world_begin();

        return r ? r : cmocka_run_group_tests(tests, NULL, NULL);
}
