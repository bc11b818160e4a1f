// SPDX-License-Identifier: Apache-2.0
/*
 * The netlink, namespace and sysctl wrappers against the real kernel, in namespaces of the test's own: a network
 * namespace, and a mount namespace with an empty /run, so that nothing is seen by or left on the machine.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/lwtunnel.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/file.h>
#include <vpcwire/ifaddr.h>
#include <vpcwire/link.h>
#include <vpcwire/mem.h>
#include <vpcwire/neigh.h>
#include <vpcwire/netns.h>
#include <vpcwire/route.h>
#include <vpcwire/rule.h>
#include <vpcwire/sysctl.h>

#include "../../lib/netlink_message.h"

enum { SKIP = 77 };

/* What each test starts with: a namespace of its own with the pair a0 (up, 10.9.0.1/24) and b0 (up). */
struct world {
        struct netlink *nl;
        struct arena *arena;
        struct link_info a, b;
        struct err err;
};

static const struct mac mac_a = {{2, 0, 0, 0, 9, 1}}, mac_b = {{2, 0, 0, 0, 9, 2}};

static struct ip ip(const char *text)
{
        struct ip ip;
        struct err err;

        assert_ok(ip_parse(text, &ip, &err), &err);
        return ip;
}

static struct prefix cidr(const char *text)
{
        struct prefix prefix;
        struct err err;

        assert_ok(prefix_parse(text, &prefix, &err), &err);
        return prefix;
}

static int setup(void **state)
{
        const struct link_veth veth = {
                .name = "a0", .peer_name = "b0", .mac = mac_a, .peer_mac = mac_b, .peer_netns_fd = -1};
        const struct link_change up = {.admin = LINK_ADMIN_UP};
        struct world *w = XNEW(struct world);
        struct ifaddr address;

        assert_int_equal(unshare(CLONE_NEWNET), 0);
        w->arena = arena_new();
        assert_ok(netlink_open(-1, &w->nl, &w->err), &w->err);
        assert_ok(link_create_veth(w->nl, &veth, &w->err), &w->err);
        assert_ok(link_get_by_name(w->nl, "a0", &w->a, &w->err), &w->err);
        assert_ok(link_get_by_name(w->nl, "b0", &w->b, &w->err), &w->err);
        assert_ok(link_change(w->nl, w->a.ifindex, &up, &w->err), &w->err);
        assert_ok(link_change_by_name(w->nl, "b0", &up, &w->err), &w->err);
        address = (struct ifaddr){.ifindex = w->a.ifindex, .prefix = cidr("10.9.0.1/24")};
        assert_ok(ifaddr_add(w->nl, &address, &w->err), &w->err);
        *state = w;
        return 0;
}

static int teardown(void **state)
{
        struct world *w = *state;

        netlink_free(w->nl);
        arena_free(w->arena);
        free(w);
        return 0;
}

static void test_link_properties(void **state)
{
        const struct mac other = {{2, 0, 0, 0, 9, 3}};
        const struct link_change change = {
                .alias = "container 1", .mac = &other, .mtu = 1400, .admin = LINK_ADMIN_DOWN};
        const struct link_change no_alias = {.alias = "", .new_name = "a9"};
        struct world *w = *state;
        struct link_info link;

        assert_true(w->a.has_mac && mac_equal(w->a.mac, mac_a));
        assert_string_equal(w->a.kind, "veth");
        assert_int_equal(w->a.peer_ifindex, w->b.ifindex);
        assert_int_equal(w->a.peer_nsid, -1);
        assert_false(w->a.up);
        assert_ok(link_get(w->nl, w->a.ifindex, &link, &w->err), &w->err);
        assert_true(link.up && link.carrier);

        assert_ok(link_change(w->nl, w->a.ifindex, &change, &w->err), &w->err);
        assert_ok(link_get(w->nl, w->a.ifindex, &link, &w->err), &w->err);
        assert_true(mac_equal(link.mac, other));
        assert_int_equal(link.mtu, 1400);
        assert_string_equal(link.alias, "container 1");
        assert_false(link.up);

        assert_ok(link_change(w->nl, w->a.ifindex, &no_alias, &w->err), &w->err);
        assert_ok(link_get_by_name(w->nl, "a9", &link, &w->err), &w->err);
        assert_string_equal(link.alias, "");
        assert_ok(link_delete(w->nl, w->a.ifindex, &w->err), &w->err);
        assert_fails(link_get_by_name(w->nl, "b0", &link, &w->err), ERR_NOT_FOUND);
        assert_int_equal(w->err.sys_errno, ENODEV);
}

