// SPDX-License-Identifier: Apache-2.0
/* The EC2 client against scripted replies: what it sends, what it reads, and what it makes of everything that goes wrong. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "cloud/credentials.h"
#include "cloud/ec2.h"
#include "cloud/sigv4.h"
#include "ec2_fixtures.h"
#include "httpd.h"

struct world {
        struct httpd *httpd;
        struct credentials *credentials;
        struct ec2 *ec2;
        struct ec2_result result; /* of the last call */
        struct arena *arena;
};

/* The pace's clock stands: what it puts off is put off, however long a test takes to look. (As in reconcile_fixture.c.) */
int64_t __wrap_clock_boottime_ms(void); // NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
int64_t __wrap_clock_boottime_ms(void)  // NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
{
        return 24 * 3600 * 1000;
}

static const struct ec2_selection all = {0};

static struct world world_start_with(const struct httpd_reply *script, size_t n, unsigned timeout_ms)
{
        struct world w = {.httpd = httpd_start(script, n), .arena = arena_new()};
        struct err err;

        setenv("AWS_ACCESS_KEY_ID", "AKIDTEST", 1);
        setenv("AWS_SECRET_ACCESS_KEY", "SECRETTEST", 1);
        setenv("AWS_SESSION_TOKEN", "TOKENTEST", 1);
        w.credentials = credentials_open(&(const struct credentials_options){0});
        assert_ok(ec2_new(&(const struct ec2_options){.endpoint = httpd_url(w.httpd),
                                                      .region = "eu-west-1",
                                                      .credentials = w.credentials,
                                                      .timeout_ms = timeout_ms},
                          &w.ec2, &err),
                  &err);
        return w;
}

static struct world world_start(const struct httpd_reply *script, size_t n)
{
        return world_start_with(script, n, TEST_PATIENCE_MS);
}

static void world_stop(struct world *w)
{
        ec2_free(w->ec2);
        credentials_free(w->credentials);
        arena_free(w->arena);
        httpd_stop(w->httpd);
}

static int describe_enis(struct world *w, const struct ec2_selection *which, struct ec2_eni **ret,
                         size_t *ret_n, struct err *err)
{
        struct ec2_eni_list list;
        int r = w->ec2->ops->describe_enis(w->ec2, NULL, which, w->arena, &list, &w->result, err);

        if (r < 0)
                return r;
        assert_int_equal(list.n_unreadable, 0);
        *ret = list.enis;
        *ret_n = list.n;
        return 0;
}

static void assert_body(struct world *w, size_t i, const char *expect)
{
        assert_string_equal(httpd_request(w->httpd, i)->line, "POST /");
        assert_string_equal(httpd_request(w->httpd, i)->body, expect);
}

static const char *find_header(struct world *w, size_t i, const char *name)
{
        const char *key = arena_printf(w->arena, "%s: ", name);
        const char *at = strstr(httpd_request(w->httpd, i)->headers, key);

        if (!at)
                return NULL;
        at += strlen(key);
        return arena_printf(w->arena, "%.*s", (int)strcspn(at, "\n"), at);
}

/* What the server would do: sign what arrived, and compare. */
static void assert_signed(struct world *w, size_t i, const char *session_token)
{
        const char *authorization = find_header(w, i, "authorization"), *expect;
        const struct sigv4_header headers[] = {
                {"host", find_header(w, i, "host")},
                {"x-amz-date", find_header(w, i, "x-amz-date")},
                {"content-type", find_header(w, i, "content-type")},
                {"x-amz-security-token", session_token},
        };
        const struct sigv4_request request = {
                .method = "POST",
                .path = "/",
                .headers = headers,
                .n_headers = session_token ? 4 : 3,
                .body = httpd_request(w->httpd, i)->body,
                .body_bytes = strlen(httpd_request(w->httpd, i)->body),
                .region = "eu-west-1",
                .service = "ec2",
                .time = headers[1].value,
                .access_key_id = "AKIDTEST",
                .secret_access_key = "SECRETTEST",
        };
        struct err err;

        assert_ok(sigv4_authorization(&request, w->arena, &expect, &err), &err);
        assert_string_equal(authorization, expect);
        if (session_token)
                assert_string_equal(find_header(w, i, "x-amz-security-token"), session_token);
        else
                assert_null(find_header(w, i, "x-amz-security-token"));
}

