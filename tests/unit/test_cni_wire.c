// SPDX-License-Identifier: Apache-2.0
/*
 * The wire of a pod in real network namespaces: every object is there, packets pass, what is broken is named, and a failure at
 * any request to the kernel leaves nothing behind. Both namespaces are nameless and vanish with the process.
 */
#include "test.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <netlink/msg.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/ifaddr.h>
#include <vpcwire/link.h>
#include <vpcwire/mem.h>
#include <vpcwire/neigh.h>
#include <vpcwire/netns.h>
#include <vpcwire/pod_link.h>
#include <vpcwire/route.h>
#include <vpcwire/rule.h>
#include <vpcwire/sysctl.h>

#include "wire.h"

enum { TIMED_ADDS = 200, NODE_ADDRESS = 0x0a00000a, POD_ADDRESS = 0x0a000107, GATEWAY = 0xa9fe0101 };

#define HOST_NAME "eni0d7763386da"

static struct {
        int pod_fd;
        struct netlink *host, *pod; /* the test's own view */
        int calls_until_failure;    /* 0: none fails */
} world = {.pod_fd = -1};

/* The calls that reach the kernel: the n-th one fails, with the error that the kernel gives when it has no memory. */
static bool fails_now(struct err *err)
{
        if (world.calls_until_failure == 0 || --world.calls_until_failure > 0)
                return false;
        err_set(err, ERR_SYSTEM, "injected failure");
        return true;
}

int __real_netlink_request(struct netlink *nl, struct nl_msg *msg, struct err *err, const char *format, ...)
        _printf_(4, 5);
int __wrap_netlink_request(struct netlink *nl, struct nl_msg *msg, struct err *err, const char *format, ...)
        _printf_(4, 5);
int __real_netlink_get(struct netlink *nl, struct nl_msg *msg, netlink_each_fn each, void *arg,
                       struct err *err, const char *format, ...) _printf_(6, 7);
int __wrap_netlink_get(struct netlink *nl, struct nl_msg *msg, netlink_each_fn each, void *arg,
                       struct err *err, const char *format, ...) _printf_(6, 7);
int __real_netlink_batch_commit(struct netlink *nl, struct err *err);
int __wrap_netlink_batch_commit(struct netlink *nl, struct err *err);
int __real_sysctl_write(const char *key, const char *value, bool *ret_changed, struct err *err);
int __wrap_sysctl_write(const char *key, const char *value, bool *ret_changed, struct err *err);

int __wrap_netlink_request(struct netlink *nl, struct nl_msg *msg, struct err *err, const char *format, ...)
{
        char what[ERR_MESSAGE_BYTES];
        va_list args;

        if (fails_now(err)) {
                nlmsg_free(msg);
                return -ERR_SYSTEM;
        }
        va_start(args, format);
        vsnprintf(what, sizeof(what), format, args);
        va_end(args);
        return __real_netlink_request(nl, msg, err, "%s", what);
}

int __wrap_netlink_get(struct netlink *nl, struct nl_msg *msg, netlink_each_fn each, void *arg,
                       struct err *err, const char *format, ...)
{
        char what[ERR_MESSAGE_BYTES];
        va_list args;

        if (fails_now(err)) {
                nlmsg_free(msg);
                return -ERR_SYSTEM;
        }
        va_start(args, format);
        vsnprintf(what, sizeof(what), format, args);
        va_end(args);
        return __real_netlink_get(nl, msg, each, arg, err, "%s", what);
}

int __wrap_netlink_batch_commit(struct netlink *nl, struct err *err)
{
        /* The requests are carried out all the same, as when one of them fails in the kernel. */
        int r = __real_netlink_batch_commit(nl, err);

        return r == 0 && fails_now(err) ? -ERR_SYSTEM : r;
}

int __wrap_sysctl_write(const char *key, const char *value, bool *ret_changed, struct err *err)
{
        return fails_now(err) ? -ERR_SYSTEM : __real_sysctl_write(key, value, ret_changed, err);
}

static struct wiring wanted(void)
{
        return (struct wiring){.host_ifname = HOST_NAME,
                               .ifname = "eth0",
                               .mtu = 9001,
                               .address = ip_from_u32(POD_ADDRESS),
                               .gateway = ip_from_u32(GATEWAY),
                               .container_id = "c1",
                               .netns = "/run/netns/p1"};
}

