// SPDX-License-Identifier: Apache-2.0
/* vpcsim's world: addresses and their limits, what IMDS shows, credentials, calls. */
#include "world_fixture.h"

static int assign(struct fixture *f, const char *eni_id, unsigned count, struct prefix **ret, size_t *ret_n)
{
        return world_assign_ipv4(f->world,
                                 &(struct world_assign){.eni_id = eni_id, .requested.n_addresses = count},
                                 f->arena, ret, ret_n, &f->err);
}

static int assign_given(struct fixture *f, const char *eni_id, const char *address, bool reassign)
{
        struct prefix given = prefix_host(ip_of(address)), *got;
        size_t n;

        return world_assign_ipv4(f->world,
                                 &(struct world_assign){.eni_id = eni_id,
                                                        .requested = {.cidrs = &given, .n_cidrs = 1},
                                                        .allow_reassignment = reassign},
                                 f->arena, &got, &n, &f->err);
}

static int unassign(struct fixture *f, const char *eni_id, const char *address)
{
        struct prefix cidr = prefix_host(ip_of(address));

        return world_unassign_ipv4(f->world, eni_id, &cidr, 1, &f->err);
}

static void test_lowest_free_address_first(void **state)
{
        struct fixture *f = *state;
        struct world_eni eni = fixture_create(f, SUBNET_SMALL, 2);
        struct prefix *got;
        size_t n;

        assert_string_equal(IP_TEXT(eni.addresses[0].ip), "10.0.3.4");
        assert_true(eni.addresses[0].primary);
        assert_string_equal(IP_TEXT(eni.addresses[2].ip), "10.0.3.6");
        assert_ok(unassign(f, eni.id, "10.0.3.5"), &f->err);
        assert_ok(assign(f, eni.id, 2, &got, &n), &f->err);
        assert_int_equal(n, 2); /* the new ones only */
        assert_string_equal(IP_TEXT(got[0].ip), "10.0.3.5");
        assert_string_equal(IP_TEXT(got[1].ip), "10.0.3.7");
}

static void test_released_address_rests_when_reported(void **state)
{
        struct fixture *f = *state;
        struct world_eni eni;
        struct prefix *got;
        size_t n;

        fixture_set(f, "{'reuse_at_once': false}");
        eni = fixture_create(f, SUBNET_SMALL, 1); /* .4 .5 */
        assert_ok(unassign(f, eni.id, "10.0.3.5"), &f->err);
        assert_ok(assign(f, eni.id, 1, &got, &n), &f->err);
        assert_string_equal(IP_TEXT(got[0].ip), "10.0.3.6");
        assert_ok(assign(f, eni.id, 9, &got, &n), &f->err); /* .7 to .14, and round again */
        assert_string_equal(IP_TEXT(got[7].ip), "10.0.3.14");
        assert_string_equal(IP_TEXT(got[8].ip), "10.0.3.5");
}

static void test_random_addresses_follow_the_seed(void **state)
{
        struct fixture *f = *state;
        struct world_eni first, again;
        bool in_order = true;

        fixture_set(f, "{'allocation': 'random', 'seed': 7}");
        first = fixture_create(f, SUBNET_B, 20);
        assert_ok(world_delete_eni(f->world, first.id, &f->err), &f->err);
        fixture_set(f, "{'seed': 7}");
        again = fixture_create(f, SUBNET_B, 20);
        for (size_t i = 0; i < first.n_addresses; i++) {
                assert_true(ip_equal(first.addresses[i].ip, again.addresses[i].ip));
                in_order =
                        in_order && ip_to_u32(again.addresses[i].ip) == ip_to_u32(again.addresses[0].ip) + i;
        }
        assert_false(in_order);
}

static void test_a_subnet_ends(void **state)
{
        struct fixture *f = *state;
        struct world_create_eni request = {.subnet_id = SUBNET_SMALL, .ipv4.n_addresses = 1};
        struct world_eni eni;
        struct prefix *got;
        size_t n;

        assert_int_equal(fixture_free_addresses(f, SUBNET_SMALL), 11);
        eni = fixture_create(f, SUBNET_SMALL, 9);
        assert_int_equal(fixture_free_addresses(f, SUBNET_SMALL), 1);
        assert_refused(f, world_create_eni(f->world, &request, f->arena, &eni, &f->err),
                       "InsufficientFreeAddressesInSubnet");
        assert_refused(f, assign(f, eni.id, 2, &got, &n), "InsufficientFreeAddressesInSubnet");
        assert_int_equal(fixture_free_addresses(f, SUBNET_SMALL), 1); /* nothing was half done */
        assert_ok(assign(f, eni.id, 1, &got, &n), &f->err);
        assert_string_equal(IP_TEXT(got[0].ip), "10.0.3.14"); /* .15 is the broadcast address */
        assert_int_equal(fixture_free_addresses(f, SUBNET_SMALL), 0);
        assert_ok(world_delete_eni(f->world, eni.id, &f->err), &f->err);
        assert_int_equal(fixture_free_addresses(f, SUBNET_SMALL), 11);
}