static void test_describe_enis(void **state _unused_)
{
        static const struct httpd_reply script[] = {
                {.body = REPLY("DescribeNetworkInterfaces",
                               "<requestId>r1</requestId><networkInterfaceSet><item>" PRIMARY_ENI
                               "</item><item>" SECONDARY_ENI "</item><item>" AVAILABLE_ENI
                               "</item></networkInterfaceSet>")},
        };
        const struct ec2_filter filter = {"attachment.instance-id", "i-12c59cdcf3766ed1a"};
        _cleanup_(world_stop) struct world w = world_start(script, ARRAY_SIZE(script));
        struct ec2_eni *enis;
        struct err err;
        size_t n;

        assert_ok(describe_enis(&w, &(const struct ec2_selection){.filters = &filter, .n_filters = 1}, &enis,
                                &n, &err),
                  &err);
        assert_body(&w, 0,
                    "Action=DescribeNetworkInterfaces&Version=2016-11-15&Filter.1.Name=attachment.instance-id"
                    "&Filter.1.Value.1=i-12c59cdcf3766ed1a&MaxResults=200");
        assert_signed(&w, 0, "TOKENTEST");
        assert_int_equal(n, 3);
        assert_int_equal(w.result.class, EC2_FAILURE_NONE);

        assert_string_equal(enis[0].eni_id, "eni-46128b87fd230d3d2");
        assert_string_equal(enis[0].subnet_id, "subnet-4f6a319a1072ecfd2");
        assert_string_equal(enis[0].status, "in-use");
        assert_string_equal(enis[0].description, "Primary network interface");
        assert_string_equal(enis[0].interface_type, "interface");
        assert_string_equal(enis[0].attachment_id, "eni-attach-df64b97f4bd758cba");
        assert_string_equal(enis[0].attachment_status, "attached");
        assert_true(enis[0].attached && enis[0].delete_on_termination);
        assert_int_equal(enis[0].device_index, 0);
        assert_string_equal(MAC_TEXT(enis[0].mac), "02:00:00:8d:87:e7");
        assert_string_equal(IP_TEXT(enis[0].primary), "10.0.1.4");
        assert_int_equal(enis[0].n_secondary, 0);
        assert_int_equal(enis[0].n_groups, 1);
        assert_string_equal(enis[0].groups[0], "sg-430c4d574e0fe747f");
        assert_null(ec2_eni_tag(&enis[0], "empty"));

        assert_string_equal(enis[1].eni_id, "eni-1bd1b8520fdc0bd8b");
        assert_string_equal(enis[1].subnet_id, "");
        assert_int_equal(enis[1].device_index, 1);
        assert_int_equal(enis[1].network_card, 2);
        assert_false(enis[1].delete_on_termination);
        assert_string_equal(IP_TEXT(enis[1].primary), "10.0.1.12");
        assert_int_equal(enis[1].n_secondary, 2);
        assert_string_equal(IP_TEXT(enis[1].secondary[0]), "10.0.1.10");
        assert_string_equal(IP_TEXT(enis[1].secondary[1]), "10.0.1.11");
        assert_int_equal(enis[1].n_prefixes, 1);
        assert_string_equal(PREFIX_TEXT(enis[1].prefixes[0]), "10.0.1.32/28");
        assert_string_equal(ec2_eni_tag(&enis[1], "node.k8s.amazonaws.com/instance_id"),
                            "i-12c59cdcf3766ed1a");
        assert_string_equal(ec2_eni_tag(&enis[1], "empty"), "");

        assert_false(enis[2].attached);
        assert_string_equal(enis[2].attachment_id, "");
        assert_string_equal(IP_TEXT(enis[2].primary), "10.0.1.7");
}

#define PAGE(id, next)                                                                                       \
        REPLY("DescribeNetworkInterfaces", "<networkInterfaceSet><item><networkInterfaceId>" id              \
                                           "</networkInterfaceId></item></networkInterfaceSet>" next)
#define NEXT(token) "<nextToken>" token "</nextToken>"

static void test_pages(void **state _unused_)
{
        static const struct httpd_reply script[] = {
                {.body = PAGE("eni-1", NEXT("a/+=="))},
                {.body = PAGE("eni-2", NEXT("b"))},
                {.body = PAGE("eni-3", "<nextToken/>")},
        };
        _cleanup_(world_stop) struct world w = world_start(script, ARRAY_SIZE(script));
        struct ec2_eni *enis;
        struct err err;
        size_t n;

        assert_ok(describe_enis(&w, &all, &enis, &n, &err), &err);
        assert_int_equal(n, 3);
        assert_string_equal(enis[0].eni_id, "eni-1");
        assert_string_equal(enis[2].eni_id, "eni-3");
        assert_body(&w, 0, "Action=DescribeNetworkInterfaces&Version=2016-11-15&MaxResults=200");
        assert_body(
                &w, 1,
                "Action=DescribeNetworkInterfaces&Version=2016-11-15&MaxResults=200&NextToken=a%2F%2B%3D%3D");
        assert_int_equal(httpd_connections(w.httpd), 1);
}

static void test_ids_go_without_max_results(void **state _unused_)
{
        static const struct httpd_reply script[] = {{.body = PAGE("eni-1", "")}};
        const char *const ids[] = {"eni-1", "eni-2"};
        _cleanup_(world_stop) struct world w = world_start(script, ARRAY_SIZE(script));
        struct ec2_eni *enis;
        struct err err;
        size_t n;

        assert_ok(describe_enis(&w, &(const struct ec2_selection){.ids = ids, .n_ids = 2}, &enis, &n, &err),
                  &err);
        assert_body(&w, 0,
                    "Action=DescribeNetworkInterfaces&Version=2016-11-15&NetworkInterfaceId.1=eni-1"
                    "&NetworkInterfaceId.2=eni-2");
}

