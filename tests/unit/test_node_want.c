// SPDX-License-Identifier: Apache-2.0
/* The host network's wanted state, as tables: a view and links in, objects and the nftables text out. */
#include "test.h"

#include <stdio.h>

#include <linux/rtnetlink.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/mem.h>

#include "node/want.h"

static struct ip ip(const char *text)
{
        struct ip ip;
        struct err err;

        assert_ok(ip_parse(text, &ip, &err), &err);
        return ip;
}

static struct prefix cidr(const char *text)
{
        struct prefix prefix;
        struct err err;

        assert_ok(prefix_parse(text, &prefix, &err), &err);
        return prefix;
}

static struct mac mac(uint8_t n)
{
        return (struct mac){{2, 0, 0, 0, 0, n}};
}

static struct link_info link_(unsigned ifindex, const char *name, uint8_t mac_n, const char *kind,
                              const char *alias)
{
        struct link_info link = {.ifindex = ifindex, .mtu = 1500, .has_mac = mac_n, .mac = mac(mac_n)};

        snprintf(link.name, sizeof(link.name), "%s", name);
        snprintf(link.kind, sizeof(link.kind), "%s", kind);
        snprintf(link.alias, sizeof(link.alias), "%s", alias);
        return link;
}

/* A node with a primary ENI, two secondary ones (the second without a link), and three pods (one without a link). */
struct node_case {
        struct arena *arena;
        struct link_info links[8];
        struct node_eni enis[3];
        struct node_address addresses[5];
        struct pod_sought pods[3];
        struct prefix vpc[2];
        struct egress egress;
        struct node_view view;
        struct node_want want;
        struct err err;
};

static int setup(void **state)
{
        struct node_case *c = XNEW(struct node_case);

        c->arena = arena_new();
        c->links[0] = link_(1, "lo", 0, "", "");
        c->links[1] = link_(2, "eth0", 1, "", "");
        c->links[2] = link_(3, "eth1.7", 2, "vlan", ""); /* on top of eth1: the same MAC */
        c->links[3] = link_(4, "eth1", 2, "", "");
        c->links[4] = link_(5, "eni00000000001", 21, "veth", "container-1");
        c->links[5] = link_(6, "eni00000000002", 22, "veth", "container-2");
        c->links[6] = link_(7, "eni00000000003", 23, "veth", "older sandbox of 3");
        c->links[7] = link_(8, "docker0", 9, "bridge", "");
        c->enis[0] = (struct node_eni){1, true, 0, 0, mac(1), ip("10.0.1.10"), cidr("10.0.1.0/24")};
        c->enis[1] = (struct node_eni){2, false, 1, 2, mac(2), ip("10.0.1.20"), cidr("10.0.1.0/24")};
        c->enis[2] = (struct node_eni){3, false, 2, 3, mac(3), ip("10.0.1.30"), cidr("10.0.1.0/24")};
        c->addresses[0] = (struct node_address){cidr("10.0.1.22/32"), 2};
        c->addresses[1] = (struct node_address){cidr("10.0.1.11/32"), 1};
        c->addresses[2] = (struct node_address){cidr("10.0.1.21/32"), 2};
        c->addresses[3] = (struct node_address){cidr("10.0.1.31/32"), 3};
        c->addresses[4] = (struct node_address){cidr("10.0.1.64/28"), 2};
        c->pods[0] = (struct pod_sought){ip("10.0.1.22"), "eni00000000002", "container-2"};
        c->pods[1] = (struct pod_sought){ip("10.0.1.11"), "eni00000000001", "container-1"};
        c->pods[2] = (struct pod_sought){ip("10.0.1.21"), "eni00000000003", "container-3"};
        c->vpc[0] = cidr("10.0.0.0/16");
        c->vpc[1] = cidr("100.64.0.0/16");
        c->egress = (struct egress){
                .node_ports = true,
                .mark = 0x80,
                .exempt = {{cidr("192.168.0.0/16"), cidr("10.0.9.0/24") /* inside the VPC's */}, 2},
                .external_services = {{cidr("10.50.0.0/16")}, 1}};
        c->view = (struct node_view){.veth_prefix = "eni",
                                     .mtu = 9001,
                                     .vpc_cidrs = c->vpc,
                                     .n_vpc_cidrs = 2,
                                     .egress = &c->egress,
                                     .enis = c->enis,
                                     .n_enis = 3,
                                     .addresses = c->addresses,
                                     .n_addresses = 5,
                                     .pods = c->pods,
                                     .n_pods = 3};
        *state = c;
        return 0;
}