static void test_link_errors(void **state)
{
        const struct link_veth taken = {
                .name = "a0", .peer_name = "c0", .mac = mac_a, .peer_mac = mac_b, .peer_netns_fd = -1};
        static const char *const bad[] = {"", ".", "..", "a/b", "a b", "a:b", "sixteen-letters-"};
        struct world *w = *state;
        struct link_change change = {.mtu = 1400};
        char alias[LINK_ALIAS_BYTES + 1];
        struct link_info link;

        assert_fails(link_create_veth(w->nl, &taken, &w->err), ERR_EXISTS);
        assert_contains(w->err.msg, "create link a0 with peer c0: File exists");
        assert_fails(link_get(w->nl, 9999, &link, &w->err), ERR_NOT_FOUND);
        /* Loopback's MAC is all zero, which is none. */
        assert_ok(link_get_by_name(w->nl, "lo", &link, &w->err), &w->err);
        assert_false(link.has_mac);
        assert_fails(link_change(w->nl, 9999, &change, &w->err), ERR_NOT_FOUND);
        assert_fails(link_change(w->nl, 0, &change, &w->err), ERR_INVALID);
        assert_fails(link_delete_by_name(w->nl, "none0", &w->err), ERR_NOT_FOUND);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_fails(link_get_by_name(w->nl, bad[i], &link, &w->err), ERR_INVALID);
        memset(alias, 'x', sizeof(alias) - 1);
        alias[sizeof(alias) - 1] = '\0';
        change = (struct link_change){.alias = alias};
        assert_fails(link_change(w->nl, w->a.ifindex, &change, &w->err), ERR_INVALID);
        alias[LINK_ALIAS_BYTES - 1] = '\0';
        assert_ok(link_change(w->nl, w->a.ifindex, &change, &w->err), &w->err);
        assert_ok(link_get(w->nl, w->a.ifindex, &link, &w->err), &w->err);
        assert_string_equal(link.alias, alias);
}

static void test_veth_born_in_two_namespaces(void **state)
{
        _cleanup_(netlink_freep) struct netlink *pod = NULL;
        _cleanup_close_ int host_fd = -1, pod_fd = -1, now_fd = -1;
        struct link_veth veth = {.name = "eth0",
                                 .peer_name = "eni0123456789a",
                                 .mac = {{2, 0, 0, 0, 8, 1}},
                                 .peer_mac = {{2, 0, 0, 0, 8, 2}},
                                 .mtu = 9001,
                                 .ifindex = 77};
        struct world *w = *state;
        struct link_info link;
        bool same;

        assert_ok(netns_open_current(&host_fd, &w->err), &w->err);
        assert_ok(netns_create("t-pod", &w->err), &w->err);
        assert_ok(netns_open(NETNS_FOLDER "/t-pod", &pod_fd, &w->err), &w->err);
        assert_ok(netlink_open(pod_fd, &pod, &w->err), &w->err);
        assert_ok(netns_open_current(&now_fd, &w->err), &w->err);
        assert_ok(netns_is_same(now_fd, host_fd, &same, &w->err), &w->err);
        assert_true(same);
        assert_ok(netns_is_same(now_fd, pod_fd, &same, &w->err), &w->err);
        assert_false(same);

        veth.peer_netns_fd = host_fd;
        assert_ok(link_create_veth(pod, &veth, &w->err), &w->err);
        assert_fails(link_get_by_name(w->nl, "eth0", &link, &w->err), ERR_NOT_FOUND);
        assert_ok(link_get_by_name(pod, "eth0", &link, &w->err), &w->err);
        assert_int_equal(link.ifindex, 77);
        assert_int_equal(link.mtu, 9001);
        assert_string_equal(MAC_TEXT(link.mac), "02:00:00:00:08:01");
        assert_ok(link_get_by_name(w->nl, "eni0123456789a", &link, &w->err), &w->err);
        assert_int_equal(link.mtu, 9001);
        assert_int_equal(link.peer_ifindex, 77);
        assert_true(link.peer_nsid >= 0);
        assert_string_equal(MAC_TEXT(link.mac), "02:00:00:00:08:02");
        veth.name = "eth1";
        veth.ifindex = 0;
        assert_fails(link_create_veth(pod, &veth, &w->err), ERR_EXISTS); /* the peer's name, over there */
        assert_ok(netns_delete("t-pod", &w->err), &w->err);
}