static void test_a_failing_page_fails_all(void **state _unused_)
{
        static const struct {
                struct httpd_reply second;
                unsigned times;
                enum ec2_failure_class class;
                enum err_code code;
                const char *says;
        } cases[] = {
                {{.status = 503, .body = ERRORS("RequestLimitExceeded", "slow")},
                 1,
                 EC2_FAILURE_THROTTLED,
                 ERR_AGAIN,
                 "RequestLimitExceeded"},
                {{.body = PAGE("", "")}, 1, EC2_FAILURE_TRANSPORT, ERR_PROTOCOL, "networkInterfaceId"},
                {{.body = PAGE("eni-2", NEXT("a"))}, 1, EC2_FAILURE_TRANSPORT, ERR_PROTOCOL, "repeats"},
                {{.fault = HTTPD_DROP}, 1, EC2_FAILURE_TRANSPORT, ERR_AGAIN, "no complete reply"},
        };
        struct ec2_eni *enis = NULL;
        struct err err;
        size_t n = 7;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const struct httpd_reply script[] = {{.body = PAGE("eni-1", NEXT("a"))}, cases[i].second};
                _cleanup_(world_stop) struct world w = world_start(script, ARRAY_SIZE(script));

                assert_fails(describe_enis(&w, &all, &enis, &n, &err), cases[i].code);
                assert_contains(err.msg, cases[i].says);
                assert_contains(err.msg, "DescribeNetworkInterfaces");
                assert_int_equal(w.result.class, cases[i].class);
                assert_null(enis);
                assert_int_equal(n, 7);
        }
}

static void test_pages_end(void **state _unused_)
{
        static struct httpd_reply script[EC2_MAX_PAGES + 1];
        static char bodies[EC2_MAX_PAGES + 1][512];
        struct ec2_eni *enis = NULL;
        struct err err;
        size_t n = 0;

        for (int i = 0; i <= EC2_MAX_PAGES; i++) {
                snprintf(bodies[i], sizeof(bodies[i]), PAGE("eni-1", NEXT("t%d")), i);
                script[i].body = bodies[i];
        }
        _cleanup_(world_stop) struct world w = world_start(script, ARRAY_SIZE(script));
        assert_fails(describe_enis(&w, &all, &enis, &n, &err), ERR_PROTOCOL);
        assert_contains(err.msg, "more than 50 pages");
        assert_int_equal(httpd_requests(w.httpd), EC2_MAX_PAGES);
}

static void test_create(void **state _unused_)
{
        static const struct httpd_reply script[] = {
                {.body = REPLY("CreateNetworkInterface", "<networkInterface>" AVAILABLE_ENI
                                                         "</networkInterface><clientToken>t</clientToken>")},
        };
        const char *const groups[] = {"sg-1", "sg-2"};
        const struct ec2_tag tags[] = {{"node.k8s.amazonaws.com/instance_id", "i-1"}, {"a b", ""}};
        const struct ec2_create_eni request = {
                .subnet_id = "subnet-1",
                .description = "aws-K8S-i-1 & more",
                .client_token = "token-1",
                .secondary_addresses = 3,
                .groups = groups,
                .n_groups = 2,
                .tags = tags,
                .n_tags = 2,
        };
        _cleanup_(world_stop) struct world w = world_start(script, ARRAY_SIZE(script));
        struct ec2_eni eni;
        struct err err;

        assert_ok(w.ec2->ops->create_eni(w.ec2, NULL, &request, w.arena, &eni, &w.result, &err), &err);
        assert_string_equal(eni.eni_id, "eni-3");
        assert_body(
                &w, 0,
                "Action=CreateNetworkInterface&Version=2016-11-15&SubnetId=subnet-1"
                "&Description=aws-K8S-i-1+%26+more&ClientToken=token-1&SecondaryPrivateIpAddressCount=3"
                "&SecurityGroupId.1=sg-1&SecurityGroupId.2=sg-2&TagSpecification.1.ResourceType=network-"
                "interface"
                "&TagSpecification.1.Tag.1.Key=node.k8s.amazonaws.com%2Finstance_id&TagSpecification.1.Tag.1."
                "Value=i-1"
                "&TagSpecification.1.Tag.2.Key=a+b&TagSpecification.1.Tag.2.Value=");
        assert_signed(&w, 0, "TOKENTEST");
}

static void test_arguments(void **state _unused_)
{
        _cleanup_(world_stop) struct world w = world_start(NULL, 0);
        const struct ec2_create_eni no_token = {.subnet_id = "subnet-1"};
        struct ec2_eni eni;
        struct ip *addresses;
        struct err err;
        size_t n;

        assert_fails(w.ec2->ops->create_eni(w.ec2, NULL, &no_token, w.arena, &eni, &w.result, &err),
                     ERR_INVALID);
        assert_contains(err.msg, "client token");
        assert_int_equal(w.result.class, EC2_FAILURE_REQUEST);
        assert_fails(w.ec2->ops->assign_addresses(w.ec2, NULL, "eni-1", 0, w.arena, &addresses, &n, &w.result,
                                                  &err),
                     ERR_INVALID);
        assert_fails(w.ec2->ops->unassign_addresses(w.ec2, NULL, "eni-1", NULL, 0, &w.result, &err),
                     ERR_INVALID);
        assert_int_equal(httpd_requests(w.httpd), 0);
}

