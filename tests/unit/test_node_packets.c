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
#include <vpcwire/sysctl.h>

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

/* Marks that others put on packets, with the device index of the ENI that each could be taken for. */
static const struct {
        const char *whose;
        uint32_t mark;
        unsigned device_index;
} foreign_marks[] = {
        {"wg-quick", 0xca6c, 10},
        {"Calico's eBPF", 0x01000000, 1},
        {"Cilium", 0x0f00, 15},
        {"Cilium with an identity", 0xabcd0f00, 15},
        {"kube-proxy's masquerade", 0x4000, 1},
        {"kube-proxy's drop", 0x8000, 1},
        {"portmap", 0x2000, 1},
        {"a small number", 0x0100, 1},
        {"two bits", 0x0102, 1},
        {"all but ours", 0xffffff7f, 31},
};

/* ENI 1 becomes that device. */
static void set_device_index(struct node_world *w, unsigned device_index)
{
        unsigned before = w->enis[1].device_index;

        w->enis[1].device_index = device_index;
        for (size_t i = 0; i < w->view.n_addresses; i++) {
                if (w->addresses[i].device_index == before)
                        w->addresses[i].device_index = device_index;
        }
        node_world_sync(w);
        gateway_neighbour(w, "eth1", "f1");
}

/* Counts what leaves with each mark, and puts one on what comes from pods, before Services or after them. */
static void mark_pods_packets(struct node_world *w, const char *priority, uint32_t mark)
{
        node_world_nft(
                w,
                arena_printf(w->arena,
                             "table ip marks { }; delete table ip marks; table ip marks { counter kept { }; "
                             "chain before { type filter hook prerouting priority %s; "
                             "iifname \"eni*\" meta mark set 0x%x; }; "
                             "chain after { type filter hook postrouting priority 0; "
                             "udp dport 5353 meta mark 0x%x counter name kept; }; }",
                             priority, mark, mark));
}

static void assert_kept(struct node_world *w, bool kept)
{
        assert_contains(node_world_nft(w, "list counter ip marks kept"), kept ? "packets 1 " : "packets 0 ");
}

/* A host's own packet goes as the host's routes say, with its mark as it was: an encrypted tunnel's must not enter the tunnel. */
static void test_marks_of_the_hosts_own_packets(void **state)
{
        struct node_world *w = *state;

        for (size_t i = 0; i < ARRAY_SIZE(foreign_marks); i++) {
                _cleanup_close_ int host = udp_open(w, w->host_fd, PORT);

                print_message("%s\n", foreign_marks[i].whose);
                set_device_index(w, foreign_marks[i].device_index);
                mark_pods_packets(w, "raw", foreign_marks[i].mark);
                assert_int_equal(setsockopt(host, SOL_SOCKET, SO_MARK, &foreign_marks[i].mark,
                                            sizeof(foreign_marks[i].mark)),
                                 0);
                udp_send(host, "10.0.2.7", PORT);
                assert_seen(await("10.0.2.7"), 0, "10.0.1.10");
                assert_kept(w, true);
        }
}

/* Not a packet's mark but its source says which ENI it leaves by, whoever marked it, and wherever in the chains. */
static void test_marks_of_pods_packets(void **state)
{
        static const char *const priorities[] = {"-350", "mangle", "dstnat"};
        struct node_world *w = *state;

        for (size_t i = 0; i < ARRAY_SIZE(foreign_marks) * ARRAY_SIZE(priorities); i++) {
                const size_t which = i / ARRAY_SIZE(priorities);
                const uint32_t mark = foreign_marks[which].mark;
                _cleanup_close_ int first = udp_open(w, w->pod_fds[0], PORT),
                                    second = udp_open(w, w->pod_fds[1], PORT);

                print_message("%s\n", foreign_marks[which].whose);
                set_device_index(w, foreign_marks[which].device_index);
                mark_pods_packets(w, priorities[i % ARRAY_SIZE(priorities)], mark);
                udp_send(first, "10.0.2.5", PORT);
                assert_seen(await("10.0.2.5"), 0, "10.0.1.11");
                /* One that has all the bits of ours is led away from our rules by another bit. */
                assert_kept(w,
                            (mark & NODE_MARK_ENI_MASK) != node_eni_mark(foreign_marks[which].device_index));
                udp_send(second, "10.0.2.6", PORT);
                assert_seen(await("10.0.2.6"), 1, "10.0.1.21");
        }
}

