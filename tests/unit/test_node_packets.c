// SPDX-License-Identifier: Apache-2.0
/*
 * What the wanted state does to packets: real ones, from pods in namespaces, through the host, out of the right ENI with
 * the right source. The ENIs' other ends are in the fabric namespace, where packet sockets watch.
 */
#include "node_world.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <linux/udp.h>

#include <vpcwire/clock.h>

enum { DEADLINE_MS = TEST_PATIENCE_MS, PORT = 5353, NODE_PORT = 30053 };

static int taps[2]; /* on f0 and f1 */

/* A packet socket on one of the fabric's links. */
static int tap_open(struct node_world *w, const char *ifname)
{
        _cleanup_(netns_leave) struct netns_guard guard = NETNS_GUARD_NONE;
        struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP)};
        struct link_info link;
        int fd;

        assert_ok(link_get_by_name(w->fabric_nl, ifname, &link, &w->err), &w->err);
        assert_ok(netns_enter(w->fabric_fd, &guard, &w->err), &w->err);
        fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_IP));
        assert_true(fd >= 0);
        address.sll_ifindex = (int)link.ifindex;
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        return fd;
}

/* The gateway of the subnet as the host's neighbour on both ENIs: the fabric answers no ARP here. */
static void gateway_neighbour(struct node_world *w, const char *ifname, const char *fabric_ifname)
{
        struct link_info link;
        struct neigh_info neigh = {
                .ifindex = node_world_ifindex(w, ifname), .ip = world_ip("10.0.1.1"), .has_mac = true};

        assert_ok(link_get_by_name(w->fabric_nl, fabric_ifname, &link, &w->err), &w->err);
        neigh.mac = link.mac;
        assert_ok(neigh_replace_permanent(w->nl, &neigh, &w->err), &w->err);
}

static int setup(void **state)
{
        struct node_world *w;

        node_world_setup(state);
        w = *state;
        node_world_add_pod(w, "10.0.1.11", 0, true);
        node_world_add_pod(w, "10.0.1.21", 1, true);
        node_world_add_pod(w, "10.0.1.22", 1, true);
        node_world_sync(w);
        gateway_neighbour(w, "eth0", "f0");
        gateway_neighbour(w, "eth1", "f1");
        taps[0] = tap_open(w, "f0");
        taps[1] = tap_open(w, "f1");
        return 0;
}

static int teardown(void **state)
{
        close(taps[0]);
        close(taps[1]);
        return node_world_teardown(state);
}

/* A bound UDP socket in a namespace. */
static int udp_open(struct node_world *w, int netns_fd, unsigned port)
{
        _cleanup_(netns_leave) struct netns_guard guard = NETNS_GUARD_NONE;
        const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        const struct timeval deadline = {.tv_sec = DEADLINE_MS / 1000};
        int fd;

        assert_ok(netns_enter(netns_fd, &guard, &w->err), &w->err);
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline)), 0);
        return fd;
}

static struct sockaddr_in to_sockaddr(const char *address, unsigned port)
{
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

        assert_int_equal(inet_pton(AF_INET, address, &in.sin_addr), 1);
        return in;
}

static void udp_send(int fd, const char *address, unsigned port)
{
        const struct sockaddr_in to = to_sockaddr(address, port);

        assert_int_equal(sendto(fd, "vpcwire", 7, 0, (const struct sockaddr *)&to, sizeof(to)), 7);
}

struct seen {
        char source[INET_ADDRSTRLEN];
        unsigned source_port;
        int tap;
};

/* Reads one packet of a tap; true if it is UDP to that address. Packets that the fabric itself sends are not seen. */
static bool tap_read(int tap, const char *destination, struct seen *ret)
{
        struct sockaddr_ll from = {0};
        socklen_t length = sizeof(from);
        union {
                struct iphdr ip;
                char bytes[2048];
        } packet = {.bytes = {0}};
        struct udphdr udp;
        ssize_t n = recvfrom(taps[tap], &packet, sizeof(packet), 0, (struct sockaddr *)&from, &length);

        if (n < (ssize_t)(sizeof(packet.ip) + sizeof(udp)) || from.sll_pkttype == PACKET_OUTGOING ||
            packet.ip.protocol != IPPROTO_UDP ||
            packet.ip.daddr != to_sockaddr(destination, 0).sin_addr.s_addr)
                return false;
        memcpy(&udp, packet.bytes + 4 * packet.ip.ihl, sizeof(udp));
        inet_ntop(AF_INET, &packet.ip.saddr, ret->source, sizeof(ret->source));
        ret->source_port = ntohs(udp.source);
        ret->tap = tap;
        return true;
}

