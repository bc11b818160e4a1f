// SPDX-License-Identifier: Apache-2.0
/* Results, errors and version lists, byte for byte. */
#include "test.h"

#include <vpcwire/mem.h>

#include "result.h"

static struct wiring example(void)
{
        return (struct wiring){
                .host_ifname = "enic8d52e6ea48",
                .ifname = "eth0",
                .host_mac = {{0x02, 0, 0, 0, 0, 0x01}},
                .mac = {{0x02, 0, 0, 0, 0, 0x02}},
                .mtu = 9001,
                .address = ip_from_u32(0x0a000107),
                .gateway = ip_from_u32(0xa9fe0101),
                .container_id = "c1",
                .netns = "/run/netns/p1",
        };
}

static json_t *parse(const char *text)
{
        json_t *json = json_loads(text, 0, NULL);

        assert_non_null(json);
        return json;
}

static void assert_json(const json_t *json, const char *expect)
{
        _cleanup_free_ char *text = json_dumps(json, JSON_COMPACT);

        assert_string_equal(text, expect);
}

#define ROUTES "\"routes\":[{\"dst\":\"0.0.0.0/0\",\"gw\":\"169.254.1.1\"}]"
#define PER_FAMILY(v)                                                                                        \
        "{\"cniVersion\":\"" v "\",\"ip4\":{\"ip\":\"10.0.1.7/32\",\"gateway\":\"169.254.1.1\"," ROUTES      \
        "},\"dns\":{}}"
#define LISTS(v, mtu, family)                                                                                \
        "{\"cniVersion\":\"" v "\",\"interfaces\":["                                                         \
        "{\"name\":\"enic8d52e6ea48\",\"mac\":\"02:00:00:00:00:01\"" mtu "},"                                \
        "{\"name\":\"eth0\",\"mac\":\"02:00:00:00:00:02\"" mtu ",\"sandbox\":\"/run/netns/p1\"}],"           \
        "\"ips\":[{" family                                                                                  \
        "\"address\":\"10.0.1.7/32\",\"gateway\":\"169.254.1.1\",\"interface\":1}]," ROUTES ",\"dns\":{}}"

static void test_result_of_each_version(void **state _unused_)
{
        static const char *const expect[_CNI_VERSION_MAX] = {
                [CNI_0_1_0] = PER_FAMILY("0.1.0"),
                [CNI_0_2_0] = PER_FAMILY("0.2.0"),
                [CNI_0_3_0] = LISTS("0.3.0", "", "\"version\":\"4\","),
                [CNI_0_3_1] = LISTS("0.3.1", "", "\"version\":\"4\","),
                [CNI_0_4_0] = LISTS("0.4.0", "", "\"version\":\"4\","),
                [CNI_1_0_0] = LISTS("1.0.0", "", ""),
                [CNI_1_1_0] = LISTS("1.1.0", ",\"mtu\":9001", ""),
        };
        struct wiring wiring = example();

        for (int i = 0; i < _CNI_VERSION_MAX; i++) {
                _cleanup_json_ json_t *result = result_new((enum cni_version)i, &wiring, NULL);

                assert_json(result, expect[i]);
        }
}

static void test_result_after_other_plugins(void **state _unused_)
{
        static const char before[] =
                "{\"cniVersion\":\"0.4.0\",\"interfaces\":[{\"name\":\"br0\",\"x\":1},{\"name\":\"v\"},{"
                "\"name\":\"net1\","
                "\"sandbox\":\"/run/netns/p1\"}],\"ips\":[{\"version\":\"4\",\"address\":\"192.168.0.2/"
                "24\",\"interface\":2}],"
                "\"routes\":null,\"dns\":{\"nameservers\":[\"10.0.0.2\"]},\"vendor\":{\"k\":[1,2]}}";
        _cleanup_json_ json_t *prev = parse(before), *result = NULL;
        struct wiring wiring = example();

        result = result_new(CNI_0_4_0, &wiring, prev);
        assert_json(result, "{\"cniVersion\":\"0.4.0\",\"interfaces\":[{\"name\":\"br0\",\"x\":1},{\"name\":"
                            "\"v\"},{\"name\":\"net1\","
                            "\"sandbox\":\"/run/netns/"
                            "p1\"},{\"name\":\"enic8d52e6ea48\",\"mac\":\"02:00:00:00:00:01\"},{\"name\":"
                            "\"eth0\",\"mac\":\"02:00:00:00:00:02\",\"sandbox\":\"/run/netns/"
                            "p1\"}],\"ips\":[{\"version\":\"4\","
                            "\"address\":\"192.168.0.2/"
                            "24\",\"interface\":2},{\"version\":\"4\",\"address\":\"10.0.1.7/32\","
                            "\"gateway\":\"169.254.1.1\",\"interface\":4}]," ROUTES
                            ",\"dns\":{\"nameservers\":[\"10.0.0.2\"]},\"vendor\":{\"k\":[1,2]}}");
        assert_json(prev, before);
}

