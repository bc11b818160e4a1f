// SPDX-License-Identifier: Apache-2.0
/* What takes packets of the primary ENI's pods elsewhere, among the routes of the main table. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include <vpcwire/main_table.h>
#include <vpcwire/mem.h>

enum { ETH0 = 2, DOCKER0 = 7, ETH9 = 9 };

struct seen {
        const char *dst;
        unsigned oif, metric;
};

static const struct {
        const char *what;
        struct seen routes[5];
        const char *flaws[3]; /* where they lead */
        bool no_default;
} cases[] = {
        {"as DHCP makes it",
         {{"0.0.0.0/0", ETH0, 100}, {"10.0.1.0/24", ETH0, 100}, {"10.0.1.1/32", ETH0, 100}},
         {0},
         false},
        {"docker's network outside the VPC",
         {{"0.0.0.0/0", ETH0, 0}, {"172.17.0.0/16", DOCKER0, 0}},
         {0},
         false},
        {"docker's network in the VPC",
         {{"0.0.0.0/0", ETH0, 0}, {"10.0.77.0/24", DOCKER0, 0}},
         {"10.0.77.0/24"},
         false},
        {"a network around the VPC",
         {{"0.0.0.0/0", ETH0, 0}, {"10.0.0.0/8", ETH9, 0}},
         {"10.0.0.0/8"},
         false},
        {"half of the world", {{"0.0.0.0/0", ETH0, 0}, {"0.0.0.0/1", ETH9, 0}}, {"0.0.0.0/1"}, false},
        {"a better default route", {{"0.0.0.0/0", ETH9, 0}, {"0.0.0.0/0", ETH0, 100}}, {"0.0.0.0/0"}, false},
        {"a worse default route", {{"0.0.0.0/0", ETH0, 100}, {"0.0.0.0/0", ETH9, 200}}, {0}, false},
        {"one that is as good", {{"0.0.0.0/0", ETH0, 100}, {"0.0.0.0/0", ETH9, 100}}, {"0.0.0.0/0"}, false},
        {"the subnet by another link, too",
         {{"0.0.0.0/0", ETH0, 0}, {"10.0.1.0/24", ETH0, 100}, {"10.0.1.0/24", ETH9, 200}},
         {0},
         false},
        {"the subnet by another link first",
         {{"0.0.0.0/0", ETH0, 0}, {"10.0.1.0/24", ETH9, 0}, {"10.0.1.0/24", ETH0, 100}},
         {"10.0.1.0/24"},
         false},
        {"nowhere", {{"0.0.0.0/0", ETH0, 0}, {"10.0.66.0/24", 0, 0}}, {"10.0.66.0/24"}, false},
        {"a pod of another plugin's", {{"0.0.0.0/0", ETH0, 0}, {"10.0.1.9/32", DOCKER0, 0}}, {0}, false},
        {"a host that is no pod",
         {{"0.0.0.0/0", ETH0, 0}, {"10.0.1.8/32", DOCKER0, 0}},
         {"10.0.1.8/32"},
         false},
        {"no default route", {{"10.0.1.0/24", ETH0, 0}}, {0}, true},
};

static struct prefix cidr(const char *text)
{
        struct prefix prefix;
        struct err err;

        assert_ok(prefix_parse(text, &prefix, &err), &err);
        return prefix;
}

static int by_route(const void *a, const void *b)
{
        return route_compare(a, b);
}

static bool is_expected(size_t i, struct prefix dst)
{
        for (size_t j = 0; j < ARRAY_SIZE(cases[i].flaws) && cases[i].flaws[j]; j++) {
                if (prefix_equal(cidr(cases[i].flaws[j]), dst))
                        return true;
        }
        return false;
}

static void run_case(size_t i)
{
        struct route_info routes[ARRAY_SIZE(cases[0].routes)] = {0};
        const struct prefix vpc = cidr("10.0.0.0/16");
        const struct ip pod = cidr("10.0.1.9/32").ip;
        struct main_table table = {.routes = routes,
                                   .primary_ifindex = ETH0,
                                   .vpc_cidrs = &vpc,
                                   .n_vpc_cidrs = 1,
                                   .pods = &pod,
                                   .n_pods = 1};
        const struct route_info *flaws[MAIN_TABLE_FLAWS_MAX];
        size_t n, expect = 0;
        bool no_default;

        for (size_t j = 0; j < ARRAY_SIZE(routes) && cases[i].routes[j].dst; j++)
                routes[table.n_routes++] = (struct route_info){.dst = cidr(cases[i].routes[j].dst),
                                                               .oif = cases[i].routes[j].oif,
                                                               .priority = cases[i].routes[j].metric,
                                                               .table = 254};
        qsort(routes, table.n_routes, sizeof(*routes), by_route);
        while (expect < ARRAY_SIZE(cases[i].flaws) && cases[i].flaws[expect])
                expect++;
        n = main_table_flaws(&table, flaws, &no_default);
        if (n != expect || no_default != cases[i].no_default)
                fail_msg("%s: %zu flaws, not %zu; no default route: %d", cases[i].what, n, expect,
                         no_default);
        for (size_t j = 0; j < n; j++) {
                if (!is_expected(i, flaws[j]->dst))
                        fail_msg("%s: %s", cases[i].what, ROUTE_TEXT(flaws[j]));
        }
}

static void test_each(void **state _unused_)
{
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                run_case(i);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_each)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