/* Waits for a UDP packet to that address, on either ENI. */
static struct seen await(const char *destination)
{
        int64_t deadline = clock_boottime_ms() + DEADLINE_MS, left;

        while ((left = deadline - clock_boottime_ms()) > 0) {
                struct pollfd polls[] = {{.fd = taps[0], .events = POLLIN},
                                         {.fd = taps[1], .events = POLLIN}};
                struct seen seen;

                poll(polls, ARRAY_SIZE(polls), (int)left);
                for (int i = 0; i < 2; i++) {
                        if ((polls[i].revents & POLLIN) && tap_read(i, destination, &seen))
                                return seen;
                }
        }
        fail_msg("no packet to %s left the host", destination);
        return (struct seen){0};
}

static void assert_seen(struct seen seen, int tap, const char *source)
{
        assert_string_equal(seen.source, source);
        assert_int_equal(seen.tap, tap);
}

static void test_inside_the_vpc_by_the_own_eni(void **state)
{
        struct node_world *w = *state;
        _cleanup_close_ int first = udp_open(w, w->pod_fds[0], PORT),
                            second = udp_open(w, w->pod_fds[1], PORT);

        udp_send(first, "10.0.2.5", PORT);
        assert_seen(await("10.0.2.5"), 0, "10.0.1.11");
        udp_send(second, "10.0.2.6", PORT);
        assert_seen(await("10.0.2.6"), 1, "10.0.1.21");
}

static void test_outside_the_vpc_by_the_primary_with_its_address(void **state)
{
        struct node_world *w = *state;
        _cleanup_close_ int first = udp_open(w, w->pod_fds[0], PORT),
                            second = udp_open(w, w->pod_fds[1], PORT);

        udp_send(first, "198.51.100.1", PORT);
        assert_seen(await("198.51.100.1"), 0, "10.0.1.10");
        udp_send(second, "198.51.100.2", PORT);
        assert_seen(await("198.51.100.2"), 0, "10.0.1.10");
}

static void test_exempt_destination_keeps_the_source(void **state)
{
        struct node_world *w = *state;
        _cleanup_close_ int second = udp_open(w, w->pod_fds[1], PORT);

        w->border.exempt = (struct node_cidrs){{world_cidr("198.51.100.0/24")}, 1};
        node_world_sync(w);
        udp_send(second, "198.51.100.2", PORT);
        assert_seen(await("198.51.100.2"), 1, "10.0.1.21");
}

static void test_pod_to_pod_and_host_to_pod(void **state)
{
        struct node_world *w = *state;
        _cleanup_close_ int first = udp_open(w, w->pod_fds[0], PORT),
                            second = udp_open(w, w->pod_fds[1], PORT), host = udp_open(w, w->host_fd, PORT);
        struct sockaddr_in from = {0};
        socklen_t length = sizeof(from);
        char bytes[16];

        udp_send(first, "10.0.1.21", PORT);
        assert_int_equal(recvfrom(second, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &length), 7);
        assert_int_equal(from.sin_addr.s_addr, to_sockaddr("10.0.1.11", 0).sin_addr.s_addr);
        udp_send(host, "10.0.1.21", PORT);
        assert_int_equal(recvfrom(second, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &length), 7);
        assert_int_equal(from.sin_addr.s_addr, to_sockaddr("10.0.1.10", 0).sin_addr.s_addr);
        udp_send(second, "10.0.1.10", PORT); /* and the answer, to the node itself */
        assert_int_equal(recvfrom(host, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &length), 7);
        assert_int_equal(from.sin_addr.s_addr, to_sockaddr("10.0.1.21", 0).sin_addr.s_addr);
}

