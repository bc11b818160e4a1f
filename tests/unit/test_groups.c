// SPDX-License-Identifier: Apache-2.0
/* Security groups of our secondary ENIs follow the primary one's: which calls are made of what EC2 shows, and which are not. */
#include "test.h"

#include <vpcwire/clock.h>

#include "reconcile_fixture.h"

enum { SOON = NOW + 1000, LATER = NOW + 2 * 3600 * 1000 };

static const char *const wanted[] = {"sg-b", "sg-a"};

/* An ENI of ours with these groups, in the order that EC2 shows them. */
static const char *eni_with(struct bench *b, unsigned device, const char *owner, const char *first,
                            const char *second)
{
        return arena_printf(b->arena,
                            "%s<groupSet><item><groupId>%s</groupId></item><item><groupId>%s</groupId></item>"
                            "</groupSet>",
                            bench_eni_xml(b, device, owner, NULL, 0), first, second);
}

/* What a resync shows; each later call is answered with the reply. */
static void look_and_then(struct bench *b, const char *const *enis, size_t n, struct httpd_reply then)
{
        struct httpd_reply *replies = ARENA_ARRAY(b->arena, struct httpd_reply, 2);

        replies[0] = (struct httpd_reply){.body = bench_describe(b, enis, n)};
        replies[1] = then;
        replies[1].times = HTTPD_ALWAYS;
        bench_script(b, replies, 2);
        bench_look(b, SOON);
        assert_int_equal(httpd_requests(b->ec2), 1);
}

static void follow(struct bench *b, struct round *round)
{
        assert_ok(groups_follow(&b->r.groups, &b->r.ctx, round, bench_out(b), &b->f->err), &b->f->err);
}

static struct httpd_reply done(void)
{
        return (struct httpd_reply){.body = "<ModifyNetworkInterfaceAttributeResponse><return>true</return>"
                                            "</ModifyNetworkInterfaceAttributeResponse>"};
}

static int setup(void **state)
{
        struct bench *b;

        assert_int_equal(bench_setup(state), 0);
        b = *state;
        identity_set_groups(&b->identity, wanted, ARRAY_SIZE(wanted));
        bench_restart(b, "a");
        return 0;
}

static void test_no_call_while_they_are_the_same(void **state)
{
        struct bench *b = *state;
        const char *enis[] = {eni_with(b, 0, "", "sg-x", "sg-y"), eni_with(b, 1, INSTANCE, "sg-a", "sg-b")};
        struct round round;

        look_and_then(b, enis, ARRAY_SIZE(enis), done());
        round = bench_round(b, SOON);
        follow(b, &round);
        assert_int_equal(httpd_requests(b->ec2), 1);
}

static void test_one_call_for_each_that_differs(void **state)
{
        struct bench *b = *state;
        const char *enis[] = {eni_with(b, 0, "", "sg-a", "sg-b"), eni_with(b, 1, INSTANCE, "sg-a", "sg-x"),
                              eni_with(b, 2, "i-of-somebody", "sg-x", "sg-y")};
        struct round round;

        look_and_then(b, enis, ARRAY_SIZE(enis), done());
        round = bench_round(b, SOON);
        follow(b, &round);
        follow(b, &round);
        assert_int_equal(httpd_requests(b->ec2), 2);
        assert_contains(httpd_request(b->ec2, 1)->body, "Action=ModifyNetworkInterfaceAttribute");
        assert_contains(httpd_request(b->ec2, 1)->body,
                        "NetworkInterfaceId=eni-1&SecurityGroupId.1=sg-b&SecurityGroupId.2=sg-a");
        /* The primary one's changed again: no resync is needed to know what ours have. */
        identity_set_groups(&b->r.ctx.identity, wanted, 1);
        follow(b, &round);
        assert_int_equal(httpd_requests(b->ec2), 3);
}

static void test_a_refusal_is_reported_and_waits(void **state)
{
        struct bench *b = *state;
        const char *enis[] = {eni_with(b, 0, "", "sg-a", "sg-b"), eni_with(b, 1, INSTANCE, "sg-x", "sg-y")};
        struct round round;

        look_and_then(b, enis, ARRAY_SIZE(enis),
                      (struct httpd_reply){.status = 503, .body = bench_error(b, "Unavailable", "not now")});
        round = bench_round(b, SOON);
        follow(b, &round);
        assert_non_null(blocked_find(&round, CONDITION_SECURITY_GROUPS, "eni-1"));
        follow(b, &round);
        assert_int_equal(httpd_requests(b->ec2), 2);
        bench_script(b, (struct httpd_reply[]){done()}, 1);
        round = bench_round(b, clock_boottime_ms() + LATER);
        follow(b, &round);
        assert_int_equal(httpd_requests(b->ec2), 1);
        assert_null(blocked_find(&round, CONDITION_SECURITY_GROUPS, "eni-1"));
}

static void test_what_does_not_say_its_groups_is_left_alone(void **state)
{
        struct bench *b = *state;
        const char *enis[] = {bench_eni_xml(b, 0, "", NULL, 0), bench_eni_xml(b, 1, INSTANCE, NULL, 0)};
        struct round round;

        look_and_then(b, enis, ARRAY_SIZE(enis), done());
        round = bench_round(b, SOON);
        follow(b, &round);
        assert_int_equal(httpd_requests(b->ec2), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_no_call_while_they_are_the_same),
                TEST(test_one_call_for_each_that_differs),
                TEST(test_a_refusal_is_reported_and_waits),
                TEST(test_what_does_not_say_its_groups_is_left_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
