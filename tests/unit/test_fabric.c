// SPDX-License-Identifier: Apache-2.0
/* vpcsim's fabric: real packets between network namespaces. Needs root. */
#include "test.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <poll.h>
#include <unistd.h>

#include <vpcwire/clock.h>
#include <vpcwire/ifaddr.h>
#include <vpcwire/link.h>
#include <vpcwire/mem.h>
#include <vpcwire/neigh.h>

#include "fabric_fixture.h"
#include "fabric_packets.h"

/* Those to or from an address without a public one, as fixture_wait_wrong_source(). */
static uint64_t wait_no_public(struct fabric *fabric, uint64_t expect)
{
        int64_t deadline_ms = clock_boottime_ms() + PACKETS_DEADLINE_MS;

        while (fixture_counters(fabric).no_public_packets < expect && clock_boottime_ms() < deadline_ms)
                poll(NULL, 0, 1);
        return fixture_counters(fabric).no_public_packets;
}

static void open_space(const char *node, struct fabric_space *ret)
{
        struct err err;

        assert_ok(fabric_space_open(SPACE(node), ret, &err), &err);
}

static void put_address(const char *node, const char *link, const char *address)
{
        _cleanup_(fabric_space_close) struct fabric_space space = FABRIC_SPACE_NONE;
        struct err err;

        open_space(node, &space);
        assert_ok(fabric_space_add_address(&space, link, prefix_host(packets_ip(address)), &err), &err);
}

static void test_nodes_reach_each_other(void **state)
{
        static const char *const nodes[] = {"n1", "n2", "n3"}, *const addresses[] = {N1_IP, N2_IP, N3_IP};

        for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
                for (size_t j = 0; j < ARRAY_SIZE(nodes); j++)
                        assert_true(
                                packets_ping(SPACE(nodes[i]), NULL, addresses[j], 56, PACKETS_DEADLINE_MS));
        }
        /* A full packet of 9001 bytes in one piece. */
        assert_true(packets_ping(SPACE("n1"), NULL, N3_IP, 9001 - 28, PACKETS_DEADLINE_MS));
        assert_true(packets_ping(SPACE("n1"), NULL, "10.0.1.1", 56, PACKETS_DEADLINE_MS));
        assert_int_equal(fixture_counters(*state).wrong_source_packets, 0);
        assert_true(fixture_counters(*state).forwarded_packets >= 12);
}

static void test_primary_link_is_as_after_boot(void **state _unused_)
{
        _cleanup_(fabric_space_close) struct fabric_space space = FABRIC_SPACE_NONE;
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct ifaddr *addresses;
        struct link_info link;
        struct err err;
        size_t n;

        open_space("n1", &space);
        assert_ok(link_get_by_name(space.nl, "eth0", &link, &err), &err);
        assert_true(link.up && link.carrier && link.running);
        assert_int_equal(link.mtu, 9001);
        assert_string_equal(MAC_TEXT(link.mac), "02:00:00:00:01:0a");
        assert_ok(ifaddr_dump(space.nl, arena, AF_INET, link.ifindex, &addresses, &n, &err), &err);
        assert_int_equal(n, 1);
        assert_string_equal(PREFIX_TEXT(addresses[0].prefix), N1_IP "/24");
}

static void test_further_eni_appears_down_and_leaves(void **state)
{
        _cleanup_(fabric_space_close) struct fabric_space space = FABRIC_SPACE_NONE;
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        int64_t deadline_ms = clock_boottime_ms() + PACKETS_DEADLINE_MS;
        struct ifaddr *addresses;
        struct link_info link;
        struct err err;
        size_t n;

        open_space("n1", &space);
        assert_ok(fixture_attach(*state, "eni-4", "n1", 1, "10.0.2.40", &err), &err);
        assert_ok(link_get_by_name(space.nl, "eth1", &link, &err), &err);
        assert_false(link.up);
        assert_int_equal(link.mtu, 9001);
        assert_string_equal(MAC_TEXT(link.mac), "02:00:00:00:02:28");
        assert_ok(ifaddr_dump(space.nl, arena, AF_INET, link.ifindex, &addresses, &n, &err), &err);
        assert_int_equal(n, 0);

        put_address("n1", "eth1", "10.0.2.40");
        assert_ok(link_change_by_name(space.nl, "eth1", &(struct link_change){.admin = LINK_ADMIN_UP}, &err),
                  &err);
        /* The reply leaves by eth0, where its source does not belong: that is what policy routing is for. */
        while (fixture_counters(*state).wrong_source_packets == 0 && clock_boottime_ms() < deadline_ms)
                assert_false(packets_ping(SPACE("n3"), NULL, "10.0.2.40", 56, PACKETS_ABSENCE_MS));
        assert_true(fixture_counters(*state).wrong_source_packets > 0);

        assert_ok(fabric_detach(*state, "eni-4", &err), &err);
        assert_fails(link_get_by_name(space.nl, "eth1", &link, &err), ERR_NOT_FOUND);
        assert_fails(fabric_detach(*state, "eni-4", &err), ERR_NOT_FOUND);
        assert_ok(fixture_attach(*state, "eni-4", "n2", 1, "10.0.2.40", &err), &err);
}