static void test_addresses(void **state)
{
        struct world *w = *state;
        struct ifaddr host = {.ifindex = w->b.ifindex, .prefix = cidr("10.9.1.7/32"), .scope = RT_SCOPE_LINK},
                      six = {.ifindex = w->b.ifindex, .prefix = cidr("fd00::7/128"), .flags = IFA_F_NODAD},
                      *seen;
        size_t n;

        assert_ok(ifaddr_add(w->nl, &host, &w->err), &w->err);
        assert_fails(ifaddr_add(w->nl, &host, &w->err), ERR_EXISTS);
        assert_ok(ifaddr_replace(w->nl, &host, &w->err), &w->err);
        assert_ok(ifaddr_add(w->nl, &six, &w->err), &w->err);
        assert_ok(ifaddr_dump(w->nl, w->arena, AF_INET, w->b.ifindex, &seen, &n, &w->err), &w->err);
        assert_int_equal(n, 1);
        assert_string_equal(PREFIX_TEXT(seen[0].prefix), "10.9.1.7/32");
        assert_int_equal(seen[0].scope, RT_SCOPE_LINK);
        assert_int_equal(ifaddr_compare(&seen[0], &host), 0);
        assert_ok(ifaddr_dump(w->nl, w->arena, AF_INET, 0, &seen, &n, &w->err), &w->err);
        assert_int_equal(n, 2);
        assert_ok(ifaddr_dump(w->nl, w->arena, AF_INET6, w->b.ifindex, &seen, &n, &w->err), &w->err);
        assert_true(n >= 1);
        for (size_t i = 0; i < n; i++) {
                if (ip_equal(seen[i].prefix.ip, six.prefix.ip)) {
                        assert_true(seen[i].flags & IFA_F_NODAD);
                        assert_false(seen[i].flags & IFA_F_TENTATIVE);
                }
        }
        assert_ok(ifaddr_delete(w->nl, &host, &w->err), &w->err);
        assert_fails(ifaddr_delete(w->nl, &host, &w->err), ERR_NOT_FOUND);
        host.ifindex = 9999;
        assert_fails(ifaddr_add(w->nl, &host, &w->err), ERR_NOT_FOUND);
        host.prefix.ip = IP_NONE;
        assert_fails(ifaddr_add(w->nl, &host, &w->err), ERR_INVALID);
}

static void test_routes(void **state)
{
        struct world *w = *state;
        const struct route_filter table_512 = {.family = AF_INET, .table = 512};
        struct route_info pod = {
                .table = 512, .dst = cidr("10.9.3.9/32"), .oif = w->a.ifindex, .scope = RT_SCOPE_LINK};
        struct route_info via = {.table = 512,
                                 .dst = cidr("0.0.0.0/0"),
                                 .oif = w->a.ifindex,
                                 .gateway = ip("10.9.0.254"),
                                 .src = ip("10.9.0.1"),
                                 .priority = 50};
        struct route_info normal, *seen;
        size_t n;

        assert_ok(route_dump(w->nl, w->arena, &table_512, &seen, &n, &w->err), &w->err); /* no such table */
        assert_int_equal(n, 0);
        assert_ok(route_add(w->nl, &via, &w->err), &w->err);
        assert_ok(route_add(w->nl, &pod, &w->err), &w->err);
        assert_fails(route_add(w->nl, &pod, &w->err), ERR_EXISTS);
        assert_ok(route_dump(w->nl, w->arena, &table_512, &seen, &n, &w->err), &w->err);
        assert_int_equal(n, 2);
        normal = route_normal(&pod); /* longer prefixes first */
        assert_int_equal(route_compare(&seen[0], &normal), 0);
        normal = route_normal(&via);
        assert_int_equal(route_compare(&seen[1], &normal), 0);
        assert_int_equal(seen[0].protocol, DATAPLANE_PROTOCOL);

        pod.oif = w->b.ifindex;
        assert_ok(route_replace(w->nl, &pod, &w->err), &w->err);
        assert_ok(route_dump(w->nl, w->arena, &table_512, &seen, &n, &w->err), &w->err);
        assert_int_equal(n, 2);
        assert_int_equal(seen[0].oif, w->b.ifindex);
        pod.protocol = RTPROT_STATIC;
        assert_fails(route_delete(w->nl, &pod, &w->err), ERR_NOT_FOUND); /* another's */
        pod.protocol = 0;
        assert_ok(route_delete(w->nl, &pod, &w->err), &w->err);
        assert_fails(route_delete(w->nl, &pod, &w->err), ERR_NOT_FOUND);
}

static void test_route_filters_and_ipv6(void **state)
{
        struct world *w = *state;
        struct route_info six = {.table = 512, .dst = cidr("fd00::9/128"), .oif = w->a.ifindex}, normal,
                          *seen;
        struct route_info own = {.dst = cidr("10.77.0.0/16"), .gateway = ip("10.9.0.2"), .oif = w->a.ifindex};
        struct route_filter filter = {.family = AF_INET6, .table = 512};
        size_t n;

        assert_ok(route_add(w->nl, &six, &w->err), &w->err);
        assert_ok(route_dump(w->nl, w->arena, &filter, &seen, &n, &w->err), &w->err);
        assert_int_equal(n, 1);
        normal = route_normal(&six);
        assert_int_equal(route_compare(&seen[0], &normal), 0);
        assert_ok(route_delete(w->nl, &six, &w->err), &w->err);

        assert_ok(route_add(w->nl, &own, &w->err), &w->err);
        filter = (struct route_filter){.family = AF_INET, .protocol = DATAPLANE_PROTOCOL};
        assert_ok(route_dump(w->nl, w->arena, &filter, &seen, &n, &w->err), &w->err);
        assert_int_equal(n, 1);
        assert_int_equal(seen[0].table, RT_TABLE_MAIN);
        filter.protocol = 0;
        assert_ok(route_dump(w->nl, w->arena, &filter, &seen, &n, &w->err), &w->err);
        assert_true(n > 1);
}

