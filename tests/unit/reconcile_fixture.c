// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <stdlib.h>

#include "reconcile_fixture.h"

enum { UPTIME_MS = 24 * 3600 * 1000 };

/*
 * The tests' times (NOW and what follows) are numbers in the past of the code's own clock. A machine that was booted
 * a moment ago would not agree: here it has run for long. (The linker puts this in the place of clock_boottime_ms().)
 */
int64_t __real_clock_boottime_ms(void); // NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
int64_t __wrap_clock_boottime_ms(void); // NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
int64_t __wrap_clock_boottime_ms(void)  // NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
{
        return __real_clock_boottime_ms() + UPTIME_MS;
}

int bench_setup(void **state)
{
        struct bench *b = XNEW(struct bench);
        void *fixture;

        setenv("AWS_ACCESS_KEY_ID", "AKIATEST", 1);
        setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
        assert_int_equal(fixture_setup(&fixture), 0);
        b->f = fixture;
        b->arena = arena_new();
        reconcile_init(&b->r);
        b->r.ctx = (struct context){
                .store = b->f->store,
                .random = 1,
                .settings = {.resync_period_ms = 1800 * 1000, .orphan_grace_ms = 60 * 1000},
                .limits = {.max_enis = 3, .ipv4_per_eni = 4},
                .identity = {.known = true, .instance_id = INSTANCE, .eni_id = "eni-0", .subnet_id = SUBNET},
                .credentials = credentials_new(NULL),
        };
        assert_ok(prefix_parse("10.0.0.0/16", &b->r.ctx.identity.subnet_cidr, &b->f->err), &b->f->err);
        fixture_ready_eni(b->f, 0, 3);
        *state = b;
        return 0;
}

/* Whichever EC2 there was. */
static void drop_ec2(struct bench *b)
{
        b->r.ctx.ec2 = ec2_free(b->r.ctx.ec2);
        b->fake = NULL;
        if (b->ec2)
                b->ec2 = httpd_stop(b->ec2);
}

int bench_teardown(void **state)
{
        struct bench *b = *state;
        void *fixture = b->f;

        drop_ec2(b);
        b->r.ctx.store = NULL; /* the fixture's */
        reconcile_done(&b->r);
        fixture_check(b->f);
        fixture_teardown(&fixture);
        arena_free(b->arena);
        free(b);
        return 0;
}

void bench_answer(struct bench *b, const struct fake_answer *answers, size_t n)
{
        drop_ec2(b);
        b->fake = fake_ec2_new(answers, n);
        b->fake->observe = denied_observe;
        b->fake->observe_data = &b->r.ctx;
        b->r.ctx.ec2 = &b->fake->ec2;
}

void bench_script(struct bench *b, const struct httpd_reply *replies, size_t n)
{
        struct ec2_options options = {.region = "us-east-1",
                                      .credentials = b->r.ctx.credentials,
                                      .timeout_ms = TEST_PATIENCE_MS,
                                      .connect_timeout_ms = TEST_PATIENCE_MS,
                                      .observe = denied_observe,
                                      .observe_data = &b->r.ctx};

        drop_ec2(b);
        b->ec2 = httpd_start(replies, n);
        options.endpoint = httpd_url(b->ec2);
        assert_ok(ec2_new(&options, &b->r.ctx.ec2, &b->f->err), &b->f->err);
}

struct round bench_round(struct bench *b, int64_t now_ms)
{
        struct round round = {.arena = b->arena, .now_ms = now_ms};

        assert_ok(observe_store(&b->r.ctx, &round, &b->f->err), &b->f->err);
        round.link_present = ARENA_ARRAY(b->arena, bool, round.n_enis);
        return round;
}

struct store_eni *bench_eni(struct bench *b, struct round *round, int64_t key)
{
        *round = bench_round(b, round->now_ms);
        return observe_eni(round, key);
}

struct outcome *bench_out(struct bench *b)
{
        b->out = (struct outcome){0};
        return &b->out;
}

void bench_act(struct bench *b, struct round *round, struct plan_action action)
{
        if (!action.reason)
                action.reason = "test";
        if (action.kind == PLAN_CREATE && !action.subnet_id)
                action.subnet_id = SUBNET;
        assert_ok(act(&b->r, round, &action, bench_out(b), &b->f->err), &b->f->err);
}

void bench_look(struct bench *b, int64_t now_ms)
{
        struct round round = bench_round(b, now_ms);

        assert_ok(look_at_ec2(&b->r, &round, bench_out(b), &b->f->err), &b->f->err);
}

const char *bench_eni_xml(struct bench *b, unsigned device, const char *owner, const struct ip *addresses,
                          size_t n)
{
        struct store_eni eni = fixture_eni(device);
        const char *list = "";

        for (size_t i = 0; i < n; i++)
                list = arena_printf(
                        b->arena,
                        "%s<item><privateIpAddress>%s</privateIpAddress><primary>false</primary></item>",
                        list, IP_TEXT(addresses[i]));
        return arena_printf(
                b->arena,
                "<networkInterfaceId>%s</networkInterfaceId><subnetId>" SUBNET "</subnetId>"
                "<status>in-use</status><macAddress>%s</macAddress><privateIpAddress>%s</privateIpAddress>"
                "<attachment><attachmentId>%s</attachmentId><instanceId>" INSTANCE "</instanceId>"
                "<deviceIndex>%u</deviceIndex><status>attached</status>"
                "<deleteOnTermination>true</deleteOnTermination></attachment>"
                "<tagSet><item><key>node.k8s.amazonaws.com/instance_id</key><value>%s</value></item></tagSet>"
                "<privateIpAddressesSet><item><privateIpAddress>%s</privateIpAddress><primary>true</primary>"
                "</item>%s</privateIpAddressesSet>",
                eni.eni_id, MAC_TEXT(eni.mac), IP_TEXT(eni.primary_address), eni.attachment_id, device, owner,
                IP_TEXT(eni.primary_address), list);
}

const char *bench_describe(struct bench *b, const char *const *enis, size_t n)
{
        const char *list = "";

        for (size_t i = 0; i < n; i++)
                list = arena_printf(b->arena, "%s<item>%s</item>", list, enis[i]);
        return arena_printf(b->arena,
                            "<DescribeNetworkInterfacesResponse><networkInterfaceSet>%s</networkInterfaceSet>"
                            "</DescribeNetworkInterfacesResponse>",
                            list);
}

const char *bench_error(struct bench *b, const char *code, const char *message)
{
        return arena_printf(b->arena,
                            "<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors>"
                            "<RequestID>r-1</RequestID></Response>",
                            code, message);
}

void bench_show(struct bench *b, const char *const *enis, size_t n)
{
        struct httpd_reply *reply = ARENA_NEW(b->arena, struct httpd_reply);

        *reply = (struct httpd_reply){.body = bench_describe(b, enis, n), .times = HTTPD_ALWAYS};
        bench_script(b, reply, 1);
}
