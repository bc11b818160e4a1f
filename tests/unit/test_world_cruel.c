// SPDX-License-Identifier: Apache-2.0
/* vpcsim's unkindness without a socket: buckets, patterns, dice, views, stuck attachments, roles. */
#include "world_fixture.h"

#include "world_cruel.h"

#define ROLE "arn:aws:iam::123456789012:role/r"

typedef int setter(struct world *world, const json_t *value, struct err *err);

static int set(struct fixture *f, setter *function, const char *text)
{
        json_t *json = json_from(text);
        int r = function(f->world, json, &f->err);

        json_decref(json);
        return r;
}

static size_t count_enis(struct fixture *f, enum world_view view)
{
        struct world_eni *enis;
        int64_t next;
        size_t n;

        world_view_enter(f->world, view, NULL);
        assert_ok(world_find_enis(f->world, &(struct world_query){0}, f->arena, &enis, &n, &next, &f->err),
                  &f->err);
        world_view_leave(f->world);
        return n;
}

/* As a request does it: what it changed is noted when the lock is given back. */
static void create(struct fixture *f)
{
        struct world_eni eni;

        world_lock(f->world);
        assert_ok(world_create_eni(f->world, &(struct world_create_eni){.subnet_id = SUBNET_A}, f->arena,
                                   &eni, &f->err),
                  &f->err);
        world_unlock(f->world);
}

static void test_buckets(void **state)
{
        struct fixture *f = *state;
        json_t *buckets;

        assert_ok(world_take_token(f->world, "DescribeVpcs", &f->err), &f->err);
        assert_ok(set(f, world_set_throttle,
                      "{'account': {'rate': 0.0001, 'burst': 3}, 'actions': {'Describe*':"
                      " {'rate': 0.0001, 'burst': 1}}}"),
                  &f->err);
        assert_ok(world_take_token(f->world, "DescribeVpcs", &f->err), &f->err);
        assert_refused(f, world_take_token(f->world, "DescribeSubnets", &f->err), "RequestLimitExceeded");
        assert_ok(world_take_token(f->world, "CreateTags", &f->err), &f->err);
        assert_ok(world_take_token(f->world, "CreateTags", &f->err), &f->err);
        assert_refused(f, world_take_token(f->world, "CreateTags", &f->err), "RequestLimitExceeded");
        buckets = world_throttle_to_json(f->world);
        assert_int_equal(json_integer_value(json_object_get(json_array_get(buckets, 0), "taken")), 3);
        assert_int_equal(json_integer_value(json_object_get(json_array_get(buckets, 1), "refused")), 1);
        json_decref(buckets);
        assert_fails(set(f, world_set_throttle, "{'actions': {'a': {'rate': 1, 'burst': 0.5}}}"),
                     ERR_INVALID);
}

static void test_rules(void **state)
{
        struct fixture *f = *state;
        const struct world_fault *fault;

        assert_null(world_match_fault(f->world, WORLD_SERVICE_EC2, "DescribeVpcs", "n1"));
        assert_ok(set(f, world_set_faults,
                      "[{'action': 'Describe*', 'node': 'n?', 'effect': 'drop', 'nth': 2},"
                      " {'action': '*', 'effect': 'error', 'code': 'X', 'every': 3, 'times': 1}]"),
                  &f->err);
        assert_null(world_match_fault(f->world, WORLD_SERVICE_EC2, "DescribeVpcs", "n1"));
        assert_null(world_match_fault(f->world, WORLD_SERVICE_EC2, "DescribeVpcs", NULL));
        fault = world_match_fault(f->world, WORLD_SERVICE_EC2, "DescribeVpcs", "n1");
        assert_int_equal(fault->effect, WORLD_EFFECT_DROP);
        assert_false(fault->commit);
        assert_null(world_match_fault(f->world, WORLD_SERVICE_IMDS, "DescribeVpcs", "n1"));
        for (int i = 0; i < 2; i++)
                assert_null(world_match_fault(f->world, WORLD_SERVICE_EC2, "CreateTags", "n1"));
        fault = world_match_fault(f->world, WORLD_SERVICE_EC2, "CreateTags", "n1");
        assert_string_equal(fault->code, "X");
        assert_int_equal(fault->status, 500);
        for (int i = 0; i < 6; i++)
                assert_null(world_match_fault(f->world, WORLD_SERVICE_EC2, "CreateTags", "n1"));
}

static void test_late_views(void **state)
{
        struct fixture *f = *state;
        int64_t started;

        create(f);
        fixture_set(f, "{'describe_lag_ms': 3000}"); /* time to look, on a busy machine, too */
        started = clock_boottime_ms();
        create(f);
        create(f);
        assert_int_equal(count_enis(f, WORLD_VIEW_DESCRIBE), 2);
        assert_int_equal(count_enis(f, WORLD_VIEW_IMDS), 4);
        while (count_enis(f, WORLD_VIEW_DESCRIBE) < 4)
                poll(NULL, 0, 5);
        assert_in_range(clock_boottime_ms() - started, 3000, TEST_PATIENCE_MS);
        create(f);
        assert_int_equal(count_enis(f, WORLD_VIEW_DESCRIBE), 4);
        fixture_set(f, "{'describe_lag_ms': 0}");
        assert_int_equal(count_enis(f, WORLD_VIEW_DESCRIBE), 5);
}

