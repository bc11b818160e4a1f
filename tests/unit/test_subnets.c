// SPDX-License-Identifier: Apache-2.0
/* Other subnets: which may be used, when EC2 is asked for them, what is made there, and what a refusal does. */
#include "test.h"

#include <stdio.h>

#include <vpcwire/clock.h>

#include "reconcile_fixture.h"

enum { SOON = NOW + 1000 };

#define CLUSTER "cni.networking.k8s.aws/cluster/"
#define ROLE(v)                                                                                              \
        {                                                                                                    \
                "kubernetes.io/role/cni", v                                                                  \
        }

static void test_which_may_be_used(void **state _unused_)
{
        static const struct {
                const char *name;
                bool used;
                const char *id, *vpc, *zone, *state, *cidr; /* NULL: as it should be */
                unsigned taken;                             /* of 100 */
                struct ec2_tag tags[3];
                const char *cluster;
        } cases[] = {
                {"the tag", true, .tags = {ROLE("1")}},
                {"the tag without a value", true, .tags = {ROLE("")}},
                {"the tag that says no", false, .tags = {ROLE("0")}},
                {"no tag", false},
                {"another tag", false, .tags = {{"kubernetes.io/role/elb", "1"}}},
                {"the node's own", false, .id = SUBNET, .tags = {ROLE("1")}},
                {"another zone", false, .zone = "zone-b", .tags = {ROLE("1")}},
                {"another VPC", false, .vpc = "vpc-2", .tags = {ROLE("1")}},
                {"not made yet", false, .state = "pending", .tags = {ROLE("1")}},
                {"IPv6 only", false, .cidr = "", .tags = {ROLE("1")}},
                {"full", false, .taken = 100, .tags = {ROLE("1")}},
                {"room for an ENI and no pod", false, .taken = 99, .tags = {ROLE("1")}},
                {"room for one pod", true, .taken = 98, .tags = {ROLE("1")}},
                {"our cluster's", true, .tags = {{CLUSTER "c1", "1"}, ROLE("1")}, .cluster = "c1"},
                {"another cluster's", false, .tags = {{CLUSTER "c2", "1"}, ROLE("1")}, .cluster = "c1"},
                {"two clusters'", true, .tags = {{CLUSTER "c2", ""}, {CLUSTER "c1", ""}, ROLE("1")},
                 .cluster = "c1"},
                {"no cluster's", true, .tags = {ROLE("1")}, .cluster = "c1"},
                {"a cluster's, and we know of none", true, .tags = {{CLUSTER "c2", "1"}, ROLE("1")}},
        };
        const struct identity identity = {.subnet_id = SUBNET, .vpc_id = VPC, .zone = ZONE};

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct ec2_tag tags[3];
                struct ec2_subnet subnet = {
                        .subnet_id = cases[i].id ?: "subnet-2",
                        .vpc_id = cases[i].vpc ?: VPC,
                        .availability_zone = cases[i].zone ?: ZONE,
                        .state = cases[i].state ?: "available",
                        .available_addresses = 100 - cases[i].taken,
                        .tags = tags,
                };

                memcpy(tags, cases[i].tags, sizeof(tags));
                while (subnet.n_tags < 3 && tags[subnet.n_tags].key)
                        subnet.n_tags++;
                if (!cases[i].cidr)
                        assert_int_equal(prefix_parse("10.9.0.0/25", &subnet.cidr, NULL), 0);
                if (subnets_may_use(&identity, cases[i].cluster, &subnet) != cases[i].used)
                        fail_msg("%s", cases[i].name);
        }
}

static const char *subnet_xml(struct bench *b, const char *id, const char *cidr, unsigned available)
{
        return arena_printf(b->arena,
                            "<item><subnetId>%s</subnetId><vpcId>" VPC "</vpcId><availabilityZone>" ZONE
                            "</availabilityZone><state>available</state><cidrBlock>%s</cidrBlock>"
                            "<availableIpAddressCount>%u</availableIpAddressCount><tagSet><item><key>"
                            "kubernetes.io/role/cni</key><value>1</value></item></tagSet></item>",
                            id, cidr, available);
}

