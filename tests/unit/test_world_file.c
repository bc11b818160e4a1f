// SPDX-License-Identifier: Apache-2.0
/* vpcsim's world file: what is refused, and that the error names it. Settings and nodes that come later, too. */
#include "world_fixture.h"

#define VPC    "'vpc': {'cidrs': ['10.0.0.0/16']}"
#define SUBNET "{'id': 'subnet-a', 'cidr': '10.0.1.0/24', 'zone': 'a'}"
#define SMALL  "'instance_type': 't3.small', 'subnet': 'subnet-a'"

static void test_bad_files(void **state _unused_)
{
        static const struct bad_file cases[] = {
                {"[]", "want an object"},
                {"{" VPC ", 'subnets': [" SUBNET "], 'colour': 1}", "unknown member 'colour'"},
                {"{'subnets': [" SUBNET "]}", "vpc: want an object"},
                {"{" VPC "}", "subnets: want at least one"},
                {"{" VPC ", 'subnets': 7}", "subnets: want an array"},
                {"{'vpc': {'cidrs': []}, 'subnets': [" SUBNET "]}", "cidrs: want at least one"},
                {"{'vpc': {'cidrs': ['10.0.0.0/16'], 'security_groups': [{'id': 'x', 'name': 'y'}]}, "
                 "'subnets': "
                 "[" SUBNET "]}",
                 "security_groups[0]: want an id"},
                {"{'vpc': {'cidrs': ['10.0.0.0/8']}, 'subnets': [" SUBNET "]}",
                 "'10.0.0.0/8': want an IPv4 network"},
                {"{" VPC ", 'subnets': [{'cidr': '10.1.0.0/24', 'zone': 'a'}]}",
                 "subnets[0]: 10.1.0.0/24 is in no CIDR"},
                {"{" VPC ", 'subnets': [{'cidr': '10.0.0.8/24', 'zone': 'a'}]}", "want an IPv4 network"},
                {"{" VPC ", 'subnets': [{'cidr': '10.0.0.0/29', 'zone': 'a'}]}", "of /16 to /28"},
                {"{" VPC ", 'subnets': [{'cidr': 'x', 'zone': 'a'}]}", "subnets[0]"},
                {"{" VPC ", 'subnets': [{'cidr': '10.0.1.0/24'}]}", "zone: want a text"},
                {"{" VPC ", 'subnets': [" SUBNET ", {'cidr': '10.0.1.128/25', 'zone': 'a'}]}",
                 "subnets[1]: 10.0.1.128/25 overlaps"},
                {"{" VPC ", 'subnets': [" SUBNET "], 'account': '12'}", "account: '12' is not 12 digits"},
                {"{" VPC ", 'subnets': [" SUBNET "], 'delays': {'attach_ms': -1}}",
                 "attach_ms: want a whole number"},
                {"{" VPC ", 'subnets': [" SUBNET "], 'delays': {'attach': 1}}", "unknown setting 'attach'"},
                {"{" VPC ", 'subnets': [" SUBNET "], 'allocation': 'best'}", "allocation: want"},
                {"{" VPC ", 'subnets': [" SUBNET "], 'users': [{'access_key_id': 'A'}]}",
                 "secret_access_key"},
                {"{" VPC ", 'subnets': [" SUBNET "], 'instance_types': {'x': {'max_enis': 0}}}",
                 "instance_types: x: want max_enis"},
                {"{" VPC ", 'subnets': [" SUBNET "], 'nodes': [{'name': 'vpc', " SMALL "}]}",
                 "nodes[0]: name: 'vpc'"},
                {"{" VPC ", 'subnets': [" SUBNET "], 'nodes': [{'name': 'a b', " SMALL "}]}", "name: 'a b'"},
                {"{" VPC ", 'subnets': [" SUBNET "], 'nodes': [{'name': 'n', " SMALL "}, {'name': 'n', " SMALL
                 "}]}",
                 "nodes[1]: there is a node 'n' already"},
                {"{" VPC ", 'subnets': [" SUBNET
                 "], 'nodes': [{'name': 'n', 'instance_type': 'x9.huge', 'subnet': 'subnet-a'}]}",
                 "instance types do not exist: [x9.huge]"},
                {"{" VPC ", 'subnets': [" SUBNET
                 "], 'nodes': [{'name': 'n', 'instance_type': 't3.small', 'subnet': 'b'}]}",
                 "no subnet 'b'"},
                {"{" VPC ", 'subnets': [" SUBNET "], 'nodes': [{'name': 'n', 'public': '9.9.9.9', " SMALL
                 "}]}",
                 "public: want"},
                {"{'vpc': {'cidrs': ['10.0.0.0/16', '10.0.128.0/17']}, 'subnets': [" SUBNET "]}",
                 "cidrs[1]: 10.0.128.0/17 overlaps another CIDR"},
                {"{" VPC ", 'subnets': [" SUBNET "], 'networks': {}}", "networks: want an array"},
                {"{" VPC ", 'subnets': [" SUBNET "], 'networks': [{'name': 'p'}]}",
                 "networks[0]: name, cidr"},
                {"{" VPC ", 'subnets': [" SUBNET "], 'networks': [{'name': 'p', 'cidr': '10.0.64.0/18'}]}",
                 "networks[0]: cidr: 10.0.64.0/18 overlaps the VPC's"},
                {"{" VPC ", 'subnets': [" SUBNET
                 "], 'networks': [{'name': 'p', 'cidr': '10.1.0.0/16', 'mtu': 9}]}",
                 "networks[0]: mtu: want 576 to 9001"},
                {"{" VPC ", 'subnets': [" SUBNET
                 "], 'networks': [{'name': 'p', 'cidr': '10.1.0.0/16', 'hosts': ['x']}]}",
                 "networks[0]: hosts[0]"},
                {"{" VPC ", 'subnets': [" SUBNET "], 'nodes': [{'name': 'n', 'hop_limit': 65, " SMALL "}]}",
                 "hop_limit: want"},
        };

        assert_bad_files(cases, ARRAY_SIZE(cases));
}

