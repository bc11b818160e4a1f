// SPDX-License-Identifier: Apache-2.0
/* IMDSv2: tokens, statuses, and what is believed of the bodies. */
#include "test.h"

#include <stdlib.h>

#include "cloud/imds.h"
#include "httpd.h"

#define PUT_TOKEN "PUT /latest/api/token"
#define DATA      "GET /latest/meta-data/"
#define MAC       "02:00:00:8d:87:e7"
#define MACS      DATA "network/interfaces/macs/" MAC "/"

static int64_t now_ms; /* the boot clock of these tests */

static int64_t get_now_ms(void)
{
        return now_ms;
}

static struct imds *new_imds(const char *endpoint, unsigned timeout_ms)
{
        const struct imds_options options = {
                .endpoint = endpoint, .timeout_ms = timeout_ms, .boottime_ms = get_now_ms};
        struct imds *imds;
        struct err err;

        assert_ok(imds_new(&options, &imds, &err), &err);
        return imds;
}

static unsigned timeout_for(const struct httpd_reply *reply)
{
        return reply->fault == HTTPD_CRAWL ? HTTPD_CRAWL_TIMEOUT_MS : TEST_PATIENCE_MS;
}

static void test_token_and_value(void **state _unused_)
{
        static const struct httpd_reply script[] = {
                {.on = PUT_TOKEN, .body = "TOKEN==", .header = "X-aws-ec2-metadata-token-ttl-seconds: 21600"},
                {.on = DATA "instance-id", .body = " i-0123\r\n"},
                {.on = DATA "empty"},
        };
        _cleanup_(httpd_stopp) struct httpd *httpd = httpd_start(script, ARRAY_SIZE(script));
        _cleanup_(imds_freep) struct imds *imds = new_imds(httpd_url(httpd), TEST_PATIENCE_MS);
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const char *value;
        struct err err;

        assert_ok(imds_get(imds, "instance-id", arena, &value, &err), &err);
        assert_string_equal(value, "i-0123");
        assert_ok(imds_get(imds, "empty", arena, &value, &err), &err);
        assert_string_equal(value, "");
        assert_contains(httpd_request(httpd, 0)->headers, "x-aws-ec2-metadata-token-ttl-seconds: 21600\n");
        assert_contains(httpd_request(httpd, 1)->headers, "x-aws-ec2-metadata-token: TOKEN==\n");
        assert_int_equal(httpd_count(httpd, PUT_TOKEN), 1);
        assert_int_equal(httpd_connections(httpd), 1);
}

static void test_proxy_of_the_environment_is_not_used(void **state _unused_)
{
        static const struct httpd_reply script[] = {{.on = PUT_TOKEN, .body = "T"},
                                                    {.on = DATA "x", .body = "y"}};
        _cleanup_(httpd_stopp) struct httpd *httpd = httpd_start(script, ARRAY_SIZE(script));
        _cleanup_(imds_freep) struct imds *imds = new_imds(httpd_url(httpd), TEST_PATIENCE_MS);
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const char *value;
        struct err err;

        setenv("http_proxy", "http://127.0.0.1:1", 1);
        assert_ok(imds_get(imds, "x", arena, &value, &err), &err);
        unsetenv("http_proxy");
}

static void test_token_is_renewed_ahead(void **state _unused_)
{
        static const struct httpd_reply script[] = {
                {.on = PUT_TOKEN, .body = "T1", .header = "X-aws-ec2-metadata-token-ttl-seconds: 100"},
                {.on = PUT_TOKEN, .status = 503},
                {.on = PUT_TOKEN, .body = "T2"},
                {.on = PUT_TOKEN, .status = 503},
                {.on = DATA "x", .body = "y", .times = HTTPD_ALWAYS},
        };
        _cleanup_(httpd_stopp) struct httpd *httpd = httpd_start(script, ARRAY_SIZE(script));
        _cleanup_(imds_freep) struct imds *imds = new_imds(httpd_url(httpd), TEST_PATIENCE_MS);
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const char *value;
        struct err err;

        now_ms = 0;
        assert_ok(imds_get(imds, "x", arena, &value, &err), &err);
        now_ms = 89000;
        assert_ok(imds_get(imds, "x", arena, &value, &err), &err);
        assert_int_equal(httpd_count(httpd, PUT_TOKEN), 1);
        /* The renewal fails: the old token is good for 9 more seconds. */
        now_ms = 91000;
        assert_ok(imds_get(imds, "x", arena, &value, &err), &err);
        assert_contains(httpd_request(httpd, 4)->headers, "token: T1\n");
        now_ms = 92000;
        assert_ok(imds_get(imds, "x", arena, &value, &err), &err);
        assert_contains(httpd_request(httpd, 6)->headers, "token: T2\n");
        /* Past its end there is nothing to fall back to. */
        now_ms += (int64_t)IMDS_TOKEN_TTL_S * 1000;
        assert_fails(imds_get(imds, "x", arena, &value, &err), ERR_AGAIN);
        assert_contains(err.msg, "503");
}

