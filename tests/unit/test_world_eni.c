// SPDX-License-Identifier: Apache-2.0
/* vpcsim's world: the life of ENIs, tokens, tags, filters and pages. */
#include "world_fixture.h"

static const char *status_of(struct fixture *f, const char *eni_id)
{
        struct world_eni eni = fixture_eni(f, eni_id);

        return eni.attachment ? eni.attachment->status : "available";
}

static int attach(struct fixture *f, const char *eni_id, const char *instance_id, unsigned index)
{
        const char *id;

        return world_attach_eni(f->world, eni_id, instance_id, index, f->arena, &id, &f->err);
}

/* An hour, so that no machine is too slow to see it on its way. */
static void test_an_attachment_on_its_way(void **state)
{
        struct fixture *f = *state;
        struct world_eni eni = fixture_create(f, SUBNET_A, 1), other = fixture_create(f, SUBNET_A, 1);
        const char *attachment_id;

        fixture_set(f, "{'attach_ms': 3600000, 'detach_ms': 3600000}");
        fixture_attach(f, eni.id, 1);
        assert_string_equal(status_of(f, eni.id), "attaching");
        assert_in_range(world_tick(f->world), 1, 3600000);

        fixture_set(f, "{'attach_ms': 0}");
        attachment_id = fixture_attach(f, other.id, 2);
        assert_ok(world_detach_eni(f->world, attachment_id, &f->err), &f->err);
        assert_string_equal(status_of(f, other.id), "detaching");
        assert_refused(f, world_delete_eni(f->world, other.id, &f->err), "InvalidParameterValue");
        assert_refused(f, world_detach_eni(f->world, attachment_id, &f->err), "IncorrectState");
}

static void test_attachment_goes_through_its_states(void **state)
{
        struct fixture *f = *state;
        struct world_eni eni = fixture_create(f, SUBNET_A, 1);
        const char *attachment_id;
        int64_t start;

        fixture_set(f, "{'attach_ms': 60, 'detach_ms': 60}");
        start = clock_boottime_ms();
        attachment_id = fixture_attach(f, eni.id, 1);
        fixture_settle(f);
        assert_true(clock_boottime_ms() - start >= 60);
        assert_string_equal(status_of(f, eni.id), "attached");
        assert_int_equal(world_tick(f->world), -1);

        assert_ok(world_detach_eni(f->world, attachment_id, &f->err), &f->err);
        fixture_settle(f);
        assert_string_equal(status_of(f, eni.id), "available");
        assert_ok(world_delete_eni(f->world, eni.id, &f->err), &f->err);
        assert_refused(f, world_delete_eni(f->world, eni.id, &f->err), "InvalidNetworkInterfaceID.NotFound");
}

static void test_a_detach_overtakes_an_attach(void **state)
{
        struct fixture *f = *state;
        struct world_eni eni = fixture_create(f, SUBNET_A, 0);

        fixture_set(f, "{'attach_ms': 3600000}");
        assert_ok(world_detach_eni(f->world, fixture_attach(f, eni.id, 1), &f->err), &f->err);
        fixture_settle(f);
        assert_string_equal(status_of(f, eni.id), "available");
}

static void test_what_attach_refuses(void **state)
{
        struct fixture *f = *state;
        struct world_eni eni = fixture_create(f, SUBNET_A, 0), other = fixture_create(f, SUBNET_A, 0);
        struct world_eni far = fixture_create(f, SUBNET_B, 0);

        fixture_attach(f, eni.id, 1);
        assert_refused(f, attach(f, eni.id, f->instance_id, 2), "InvalidNetworkInterface.InUse");
        assert_contains(f->err.msg, "Interface: [eni-");
        assert_refused(f, attach(f, other.id, f->instance_id, 1), "InvalidParameterValue");
        assert_contains(f->err.msg, "already has an interface attached at device index '1'.");
        assert_refused(f, attach(f, other.id, "i-0", 2), "InvalidInstanceID.NotFound");
        assert_refused(f, attach(f, "eni-0", f->instance_id, 2), "InvalidNetworkInterfaceID.NotFound");
        assert_refused(f, attach(f, far.id, f->instance_id, 2), "InvalidParameterCombination");
        assert_refused(f, attach(f, other.id, f->instance_id, 256), "InvalidParameterValue");
        assert_refused(f, world_delete_eni(f->world, eni.id, &f->err), "InvalidParameterValue");
        assert_contains(f->err.msg, "is currently in use.");
        assert_refused(f, world_detach_eni(f->world, "eni-attach-0", &f->err),
                       "InvalidAttachmentID.NotFound");
        assert_refused(f, world_detach_eni(f->world, fixture_eni(f, f->primary_eni).attachment->id, &f->err),
                       "OperationNotPermitted");
        fixture_settle(f);
}

