// SPDX-License-Identifier: Apache-2.0
/* node_sync() against the real kernel: it makes what is missing, repairs what was broken, and leaves others' alone. */
#include "firewall/nft.h"
#include "node/check.h"
#include "node/leave.h"
#include "node_world.h"

#include <sys/utsname.h>

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <nftables/libnftables.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/neigh.h>
#include <vpcwire/pod_sysctl.h>
#include <vpcwire/sysctl.h>

static void test_first_sync_makes_all_second_nothing(void **state)
{
        struct node_world *w = *state;
        char value[SYSCTL_VALUE_BYTES];
        struct link_info link;
        const char *rules;

        node_world_add_pod(w, "10.0.1.11", 0, true);
        node_world_add_pod(w, "10.0.1.21", 1, false);
        assert_int_not_equal(node_world_sync(w), 0);
        assert_int_equal(w->report.repaired.links, 3); /* MTU of both, up */
        assert_int_equal(w->report.repaired.addresses, 1);
        assert_int_equal(w->report.repaired.rules, 8);
        assert_int_equal(w->report.repaired.routes, 3); /* two of the ENI, one of a pod */
        assert_int_equal(w->report.repaired.neighbours, 2);
        assert_int_equal(w->report.repaired.nft, NODE_NFT_TABLES);
        assert_int_equal(w->report.n_enis, WORLD_ENIS);
        assert_int_equal(w->report.enis[0].state, NODE_ENI_ROUTED);
        assert_int_equal(w->report.enis[1].state, NODE_ENI_ROUTED);
        assert_string_equal(w->report.enis[1].ifname, "eth1");
        assert_int_equal(w->report.enis[2].state, NODE_ENI_NO_LINK);

        assert_ok(link_get_by_name(w->nl, "eth1", &link, &w->err), &w->err);
        assert_true(link.up);
        assert_int_equal(link.mtu, 1400);
        assert_ok(sysctl_read("net.ipv4.conf.eth1.rp_filter", value, &w->err), &w->err);
        assert_string_equal(value, "0");
        assert_ok(sysctl_read("net.ipv4.conf.eth1.accept_local", value, &w->err), &w->err);
        assert_string_equal(value, "1");
        assert_ok(sysctl_read("net.ipv4.ip_forward", value, &w->err), &w->err);
        assert_string_equal(value, "1");
        rules = node_world_rules(w);
        assert_contains(rules, "512: lookup 512 proto 118\n");
        assert_contains(rules, "1024: fwmark 0x80/0x80 lookup 254 proto 118\n");
        assert_contains(rules, "1536: fwmark 0x102/0x1f02 lookup 2 proto 118\n");
        assert_contains(rules, "1534: fwmark 0x0/0x1f02 iif lo goto 1537 proto 118\n");
        assert_contains(rules, "1534: from 0.0.0.0/32 iif lo goto 1537 proto 118\n");
        assert_contains(rules, "1534: from 10.0.1.10/32 iif lo goto 1537 proto 118\n");
        assert_contains(rules, "1537: from 10.0.1.20/32 lookup 2 proto 118\n");
        assert_contains(node_world_routes(w, 2), "0.0.0.0/0 via 10.0.1.1");
        assert_contains(node_world_routes(w, 512), "10.0.1.11/32 dev");
        assert_contains(node_world_routes(w, 512), "10.0.1.21/32 dev");

        for (int i = 0; i < 3; i++)
                assert_int_equal(node_world_sync(w), 0);
}

/* For good: the kernel checks the sources again that nftables checked, before it is gone. */
static void test_leave(void **state)
{
        static const char *const keys[][2] = {{"net.ipv4.conf.eth0.rp_filter", "2"},
                                              {"net.ipv4.conf.eth0.accept_local", "0"},
                                              {"net.ipv4.conf.eth1.rp_filter", "2"},
                                              {"net.ipv4.conf.eth1.accept_local", "0"}};
        struct node_world *w = *state;
        char value[SYSCTL_VALUE_BYTES];
        unsigned n = 0;

        node_world_add_pod(w, "10.0.1.21", 1, true);
        node_world_sync(w);
        assert_ok(node_leave(w->node, w->arena, &n, &w->err), &w->err);
        assert_null(strstr(node_world_rules(w), "proto 118"));
        assert_null(strstr(node_world_nft(w, "list ruleset"), "vpcwire"));
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                assert_ok(sysctl_read(keys[i][0], value, &w->err), &w->err);
                assert_string_equal(value, keys[i][1]);
        }
}

