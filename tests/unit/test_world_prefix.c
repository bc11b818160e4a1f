// SPDX-License-Identifier: Apache-2.0
/* vpcsim's IPv4 prefixes: blocks of 16, slots of an ENI, fragmentation, reservations, others' addresses. */
#include "world_cruel.h"
#include "world_fixture.h"

static int assign(struct fixture *f, const char *eni_id, struct world_asked requested, struct prefix **ret)
{
        size_t n;

        return world_assign_ipv4(f->world, &(struct world_assign){.eni_id = eni_id, .requested = requested},
                                 f->arena, ret, &n, &f->err);
}

static int assign_prefixes(struct fixture *f, const char *eni_id, unsigned n)
{
        struct prefix *got;

        return assign(f, eni_id, (struct world_asked){.n_prefixes = n}, &got);
}

static int assign_named(struct fixture *f, const char *eni_id, const char *text)
{
        struct prefix cidr = cidr_of(text), *got;

        return assign(f, eni_id, (struct world_asked){.cidrs = &cidr, .n_cidrs = 1}, &got);
}

static int unassign(struct fixture *f, const char *eni_id, const char *text)
{
        struct prefix cidr = cidr_of(text);

        return world_unassign_ipv4(f->world, eni_id, &cidr, 1, &f->err);
}

static int set_taken(struct fixture *f, const char *text)
{
        json_t *json = json_from(text);
        int r = world_set_taken(f->world, json, &f->err);

        json_decref(json);
        return r;
}

static void test_the_lowest_whole_block(void **state)
{
        struct fixture *f = *state;
        struct world_eni eni = fixture_create(f, SUBNET_B, 0); /* .4: the first block is not whole anyway */
        struct prefix *got;

        assert_ok(assign(f, eni.id, (struct world_asked){.n_prefixes = 2}, &got), &f->err);
        assert_string_equal(PREFIX_TEXT(got[0]), "10.0.2.16/28");
        assert_string_equal(PREFIX_TEXT(got[1]), "10.0.2.32/28");
        assert_int_equal(fixture_free_addresses(f, SUBNET_B), 251 - 1 - 32);
        eni = fixture_eni(f, eni.id);
        assert_int_equal(eni.n_addresses, 1);
        assert_int_equal(eni.n_prefixes, 2);
        assert_ok(assign_named(f, eni.id, "10.0.2.48/32"),
                  &f->err); /* one address, and the block is not whole */
        assert_ok(assign(f, eni.id, (struct world_asked){.n_prefixes = 1}, &got), &f->err);
        assert_string_equal(PREFIX_TEXT(got[0]), "10.0.2.64/28");
        assert_ok(unassign(f, eni.id, "10.0.2.16/28"), &f->err);
        assert_ok(assign(f, eni.id, (struct world_asked){.n_prefixes = 1}, &got), &f->err);
        assert_string_equal(PREFIX_TEXT(got[0]), "10.0.2.16/28");
        assert_ok(world_delete_eni(f->world, eni.id, &f->err), &f->err);
        assert_int_equal(fixture_free_addresses(f, SUBNET_B), 251);
}

static void test_random_blocks_are_aligned(void **state)
{
        struct fixture *f = *state;
        struct world_eni eni = fixture_create(f, SUBNET_B, 0);
        struct prefix *got;
        bool in_order = true;

        fixture_set(f, "{'allocation': 'random', 'seed': 5}");
        assert_ok(assign(f, eni.id, (struct world_asked){.n_prefixes = 14}, &got),
                  &f->err); /* all whole ones */
        for (size_t i = 0; i < 14; i++) {
                assert_true(prefix_is_network(got[i]));
                in_order = in_order && (i == 0 || ip_compare(got[i - 1].ip, got[i].ip) < 0);
        }
        assert_false(in_order);
        assert_refused(f, assign_prefixes(f, eni.id, 1),
                       "InsufficientCidrBlocks"); /* 26 are free in two ends */
}

/* Too few whole blocks, and too few addresses, are two refusals. */
static void test_when_a_subnet_has_none(void **state)
{
        struct fixture *f = *state;
        struct world_eni small = fixture_create(f, SUBNET_SMALL, 0), eni = fixture_create(f, SUBNET_B, 0);

        assert_refused(f, assign_prefixes(f, small.id, 1), "InvalidParameterValue");
        assert_string_equal(f->err.msg, "There aren't sufficient free Ipv4 addresses or prefixes");
        assert_ok(set_taken(f, "{'" SUBNET_B "': 1}"), &f->err);
        assert_int_equal(fixture_free_addresses(f, SUBNET_B), 251 - 1 - 13);
        assert_refused(f, assign_prefixes(f, eni.id, 2), "InsufficientCidrBlocks");
        assert_string_equal(
                f->err.msg,
                "The specified subnet does not have enough free cidr blocks to satisfy the request.");
        assert_int_equal(fixture_eni(f, eni.id).n_prefixes, 0); /* all or nothing */
        assert_ok(assign_prefixes(f, eni.id, 1), &f->err);
        assert_refused(f, assign_prefixes(f, eni.id, 1), "InsufficientCidrBlocks");
        assert_ok(set_taken(f, "{}"), &f->err);
        assert_ok(assign_prefixes(f, eni.id, 13), &f->err);
}