static struct wire *open_wire(void)
{
        struct wire *wire = NULL;
        struct err err;

        assert_ok(wire_open(world.pod_fd, &wire, &err), &err);
        return wire;
}

static size_t count_links(struct netlink *nl)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct link_info *links;
        struct err err;
        size_t n;

        assert_ok(link_dump(nl, arena, &links, &n, &err), &err);
        return n;
}

static size_t count_pod_routes(void)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const struct route_filter filter = {.family = AF_INET, .table = DATAPLANE_TABLE_PODS};
        struct route_info *routes;
        struct err err;
        size_t n;

        assert_ok(route_dump(world.host, arena, &filter, &routes, &n, &err), &err);
        return n;
}

/* Nothing but loopback on both sides, and no pod's route. */
static void assert_clean(void)
{
        assert_int_equal(count_links(world.host), 1);
        assert_int_equal(count_links(world.pod), 1);
        assert_int_equal(count_pod_routes(), 0);
}

static void make(struct wire *wire, struct wiring *wiring)
{
        struct err err;

        *wiring = wanted();
        assert_ok(wire_make(wire, wiring, &err), &err);
}

static void unmake(struct wire *wire, const struct wiring *wiring)
{
        struct err err;

        assert_ok(wire_unmake(wire, wiring, &err), &err);
        assert_clean();
}

/* Each object is read back by itself, not through wire_check(). */
static void test_every_object_is_there(void **state _unused_)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        _cleanup_(wire_freep) struct wire *wire = open_wire();
        const struct route_filter main_table = {.family = AF_INET, .table = RT_TABLE_MAIN},
                                  pods_table = {.family = AF_INET, .table = DATAPLANE_TABLE_PODS};
        char value[SYSCTL_VALUE_BYTES];
        struct link_info host, pod;
        struct route_info *routes;
        struct neigh_info *neigh;
        struct ifaddr *addresses;
        struct wiring wiring;
        struct err err;
        size_t n;

        make(wire, &wiring);
        assert_ok(link_get_by_name(world.host, HOST_NAME, &host, &err), &err);
        assert_ok(link_get_by_name(world.pod, "eth0", &pod, &err), &err);
        assert_string_equal(host.alias, "c1");
        assert_int_equal(host.group, DATAPLANE_LINK_GROUP);
        assert_int_equal(pod.group, 0);
        assert_true(host.up && pod.up && host.carrier && pod.carrier);
        assert_int_equal(host.mtu, 9001);
        assert_int_equal(pod.mtu, 9001);
        assert_true(mac_equal(host.mac, wiring.host_mac) && mac_equal(pod.mac, wiring.mac));
        assert_false(mac_equal(host.mac, pod.mac));
        assert_int_equal(host.mac.bytes[0] & 3, 2);
        assert_int_equal(pod.mac.bytes[0] & 3, 2);
        assert_ok(sysctl_read("net.ipv4.conf." HOST_NAME ".rp_filter", value, &err), &err);
        assert_string_equal(value, "1");
        assert_ok(link_get_by_name(world.pod, "lo", &pod, &err), &err);
        assert_true(pod.up);
        assert_ok(link_get_by_name(world.pod, "eth0", &pod, &err), &err);

        assert_ok(ifaddr_dump(world.pod, arena, AF_INET, pod.ifindex, &addresses, &n, &err), &err);
        assert_int_equal(n, 1);
        assert_string_equal(PREFIX_TEXT(addresses[0].prefix), "10.0.1.7/32");
        assert_ok(route_dump(world.pod, arena, &main_table, &routes, &n, &err), &err);
        assert_int_equal(n, 2);
        assert_string_equal(PREFIX_TEXT(routes[0].dst), "169.254.1.1/32");
        assert_int_equal(routes[0].scope, RT_SCOPE_LINK);
        assert_false(ip_is_set(routes[0].gateway));
        assert_string_equal(PREFIX_TEXT(routes[1].dst), "0.0.0.0/0");
        assert_string_equal(IP_TEXT(routes[1].gateway), "169.254.1.1");
        assert_ok(neigh_dump(world.pod, arena, AF_INET, pod.ifindex, &neigh, &n, &err), &err);
        assert_int_equal(n, 1);
        assert_string_equal(IP_TEXT(neigh[0].ip), "169.254.1.1");
        assert_int_equal(neigh[0].state, NUD_PERMANENT);
        assert_true(mac_equal(neigh[0].mac, host.mac));
        assert_ok(route_dump(world.host, arena, &pods_table, &routes, &n, &err), &err);
        assert_int_equal(n, 1);
        assert_string_equal(PREFIX_TEXT(routes[0].dst), "10.0.1.7/32");
        assert_int_equal(routes[0].oif, host.ifindex);
        assert_int_equal(routes[0].protocol, DATAPLANE_PROTOCOL);
        assert_int_equal(routes[0].scope, RT_SCOPE_LINK);
        unmake(wire, &wiring);
}