static void test_dns_of_the_configuration(void **state _unused_)
{
        struct wiring wiring = example();
        _cleanup_json_ json_t *prev = parse("{\"dns\":{\"nameservers\":[\"10.0.0.2\"]}}"),
                              *empty = parse("{}"),
                              *dns = parse("{\"nameservers\":[\"172.20.0.10\"],\"options\":[\"ndots:5\"]}"),
                              *result = result_new(CNI_1_0_0, &wiring, prev);

        result_set_dns(result, NULL);
        result_set_dns(result, empty);
        assert_json(json_object_get(result, "dns"), "{\"nameservers\":[\"10.0.0.2\"]}");
        result_set_dns(result, dns);
        assert_json(json_object_get(result, "dns"),
                    "{\"nameservers\":[\"172.20.0.10\"],\"options\":[\"ndots:5\"]}");
}

static void test_prev_result_of_odd_types(void **state _unused_)
{
        static const char *const odd[] = {"{}", "{\"interfaces\":7,\"ips\":{},\"routes\":\"x\",\"dns\":[]}",
                                          "{\"interfaces\":[null,3],\"ips\":[null]}"};
        struct wiring wiring = example();

        for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
                for (int version = 0; version < _CNI_VERSION_MAX; version++) {
                        _cleanup_json_ json_t *prev = parse(odd[i]), *result = NULL;

                        result = result_new((enum cni_version)version, &wiring, prev);
                        if (version >= CNI_0_3_0)
                                assert_int_equal(result_check_address(result, "eth0", "/run/netns/p1",
                                                                      wiring.address, NULL),
                                                 0);
                }
        }
}

static void test_error(void **state _unused_)
{
        static const struct {
                const char *text, *details, *expect;
        } cases[] = {
                {"a \"b\"", "", "{\"cniVersion\":\"1.0.0\",\"code\":7,\"msg\":\"a \\\"b\\\"\"}"},
                {"x", "y", "{\"cniVersion\":\"1.0.0\",\"code\":7,\"msg\":\"x\",\"details\":\"y\"}"},
                {"caf\xc3\xa9", "", "{\"cniVersion\":\"1.0.0\",\"code\":7,\"msg\":\"caf\xc3\xa9\"}"},
                {"caf\xc3", "", "{\"cniVersion\":\"1.0.0\",\"code\":7,\"msg\":\"caf?\"}"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_json_ json_t *error =
                        result_new_error(CNI_1_0_0, CNI_CODE_CONFIG, cases[i].text, cases[i].details);

                assert_json(error, cases[i].expect);
        }
}

static void test_versions(void **state _unused_)
{
        _cleanup_json_ json_t *answer = result_new_versions(CNI_0_4_0);
        _cleanup_free_ char *list = result_list_versions();

        assert_json(
                answer,
                "{\"cniVersion\":\"0.4.0\",\"supportedVersions\":[\"0.1.0\",\"0.2.0\",\"0.3.0\",\"0.3.1\","
                "\"0.4.0\",\"1.0.0\",\"1.1.0\"]}");
        assert_string_equal(list, "0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0");
}

static void test_address_in_a_chains_result(void **state _unused_)
{
#define POD_FIRST "{\"interfaces\":[{\"name\":\"eth0\",\"sandbox\":\"/n\"},{\"name\":\"h\"}],\"ips\":["
        static const struct {
                const char *result;
                enum err_code code;
                const char *error;
        } cases[] = {
                {POD_FIRST "{\"address\":\"10.0.1.7/32\",\"interface\":0}]}", ERR_NONE, NULL},
                {POD_FIRST "{\"address\":\"10.0.1.7/24\",\"interface\":0}]}", ERR_NONE, NULL},
                {POD_FIRST
                 "{\"address\":\"fd00::1/64\",\"interface\":0},{\"address\":\"10.0.1.7\",\"interface\":0}]}",
                 ERR_NONE, NULL},
                {POD_FIRST "{\"address\":\"10.0.1.8/32\",\"interface\":0}]}", ERR_NOT_FOUND, "10.0.1.8/32"},
                {POD_FIRST "{\"address\":\"10.0.1.7/32\",\"interface\":1}]}", ERR_NOT_FOUND, "none"},
                {POD_FIRST "{\"address\":\"10.0.1.7/32\"}]}", ERR_NOT_FOUND, "none"},
                {POD_FIRST "]}", ERR_NOT_FOUND, "none"},
                {POD_FIRST "{\"address\":7,\"interface\":0},null]}", ERR_NOT_FOUND, "none"},
                {"{\"interfaces\":[{\"name\":\"eth0\"}],\"ips\":[{\"address\":\"10.0.1.7/"
                 "32\",\"interface\":0}]}",
                 ERR_INVALID, "no interface eth0"},
                {"{\"interfaces\":[{\"name\":\"eth0\",\"sandbox\":\"/m\"}]}", ERR_INVALID,
                 "no interface eth0"},
                {"{}", ERR_INVALID, "no interface eth0"},
        };
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_json_ json_t *result = parse(cases[i].result);
                int r = result_check_address(result, "eth0", "/n", ip_from_u32(0x0a000107), &err);

                assert_int_equal(r, -(int)cases[i].code);
                if (cases[i].error)
                        assert_contains(err.msg, cases[i].error);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_result_of_each_version),
                cmocka_unit_test(test_result_after_other_plugins),
                cmocka_unit_test(test_dns_of_the_configuration),
                cmocka_unit_test(test_prev_result_of_odd_types),
                cmocka_unit_test(test_error),
                cmocka_unit_test(test_versions),
                cmocka_unit_test(test_address_in_a_chains_result),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