static int create_with_token(struct fixture *f, const char *token, const char *fingerprint,
                             struct world_eni *ret)
{
        return world_create_eni(
                f->world,
                &(struct world_create_eni){.subnet_id = SUBNET_A,
                                           .token = {"CreateNetworkInterface", token, fingerprint}},
                f->arena, ret, &f->err);
}

static void test_client_token_makes_one_eni(void **state)
{
        struct fixture *f = *state;
        unsigned before = fixture_free_addresses(f, SUBNET_A);
        struct world_eni first, again;

        assert_ok(create_with_token(f, "token", "same", &first), &f->err);
        assert_ok(create_with_token(f, "token", "same", &again), &f->err);
        assert_string_equal(first.id, again.id);
        assert_int_equal(fixture_free_addresses(f, SUBNET_A), before - 1);
        assert_refused(f, create_with_token(f, "token", "other", &again), "IdempotentParameterMismatch");
        assert_ok(create_with_token(f, "token2", "same", &again), &f->err);
        assert_string_not_equal(first.id, again.id);
        assert_ok(world_delete_eni(f->world, first.id, &f->err), &f->err);
        assert_refused(f, create_with_token(f, "token", "same", &again),
                       "InvalidNetworkInterfaceID.NotFound");
}

static void test_what_create_refuses(void **state)
{
        struct fixture *f = *state;
        static const char *const no_group[] = {"sg-0"};
        struct prefix taken[] = {prefix_host(ip_of("10.0.1.100")), prefix_host(ip_of("10.0.1.4"))};
        struct world_tag reserved = {"aws:x", ""};
        const struct {
                struct world_create_eni request;
                const char *code;
        } cases[] = {
                {{.subnet_id = "subnet-0"}, "InvalidSubnetID.NotFound"},
                {{.subnet_id = SUBNET_A, .groups = no_group, .n_groups = 1}, "InvalidGroup.NotFound"},
                {{.subnet_id = SUBNET_A, .ipv4 = {.cidrs = taken, .n_cidrs = 2}}, "InvalidParameterValue"},
                {{.subnet_id = SUBNET_A, .primary = taken[1].ip}, "InvalidParameterValue"},
                {{.subnet_id = SUBNET_A, .primary = ip_of("10.0.1.255")}, "InvalidParameterValue"},
                {{.subnet_id = SUBNET_A, .tags = &reserved, .n_tags = 1}, "InvalidParameterValue"},
                {{.subnet_id = SUBNET_A, .ipv4.n_addresses = 64}, "PrivateIpAddressLimitExceeded"},
        };
        unsigned before = fixture_free_addresses(f, SUBNET_A);
        struct world_eni *enis, eni;
        int64_t next;
        size_t n;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_refused(f, world_create_eni(f->world, &cases[i].request, f->arena, &eni, &f->err),
                               cases[i].code);
        assert_int_equal(fixture_free_addresses(f, SUBNET_A), before);
        assert_ok(world_find_enis(f->world, &(struct world_query){0}, f->arena, &enis, &n, &next, &f->err),
                  &f->err);
        assert_int_equal(n, 1);
}