static const char *subnets_reply(struct bench *b, const char *items)
{
        return arena_printf(b->arena,
                            "<DescribeSubnetsResponse><subnetSet>%s</subnetSet></DescribeSubnetsResponse>",
                            items);
}

static void enable_discovery(struct bench *b)
{
        b->options.finds_subnets = true;
        bench_restart(b, "a");
}

static struct plan_view view_of(struct bench *b, struct round *round)
{
        struct plan_view view;

        *round = bench_round(b, round->now_ms);
        view_make(&b->r, round, &view);
        return view;
}

static void test_found_in_the_order_of_room_and_used(void **state)
{
        struct bench *b = *state;
        struct round round = bench_round(b, SOON);
        const char *items = arena_printf(
                b->arena, "%s%s<item><subnetId>subnet-odd</subnetId><cidrBlock>none</cidrBlock></item>%s",
                subnet_xml(b, SUBNET, "10.0.0.0/16", 0), subnet_xml(b, "subnet-2", "10.2.0.0/24", 7),
                subnet_xml(b, "subnet-3", "10.3.0.0/24", 200));
        struct httpd_reply replies[] = {
                {.body = subnets_reply(b, items)},
                {.status = 400, .body = bench_error(b, "InsufficientFreeAddressesInSubnet", "full")},
                {.body = "<CreateNetworkInterfaceResponse><networkInterface><networkInterfaceId>eni-1</"
                         "networkInterfaceId><macAddress>02:00:00:00:00:01</macAddress><privateIpAddress>"
                         "10.2.0.9</privateIpAddress></networkInterface></CreateNetworkInterfaceResponse>"},
        };
        struct plan_view view;

        enable_discovery(b);
        bench_script(b, replies, ARRAY_SIZE(replies));
        assert_int_equal(view_of(b, &round).n_subnets, 1);
        bench_act(b, &round, (struct plan_action){.kind = PLAN_FIND_SUBNETS});
        assert_contains(httpd_request(b->ec2, 0)->body, "Filter.1.Name=vpc-id&Filter.1.Value.1=" VPC);
        assert_contains(httpd_request(b->ec2, 0)->body, "Filter.2.Value.1=" ZONE);
        view = view_of(b, &round);
        assert_int_equal(view.n_subnets, 3);
        assert_string_equal(view.subnets[0].id, SUBNET);
        assert_string_equal(view.subnets[1].id, "subnet-3");
        assert_string_equal(view.subnets[2].id, "subnet-2");
        assert_int_equal(view.find_subnets_due_ms, SOON + SUBNETS_PERIOD_MS);

        bench_act(b, &round, (struct plan_action){.kind = PLAN_CREATE, .subnet_id = "subnet-3", .count = 2});
        view = view_of(b, &round);
        assert_true(view.subnets[1].create_not_before_ms > 0);
        assert_int_equal(view.create_not_before_ms, 0);
        assert_int_equal(view.subnets[0].create_not_before_ms, 0);

        bench_act(b, &round, (struct plan_action){.kind = PLAN_CREATE, .subnet_id = "subnet-2", .count = 2});
        assert_contains(httpd_request(b->ec2, 2)->body, "SubnetId=subnet-2");
        view = view_of(b, &round);
        assert_int_equal(round.n_enis, 2);
        assert_string_equal(round.enis[1].subnet_id, "subnet-2");
        assert_string_equal(PREFIX_TEXT(round.enis[1].subnet_cidr), "10.2.0.0/24");
        assert_int_equal(view.subnets[2].available, 4);
}

