// SPDX-License-Identifier: Apache-2.0
/* What the wanted state does to packets: real ones, from pods in namespaces, through the host, out of the right ENI with the right source. */
#include "node_packets.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

enum { NODE_PORT = 30053 };

static void test_inside_the_vpc_by_the_own_eni(void **state)
{
        struct node_world *w = *state;
        _cleanup_close_ int first = node_packets_open(w, w->pod_fds[0], PORT),
                            second = node_packets_open(w, w->pod_fds[1], PORT);

        node_packets_send(first, "10.0.2.5", PORT);
        node_packets_assert(node_packets_await("10.0.2.5"), 0, "10.0.1.11");
        node_packets_send(second, "10.0.2.6", PORT);
        node_packets_assert(node_packets_await("10.0.2.6"), 1, "10.0.1.21");
}

static void test_outside_the_vpc_by_the_primary_with_its_address(void **state)
{
        struct node_world *w = *state;
        _cleanup_close_ int first = node_packets_open(w, w->pod_fds[0], PORT),
                            second = node_packets_open(w, w->pod_fds[1], PORT);

        node_packets_send(first, "198.51.100.1", PORT);
        node_packets_assert(node_packets_await("198.51.100.1"), 0, "10.0.1.10");
        node_packets_send(second, "198.51.100.2", PORT);
        node_packets_assert(node_packets_await("198.51.100.2"), 0, "10.0.1.10");
}

static void test_exempt_destination_keeps_the_source(void **state)
{
        struct node_world *w = *state;
        _cleanup_close_ int second = node_packets_open(w, w->pod_fds[1], PORT);

        w->egress.exempt = (struct cidrs){{world_cidr("198.51.100.0/24")}, 1};
        node_world_sync(w);
        node_packets_send(second, "198.51.100.2", PORT);
        node_packets_assert(node_packets_await("198.51.100.2"), 1, "10.0.1.21");
}

static void test_pod_to_pod_and_host_to_pod(void **state)
{
        struct node_world *w = *state;
        _cleanup_close_ int first = node_packets_open(w, w->pod_fds[0], PORT),
                            second = node_packets_open(w, w->pod_fds[1], PORT),
                            host = node_packets_open(w, w->host_fd, PORT);
        struct sockaddr_in from = {0};
        socklen_t length = sizeof(from);
        char bytes[16];

        node_packets_send(first, "10.0.1.21", PORT);
        assert_int_equal(recvfrom(second, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &length), 7);
        assert_int_equal(from.sin_addr.s_addr, node_packets_sockaddr("10.0.1.11", 0).sin_addr.s_addr);
        node_packets_send(host, "10.0.1.21", PORT);
        assert_int_equal(recvfrom(second, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &length), 7);
        assert_int_equal(from.sin_addr.s_addr, node_packets_sockaddr("10.0.1.10", 0).sin_addr.s_addr);
        node_packets_send(second, "10.0.1.10", PORT); /* and the answer, to the node itself */
        assert_int_equal(recvfrom(host, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &length), 7);
        assert_int_equal(from.sin_addr.s_addr, node_packets_sockaddr("10.0.1.21", 0).sin_addr.s_addr);
}

/* The node's own traffic from a secondary ENI's address leaves by that ENI. */
static void test_eni_address_by_its_eni(void **state _unused_)
{
        _cleanup_close_ int host = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        const struct sockaddr_in own = node_packets_sockaddr("10.0.1.20", PORT);

        assert_int_equal(bind(host, (const struct sockaddr *)&own, sizeof(own)), 0);
        node_packets_send(host, "10.0.2.5", PORT);
        node_packets_assert(node_packets_await("10.0.2.5"), 1, "10.0.1.20");
}

/* An address of the host that is no ENI's of ours, with its way out by eth1, as for an ENI that is not managed. */
static void add_own_address(struct node_world *w, const char *address)
{
        const struct prefix own = world_cidr(address);
        const struct rule_info rule = {
                .family = AF_INET, .priority = 20000, .src = own, .table = 99, .protocol = RTPROT_STATIC};
        const struct route_info way = {.dst = world_cidr("0.0.0.0/0"),
                                       .gateway = world_ip("10.0.1.1"),
                                       .onlink = true,
                                       .oif = node_world_ifindex(w, "eth1"),
                                       .table = 99,
                                       .protocol = RTPROT_STATIC};

        assert_ok(ifaddr_add(w->nl, &(struct ifaddr){.ifindex = 1, .prefix = own}, &w->err), &w->err);
        assert_ok(route_add(w->nl, &way, &w->err), &w->err);
        assert_ok(rule_add(w->nl, &rule, &w->err), &w->err);
}

/* External services are reached by the primary ENI by pods; the node's own packets go as the host's routes say. */
static void test_own_packets_to_an_external_service(void **state)
{
        static const struct {
                const char *source;
                int tap;
        } expect[] = {{"10.0.1.10", 0}, {"10.0.1.20", 1}, {"10.0.1.99", 1}};
        struct node_world *w = *state;

        w->egress.external_services = (struct cidrs){{world_cidr("198.51.100.0/24")}, 1};
        node_world_sync(w);
        add_own_address(w, "10.0.1.99/32");
        for (size_t i = 0; i < ARRAY_SIZE(expect); i++) {
                _cleanup_close_ int host = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
                const struct sockaddr_in own = node_packets_sockaddr(expect[i].source, PORT);

                assert_int_equal(bind(host, (const struct sockaddr *)&own, sizeof(own)), 0);
                node_packets_send(host, "198.51.100.1", PORT);
                node_packets_assert(node_packets_await("198.51.100.1"), expect[i].tap, expect[i].source);
        }
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
        _cleanup_close_ int pod = node_packets_open(w, w->pod_fds[1], PORT), client = -1;
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
        client = node_packets_open(w, w->fabric_fd, PORT);
        node_packets_send(client, "10.0.1.10", NODE_PORT);
        assert_int_equal(recvfrom(pod, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &length), 7);
        assert_int_equal(from.sin_addr.s_addr, node_packets_sockaddr("198.51.100.9", 0).sin_addr.s_addr);
        assert_int_equal(sendto(pod, "vpcwire", 7, 0, (struct sockaddr *)&from, length), 7);
        node_packets_assert(node_packets_await("198.51.100.9"), 0, "10.0.1.10");
}

int main(void)
{
#define PACKET_TEST(fn) cmocka_unit_test_setup_teardown(fn, node_packets_setup, node_packets_teardown)
        const struct CMUnitTest tests[] = {
                PACKET_TEST(test_inside_the_vpc_by_the_own_eni),
                PACKET_TEST(test_outside_the_vpc_by_the_primary_with_its_address),
                PACKET_TEST(test_exempt_destination_keeps_the_source),
                PACKET_TEST(test_pod_to_pod_and_host_to_pod),
                PACKET_TEST(test_eni_address_by_its_eni),
                PACKET_TEST(test_own_packets_to_an_external_service),
                PACKET_TEST(test_node_port_reply_by_the_primary),
        };
        int r = node_world_begin();

        return r ? r : cmocka_run_group_tests(tests, NULL, NULL);
}