/* Addresses that are given are never chosen a second time in the same call. */
static void test_given_and_chosen_addresses_differ(void **state)
{
        struct fixture *f = *state;
        struct prefix given[] = {prefix_host(ip_of("10.0.3.5"))};
        struct world_eni eni;

        assert_ok(world_create_eni(f->world,
                                   &(struct world_create_eni){
                                           .subnet_id = SUBNET_SMALL,
                                           .primary = ip_of("10.0.3.4"),
                                           .ipv4 = {.cidrs = given, .n_cidrs = 1, .n_addresses = 2}},
                                   f->arena, &eni, &f->err),
                  &f->err);
        assert_int_equal(eni.n_addresses, 4);
        assert_string_equal(IP_TEXT(eni.addresses[0].ip), "10.0.3.4");
        assert_string_equal(IP_TEXT(eni.addresses[3].ip), "10.0.3.7");
}

static void test_modify(void **state)
{
        struct fixture *f = *state;
        struct world_eni eni = fixture_create(f, SUBNET_A, 0);
        const char *attachment_id = fixture_attach(f, eni.id, 1);
        const bool yes = true, no = false;

        assert_false(fixture_eni(f, eni.id).attachment->delete_on_termination);
        assert_ok(world_modify_eni(f->world,
                                   &(struct world_modify_eni){.eni_id = eni.id,
                                                              .attachment_id = attachment_id,
                                                              .delete_on_termination = &yes,
                                                              .source_dest_check = &no,
                                                              .description = "new"},
                                   &f->err),
                  &f->err);
        eni = fixture_eni(f, eni.id);
        assert_true(eni.attachment->delete_on_termination);
        assert_false(eni.source_dest_check);
        assert_string_equal(eni.description, "new");
        assert_refused(
                f,
                world_modify_eni(f->world,
                                 &(struct world_modify_eni){.eni_id = f->primary_eni,
                                                            .attachment_id = attachment_id, /* of another */
                                                            .delete_on_termination = &yes},
                                 &f->err),
                "InvalidAttachmentID.NotFound");
        fixture_settle(f);
}

static void test_a_node_goes_with_what_was_made_to_go(void **state)
{
        struct fixture *f = *state;
        struct world_eni stays = fixture_create(f, SUBNET_A, 1), goes = fixture_create(f, SUBNET_A, 1);
        unsigned before = fixture_free_addresses(f, SUBNET_A);
        const char *attachment_id;
        const bool yes = true;

        fixture_attach(f, stays.id, 1);
        attachment_id = fixture_attach(f, goes.id, 2);
        assert_ok(world_modify_eni(f->world,
                                   &(struct world_modify_eni){.eni_id = goes.id,
                                                              .attachment_id = attachment_id,
                                                              .delete_on_termination = &yes},
                                   &f->err),
                  &f->err);
        assert_ok(world_remove_node(f->world, "n1", &f->err), &f->err);
        assert_fails(world_remove_node(f->world, "n1", &f->err), ERR_NOT_FOUND);
        assert_string_equal(status_of(f, stays.id), "available");
        assert_refused(f, world_delete_eni(f->world, goes.id, &f->err), "InvalidNetworkInterfaceID.NotFound");
        assert_int_equal(fixture_free_addresses(f, SUBNET_A), before + 3); /* its two, and the node's one */
}

static void test_tags(void **state)
{
        struct fixture *f = *state;
        const char *const both[] = {f->primary_eni, f->instance_id}, *const none[] = {f->primary_eni,
                                                                                      "eni-0"};
        struct world_tag tags[] = {{"a", "1"}, {"b", "2"}}, other = {"a", "9"}, any = {"b", NULL};

        assert_ok(world_create_tags(f->world, both, 2, tags, 2, &f->err), &f->err);
        assert_int_equal(fixture_eni(f, f->primary_eni).n_tags, 2);
        assert_refused(f, world_create_tags(f->world, none, 2, &other, 1, &f->err),
                       "InvalidNetworkInterfaceID.NotFound");
        assert_string_equal(fixture_eni(f, f->primary_eni).tags[0].value, "1");
        assert_ok(world_delete_tags(f->world, both, 1, &other, 1, &f->err),
                  &f->err); /* another value: stays */
        assert_ok(world_delete_tags(f->world, both, 1, &any, 1, &f->err), &f->err);
        assert_int_equal(fixture_eni(f, f->primary_eni).n_tags, 1);
        assert_ok(world_delete_tags(f->world, both, 1, NULL, 0, &f->err), &f->err);
        assert_int_equal(fixture_eni(f, f->primary_eni).n_tags, 0);
}

