// SPDX-License-Identifier: Apache-2.0
/*
 * vpcsim's fabric and branch ENIs: VLANs on the trunks' links. Needs root, and a kernel with VLANs (8021q): on others all but
 * the last test are skipped.
 */
#include "test.h"

#include <unistd.h>

#include <vpcwire/link.h>
#include <vpcwire/mem.h>
#include <vpcwire/netns.h>

#include "fabric_fixture.h"
#include "fabric_packets.h"

#define TRUNK_1 "10.0.1.11" /* on n1 */
#define TRUNK_2 "10.0.1.22" /* on n2 */
#define RED     "10.0.1.201"
#define BLUE    "10.0.1.202"
#define GREEN   "10.0.2.203" /* of the other subnet */

static bool has_vlans;

/* In a namespace of its own: a VLAN of a veth. */
static bool find_vlans(void)
{
        _cleanup_(netlink_freep) struct netlink *nl = NULL;
        _cleanup_close_ int netns_fd = -1;
        const struct link_veth veth = {.name = "a",
                                       .peer_name = "b",
                                       .peer_netns_fd = -1,
                                       .mac = {{2, 0, 0, 0, 0, 1}},
                                       .peer_mac = {{2, 0, 0, 0, 0, 2}}};
        char path[NETNS_PATH_BYTES];
        struct link_info info;
        struct err err;
        int r;

        assert_ok(netns_create(fixture_prefix, &err), &err);
        assert_ok(netns_open(netns_path(fixture_prefix, path), &netns_fd, &err), &err);
        assert_ok(netlink_open(netns_fd, &nl, &err), &err);
        assert_ok(link_create_veth(nl, &veth, &err), &err);
        assert_ok(link_get_by_name(nl, "a", &info, &err), &err);
        r = link_create_vlan(nl, &(struct link_vlan){"v", info.ifindex, 7}, &err);
        if (r == 0)
                assert_ok(link_get_by_name(nl, "v", &info, &err), &err);
        assert_true(r == 0 ? strcmp(info.kind, "vlan") == 0 : r == -ERR_UNSUPPORTED);
        assert_ok(netns_delete(fixture_prefix, &err), &err);
        return r == 0;
}

static void need_vlans(void)
{
        if (has_vlans)
                return;
        print_message("this kernel has no VLANs (CONFIG_VLAN_8021Q)\n");
        skip();
}

static int attach_branch(struct fabric *fabric, const char *eni_id, const char *trunk_id, unsigned vlan,
                         const char *address, struct err *err)
{
        struct ip ip = packets_ip(address);
        const struct fabric_eni eni = {.eni_id = eni_id,
                                       .mac = {{2, 0, 0, 1, ip.bytes[2], ip.bytes[3]}},
                                       .subnet = prefix_network((struct prefix){ip, 24}),
                                       .addresses = &ip,
                                       .n_addresses = 1};

        return fabric_attach_branch(fabric, &eni, trunk_id, vlan, err);
}

/* What a node does with a branch: a link of the VLAN with the branch's MAC, and a table of its own. */
static void wire(const char *node, unsigned vlan, const char *address)
{
        struct ip ip = packets_ip(address);
        const char *space = SPACE(node);

        assert_runs(
                "ip -n %s link add link eth1 name vlan.eth.%u address 02:00:00:01:%02x:%02x type vlan id %u",
                space, vlan, ip.bytes[2], ip.bytes[3], vlan);
        assert_runs("ip -n %s link set eth1 up && ip -n %s link set vlan.eth.%u up", space, space, vlan);
        assert_runs("ip -n %s address add %s/32 dev vlan.eth.%u", space, address, vlan);
        assert_runs("ip -n %s route add 10.0.%u.1 dev vlan.eth.%u table %u", space, ip.bytes[2], vlan,
                    100 + vlan);
        assert_runs("ip -n %s route add default via 10.0.%u.1 dev vlan.eth.%u table %u", space, ip.bytes[2],
                    vlan, 100 + vlan);
        assert_runs("ip -n %s rule add from %s lookup %u", space, address, 100 + vlan);
}