static int udp_socket(uint32_t address)
{
        const struct timeval deadline = {.tv_sec = TEST_PATIENCE_MS / 1000};
        struct sockaddr_in local = {
                .sin_family = AF_INET, .sin_port = htons(7000), .sin_addr.s_addr = htonl(address)};
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&local, sizeof(local)), 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline)), 0);
        return fd;
}

static int pod_udp_socket(void)
{
        _cleanup_(netns_leave) struct netns_guard guard = NETNS_GUARD_NONE;
        struct err err;

        assert_ok(netns_enter(world.pod_fd, &guard, &err), &err);
        return udp_socket(POD_ADDRESS);
}

static void send_from_to(int from, int to, uint32_t from_address, uint32_t to_address)
{
        struct sockaddr_in peer = {
                .sin_family = AF_INET, .sin_port = htons(7000), .sin_addr.s_addr = htonl(to_address)};
        socklen_t n = sizeof(peer);
        char text[8] = "";

        assert_int_equal(sendto(from, "hello", 6, 0, (struct sockaddr *)&peer, sizeof(peer)), 6);
        assert_int_equal(recvfrom(to, text, sizeof(text), 0, (struct sockaddr *)&peer, &n), 6);
        assert_string_equal(text, "hello");
        assert_int_equal(ntohl(peer.sin_addr.s_addr), from_address);
}

/* With the one rule that ipamd keeps, the node reaches the pod and the pod the node. */
static void test_packets_pass(void **state _unused_)
{
        const struct rule_info rule = {.family = AF_INET, .priority = 512, .table = DATAPLANE_TABLE_PODS};
        const struct ifaddr node = {.ifindex = 1, .prefix = prefix_host(ip_from_u32(NODE_ADDRESS))};
        _cleanup_(wire_freep) struct wire *wire = open_wire();
        _cleanup_close_ int host_fd = -1, pod_fd = -1;
        struct wiring wiring;
        struct err err;

        make(wire, &wiring);
        assert_ok(link_change_by_name(world.host, "lo", &(struct link_change){.admin = LINK_ADMIN_UP}, &err),
                  &err);
        assert_ok(ifaddr_add(world.host, &node, &err), &err);
        assert_ok(rule_add(world.host, &rule, &err), &err);
        host_fd = udp_socket(NODE_ADDRESS);
        pod_fd = pod_udp_socket();
        send_from_to(host_fd, pod_fd, NODE_ADDRESS, POD_ADDRESS);
        send_from_to(pod_fd, host_fd, POD_ADDRESS, NODE_ADDRESS);
        assert_ok(rule_delete(world.host, &rule, &err), &err);
        assert_ok(ifaddr_delete(world.host, &node, &err), &err);
        unmake(wire, &wiring);
}

/* Ways to break a wire, and what wire_check() must say of each. */
static int break_host_link_down(const struct link_info *host, const struct link_info *pod _unused_,
                                struct err *err)
{
        return link_change(world.host, host->ifindex, &(struct link_change){.admin = LINK_ADMIN_DOWN}, err);
}

static int break_pod_link_down(const struct link_info *host _unused_, const struct link_info *pod,
                               struct err *err)
{
        return link_change(world.pod, pod->ifindex, &(struct link_change){.admin = LINK_ADMIN_DOWN}, err);
}

static int break_alias(const struct link_info *host, const struct link_info *pod _unused_, struct err *err)
{
        return link_change(world.host, host->ifindex, &(struct link_change){.alias = "c2"}, err);
}