static int teardown(void **state)
{
        struct node_case *c = *state;

        arena_free(c->arena);
        free(c);
        return 0;
}

static int make(struct node_case *c)
{
        const struct pod_evidence kernel = {.links = c->links, .n_links = ARRAY_SIZE(c->links)};

        return node_want_make(c->arena, &c->view, &kernel, &c->want, &c->err);
}

static void test_routes(void **state)
{
        static const char *const expect[] = {
                "10.0.1.1/32 dev 4 table 2 proto 118",
                "0.0.0.0/0 via 10.0.1.1 dev 4 table 2 proto 118",
                "10.0.1.11/32 dev 5 table 512 proto 118",
                "10.0.1.22/32 dev 6 table 512 proto 118",
        };
        struct node_case *c = *state;

        assert_ok(make(c), &c->err);
        assert_int_equal(c->want.n_routes, ARRAY_SIZE(expect));
        for (size_t i = 0; i < ARRAY_SIZE(expect); i++)
                assert_string_equal(ROUTE_TEXT(&c->want.routes[i]), expect[i]);
        assert_int_equal(c->want.routes[0].scope, RT_SCOPE_LINK);
        assert_int_equal(c->want.routes[1].scope, RT_SCOPE_UNIVERSE);
        assert_int_equal(c->want.n_pods_unlinked, 1); /* its link is an older sandbox's */
}

/* Of other main plugins' pods: only a bridge leads to them, whatever else has the name. */
static void test_routes_behind_a_bridge(void **state)
{
        struct node_case *c = *state;

        c->pods[1] = (struct pod_sought){ip("10.0.1.11"), "docker0", NULL};
        c->pods[2] = (struct pod_sought){ip("10.0.1.21"), "docker0", NULL};
        assert_ok(make(c), &c->err);
        assert_int_equal(c->want.n_routes, 5);
        assert_string_equal(ROUTE_TEXT(&c->want.routes[2]), "10.0.1.11/32 dev 8 table 512 proto 118");
        assert_string_equal(ROUTE_TEXT(&c->want.routes[3]), "10.0.1.21/32 dev 8 table 512 proto 118");
        assert_int_equal(c->want.n_pods_unlinked, 0);
        c->pods[2].host_ifname = "eni00000000001";
        assert_ok(make(c), &c->err);
        assert_int_equal(c->want.n_routes, 4);
        assert_int_equal(c->want.n_pods_unlinked, 1);
}

static void test_rules(void **state)
{
        static const char *const expect[] = {
                "512: lookup 512 proto 118",
                "1024: fwmark 0x80/0x80 lookup 254 proto 118",
                "1534: from 0.0.0.0/32 iif lo goto 1537 proto 118",
                "1534: from 10.0.1.10/32 iif lo goto 1537 proto 118",
                "1534: from 10.0.1.20/32 iif lo goto 1537 proto 118",
                "1534: fwmark 0x0/0x1f02 iif lo goto 1537 proto 118",
                "1535: to 10.50.0.0/16 lookup 254 proto 118",
                "1536: fwmark 0x102/0x1f02 lookup 2 proto 118",
                "1537: from 10.0.1.20/32 lookup 2 proto 118",
        };
        struct node_case *c = *state;

        assert_ok(make(c), &c->err);
        assert_int_equal(c->want.n_rules, ARRAY_SIZE(expect));
        for (size_t i = 0; i < ARRAY_SIZE(expect); i++) {
                assert_string_equal(RULE_TEXT(&c->want.rules[i]), expect[i]);
                assert_true(node_rule_is_ours(&c->want.rules[i]));
        }
}