/* A connection's mark that somebody keeps there and puts back on the packets. */
static void test_marks_of_connections(void **state)
{
        struct node_world *w = *state;

        for (size_t i = 0; i < ARRAY_SIZE(foreign_marks); i++) {
                const uint32_t mark = foreign_marks[i].mark;
                _cleanup_close_ int first = udp_open(w, w->pod_fds[0], PORT),
                                    second = udp_open(w, w->pod_fds[1], PORT);

                print_message("%s\n", foreign_marks[i].whose);
                set_device_index(w, foreign_marks[i].device_index);
                node_world_nft(w, arena_printf(w->arena,
                                               "table ip marks { }; delete table ip marks; table ip marks { "
                                               "chain before { type filter hook prerouting priority mangle; "
                                               "ct mark set 0x%x; meta mark set ct mark; }; }",
                                               mark));
                udp_send(first, "10.0.2.5", PORT);
                assert_seen(await("10.0.2.5"), 0, "10.0.1.11");
                udp_send(second, "10.0.2.6", PORT);
                assert_seen(await("10.0.2.6"), 1, "10.0.1.21");
        }
}

/* Other bits of the packet mark are others': kube-proxy's and portmap's masquerade marks survive our chains. */
static void test_other_mark_bits_survive(void **state)
{
        struct node_world *w = *state;
        _cleanup_close_ int second = udp_open(w, w->pod_fds[1], PORT);
        const char *listing;

        node_world_nft(
                w, "table ip marks { counter kept { }; "
                   "chain before { type filter hook prerouting priority dstnat; meta mark set 0xabcde07d; }; "
                   "chain after { type filter hook postrouting priority 0; "
                   "udp dport 5353 meta mark 0xabcde17f counter name kept; }; }");
        udp_send(second, "10.0.2.5", PORT);
        assert_seen(await("10.0.2.5"), 1, "10.0.1.21");
        listing = node_world_nft(w, "list counter ip marks kept");
        assert_contains(listing, "packets 1 ");
}

/* A socket of a namespace that sends with whatever source. */
static int udp_open_as(struct node_world *w, int netns_fd, const char *source)
{
        _cleanup_(netns_leave) struct netns_guard guard = NETNS_GUARD_NONE;
        const struct sockaddr_in address = to_sockaddr(source, PORT);
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

        udp_send(fd, destination, PORT);
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
                         .saddr = to_sockaddr(source, 0).sin_addr.s_addr,
                         .daddr = to_sockaddr(destination, 0).sin_addr.s_addr},
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
        send_frame(taps[0], f0.ifindex, eth0.mac, source, destination);
}

/*
 * The kernel does not look at sources that come by an ENI; nftables does. The node's own addresses on both ENIs, its
 * loopback's, and a broadcast one.
 */
static void test_own_sources_by_an_eni(void **state)
{
        static const char *const forged[] = {"10.0.1.10", "10.0.1.20", "127.0.0.1", "10.0.1.255"};
        struct node_world *w = *state;
        _cleanup_close_ int host = udp_open(w, w->host_fd, PORT);

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
        _cleanup_close_ int second = udp_open(w, w->pod_fds[1], PORT), host = udp_open(w, w->host_fd, PORT);
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
        _cleanup_close_ int host = udp_open(w, w->host_fd, PORT);

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
#define PACKET_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
        const struct CMUnitTest tests[] = {
                PACKET_TEST(test_inside_the_vpc_by_the_own_eni),
                PACKET_TEST(test_outside_the_vpc_by_the_primary_with_its_address),
                PACKET_TEST(test_exempt_destination_keeps_the_source),
                PACKET_TEST(test_pod_to_pod_and_host_to_pod),
                PACKET_TEST(test_eni_address_by_its_eni),
                PACKET_TEST(test_node_port_reply_by_the_primary),
                PACKET_TEST(test_marks_of_the_hosts_own_packets),
                PACKET_TEST(test_marks_of_pods_packets),
                PACKET_TEST(test_marks_of_connections),
                PACKET_TEST(test_other_mark_bits_survive),
                PACKET_TEST(test_own_sources_by_an_eni),
                PACKET_TEST(test_a_link_without_group_is_guarded),
                PACKET_TEST(test_no_source_at_all),
        };
        int r = node_world_begin();

        return r ? r : cmocka_run_group_tests(tests, NULL, NULL);
}