static void test_secondary_address(void **state)
{
        struct ip addresses[] = {packets_ip(N2_IP), packets_ip("10.0.1.21")};
        struct err err;

        put_address("n2", "eth0", "10.0.1.21");
        assert_false(packets_ping(SPACE("n1"), NULL, "10.0.1.21", 56, PACKETS_ABSENCE_MS));
        assert_ok(fabric_set_addresses(*state, "eni-2", addresses, 2, &err), &err);
        assert_true(packets_ping(SPACE("n1"), NULL, "10.0.1.21", 56, PACKETS_DEADLINE_MS));
        assert_true(packets_ping(SPACE("n2"), "10.0.1.21", N3_IP, 56, PACKETS_DEADLINE_MS));
        assert_int_equal(fixture_counters(*state).wrong_source_packets, 0);
        assert_fails(fabric_set_addresses(*state, "eni-3", addresses + 1, 1, &err), ERR_BUSY);
        assert_contains(err.msg, "10.0.1.21 belongs to eni-2");

        assert_ok(fabric_set_addresses(*state, "eni-2", addresses, 1, &err), &err);
        assert_false(packets_ping(SPACE("n1"), NULL, "10.0.1.21", 56, PACKETS_ABSENCE_MS));
        assert_false(packets_ping(SPACE("n2"), "10.0.1.21", N3_IP, 56, PACKETS_ABSENCE_MS));
        assert_int_equal(fixture_wait_wrong_source(*state, 1), 1);
        assert_ok(fabric_set_addresses(*state, "eni-3", (struct ip[]){packets_ip(N3_IP), addresses[1]}, 2,
                                       &err),
                  &err);
}

/* Waits until n1 knows who has the address. */
static bool resolves(const char *address)
{
        _cleanup_(fabric_space_close) struct fabric_space space = FABRIC_SPACE_NONE;
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        int64_t deadline_ms = clock_boottime_ms() + PACKETS_DEADLINE_MS;
        struct neigh_info *neighbours;
        struct err err;
        size_t n;

        open_space("n1", &space);
        (void)packets_ping(SPACE("n1"), NULL, address, 56, 1);
        do {
                assert_ok(neigh_dump(space.nl, arena, AF_INET, 0, &neighbours, &n, &err), &err);
                for (size_t i = 0; i < n; i++) {
                        if (ip_equal(neighbours[i].ip, packets_ip(address)) && neighbours[i].has_mac &&
                            neighbours[i].state & (NUD_REACHABLE | NUD_STALE | NUD_DELAY))
                                return true;
                }
                poll(NULL, 0, 1);
        } while (clock_boottime_ms() < deadline_ms);
        return false;
}

static void test_fabric_answers_arp_for_the_whole_subnet(void **state)
{
        struct ip addresses[] = {packets_ip(N1_IP), packets_ip("10.0.1.11")};
        struct err err;

        assert_true(resolves("10.0.1.1"));
        assert_true(resolves(N2_IP));
        assert_true(resolves("10.0.1.200")); /* of nobody */
        /* Of the asking ENI itself, but not on the node's link. */
        assert_ok(fabric_set_addresses(*state, "eni-1", addresses, 2, &err), &err);
        assert_true(resolves("10.0.1.11"));
}

