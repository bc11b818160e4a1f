// SPDX-License-Identifier: Apache-2.0
/* Packets with sources that they should not have. The guards are seen to be what drops them. */
#include "node_packets.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include <vpcwire/sysctl.h>

/* A socket of a namespace that sends with whatever source. */
static int udp_open_as(struct node_world *w, int netns_fd, const char *source)
{
        _cleanup_(netns_leave) struct netns_guard guard = NETNS_GUARD_NONE;
        const struct sockaddr_in address = node_packets_sockaddr(source, PORT);
        const int on = 1;
        int fd;

        assert_ok(netns_enter(netns_fd, &guard, &w->err), &w->err);
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        assert_int_equal(setsockopt(fd, SOL_IP, IP_TRANSPARENT, &on, sizeof(on)), 0);
        assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
        return fd;
}

static void send_as(struct node_world *w, int netns_fd, const char *source, const char *destination)
{
        _cleanup_close_ int fd = udp_open_as(w, netns_fd, source);

        node_packets_send(fd, destination, PORT);
}

/* The sources of what a socket hears, until it hears this one, with which all that came before it has come. */
static const char *hear_until(struct node_world *w, int fd, const char *last)
{
        _cleanup_(text_done) struct text heard = {0};
        char source[INET_ADDRSTRLEN], bytes[16];

        do {
                struct sockaddr_in from = {0};
                socklen_t length = sizeof(from);

                assert_int_equal(recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &length), 7);
                inet_ntop(AF_INET, &from.sin_addr, source, sizeof(source));
                text_add(&heard, "%s ", source);
        } while (strcmp(source, last) != 0);
        return arena_strdup(w->arena, heard.text);
}

/* A frame with whatever source in it, by a packet socket on the link of that number. */
static void send_frame(int fd, unsigned ifindex, struct mac mac, const char *source, const char *destination)
{
        struct {
                struct iphdr ip;
                struct udphdr udp;
                char payload[7];
        } __attribute__((packed))
        packet = {.ip = {.version = 4,
                         .ihl = 5,
                         .ttl = 64,
                         .protocol = IPPROTO_UDP,
                         .tot_len = htons(sizeof(packet)),
                         .saddr = node_packets_sockaddr(source, 0).sin_addr.s_addr,
                         .daddr = node_packets_sockaddr(destination, 0).sin_addr.s_addr},
                  .udp = {.source = htons(PORT), .dest = htons(PORT), .len = htons(sizeof(packet.udp) + 7)},
                  .payload = {'v', 'p', 'c', 'w', 'i', 'r', 'e'}};
        struct sockaddr_ll to = {
                .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_halen = MAC_BYTES};
        uint32_t sum = 0;
        uint16_t words[sizeof(packet.ip) / 2];

        memcpy(words, &packet.ip, sizeof(words));
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                sum += words[i];
        sum = (sum & 0xffff) + (sum >> 16);
        packet.ip.check = (uint16_t) ~((sum & 0xffff) + (sum >> 16));
        to.sll_ifindex = (int)ifindex;
        memcpy(to.sll_addr, mac.bytes, MAC_BYTES);
        assert_int_equal(sendto(fd, &packet, sizeof(packet), 0, (struct sockaddr *)&to, sizeof(to)),
                         (ssize_t)sizeof(packet));
}

/* From the VPC to eth0. */
static void send_by_eni(struct node_world *w, const char *source, const char *destination)
{
        struct link_info eth0, f0;

        assert_ok(link_get_by_name(w->nl, "eth0", &eth0, &w->err), &w->err);
        assert_ok(link_get_by_name(w->fabric_nl, "f0", &f0, &w->err), &w->err);
        send_frame(node_packets_taps[0], f0.ifindex, eth0.mac, source, destination);
}

/*
 * The kernel does not look at sources that come by an ENI; nftables does. The node's own addresses on both ENIs, its
 * loopback's, and a broadcast one.
 */
static void test_own_sources_by_an_eni(void **state)
{
        static const char *const forged[] = {"10.0.1.10", "10.0.1.20", "127.0.0.1", "10.0.1.255"};
        struct node_world *w = *state;
        _cleanup_close_ int host = node_packets_open(w, w->host_fd, PORT);

        assert_ok(link_change(w->nl, 1, &(struct link_change){.admin = LINK_ADMIN_UP}, &w->err), &w->err);
        assert_ok(sysctl_write("net.ipv4.conf.all.route_localnet", "1", NULL, &w->err), &w->err);
        for (size_t i = 0; i < ARRAY_SIZE(forged); i++)
                send_by_eni(w, forged[i], "10.0.1.10");
        send_by_eni(w, "10.0.2.9", "10.0.1.10");
        assert_string_equal(hear_until(w, host, "10.0.2.9"), "10.0.2.9 ");
        assert_contains(node_world_nft(w, "list counter inet vpcwire own_source"), "packets 4 ");
        node_world_nft(w, "delete table inet vpcwire");
        send_by_eni(w, forged[1], "10.0.1.10");
        send_by_eni(w, "10.0.2.9", "10.0.1.10");
        assert_string_equal(hear_until(w, host, "10.0.2.9"), "10.0.1.20 10.0.2.9 "); /* without the guard */
}