static void test_links_addresses_sysctls(void **state)
{
        static const struct {
                const char *key, *value;
                unsigned ifindex; /* of the secondary ENI that it belongs to */
        } sysctls[] = {
                {"net.ipv4.ip_forward", "1", 0},
                {"net.ipv4.conf.eth0.rp_filter", "0", 0},
                {"net.ipv4.conf.eth0.accept_local", "1", 0},
                {"net.ipv4.conf.eth0.forwarding", "1", 0},
                {"net.ipv4.conf.eth0.accept_redirects", "0", 0},
                {"net.ipv4.conf.eth1.rp_filter", "0", 4},
                {"net.ipv4.conf.eth1.accept_local", "1", 4},
                {"net.ipv4.conf.eth1.forwarding", "1", 4},
                {"net.ipv4.conf.eth1.accept_redirects", "0", 4},
                {"net.ipv4.conf.eth1.proxy_arp", "0", 4},
                {"net.ipv6.conf.eth1.accept_ra", "0", 4},
                {"net.ipv6.conf.eth1.accept_redirects", "0", 4},
        };
        struct node_case *c = *state;

        assert_ok(make(c), &c->err);
        assert_string_equal(c->want.primary->name, "eth0");
        assert_int_equal(c->want.enis[0].table, 254);
        assert_int_equal(c->want.enis[0].mark, 0);
        assert_string_equal(c->want.enis[1].link->name, "eth1"); /* not the VLAN on top of it */
        assert_int_equal(c->want.enis[1].mark, 0x102);
        assert_null(c->want.enis[2].link);
        assert_int_equal(c->want.n_addresses, 1);
        assert_int_equal(c->want.addresses[0].ifindex, 4);
        assert_string_equal(PREFIX_TEXT(c->want.addresses[0].prefix), "10.0.1.20/32");
        for (size_t i = 0; i < ARRAY_SIZE(sysctls); i++) {
                assert_true(i < c->want.n_sysctls);
                assert_string_equal(c->want.sysctls[i].key, sysctls[i].key);
                assert_string_equal(c->want.sysctls[i].value, sysctls[i].value);
                assert_int_equal(c->want.sysctls[i].ifindex, sysctls[i].ifindex);
        }
        assert_int_equal(c->want.n_sysctls, ARRAY_SIZE(sysctls));
}