/* What was asked for is what there is, field by field. */
static void test_routes_of_all_kinds(void **state)
{
        struct world *w = *state;
        const struct route_info routes[] = {
                {.table = 10001, .dst = cidr("10.66.0.0/16"), .gateway = ip("192.0.2.1"), .onlink = true},
                {.table = 10001,
                 .dst = cidr("10.65.0.0/16"),
                 .type = RTN_BLACKHOLE,
                 .protocol = RTPROT_STATIC},
                {.table = 10001, .dst = cidr("fd00:1::/64"), .gateway = ip("fe80::1"), .priority = 7},
                {.table = 10001, .dst = cidr("::/0"), .gateway = ip("fe80::1"), .onlink = true},
                {.table = 10001, .dst = cidr("fd00:2::/64"), .type = RTN_UNREACHABLE},
        };

        for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
                struct route_info route = routes[i], normal, *seen;
                const struct route_filter filter = {.family = route.dst.ip.family, .table = 10001};
                size_t n;

                if (!route.type)
                        route.oif = w->a.ifindex;
                normal = route_normal(&route);
                assert_ok(route_add(w->nl, &route, &w->err), &w->err);
                assert_ok(route_dump(w->nl, w->arena, &filter, &seen, &n, &w->err), &w->err);
                assert_int_equal(n, 1);
                if (route.dst.ip.family == AF_INET6 && route.type)
                        seen[0].oif = 0; /* it ends at lo */
                assert_int_equal(route_compare(&seen[0], &normal), 0);
                assert_ok(route_delete(w->nl, &route, &w->err), &w->err);
        }
}

/* Others' routes may have more than we know: such a one is read, and is in nobody's way. */
static void test_route_with_encapsulation_is_read(void **state)
{
        struct world *w = *state;
        const struct rtmsg header = {.rtm_family = AF_INET,
                                     .rtm_dst_len = 16,
                                     .rtm_table = RT_TABLE_MAIN,
                                     .rtm_protocol = RTPROT_STATIC,
                                     .rtm_type = RTN_UNICAST};
        const struct route_filter filter = {.family = AF_INET, .protocol = RTPROT_STATIC};
        struct nl_msg *msg = message_new(RTM_NEWROUTE, NLM_F_CREATE, &header, sizeof(header));
        const struct ip dst = ip("10.66.0.0"), gateway = ip("10.9.0.2"), outer = ip("192.0.2.1");
        const uint16_t kind = LWTUNNEL_ENCAP_IP;
        struct nlattr *encapsulation;
        struct route_info *seen;
        size_t n;
        int r;

        message_put(msg, RTA_DST, dst.bytes, 4);
        message_put(msg, RTA_GATEWAY, gateway.bytes, 4);
        message_put(msg, RTA_ENCAP_TYPE, &kind, sizeof(kind));
        encapsulation = message_nest(msg, RTA_ENCAP);
        message_put(msg, LWTUNNEL_IP_DST, outer.bytes, 4);
        nla_nest_end(msg, encapsulation);
        r = netlink_request(w->nl, msg, &w->err, "add a route that encapsulates");
        if (r < 0 && w->err.sys_errno == EOPNOTSUPP)
                skip(); /* the kernel was built without */
        assert_ok(r, &w->err);
        assert_ok(route_dump(w->nl, w->arena, &filter, &seen, &n, &w->err), &w->err);
        assert_int_equal(n, 1);
        assert_true(ip_equal(seen[0].gateway, gateway));
}

static void test_error_has_the_kernels_explanation(void **state)
{
        struct world *w = *state;
        const struct route_info unreachable = {
                .dst = cidr("10.8.0.0/16"), .gateway = ip("192.0.2.1"), .oif = w->a.ifindex};
        const struct route_info no_device = {.dst = cidr("10.8.0.0/16"), .oif = 9999};

        assert_fails(route_add(w->nl, &unreachable, &w->err), ERR_SYSTEM);
        assert_int_equal(w->err.sys_errno, ENETUNREACH);
        assert_contains(w->err.msg, "add route 10.8.0.0/16 via 192.0.2.1");
        assert_contains(w->err.msg, "(Nexthop has invalid gateway)");
        assert_fails(route_add(w->nl, &no_device, NULL), ERR_NOT_FOUND);
}