static void test_small_mutations(void **state _unused_)
{
        static const struct httpd_reply script[] = {
                {.body = REPLY("AttachNetworkInterface", "<attachmentId>eni-attach-9</attachmentId>")},
                {.body = REPLY("ModifyNetworkInterfaceAttribute", "<return>true</return>")},
                {.body = REPLY("UnassignPrivateIpAddresses", "<return>true</return>")},
                {.body = REPLY("DetachNetworkInterface", "")}, /* moto has no <return> */
                {.body = REPLY("DeleteNetworkInterface", "<return>true</return>")},
        };
        const struct ip addresses[] = {ip_from_u32(0x0a000105), ip_from_u32(0x0a000106)};
        _cleanup_(world_stop) struct world w = world_start(script, ARRAY_SIZE(script));
        const char *attachment_id;
        struct err err;

        unsetenv("AWS_SESSION_TOKEN");
        assert_ok(w.ec2->ops->attach_eni(w.ec2, NULL, "eni-1", "i-1", 2, w.arena, &attachment_id, &w.result,
                                         &err),
                  &err);
        assert_string_equal(attachment_id, "eni-attach-9");
        assert_ok(
                w.ec2->ops->set_delete_on_termination(w.ec2, NULL, "eni-1", "eni-attach-9", &w.result, &err),
                &err);
        assert_ok(w.ec2->ops->unassign_addresses(w.ec2, NULL, "eni-1", addresses, 2, &w.result, &err), &err);
        assert_ok(w.ec2->ops->detach_eni(w.ec2, NULL, "eni-attach-9", &w.result, &err), &err);
        assert_ok(w.ec2->ops->delete_eni(w.ec2, NULL, "eni-1", &w.result, &err), &err);
        assert_body(&w, 0,
                    "Action=AttachNetworkInterface&Version=2016-11-15&NetworkInterfaceId=eni-1&InstanceId=i-"
                    "1&DeviceIndex=2");
        assert_body(&w, 1,
                    "Action=ModifyNetworkInterfaceAttribute&Version=2016-11-15&NetworkInterfaceId=eni-1"
                    "&Attachment.AttachmentId=eni-attach-9&Attachment.DeleteOnTermination=true");
        assert_body(&w, 2,
                    "Action=UnassignPrivateIpAddresses&Version=2016-11-15&NetworkInterfaceId=eni-1"
                    "&PrivateIpAddress.1=10.0.1.5&PrivateIpAddress.2=10.0.1.6");
        assert_body(&w, 3, "Action=DetachNetworkInterface&Version=2016-11-15&AttachmentId=eni-attach-9");
        assert_body(&w, 4, "Action=DeleteNetworkInterface&Version=2016-11-15&NetworkInterfaceId=eni-1");
        for (size_t i = 0; i < ARRAY_SIZE(script); i++)
                assert_signed(&w, i, NULL);
        assert_int_equal(httpd_connections(w.httpd), 1);
}

static void test_assign(void **state _unused_)
{
        static const struct httpd_reply script[] = {
                {.body = REPLY(
                         "AssignPrivateIpAddresses",
                         "<networkInterfaceId>eni-1</networkInterfaceId><assignedPrivateIpAddressesSet><item>"
                         "<privateIpAddress>10.0.1.5</privateIpAddress></"
                         "item><item><privateIpAddress>10.0.1.6"
                         "</privateIpAddress></item></assignedPrivateIpAddressesSet><assignedIpv4PrefixSet/>"
                         "<return>true</return>")},
                {.body = REPLY("AssignPrivateIpAddresses",
                               "<assignedPrivateIpAddressesSet><item><privateIpAddress>10.0.1"
                               "</privateIpAddress></item></assignedPrivateIpAddressesSet>")},
                {.body = REPLY("AssignPrivateIpAddresses",
                               "<assignedPrivateIpAddressesSet><item/></assignedPrivateIpAddressesSet>")},
                {.body = REPLY("AssignPrivateIpAddresses", "<return>true</return>")},
                {.body = REPLY("AssignPrivateIpAddresses", "<return>false</return>")},
        };
        _cleanup_(world_stop) struct world w = world_start(script, ARRAY_SIZE(script));
        struct ip *addresses;
        struct err err;
        size_t n;

        assert_ok(w.ec2->ops->assign_addresses(w.ec2, NULL, "eni-1", 3, w.arena, &addresses, &n, &w.result,
                                               &err),
                  &err);
        assert_int_equal(n, 2); /* fewer than asked is what it is */
        assert_string_equal(IP_TEXT(addresses[1]), "10.0.1.6");
        assert_body(&w, 0,
                    "Action=AssignPrivateIpAddresses&Version=2016-11-15&NetworkInterfaceId=eni-1"
                    "&SecondaryPrivateIpAddressCount=3");
        for (size_t i = 1; i < ARRAY_SIZE(script); i++) {
                assert_fails(w.ec2->ops->assign_addresses(w.ec2, NULL, "eni-1", 3, w.arena, &addresses, &n,
                                                          &w.result, &err),
                             ERR_PROTOCOL);
                assert_int_equal(w.result.class, EC2_FAILURE_TRANSPORT);
        }
}