/* As in a container whose /proc/sys is read-only: what can go goes, and what cannot be done is reported. */
static void test_leave_where_sysctls_cannot_be_written(void **state)
{
        struct node_world *w = *state;
        unsigned n = 0;
        int r;

        node_world_add_pod(w, "10.0.1.21", 1, true);
        node_world_sync(w);
        sysctl_set_folder("/proc/version"); /* a file, so that there is nothing in it */
        r = node_leave(w->node, w->arena, &n, &w->err);
        sysctl_set_folder("/proc/sys");
        assert_fails(r, ERR_SYSTEM);
        assert_contains(w->err.msg,
                        "give the check of sources back to the kernel: read sysctl net.ipv4.conf.eth");
        assert_null(strstr(node_world_rules(w), "proto 118"));
        assert_null(strstr(node_world_nft(w, "list ruleset"), "vpcwire"));
}

/* A daemon that starts anew on a host that is right finds nothing to do but its own nftables tables. */
static void test_restart_changes_only_nft(void **state)
{
        struct node_world *w = *state;

        node_world_add_pod(w, "10.0.1.21", 1, true);
        node_world_sync(w);
        node_free(w->node);
        assert_ok(node_open(&w->node, &w->err), &w->err);
        assert_int_equal(node_world_sync(w), NODE_NFT_TABLES);
        assert_int_equal(w->report.repaired.nft, NODE_NFT_TABLES);
}

static bool kernel_is_at_least(unsigned major, unsigned minor)
{
        unsigned long running_major, running_minor;
        struct utsname name;
        char *end;

        assert_int_equal(uname(&name), 0);
        running_major = strtoul(name.release, &end, 10);
        assert_int_equal(*end, '.');
        running_minor = strtoul(end + 1, &end, 10);
        return running_major > major || (running_major == major && running_minor >= minor);
}

/* The tables that an older daemon left put its marks on packets, and only its own rules read those. */
static void test_stale_rules_stay_until_nftables_is_written(void **state)
{
        const struct rule_info older = {
                .family = AF_INET, .priority = 1536, .table = 2, .fwmark = 0x100, .fwmask = 0x3f00};
        struct node_world *w = *state;
        struct nft_ctx *other;

        node_world_add_pod(w, "10.0.1.21", 1, true);
        assert_ok(rule_add(w->nl, &older, &w->err), &w->err);
        assert_ok(nft_open(&other, &w->err), &w->err);
        if (!kernel_is_at_least(5, 12)) { /* none had owners before */
                nft_close(other);
                skip();
        }
        assert_int_equal(nft_run_cmd_from_buffer(other, "add table ip vpcwire { flags owner; }"), 0);
        assert_fails(node_sync(w->node, w->arena, &w->view, &w->report, &w->err), ERR_SYSTEM);
        assert_contains(w->err.msg, "write nftables table ip vpcwire");
        assert_contains(node_world_rules(w), "1536: fwmark 0x100/0x3f00 lookup 2 proto 118\n");
        assert_contains(node_world_rules(w), "1536: fwmark 0x102/0x1f02 lookup 2 proto 118\n");
        nft_close(other); /* and the table with it */
        node_world_sync(w);
        assert_null(strstr(node_world_rules(w), "0x100/0x3f00"));
        assert_int_equal(node_world_sync(w), 0);
}

static void test_eni_arrives_later_and_leaves(void **state)
{
        struct node_world *w = *state;

        node_world_add_pod(w, "10.0.1.31", 2, true);
        node_world_sync(w);
        assert_int_equal(w->report.enis[2].state, NODE_ENI_NO_LINK);
        assert_contains(node_world_nft(w, "list map ip vpcwire eni_of"), "10.0.1.31 : goto pod_0");
        node_world_plug(w, 2);
        node_world_sync(w);
        assert_int_equal(w->report.enis[2].state, NODE_ENI_ROUTED);
        assert_contains(node_world_routes(w, 3), "0.0.0.0/0 via 10.0.1.1");
        assert_contains(node_world_nft(w, "list table ip vpcwire"), "10.0.1.31 : goto pod_2");
        assert_int_equal(node_world_sync(w), 0);

        w->view.n_enis = 2; /* drained: out of the view, the link still here */
        node_world_sync(w);
        assert_string_equal(node_world_routes(w, 3), "");
        assert_null(strstr(node_world_rules(w), "lookup 3"));
        assert_null(strstr(node_world_nft(w, "list table ip vpcwire"), "pod_2"));
        assert_int_equal(node_world_sync(w), 0);
}

static void break_rule(struct node_world *w)
{
        const struct rule_info rule = {.family = AF_INET, .priority = 512, .table = 512};

        assert_ok(rule_delete(w->nl, &rule, &w->err), &w->err);
}

static void break_eni_rules(struct node_world *w)
{
        const struct rule_info rule = {.family = AF_INET,
                                       .priority = 1536,
                                       .table = 2,
                                       .fwmark = dataplane_eni_mark(1),
                                       .fwmask = DATAPLANE_MARK_MASK};

        assert_ok(rule_delete(w->nl, &rule, &w->err), &w->err);
}

static void break_stale_rule(struct node_world *w)
{
        const struct rule_info rule = {
                .family = AF_INET, .priority = 1537, .table = 9, .src = world_cidr("10.0.1.99/32")};

        assert_ok(rule_add(w->nl, &rule, &w->err), &w->err);
}