/* It waits for the rule that it leads to, and is known again. */
static void test_rule_that_leads_on(void **state)
{
        struct world *w = *state;
        const struct rule_info on = {.family = AF_INET,
                                     .priority = 1534,
                                     .goto_priority = 1537,
                                     .src = cidr("0.0.0.0/32"),
                                     .iif = "lo",
                                     .protocol = DATAPLANE_PROTOCOL};
        struct rule_info *seen;
        size_t n;

        assert_ok(rule_add(w->nl, &on, &w->err), &w->err);
        assert_ok(rule_dump(w->nl, w->arena, AF_INET, &seen, &n, &w->err), &w->err);
        assert_int_equal(rule_compare(&seen[1], &on), 0);
        assert_false(seen[1].other);
        assert_string_equal(RULE_TEXT(&seen[1]), "1534: from 0.0.0.0/32 iif lo goto 1537 proto 118");
        assert_ok(rule_delete(w->nl, &on, &w->err), &w->err);
        assert_fails(rule_delete(w->nl, &on, &w->err), ERR_NOT_FOUND);
}

static void test_rules(void **state)
{
        struct world *w = *state;
        struct rule_info mark = {.family = AF_INET,
                                 .priority = 1536,
                                 .table = 2,
                                 .fwmark = 0x100,
                                 .fwmask = 0x3f00,
                                 .protocol = DATAPLANE_PROTOCOL},
                         from = {.family = AF_INET,
                                 .priority = 1537,
                                 .table = 10101,
                                 .src = cidr("10.9.0.1/32"),
                                 .dst = cidr("10.8.0.0/16"),
                                 .iif = "a0",
                                 .protocol = DATAPLANE_PROTOCOL},
                         foreign = mark, *seen;
        size_t n, before;

        assert_ok(rule_dump(w->nl, w->arena, AF_INET, &seen, &before, &w->err), &w->err);
        assert_int_equal(before, 3); /* local, main, default */
        foreign.protocol = RTPROT_STATIC;
        assert_ok(rule_add(w->nl, &from, &w->err), &w->err);
        assert_ok(rule_add(w->nl, &foreign, &w->err), &w->err);
        assert_ok(rule_add(w->nl, &mark, &w->err), &w->err);
        assert_ok(rule_dump(w->nl, w->arena, AF_INET, &seen, &n, &w->err), &w->err);
        assert_int_equal(n, before + 3);
        assert_int_equal(rule_compare(&seen[1], &foreign), 0); /* protocol 4 sorts before 118 */
        assert_int_equal(rule_compare(&seen[2], &mark), 0);
        assert_int_equal(rule_compare(&seen[3], &from), 0);
        assert_contains(RULE_TEXT(&seen[2]), "1536: fwmark 0x100/0x3f00 lookup 2 proto 118");

        /* The foreign one was there first; only ours may go. */
        assert_ok(rule_delete(w->nl, &mark, &w->err), &w->err);
        assert_fails(rule_delete(w->nl, &mark, &w->err), ERR_NOT_FOUND);
        assert_ok(rule_delete(w->nl, &from, &w->err), &w->err);
        assert_ok(rule_dump(w->nl, w->arena, AF_INET, &seen, &n, &w->err), &w->err);
        assert_int_equal(n, before + 1);
        assert_int_equal(rule_compare(&seen[1], &foreign), 0);
}

static void test_rule_with_more_is_marked(void **state)
{
        struct world *w = *state;
        const struct fib_rule_hdr header = {
                .family = AF_INET, .action = FR_ACT_TO_TBL, .table = 2, .flags = FIB_RULE_INVERT};
        struct nl_msg *msg = message_new(RTM_NEWRULE, NLM_F_CREATE, &header, sizeof(header));
        struct rule_info *seen;
        size_t n;

        message_put_u32(msg, FRA_PRIORITY, 700);
        message_put_u32(msg, FRA_FWMARK, 1);
        assert_ok(netlink_request(w->nl, msg, &w->err, "add an inverted rule"), &w->err);
        assert_ok(rule_dump(w->nl, w->arena, AF_INET, &seen, &n, &w->err), &w->err);
        assert_int_equal(seen[1].priority, 700);
        assert_true(seen[1].other);
        assert_false(seen[0].other);
}

static void test_neighbours(void **state)
{
        struct world *w = *state;
        struct neigh_info neigh = {.ifindex = w->a.ifindex,
                                   .ip = ip("169.254.1.1"),
                                   .has_mac = true,
                                   .mac = mac_b},
                          *seen;
        size_t n;

        assert_ok(neigh_replace_permanent(w->nl, &neigh, &w->err), &w->err);
        neigh.mac = mac_a;
        assert_ok(neigh_replace_permanent(w->nl, &neigh, &w->err), &w->err);
        assert_ok(neigh_dump(w->nl, w->arena, AF_INET, w->a.ifindex, &seen, &n, &w->err), &w->err);
        assert_int_equal(n, 1);
        assert_int_equal(seen[0].state, NUD_PERMANENT);
        assert_true(seen[0].has_mac && mac_equal(seen[0].mac, mac_a));
        assert_ok(neigh_delete(w->nl, &neigh, &w->err), &w->err);
        assert_fails(neigh_delete(w->nl, &neigh, &w->err), ERR_NOT_FOUND);
        neigh.has_mac = false;
        assert_fails(neigh_replace_permanent(w->nl, &neigh, &w->err), ERR_INVALID);
}