static void test_describe_subnets(void **state _unused_)
{
        static const struct httpd_reply script[] = {
                {.body = REPLY(
                         "DescribeSubnets",
                         "<subnetSet><item><subnetId>subnet-1</subnetId><state>available</"
                         "state><vpcId>vpc-1</vpcId>"
                         "<cidrBlock>10.0.1.0/28</cidrBlock><availableIpAddressCount>11</"
                         "availableIpAddressCount>"
                         "<availabilityZone>us-east-1c</availabilityZone><tagSet><item><key>k</key><value>v</"
                         "value></item>"
                         "</tagSet></item><item><subnetId>subnet-2</subnetId><availableIpAddressCount>-332"
                         "</availableIpAddressCount></item></subnetSet>")},
        };
        const char *const ids[] = {"subnet-1"};
        _cleanup_(world_stop) struct world w = world_start(script, ARRAY_SIZE(script));
        const struct ec2_selection named = {.ids = ids, .n_ids = 1};
        struct ec2_subnet_list list;
        struct ec2_subnet *subnets;
        struct err err;

        assert_ok(w.ec2->ops->describe_subnets(w.ec2, NULL, &named, w.arena, &list, &w.result, &err), &err);
        subnets = list.subnets;
        assert_body(&w, 0, "Action=DescribeSubnets&Version=2016-11-15&SubnetId.1=subnet-1");
        assert_int_equal(list.n, 2);
        assert_string_equal(subnets[0].subnet_id, "subnet-1");
        assert_string_equal(subnets[0].state, "available");
        assert_string_equal(PREFIX_TEXT(subnets[0].cidr), "10.0.1.0/28");
        assert_int_equal(subnets[0].available_addresses, 11);
        assert_string_equal(subnets[0].tags[0].value, "v");
        assert_int_equal(subnets[1].available_addresses, 0);
}

static void test_describe_instance_type(void **state _unused_)
{
        static const struct httpd_reply script[] = {
                {.body = REPLY("DescribeInstanceTypes",
                               "<instanceTypeSet>" INSTANCE_TYPE "</instanceTypeSet>")},
                {.body = REPLY("DescribeInstanceTypes",
                               "<instanceTypeSet>" INSTANCE_TYPE CARDS_TYPE "</instanceTypeSet>")},
                {.status = 400, .body = ERRORS("InvalidInstanceType", "do not exist: [m99.huge]")},
                {.body = REPLY("DescribeInstanceTypes", "<instanceTypeSet/>")},
                {.body = REPLY("DescribeInstanceTypes", "<instanceTypeSet><item><instanceType>t3.medium</"
                                                        "instanceType></item></instanceTypeSet>")},
                {.body = REPLY("DescribeInstanceTypes",
                               "<instanceTypeSet><item><instanceType>t3.medium</instanceType><networkInfo>"
                               "<maximumNetworkInterfaces>65536</maximumNetworkInterfaces>"
                               "<ipv4AddressesPerInterface>65536</ipv4AddressesPerInterface></networkInfo>"
                               "</item></instanceTypeSet>")},
        };
        _cleanup_(world_stop) struct world w = world_start(script, ARRAY_SIZE(script));
        struct ec2_instance_type type;
        struct err err;

        assert_ok(
                w.ec2->ops->describe_instance_type(w.ec2, NULL, "t3.medium", w.arena, &type, &w.result, &err),
                &err);
        assert_body(&w, 0, "Action=DescribeInstanceTypes&Version=2016-11-15&InstanceType.1=t3.medium");
        assert_string_equal(type.name, "t3.medium");
        assert_int_equal(type.max_enis, 3);
        assert_int_equal(type.ipv4_per_eni, 6);
        assert_ok(w.ec2->ops->describe_instance_type(w.ec2, NULL, "p4d.24xlarge", w.arena, &type, &w.result,
                                                     &err),
                  &err);
        assert_int_equal(type.max_enis, 15);
        assert_fails(
                w.ec2->ops->describe_instance_type(w.ec2, NULL, "m99.huge", w.arena, &type, &w.result, &err),
                ERR_NOT_FOUND);
        assert_int_equal(w.result.class, EC2_FAILURE_GONE);
        assert_fails(
                w.ec2->ops->describe_instance_type(w.ec2, NULL, "t3.medium", w.arena, &type, &w.result, &err),
                ERR_PROTOCOL);
        assert_fails(
                w.ec2->ops->describe_instance_type(w.ec2, NULL, "t3.medium", w.arena, &type, &w.result, &err),
                ERR_PROTOCOL);
        assert_contains(err.msg, "0 interfaces");
        assert_fails(
                w.ec2->ops->describe_instance_type(w.ec2, NULL, "t3.medium", w.arena, &type, &w.result, &err),
                ERR_PROTOCOL);
        assert_contains(err.msg, "65536 interfaces with 65536 addresses"); /* their product is 0 in 32 bits */
}