static void break_default_route(struct node_world *w)
{
        const struct route_info route = {.table = 2, .dst = world_cidr("0.0.0.0/0")};

        assert_ok(route_delete(w->nl, &route, &w->err), &w->err);
}

static void break_route_by_replacing(struct node_world *w)
{
        const struct route_info route = {.table = 2,
                                         .dst = world_cidr("0.0.0.0/0"),
                                         .gateway = world_ip("10.0.1.77"),
                                         .oif = node_world_ifindex(w, "eth1"),
                                         .onlink = true};

        assert_ok(route_replace(w->nl, &route, &w->err), &w->err);
}

static void break_stale_route(struct node_world *w)
{
        const struct route_info route = {.table = 7,
                                         .dst = world_cidr("10.0.7.0/24"),
                                         .oif = node_world_ifindex(w, "eth1"),
                                         .scope = RT_SCOPE_LINK};

        assert_ok(route_add(w->nl, &route, &w->err), &w->err);
}

static void break_pod_route(struct node_world *w)
{
        const struct route_info route = {.table = 512, .dst = prefix_host(w->pods[0].ip)};

        assert_ok(route_delete(w->nl, &route, &w->err), &w->err);
}

static void break_pod_route_by_turning(struct node_world *w)
{
        const struct route_info route = {.table = 512,
                                         .dst = prefix_host(w->pods[0].ip),
                                         .oif = node_world_ifindex(w, w->pods[1].host_ifname),
                                         .scope = RT_SCOPE_LINK};

        assert_ok(route_replace(w->nl, &route, &w->err), &w->err);
}

static void break_pod_route_by_another(struct node_world *w)
{
        const struct route_info route = {.table = 512,
                                         .dst = prefix_host(w->pods[0].ip),
                                         .oif = node_world_ifindex(w, w->pods[1].host_ifname),
                                         .scope = RT_SCOPE_LINK,
                                         .protocol = RTPROT_STATIC};

        assert_ok(route_replace(w->nl, &route, &w->err), &w->err);
}

static void break_address(struct node_world *w)
{
        const struct ifaddr address = {.ifindex = node_world_ifindex(w, "eth1"),
                                       .prefix = world_cidr("10.0.1.20/32")};

        assert_ok(ifaddr_delete(w->nl, &address, &w->err), &w->err);
}

static void break_by_dhcp(struct node_world *w)
{
        const struct ifaddr address = {.ifindex = node_world_ifindex(w, "eth1"),
                                       .prefix = world_cidr("10.0.1.20/24")};

        assert_ok(ifaddr_add(w->nl, &address, &w->err), &w->err);
}

static void break_link_down(struct node_world *w)
{
        assert_ok(
                link_change_by_name(w->nl, "eth1", &(struct link_change){.admin = LINK_ADMIN_DOWN}, &w->err),
                &w->err);
}

static void break_link_mtu(struct node_world *w)
{
        assert_ok(link_change_by_name(w->nl, "eth1", &(struct link_change){.mtu = 1300}, &w->err), &w->err);
}

static void break_nft_table(struct node_world *w)
{
        node_world_nft(w, "delete table ip vpcwire");
}

static void break_nft_ruleset(struct node_world *w)
{
        node_world_nft(w, "flush ruleset");
}

static void break_nft_rules(struct node_world *w)
{
        node_world_nft(w, "flush chain ip vpcwire from_pods");
}

static void break_nft_extra_rule(struct node_world *w)
{
        node_world_nft(w, "add rule ip vpcwire snat_pods counter drop");
}

static void break_nft_element(struct node_world *w)
{
        node_world_nft(w, "delete element ip vpcwire eni_of { 10.0.1.21 }");
}

static void break_own_packets_rule(struct node_world *w)
{
        const struct rule_info rule = {
                .family = AF_INET, .priority = 1534, .goto_priority = 1537, .iif = "lo", .fwmask = 0x1f02};

        assert_ok(rule_delete(w->nl, &rule, &w->err), &w->err);
}

static void break_group(struct node_world *w)
{
        assert_ok(link_change_by_name(w->nl, w->pods[0].host_ifname, &(struct link_change){.group = 7},
                                      &w->err),
                  &w->err);
}

static void break_rp_filter(struct node_world *w)
{
        assert_ok(sysctl_write("net.ipv4.conf.eth1.rp_filter", "1", NULL, &w->err), &w->err);
}

static void break_primary_rp_filter(struct node_world *w)
{
        assert_ok(sysctl_write("net.ipv4.conf.eth0.rp_filter", "1", NULL, &w->err), &w->err);
}

static void break_forwarding(struct node_world *w)
{
        assert_ok(sysctl_write("net.ipv4.ip_forward", "0", NULL, &w->err), &w->err);
}