static void test_401_gets_one_new_token(void **state _unused_)
{
        static const struct httpd_reply script[] = {
                {.on = PUT_TOKEN, .body = "T1"},
                {.on = DATA "x", .status = 401},
                {.on = PUT_TOKEN, .body = "T2"},
                {.on = DATA "x", .body = "y"},
                {.on = PUT_TOKEN, .body = "T3", .times = HTTPD_ALWAYS},
                {.on = DATA "x", .status = 401, .times = HTTPD_ALWAYS},
        };
        _cleanup_(httpd_stopp) struct httpd *httpd = httpd_start(script, ARRAY_SIZE(script));
        _cleanup_(imds_freep) struct imds *imds = new_imds(httpd_url(httpd), TEST_PATIENCE_MS);
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const char *value;
        struct err err;

        now_ms = 0;
        assert_ok(imds_get(imds, "x", arena, &value, &err), &err);
        assert_contains(httpd_request(httpd, 3)->headers, "token: T2\n");
        assert_fails(imds_get(imds, "x", arena, &value, &err), ERR_DENIED);
        assert_contains(err.msg, "401");
        assert_int_equal(httpd_count(httpd, DATA "x"), 4);
        assert_int_equal(httpd_count(httpd, PUT_TOKEN), 3);
}

static void test_token_failures(void **state _unused_)
{
        static const struct {
                struct httpd_reply reply;
                enum err_code code;
                const char *says;
        } cases[] = {
                {{.status = 403}, ERR_DENIED, "disabled for this instance"},
                {{.status = 404}, ERR_UNSUPPORTED, "IMDSv2"},
                {{.status = 400}, ERR_PROTOCOL, "400"},
                {{.status = 503}, ERR_AGAIN, "503"},
                {{.status = 200}, ERR_PROTOCOL, "0 bytes"},
                {{.body = "T\r\nX: y"}, ERR_PROTOCOL, "unprintable"},
                {{.body_bytes = 2000}, ERR_PROTOCOL, "2000 bytes"},
                {{.fault = HTTPD_CRAWL, .body_bytes = 1000}, ERR_TIMEOUT, "HopLimit"},
                {{.fault = HTTPD_DROP}, ERR_AGAIN, "token"},
        };
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const char *value;
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(httpd_stopp) struct httpd *httpd = httpd_start(&cases[i].reply, 1);
                _cleanup_(imds_freep) struct imds *imds =
                        new_imds(httpd_url(httpd), timeout_for(&cases[i].reply));

                assert_fails(imds_get(imds, "x", arena, &value, &err), cases[i].code);
                assert_contains(err.msg, cases[i].says);
                assert_int_equal(httpd_requests(httpd), 1);
        }
}