/* Red and green on n1's trunk, blue on n2's. */
static int set_up(void **state)
{
        struct err err;

        if (fixture_setup(state) != 0)
                return -1;
        assert_ok(fixture_attach(*state, "eni-trunk1", "n1", 1, TRUNK_1, &err), &err);
        assert_ok(fixture_attach(*state, "eni-trunk2", "n2", 1, TRUNK_2, &err), &err);
        if (!has_vlans)
                return 0;
        assert_ok(attach_branch(*state, "eni-red", "eni-trunk1", 1, RED, &err), &err);
        assert_ok(attach_branch(*state, "eni-blue", "eni-trunk2", 1, BLUE, &err), &err);
        assert_ok(attach_branch(*state, "eni-green", "eni-trunk1", 2, GREEN, &err), &err);
        wire("n1", 1, RED);
        wire("n2", 1, BLUE);
        wire("n1", 2, GREEN);
        return 0;
}

static bool reaches(const char *node, const char *source, const char *destination)
{
        return packets_ping(SPACE(node), source, destination, 56, PACKETS_DEADLINE_MS);
}

static bool is_out_of_reach(const char *node, const char *source, const char *destination)
{
        return !packets_ping(SPACE(node), source, destination, 56, PACKETS_ABSENCE_MS);
}

static void test_branches_reach_all_and_are_reached(void **state)
{
        need_vlans();
        assert_true(reaches("n1", RED, BLUE));
        assert_true(reaches("n2", BLUE, RED));
        assert_true(reaches("n1", GREEN, BLUE));
        assert_true(reaches("n1", RED, N3_IP));
        assert_true(reaches("n3", N3_IP, RED));
        assert_true(reaches("n3", N3_IP, GREEN));
        assert_true(packets_ping(SPACE("n1"), RED, BLUE, 8900, PACKETS_DEADLINE_MS)); /* jumbo frames */
        assert_int_equal(fixture_counters(*state).wrong_source_packets, 0);
        assert_true(fixture_counters(*state).forwarded_packets >= 14);
}

/* Each VLAN is an ENI of its own to the source check: sources of the trunk, of the trunk's other branches and of nobody. */
static void test_wrong_sources_are_dropped_and_reported(void **state)
{
        static const struct {
                const char *link, *source, *of; /* of: whose packet it was */
        } cases[] = {
                {"vlan.eth.1 via 10.0.1.1", TRUNK_1, "eni-red"},
                {"vlan.eth.1 via 10.0.1.1", GREEN, "eni-red"},
                {"vlan.eth.1 via 10.0.1.1", BLUE, "eni-red"},
                {"vlan.eth.2 via 10.0.2.1", RED, "eni-green"},
                {"eth1 via 10.0.1.1", RED, "eni-trunk1"},
                {"vlan.eth.1 via 10.0.1.1", "10.0.1.99", "eni-red"},
        };
        struct fabric_offender *offenders;
        struct err err;
        size_t n, seen = 0;

        need_vlans();
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                assert_runs("ip -n %s route replace " N3_IP " dev %s onlink", SPACE("n1"), cases[i].link);
                packets_send_forged(SPACE("n1"), cases[i].source, N3_IP);
                assert_int_equal(fixture_wait_wrong_source(*state, i + 1), i + 1);
        }
        assert_ok(fabric_read_offenders(*state, &offenders, &n, &err), &err);
        assert_int_equal(n, ARRAY_SIZE(cases));
        for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < ARRAY_SIZE(cases); j++)
                        seen += ip_equal(offenders[i].source, packets_ip(cases[j].source)) &&
                                strcmp(offenders[i].eni_id, cases[j].of) == 0 && offenders[i].packets == 1;
        assert_int_equal(seen, n);
        fabric_offenders_free(offenders, n);
}

static void test_addresses_of_a_branch(void **state)
{
        const struct ip both[] = {packets_ip(RED), packets_ip("10.0.1.211")};
        struct err err;

        need_vlans();
        assert_runs("ip -n %s address add 10.0.1.211/32 dev vlan.eth.1 && ip -n %s rule add from 10.0.1.211 "
                    "lookup "
                    "101",
                    SPACE("n1"), SPACE("n1"));
        assert_true(is_out_of_reach("n3", N3_IP, "10.0.1.211"));
        assert_ok(fabric_set_addresses(*state, "eni-red", both, 2, &err), &err);
        assert_true(reaches("n3", N3_IP, "10.0.1.211"));
        assert_true(reaches("n1", "10.0.1.211", BLUE));
        assert_ok(fabric_set_addresses(*state, "eni-red", both, 1, &err), &err);
        assert_true(is_out_of_reach("n3", N3_IP, "10.0.1.211"));
        assert_true(reaches("n3", N3_IP, RED));
}