static int break_address(const struct link_info *host _unused_, const struct link_info *pod, struct err *err)
{
        const struct ifaddr other = {.ifindex = pod->ifindex,
                                     .prefix = prefix_host(ip_from_u32(POD_ADDRESS + 1))},
                            ours = {.ifindex = pod->ifindex, .prefix = prefix_host(ip_from_u32(POD_ADDRESS))};

        return ifaddr_add(world.pod, &other, err) < 0 ? -1 : ifaddr_delete(world.pod, &ours, err);
}

static int break_default_route(const struct link_info *host _unused_, const struct link_info *pod,
                               struct err *err)
{
        const struct route_info route = {
                .dst = {.ip = {.family = AF_INET}}, .oif = pod->ifindex, .gateway = ip_from_u32(GATEWAY)};

        return route_delete(world.pod, &route, err);
}

static int break_gateway_route(const struct link_info *host _unused_, const struct link_info *pod,
                               struct err *err)
{
        const struct route_info route = {
                .dst = prefix_host(ip_from_u32(GATEWAY)), .oif = pod->ifindex, .scope = RT_SCOPE_LINK};

        return route_delete(world.pod, &route, err);
}

static int break_neighbour(const struct link_info *host _unused_, const struct link_info *pod,
                           struct err *err)
{
        const struct neigh_info neigh = {.ifindex = pod->ifindex,
                                         .ip = ip_from_u32(GATEWAY),
                                         .has_mac = true,
                                         .mac = {{2, 1, 1, 1, 1, 1}}};

        return neigh_replace_permanent(world.pod, &neigh, err);
}

static int lose_neighbour(const struct link_info *host _unused_, const struct link_info *pod, struct err *err)
{
        const struct neigh_info neigh = {.ifindex = pod->ifindex, .ip = ip_from_u32(GATEWAY)};

        return neigh_delete(world.pod, &neigh, err);
}

static int lose_gateway(const struct link_info *host, const struct link_info *pod, struct err *err)
{
        assert_runs("ip neigh del proxy " DATAPLANE_GATEWAY " dev " HOST_NAME);
        return lose_neighbour(host, pod, err);
}

static int break_host_route(const struct link_info *host, const struct link_info *pod _unused_,
                            struct err *err)
{
        const struct route_info route = {.dst = prefix_host(ip_from_u32(POD_ADDRESS)),
                                         .table = DATAPLANE_TABLE_PODS,
                                         .oif = host->ifindex,
                                         .scope = RT_SCOPE_LINK};

        return route_delete(world.host, &route, err);
}

static int break_rp_filter(const struct link_info *host _unused_, const struct link_info *pod _unused_,
                           struct err *err)
{
        return __real_sysctl_write("net.ipv4.conf." HOST_NAME ".rp_filter", "0", NULL, err);
}

static int break_link(const struct link_info *host, const struct link_info *pod _unused_, struct err *err)
{
        return link_delete(world.host, host->ifindex, err);
}

static void test_check_names_what_is_broken(void **state _unused_)
{
        static const struct {
                int (*break_it)(const struct link_info *host, const struct link_info *pod, struct err *err);
                const char *expect[2];
        } cases[] = {
                {break_host_link_down, {HOST_NAME " is down", "host"}},
                {break_pod_link_down, {"eth0 is down", "pod"}},
                {break_alias, {HOST_NAME, "'c2'"}},
                {break_address, {"10.0.1.7/32", "not on"}},
                {break_default_route, {"0.0.0.0/0", "missing in the pod"}},
                {break_gateway_route, {"169.254.1.1", "missing in the pod"}},
                {break_neighbour, {"neighbour entry 169.254.1.1 has MAC", ", not "}},
                {lose_gateway, {"no permanent neighbour entry", "169.254.1.1"}},
                {break_host_route, {"10.0.1.7/32", "missing on the host"}},
                {break_rp_filter, {"rp_filter is 0", HOST_NAME}},
                {break_link, {"eth0", "get link"}},
        };
        _cleanup_(wire_freep) struct wire *wire = open_wire();
        struct link_info host, pod;
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct wiring wiring, seen = wanted();

                make(wire, &wiring);
                assert_ok(wire_check(wire, &seen, &err), &err);
                assert_true(mac_equal(seen.mac, wiring.mac) && mac_equal(seen.host_mac, wiring.host_mac));
                assert_string_equal(seen.host_ifname, HOST_NAME);
                assert_ok(link_get_by_name(world.host, HOST_NAME, &host, &err), &err);
                assert_ok(link_get_by_name(world.pod, "eth0", &pod, &err), &err);
                assert_ok(cases[i].break_it(&host, &pod, &err), &err);
                assert_true(wire_check(wire, &seen, NULL) < 0);
                assert_true(wire_check(wire, &seen, &err) < 0);
                assert_contains(err.msg, cases[i].expect[0]);
                assert_contains(err.msg, cases[i].expect[1]);
                unmake(wire, &wiring);
        }
}