static void test_get_failures(void **state _unused_)
{
        static const struct {
                struct httpd_reply reply;
                enum err_code code;
                const char *says;
        } cases[] = {
                {{.status = 404, .body = "<html>404 - Not Found</html>"}, ERR_NOT_FOUND, "404"},
                {{.status = 403}, ERR_DENIED, "disabled"},
                {{.status = 429}, ERR_AGAIN, "429"},
                {{.status = 500}, ERR_AGAIN, "500"},
                {{.status = 302, .header = "Location: /latest/meta-data/y"}, ERR_PROTOCOL, "302"},
                {{.body = "a\0b", .body_bytes = 3}, ERR_PROTOCOL, "unprintable"},
                {{.body = "caf\xc3\xa9"}, ERR_PROTOCOL, "unprintable"},
                {{.body = "\x1b[2J"}, ERR_PROTOCOL, "unprintable"},
                {{.body_bytes = IMDS_MAX_BODY_BYTES + 1}, ERR_PROTOCOL, "1048576"},
                {{.fault = HTTPD_TRUNCATE, .body = "half"}, ERR_AGAIN, "leaf"},
                {{.fault = HTTPD_CRAWL, .body_bytes = 1000}, ERR_TIMEOUT, "leaf"},
        };
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const char *value;
        struct err err;

        now_ms = 0;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const struct httpd_reply script[] = {
                        {.on = PUT_TOKEN, .body = "T"}, cases[i].reply, cases[i].reply};
                _cleanup_(httpd_stopp) struct httpd *httpd = httpd_start(script, ARRAY_SIZE(script));
                _cleanup_(imds_freep) struct imds *imds =
                        new_imds(httpd_url(httpd), timeout_for(&cases[i].reply));

                assert_fails(imds_get(imds, "leaf", arena, &value, &err), cases[i].code);
                assert_contains(err.msg, cases[i].says);
                assert_int_equal(httpd_requests(httpd), 2);
                /* The code does not depend on whether anybody wants the text. */
                assert_fails(imds_get(imds, "leaf", arena, &value, NULL), cases[i].code);
        }
}

static void test_bad_path_is_not_sent(void **state _unused_)
{
        static const char *const bad[] = {"", "/mac", "../user-data", "a b", "a?b", "a\r\nb", "a%2e"};
        _cleanup_(imds_freep) struct imds *imds = new_imds("http://[fd00:ec2::254]", 100);
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const char *value;
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_fails(imds_get(imds, bad[i], arena, &value, &err), ERR_INVALID);
}