static void test_nft_golden(void **state)
{
        static const char golden[] =
                "table ip vpcwire {\n"
                "\tset pods {\n"
                "\t\ttype ipv4_addr\n"
                "\t\tflags interval\n"
                "\t\telements = { 10.0.1.11,\n"
                "\t\t             10.0.1.21,\n"
                "\t\t             10.0.1.22,\n"
                "\t\t             10.0.1.31,\n"
                "\t\t             10.0.1.64/28 }\n"
                "\t}\n"
                "\tset secondary {\n"
                "\t\ttype ipv4_addr\n"
                "\t\tflags interval\n"
                "\t\telements = { 10.0.1.21,\n"
                "\t\t             10.0.1.22,\n"
                "\t\t             10.0.1.64/28 }\n"
                "\t}\n"
                "\tmap eni_of {\n"
                "\t\ttype ipv4_addr : verdict\n"
                "\t\tflags interval\n"
                "\t\telements = { 10.0.1.11 : goto pod_0,\n"
                "\t\t             10.0.1.21 : goto pod_1,\n"
                "\t\t             10.0.1.22 : goto pod_1,\n"
                "\t\t             10.0.1.31 : goto pod_0,\n"
                "\t\t             10.0.1.64/28 : goto pod_1 }\n"
                "\t}\n"
                "\tchain entered_0 {\n"
                "\t\tfib daddr . iif type local ct mark set ct mark | 0x00000080\n"
                "\t}\n"
                "\tchain entered_1 {\n"
                "\t\tfib daddr . iif type local ct mark set ct mark & 0xffffe0fd | 0x00000102\n"
                "\t}\n"
                "\tchain guard_older {\n"
                "\t\tip daddr 127.0.0.0/8 counter drop\n"
                "\t\tfib saddr . iif oif missing counter drop\n"
                "\t}\n"
                "\tchain begins {\n"
                "\t\ttype nat hook prerouting priority dstnat - 10; policy accept;\n"
                "\t\tiifgroup 118 ip saddr 0.0.0.0 counter drop\n"
                "\t\tiifname \"eni*\" iifgroup != 118 jump guard_older\n"
                "\t\tiifname vmap { \"eth0\" : goto entered_0, \"eth1\" : goto entered_1 }\n"
                "\t}\n"
                "\tchain to_primary {\n"
                "\t\tmeta mark set meta mark | 0x00000080\n"
                "\t}\n"
                "\tchain leave {\n"
                "\t\tct mark set ct mark | 0x00000080\n"
                "\t\tgoto to_primary\n"
                "\t}\n"
                "\tchain here {\n"
                "\t\tiifgroup 118 fib daddr oifname \"eni*\" return\n"
                "\t\tgoto leave\n"
                "\t}\n"
                "\tchain first_of_pod {\n"
                "\t\tip daddr @pods fib daddr oifname != { \"eth0\", \"eth1\" } goto here\n"
                "\t\tip daddr 10.0.0.0/16 return\n"
                "\t\tip daddr 100.64.0.0/16 return\n"
                "\t\tip daddr 192.168.0.0/16 return\n"
                "\t\tfib daddr type != local goto leave\n"
                "\t}\n"
                "\tchain other_link {\n"
                "\t\tiifname { \"eth0\", \"eth1\" } return\n"
                "\t\tfib saddr . iif oif missing counter drop\n"
                "\t}\n"
                "\tchain foreign_mark {\n"
                "\t\tmeta mark & 0x00001f02 { 0x00000102 } goto to_primary\n"
                "\t}\n"
                "\tchain pod_0 {\n"
                "\t\tiifgroup != 118 jump other_link\n"
                "\t\tmeta mark & 0x00000002 != 0 jump foreign_mark\n"
                "\t\tct state new goto first_of_pod\n"
                "\t}\n"
                "\tchain eni_1 {\n"
                "\t\tmeta mark set meta mark & 0xffffe0fd | 0x00000102\n"
                "\t}\n"
                "\tchain pod_1 {\n"
                "\t\tiifgroup != 118 jump other_link\n"
                "\t\tmeta mark set meta mark & 0xffffe0fd | 0x00000102\n"
                "\t\tct state new goto first_of_pod\n"
                "\t}\n"
                "\tchain marked {\n"
                "\t\tip saddr @pods iifgroup != 118 jump other_link\n"
                "\t\tct direction reply ct mark & 0x00001f02 vmap { 0x00000102 : goto eni_1 }\n"
                "\t\tct mark & 0x00000080 == 0x00000080 ip saddr @pods goto to_primary\n"
                "\t\tip saddr vmap @eni_of\n"
                "\t}\n"
                "\tchain from_pods {\n"
                "\t\ttype filter hook prerouting priority dstnat + 10; policy accept;\n"
                "\t\tct mark & 0x00001f82 != 0 goto marked\n"
                "\t\tip saddr vmap @eni_of\n"
                "\t}\n"
                "\tchain no_pod {\n"
                "\t\ttype filter hook forward priority filter - 10; policy accept;\n"
                "\t\tiifgroup != 118 oifgroup != 118 ip daddr @pods iifname { \"eth0\", \"eth1\" } oifname { "
                "\"eth0\", \"eth1\" } counter reject with icmp host-unreachable\n"
                "\t}\n"
                "\tchain snat_outside {\n"
                "\t\tip daddr 10.0.0.0/16 return\n"
                "\t\tip daddr 100.64.0.0/16 return\n"
                "\t\tip daddr 192.168.0.0/16 return\n"
                "\t\tsnat to 10.0.1.10 fully-random\n"
                "\t}\n"
                "\tchain snat_pods {\n"
                "\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
                "\t\toifname != \"eth0\" return\n"
                "\t\tiifgroup != 118 ip saddr != @pods return\n"
                "\t\tjump snat_outside\n"
                "\t\tip saddr @secondary ct mark set ct mark | 0x00000080 snat to 10.0.1.10 fully-random\n"
                "\t}\n"
                "}\n";
        static const char guards[] =
                "table inet vpcwire {\n"
                "\tcounter wrong_source_ipv4 {\n"
                "\t}\n"
                "\tcounter wrong_source_ipv6 {\n"
                "\t}\n"
                "\tcounter to_loopback {\n"
                "\t}\n"
                "\tcounter router_messages {\n"
                "\t}\n"
                "\tcounter link_local_ipv6 {\n"
                "\t}\n"
                "\tcounter own_source {\n"
                "\t}\n"
                "\tchain guard_pods {\n"
                "\t\ttype filter hook prerouting priority raw; policy accept;\n"
                "\t\tiifgroup 118 goto guard_pods_ip\n"
                "\t\tfib saddr type != unicast meta nfproto ipv4 iifname { \"eth0\", \"eth1\" } counter name "
                "own_source drop\n"
                "\t}\n"
                "\tchain guard_pods_ip {\n"
                "\t\tmeta nfproto ipv6 goto guard_pods_ipv6\n"
                "\t\tip daddr 127.0.0.0/8 counter name to_loopback drop\n"
                "\t\tfib saddr . iif oif missing counter name wrong_source_ipv4 drop\n"
                "\t}\n"
                "\tchain guard_pods_ipv6 {\n"
                "\t\ticmpv6 type { nd-router-advert, nd-redirect } counter name router_messages drop\n"
                "\t\tip6 saddr fe80::/10 icmpv6 type nd-neighbor-advert accept\n"
                "\t\tip6 saddr :: counter name link_local_ipv6 drop\n"
                "\t\tip6 saddr fe80::/10 counter name link_local_ipv6 drop\n"
                "\t\tfib saddr . iif oif missing counter name wrong_source_ipv6 drop\n"
                "\t}\n"
                "}\n";
        struct node_case *c = *state;

        assert_ok(make(c), &c->err);
        assert_string_equal(c->want.nft.text, golden);
        assert_string_equal(c->want.nft_guard.text, guards);
}

