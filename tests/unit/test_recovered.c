// SPDX-License-Identifier: Apache-2.0
/* Pods that outlived the database, as the kernel's links and routes show them; and beside a checkpoint of aws-vpc-cni. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include <vpcwire/dataplane.h>

#include "migrate/recovered.h"
#include "node/want.h"

static struct ip ip_of(const char *text)
{
        struct ip ip = IP_NONE;

        assert_int_equal(ip_parse(text, &ip, NULL), 0);
        return ip;
}

static struct link_info link_of(unsigned ifindex, const char *kind, const char *name, const char *alias)
{
        struct link_info link = {.ifindex = ifindex};

        snprintf(link.kind, sizeof(link.kind), "%s", kind);
        snprintf(link.name, sizeof(link.name), "%s", name);
        snprintf(link.alias, sizeof(link.alias), "%s", alias);
        return link;
}

static struct route_info route_to(const char *address, unsigned oif)
{
        return (struct route_info){
                .dst = prefix_host(ip_of(address)), .table = DATAPLANE_TABLE_PODS, .oif = oif};
}

static struct import import_of(const char *container, const char *ifname, const char *address,
                               const char *pod)
{
        return (struct import){.key = {IMPORT_NETWORK_UNKNOWN, container, ifname},
                               .address = ip_of(address),
                               .pod_namespace = *pod ? "default" : "",
                               .pod_name = pod};
}

static void test_a_pod_is_a_link_of_ours_and_a_route_to_it(void **state _unused_)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const struct link_info links[] = {link_of(1, "", "lo", ""),
                                          link_of(2, "", "eth0", "uplink"),
                                          link_of(3, "veth", "enia", "first"),
                                          link_of(4, "veth", "enib", ""),
                                          link_of(5, "bridge", "cni0", "theirs"),
                                          link_of(6, "veth", "enid", "no-route"),
                                          link_of(7, "veth", "vpce", "second")};
        struct route_info routes[] = {route_to("10.0.1.5", 3), route_to("10.0.1.6", 2),
                                      route_to("10.0.1.7", 4), route_to("10.0.1.8", 5),
                                      route_to("10.0.1.9", 9), route_to("10.0.1.10", 7),
                                      route_to("10.0.2.0", 7), route_to("10.0.1.11", 7)};
        struct import *found;
        size_t n;

        routes[6].dst.bits = 24;
        routes[7].table = RT_TABLE_MAIN;
        recovered_of(arena, links, ARRAY_SIZE(links), routes, ARRAY_SIZE(routes), &found, &n);
        assert_int_equal(n, 2);
        assert_string_equal(IP_TEXT(found[0].address), "10.0.1.5");
        assert_string_equal(found[0].key.container_id, "first");
        assert_string_equal(found[0].key.ifname, "enia");
        assert_string_equal(found[0].key.network, IMPORT_NETWORK_UNKNOWN);
        assert_string_equal(IP_TEXT(found[1].address), "10.0.1.10");
        assert_string_equal(found[1].key.container_id, "second");
        recovered_of(arena, links, 1, NULL, 0, &found, &n);
        assert_int_equal(n, 0);
}

static void test_a_checkpoint_beside_them(void **state _unused_)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const struct import recovered[] = {import_of("known", "enia", "10.0.1.5", ""),
                                           import_of("later", "enib", "10.0.1.6", "")};
        struct import rows[] = {import_of("known", "eth0", "10.0.1.5", "web-0"),
                                import_of("earlier", "eth0", "10.0.1.6", "web-1"),
                                import_of("elsewhere", "eth0", "10.0.1.7", "web-2")};
        struct import *joined;
        size_t n, n_recovered;

        rows[0].since_wall_ms = 1718000000000;
        recovered_join(arena, rows, ARRAY_SIZE(rows), recovered, ARRAY_SIZE(recovered), &joined, &n,
                       &n_recovered);
        assert_int_equal(n_recovered, 2);
        assert_int_equal(n, 3);
        assert_string_equal(joined[0].key.ifname, "enia");
        assert_string_equal(joined[0].pod_name, "web-0");
        assert_int_equal(joined[0].since_wall_ms, rows[0].since_wall_ms);
        assert_string_equal(joined[1].key.container_id, "later");
        assert_string_equal(joined[1].pod_name, "");
        assert_string_equal(joined[2].key.container_id, "elsewhere");
        recovered_join(arena, rows, ARRAY_SIZE(rows), NULL, 0, &joined, &n, &n_recovered);
        assert_int_equal(n_recovered, 0);
        assert_int_equal(n, ARRAY_SIZE(rows));
        recovered_join(arena, NULL, 0, recovered, 1, &joined, &n, &n_recovered);
        assert_int_equal(n, 1);
}

static void test_a_stranger_runs_and_has_no_lease_of_ours(void **state _unused_)
{
        const struct import row = import_of("theirs", "eth0", "10.0.1.5", "web-0");
        const struct lease leases[] = {{.key = {"net", "theirs", "eth0"}, .address = ip_of("10.0.1.5")},
                                       {.key = {"net", "ours", "eth0"}, .address = ip_of("10.0.1.5")},
                                       {.key = {"net", "theirs", "eth0"}, .address = ip_of("10.0.1.6")}};
        const struct route_info routes[] = {route_to("10.0.1.6", 3), route_to("10.0.1.5", 4)};
        struct route_info subnet = route_to("10.0.1.5", 2);

        subnet.dst.bits = 24;
        assert_true(recovered_has_foreign(&row, 1, NULL, 0, routes, 2));
        assert_true(recovered_has_foreign(&row, 1, leases + 1, 2, routes, 2));
        assert_false(recovered_has_foreign(&row, 1, leases, 3, routes, 2));
        assert_false(recovered_has_foreign(&row, 1, NULL, 0, routes, 1)); /* it is gone */
        assert_false(recovered_has_foreign(&row, 1, NULL, 0, &subnet, 1));
        assert_false(recovered_has_foreign(NULL, 0, NULL, 0, routes, 2));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_pod_is_a_link_of_ours_and_a_route_to_it),
                cmocka_unit_test(test_a_checkpoint_beside_them),
                cmocka_unit_test(test_a_stranger_runs_and_has_no_lease_of_ours),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