static void test_refusals_and_broken_answers(void **state _unused_)
{
        static const struct {
                struct httpd_reply reply;
                enum ec2_failure_class class;
                enum err_code code;
                long status;
                const char *ec2_code, *says;
        } cases[] = {
                {{.status = 400,
                  .body = ERRORS("InvalidNetworkInterfaceID.NotFound", "'eni-1' does not exist")},
                 EC2_FAILURE_GONE,
                 ERR_NOT_FOUND,
                 400,
                 "InvalidNetworkInterfaceID.NotFound",
                 "'eni-1' does not exist, request ea966190"},
                {{.status = 400,
                  .body = ERRORS("InvalidParameterValue", "Network interface 'eni-1' is currently in use.")},
                 EC2_FAILURE_IN_USE,
                 ERR_BUSY,
                 400,
                 "InvalidParameterValue",
                 "currently in use"},
                {{.status = 503, .body = ERRORS("RequestLimitExceeded", "")},
                 EC2_FAILURE_THROTTLED,
                 ERR_AGAIN,
                 503,
                 "RequestLimitExceeded",
                 "503"},
                /* moto's envelope */
                {{.status = 403,
                  .body = "<ErrorResponse><Errors><Error><Code>AccessDenied</Code><Message>no</Message></"
                          "Error></Errors></ErrorResponse>"},
                 EC2_FAILURE_DENIED,
                 ERR_DENIED,
                 403,
                 "AccessDenied",
                 "no"},
                {{.status = 503,
                  .body = "<ErrorResponse "
                          "xmlns='x'><Error><Type>Sender</Type><Code>Throttling</Code></"
                          "Error><RequestId>q-1</RequestId></ErrorResponse>"},
                 EC2_FAILURE_THROTTLED,
                 ERR_AGAIN,
                 503,
                 "Throttling",
                 "request q-1"},
                /* no envelope at all */
                {{.status = 500,
                  .body = "<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>"},
                 EC2_FAILURE_TRANSIENT,
                 ERR_AGAIN,
                 500,
                 "",
                 "without an EC2 error code"},
                {{.status = 502, .body = "<html><body>Bad Gateway</body></html>"},
                 EC2_FAILURE_TRANSIENT,
                 ERR_AGAIN,
                 502,
                 "",
                 "502"},
                {{.status = 503}, EC2_FAILURE_TRANSIENT, ERR_AGAIN, 503, "", "503"},
                {{.status = 404, .body = "{\"message\":\"no\"}"},
                 EC2_FAILURE_REQUEST,
                 ERR_INVALID,
                 404,
                 "",
                 "404"},
                {{.status = 301, .header = "Location: https://example.com/"},
                 EC2_FAILURE_REQUEST,
                 ERR_INVALID,
                 301,
                 "",
                 "301"},
                /* 200, and not what it should be: it may have happened */
                {{.body = ERRORS("UnauthorizedOperation", "in a 200")},
                 EC2_FAILURE_DENIED,
                 ERR_DENIED,
                 200,
                 "UnauthorizedOperation",
                 "in a 200"},
                {{.body = ""}, EC2_FAILURE_TRANSPORT, ERR_PROTOCOL, 200, "", "not XML"},
                {{.body = "<html><body>Sign in to the hotel</body></html>"},
                 EC2_FAILURE_TRANSPORT,
                 ERR_PROTOCOL,
                 200,
                 "",
                 "<html>"},
                {{.body = REPLY("AttachNetworkInterface", "")},
                 EC2_FAILURE_TRANSPORT,
                 ERR_PROTOCOL,
                 200,
                 "",
                 "<AttachNetworkInterfaceResponse>"},
                {{.body = XML_HEAD "<DeleteNetworkInterfaceResponse><ret"},
                 EC2_FAILURE_TRANSPORT,
                 ERR_PROTOCOL,
                 200,
                 "",
                 "not XML"},
                {{.body = "<!DOCTYPE a [<!ENTITY b 'c'>]><DeleteNetworkInterfaceResponse/>"},
                 EC2_FAILURE_TRANSPORT,
                 ERR_PROTOCOL,
                 200,
                 "",
                 "DOCTYPE"},
                {{.body_bytes = EC2_MAX_REPLY_BYTES + 1}, EC2_FAILURE_TRANSPORT, ERR_LIMIT, 0, "", "8388608"},
                {{.fault = HTTPD_DROP}, EC2_FAILURE_TRANSPORT, ERR_AGAIN, 0, "", "no complete reply"},
                {{.fault = HTTPD_TRUNCATE, .body = REPLY("DeleteNetworkInterface", "")},
                 EC2_FAILURE_TRANSPORT,
                 ERR_AGAIN,
                 0,
                 "",
                 "no complete reply"},
                {{.fault = HTTPD_CRAWL, .body_bytes = 10000},
                 EC2_FAILURE_TRANSPORT,
                 ERR_TIMEOUT,
                 0,
                 "",
                 "in time"},
        };
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                bool slow = cases[i].reply.fault == HTTPD_CRAWL;
                _cleanup_(world_stop) struct world w = world_start_with(
                        &cases[i].reply, 1, slow ? HTTPD_CRAWL_TIMEOUT_MS : TEST_PATIENCE_MS);
                const struct ec2_result *failure = &w.result;

                assert_fails(w.ec2->ops->delete_eni(w.ec2, NULL, "eni-1", &w.result, &err), cases[i].code);
                assert_int_equal(err.code, cases[i].code);
                assert_int_equal(strncmp(err.msg, "DeleteNetworkInterface: ", 24), 0);
                assert_contains(err.msg, cases[i].says);
                assert_int_equal(failure->class, cases[i].class);
                assert_int_equal(failure->http_status, cases[i].status);
                assert_string_equal(failure->code, cases[i].ec2_code);
                assert_int_equal(httpd_requests(w.httpd), 1);
        }
}