static void test_what_foreign_programs_hold(void **state)
{
        struct fixture *f = *state;
        struct world_eni eni = fixture_create(f, SUBNET_SMALL, 0); /* .4 */

        assert_ok(set_taken(f, "{'" SUBNET_SMALL "': ['10.0.3.5', '10.0.3.8/30']}"), &f->err);
        assert_int_equal(fixture_free_addresses(f, SUBNET_SMALL), 11 - 1 - 5);
        assert_refused(f, assign_named(f, eni.id, "10.0.3.9/32"), "InvalidParameterValue");
        assert_string_equal(f->err.msg, "Address 10.0.3.9 is in use.");
        eni = fixture_create(f, SUBNET_SMALL, 1);
        assert_string_equal(IP_TEXT(eni.addresses[0].ip), "10.0.3.6");
        assert_string_equal(IP_TEXT(eni.addresses[1].ip), "10.0.3.7");
        assert_fails(set_taken(f, "{'" SUBNET_SMALL "': ['10.0.3.6']}"), ERR_INVALID);
        assert_contains(f->err.msg, "10.0.3.6 is not free");
        assert_fails(set_taken(f, "{'" SUBNET_SMALL "': ['10.0.3.0']}"), ERR_INVALID);
        assert_fails(set_taken(f, "{'" SUBNET_SMALL "': ['10.0.1.9']}"), ERR_INVALID);
        assert_contains(f->err.msg, "10.0.1.9/32 is not in subnet");
        assert_fails(set_taken(f, "{'" SUBNET_SMALL "': ['2001:db8::1']}"), ERR_INVALID);
        assert_fails(set_taken(f, "{'subnet-0': 1}"), ERR_INVALID);
        assert_fails(set_taken(f, "{'" SUBNET_SMALL "': -1}"), ERR_INVALID);
        assert_int_equal(fixture_free_addresses(f, SUBNET_SMALL), 11 - 3 - 5); /* as before the failures */
}

static void test_a_prefix_is_one_slot(void **state)
{
        struct fixture *f = *state;
        struct world_eni eni = fixture_create(f, SUBNET_A, 0), large = fixture_create(f, SUBNET_A, 0);
        struct prefix *got;
        const char *id;

        fixture_attach(f, eni.id, 1); /* 4 slots, one of them the primary address */
        assert_ok(assign_prefixes(f, eni.id, 2), &f->err);
        assert_refused(f, assign_prefixes(f, eni.id, 2), "PrivateIpAddressLimitExceeded");
        assert_refused(f, assign(f, eni.id, (struct world_asked){.n_addresses = 2}, &got),
                       "PrivateIpAddressLimitExceeded");
        assert_ok(assign(f, eni.id, (struct world_asked){.n_addresses = 1}, &got), &f->err);
        assert_ok(assign_prefixes(f, large.id, 4), &f->err);
        assert_refused(f, world_attach_eni(f->world, large.id, f->instance_id, 2, f->arena, &id, &f->err),
                       "PrivateIpAddressLimitExceeded");
        fixture_settle(f);
}

static void test_named_prefixes(void **state)
{
        struct fixture *f = *state;
        struct world_eni eni = fixture_create(f, SUBNET_B, 0), other = fixture_create(f, SUBNET_B, 0);
        static const char *const bad[] = {
                "10.0.2.0/28",   /* has reserved addresses */
                "10.0.2.240/28", /* the broadcast address */
                "10.0.2.24/28",  /* not aligned */
                "10.0.2.32/27",  "10.0.1.16/28", "2001:db8:1:101:1::/80",
        };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_refused(f, assign_named(f, eni.id, bad[i]), "InvalidParameterValue");
        assert_ok(assign_named(f, eni.id, "10.0.2.32/28"), &f->err);
        assert_refused(f, assign_named(f, other.id, "10.0.2.32/28"), "InvalidParameterValue");
        assert_refused(f, assign_named(f, other.id, "10.0.2.47/32"), "InvalidParameterValue");
        assert_string_equal(f->err.msg, "Address 10.0.2.47 is in use.");
        assert_refused(f, unassign(f, eni.id, "10.0.2.32/32"), "InvalidParameterValue");
        assert_refused(f, unassign(f, eni.id, "10.0.2.48/28"), "InvalidParameterValue");
        assert_contains(f->err.msg, "Some of the specified addresses are not assigned to interface eni-");
        assert_ok(unassign(f, eni.id, "10.0.2.32/28"), &f->err);
        assert_ok(assign_named(f, other.id, "10.0.2.47/32"), &f->err);
        assert_refused(f, assign_named(f, eni.id, "10.0.2.32/28"), "InvalidParameterValue");
}