static void break_answer_to_arp(struct node_world *w)
{
        assert_runs("ip neigh del proxy " DATAPLANE_GATEWAY " dev %s", w->pods[0].host_ifname);
}

static const char *pod_key(struct node_world *w, const struct pod_sysctl *sysctl)
{
        char key[POD_SYSCTL_KEY_BYTES];

        return arena_strdup(w->arena, pod_sysctl_key(sysctl, w->pods[0].host_ifname, key));
}

/* All that is ours to see, as text. */
static const char *look(struct node_world *w)
{
        char forward[SYSCTL_VALUE_BYTES], filter[SYSCTL_VALUE_BYTES];
        _cleanup_(text_done) struct text t = {0};
        struct ifaddr *addresses;
        struct link_info link;
        size_t n;

        assert_ok(sysctl_read("net.ipv4.ip_forward", forward, &w->err), &w->err);
        assert_ok(sysctl_read("net.ipv4.conf.eth1.rp_filter", filter, &w->err), &w->err);
        assert_ok(link_get_by_name(w->nl, "eth1", &link, &w->err), &w->err);
        assert_ok(ifaddr_dump(w->nl, w->arena, AF_INET, link.ifindex, &addresses, &n, &w->err), &w->err);
        text_add(&t, "%s %s %u %d\n", forward, filter, link.mtu, link.up);
        assert_ok(link_get_by_name(w->nl, w->pods[0].host_ifname, &link, &w->err), &w->err);
        text_add(&t, "group %u\n", link.group);
        for (size_t i = 0; i < n; i++)
                text_add(&t, "%s\n", PREFIX_TEXT(addresses[i].prefix));
        text_add(&t, "%s%s%s%s%s%s", node_world_rules(w), node_world_routes(w, 2), node_world_routes(w, 7),
                 node_world_routes(w, 254), node_world_routes(w, 512),
                 node_world_nft(w, "list table ip vpcwire"));
        return arena_strdup(w->arena, t.text);
}

static void test_each_damage_is_repaired(void **state)
{
        static const struct {
                const char *name;
                void (*damage)(struct node_world *w);
        } cases[] = {
                {"rule", break_rule},
                {"ENI's rule", break_eni_rules},
                {"rule for the node's own packets", break_own_packets_rule},
                {"group of a pod's link", break_group},
                {"stale rule", break_stale_rule},
                {"default route", break_default_route},
                {"replaced route", break_route_by_replacing},
                {"stale route", break_stale_route},
                {"pod route", break_pod_route},
                {"turned pod route", break_pod_route_by_turning},
                {"another's pod route", break_pod_route_by_another},
                {"address", break_address},
                {"address of a DHCP client", break_by_dhcp},
                {"link down", break_link_down},
                {"link MTU", break_link_mtu},
                {"nft table", break_nft_table},
                {"nft ruleset", break_nft_ruleset},
                {"nft rules", break_nft_rules},
                {"nft extra rule", break_nft_extra_rule},
                {"nft element", break_nft_element},
                {"rp_filter", break_rp_filter},
                {"primary's rp_filter", break_primary_rp_filter},
                {"forwarding", break_forwarding},
                {"answer to ARP", break_answer_to_arp},
        };
        struct node_world *w = *state;
        const char *before;

        node_world_add_pod(w, "10.0.1.11", 0, true);
        node_world_add_pod(w, "10.0.1.21", 1, true);
        node_world_sync(w);
        before = look(w);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                cases[i].damage(w);
                if (node_world_sync(w) == 0)
                        fail_msg("%s: not noticed", cases[i].name);
                if (w->report.enis[1].state != NODE_ENI_ROUTED)
                        fail_msg("%s: %s", cases[i].name, w->report.enis[1].err.msg);
                if (strcmp(look(w), before) != 0)
                        fail_msg("%s: now %s\nbefore %s", cases[i].name, look(w), before);
                if (node_world_sync(w) != 0)
                        fail_msg("%s: repaired twice", cases[i].name);
        }
}

static void test_sysctls_of_a_pods_link_that_protect_are_repaired(void **state)
{
        struct node_world *w = *state;
        char value[SYSCTL_VALUE_BYTES];

        node_world_add_pod(w, "10.0.1.11", 0, true);
        node_world_add_pod(w, "10.0.1.12", 0, true);
        node_world_sync(w);
        for (size_t i = 0; i < n_pod_sysctls; i++) {
                const char *key = pod_key(w, &pod_sysctls[i]);
                const char *wrong = strcmp(pod_sysctls[i].value, "0") == 0 ? "1" : "0";

                assert_ok(sysctl_write(key, wrong, NULL, &w->err), &w->err);
                if (node_world_sync(w) != pod_sysctls[i].kept ||
                    w->report.repaired.sysctls != pod_sysctls[i].kept)
                        fail_msg("%s: %u repairs", key, w->report.repaired.sysctls);
                assert_ok(sysctl_read(key, value, &w->err), &w->err);
                assert_string_equal(value, pod_sysctls[i].kept ? pod_sysctls[i].value : wrong);
                assert_int_equal(node_world_sync(w), 0);
        }
}