/* The node's own traffic from a secondary ENI's address leaves by that ENI. */
static void test_eni_address_by_its_eni(void **state _unused_)
{
        _cleanup_close_ int host = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        const struct sockaddr_in own = to_sockaddr("10.0.1.20", PORT);

        assert_int_equal(bind(host, (const struct sockaddr *)&own, sizeof(own)), 0);
        udp_send(host, "10.0.2.5", PORT);
        assert_seen(await("10.0.2.5"), 1, "10.0.1.20");
}

/*
 * A NodePort as kube-proxy would do it, without masquerade: DNAT to a pod on the second ENI. The reply must leave by the
 * primary ENI with its address, or the client would not know it.
 */
static void test_node_port_reply_by_the_primary(void **state)
{
        struct node_world *w = *state;
        const struct ifaddr client_address = {.ifindex = 1, .prefix = world_cidr("198.51.100.9/32")};
        struct route_info way = {.dst = world_cidr("10.0.1.10/32"), .scope = RT_SCOPE_LINK};
        _cleanup_close_ int pod = udp_open(w, w->pod_fds[1], PORT), client = -1;
        struct sockaddr_in from = {0};
        socklen_t length = sizeof(from);
        struct link_info f0, eth0;
        char bytes[16];

        node_world_nft(w, "table ip nodeport { chain c { type nat hook prerouting priority dstnat; "
                          "udp dport 30053 dnat to 10.0.1.21:5353; }; }");
        assert_ok(link_get_by_name(w->fabric_nl, "f0", &f0, &w->err), &w->err);
        assert_ok(link_get_by_name(w->nl, "eth0", &eth0, &w->err), &w->err);
        way.oif = f0.ifindex;
        assert_ok(link_change(w->fabric_nl, 1, &(struct link_change){.admin = LINK_ADMIN_UP}, &w->err),
                  &w->err);
        assert_ok(ifaddr_add(w->fabric_nl, &client_address, &w->err), &w->err);
        assert_ok(route_add(w->fabric_nl, &way, &w->err), &w->err);
        assert_ok(neigh_replace_permanent(
                          w->fabric_nl,
                          &(struct neigh_info){
                                  .ifindex = f0.ifindex, .ip = way.dst.ip, .has_mac = true, .mac = eth0.mac},
                          &w->err),
                  &w->err);
        client = udp_open(w, w->fabric_fd, PORT);
        udp_send(client, "10.0.1.10", NODE_PORT);
        assert_int_equal(recvfrom(pod, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &length), 7);
        assert_int_equal(from.sin_addr.s_addr, to_sockaddr("198.51.100.9", 0).sin_addr.s_addr);
        assert_int_equal(sendto(pod, "vpcwire", 7, 0, (struct sockaddr *)&from, length), 7);
        assert_seen(await("198.51.100.9"), 0, "10.0.1.10");
}

/* Other bits of the packet mark are others': kube-proxy's masquerade mark survives our chains. */
static void test_other_mark_bits_survive(void **state)
{
        struct node_world *w = *state;
        _cleanup_close_ int second = udp_open(w, w->pod_fds[1], PORT);
        const char *listing;

        node_world_nft(w,
                       "table ip marks { counter kept { }; "
                       "chain before { type filter hook prerouting priority dstnat; meta mark set 0x4000; }; "
                       "chain after { type filter hook postrouting priority 0; "
                       "udp dport 5353 meta mark 0x4100 counter name kept; }; }");
        udp_send(second, "10.0.2.5", PORT);
        assert_seen(await("10.0.2.5"), 1, "10.0.1.21");
        listing = node_world_nft(w, "list counter ip marks kept");
        assert_contains(listing, "packets 1 ");
}

int main(void)
{
#define PACKET_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
        const struct CMUnitTest tests[] = {
                PACKET_TEST(test_inside_the_vpc_by_the_own_eni),
                PACKET_TEST(test_outside_the_vpc_by_the_primary_with_its_address),
                PACKET_TEST(test_exempt_destination_keeps_the_source),
                PACKET_TEST(test_pod_to_pod_and_host_to_pod),
                PACKET_TEST(test_eni_address_by_its_eni),
                PACKET_TEST(test_node_port_reply_by_the_primary),
                PACKET_TEST(test_other_mark_bits_survive),
        };
        int r = node_world_begin();

        return r ? r : cmocka_run_group_tests(tests, NULL, NULL);
}