static void test_forged_source_is_dropped_and_reported(void **state)
{
        struct fabric_offender *offenders;
        struct err err;
        size_t n;

        packets_send_forged(SPACE("n1"), "10.0.1.99", N2_IP); /* of nobody */
        packets_send_forged(SPACE("n1"), N3_IP, N2_IP);       /* of another ENI */
        packets_send_forged(SPACE("n1"), N3_IP, N2_IP);
        packets_send_forged(SPACE("n1"), N1_IP, N2_IP); /* its own */
        assert_int_equal(fixture_wait_wrong_source(*state, 3), 3);
        assert_ok(fabric_read_offenders(*state, &offenders, &n, &err), &err);
        assert_int_equal(n, 2);
        for (size_t i = 0; i < n; i++) {
                bool other = ip_equal(offenders[i].source, packets_ip(N3_IP));

                assert_string_equal(offenders[i].eni_id, "eni-1");
                assert_string_equal(IP_TEXT(offenders[i].source), other ? N3_IP : "10.0.1.99");
                assert_string_equal(IP_TEXT(offenders[i].destination), N2_IP);
                assert_int_equal(offenders[i].packets, other ? 2 : 1);
        }
        fabric_offenders_free(offenders, n);
}

static void test_imds_address(void **state)
{
        _cleanup_close_ int listener = -1, client = -1, server = -1;
        struct err err;
        struct ip peer;

        assert_ok(fabric_listen(*state, FABRIC_VPC, packets_ip("169.254.169.254"), 80, &listener, &err),
                  &err);
        client = packets_connect(SPACE("n3"), NULL, "169.254.169.254", 80);
        server = packets_accept(listener, &peer);
        assert_string_equal(IP_TEXT(peer), N3_IP);
        assert_true(packets_exchange(server, client, PACKETS_DEADLINE_MS));
}
static void test_nat_both_ways(void **state)
{
        _cleanup_close_ int inet_listener = -1, out = -1, out_server = -1;
        _cleanup_close_ int node_listener = -1, in = -1, in_server = -1;
        struct err err;
        struct ip peer;

        assert_ok(fabric_set_public(*state, packets_ip(N1_IP), packets_ip("203.0.113.10"), &err), &err);
        assert_ok(fabric_listen(*state, FABRIC_INTERNET, packets_ip("198.51.100.7"), 7000, &inet_listener,
                                &err),
                  &err);
        out = packets_connect(SPACE("n1"), NULL, "198.51.100.7", 7000);
        out_server = packets_accept(inet_listener, &peer);
        assert_string_equal(IP_TEXT(peer), "203.0.113.10");
        assert_true(packets_exchange(out, out_server, PACKETS_DEADLINE_MS));
        assert_true(packets_exchange(out_server, out, PACKETS_DEADLINE_MS));

        node_listener = packets_listen(SPACE("n1"), N1_IP, 7001);
        in = packets_connect(SPACE("inet"), "198.51.100.7", "203.0.113.10", 7001);
        in_server = packets_accept(node_listener, &peer);
        assert_string_equal(IP_TEXT(peer), "198.51.100.7");
        assert_true(packets_exchange(in, in_server, PACKETS_DEADLINE_MS));
        assert_true(packets_exchange(in_server, in, PACKETS_DEADLINE_MS));
        assert_int_equal(fixture_counters(*state).no_public_packets, 0);

        /* Connections end with the public address, whoever began them. */
        assert_ok(fabric_set_public(*state, packets_ip(N1_IP), packets_ip("203.0.113.11"), &err), &err);
        assert_false(packets_exchange(out, out_server, PACKETS_ABSENCE_MS));
        assert_false(packets_exchange(in_server, in, PACKETS_ABSENCE_MS));
        assert_true(wait_no_public(*state, 2) >= 2);
        assert_true(packets_ping(SPACE("inet"), "198.51.100.7", "203.0.113.11", 56, PACKETS_DEADLINE_MS));
        assert_int_equal(fixture_counters(*state).wrong_source_packets, 0);
}

static void test_public_addresses_from_inside(void **state)
{
        _cleanup_close_ int listener = -1, client = -1, server = -1;
        struct err err;
        struct ip peer;

        assert_ok(fabric_set_public(*state, packets_ip(N1_IP), packets_ip("203.0.113.10"), &err), &err);
        assert_ok(fabric_set_public(*state, packets_ip(N3_IP), packets_ip("203.0.113.30"), &err), &err);
        listener = packets_listen(SPACE("n3"), N3_IP, 7002);
        client = packets_connect(SPACE("n1"), NULL, "203.0.113.30", 7002);
        server = packets_accept(listener, &peer);
        assert_string_equal(IP_TEXT(peer), "203.0.113.10");
        assert_true(packets_exchange(server, client, PACKETS_DEADLINE_MS));
        assert_fails(fabric_set_public(*state, packets_ip(N2_IP), packets_ip("203.0.113.30"), &err),
                     ERR_BUSY);
}