static void test_foreign_objects_stay(void **state)
{
        struct node_world *w = *state;
        unsigned eth1 = node_world_ifindex(w, "eth1");
        const struct rule_info rules[] = {
                {.family = AF_INET, .priority = 512, .table = 512, .protocol = RTPROT_STATIC},
                {.family = AF_INET, .priority = 1537, .table = 9, .protocol = RTPROT_BOOT},
                {.family = AF_INET, .priority = 700, .table = 2}, /* our protocol, not our priority */
        };
        const struct route_info routes[] = {
                {.table = 512, .dst = world_cidr("10.0.1.77/32"), .oif = eth1, .protocol = RTPROT_STATIC},
                {.table = 2, .dst = world_cidr("10.3.0.0/16"), .oif = eth1, .protocol = RTPROT_BOOT},
                {.table = 254, .dst = world_cidr("10.4.0.0/16"), .oif = eth1}, /* ours, not our table */
        };
        const struct link_veth other = {.name = "other0",
                                        .peer_name = "other1",
                                        .mac = {{2, 9, 9, 9, 9, 1}},
                                        .peer_mac = {{2, 9, 9, 9, 9, 2}},
                                        .mtu = 1234,
                                        .peer_netns_fd = -1};
        struct link_info link;
        const char *nft;

        assert_ok(link_create_veth(w->nl, &other, &w->err), &w->err);
        node_world_nft(w, "table inet mine { chain c { type filter hook input priority 5; }; }");
        node_world_sync(w);
        for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
                assert_ok(rule_add(w->nl, &rules[i], &w->err), &w->err);
        for (size_t i = 0; i < ARRAY_SIZE(routes); i++)
                assert_ok(route_add(w->nl, &routes[i], &w->err), &w->err);
        assert_int_equal(node_world_sync(w), 0);
        assert_int_equal(node_world_sync(w), 0);
        break_rule(w);
        assert_int_equal(node_world_sync(w), 1);
        for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
                assert_ok(rule_delete(w->nl, &rules[i], &w->err), &w->err);
        for (size_t i = 0; i < ARRAY_SIZE(routes); i++)
                assert_ok(route_delete(w->nl, &routes[i], &w->err), &w->err);
        assert_int_equal(node_world_sync(w), 0);
        assert_ok(link_get_by_name(w->nl, "other0", &link, &w->err), &w->err);
        assert_false(link.up);
        assert_int_equal(link.mtu, 1234);
        nft = node_world_nft(w, "list ruleset");
        assert_contains(nft, "table inet mine");
        assert_contains(nft, "table ip vpcwire");
}

/* Another's route in the place of ours: used where it leads the same way, an error of that ENI where it does not. */
static void test_foreign_route_in_our_place(void **state)
{
        struct node_world *w = *state;
        struct route_info route = {.table = 2,
                                   .dst = world_cidr("0.0.0.0/0"),
                                   .gateway = world_ip("10.0.1.1"),
                                   .onlink = true,
                                   .oif = node_world_ifindex(w, "eth1"),
                                   .protocol = RTPROT_STATIC};

        assert_ok(link_change_by_name(w->nl, "eth1", &(struct link_change){.admin = LINK_ADMIN_UP}, &w->err),
                  &w->err);
        assert_ok(route_add(w->nl, &route, &w->err), &w->err);
        node_world_sync(w);
        assert_int_equal(w->report.enis[1].state, NODE_ENI_ROUTED);
        assert_int_equal(node_world_sync(w), 0);
        route.gateway = world_ip("10.0.1.9");
        assert_ok(route_replace(w->nl, &route, &w->err), &w->err);
        assert_int_equal(node_world_sync(w), 0);
        assert_int_equal(w->report.enis[0].state, NODE_ENI_ROUTED);
        assert_int_equal(w->report.enis[1].state, NODE_ENI_FAILED);
        assert_int_equal(w->report.enis[1].err.code, ERR_EXISTS);
        assert_contains(w->report.enis[1].err.msg, "via 10.0.1.9");
}

static void test_one_bad_eni_does_not_stop_the_other(void **state)
{
        struct node_world *w = *state;

        node_world_plug(w, 2);
        w->enis[1].mark_index = 99;
        node_world_sync(w);
        assert_int_equal(w->report.enis[1].state, NODE_ENI_FAILED);
        assert_int_equal(w->report.enis[1].err.code, ERR_LIMIT);
        assert_int_equal(w->report.enis[2].state, NODE_ENI_ROUTED);
        w->enis[1].mark_index = 1;
        w->view.mtu = 70000; /* no link of this kind takes it */
        node_world_sync(w);
        assert_int_equal(w->report.enis[1].state, NODE_ENI_FAILED);
        assert_contains(node_world_routes(w, 2), "0.0.0.0/0"); /* as far as it goes */
}