static void test_given_addresses(void **state)
{
        struct fixture *f = *state;
        struct world_eni a = fixture_create(f, SUBNET_SMALL, 1), b = fixture_create(f, SUBNET_SMALL, 0);
        static const struct {
                const char *address;
                bool reassign;
                const char *text; /* of the refusal */
        } cases[] = {
                {"10.0.3.0", false, "Address 10.0.3.0 is in subnet's reserved address range"},
                {"10.0.3.3", false, "Address 10.0.3.3 is in subnet's reserved address range"},
                {"10.0.3.15", false, "Address 10.0.3.15 is in subnet's reserved address range"},
                {"10.0.3.16", false, "Address 10.0.3.16 does not fall within the subnet's address range"},
                {"10.0.2.200", false, "Address 10.0.2.200 does not fall within the subnet's address range"},
                {"fd00::1", false, "Address fd00::1 does not fall within the subnet's address range"},
                {"10.0.3.5", false, "[10.0.3.5] is assigned but move is not allowed."},
                {"10.0.3.4", true, "[10.0.3.4] is assigned but move is not allowed."}, /* a primary one */
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                assert_refused(f, assign_given(f, b.id, cases[i].address, cases[i].reassign),
                               "InvalidParameterValue");
                assert_string_equal(f->err.msg, cases[i].text);
        }
        assert_ok(assign_given(f, b.id, "10.0.3.5", true), &f->err);
        assert_int_equal(fixture_eni(f, a.id).n_addresses, 1);
        assert_int_equal(fixture_eni(f, b.id).n_addresses, 2);
}

static void test_limits_of_the_instance_type(void **state)
{
        struct fixture *f = *state;
        struct world_eni eni = fixture_create(f, SUBNET_A, 2);
        const char *attachment_id;
        struct prefix *got;
        size_t n;

        fixture_attach(f, eni.id, 1);
        assert_ok(assign(f, eni.id, 1, &got, &n), &f->err);
        assert_refused(f, assign(f, eni.id, 1, &got, &n), "PrivateIpAddressLimitExceeded");
        assert_refused(f, assign(f, f->primary_eni, 4, &got, &n), "PrivateIpAddressLimitExceeded");
        eni = fixture_create(f, SUBNET_A, 4);
        assert_refused(
                f, world_attach_eni(f->world, eni.id, f->instance_id, 2, f->arena, &attachment_id, &f->err),
                "PrivateIpAddressLimitExceeded");
        fixture_attach(f, fixture_create(f, SUBNET_A, 0).id, 2);
        eni = fixture_create(f, SUBNET_A, 0);
        assert_refused(
                f, world_attach_eni(f->world, eni.id, f->instance_id, 3, f->arena, &attachment_id, &f->err),
                "AttachmentLimitExceeded");
        assert_string_equal(f->err.msg, "Interface count 4 exceeds the limit for t3.small");
        fixture_settle(f);
}

static void test_unassign(void **state)
{
        struct fixture *f = *state;
        struct world_eni eni = fixture_create(f, SUBNET_SMALL, 2);
        struct prefix both[] = {prefix_host(ip_of("10.0.3.5")), prefix_host(ip_of("10.0.3.9"))};

        assert_refused(f, world_unassign_ipv4(f->world, eni.id, both, 2, &f->err), "InvalidParameterValue");
        assert_contains(f->err.msg, "Some of the specified addresses are not assigned to interface eni-");
        assert_int_equal(fixture_eni(f, eni.id).n_addresses, 3); /* all or nothing */
        assert_refused(f, unassign(f, eni.id, "10.0.3.4"), "InvalidParameterValue");
        assert_refused(f, unassign(f, "eni-0", "10.0.3.4"), "InvalidNetworkInterfaceID.NotFound");
        assert_ok(unassign(f, eni.id, "10.0.3.5"), &f->err);
        assert_int_equal(fixture_eni(f, eni.id).n_addresses, 2);
}

static size_t imds_addresses(struct fixture *f, size_t eni)
{
        struct world_instance instance;

        assert_ok(world_imds_instance(f->world, "n1", f->arena, &instance, &f->err), &f->err);
        return eni < instance.n_enis ? instance.enis[eni].n_addresses : 0;
}