static int find(struct fixture *f, const char *name, const char *const *values, size_t n_values,
                size_t *ret_n)
{
        struct world_filter filter = {name, values, n_values};
        struct world_eni *enis;
        int64_t next;

        return world_find_enis(f->world, &(struct world_query){.filters = &filter, .n_filters = 1}, f->arena,
                               &enis, ret_n, &next, &f->err);
}

static void test_filters(void **state)
{
        struct fixture *f = *state;
        struct world_tag tags[] = {{"node", "n[1]"}};
        struct world_eni eni = fixture_create(f, SUBNET_B, 1);
        const struct {
                const char *name, *value;
                size_t n;
        } cases[] = {
                {"network-interface-id", eni.id, 1},
                {"subnet-id", SUBNET_B, 1},
                {"subnet-id", "subnet-*", 2},
                {"subnet-id", "subnet-aaaa000000000000?", 2},
                {"vpc-id", "vpc-0123456789abcdef0", 2},
                {"availability-zone", "us-east-1b", 1},
                {"status", "in-use", 1},
                {"status", "available", 1},
                {"attachment.instance-id", f->instance_id, 1},
                {"attachment.status", "attached", 1},
                {"attachment.device-index", "0", 1},
                {"attachment.delete-on-termination", "true", 1},
                {"private-ip-address", "10.0.2.5", 0}, /* not the primary one */
                {"addresses.private-ip-address", "10.0.2.5", 1},
                {"mac-address", eni.mac, 1},
                {"tag:node", "n[1]", 1},
                {"tag:node", "n?1?", 1},
                {"tag:node", "n\\?1?", 0},
                {"tag:other", "n[1]", 0},
                {"tag-key", "no*", 1},
                {"owner-id", "123456789012", 2},
                {"owner-id", "123456789013", 0},
                {"description", "", 2},
                {"group-name", "default", 2},
                {"source-dest-check", "true", 2},
        };
        const char *const two[] = {SUBNET_A, SUBNET_B};
        size_t n = 0;

        assert_ok(world_create_tags(f->world, &eni.id, 1, tags, 1, &f->err), &f->err);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                assert_ok(find(f, cases[i].name, &cases[i].value, 1, &n), &f->err);
                if (n != cases[i].n)
                        fail_msg("%s = %s: %zu ENIs, want %zu", cases[i].name, cases[i].value, n, cases[i].n);
        }
        assert_ok(find(f, "subnet-id", two, 2, &n), &f->err);
        assert_int_equal(n, 2);
        assert_refused(f, find(f, "colour", two, 1, &n), "InvalidParameterValue");
        assert_string_equal(f->err.msg, "The filter 'colour' is invalid");
}

static void test_pages(void **state)
{
        struct fixture *f = *state;
        struct world_query query = {.limit = 2};
        struct world_eni *enis;
        size_t n, seen = 0;

        for (int i = 0; i < 4; i++)
                fixture_create(f, SUBNET_A, 0);
        do {
                assert_ok(world_find_enis(f->world, &query, f->arena, &enis, &n, &query.after, &f->err),
                          &f->err);
                seen += n;
                assert_in_range(n, 1, 2);
        } while (query.after);
        assert_int_equal(seen, 5);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
                TEST(test_an_attachment_on_its_way),
                TEST(test_attachment_goes_through_its_states),
                TEST(test_a_detach_overtakes_an_attach),
                TEST(test_what_attach_refuses),
                TEST(test_client_token_makes_one_eni),
                TEST(test_what_create_refuses),
                TEST(test_given_and_chosen_addresses_differ),
                TEST(test_modify),
                TEST(test_a_node_goes_with_what_was_made_to_go),
                TEST(test_tags),
                TEST(test_filters),
                TEST(test_pages),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