/* As after a change of the MAC: the pod asks by ARP, and the host answers. A wrong entry asks nobody. */
static void test_check_takes_an_answer_to_arp_for_a_neighbour(void **state _unused_)
{
        _cleanup_(wire_freep) struct wire *wire = open_wire();
        struct wiring wiring, seen = wanted();
        struct link_info pod;
        struct err err;

        make(wire, &wiring);
        assert_ok(link_get_by_name(world.pod, "eth0", &pod, &err), &err);
        assert_ok(lose_neighbour(NULL, &pod, &err), &err);
        assert_ok(wire_check(wire, &seen, &err), &err);
        assert_ok(break_neighbour(NULL, &pod, &err), &err);
        assert_true(wire_check(wire, &seen, &err) < 0);
        unmake(wire, &wiring);
}

static void assert_state(struct wire *wire, enum wire_state expect)
{
        struct wiring wiring = wanted();
        enum wire_state state;
        struct err err;

        assert_ok(wire_find(wire, &wiring, &state, &err), &err);
        assert_int_equal(state, expect);
}

static void test_find(void **state _unused_)
{
        _cleanup_(netns_leave) struct netns_guard guard = NETNS_GUARD_NONE;
        const struct link_veth foreign = {.name = "eth0",
                                          .peer_name = "eth1",
                                          .mac = {{2, 0, 0, 0, 9, 1}},
                                          .peer_mac = {{2, 0, 0, 0, 9, 2}},
                                          .peer_netns_fd = -1};
        _cleanup_(wire_freep) struct wire *wire = open_wire();
        struct wiring wiring;
        struct err err;

        assert_state(wire, WIRE_NONE);
        make(wire, &wiring);
        assert_state(wire, WIRE_OURS);
        assert_ok(link_change_by_name(world.host, HOST_NAME, &(struct link_change){.alias = "c0"}, &err),
                  &err);
        assert_state(wire, WIRE_FOREIGN);
        unmake(wire, &wiring);
        assert_ok(link_create_veth(world.pod, &foreign, &err), &err);
        assert_state(wire, WIRE_FOREIGN);
        unmake(wire, &wiring);
        assert_ok(netns_enter(world.pod_fd, &guard, &err), &err);
        assert_runs("ip link add eth0 type bridge");
        netns_leave(&guard);
        assert_state(wire, WIRE_FOREIGN);
        unmake(wire, &wiring);
}

static bool remove_link(const char *host_ifname, const char *container_id, bool unnamed)
{
        const struct wire_owner owner = {.host_ifname = host_ifname,
                                         .container_id = container_id,
                                         .ifname = "eth0",
                                         .unnamed = unnamed};
        char name[LINK_NAME_BYTES];
        struct err err;

        assert_ok(wire_remove_host_link(world.host, &owner, name, &err), &err);
        return *name;
}

static const struct link_veth other_pair = {.name = "other0",
                                            .peer_name = "other1",
                                            .mac = {{2, 0, 0, 0, 9, 1}},
                                            .peer_mac = {{2, 0, 0, 0, 9, 2}},
                                            .peer_netns_fd = -1};