static bool answers(struct world *w, struct ip address, unsigned ifindex)
{
        unsigned *links;
        size_t n;

        assert_ok(neigh_proxy_links(w->nl, w->arena, address, &links, &n, &w->err), &w->err);
        return neigh_proxy_has(links, n, ifindex);
}

static void test_answers_to_arp(void **state)
{
        struct world *w = *state;
        const struct ip gateway = ip("169.254.1.1");
        const unsigned link = w->a.ifindex, of_no_link[] = {0, 7};
        struct neigh_info *seen;
        size_t n;

        assert_true(
                neigh_proxy_has(of_no_link, ARRAY_SIZE(of_no_link), 5)); /* the kernel answers by it on all */
        assert_false(neigh_proxy_has(of_no_link + 1, 1, 5));
        assert_false(neigh_proxy_has(NULL, 0, 5));
        assert_false(answers(w, gateway, link));
        assert_ok(neigh_proxy_add(w->nl, link, gateway, &w->err), &w->err);
        assert_ok(neigh_proxy_add(w->nl, link, gateway, &w->err), &w->err);
        assert_true(answers(w, gateway, link));
        assert_false(answers(w, gateway, link + 1));
        assert_false(answers(w, ip("169.254.1.2"), link));
        assert_ok(neigh_dump(w->nl, w->arena, AF_INET, link, &seen, &n, &w->err), &w->err);
        assert_int_equal(n, 0);
        assert_runs("ip neigh del proxy 169.254.1.1 dev a0");
        assert_false(answers(w, gateway, link));
        assert_fails(neigh_proxy_add(w->nl, link, IP_NONE, &w->err), ERR_INVALID);
        assert_fails(neigh_proxy_add(w->nl, 0, gateway, &w->err), ERR_INVALID);
}

static void test_batch(void **state)
{
        struct world *w = *state;
        const struct route_filter ours = {.family = AF_INET, .table = 512};
        struct route_info route = {.table = 512, .oif = w->a.ifindex, .scope = RT_SCOPE_LINK}, *seen;
        enum { ROUTES = 1000 };
        struct link_info link;
        size_t n;

        netlink_batch_begin(w->nl);
        for (uint32_t i = 0; i < ROUTES; i++) {
                route.dst = prefix_host(ip_from_u32(0x0a640000 + i));
                assert_ok(route_add(w->nl, &route, &w->err), &w->err);
        }
        assert_fails(link_get_by_name(w->nl, "a0", &link, &w->err), ERR_INTERNAL);
        assert_ok(netlink_batch_commit(w->nl, &w->err), &w->err);
        assert_ok(route_dump(w->nl, w->arena, &ours, &seen, &n, &w->err), &w->err);
        assert_int_equal(n, ROUTES);
        for (size_t i = 1; i < n; i++)
                assert_true(route_compare(&seen[i - 1], &seen[i]) < 0);
}

static void test_batch_failure_names_the_first(void **state)
{
        struct world *w = *state;
        const struct route_filter ours = {.family = AF_INET, .table = 512};
        struct route_info good = {
                .table = 512, .dst = cidr("10.9.3.1/32"), .oif = w->a.ifindex, .scope = RT_SCOPE_LINK};
        struct route_info bad = {.table = 512, .dst = cidr("10.9.3.2/32"), .oif = 9999},
                          worse = {.table = 512, .dst = cidr("10.9.3.3/32"), .oif = 8888}, *seen;
        size_t n;

        netlink_batch_begin(w->nl);
        assert_ok(route_add(w->nl, &bad, &w->err), &w->err);
        assert_ok(route_add(w->nl, &good, &w->err), &w->err);
        assert_ok(route_add(w->nl, &worse, &w->err), &w->err);
        assert_fails(netlink_batch_commit(w->nl, &w->err), ERR_NOT_FOUND);
        assert_contains(w->err.msg, "10.9.3.2/32");
        assert_ok(route_dump(w->nl, w->arena, &ours, &seen, &n, &w->err), &w->err);
        assert_int_equal(n, 1); /* the later good one was carried out */

        netlink_batch_begin(w->nl);
        assert_ok(route_delete(w->nl, &good, &w->err), &w->err);
        netlink_batch_cancel(w->nl);
        assert_fails(route_add(w->nl, &good, &w->err), ERR_EXISTS); /* nothing was sent, nothing is kept */
        netlink_batch_begin(w->nl);
        assert_ok(netlink_batch_commit(w->nl, &w->err), &w->err); /* empty */
}

