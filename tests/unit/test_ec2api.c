// SPDX-License-Identifier: Apache-2.0
/* vpcsim's query API without a socket: parsing of requests, page tokens, XML, and the metadata tree. */
#include "world_fixture.h"

#include "ec2api_request.h"
#include "imdsapi_tree.h"
#include "xmlout.h"

static struct ec2api_request new_request(struct fixture *f)
{
        return (struct ec2api_request){.world = f->world, .arena = f->arena, .action = ""};
}

static int parse(struct fixture *f, const char *form, struct ec2api_request *request)
{
        *request = new_request(f);
        return ec2api_request_parse(request, form, strlen(form), &f->err);
}

static void test_forms(void **state)
{
        struct fixture *f = *state;
        static const char *const bad[] = {"a=%",   "a=%4",  "a=%zz",    "%00=1",
                                          "a=%01", "a=%ff", "a=%c3%28", "a=1&a=2"};
        struct ec2api_request request;
        char *big;

        assert_ok(parse(f, "&b=1+2%2B%C3%A9&&Action=X&empty=&none", &request), &f->err);
        assert_string_equal(request.action, "X");
        assert_string_equal(ec2api_text(&request, "b"), "1 2+\xc3\xa9");
        assert_string_equal(ec2api_text(&request, "empty"), "");
        assert_string_equal(ec2api_text(&request, "none"), "");
        assert_null(ec2api_text(&request, "absent"));
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_true(parse(f, bad[i], &request) < 0);
        big = arena_alloc(f->arena, 3 * EC2API_MAX_PARAMETERS + 100, 1);
        for (int i = 0; i <= EC2API_MAX_PARAMETERS; i++)
                memcpy(big + strlen(big), (char[]){'&', (char)('A' + i % 26), '\0'}, 3);
        assert_refused(f, parse(f, big, &request), "InvalidParameterCombination");
        memset(big, 'v', EC2API_MAX_VALUE_BYTES + 10);
        big[1] = '=';
        big[EC2API_MAX_VALUE_BYTES + 10] = '\0';
        assert_refused(f, parse(f, big, &request), "InvalidParameterValue");
}

static void test_known_parameters(void **state)
{
        struct fixture *f = *state;
        static const char *const patterns[] = {"!NetworkInterfaceId", "Filter.N.Name", "Filter.N.Value.N",
                                               "!ResourceId.N", NULL};
        static const struct {
                const char *form, *code; /* NULL: fine */
        } cases[] = {
                {"NetworkInterfaceId=x&ResourceId.1=a&Filter.1.Name=n&Filter.1.Value.1=v&Filter.1.Value.2=w",
                 NULL},
                {"NetworkInterfaceId=x&ResourceId.1=a&Action=b&Version=c", NULL},
                {"NetworkInterfaceId=x", "MissingParameter"},
                {"ResourceId.1=a", "MissingParameter"},
                {"NetworkInterfaceId=x&ResourceId.1=a&Filter.N.Name=n", "UnknownParameter"},
                {"NetworkInterfaceId=x&ResourceId.1=a&Filter.1=n", "UnknownParameter"},
                {"NetworkInterfaceId=x&ResourceId.1=a&Filter.1.Name.1=n", "UnknownParameter"},
                {"NetworkInterfaceId=x&ResourceId.1=a&Filter.0.Name=n", "UnknownParameter"},
                {"NetworkInterfaceId=x&ResourceId.1=a&networkInterfaceId=n", "UnknownParameter"},
                {"NetworkInterfaceId=x&ResourceId.1=a&DryRun=true", "UnknownParameter"},
                {"NetworkInterfaceId=x&ResourceId.1=a&ResourceId.3=b", "InvalidParameterValue"},
                {"NetworkInterfaceId=x&ResourceId.1=a&Filter.2.Name=n", "InvalidParameterValue"},
        };
        struct ec2api_request request;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                assert_ok(parse(f, cases[i].form, &request), &f->err);
                if (cases[i].code)
                        assert_refused(f, ec2api_request_check(&request, patterns, false, &f->err),
                                       cases[i].code);
                else
                        assert_ok(ec2api_request_check(&request, patterns, false, &f->err), &f->err);
        }
        assert_ok(parse(f, "NetworkInterfaceId=x&ResourceId.1=a&DryRun=true", &request), &f->err);
        assert_ok(ec2api_request_check(&request, patterns, true, &f->err), &f->err);
}

static void test_typed_values(void **state)
{
        struct fixture *f = *state;
        static const char *const no_numbers[] = {"n=",   "n=-1", "n=0",
                                                 "n=11", "n=1x", "n=99999999999999999999"};
        static const char *const no_addresses[] = {"ip=", "ip=10.0.0", "ip=fd00::1", "ip=10.0.0.1/32"};
        struct ec2api_request request;
        unsigned number = 7;
        bool truth = true;
        struct ip ip;

        for (size_t i = 0; i < ARRAY_SIZE(no_numbers); i++) {
                assert_ok(parse(f, no_numbers[i], &request), &f->err);
                assert_refused(f, ec2api_number(&request, "n", 1, 10, &number, &f->err),
                               "InvalidParameterValue");
        }
        for (size_t i = 0; i < ARRAY_SIZE(no_addresses); i++) {
                assert_ok(parse(f, no_addresses[i], &request), &f->err);
                assert_refused(f, ec2api_ip(&request, "ip", &ip, &f->err), "InvalidParameterValue");
        }
        assert_ok(parse(f, "n=10&t=false&u=yes", &request), &f->err);
        assert_ok(ec2api_number(&request, "absent", 1, 10, &number, &f->err), &f->err);
        assert_int_equal(number, 7);
        assert_ok(ec2api_number(&request, "n", 1, 10, &number, &f->err), &f->err);
        assert_int_equal(number, 10);
        assert_ok(ec2api_bool(&request, "t", &truth, &f->err), &f->err);
        assert_false(truth);
        assert_refused(f, ec2api_bool(&request, "u", &truth, &f->err), "InvalidParameterValue");
}