static int add_node(struct fixture *f, const char *text, json_t **reply)
{
        json_t *node = json_from(text);
        int r = world_add_node(f->world, node, reply, &f->err);

        json_decref(node);
        return r;
}

static const char *member(const json_t *object, const char *name)
{
        return json_string_value(json_object_get(object, name)) ?: "(none)";
}

static void test_nodes_come_and_go(void **state)
{
        struct fixture *f = *state;
        unsigned before = fixture_free_addresses(f, SUBNET_B);
        json_t *reply;

        assert_ok(add_node(f,
                           "{'name': 'n2', 'instance_type': 'm5.4xlarge', 'subnet': '" SUBNET_B
                           "', 'public': true}",
                           &reply),
                  &f->err);
        assert_string_equal(member(reply, "name"), "n2");
        assert_string_equal(member(reply, "primary_address"), "10.0.2.4");
        assert_string_equal(member(reply, "public_address"), "203.0.113.2"); /* n1 has .1 */
        assert_int_equal(strlen(member(reply, "instance_id")), strlen("i-0123456789abcdef0"));
        assert_memory_equal(member(reply, "mac"), "02:", 3);
        json_decref(reply);
        assert_fails(add_node(f,
                              "{'name': 'n3', 'instance_type': 't3.small', 'subnet': '" SUBNET_B
                              "', 'public': '203.0.113.2'}",
                              &reply),
                     ERR_EXISTS);
        assert_int_equal(fixture_free_addresses(f, SUBNET_B), before - 1);
        assert_ok(world_remove_node(f->world, "n2", &f->err), &f->err);
        assert_int_equal(fixture_free_addresses(f, SUBNET_B), before);
        assert_ok(add_node(f,
                           "{'name': 'n2', 'instance_type': 't3.small', 'subnet': '" SUBNET_B
                           "', 'public': '203.0.113.2', 'address': '10.0.2.77', 'hop_limit': 2}",
                           &reply),
                  &f->err);
        assert_string_equal(member(reply, "primary_address"), "10.0.2.77");
        json_decref(reply);
}

static void test_own_instance_types(void **state _unused_)
{
        json_t *file =
                json_from("{" VPC ", 'subnets': [" SUBNET "], 'instance_types': {'t3.small': {'max_enis': 9,"
                          " 'ipv4_per_eni': 2}}}");
        _cleanup_(world_freep) struct world *world = NULL;
        struct world_instance_type type;
        struct err err;

        assert_ok(world_new(file, NULL, &world, &err), &err);
        assert_ok(world_find_instance_type(world, "t3.small", &type, &err), &err);
        assert_int_equal(type.max_enis, 9);
        assert_ok(world_find_instance_type(world, "m5.4xlarge", &type, &err), &err);
        assert_int_equal(type.ipv4_per_eni, 30);
        json_decref(file);
}

static void test_settings_are_all_or_none(void **state)
{
        struct fixture *f = *state;
        json_t *bad = json_from("{'attach_ms': 3600000, 'detach_ms': 'x'}");
        struct world_eni eni = fixture_create(f, SUBNET_A, 0);

        assert_fails(world_set_delays(f->world, bad, &f->err), ERR_INVALID);
        assert_contains(f->err.msg, "detach_ms");
        json_decref(bad);
        fixture_attach(f, eni.id, 1);
        assert_int_equal(world_tick(f->world), -1); /* done at once: attach_ms is still 0 */
        assert_string_equal(fixture_eni(f, eni.id).attachment->status, "attached");
}

static void test_dump(void **state)
{
        struct fixture *f = *state;
        json_t *dump = world_dump(f->world), *eni = json_array_get(json_object_get(dump, "enis"), 0);

        assert_int_equal(json_array_size(json_object_get(dump, "subnets")), 3);
        assert_string_equal(member(json_array_get(json_object_get(dump, "nodes"), 0), "public_address"),
                            "203.0.113.1");
        assert_string_equal(member(eni, "status"), "in-use");
        assert_string_equal(json_string_value(json_array_get(json_object_get(eni, "addresses"), 0)),
                            "10.0.1.4");
        json_decref(dump);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
                cmocka_unit_test(test_bad_files),
                cmocka_unit_test(test_own_instance_types),
                TEST(test_nodes_come_and_go),
                TEST(test_settings_are_all_or_none),
                TEST(test_dump),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