static void test_which_address(void **state _unused_)
{
        static const struct {
                struct imds_options options;
                const char *url;
        } cases[] = {
                {{0}, "http://169.254.169.254"},
                {{.ipv6 = true}, "http://[fd00:ec2::254]"},
                {{.endpoint = "http://127.0.0.1:81/", .ipv6 = true}, "http://127.0.0.1:81"},
                {{.endpoint = "http://[::1]:81"}, "http://[::1]:81"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(imds_freep) struct imds *imds = NULL;
                struct err err;

                assert_ok(imds_new(&cases[i].options, &imds, &err), &err);
                assert_string_equal(imds_url(imds), cases[i].url);
        }
}

static void test_never_through_a_proxy(void **state _unused_)
{
        static const struct httpd_reply script[] = {
                {.on = PUT_TOKEN, .body = "T"},
                {.on = DATA "mac", .body = "x"},
        };
        _cleanup_(httpd_stopp) struct httpd *httpd = httpd_start(script, ARRAY_SIZE(script));
        _cleanup_(imds_freep) struct imds *imds = new_imds(httpd_url(httpd), TEST_PATIENCE_MS);
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const char *value;
        struct err err;
        int r;

        setenv("http_proxy", "http://127.0.0.1:1", 1);
        setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
        r = imds_get(imds, "mac", arena, &value, &err);
        unsetenv("http_proxy");
        unsetenv("ALL_PROXY");
        assert_ok(r, &err);
        assert_string_equal(value, "x");
}

static void test_bad_endpoint(void **state _unused_)
{
        const struct imds_options options = {.endpoint = "169.254.169.254 "};
        struct imds *imds = NULL;
        struct err err;

        assert_fails(imds_new(&options, &imds, &err), ERR_INVALID);
        assert_contains(err.msg, "169.254.169.254 ");
        assert_null(imds);
}

/* A node's identity; a test replaces one reply by putting another in front. */
#define IDENTITY                                                                                             \
        {.on = PUT_TOKEN, .body = "T", .times = HTTPD_ALWAYS},                                               \
                {.on = DATA "instance-id", .body = "i-12c59cdcf3766ed1a"},                                   \
                {.on = DATA "instance-type", .body = "t3.small"},                                            \
                {.on = DATA "placement/availability-zone", .body = "us-east-1c"},                            \
                {.on = DATA "placement/region", .body = "us-east-1"},                                        \
                {.on = DATA "mac", .body = "02:00:00:8D:87:e7"},                                             \
                {.on = MACS "interface-id", .body = "eni-46128b87fd230d3d2"},                                \
                {.on = MACS "subnet-id", .body = "subnet-4f6a319a1072ecfd2"},                                \
                {.on = MACS "vpc-id", .body = "vpc-174815abb7d0b5a6f"},                                      \
                {.on = MACS "local-ipv4s", .body = "10.0.1.4\r\n10.0.1.9\r\n"},                              \
                {.on = MACS "subnet-ipv4-cidr-block", .body = "10.0.1.0/28\n"},                              \
                {.on = MACS "security-group-ids", .body = "sg-430c4d574e0fe747f\nsg-2"},                     \
        {                                                                                                    \
                .on = MACS "vpc-ipv4-cidr-blocks", .body = "10.0.0.0/16\n100.64.0.0/16"                      \
        }

static void test_identity(void **state _unused_)
{
        static const struct httpd_reply script[] = {IDENTITY};
        _cleanup_(httpd_stopp) struct httpd *httpd = httpd_start(script, ARRAY_SIZE(script));
        _cleanup_(imds_freep) struct imds *imds = new_imds(httpd_url(httpd), TEST_PATIENCE_MS);
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct imds_identity identity;
        struct err err;

        assert_ok(imds_get_identity(imds, arena, &identity, &err), &err);
        assert_string_equal(identity.instance_id, "i-12c59cdcf3766ed1a");
        assert_string_equal(identity.instance_type, "t3.small");
        assert_string_equal(identity.availability_zone, "us-east-1c");
        assert_string_equal(identity.region, "us-east-1");
        assert_string_equal(MAC_TEXT(identity.mac), MAC);
        assert_string_equal(identity.eni_id, "eni-46128b87fd230d3d2");
        assert_string_equal(identity.subnet_id, "subnet-4f6a319a1072ecfd2");
        assert_string_equal(identity.vpc_id, "vpc-174815abb7d0b5a6f");
        assert_string_equal(IP_TEXT(identity.primary_address), "10.0.1.4");
        assert_string_equal(PREFIX_TEXT(identity.subnet_cidr), "10.0.1.0/28");
        assert_int_equal(identity.n_vpc_cidrs, 2);
        assert_string_equal(PREFIX_TEXT(identity.vpc_cidrs[1]), "100.64.0.0/16");
        assert_int_equal(identity.n_security_groups, 2);
        assert_string_equal(identity.security_groups[1], "sg-2");
        assert_int_equal(httpd_count(httpd, PUT_TOKEN), 1);
}

static void test_identity_is_checked(void **state _unused_)
{
        static const struct {
                struct httpd_reply reply;
                enum err_code code;
                const char *says;
        } cases[] = {
                {{.on = DATA "instance-id", .body = "<html>"}, ERR_PROTOCOL, "instance-id: '<html>'"},
                {{.on = DATA "instance-id"}, ERR_PROTOCOL, "instance-id: ''"},
                {{.on = DATA "instance-id", .status = 404}, ERR_NOT_FOUND, "instance-id"},
                {{.on = DATA "instance-type", .body = "t3 small"}, ERR_PROTOCOL, "instance-type: 't3 small'"},
                {{.on = DATA "placement/region", .body = "us-east-1/../x"}, ERR_PROTOCOL, "us-east-1/../x"},
                {{.on = DATA "mac", .body = "02:00:00:8d:87"}, ERR_PROTOCOL, "mac: '02:00:00:8d:87'"},
                {{.on = MACS "interface-id", .body = "eni-"}, ERR_PROTOCOL, "interface-id"},
                {{.on = MACS "subnet-id", .body = "vpc-1"}, ERR_PROTOCOL, "subnet-id"},
                {{.on = MACS "local-ipv4s"}, ERR_PROTOCOL, "local-ipv4s"},
                {{.on = MACS "local-ipv4s", .body = "10.0.1"}, ERR_PROTOCOL, "'10.0.1'"},
                {{.on = MACS "local-ipv4s", .body = "fd00::1"}, ERR_PROTOCOL, "'fd00::1'"},
                {{.on = MACS "local-ipv4s", .body = "10.0.2.4"}, ERR_PROTOCOL, "10.0.2.4"},
                {{.on = MACS "subnet-ipv4-cidr-block", .body = "10.0.1.1/28"}, ERR_PROTOCOL, "10.0.1.1/28"},
                {{.on = MACS "security-group-ids"}, ERR_PROTOCOL, "no security group"},
                {{.on = MACS "security-group-ids", .body = "sg-1\nsg$"}, ERR_PROTOCOL, "'sg$'"},
                {{.on = MACS "vpc-ipv4-cidr-blocks", .body = "junk 10.0.0.1/16"},
                 ERR_PROTOCOL,
                 "no IPv4 CIDR"},
        };
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const struct httpd_reply script[] = {cases[i].reply, IDENTITY};
                _cleanup_(httpd_stopp) struct httpd *httpd = httpd_start(script, ARRAY_SIZE(script));
                _cleanup_(imds_freep) struct imds *imds = new_imds(httpd_url(httpd), TEST_PATIENCE_MS);
                struct imds_identity identity = {.instance_id = "untouched"};

                assert_fails(imds_get_identity(imds, arena, &identity, &err), cases[i].code);
                assert_contains(err.msg, cases[i].says);
                assert_string_equal(identity.instance_id, "untouched");
        }
}

