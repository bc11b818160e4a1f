// SPDX-License-Identifier: Apache-2.0
/* vpcsim's IPv6: addresses and /80 prefixes of a subnet's /64, an ENI's slots, what IMDS shows, the world file. */
#include "world_fixture.h"

static int assign(struct fixture *f, const char *eni_id, struct world_asked requested, struct prefix **ret)
{
        size_t n;

        return world_assign_ipv6(f->world, &(struct world_assign){.eni_id = eni_id, .requested = requested},
                                 f->arena, ret, &n, &f->err);
}

static int assign_named(struct fixture *f, const char *eni_id, const char *text)
{
        struct prefix cidr = cidr_of(text), *got;

        return assign(f, eni_id, (struct world_asked){.cidrs = &cidr, .n_cidrs = 1}, &got);
}

static int unassign(struct fixture *f, const char *eni_id, const char *text)
{
        struct prefix cidr = cidr_of(text);

        return world_unassign_ipv6(f->world, eni_id, &cidr, 1, &f->err);
}

static void test_lowest_first(void **state)
{
        struct fixture *f = *state;
        struct world_eni eni = fixture_create(f, SUBNET_A, 0);
        struct prefix *got;

        assert_ok(assign(f, eni.id, (struct world_asked){.n_addresses = 2}, &got), &f->err);
        assert_string_equal(PREFIX_TEXT(got[0]), "2001:db8:1:101::4/128");
        assert_string_equal(PREFIX_TEXT(got[1]), "2001:db8:1:101::5/128");
        assert_ok(assign(f, eni.id, (struct world_asked){.n_prefixes = 2}, &got), &f->err);
        assert_string_equal(PREFIX_TEXT(got[0]), "2001:db8:1:101:1::/80");
        assert_string_equal(PREFIX_TEXT(got[1]), "2001:db8:1:101:2::/80");
        assert_ok(unassign(f, eni.id, "2001:db8:1:101::4/128"), &f->err);
        assert_ok(unassign(f, eni.id, "2001:db8:1:101:1::/80"), &f->err);
        assert_ok(assign_named(f, eni.id, "2001:db8:1:101:1:2:3:4/128"),
                  &f->err); /* block 1 is not whole now */
        assert_ok(assign(f, eni.id, (struct world_asked){.n_addresses = 1, .n_prefixes = 1}, &got), &f->err);
        assert_string_equal(PREFIX_TEXT(got[0]), "2001:db8:1:101::4/128");
        assert_string_equal(PREFIX_TEXT(got[1]), "2001:db8:1:101:3::/80");
        eni = fixture_eni(f, eni.id);
        assert_int_equal(eni.n_ipv6, 5);
        assert_int_equal(eni.n_addresses, 1); /* IPv4 has its own */
        assert_ok(world_delete_eni(f->world, eni.id, &f->err), &f->err);
}

static void test_random_ones(void **state)
{
        struct fixture *f = *state;
        struct world_eni eni = fixture_create(f, SUBNET_A, 0);
        struct prefix subnet = cidr_of("2001:db8:1:101::/64"), *got;

        fixture_set(f, "{'allocation': 'random', 'seed': 3}");
        assert_ok(assign(f, eni.id, (struct world_asked){.n_addresses = 20, .n_prefixes = 20}, &got),
                  &f->err);
        for (size_t i = 0; i < 40; i++) {
                assert_int_equal(got[i].bits, i < 20 ? 128 : 80);
                assert_true(prefix_is_network(got[i]));
                assert_true(prefix_contains(subnet, got[i].ip));
        }
        assert_true(ip_compare(got[0].ip, cidr_of("2001:db8:1:101:1::/80").ip) > 0);
}

static void test_what_is_refused(void **state)
{
        struct fixture *f = *state;
        struct world_eni eni = fixture_create(f, SUBNET_A, 0), other = fixture_create(f, SUBNET_A, 0),
                         without = fixture_create(f, SUBNET_B, 0);
        static const char *const bad[] = {
                "2001:db8:1:101::3/128",   "2001:db8:1:101:ffff:ffff:ffff:ffff/128",
                "2001:db8:1:101::/80",     "2001:db8:1:101:ffff::/80",
                "2001:db8:1:101:1:1::/80", "2001:db8:1:102::4/128",
                "2001:db8:1:101:1::/96",   "10.0.1.16/28",
        };
        struct prefix *got;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_refused(f, assign_named(f, eni.id, bad[i]), "InvalidParameterValue");
        assert_ok(assign_named(f, eni.id, "2001:db8:1:101:7::/80"), &f->err);
        assert_refused(f, assign_named(f, other.id, "2001:db8:1:101:7::/80"), "InvalidParameterValue");
        assert_refused(f, assign_named(f, other.id, "2001:db8:1:101:7::9/128"), "InvalidParameterValue");
        assert_ok(assign_named(f, other.id, "2001:db8:1:101:8::9/128"), &f->err);
        assert_refused(f, assign_named(f, eni.id, "2001:db8:1:101:8::/80"), "InvalidParameterValue");
        assert_refused(f, unassign(f, other.id, "2001:db8:1:101:7::/80"), "InvalidParameterValue");
        assert_contains(f->err.msg, "Some of the specified addresses are not assigned to interface eni-");
        assert_refused(f, assign(f, without.id, (struct world_asked){.n_addresses = 1}, &got),
                       "InvalidParameterValue");
        assert_contains(f->err.msg, "has no IPv6 CIDR block");
        assert_refused(f, assign(f, "eni-0", (struct world_asked){.n_addresses = 1}, &got),
                       "InvalidNetworkInterfaceID.NotFound");
}