static void test_denied_is_asked_again_slowly_and_stops_nothing(void **state)
{
        struct bench *b = *state;
        struct httpd_reply reply = {.status = 403,
                                    .body = bench_error(b, "UnauthorizedOperation", "not allowed"),
                                    .times = HTTPD_ALWAYS};
        struct round round = bench_round(b, SOON);
        struct plan_view view;

        enable_discovery(b);
        bench_script(b, &reply, 1);
        bench_act(b, &round, (struct plan_action){.kind = PLAN_FIND_SUBNETS});
        view = view_of(b, &round);
        assert_int_equal(view.n_subnets, 1);
        assert_int_equal(view.create_not_before_ms, 0);
        assert_non_null(blocked_find(&round, CONDITION_FIND_SUBNETS, ""));
        assert_int_equal(view.find_subnets_due_ms,
                         blocked_find(&round, CONDITION_FIND_SUBNETS, "")->retry_at_ms);
}

/* An ENI of ours that the database lost, in a subnet of which EC2 tells us nothing: the others are taken in. */
static void test_adoption_goes_on_without_a_cidr(void **state)
{
        struct bench *b = *state;
        struct ip address = fixture_ip(2, 1), own[] = {fixture_ip(0, 1), fixture_ip(0, 2), fixture_ip(0, 3)};
        const char *elsewhere = bench_eni_xml(b, 1, INSTANCE, NULL, 0), *at = strstr(elsewhere, SUBNET);
        const char *enis[] = {bench_eni_xml(b, 0, INSTANCE, own, 3),
                              arena_printf(b->arena, "%.*ssubnet-2%s", (int)(at - elsewhere), elsewhere,
                                           at + strlen(SUBNET)),
                              bench_eni_xml(b, 2, INSTANCE, &address, 1)};
        struct httpd_reply replies[] = {
                {.body = bench_describe(b, enis, 3)},
                {.status = 403, .body = bench_error(b, "UnauthorizedOperation", "not allowed")},
                {.body = bench_describe(b, enis, 3)},
                {.body = bench_describe(b, enis, 3)},
                {.body = subnets_reply(b, subnet_xml(b, "subnet-2", "10.2.0.0/24", 9))},
        };
        struct round round;
        int64_t again_ms;

        bench_script(b, replies, ARRAY_SIZE(replies));
        bench_look(b, SOON);
        round = bench_round(b, SOON);
        assert_int_equal(round.n_enis, 2);
        assert_int_equal(round.enis[1].device_index, 2);
        again_ms = blocked_find(&round, CONDITION_LEARN_SUBNET, "subnet-2")->retry_at_ms;
        assert_true(b->r.resync.due_ms <= again_ms);
        bench_look(b, SOON + 1);
        assert_int_equal(httpd_requests(b->ec2), 3);
        bench_look(b, again_ms);
        round = bench_round(b, again_ms);
        assert_int_equal(round.n_enis, 3);
        assert_null(blocked_find(&round, CONDITION_LEARN_SUBNET, "subnet-2"));
}

static void follow_with(struct bench *b, int64_t now_ms, unsigned waiting)
{
        struct round round = bench_round(b, now_ms);

        round.counts.waiting = waiting;
        assert_ok(subnet_counts_follow(&b->r.subnet_counts, &b->r.ctx, &b->r.subnets, &round, bench_out(b),
                                       &b->f->err),
                  &b->f->err);
}

static void follow(struct bench *b, int64_t now_ms)
{
        follow_with(b, now_ms, 0);
}

static const struct subnet_count *counted(struct bench *b, size_t n)
{
        const struct subnet_count *counts;
        size_t got;

        assert_ok(store_subnets(b->f->store, b->arena, &counts, &got, &b->f->err), &b->f->err);
        assert_int_equal(got, n);
        return counts;
}