/* The golden text above with its egress settings changed; what was begun before must go on, so packets of marked connections are marked always. */
static void test_nft_egress(void **state)
{
        static const char restore[] = "ct mark & 0x00000040 == 0x00000040 ip saddr @pods goto to_primary\n";
        struct node_case *c = *state;

        c->egress.mark = 0x40;
        c->egress.snat_ports = SNAT_PORTS_KEEP;
        assert_ok(make(c), &c->err);
        assert_contains(c->want.nft.text, "return\n\t\tsnat to 10.0.1.10\n");
        assert_contains(c->want.nft.text, restore);
        assert_contains(c->want.nft.text, "meta mark set meta mark | 0x00000040\n");
        assert_string_equal(RULE_TEXT(&c->want.rules[1]), "1024: fwmark 0x40/0x40 lookup 254 proto 118");
        c->egress.snat_ports = SNAT_PORTS_HASH;
        assert_ok(make(c), &c->err);
        assert_contains(c->want.nft.text, "return\n\t\tsnat to 10.0.1.10 random\n");
        c->egress.external_snat = true;
        c->egress.node_ports = false;
        assert_ok(make(c), &c->err);
        assert_null(strstr(c->want.nft.text, "goto leave\n\t}\n\tchain other_link"));
        assert_null(strstr(c->want.nft.text, "snat_outside"));
        assert_contains(c->want.nft.text,
                        "ip saddr @secondary ct mark set ct mark | 0x00000040 snat to 10.0.1.10 random\n");
        assert_null(strstr(c->want.nft.text, "entered"));
        assert_contains(c->want.nft.text, restore);
        c->egress.external_snat = false;
        c->egress.exempt = (struct cidrs){{cidr("0.0.0.0/0")}, 1};
        assert_ok(make(c), &c->err);
        assert_contains(
                c->want.nft.text,
                "chain snat_outside {\n\t\tip daddr 0.0.0.0/0 return\n\t\tsnat to 10.0.1.10 random\n");
}