static void test_many_links(void **state)
{
        enum { PAIRS = 150 };
        struct world *w = *state;
        struct link_info *seen;
        size_t n;

        for (unsigned i = 0; i < PAIRS; i++) {
                char a[LINK_NAME_BYTES], b[LINK_NAME_BYTES];
                const struct link_veth veth = {.name = a,
                                               .peer_name = b,
                                               .mac = {{2, 0, 0, 1, 0, (uint8_t)i}},
                                               .peer_mac = {{2, 0, 0, 2, 0, (uint8_t)i}},
                                               .peer_netns_fd = -1};

                snprintf(a, sizeof(a), "x%u", i);
                snprintf(b, sizeof(b), "y%u", i);
                assert_ok(link_create_veth(w->nl, &veth, &w->err), &w->err);
        }
        assert_ok(link_dump(w->nl, w->arena, &seen, &n, &w->err), &w->err); /* more than one datagram */
        assert_true(n >= 2 * PAIRS + 3);
        for (size_t i = 1; i < n; i++)
                assert_true(seen[i - 1].ifindex < seen[i].ifindex);
        assert_ok(link_get_by_name(w->nl, "y149", &seen[0], &w->err), &w->err);
        assert_true(mac_equal(seen[0].mac, (struct mac){{2, 0, 0, 2, 0, 149}}));
}

static void test_netns_open_refuses_others(void **state)
{
        struct world *w = *state;
        int fd = -1;

        assert_fails(netns_open("/run/netns/none", &fd, &w->err), ERR_NOT_FOUND);
        assert_fails(netns_open("/proc/self/ns/mnt", &fd, &w->err), ERR_INVALID);
        assert_fails(netns_open("/etc/passwd", &fd, &w->err), ERR_INVALID);
        assert_contains(w->err.msg, "/etc/passwd is not a network namespace");
        assert_fails(netns_open("/run", &fd, &w->err), ERR_INVALID);
        assert_int_equal(mkfifo("/run/fifo", 0600), 0);
        assert_fails(netns_open("/run/fifo", &fd, &w->err), ERR_INVALID);
        assert_int_equal(fd, -1);
        assert_fails(netns_enter(STDIN_FILENO, &(struct netns_guard){-1}, &w->err), ERR_INVALID);
}

static void test_netns_names(void **state)
{
        static const char *const bad[] = {"", ".", "..", "a/b", "-a", ".a", "a b", "\xc3\xa4"};
        struct world *w = *state;
        char too_long[NETNS_NAME_BYTES + 1];

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_fails(netns_create(bad[i], &w->err), ERR_INVALID);
        memset(too_long, 'a', sizeof(too_long) - 1);
        too_long[NETNS_NAME_BYTES] = '\0';
        assert_fails(netns_check_name(too_long, &w->err), ERR_INVALID);
        assert_ok(netns_check_name(too_long + 1, &w->err), &w->err);
}