static void test_a_branch_goes_alone_and_with_its_trunk(void **state)
{
        struct err err;

        need_vlans();
        assert_true(reaches("n2", BLUE, RED));
        assert_ok(fabric_detach(*state, "eni-red", &err), &err);
        assert_true(is_out_of_reach("n2", BLUE, RED));
        assert_true(reaches("n2", BLUE, GREEN));
        assert_ok(attach_branch(*state, "eni-again", "eni-trunk1", 1, RED, &err),
                  &err); /* VLAN and address are free */
        assert_true(reaches("n2", BLUE, RED));
        assert_ok(fabric_detach(*state, "eni-trunk1", &err), &err);
        assert_fails(fabric_detach(*state, "eni-again", &err), ERR_NOT_FOUND);
        assert_fails(fabric_detach(*state, "eni-green", &err), ERR_NOT_FOUND);
        assert_true(is_out_of_reach("n2", BLUE, RED));
        assert_ok(fixture_attach(*state, "eni-trunk1", "n1", 1, TRUNK_1, &err), &err);
        assert_ok(attach_branch(*state, "eni-red", "eni-trunk1", 3, RED, &err), &err);
        wire("n1", 3, RED);
        assert_true(reaches("n2", BLUE, RED));
        assert_ok(fabric_remove_node(*state, "n1", &err), &err);
        assert_fails(fabric_detach(*state, "eni-red", &err), ERR_NOT_FOUND);
        assert_true(reaches("n2", BLUE, N3_IP));
}

static void test_a_vlan_of_no_branch(void **state)
{
        need_vlans();
        wire("n1", 9, "10.0.1.209");
        assert_true(is_out_of_reach("n1", "10.0.1.209", N3_IP));
        assert_true(reaches("n1", RED, N3_IP));
        assert_int_equal(fixture_counters(*state).wrong_source_packets, 0);
}

static void test_what_is_refused(void **state)
{
        struct err err;

        need_vlans();
        assert_fails(attach_branch(*state, "eni-9", "eni-9", 5, "10.0.1.90", &err), ERR_NOT_FOUND);
        assert_fails(attach_branch(*state, "eni-9", "eni-red", 5, "10.0.1.90", &err), ERR_NOT_FOUND);
        assert_fails(attach_branch(*state, "eni-red", "eni-trunk1", 5, "10.0.1.90", &err), ERR_EXISTS);
        assert_fails(attach_branch(*state, "eni-9", "eni-trunk1", 1, "10.0.1.90", &err), ERR_EXISTS);
        assert_fails(attach_branch(*state, "eni-9", "eni-trunk1", 5, BLUE, &err), ERR_BUSY);
        assert_ok(attach_branch(*state, "eni-9", "eni-trunk1", 5, "10.0.1.90", &err),
                  &err); /* nothing was left */
}

static void test_a_kernel_without_vlans_says_so(void **state)
{
        struct err err;

        if (has_vlans)
                skip();
        assert_fails(attach_branch(*state, "eni-red", "eni-trunk1", 1, RED, &err), ERR_UNSUPPORTED);
        assert_fails(fabric_detach(*state, "eni-red", &err), ERR_NOT_FOUND);
        assert_true(reaches("n1", N1_IP, N3_IP));
}

#define WITH_BRANCHES(test) cmocka_unit_test_setup_teardown(test, set_up, fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_BRANCHES(test_branches_reach_all_and_are_reached),
                WITH_BRANCHES(test_wrong_sources_are_dropped_and_reported),
                WITH_BRANCHES(test_addresses_of_a_branch),
                WITH_BRANCHES(test_a_branch_goes_alone_and_with_its_trunk),
                WITH_BRANCHES(test_a_vlan_of_no_branch),
                WITH_BRANCHES(test_what_is_refused),
                WITH_BRANCHES(test_a_kernel_without_vlans_says_so),
        };

        if (!fixture_start())
                return 77;
        has_vlans = find_vlans();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