static void test_created_with_prefixes(void **state)
{
        struct fixture *f = *state;
        struct prefix named = cidr_of("10.0.2.64/28");
        struct world_create_eni request = {.subnet_id = SUBNET_B, .ipv4.n_prefixes = 2};
        struct world_eni eni;
        const char *node;

        assert_ok(world_create_eni(f->world, &request, f->arena, &eni, &f->err), &f->err);
        assert_int_equal(eni.n_addresses, 1);
        assert_true(eni.addresses[0].primary);
        assert_int_equal(eni.n_prefixes, 2);
        request = (struct world_create_eni){.subnet_id = SUBNET_A, .primary = ip_of("10.0.1.16")};
        request.ipv4.n_prefixes = 1;
        assert_ok(world_create_eni(f->world, &request, f->arena, &eni, &f->err), &f->err);
        assert_string_equal(PREFIX_TEXT(eni.prefixes[0]), "10.0.1.32/28"); /* the primary is in the first */
        fixture_attach(f, eni.id, 1);
        assert_ok(world_node_of_address(f->world, ip_of("10.0.1.47"), f->arena, &node, &f->err), &f->err);
        assert_string_equal(node, "n1");
        assert_fails(world_node_of_address(f->world, ip_of("10.0.1.48"), f->arena, &node, &f->err),
                     ERR_NOT_FOUND);
        request = (struct world_create_eni){.subnet_id = SUBNET_B, .ipv4 = {.cidrs = &named, .n_cidrs = 1}};
        assert_ok(world_create_eni(f->world, &request, f->arena, &eni, &f->err), &f->err);
        assert_string_equal(PREFIX_TEXT(eni.prefixes[0]), "10.0.2.64/28");
        assert_true(eni.addresses[0].primary);
        request.ipv4 = (struct world_asked){.n_prefixes = 64};
        assert_refused(f, world_create_eni(f->world, &request, f->arena, &eni, &f->err),
                       "PrivateIpAddressLimitExceeded");
        fixture_settle(f);
}

/* Prefixes are from where they are wanted first; what nobody names is not from a reservation. */
static void test_reservations(void **state _unused_)
{
        json_t *file = json_from("{'vpc': {'cidrs': ['10.0.0.0/16']}, 'subnets': [{'id': 'subnet-a',"
                                 " 'cidr': '10.0.1.0/26', 'zone': 'a', 'reservations': ["
                                 "{'cidr': '10.0.1.32/28', 'type': 'prefix'},"
                                 " {'cidr': '10.0.1.4/30', 'type': 'explicit'}]}]}");
        struct fixture f = {.arena = arena_new()};
        struct world_eni eni;

        assert_ok(world_new(file, NULL, &f.world, &f.err), &f.err);
        json_decref(file);
        eni = fixture_create(&f, "subnet-a", 0);
        assert_string_equal(IP_TEXT(eni.addresses[0].ip), "10.0.1.8");
        assert_ok(assign_prefixes(&f, eni.id, 2), &f.err);
        eni = fixture_eni(&f, eni.id);
        assert_string_equal(PREFIX_TEXT(eni.prefixes[0]), "10.0.1.32/28");
        assert_string_equal(PREFIX_TEXT(eni.prefixes[1]), "10.0.1.16/28");
        assert_ok(assign_named(&f, eni.id, "10.0.1.5/32"), &f.err);
        assert_ok(unassign(&f, eni.id, "10.0.1.32/28"), &f.err);
        fixture_create(&f, "subnet-a",
                       21); /* all that are left for nobody in particular: .9 to .15, .48 to .62 */
        assert_refused(&f,
                       world_create_eni(f.world, &(struct world_create_eni){.subnet_id = "subnet-a"}, f.arena,
                                        &eni, &f.err),
                       "InsufficientFreeAddressesInSubnet");
        assert_int_equal(fixture_free_addresses(&f, "subnet-a"), 16 + 3);
        world_free(f.world);
        arena_free(f.arena);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_the_lowest_whole_block), TEST(test_random_blocks_are_aligned),
                TEST(test_when_a_subnet_has_none), TEST(test_what_foreign_programs_hold),
                TEST(test_a_prefix_is_one_slot),   TEST(test_named_prefixes),
                TEST(test_created_with_prefixes),  cmocka_unit_test(test_reservations),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