static void test_primary_must_be_there(void **state)
{
        struct node_world *w = *state;

        assert_ok(link_delete_by_name(w->nl, "eth0", &w->err), &w->err);
        assert_fails(node_sync(w->node, w->arena, &w->view, &w->report, &w->err), ERR_NOT_FOUND);
        assert_contains(w->err.msg, "primary");
}

/* A route that no lease speaks for goes at the second resync; one that leads to a pod's link stays. */
static void test_stale_pod_routes(void **state)
{
        struct node_world *w = *state;
        const struct route_info other_link = {.table = 512,
                                              .dst = world_cidr("10.0.1.88/32"),
                                              .oif = node_world_ifindex(w, "eth0"),
                                              .scope = RT_SCOPE_LINK};
        struct route_info second = other_link;

        node_world_add_pod(w, "10.0.1.11", 0, true);
        node_world_add_pod(w, "10.0.1.12", 0, true);
        node_world_sync(w);
        second.dst = world_cidr("10.0.1.89/32");
        second.oif =
                node_world_ifindex(w, w->pods[0].host_ifname); /* a second address on a known pod's link */
        assert_ok(route_add(w->nl, &other_link, &w->err), &w->err);
        assert_ok(route_add(w->nl, &second, &w->err), &w->err);
        w->view.n_pods = 1; /* the second pod's lease is not in this view: the plugin is just adding it */
        assert_int_equal(node_world_sync(w), 0);
        assert_int_equal(w->report.n_suspects, 2);
        assert_contains(node_world_routes(w, 512), "10.0.1.88/32");
        assert_int_equal(node_world_sync(w), 2);
        assert_int_equal(w->report.n_suspects, 0);
        assert_null(strstr(node_world_routes(w, 512), "10.0.1.88/32"));
        assert_null(strstr(node_world_routes(w, 512), "10.0.1.89/32"));
        assert_contains(node_world_routes(w, 512), "10.0.1.12/32");
        assert_int_equal(node_world_sync(w), 0);
        w->view.n_pods = 2; /* for the teardown */
}

/* A route that a lease comes to speak for between two syncs is no stale one. */
static void test_route_just_added_is_kept(void **state)
{
        struct node_world *w = *state;

        node_world_add_pod(w, "10.0.1.11", 0, true);
        assert_ok(link_change_by_name(w->nl, w->pods[0].host_ifname, &(struct link_change){.alias = ""},
                                      &w->err),
                  &w->err);
        w->view.n_pods = 0;
        node_world_sync(w); /* neither the lease nor the alias is there yet: no pod's link, no wanted route */
        w->view.n_pods = 1;
        assert_contains(node_world_routes(w, 512), "10.0.1.11/32");
        assert_ok(link_change_by_name(w->nl, w->pods[0].host_ifname,
                                      &(struct link_change){.alias = w->pods[0].container_id}, &w->err),
                  &w->err);
        (void)node_world_sync(w); /* sysctls: the link is a pod's now */
        assert_int_equal(w->report.repaired.routes, 0);
        assert_int_equal(w->report.n_pods_unlinked, 0);
        assert_contains(node_world_routes(w, 512), "10.0.1.11/32");
}

/* The plugin makes the link, and brings it up a moment later: a sync in between has nothing to tell. */
static void test_a_link_that_is_not_up_yet(void **state)
{
        struct node_world *w = *state;

        node_world_add_pod(w, "10.0.1.11", 0, true);
        assert_ok(link_change_by_name(w->nl, w->pods[0].host_ifname,
                                      &(struct link_change){.admin = LINK_ADMIN_DOWN}, &w->err),
                  &w->err);
        node_world_sync(w);
        assert_int_equal(w->report.n_pods_failed, 0);
        assert_ok(link_change_by_name(w->nl, w->pods[0].host_ifname,
                                      &(struct link_change){.admin = LINK_ADMIN_UP}, &w->err),
                  &w->err);
        node_world_sync(w);
        assert_contains(node_world_routes(w, 512), "10.0.1.11/32");
}

/* Whose the address is the lease says: with the pod's link here the route is taken back, without it nothing is touched. */
static void test_misled_routes_are_reported(void **state)
{
        struct node_world *w = *state;

        node_world_add_pod(w, "10.0.1.11", 0, true);
        node_world_add_pod(w, "10.0.1.21", 1, true);
        node_world_sync(w);
        assert_int_equal(w->report.n_misled, 0);
        break_pod_route_by_another(w);
        assert_int_equal(node_world_sync(w), 1);
        assert_int_equal(w->report.n_pods_failed, 0);
        assert_int_equal(w->report.n_misled, 1);
        assert_true(w->report.misled[0].repaired);
        assert_string_equal(IP_TEXT(w->report.misled[0].ip), "10.0.1.11");
        assert_string_equal(w->report.misled[0].container_id, "pod-1");
        assert_string_equal(w->report.misled[0].ifname, w->pods[1].host_ifname);

        assert_ok(link_delete_by_name(w->nl, w->pods[0].host_ifname, &w->err), &w->err);
        break_pod_route_by_another(w);
        for (int i = 0; i < 2; i++) {
                assert_int_equal(node_world_sync(w), 0);
                assert_int_equal(w->report.n_misled, 1);
                assert_false(w->report.misled[0].repaired);
                assert_contains(node_world_routes(w, 512), "10.0.1.11/32");
        }
}