static void test_limits(void **state)
{
        struct fixture *f = *state;
        struct world_create_eni request = {.subnet_id = SUBNET_A, .ipv6.n_prefixes = 5};
        struct world_eni eni = fixture_create(f, SUBNET_A, 3), large;
        struct prefix *got;
        const char *id;

        fixture_attach(f, eni.id, 1); /* 4 of IPv4 are there, and 4 of IPv6 may come */
        assert_ok(assign(f, eni.id, (struct world_asked){.n_addresses = 3}, &got), &f->err);
        assert_refused(f, assign(f, eni.id, (struct world_asked){.n_prefixes = 2}, &got),
                       "PrivateIpAddressLimitExceeded");
        assert_ok(assign(f, eni.id, (struct world_asked){.n_prefixes = 1}, &got), &f->err);
        assert_ok(world_create_eni(f->world, &request, f->arena, &large, &f->err), &f->err);
        assert_int_equal(large.n_ipv6, 5);
        assert_refused(f, world_attach_eni(f->world, large.id, f->instance_id, 2, f->arena, &id, &f->err),
                       "PrivateIpAddressLimitExceeded");
        fixture_settle(f);
}

static void test_metadata_is_late(void **state)
{
        struct fixture *f = *state;
        struct world_instance instance;
        struct prefix *got;

        fixture_set(f, "{'imds_lag_ms': 3600000}");
        assert_ok(assign(f, f->primary_eni, (struct world_asked){.n_prefixes = 1}, &got), &f->err);
        assert_ok(world_imds_instance(f->world, "n1", f->arena, &instance, &f->err), &f->err);
        assert_int_equal(instance.enis[0].n_ipv6, 0);
        assert_ok(unassign(f, f->primary_eni, PREFIX_TEXT(got[0])), &f->err);
        fixture_set(f, "{'imds_lag_ms': 0}");
        assert_ok(assign(f, f->primary_eni, (struct world_asked){.n_prefixes = 1}, &got), &f->err);
        assert_ok(world_imds_instance(f->world, "n1", f->arena, &instance, &f->err), &f->err);
        assert_int_equal(instance.enis[0].n_ipv6, 1);
}

#define VPC    "'vpc': {'cidrs': ['10.0.0.0/16'], 'ipv6_cidrs': ['2001:db8:1:100::/56']}"
#define SUBNET "'cidr': '10.0.1.0/24', 'zone': 'a'"

static void test_the_world_file(void **state _unused_)
{
        static const struct bad_file cases[] = {
                {"{'vpc': {'cidrs': ['10.0.0.0/16'], 'ipv6_cidrs': ['2001:db8::/57']}, 'subnets': [{" SUBNET
                 "}]}",
                 "ipv6_cidrs[0]: '2001:db8::/57': want a length"},
                {"{'vpc': {'cidrs': ['10.0.0.0/16'], 'ipv6_cidrs': ['10.1.0.0/16']}, 'subnets': [{" SUBNET
                 "}]}",
                 "want an IPv6 network of /44 to /60"},
                {"{" VPC ", 'subnets': [{" SUBNET ", 'ipv6_cidr': '2001:db8:1:100::/60'}]}",
                 "ipv6_cidr: '2001:db8:1:100::/60': want an IPv6 network of /64 to /64"},
                {"{" VPC ", 'subnets': [{" SUBNET ", 'ipv6_cidr': '2001:db8:2:100::/64'}]}",
                 "is in no IPv6 CIDR of the VPC"},
                {"{" VPC ", 'subnets': [{" SUBNET
                 ", 'ipv6_cidr': '2001:db8:1:101::/64'}, {'cidr': '10.0.2.0/24',"
                 " 'zone': 'a', 'ipv6_cidr': '2001:db8:1:101::/64'}]}",
                 "subnets[1]: ipv6_cidr: 2001:db8:1:101::/64 is another subnet's"},
                {"{" VPC ", 'subnets': [{" SUBNET
                 ", 'reservations': [{'cidr': '10.0.2.0/28', 'type': 'prefix'}]}]}",
                 "reservations[0]: 10.0.2.0/28 is not in subnet"},
                {"{" VPC ", 'subnets': [{" SUBNET
                 ", 'reservations': [{'cidr': '10.0.1.0/28', 'type': 'x'}]}]}",
                 "type: want"},
                {"{" VPC ", 'subnets': [{" SUBNET
                 ", 'reservations': [{'cidr': '10.0.1.0/27', 'type': 'prefix'},"
                 " {'cidr': '10.0.1.16/28', 'type': 'prefix'}]}]}",
                 "reservations[1]: 10.0.1.16/28 overlaps"},
                {"{" VPC ", 'subnets': [{" SUBNET "}], 'taken': {'x': 1}}", "taken: no subnet 'x'"},
                {"{" VPC ", 'subnets': [{'id': 's', " SUBNET "}], 'nodes': [{'name': 'n', 'subnet': 's',"
                 " 'instance_type': 't3.small', 'ipv6': true}]}",
                 "has no IPv6 CIDR block"},
        };

        assert_bad_files(cases, ARRAY_SIZE(cases));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_lowest_first), TEST(test_random_ones),      TEST(test_what_is_refused),
                TEST(test_limits),       TEST(test_metadata_is_late), cmocka_unit_test(test_the_world_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