/* A name is no identity: whoever bears it, it is not for wire_make() to decide. */
static void test_a_taken_name_is_left_alone(void **state _unused_)
{
        _cleanup_(wire_freep) struct wire *wire = open_wire();
        struct wiring wiring = wanted();
        struct link_veth other = other_pair;
        struct link_info before, after;
        struct err err;

        other.name = HOST_NAME;
        assert_ok(link_create_veth(world.host, &other, &err), &err);
        assert_ok(wire_get_host_link(wire, HOST_NAME, &before, &err), &err);
        assert_fails(wire_make(wire, &wiring, &err), ERR_EXISTS);
        assert_contains(err.msg, HOST_NAME);
        assert_ok(wire_get_host_link(wire, HOST_NAME, &after, &err), &err);
        assert_int_equal(before.ifindex, after.ifindex);
        assert_string_equal(after.alias, "");
        assert_ok(wire_delete_host_link(wire, after.ifindex, &err), &err);
        assert_ok(wire_delete_host_link(wire, after.ifindex, &err), &err);
        assert_clean();
}

/* The kernel takes no alias for a new link: until it has one, its MAC says whose it is. */
static void test_a_link_without_its_alias_is_ours(void **state _unused_)
{
        const struct link_change no_alias = {.alias = ""}, other_mac = {.mac = &other_pair.mac};
        _cleanup_(wire_freep) struct wire *wire = open_wire();
        struct wiring wiring;
        struct err err;

        make(wire, &wiring);
        assert_ok(link_change_by_name(world.host, HOST_NAME, &no_alias, &err), &err);
        assert_state(wire, WIRE_OURS);
        assert_fails(wire_check(wire, &wiring, &err), ERR_NOT_FOUND); /* and not whole */
        assert_false(remove_link(HOST_NAME, "c2", false));
        assert_true(remove_link(HOST_NAME, "c1", false));
        assert_clean();
        make(wire, &wiring);
        assert_ok(link_change_by_name(world.host, HOST_NAME, &no_alias, &err), &err);
        assert_ok(link_change_by_name(world.host, HOST_NAME, &other_mac, &err), &err);
        assert_state(wire, WIRE_FOREIGN);
        assert_false(remove_link(HOST_NAME, "c1", false));
        unmake(wire, &wiring);
}

/* Somebody gives it a name, an alias and a MAC (NULL: as it is) of his own. */
static void rename_link(const char *alias, const struct mac *mac)
{
        const struct link_change down = {.admin = LINK_ADMIN_DOWN},
                                 change = {.new_name = "uplink7", .alias = alias, .mac = mac};
        struct link_info link;
        struct err err;

        assert_ok(link_get_by_name(world.host, HOST_NAME, &link, &err), &err);
        assert_ok(link_change(world.host, link.ifindex, &down, &err), &err);
        assert_ok(link_change(world.host, link.ifindex, &change, &err), &err);
}

/* What has our alias, but neither MAC nor name of ours, may be another interface's of the container. */
static void test_a_renamed_link_is_removed(void **state _unused_)
{
        static const char *const aliases[] = {"c1", ""};
        _cleanup_(wire_freep) struct wire *wire = open_wire();
        struct wiring wiring;

        for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
                make(wire, &wiring);
                rename_link(aliases[i], NULL);
                assert_false(remove_link(HOST_NAME, "c2", false));
                assert_true(remove_link(HOST_NAME, "c1", false));
                assert_clean();
                make(wire, &wiring);
                rename_link(aliases[i], &other_pair.mac);
                assert_false(remove_link(HOST_NAME, "c1", false));
                unmake(wire, &wiring);
        }
}

/* Who has the address's route, and whether a new pod gets it. */
static const struct {
        const char *alias;
        uint8_t protocol;
        bool is_refused;
} takers[] = {
        {"c2", DATAPLANE_PROTOCOL, true}, /* the address has another owner by now */
        {"", DATAPLANE_PROTOCOL, true},   /* a bridge's, or of a pod whose link lost its alias */
        {"", RTPROT_BOOT, false},         /* somebody's, who left it there */
};