static void test_imds_is_late(void **state)
{
        struct fixture *f = *state;
        struct world_eni eni;
        struct prefix *got;
        size_t n;

        fixture_set(f, "{'imds_lag_ms': 3600000}");
        assert_int_equal(imds_addresses(f, 0), 1);
        assert_ok(assign(f, f->primary_eni, 2, &got, &n), &f->err);
        eni = fixture_create(f, SUBNET_A, 1);
        fixture_attach(f, eni.id, 1);
        fixture_settle(f);
        assert_int_equal(imds_addresses(f, 0), 1);
        assert_int_equal(imds_addresses(f, 1), 0);
        assert_ok(world_unassign_ipv4(f->world, f->primary_eni, got, n, &f->err), &f->err);
        fixture_set(f, "{'imds_lag_ms': 0}");
        assert_ok(assign(f, f->primary_eni, 2, &got, &n), &f->err);
        assert_int_equal(imds_addresses(f, 0), 3);
}

static void test_node_of_an_address(void **state)
{
        struct fixture *f = *state;
        struct world_eni eni = fixture_create(f, SUBNET_A, 1);
        const char *node;

        assert_fails(world_node_of_address(f->world, eni.addresses[1].ip, f->arena, &node, &f->err),
                     ERR_NOT_FOUND);
        fixture_attach(f, eni.id, 1);
        assert_ok(world_node_of_address(f->world, eni.addresses[1].ip, f->arena, &node, &f->err), &f->err);
        assert_string_equal(node, "n1");
        fixture_settle(f);
}

static void test_tokens_and_credentials(void **state)
{
        struct fixture *f = *state;
        struct world_role_credentials credentials, same;
        struct world_secret secret;
        const char *token;

        assert_ok(world_imds_new_token(f->world, "n1", 60, f->arena, &token, &f->err), &f->err);
        assert_true(world_imds_token_is_good(f->world, "n1", token));
        assert_false(world_imds_token_is_good(f->world, "n2", token));
        assert_false(world_imds_token_is_good(f->world, "n1", "AAAA"));
        assert_ok(world_imds_new_token(f->world, "n1", 0, f->arena, &token, &f->err), &f->err);
        assert_false(world_imds_token_is_good(f->world, "n1", token)); /* over at once */

        assert_ok(world_role_credentials(f->world, "n1", f->arena, &credentials, &f->err), &f->err);
        assert_ok(world_role_credentials(f->world, "n1", f->arena, &same, &f->err), &f->err);
        assert_string_equal(credentials.access_key_id, same.access_key_id);
        assert_ok(world_find_secret(f->world, same.access_key_id, f->arena, &secret, &f->err), &f->err);
        assert_string_equal(secret.node, "n1");
        assert_string_equal(secret.session_token, same.session_token);
        assert_int_equal(secret.expires_ms - credentials.issued_ms, 6 * 3600 * 1000);
        assert_ok(world_remove_node(f->world, "n1", &f->err), &f->err);
        assert_fails(world_find_secret(f->world, same.access_key_id, f->arena, &secret, &f->err),
                     ERR_NOT_FOUND);
}

static void test_calls_are_counted(void **state)
{
        struct fixture *f = *state;
        json_t *calls;

        world_note_call(f->world, "DescribeSubnets", "n1", 200, NULL);
        world_note_call(f->world, "DescribeSubnets", NULL, 401, "AuthFailure");
        for (int i = 0; i < 5000; i++)
                world_note_call(f->world, "CreateTags", "n1", 200, NULL);
        calls = world_calls(f->world);
        assert_int_equal(json_integer_value(json_object_get(calls, "total")), 5002);
        assert_int_equal(
                json_integer_value(json_object_get(json_object_get(calls, "by_action"), "DescribeSubnets")),
                2);
        assert_int_equal(json_array_size(json_object_get(calls, "log")), 4096);
        json_decref(calls);
        world_calls_reset(f->world);
        calls = world_calls(f->world);
        assert_int_equal(json_integer_value(json_object_get(calls, "total")), 0);
        json_decref(calls);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
                TEST(test_lowest_free_address_first),
                TEST(test_released_address_rests_when_reported),
                TEST(test_random_addresses_follow_the_seed),
                TEST(test_a_subnet_ends),
                TEST(test_given_addresses),
                TEST(test_limits_of_the_instance_type),
                TEST(test_unassign),
                TEST(test_imds_is_late),
                TEST(test_node_of_an_address),
                TEST(test_tokens_and_credentials),
                TEST(test_calls_are_counted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