static void test_many_changes_while_late(void **state)
{
        struct fixture *f = *state;

        fixture_set(f, "{'describe_lag_ms': 3600000}");
        for (int i = 0; i < 240; i++)
                create(f);
        assert_int_equal(count_enis(f, WORLD_VIEW_DESCRIBE), 1);
        assert_int_equal(count_enis(f, WORLD_VIEW_IMDS), 241);
}

static void test_stale_views(void **state)
{
        struct fixture *f = *state;

        assert_ok(set(f, world_set_stale, "{'imds': true}"), &f->err);
        create(f);
        assert_ok(set(f, world_set_stale, "{'imds': true, 'describe': true}"), &f->err);
        create(f);
        assert_int_equal(count_enis(f, WORLD_VIEW_IMDS), 1);
        assert_int_equal(count_enis(f, WORLD_VIEW_DESCRIBE), 2);
        assert_ok(set(f, world_set_stale, "{'imds': false}"), &f->err);
        assert_int_equal(count_enis(f, WORLD_VIEW_IMDS), 3);
        assert_int_equal(count_enis(f, WORLD_VIEW_DESCRIBE), 2);
        assert_fails(set(f, world_set_stale, "{'all': true}"), ERR_INVALID);
}

static void test_roles(void **state)
{
        struct fixture *f = *state;
        struct world_assume assume = {.role_arn = ROLE, .session_name = "s", .web_identity_token = "token"};
        struct world_session session;
        struct world_secret secret;

        assert_refused(f, world_assume_role(f->world, &assume, f->arena, &session, &f->err), "AccessDenied");
        assert_ok(set(f, world_set_sts_roles, "[{'role_arn': '" ROLE "', 'web_identity_token': 'token'}]"),
                  &f->err);
        assert_ok(world_assume_role(f->world, &assume, f->arena, &session, &f->err), &f->err);
        assert_string_equal(session.arn, "arn:aws:sts::123456789012:assumed-role/r/s");
        assert_ok(world_find_secret(f->world, session.keys.access_key_id, f->arena, &secret, &f->err),
                  &f->err);
        assert_string_equal(secret.secret_access_key, session.keys.secret_access_key);
        assert_string_equal(secret.arn, session.arn);
        assert_null(secret.node);
        assert_in_range(session.keys.expires_ms - clock_wall_ms(), 3600 * 1000 - TEST_PATIENCE_MS,
                        3600 * 1000);
        assume.web_identity_token = "other";
        assert_refused(f, world_assume_role(f->world, &assume, f->arena, &session, &f->err),
                       "InvalidIdentityToken");
        assert_fails(set(f, world_set_sts_roles, "[{'role_arn': 'r'}]"), ERR_INVALID);
        assume.web_identity_token = "token"; /* a setter that fails leaves what was there */
        assert_ok(world_assume_role(f->world, &assume, f->arena, &session, &f->err), &f->err);
}

/* What is denied to a role is denied to its sessions, and to nobody else. */
static void test_a_poor_role(void **state)
{
        struct fixture *f = *state;
        struct world_assume assume = {.role_arn = "arn:aws:iam::123456789012:role/pods/poor",
                                      .session_name = "s"};
        struct world_session session;

        assert_ok(set(f, world_set_sts_roles,
                      "[{'role_arn': 'arn:aws:iam::123456789012:role/pods/poor', 'denied': ['Describe*']},"
                      " {'role_arn': 'arn:aws:iam::123456789012:role/notpoor'}]"),
                  &f->err);
        assert_ok(world_assume_role(f->world, &assume, f->arena, &session, &f->err), &f->err);
        assert_true(world_is_denied(f->world, "DescribeVpcs", session.arn));
        assert_false(world_is_denied(f->world, "CreateTags", session.arn));
        assert_false(world_is_denied(f->world, "DescribeVpcs", NULL));
        assume.role_arn = "arn:aws:iam::123456789012:role/notpoor";
        assert_ok(world_assume_role(f->world, &assume, f->arena, &session, &f->err), &f->err);
        assert_false(world_is_denied(f->world, "DescribeVpcs", session.arn));
        assert_ok(set(f, world_set_denied, "['*Vpcs']"), &f->err);
        assert_true(world_is_denied(f->world, "DescribeVpcs", session.arn));
        assert_true(world_is_denied(f->world, "DescribeVpcs", NULL));
        assert_fails(set(f, world_set_sts_roles, "[{'role_arn': '" ROLE "', 'denied': [1]}]"), ERR_INVALID);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_buckets),     TEST(test_rules),
                TEST(test_late_views),  TEST(test_many_changes_while_late),
                TEST(test_stale_views), TEST(test_roles),
                TEST(test_a_poor_role),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