static void test_route_of_another(void **state _unused_)
{
        _cleanup_(wire_freep) struct wire *wire = open_wire();
        struct route_info there = {.dst = prefix_host(ip_from_u32(POD_ADDRESS)),
                                   .table = DATAPLANE_TABLE_PODS,
                                   .scope = RT_SCOPE_LINK};
        struct link_info link;
        struct wiring wiring;
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(takers); i++) {
                const struct link_change change = {.alias = takers[i].alias, .admin = LINK_ADMIN_UP};

                assert_ok(link_create_veth(world.host, &other_pair, &err), &err);
                assert_ok(link_change_by_name(world.host, "other0", &change, &err), &err);
                assert_ok(link_get_by_name(world.host, "other0", &link, &err), &err);
                there.oif = link.ifindex;
                there.protocol = takers[i].protocol;
                assert_ok(route_add(world.host, &there, &err), &err);
                wiring = wanted();
                if (takers[i].is_refused) {
                        assert_fails(wire_make(wire, &wiring, &err), ERR_EXISTS);
                        assert_contains(err.msg, "10.0.1.7 now leads to link other0");
                        assert_contains(err.msg, takers[i].alias);
                        assert_int_equal(count_pod_routes(), 1);
                        assert_int_equal(count_links(world.host), 3);
                } else {
                        assert_ok(wire_make(wire, &wiring, &err), &err);
                        assert_ok(wire_check(wire, &wiring, &err), &err);
                        assert_ok(wire_unmake(wire, &wiring, &err), &err);
                }
                assert_ok(link_delete_by_name(world.host, "other0", &err), &err);
                assert_clean();
        }
}

static void test_a_chosen_mac(void **state _unused_)
{
        _cleanup_(wire_freep) struct wire *wire = open_wire();
        struct wiring wiring = wanted();
        struct link_info pod;
        struct err err;

        wiring.mac = other_pair.mac;
        assert_ok(wire_make(wire, &wiring, &err), &err);
        assert_ok(link_get_by_name(world.pod, "eth0", &pod, &err), &err);
        assert_true(mac_equal(pod.mac, other_pair.mac));
        unmake(wire, &wiring);
}

static void test_failure_at_each_step_leaves_nothing(void **state _unused_)
{
        _cleanup_(wire_freep) struct wire *wire = open_wire();
        struct wiring wiring;
        struct err err;
        int steps = 0, r;

        for (;;) {
                wiring = wanted();
                world.calls_until_failure = steps + 1;
                r = wire_make(wire, &wiring, &err);
                if (r == 0)
                        break;
                assert_int_equal(world.calls_until_failure, 0);
                assert_fails(r, ERR_SYSTEM);
                assert_contains(err.msg, "injected failure");
                assert_clean();
                steps++;
        }
        world.calls_until_failure = 0;
        print_message("failed at each of %d calls\n", steps);
        assert_in_range(steps, 10, 40);
        unmake(wire, &wiring);
}

static void make_named(struct wire *wire, struct wiring *wiring, const char *host_ifname, const char *ifname)
{
        struct err err;

        *wiring = wanted();
        snprintf(wiring->host_ifname, sizeof(wiring->host_ifname), "%s", host_ifname);
        snprintf(wiring->ifname, sizeof(wiring->ifname), "%s", ifname);
        assert_ok(wire_make(wire, wiring, &err), &err);
}

static void test_removing_from_the_host(void **state _unused_)
{
        _cleanup_(wire_freep) struct wire *wire = open_wire();
        struct wiring wiring;

        assert_false(remove_link(HOST_NAME, "c1", false));
        make(wire, &wiring);
        assert_false(remove_link(HOST_NAME, "c2", false)); /* an older sandbox's DEL comes late */
        assert_int_equal(count_links(world.pod), 2);
        assert_true(remove_link(HOST_NAME, "c1", false));
        assert_clean();
        assert_false(remove_link(HOST_NAME, "c1", false));
        /* The prefix was changed since. */
        make_named(wire, &wiring, "old0d7763386da", "eth0");
        assert_true(remove_link(HOST_NAME, "c1", false));
        assert_clean();
        /* The pod is not named any more. */
        make(wire, &wiring);
        assert_true(remove_link("eni0123456789a", "c1", true));
        assert_clean();
        /* A link that has our alias, but neither our form nor the MAC of our making, is not ours. */
        make(wire, &wiring);
        rename_link("c1", &other_pair.mac);
        assert_false(remove_link(HOST_NAME, "c1", true));
        unmake(wire, &wiring);
}