static void add_address_to(struct node_world *w, const char *link, const char *cidr)
{
        const struct ifaddr address = {.ifindex = node_world_ifindex(w, link), .prefix = world_cidr(cidr)};

        assert_ok(ifaddr_add(w->nl, &address, &w->err), &w->err);
}

static const struct node_occupied *occupied(struct node_world *w, const char *ip)
{
        for (size_t i = 0; i < w->report.n_occupied; i++) {
                if (ip_equal(w->report.occupied[i].ip, world_ip(ip)))
                        return &w->report.occupied[i];
        }
        return NULL;
}

/* A pod's address is taken off an ENI's link; a free one is the host's until it gives it up. */
static void test_addresses_that_the_host_has(void **state)
{
        struct node_world *w = *state;

        node_world_add_pod(w, "10.0.1.11", 0, true);
        node_world_add_pod(w, "10.0.1.12", 0, true);
        w->view.n_pods = 1;
        assert_ok(link_delete_by_name(w->nl, w->pods[1].host_ifname, &w->err), &w->err);
        node_world_sync(w);
        assert_int_equal(w->report.n_occupied, 0);
        add_address_to(w, "eth0", "10.0.1.11/24");
        add_address_to(w, "eth0", "10.0.1.12/24");
        assert_int_equal(node_world_sync(w), 1);
        assert_int_equal(w->report.n_occupied, 2);
        assert_true(occupied(w, "10.0.1.11")->removed && occupied(w, "10.0.1.11")->of_pod);
        assert_false(occupied(w, "10.0.1.12")->removed || occupied(w, "10.0.1.12")->of_pod);
        assert_string_equal(occupied(w, "10.0.1.12")->ifname, "eth0");
        assert_int_equal(node_world_sync(w), 0);
        assert_int_equal(w->report.n_occupied, 1);
        w->view.n_pods = 2; /* for the teardown */
}

/* The node's own address would go with it: it stays, and is reported. */
static void test_an_address_that_others_hang_on_stays(void **state)
{
        struct node_world *w = *state;
        const struct ifaddr own = {.ifindex = node_world_ifindex(w, "eth0"),
                                   .prefix = world_cidr("10.0.1.10/24")};

        node_world_add_pod(w, "10.0.1.11", 0, true);
        node_world_sync(w);
        assert_ok(sysctl_write("net.ipv4.conf.all.promote_secondaries", "0", NULL, &w->err), &w->err);
        assert_ok(sysctl_write("net.ipv4.conf.eth0.promote_secondaries", "0", NULL, &w->err), &w->err);
        assert_ok(ifaddr_delete(w->nl, &own, &w->err), &w->err);
        add_address_to(w, "eth0", "10.0.1.11/24");
        assert_ok(ifaddr_add(w->nl, &own, &w->err), &w->err);
        assert_int_equal(node_world_sync(w), 0);
        assert_int_equal(w->report.n_occupied, 1);
        assert_false(w->report.occupied[0].removed);
        assert_ok(sysctl_write("net.ipv4.conf.eth0.promote_secondaries", "1", NULL, &w->err), &w->err);
        assert_int_equal(node_world_sync(w), 1);
        assert_true(w->report.occupied[0].removed);
        assert_int_equal(ifaddr_delete(w->nl, &own, &w->err), 0);
}

static void add_veth(struct node_world *w, const char *name, struct mac mac_, int peer_netns_fd)
{
        const char *peer = arena_printf(w->arena, "p-%s", name);
        const struct link_veth veth = {.name = name,
                                       .peer_name = peer,
                                       .mac = mac_,
                                       .peer_mac = {{2, 9, 9, 9, 9, 9}},
                                       .ifindex = 0,
                                       .peer_netns_fd = peer_netns_fd};

        assert_ok(link_create_veth(w->nl, &veth, &w->err), &w->err);
}

/* Somebody's veth has the MAC of an ENI, and the kernel lists it first: an ENI that is configured stays, another waits. */
static void test_another_link_has_an_enis_mac(void **state)
{
        struct node_world *w = *state;

        add_veth(w, "stray", w->enis[2].mac, -1);
        node_world_plug(w, 2);
        node_world_sync(w);
        assert_string_equal(w->report.enis[2].ifname, "eth2");
        assert_int_equal(w->report.enis[2].state, NODE_ENI_ROUTED);
        add_veth(w, "container", w->enis[1].mac, w->fabric_fd);
        assert_int_equal(node_world_sync(w), 0);
        assert_string_equal(w->report.enis[1].ifname, "eth1"); /* it has the ENI's address already */
        assert_int_equal(w->report.enis[1].state, NODE_ENI_ROUTED);
}