static void test_no_public_address_no_internet(void **state)
{
        struct err err;

        assert_ok(fabric_add_internet_address(*state, packets_ip("198.51.100.9"), &err), &err);
        assert_false(packets_ping(SPACE("n2"), NULL, "198.51.100.9", 56, PACKETS_ABSENCE_MS));
        assert_int_equal(wait_no_public(*state, 1), 1);
        assert_ok(fabric_set_public(*state, packets_ip(N2_IP), packets_ip("203.0.113.20"), &err), &err);
        assert_true(packets_ping(SPACE("n2"), NULL, "198.51.100.9", 56, PACKETS_DEADLINE_MS));
        assert_ok(fabric_set_public(*state, packets_ip(N2_IP), IP_NONE, &err), &err);
        assert_false(packets_ping(SPACE("n2"), NULL, "198.51.100.9", 56, PACKETS_ABSENCE_MS));
        assert_int_equal(wait_no_public(*state, 2), 2);
        /* Private ranges end at the border, unseen. */
        assert_false(packets_ping(SPACE("n2"), NULL, "192.168.1.1", 56, PACKETS_ABSENCE_MS));
        assert_int_equal(fixture_counters(*state).no_public_packets, 2);
}

/* Both ways with the own addresses, and no further than the VPC; packets as large as the way is wide. */
static void test_joined_networks(void **state)
{
        const struct ip peer_host = packets_ip("10.9.1.10"), site_host = packets_ip("192.168.1.10");
        const struct fabric_network peer = {"peer", fixture_cidr("10.9.0.0/16"), 8500, &peer_host, 1},
                                    site = {"site", fixture_cidr("192.168.0.0/16"), 1500, &site_host, 1},
                                    outside = {"out", fixture_cidr("10.8.0.0/16"), 1500, &site_host, 1};
        int listen_fd, client_fd, server_fd;
        struct ip seen;
        struct err err;

        assert_ok(fabric_add_network(*state, &peer, &err), &err);
        assert_ok(fabric_add_network(*state, &site, &err), &err);
        assert_fails(fabric_add_network(*state, &site, &err), ERR_EXISTS);
        assert_fails(fabric_add_network(*state, &outside, &err), ERR_INVALID);
        assert_true(packets_ping(SPACE("n1"), NULL, "10.9.1.10", 8500 - 28, PACKETS_DEADLINE_MS));
        assert_true(packets_ping(SPACE("site"), "192.168.1.10", N3_IP, 1500 - 28, PACKETS_DEADLINE_MS));
        listen_fd = packets_listen(SPACE("peer"), "10.9.1.10", 80);
        client_fd = packets_connect(SPACE("n1"), N1_IP, "10.9.1.10", 80);
        server_fd = packets_accept(listen_fd, &seen);
        assert_string_equal(IP_TEXT(seen), N1_IP);
        close(server_fd);
        close(client_fd);
        close(listen_fd);
        assert_false(packets_ping(SPACE("site"), "192.168.1.10", "10.9.1.10", 56, PACKETS_ABSENCE_MS));
        assert_false(packets_ping(SPACE("peer"), "10.9.1.10", "198.51.100.1", 56, PACKETS_ABSENCE_MS));
        assert_int_equal(fixture_counters(*state).wrong_source_packets, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_FABRIC(test_nodes_reach_each_other),
                WITH_FABRIC(test_primary_link_is_as_after_boot),
                WITH_FABRIC(test_further_eni_appears_down_and_leaves),
                WITH_FABRIC(test_secondary_address),
                WITH_FABRIC(test_fabric_answers_arp_for_the_whole_subnet),
                WITH_FABRIC(test_forged_source_is_dropped_and_reported),
                WITH_FABRIC(test_imds_address),
                WITH_FABRIC(test_nat_both_ways),
                WITH_FABRIC(test_public_addresses_from_inside),
                WITH_FABRIC(test_no_public_address_no_internet),
                WITH_FABRIC(test_joined_networks),
        };

        return fixture_start() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