static void test_nft_empty_sets_and_doubles(void **state)
{
        struct node_case *c = *state;

        c->view.n_vpc_cidrs = c->egress.exempt.n = c->view.n_addresses = 0;
        assert_ok(make(c), &c->err);
        assert_null(strstr(c->want.nft.text, "elements"));
        assert_non_null(strstr(strstr(c->want.nft.text, "set pods {"), "size 16\n"));
        c->view.n_addresses = 5;
        c->addresses[1] = (struct node_address){cidr("10.0.1.70/32"), 2}; /* inside the /28 */
        c->addresses[3] = c->addresses[0];                                /* twice */
        assert_ok(make(c), &c->err);
        assert_null(strstr(c->want.nft.text, "10.0.1.70"));
        assert_non_null(strstr(strstr(c->want.nft.text, "map eni_of"), "flags interval"));
        assert_ptr_equal(strstr(strstr(c->want.nft.text, "10.0.1.22 :") + 1, "10.0.1.22 :"), NULL);
        c->addresses[4] = c->addresses[0]; /* without the /28 it is a hash, and of the quick kind */
        assert_ok(make(c), &c->err);
        assert_null(strstr(strstr(c->want.nft.text, "map eni_of"), "flags interval"));
        assert_contains(c->want.nft.text, "set pods {\n\t\ttype ipv4_addr\n\t\tsize 16\n");
        assert_contains(c->want.nft.text, "map eni_of {\n\t\ttype ipv4_addr : verdict\n\t\tsize 16\n");
}

static void test_order_of_input_does_not_matter(void **state)
{
        struct node_case *c = *state;
        struct node_want first;
        struct pod_sought pod = c->pods[0];
        struct node_eni eni = c->enis[0];
        struct node_address address = c->addresses[0];

        assert_ok(make(c), &c->err);
        first = c->want;
        c->pods[0] = c->pods[1];
        c->pods[1] = pod;
        c->enis[0] = c->enis[2];
        c->enis[2] = eni;
        c->addresses[0] = c->addresses[4];
        c->addresses[4] = address;
        assert_ok(make(c), &c->err);
        assert_string_equal(first.nft.text, c->want.nft.text);
        assert_int_equal(first.n_routes, c->want.n_routes);
        for (size_t i = 0; i < first.n_routes; i++)
                assert_int_equal(route_compare(&first.routes[i], &c->want.routes[i]), 0);
        for (size_t i = 0; i < first.n_rules; i++)
                assert_int_equal(rule_compare(&first.rules[i], &c->want.rules[i]), 0);
}

static void test_doubled_pod_address_gives_one_route(void **state)
{
        struct node_case *c = *state;

        c->pods[1].ip = c->pods[0].ip;
        assert_ok(make(c), &c->err);
        assert_int_equal(c->want.n_routes, 3);
}

static void test_primary_without_link(void **state)
{
        struct node_case *c = *state;

        c->links[1].has_mac = false;
        assert_ok(make(c), &c->err);
        assert_null(c->want.primary);
        assert_int_equal(c->want.n_routes + c->want.n_rules + c->want.n_sysctls, 0);
}

static void test_bad_view_is_refused(void **state)
{
        struct node_case *c = *state;
        static const char *const prefixes[] = {"", "abcde", "e\"i", "e*", "e i", "e\n"};

        for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
                c->view.veth_prefix = prefixes[i];
                assert_fails(make(c), ERR_INVALID);
        }
        for (uint32_t mark = 0; mark <= 0x180; mark += 0x180) {
                c->view.veth_prefix = "eni";
                c->egress.mark = mark;
                assert_fails(make(c), ERR_INVALID);
        }
        c->egress.mark = 0x80;
        c->view.veth_prefix = "eth"; /* the primary interface's own name begins so */
        assert_fails(make(c), ERR_INVALID);
        c->view.veth_prefix = "eni";
        c->links[1] = link_(2, "a\"b", 1, "", "");
        assert_fails(make(c), ERR_INVALID);
        c->links[1] = link_(2, "eth0", 1, "", "");
        assert_ok(make(c), &c->err);
        c->enis[0].primary = false;
        assert_fails(make(c), ERR_INVALID);
        assert_contains(c->err.msg, "primary ENI");
}