static void test_page_tokens(void **state)
{
        struct fixture *f = *state;
        struct ec2api_request request;
        struct world_query query;
        const char *token;

        assert_ok(parse(f, "Action=DescribeVpcs", &request), &f->err);
        token = ec2api_page_token(&request, 42);
        assert_ok(parse(f, arena_printf(f->arena, "Action=DescribeVpcs&NextToken=%s&MaxResults=5", token),
                        &request),
                  &f->err);
        assert_ok(ec2api_query(&request, "VpcId", &query, &f->err), &f->err);
        assert_int_equal(query.after, 42);
        assert_int_equal(query.limit, 5);
        assert_ok(parse(f, arena_printf(f->arena, "Action=DescribeSubnets&NextToken=%s", token), &request),
                  &f->err);
        assert_refused(f, ec2api_query(&request, "SubnetId", &query, &f->err), "InvalidNextToken");
        assert_ok(parse(f, "NextToken=42", &request), &f->err);
        assert_refused(f, ec2api_query(&request, "VpcId", &query, &f->err), "InvalidNextToken");
        assert_ok(parse(f, "VpcId.1=vpc-1&MaxResults=5", &request), &f->err);
        assert_refused(f, ec2api_query(&request, "VpcId", &query, &f->err), "InvalidParameterCombination");
        assert_ok(parse(f, "MaxResults=4", &request), &f->err);
        assert_refused(f, ec2api_query(&request, "VpcId", &query, &f->err), "InvalidParameterValue");
}

static void test_fingerprints(void **state)
{
        struct fixture *f = *state;
        struct ec2api_request a, b, c;

        assert_ok(parse(f, "SubnetId=s&ClientToken=1&Description=d", &a), &f->err);
        assert_ok(parse(f, "Description=d&SubnetId=s&ClientToken=2", &b), &f->err);
        assert_ok(parse(f, "Description=d2&SubnetId=s&ClientToken=1", &c), &f->err);
        assert_string_equal(ec2api_fingerprint(&a), ec2api_fingerprint(&b));
        assert_string_not_equal(ec2api_fingerprint(&a), ec2api_fingerprint(&c));
}

static void test_xml_is_escaped(void **state _unused_)
{
        _cleanup_(text_done) struct text out = {0};

        xmlout_text(&out, "v", "<a>&\"'\r\xc3\xa9");
        xmlout_text(&out, "none", NULL);
        xmlout_number(&out, "n", -5);
        xmlout_time(&out, "t", 1440938160123);
        assert_string_equal(out.text, "<v>&lt;a&gt;&amp;&quot;&apos;&#13;\xc3\xa9</v><n>-5</n>"
                                      "<t>2015-08-30T12:36:00.123Z</t>");
}

static const char *read_tree(struct fixture *f, const char *path)
{
        const char *text = NULL;

        if (imdsapi_tree_read(f->world, "n1", path, f->arena, &text, &f->err) < 0)
                assert_int_equal(f->err.code, ERR_NOT_FOUND);
        return text;
}

static void test_metadata_tree(void **state)
{
        struct fixture *f = *state;
        struct world_eni eni = fixture_eni(f, f->primary_eni);
        const char *macs = arena_printf(f->arena, "/latest/meta-data/network/interfaces/macs/%s", eni.mac);
        const struct {
                const char *leaf, *text; /* NULL: 404 */
        } leaves[] = {
                {"interface-id", eni.id},
                {"device-number", "0"},
                {"network-card", "0"},
                {"subnet-id", SUBNET_A},
                {"subnet-ipv4-cidr-block", "10.0.1.0/24"},
                {"vpc-ipv4-cidr-blocks", "10.0.0.0/16"},
                {"local-ipv4s", "10.0.1.4"},
                {"local-ipv4s/", "10.0.1.4"},
                {"ipv4-associations/", "203.0.113.1"},
                {"ipv4-associations/203.0.113.1", "10.0.1.4"},
                {"local-ipv4", NULL},
                {"ipv6s", NULL},
                {"ipv4-prefix", NULL},
                {"mac/x", NULL},
        };

        for (size_t i = 0; i < ARRAY_SIZE(leaves); i++) {
                const char *text = read_tree(f, arena_printf(f->arena, "%s/%s", macs, leaves[i].leaf));

                if (leaves[i].text)
                        assert_string_equal(text ?: leaves[i].leaf, leaves[i].text);
                else
                        assert_null(text);
        }
        assert_string_equal(read_tree(f, "/latest/meta-data/network/interfaces/macs/"),
                            arena_printf(f->arena, "%s/", eni.mac));
        assert_string_equal(read_tree(f, "/latest/meta-data/placement"), "availability-zone\nregion");
        assert_string_equal(read_tree(f, "/latest/meta-data/iam/security-credentials/"), "node-role");
        assert_contains(read_tree(f, "/latest/meta-data/"), "instance-type\n");
        assert_contains(read_tree(f, "/latest/"), "meta-data/");
        assert_null(read_tree(f, "/"));
        assert_null(read_tree(f, "/latestx"));
        assert_null(read_tree(f, "/latest/meta-data/net"));
        assert_null(read_tree(f, "/2021-07-15/meta-data/mac"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
                TEST(test_forms),         TEST(test_known_parameters), TEST(test_typed_values),
                TEST(test_page_tokens),   TEST(test_fingerprints),     cmocka_unit_test(test_xml_is_escaped),
                TEST(test_metadata_tree),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
