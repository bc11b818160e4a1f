// SPDX-License-Identifier: Apache-2.0
#include "node_packets.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <linux/udp.h>

#include <vpcwire/clock.h>

enum { DEADLINE_MS = TEST_PATIENCE_MS };

int node_packets_taps[2];

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
void node_packets_gateway(struct node_world *w, const char *ifname, const char *fabric_ifname)
{
        struct link_info link;
        struct neigh_info neigh = {
                .ifindex = node_world_ifindex(w, ifname), .ip = world_ip("10.0.1.1"), .has_mac = true};

        assert_ok(link_get_by_name(w->fabric_nl, fabric_ifname, &link, &w->err), &w->err);
        neigh.mac = link.mac;
        assert_ok(neigh_replace_permanent(w->nl, &neigh, &w->err), &w->err);
}

/* Its queue is there: what is sent before is dropped, and nobody sends it again. */
static void wait_running(struct node_world *w, const char *fabric_ifname)
{
        int64_t deadline = clock_boottime_ms() + DEADLINE_MS;
        struct link_info link;

        for (;;) {
                assert_ok(link_get_by_name(w->fabric_nl, fabric_ifname, &link, &w->err), &w->err);
                if (link.running)
                        return;
                if (clock_boottime_ms() > deadline)
                        fail_msg("%s does not run", fabric_ifname);
                poll(NULL, 0, 1);
        }
}

/* Packets that one CPU sends arrive in their order; those of two may overtake one another. */
static void stay_on_this_cpu(void)
{
        cpu_set_t one;

        CPU_ZERO(&one);
        CPU_SET(sched_getcpu(), &one);
        assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
}

int node_packets_setup(void **state)
{
        struct node_world *w;

        node_world_setup(state);
        w = *state;
        node_world_add_pod(w, "10.0.1.11", 0, true);
        node_world_add_pod(w, "10.0.1.21", 1, true);
        node_world_add_pod(w, "10.0.1.22", 1, true);
        node_world_sync(w);
        node_packets_gateway(w, "eth0", "f0");
        node_packets_gateway(w, "eth1", "f1");
        wait_running(w, "f0");
        wait_running(w, "f1");
        stay_on_this_cpu();
        node_packets_taps[0] = tap_open(w, "f0");
        node_packets_taps[1] = tap_open(w, "f1");
        return 0;
}

int node_packets_teardown(void **state)
{
        close(node_packets_taps[0]);
        close(node_packets_taps[1]);
        return node_world_teardown(state);
}

/* A bound UDP socket in a namespace. */
int node_packets_open(struct node_world *w, int netns_fd, unsigned port)
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

struct sockaddr_in node_packets_sockaddr(const char *address, unsigned port)
{
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

        assert_int_equal(inet_pton(AF_INET, address, &in.sin_addr), 1);
        return in;
}

void node_packets_send(int fd, const char *address, unsigned port)
{
        const struct sockaddr_in to = node_packets_sockaddr(address, port);

        assert_int_equal(sendto(fd, "vpcwire", 7, 0, (const struct sockaddr *)&to, sizeof(to)), 7);
}

/* Reads one packet of a tap; true if it is UDP to that address. Packets that the fabric itself sends are not seen. */
static bool tap_read(int tap, const char *destination, struct packet_seen *ret)
{
        struct sockaddr_ll from = {0};
        socklen_t length = sizeof(from);
        union {
                struct iphdr ip;
                char bytes[2048];
        } packet = {.bytes = {0}};
        struct udphdr udp;
        ssize_t n = recvfrom(node_packets_taps[tap], &packet, sizeof(packet), 0, (struct sockaddr *)&from,
                             &length);

        if (n < (ssize_t)(sizeof(packet.ip) + sizeof(udp)) || from.sll_pkttype == PACKET_OUTGOING ||
            packet.ip.protocol != IPPROTO_UDP ||
            packet.ip.daddr != node_packets_sockaddr(destination, 0).sin_addr.s_addr)
                return false;
        memcpy(&udp, packet.bytes + 4 * packet.ip.ihl, sizeof(udp));
        inet_ntop(AF_INET, &packet.ip.saddr, ret->source, sizeof(ret->source));
        ret->source_port = ntohs(udp.source);
        ret->tap = tap;
        return true;
}

/* Waits for a UDP packet to that address, on either ENI. */
struct packet_seen node_packets_await(const char *destination)
{
        int64_t deadline = clock_boottime_ms() + DEADLINE_MS, left;

        while ((left = deadline - clock_boottime_ms()) > 0) {
                struct pollfd polls[] = {{.fd = node_packets_taps[0], .events = POLLIN},
                                         {.fd = node_packets_taps[1], .events = POLLIN}};
                struct packet_seen seen;

                poll(polls, ARRAY_SIZE(polls), (int)left);
                for (int i = 0; i < 2; i++) {
                        if ((polls[i].revents & POLLIN) && tap_read(i, destination, &seen))
                                return seen;
                }
        }
        fail_msg("no packet to %s left the host", destination);
        return (struct packet_seen){0};
}

void node_packets_assert(struct packet_seen seen, int tap, const char *source)
{
        assert_string_equal(seen.source, source);
        assert_int_equal(seen.tap, tap);
}