/* Once after the start, once in a period, later but not never while somebody waits; the node's own subnet is the first. */
static void test_free_addresses_are_counted_once_in_a_period(void **state)
{
        struct bench *b = *state;
        const int64_t period_ms = b->options.settings.resync_period_ms;
        const char *first = arena_printf(b->arena, "%s%s", subnet_xml(b, "subnet-2", "10.2.0.0/24", 7),
                                         subnet_xml(b, SUBNET, "10.0.0.0/16", 1234));
        struct httpd_reply replies[] = {
                {.body = subnets_reply(b, first)},
                {.status = 403, .body = bench_error(b, "UnauthorizedOperation", "not allowed")},
                {.body = subnets_reply(b, subnet_xml(b, SUBNET, "10.0.0.0/16", 0))},
                {.body = subnets_reply(b, "<item><subnetId>" SUBNET "</subnetId></item>")}, /* IPv6 only */
        };
        const struct subnet_count *counts;
        int64_t due_ms;

        counted(b, 0);
        bench_script(b, replies, ARRAY_SIZE(replies));
        subnet_counts_start(&b->r.subnet_counts, &b->r.ctx, SOON);
        follow(b, SOON);
        assert_int_equal(httpd_requests(b->ec2), 0);
        due_ms = b->out.wake_ms;
        assert_in_range(due_ms, SOON + SUBNET_COUNTS_AFTER_START_MS, SOON + 2 * SUBNET_COUNTS_AFTER_START_MS);

        follow(b, due_ms);
        assert_int_equal(httpd_requests(b->ec2), 1);
        assert_contains(httpd_request(b->ec2, 0)->body, "SubnetId.1=" SUBNET);
        assert_null(strstr(httpd_request(b->ec2, 0)->body, "SubnetId.2"));
        counts = counted(b, 1);
        assert_string_equal(counts->id, SUBNET);
        assert_string_equal(PREFIX_TEXT(counts->cidr), "10.0.0.0/16");
        assert_int_equal(counts->available, 1234);
        assert_in_range(clock_wall_ms() - counts->seen_wall_ms, 0, 60 * 1000);
        assert_in_range(b->out.wake_ms, due_ms + period_ms, due_ms + period_ms + period_ms / 8);

        due_ms = b->out.wake_ms;
        follow(b, due_ms - 1);
        assert_int_equal(httpd_requests(b->ec2), 1);
        follow_with(b, due_ms, 1); /* what an ADD waits for goes first, but not for ever */
        assert_int_equal(httpd_requests(b->ec2), 1);
        assert_int_equal(b->out.wake_ms, due_ms + RESYNC_YIELDS_MS);
        due_ms = b->out.wake_ms;
        follow_with(b, due_ms, 1); /* denied: what was known stays, with its age */
        assert_int_equal(httpd_requests(b->ec2), 2);
        assert_int_equal(counted(b, 1)->available, 1234);
        due_ms = b->out.wake_ms;
        follow(b, due_ms);
        assert_int_equal(counted(b, 1)->available, 0);
        assert_int_equal(httpd_requests(b->ec2), 3);
        due_ms = b->out.wake_ms;
        follow(b, due_ms);
        counted(b, 0);
}

/* What EC2 shows of them anyway is taken, without a call for it. */
static void test_free_addresses_come_with_other_subnets(void **state)
{
        struct bench *b = *state;
        struct round round = bench_round(b, SOON);
        const char *items = arena_printf(
                b->arena,
                "%s%s<item><subnetId>subnet-nobodys</subnetId><vpcId>" VPC "</vpcId><cidrBlock>"
                "10.9.0.0/24</cidrBlock><availableIpAddressCount>9</availableIpAddressCount></item>",
                subnet_xml(b, "subnet-2", "10.2.0.0/24", 7), subnet_xml(b, SUBNET, "10.0.0.0/16", 0));
        struct httpd_reply reply = {.body = subnets_reply(b, items)};
        const struct subnet_count *counts;

        bench_script(b, &reply, 1);
        bench_act(b, &round, (struct plan_action){.kind = PLAN_FIND_SUBNETS});
        counts = counted(b, 2);
        assert_string_equal(counts[0].id, SUBNET);
        assert_int_equal(counts[0].available, 0);
        assert_string_equal(counts[1].id, "subnet-2");
        assert_int_equal(counts[1].available, 7);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_which_may_be_used),
                TEST(test_found_in_the_order_of_room_and_used),
                TEST(test_denied_is_asked_again_slowly_and_stops_nothing),
                TEST(test_adoption_goes_on_without_a_cidr),
                TEST(test_free_addresses_are_counted_once_in_a_period),
                TEST(test_free_addresses_come_with_other_subnets),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