/* A link that an older plugin made after the daemon's last sync, with none of the kernel's own guards. */
static void test_a_link_without_group_is_guarded(void **state)
{
        static const char *const lax[][2] = {
                {"rp_filter", "0"}, {"route_localnet", "1"}, {"accept_local", "1"}};
        struct node_world *w = *state;
        _cleanup_close_ int second = node_packets_open(w, w->pod_fds[1], PORT),
                            host = node_packets_open(w, w->host_fd, PORT);
        const char *link = w->pods[0].host_ifname;

        assert_ok(link_change_by_name(w->nl, link, &(struct link_change){.group = 7}, &w->err), &w->err);
        for (size_t i = 0; i < ARRAY_SIZE(lax); i++)
                assert_ok(sysctl_write(arena_printf(w->arena, "net.ipv4.conf.%s.%s", link, lax[i][0]),
                                       lax[i][1], NULL, &w->err),
                          &w->err);
        send_as(w, w->pod_fds[0], "8.8.8.8", "10.0.1.21");
        send_as(w, w->pod_fds[0], "10.0.1.22", "10.0.1.21");
        send_as(w, w->pod_fds[0], "10.0.1.11", "10.0.1.21");
        assert_string_equal(hear_until(w, second, "10.0.1.11"), "10.0.1.11 ");
        send_as(w, w->pod_fds[0], "10.0.1.22", "10.0.1.10");
        send_as(w, w->pod_fds[0], "10.0.1.11", "127.0.0.1");
        send_as(w, w->pod_fds[0], "10.0.1.11", "10.0.1.10");
        assert_string_equal(hear_until(w, host, "10.0.1.11"), "10.0.1.11 ");
        assert_int_not_equal(node_world_sync(w), 0);
        assert_int_equal(w->report.repaired.links, 1);
        assert_int_equal(node_world_sync(w), 0);
}

/* From a pod to all on its link. */
static void broadcast_from_pod(struct node_world *w, int netns_fd, const char *source)
{
        static const struct mac all = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
        _cleanup_(netns_leave) struct netns_guard guard = NETNS_GUARD_NONE;
        _cleanup_(netlink_freep) struct netlink *pod = NULL;
        _cleanup_close_ int fd = -1;
        struct link_info link;

        assert_ok(netlink_open(netns_fd, &pod, &w->err), &w->err);
        assert_ok(link_get_by_name(pod, "eth0", &link, &w->err), &w->err);
        assert_ok(netns_enter(netns_fd, &guard, &w->err), &w->err);
        fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        send_frame(fd, link.ifindex, all, source, "255.255.255.255");
}

/* As a DHCP client sends, to a DHCP server on the node. */
static void test_no_source_at_all(void **state)
{
        struct node_world *w = *state;
        _cleanup_close_ int host = node_packets_open(w, w->host_fd, PORT);

        broadcast_from_pod(w, w->pod_fds[0], "0.0.0.0");
        broadcast_from_pod(w, w->pod_fds[0], "10.0.1.11");
        assert_string_equal(hear_until(w, host, "10.0.1.11"), "10.0.1.11 ");
        node_world_nft(w, "flush chain ip vpcwire begins");
        broadcast_from_pod(w, w->pod_fds[0], "0.0.0.0");
        broadcast_from_pod(w, w->pod_fds[0], "10.0.1.11");
        assert_string_equal(hear_until(w, host, "10.0.1.11"), "0.0.0.0 10.0.1.11 "); /* without the guard */
}

int main(void)
{
#define PACKET_TEST(fn) cmocka_unit_test_setup_teardown(fn, node_packets_setup, node_packets_teardown)
        const struct CMUnitTest tests[] = {
                PACKET_TEST(test_own_sources_by_an_eni),
                PACKET_TEST(test_a_link_without_group_is_guarded),
                PACKET_TEST(test_no_source_at_all),
        };
        int r = node_world_begin();

        return r ? r : cmocka_run_group_tests(tests, NULL, NULL);
}