/* What is wrong with one ENI stays with it. */
static void test_bad_eni_stands_alone(void **state)
{
        static const struct {
                unsigned mark_index, route_table;
                const char *address, *subnet;
                enum err_code expect;
        } cases[] = {
                {2, 3, "10.0.1.30", "10.0.1.0/24", ERR_NONE},
                {31, 10101, "10.0.1.30", "10.0.1.0/24", ERR_NONE},
                {31, 16499, "10.0.1.30", "10.0.1.0/24", ERR_NONE},
                {32, 3, "10.0.1.30", "10.0.1.0/24", ERR_LIMIT},
                {0, 0, "10.0.1.30", "10.0.1.0/24", ERR_LIMIT}, /* there was none for it */
                {2, 254, "10.0.1.30", "10.0.1.0/24", ERR_LIMIT},
                {2, 3, "fd00::30", "10.0.1.0/24", ERR_INVALID},
                {2, 3, "10.0.1.30", "fd00::/64", ERR_INVALID},
                {2, 3, "10.0.1.30", "10.0.1.30/32", ERR_INVALID},
        };
        struct node_case *c = *state;

        c->links[7] = link_(8, "eth2", 3, "", "");
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                bool good = cases[i].expect == ERR_NONE;

                c->enis[2] = (struct node_eni){3,
                                               false,
                                               cases[i].mark_index,
                                               cases[i].route_table,
                                               mac(3),
                                               ip(cases[i].address),
                                               cidr(cases[i].subnet)};
                assert_ok(make(c), &c->err);
                assert_int_equal(c->want.enis[2].err.code, cases[i].expect);
                assert_int_equal(c->want.enis[1].err.code, ERR_NONE);
                assert_int_equal(c->want.n_addresses, good ? 2 : 1);
                assert_int_equal(c->want.n_rules, good ? 12 : 9);
                assert_int_equal(c->want.n_routes, good ? 6 : 4);
        }
}

static void test_tables(void **state _unused_)
{
        assert_int_equal(dataplane_eni_table(1, 0), 2);
        assert_int_equal(dataplane_eni_table(14, 0), 15);
        assert_int_equal(dataplane_eni_table(1, 1), 10101);
        assert_int_equal(dataplane_eni_table(3, 12), 11203);
        assert_true(dataplane_table_is_ours(2) && dataplane_table_is_ours(32) &&
                    dataplane_table_is_ours(512));
        assert_true(dataplane_table_is_ours(10101) && dataplane_table_is_ours(16363));
        assert_false(dataplane_table_is_ours(0) || dataplane_table_is_ours(1) || dataplane_table_is_ours(33));
        assert_false(dataplane_table_is_ours(253) || dataplane_table_is_ours(254) ||
                     dataplane_table_is_ours(255));
        assert_false(dataplane_table_is_ours(10099) || dataplane_table_is_ours(16500));
}

static void test_what_is_ours(void **state _unused_)
{
        struct rule_info rule = {.priority = 1536, .table = 2, .protocol = DATAPLANE_PROTOCOL};
        struct link_info pod = link_(5, "eni1", 1, "veth", "id");

        assert_true(node_rule_is_ours(&rule));
        rule.protocol = RTPROT_STATIC;
        assert_false(node_rule_is_ours(&rule));
        rule.protocol = DATAPLANE_PROTOCOL;
        rule.priority = 1538;
        assert_false(node_rule_is_ours(&rule));
        rule.priority = 1536;
        rule.other = true;
        assert_false(node_rule_is_ours(&rule));
        assert_true(node_link_is_pod(&pod, "eni"));
        assert_false(node_link_is_pod(&pod, "vw"));
        pod.alias[0] = '\0';
        assert_false(node_link_is_pod(&pod, "eni"));
}

int main(void)
{
#define WANT_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
        const struct CMUnitTest tests[] = {
                WANT_TEST(test_routes),
                WANT_TEST(test_routes_behind_a_bridge),
                WANT_TEST(test_rules),
                WANT_TEST(test_links_addresses_sysctls),
                WANT_TEST(test_nft_golden),
                WANT_TEST(test_nft_egress),
                WANT_TEST(test_nft_empty_sets_and_doubles),
                WANT_TEST(test_order_of_input_does_not_matter),
                WANT_TEST(test_doubled_pod_address_gives_one_route),
                WANT_TEST(test_primary_without_link),
                WANT_TEST(test_bad_view_is_refused),
                WANT_TEST(test_bad_eni_stands_alone),
                cmocka_unit_test(test_tables),
                cmocka_unit_test(test_what_is_ours),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