static void test_nobody_can_tell_which_is_the_eni(void **state)
{
        struct node_world *w = *state;
        struct link_info link;

        add_veth(w, "container", w->enis[2].mac, w->fabric_fd);
        node_world_plug(w, 2);
        node_world_sync(w);
        assert_int_equal(w->report.enis[2].state, NODE_ENI_FAILED);
        assert_contains(w->report.enis[2].err.msg, "container and eth2");
        assert_int_equal(w->report.enis[1].state, NODE_ENI_ROUTED);
        assert_ok(link_get_by_name(w->nl, "container", &link, &w->err), &w->err);
        assert_false(link.up);
        assert_ok(link_delete_by_name(w->nl, "container", &w->err), &w->err);
        node_world_sync(w);
        assert_int_equal(w->report.enis[2].state, NODE_ENI_ROUTED);
}

/* A pod's link bears another name, and its alias is gone: all that is done for it is done by its index. */
static void test_pod_link_is_followed(void **state)
{
        struct node_world *w = *state;
        struct pod_found *found;
        char value[SYSCTL_VALUE_BYTES];
        unsigned ifindex;

        node_world_add_pod(w, "10.0.1.11", 0, true);
        node_world_add_pod(w, "10.0.1.21", 1, true);
        node_world_sync(w);
        ifindex = node_world_ifindex(w, w->pods[1].host_ifname);
        if (!node_world_rename(w, ifindex, "uplink7"))
                node_world_sync(w);
        assert_int_equal(node_world_sync(w), 0);
        assert_int_equal(w->report.n_pods_unlinked, 0);
        assert_ok(link_change(w->nl, ifindex, &(struct link_change){.alias = ""}, &w->err), &w->err);
        assert_int_equal(node_world_sync(w), 1);
        assert_int_equal(w->report.repaired.links, 1);
        assert_ok(node_find_pods(w->node, w->arena, w->pods, w->view.n_pods, &found, &w->err), &w->err);
        assert_int_equal(found[1].link->ifindex, ifindex);
        assert_string_equal(found[1].link->alias, "pod-1");
        assert_string_equal(found[1].link->name, "uplink7");
        assert_ok(route_delete(w->nl, &(struct route_info){.table = 512, .dst = prefix_host(w->pods[1].ip)},
                               &w->err),
                  &w->err);
        assert_runs("ip neigh del proxy " DATAPLANE_GATEWAY " dev uplink7");
        assert_ok(sysctl_write("net.ipv4.conf.uplink7.rp_filter", "0", NULL, &w->err), &w->err);
        assert_int_equal(node_world_sync(w), 3);
        assert_ok(sysctl_read("net.ipv4.conf.uplink7.rp_filter", value, &w->err), &w->err);
        assert_string_equal(value, "1");
        assert_contains(node_world_routes(w, 512), "10.0.1.21/32");
        assert_int_equal(node_world_sync(w), 0);
}

int main(void)
{
#define SYNC_TEST(fn) cmocka_unit_test_setup_teardown(fn, node_world_setup, node_world_teardown)
        const struct CMUnitTest tests[] = {
                SYNC_TEST(test_first_sync_makes_all_second_nothing),
                SYNC_TEST(test_restart_changes_only_nft),
                SYNC_TEST(test_leave),
                SYNC_TEST(test_leave_where_sysctls_cannot_be_written),
                SYNC_TEST(test_stale_rules_stay_until_nftables_is_written),
                SYNC_TEST(test_eni_arrives_later_and_leaves),
                SYNC_TEST(test_each_damage_is_repaired),
                SYNC_TEST(test_sysctls_of_a_pods_link_that_protect_are_repaired),
                SYNC_TEST(test_foreign_objects_stay),
                SYNC_TEST(test_foreign_route_in_our_place),
                SYNC_TEST(test_one_bad_eni_does_not_stop_the_other),
                SYNC_TEST(test_primary_must_be_there),
                SYNC_TEST(test_stale_pod_routes),
                SYNC_TEST(test_route_just_added_is_kept),
                SYNC_TEST(test_a_link_that_is_not_up_yet),
                SYNC_TEST(test_misled_routes_are_reported),
                SYNC_TEST(test_addresses_that_the_host_has),
                SYNC_TEST(test_an_address_that_others_hang_on_stays),
                SYNC_TEST(test_another_link_has_an_enis_mac),
                SYNC_TEST(test_nobody_can_tell_which_is_the_eni),
                SYNC_TEST(test_pod_link_is_followed),
        };
        int r = node_world_begin();

        return r ? r : cmocka_run_group_tests(tests, NULL, NULL);
}
