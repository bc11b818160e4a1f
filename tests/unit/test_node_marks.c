// SPDX-License-Identifier: Apache-2.0
/* Marks of others, on packets and connections: they come out as they went in, and choose no ENI. */
#include "node_packets.h"

#include <sys/socket.h>

#include <vpcwire/dataplane.h>

/* Marks that others put on packets, with the index of the ENI that each could be taken for. */
static const struct {
        const char *whose;
        uint32_t mark;
        unsigned index;
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

/* ENI 1 gets that mark and its table. */
static void set_index(struct node_world *w, unsigned index)
{
        w->enis[1].mark_index = index;
        w->enis[1].route_table = index + 1;
        node_world_sync(w);
        node_packets_gateway(w, "eth1", "f1");
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
                _cleanup_close_ int host = node_packets_open(w, w->host_fd, PORT);

                print_message("%s\n", foreign_marks[i].whose);
                set_index(w, foreign_marks[i].index);
                mark_pods_packets(w, "raw", foreign_marks[i].mark);
                assert_int_equal(setsockopt(host, SOL_SOCKET, SO_MARK, &foreign_marks[i].mark,
                                            sizeof(foreign_marks[i].mark)),
                                 0);
                node_packets_send(host, "10.0.2.7", PORT);
                node_packets_assert(node_packets_await("10.0.2.7"), 0, "10.0.1.10");
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
                _cleanup_close_ int first = node_packets_open(w, w->pod_fds[0], PORT),
                                    second = node_packets_open(w, w->pod_fds[1], PORT);

                print_message("%s\n", foreign_marks[which].whose);
                set_index(w, foreign_marks[which].index);
                mark_pods_packets(w, priorities[i % ARRAY_SIZE(priorities)], mark);
                node_packets_send(first, "10.0.2.5", PORT);
                node_packets_assert(node_packets_await("10.0.2.5"), 0, "10.0.1.11");
                /* One that has all the bits of ours is led away from our rules by another bit. */
                assert_kept(w,
                            (mark & DATAPLANE_MARK_MASK) != dataplane_eni_mark(foreign_marks[which].index));
                node_packets_send(second, "10.0.2.6", PORT);
                node_packets_assert(node_packets_await("10.0.2.6"), 1, "10.0.1.21");
        }
}

/* A connection's mark that somebody keeps there and puts back on the packets. */
static void test_marks_of_connections(void **state)
{
        struct node_world *w = *state;

        for (size_t i = 0; i < ARRAY_SIZE(foreign_marks); i++) {
                const uint32_t mark = foreign_marks[i].mark;
                _cleanup_close_ int first = node_packets_open(w, w->pod_fds[0], PORT),
                                    second = node_packets_open(w, w->pod_fds[1], PORT);

                print_message("%s\n", foreign_marks[i].whose);
                set_index(w, foreign_marks[i].index);
                node_world_nft(w, arena_printf(w->arena,
                                               "table ip marks { }; delete table ip marks; table ip marks { "
                                               "chain before { type filter hook prerouting priority mangle; "
                                               "ct mark set 0x%x; meta mark set ct mark; }; }",
                                               mark));
                node_packets_send(first, "10.0.2.5", PORT);
                node_packets_assert(node_packets_await("10.0.2.5"), 0, "10.0.1.11");
                node_packets_send(second, "10.0.2.6", PORT);
                node_packets_assert(node_packets_await("10.0.2.6"), 1, "10.0.1.21");
        }
}

/* Other bits of the packet mark are others': kube-proxy's and portmap's masquerade marks survive our chains. */
static void test_other_mark_bits_survive(void **state)
{
        struct node_world *w = *state;
        _cleanup_close_ int second = node_packets_open(w, w->pod_fds[1], PORT);
        const char *listing;

        node_world_nft(
                w, "table ip marks { counter kept { }; "
                   "chain before { type filter hook prerouting priority dstnat; meta mark set 0xabcde07d; }; "
                   "chain after { type filter hook postrouting priority 0; "
                   "udp dport 5353 meta mark 0xabcde17f counter name kept; }; }");
        node_packets_send(second, "10.0.2.5", PORT);
        node_packets_assert(node_packets_await("10.0.2.5"), 1, "10.0.1.21");
        listing = node_world_nft(w, "list counter ip marks kept");
        assert_contains(listing, "packets 1 ");
}

int main(void)
{
#define PACKET_TEST(fn) cmocka_unit_test_setup_teardown(fn, node_packets_setup, node_packets_teardown)
        const struct CMUnitTest tests[] = {
                PACKET_TEST(test_marks_of_the_hosts_own_packets),
                PACKET_TEST(test_marks_of_pods_packets),
                PACKET_TEST(test_marks_of_connections),
                PACKET_TEST(test_other_mark_bits_survive),
        };
        int r = node_world_begin();

        return r ? r : cmocka_run_group_tests(tests, NULL, NULL);
}