static void test_a_refusal_by_rate_slows_its_class_down(void **state _unused_)
{
        static const struct httpd_reply script[] = {
                {.status = 503, .body = ERRORS("RequestLimitExceeded", "Request limit exceeded.")},
                {.body = REPLY("DescribeNetworkInterfaces", "<networkInterfaceSet/>")},
        };
        _cleanup_(world_stop) struct world w = world_start(script, ARRAY_SIZE(script));
        const struct ec2_result *failure = &w.result;
        struct ec2_eni *enis;
        struct err err;
        int64_t wait_ms;
        size_t n;

        assert_fails(w.ec2->ops->delete_eni(w.ec2, NULL, "eni-1", &w.result, &err), ERR_AGAIN);
        assert_int_equal(failure->class, EC2_FAILURE_THROTTLED);
        assert_string_equal(failure->code, "RequestLimitExceeded");
        assert_false(failure->paced);
        wait_ms = failure->wait_ms;
        assert_in_range(wait_ms, 1000, 10000);
        /* The next of the same class is not sent, another class is. */
        assert_fails(w.ec2->ops->detach_eni(w.ec2, NULL, "eni-attach-1", &w.result, &err), ERR_AGAIN);
        assert_int_equal(failure->class, EC2_FAILURE_THROTTLED);
        assert_true(failure->paced);
        assert_in_range(failure->wait_ms, 1, wait_ms);
        assert_int_equal(failure->http_status, 0);
        assert_contains(err.msg, "DetachNetworkInterface: not sent");
        assert_int_equal(httpd_requests(w.httpd), 1);
        assert_ok(describe_enis(&w, &all, &enis, &n, &err), &err);
        assert_int_equal(failure->wait_ms, 0);
}

/* Each call has its own options: none is left over for the next. */
static void test_options_are_the_calls_own(void **state _unused_)
{
        static const struct httpd_reply script[] = {
                {.status = 503, .body = ERRORS("RequestLimitExceeded", "slow down")},
                {.status = 412, .body = ERRORS("DryRunOperation", "would have succeeded")},
                {.body = REPLY("DetachNetworkInterface", "<return>true</return>")},
        };
        const struct ec2_call_options follow_up = {.follow_up = true},
                                      dry = {.follow_up = true, .dry_run = true};
        _cleanup_(world_stop) struct world w = world_start(script, ARRAY_SIZE(script));
        struct err err;

        assert_fails(w.ec2->ops->delete_eni(w.ec2, NULL, "eni-1", &w.result, &err), ERR_AGAIN);
        assert_fails(w.ec2->ops->detach_eni(w.ec2, NULL, "attach-1", &w.result, &err), ERR_AGAIN);
        assert_true(w.result.paced);
        /* A dry run is a failure whatever it says, and it says so. */
        assert_fails(w.ec2->ops->detach_eni(w.ec2, &dry, "attach-1", &w.result, &err), ERR_INVALID);
        assert_string_equal(w.result.code, EC2_CODE_DRY_RUN);
        assert_true(w.result.dry_run);
        assert_contains(httpd_request(w.httpd, 1)->body, "&DryRun=true");
        assert_ok(w.ec2->ops->detach_eni(w.ec2, &follow_up, "attach-1", &w.result, &err), &err);
        assert_false(w.result.dry_run);
        assert_null(strstr(httpd_request(w.httpd, 2)->body, "DryRun"));
        assert_fails(w.ec2->ops->detach_eni(w.ec2, NULL, "attach-1", &w.result, &err), ERR_AGAIN);
        assert_true(w.result.paced);
        assert_int_equal(httpd_requests(w.httpd), 3);
}

static void test_what_only_the_owner_can_decode_is_left_out(void **state _unused_)
{
        static const struct httpd_reply script[] = {
                {.status = 403,
                 .body = ERRORS("UnauthorizedOperation", "You are not authorized. Encoded authorization "
                                                         "failure message: AbCdEf")}};
        _cleanup_(world_stop) struct world w = world_start(script, ARRAY_SIZE(script));
        struct err err;

        assert_fails(w.ec2->ops->delete_eni(w.ec2, NULL, "eni-1", &w.result, &err), ERR_DENIED);
        assert_contains(err.msg, "You are not authorized.");
        assert_null(strstr(err.msg, "AbCdEf"));
}

static void test_credentials_failures(void **state _unused_)
{
        static const struct httpd_reply script[] = {
                {.status = 400,
                 .body = ERRORS("ExpiredToken", "The security token included in the request is expired")},
                {.body = REPLY("DeleteNetworkInterface", "<return>true</return>")},
                {.status = 403,
                 .body = ERRORS("SignatureDoesNotMatch",
                                "The canonical string was x-amz-security-token:TOKENTWO")},
        };
        _cleanup_(world_stop) struct world w = world_start(script, ARRAY_SIZE(script));
        struct err err;

        assert_fails(w.ec2->ops->delete_eni(w.ec2, NULL, "eni-1", &w.result, &err), ERR_DENIED);
        assert_int_equal(w.result.class, EC2_FAILURE_CREDENTIALS);
        /* Fetched anew for the next call, which is a success and clears the failure. */
        setenv("AWS_SESSION_TOKEN", "TOKENTWO", 1);
        assert_ok(w.ec2->ops->delete_eni(w.ec2, NULL, "eni-1", &w.result, &err), &err);
        assert_signed(&w, 1, "TOKENTWO");
        assert_int_equal(w.result.class, EC2_FAILURE_NONE);
        assert_string_equal(w.result.code, "");
        assert_fails(w.ec2->ops->delete_eni(w.ec2, NULL, "eni-1", &w.result, &err), ERR_DENIED);
        assert_contains(err.msg, "SignatureDoesNotMatch");
        assert_null(strstr(err.msg, "TOKENTWO"));
        unsetenv("AWS_ACCESS_KEY_ID");
        unsetenv("AWS_SECRET_ACCESS_KEY");
        assert_fails(w.ec2->ops->delete_eni(w.ec2, NULL, "eni-1", &w.result, &err), ERR_DENIED);
        assert_int_equal(w.result.class, EC2_FAILURE_CREDENTIALS);
        assert_int_equal(httpd_requests(w.httpd), 3);
}