static void test_vpc_cidrs_leave_out_what_is_none(void **state _unused_)
{
        _cleanup_(text_done) struct text many = {0}, too_many = {0};
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct prefix *cidrs;
        struct mac mac;
        struct err err;
        bool whole = true;
        size_t n;

        for (int i = 0; i < 2000; i++)
                text_add(&many, "10.0.0.0/8 \r\n%s\n", i % 2 ? "garbage" : "10.1.2.3/8");
        for (int i = 0; i <= IMDS_MAX_LIST_ITEMS; i++)
                text_add(&too_many, "10.0.0.0/8\n");
        const struct httpd_reply script[] = {
                {.on = PUT_TOKEN, .body = "T"},
                {.on = MACS "vpc-ipv4-cidr-blocks",
                 .body = "10.0.0.0/16\r\n10.0.0.1/16\n\n fd00::/56 x 100.64.0.0/16\n"},
                {.on = MACS "vpc-ipv4-cidr-blocks", .body = " \n"},
                {.on = MACS "vpc-ipv4-cidr-blocks", .body = many.text},
                {.on = MACS "vpc-ipv4-cidr-blocks", .body = too_many.text},
                {.on = MACS "vpc-ipv4-cidr-blocks", .status = 404},
        };
        _cleanup_(httpd_stopp) struct httpd *httpd = httpd_start(script, ARRAY_SIZE(script));
        _cleanup_(imds_freep) struct imds *imds = new_imds(httpd_url(httpd), TEST_PATIENCE_MS);

        assert_ok(mac_parse(MAC, &mac, &err), &err);
        assert_ok(imds_get_vpc_cidrs(imds, mac, arena, &cidrs, &n, &whole, &err), &err);
        assert_int_equal(n, 2);
        assert_false(whole);
        assert_string_equal(PREFIX_TEXT(cidrs[0]), "10.0.0.0/16");
        assert_string_equal(PREFIX_TEXT(cidrs[1]), "100.64.0.0/16");
        assert_ok(imds_get_vpc_cidrs(imds, mac, arena, &cidrs, &n, &whole, &err), &err);
        assert_int_equal(n, 0);
        assert_true(whole);
        assert_ok(imds_get_vpc_cidrs(imds, mac, arena, &cidrs, &n, &whole, &err), &err);
        assert_int_equal(n, 2000);
        assert_fails(imds_get_vpc_cidrs(imds, mac, arena, &cidrs, &n, &whole, &err), ERR_PROTOCOL);
        assert_contains(err.msg, "4097 items");
        assert_fails(imds_get_vpc_cidrs(imds, mac, arena, &cidrs, &n, &whole, &err), ERR_NOT_FOUND);
        assert_int_equal(n, 2000); /* untouched */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_token_and_value),
                cmocka_unit_test(test_proxy_of_the_environment_is_not_used),
                cmocka_unit_test(test_token_is_renewed_ahead),
                cmocka_unit_test(test_401_gets_one_new_token),
                cmocka_unit_test(test_token_failures),
                cmocka_unit_test(test_get_failures),
                cmocka_unit_test(test_bad_path_is_not_sent),
                cmocka_unit_test(test_which_address),
                cmocka_unit_test(test_never_through_a_proxy),
                cmocka_unit_test(test_bad_endpoint),
                cmocka_unit_test(test_identity),
                cmocka_unit_test(test_identity_is_checked),
                cmocka_unit_test(test_vpc_cidrs_leave_out_what_is_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