static void test_netns_create_and_delete(void **state)
{
        _cleanup_close_ int before = -1, after = -1, made = -1;
        struct world *w = *state;
        bool same;

        assert_ok(netns_open_current(&before, &w->err), &w->err);
        assert_ok(netns_create("t-one", &w->err), &w->err);
        assert_fails(netns_create("t-one", &w->err), ERR_EXISTS);
        assert_ok(netns_open_current(&after, &w->err), &w->err);
        assert_ok(netns_is_same(before, after, &same, &w->err), &w->err);
        assert_true(same);
        assert_ok(netns_open(NETNS_FOLDER "/t-one", &made, &w->err), &w->err);
        assert_ok(netns_is_same(before, made, &same, &w->err), &w->err);
        assert_false(same);
        assert_ok(netns_delete("t-one", &w->err), &w->err);
        assert_fails(netns_delete("t-one", &w->err), ERR_NOT_FOUND);
        assert_int_equal(close(open(NETNS_FOLDER "/t-stale", O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
        assert_fails(netns_create("t-stale", &w->err), ERR_EXISTS);
        assert_ok(netns_delete("t-stale", &w->err), &w->err);
}

static void *make_some(void *arg)
{
        for (unsigned i = 0; i < 8; i++) {
                char name[NETNS_NAME_BYTES];
                struct err err;

                snprintf(name, sizeof(name), "t-%s-%u", (const char *)arg, i);
                if (netns_create(name, &err) < 0 || netns_delete(name, &err) < 0)
                        return xstrdup(err.msg);
        }
        return NULL;
}

static void test_netns_create_side_by_side(void **state _unused_)
{
        char names[4][2] = {"a", "b", "c", "d"};
        pthread_t threads[ARRAY_SIZE(names)];

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                assert_int_equal(pthread_create(&threads[i], NULL, make_some, names[i]), 0);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                void *failure;

                assert_int_equal(pthread_join(threads[i], &failure), 0);
                if (failure)
                        fail_msg("%s", (char *)failure);
        }
}

static void test_sysctl(void **state)
{
        const struct link_change rename = {.new_name = "b0.100"};
        char value[SYSCTL_VALUE_BYTES];
        struct world *w = *state;
        bool changed;

        assert_ok(link_change(w->nl, w->b.ifindex, &(struct link_change){.admin = LINK_ADMIN_DOWN}, &w->err),
                  &w->err);
        assert_ok(link_change(w->nl, w->b.ifindex, &rename, &w->err), &w->err);
        assert_ok(sysctl_write("net.ipv4.conf.b0.100.rp_filter", "2", &changed, &w->err), &w->err);
        assert_true(changed);
        assert_ok(sysctl_write("net.ipv4.conf.b0.100.rp_filter", "2", &changed, &w->err), &w->err);
        assert_false(changed);
        assert_ok(sysctl_read("net.ipv4.conf.b0.100.rp_filter", value, &w->err), &w->err);
        assert_string_equal(value, "2");
        assert_ok(sysctl_read("net.ipv4.conf.a0.rp_filter", value, &w->err), &w->err);
        assert_string_equal(value, "0"); /* a new namespace's default, ours untouched */
        assert_ok(sysctl_write("net.ipv4.ip_forward", "1", NULL, &w->err), &w->err);
        assert_ok(sysctl_read("net.ipv4.ip_forward", value, &w->err), &w->err);
        assert_string_equal(value, "1");
}

static void test_sysctl_errors(void **state)
{
        static const char *const bad[] = {
                "", "net", ".net.x", "net.ipv4.", "net/ipv4/ip_forward", "a..b", "..a", "net...etc.passwd"};
        char value[SYSCTL_VALUE_BYTES];
        struct world *w = *state;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_fails(sysctl_read(bad[i], value, &w->err), ERR_INVALID);
        assert_fails(sysctl_read("net.ipv4.conf...rp_filter", value, &w->err), ERR_INVALID);
        assert_fails(sysctl_read("net.ipv4.conf.none0.rp_filter", value, &w->err), ERR_NOT_FOUND);
        assert_contains(w->err.msg, "net.ipv4.conf.none0.rp_filter");
        assert_fails(sysctl_write("net.ipv4.ip_forward", "maybe", NULL, &w->err), ERR_INVALID);
}

/* Another namespace's socket works from here, and its sysctls are reached by entering. */
static void test_enter_and_come_back(void **state)
{
        _cleanup_close_ int fd = -1, here = -1, now = -1;
        char value[SYSCTL_VALUE_BYTES];
        struct world *w = *state;
        bool same;

        assert_ok(netns_open_current(&here, &w->err), &w->err);
        assert_ok(netns_create("t-in", &w->err), &w->err);
        assert_ok(netns_open(NETNS_FOLDER "/t-in", &fd, &w->err), &w->err);
        {
                _cleanup_(netns_leave) struct netns_guard guard = NETNS_GUARD_NONE;

                assert_ok(netns_enter(fd, &guard, &w->err), &w->err);
                assert_fails(sysctl_read("net.ipv4.conf.a0.rp_filter", value, &w->err), ERR_NOT_FOUND);
        }
        assert_ok(sysctl_read("net.ipv4.conf.a0.rp_filter", value, &w->err), &w->err);
        assert_ok(netns_open_current(&now, &w->err), &w->err);
        assert_ok(netns_is_same(here, now, &same, &w->err), &w->err);
        assert_true(same);
        assert_ok(netns_delete("t-in", &w->err), &w->err);
}

int main(void)
{
#define NET_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
        const struct CMUnitTest tests[] = {
                NET_TEST(test_link_properties),
                NET_TEST(test_link_errors),
                NET_TEST(test_veth_born_in_two_namespaces),
                NET_TEST(test_addresses),
                NET_TEST(test_routes),
                NET_TEST(test_route_filters_and_ipv6),
                NET_TEST(test_routes_of_all_kinds),
                NET_TEST(test_route_with_encapsulation_is_read),
                NET_TEST(test_error_has_the_kernels_explanation),
                NET_TEST(test_rules),
                NET_TEST(test_rule_that_leads_on),
                NET_TEST(test_rule_with_more_is_marked),
                NET_TEST(test_neighbours),
                NET_TEST(test_answers_to_arp),
                NET_TEST(test_batch),
                NET_TEST(test_batch_failure_names_the_first),
                NET_TEST(test_many_links),
                NET_TEST(test_netns_open_refuses_others),
                NET_TEST(test_netns_names),
                NET_TEST(test_netns_create_and_delete),
                NET_TEST(test_netns_create_side_by_side),
                NET_TEST(test_sysctl),
                NET_TEST(test_sysctl_errors),
                NET_TEST(test_enter_and_come_back),
        };

        if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 && errno == EPERM) {
                puts("needs CAP_NET_ADMIN and CAP_SYS_ADMIN for namespaces of its own: skipped");
                return SKIP;
        }
        if (mount("", "/", "none", MS_PRIVATE | MS_REC, NULL) < 0 ||
            mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0) {
                perror("an empty /run");
                return 1;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