static void test_bad_values_name_element_and_eni(void **state _unused_)
{
        static const struct {
                const char *inner, *says;
        } cases[] = {
                {"<macAddress>02:00</macAddress>", "<macAddress> is '02:00'"},
                {"<privateIpAddress>10.0.0.256</privateIpAddress>", "<privateIpAddress> is '10.0.0.256'"},
                {"<privateIpAddressesSet><item><primary>maybe</primary><privateIpAddress>10.0.0.1</"
                 "privateIpAddress></item></privateIpAddressesSet>",
                 "<primary> is 'maybe'"},
                {"<privateIpAddressesSet><item><primary>true</primary></item></privateIpAddressesSet>",
                 "no <privateIpAddress>"},
                {"<attachment><attachmentId>a</attachmentId></attachment>", "<deviceIndex> is missing"},
                {"<attachment><attachmentId>a</attachmentId><deviceIndex>-1</deviceIndex></attachment>",
                 "<deviceIndex> is '-1'"},
                {"<ipv4PrefixSet><item><ipv4Prefix>10.0.0.1/28</ipv4Prefix></item></ipv4PrefixSet>",
                 "10.0.0.1/28"},
                {"<ipv4PrefixSet><item/></ipv4PrefixSet>", "<ipv4Prefix>"},
                {"<groupSet><item/></groupSet>", "<groupId> is missing"},
        };
        struct ec2_eni *enis;
        struct err err;
        size_t n;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *body =
                        xasprintf(REPLY("DescribeNetworkInterfaces",
                                        "<networkInterfaceSet><item><networkInterfaceId>eni-77</"
                                        "networkInterfaceId>%s</item></networkInterfaceSet>"),
                                  cases[i].inner);
                const struct httpd_reply script[] = {{.body = body}};
                _cleanup_(world_stop) struct world w = world_start(script, ARRAY_SIZE(script));

                assert_fails(describe_enis(&w, &all, &enis, &n, &err), ERR_PROTOCOL);
                assert_contains(err.msg, cases[i].says);
                assert_contains(err.msg, "eni-77");
                assert_int_equal(w.result.class, EC2_FAILURE_TRANSPORT);
        }
}

static void test_missing_set_is_not_an_empty_list(void **state _unused_)
{
        static const struct httpd_reply script[] = {
                {.body = REPLY("DescribeNetworkInterfaces", "<requestId>r</requestId>")},
                {.body = REPLY("DescribeNetworkInterfaces", "<networkInterfaceSet/>")},
        };
        _cleanup_(world_stop) struct world w = world_start(script, ARRAY_SIZE(script));
        struct ec2_eni *enis;
        struct err err;
        size_t n = 7;

        assert_fails(describe_enis(&w, &all, &enis, &n, &err), ERR_PROTOCOL);
        assert_contains(err.msg, "networkInterfaceSet");
        assert_ok(describe_enis(&w, &all, &enis, &n, &err), &err);
        assert_int_equal(n, 0);
}

static void test_new_is_checked(void **state _unused_)
{
        static const struct {
                const char *endpoint, *region, *says;
        } cases[] = {
                {"ec2.amazonaws.com", "eu-west-1", "ec2.amazonaws.com"},
                {"http://localhost", "", "region"},
                {"http://localhost", NULL, "region"},
        };
        struct ec2 *ec2 = NULL;
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const struct ec2_options options = {.endpoint = cases[i].endpoint, .region = cases[i].region};

                assert_fails(ec2_new(&options, &ec2, &err), ERR_INVALID);
                assert_contains(err.msg, cases[i].says);
                assert_null(ec2);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_describe_enis),
                cmocka_unit_test(test_pages),
                cmocka_unit_test(test_ids_go_without_max_results),
                cmocka_unit_test(test_a_failing_page_fails_all),
                cmocka_unit_test(test_pages_end),
                cmocka_unit_test(test_create),
                cmocka_unit_test(test_arguments),
                cmocka_unit_test(test_small_mutations),
                cmocka_unit_test(test_assign),
                cmocka_unit_test(test_describe_subnets),
                cmocka_unit_test(test_describe_instance_type),
                cmocka_unit_test(test_refusals_and_broken_answers),
                cmocka_unit_test(test_a_refusal_by_rate_slows_its_class_down),
                cmocka_unit_test(test_options_are_the_calls_own),
                cmocka_unit_test(test_what_only_the_owner_can_decode_is_left_out),
                cmocka_unit_test(test_credentials_failures),
                cmocka_unit_test(test_bad_values_name_element_and_eni),
                cmocka_unit_test(test_missing_set_is_not_an_empty_list),
                cmocka_unit_test(test_new_is_checked),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