static void test_removing_one_of_two_attachments(void **state _unused_)
{
        const struct mac mac = host_link_mac("c1", "eth0");
        const struct link_change other_mac = {.mac = &other_pair.mac}, made_with = {.mac = &mac};
        _cleanup_(wire_freep) struct wire *wire = open_wire();
        struct wiring first, second;
        struct link_info pod;
        struct err err;

        make_named(wire, &first, HOST_NAME, "eth0");
        /* A pod has one default route: the second is refused, and goes; then it gets the place. */
        second = wanted();
        snprintf(second.host_ifname, sizeof(second.host_ifname), "%s", "enide80847183d");
        snprintf(second.ifname, sizeof(second.ifname), "%s", "net1");
        second.address = ip_from_u32(POD_ADDRESS + 1);
        assert_fails(wire_make(wire, &second, &err), ERR_EXISTS);
        assert_ok(wire_check(wire, &first, &err), &err);
        assert_ok(link_get_by_name(world.pod, "eth0", &pod, &err), &err);
        assert_ok(break_default_route(NULL, &pod, &err), &err);
        assert_ok(break_gateway_route(NULL, &pod, &err), &err);
        second.address = ip_from_u32(POD_ADDRESS + 1);
        assert_ok(wire_make(wire, &second, &err), &err);
        assert_ok(link_change_by_name(world.host, HOST_NAME, &other_mac, &err), &err);
        assert_false(remove_link("eni0123456789a", "c1", true)); /* which one is not clear */
        assert_int_equal(count_links(world.pod), 3);
        assert_ok(link_change_by_name(world.host, HOST_NAME, &made_with, &err), &err);
        assert_true(remove_link("eni0123456789a", "c1", true)); /* their MACs tell */
        assert_int_equal(count_links(world.pod), 2);
        assert_ok(link_get_by_name(world.pod, "net1", &pod, &err), &err);
        assert_false(remove_link(HOST_NAME, "c1", false)); /* the other one stays */
        unmake(wire, &second);
}

static int compare_us(const void *a, const void *b)
{
        const int64_t *x = (const int64_t *)a, *y = (const int64_t *)b;

        return (*x > *y) - (*x < *y);
}

static int64_t now_us(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * (int64_t)1000000 + now.tv_nsec / 1000;
}

/* Not a check of speed: a figure to read. */
static void test_time_of_wiring(void **state _unused_)
{
        static int64_t us[TIMED_ADDS];
        struct wiring wiring;

        for (int i = 0; i < TIMED_ADDS; i++) {
                _cleanup_(wire_freep) struct wire *wire = NULL;
                int64_t started = now_us();

                wire = open_wire();
                make(wire, &wiring);
                us[i] = now_us() - started;
                unmake(wire, &wiring);
        }
        qsort(us, TIMED_ADDS, sizeof(us[0]), compare_us);
        print_message("wiring a pod: p50 %lld us, p99 %lld us\n", (long long)us[TIMED_ADDS / 2],
                      (long long)us[TIMED_ADDS * 99 / 100]);
}

static int make_world(void **state _unused_)
{
        struct err err;

        assert_int_equal(unshare(CLONE_NEWNET), 0);
        assert_ok(netns_open_current(&world.pod_fd, &err), &err);
        assert_int_equal(unshare(CLONE_NEWNET), 0);
        assert_ok(netlink_open(-1, &world.host, &err), &err);
        assert_ok(netlink_open(world.pod_fd, &world.pod, &err), &err);
        return 0;
}

static int drop_world(void **state _unused_)
{
        netlink_free(world.host);
        netlink_free(world.pod);
        close(world.pod_fd);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_object_is_there),
                cmocka_unit_test(test_packets_pass),
                cmocka_unit_test(test_check_names_what_is_broken),
                cmocka_unit_test(test_check_takes_an_answer_to_arp_for_a_neighbour),
                cmocka_unit_test(test_find),
                cmocka_unit_test(test_a_taken_name_is_left_alone),
                cmocka_unit_test(test_a_link_without_its_alias_is_ours),
                cmocka_unit_test(test_a_renamed_link_is_removed),
                cmocka_unit_test(test_a_chosen_mac),
                cmocka_unit_test(test_route_of_another),
                cmocka_unit_test(test_failure_at_each_step_leaves_nothing),
                cmocka_unit_test(test_removing_from_the_host),
                cmocka_unit_test(test_removing_one_of_two_attachments),
                cmocka_unit_test(test_time_of_wiring),
        };

        if (geteuid() != 0) {
                print_message("needs root: makes network namespaces\n");
                return 77;
        }
        return cmocka_run_group_tests(tests, make_world, drop_world);
}
