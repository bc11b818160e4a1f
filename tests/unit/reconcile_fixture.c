// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <stdlib.h>

#include "reconcile_fixture.h"

enum { UPTIME_MS = 24 * 3600 * 1000 };

#define NOBODY "http://127.0.0.1:1" /* refused at once */

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

/* The first round's first steps are made: the daemon knows who the node is. */
static void start(struct bench *b)
{
        struct round round;

        assert_ok(identity_save(b->f->store, &b->identity, &b->f->err), &b->f->err);
        assert_ok(reconcile_open(&b->r, &b->options, &b->f->err), &b->f->err);
        round = bench_round(b, NOW);
        assert_ok(identity_learn(&b->r.ctx, &b->r.changes, &b->r.takeover, &round, bench_out(b), &b->f->err),
                  &b->f->err);
}

static void stop(struct bench *b)
{
        reconcile_done(&b->r);
        b->fake = NULL;
        if (b->ec2)
                b->ec2 = httpd_stop(b->ec2);
}

int bench_setup(void **state)
{
        struct bench *b = XNEW(struct bench);
        void *fixture;

        setenv("AWS_ACCESS_KEY_ID", "AKIATEST", 1);
        setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
        setenv("AWS_CONFIG_FILE", "/dev/null", 1);
        setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
        assert_int_equal(fixture_setup(&fixture), 0);
        b->f = fixture;
        b->arena = arena_new();
        b->options = (struct reconcile_options){
                .store = b->f->options,
                .settings = {.resync_period_ms = 1800 * 1000, .orphan_grace_ms = 60 * 1000},
                .imds_endpoint = NOBODY,
                .ec2_endpoint = NOBODY,
                .region = "us-east-1",
                .http_timeout_ms = TEST_PATIENCE_MS,
        };
        b->identity = (struct identity){.instance_id = INSTANCE,
                                        .instance_type = "t3.small", /* 3 ENIs of 4 addresses */
                                        .eni_id = "eni-0",
                                        .subnet_id = SUBNET,
                                        .vpc_id = VPC,
                                        .zone = ZONE,
                                        .primary_address = fixture_ip(0, 0)};
        assert_ok(prefix_parse("10.0.0.0/16", &b->identity.subnet_cidr, &b->f->err), &b->f->err);
        fixture_ready_eni(b->f, 0, 3);
        assert_ok(store_fact_set(b->f->store, STORE_FACT_RESYNCED, "yes", &b->f->err), &b->f->err);
        start(b);
        *state = b;
        return 0;
}

int bench_teardown(void **state)
{
        struct bench *b = *state;
        void *fixture = b->f;

        stop(b);
        fixture_check(b->f);
        fixture_teardown(&fixture);
        identity_done(&b->identity);
        arena_free(b->arena);
        free(b);
        return 0;
}

void bench_restart(struct bench *b, const char *boot_id)
{
        stop(b);
        fixture_restart(b->f, boot_id);
        b->options.store = b->f->options;
        start(b);
}

/* EC2 is this one, and no longer the one before. */
static void take_ec2(struct bench *b, struct ec2 *ec2, struct fake_ec2 *fake, struct httpd *server)
{
        context_set_ec2(&b->r.ctx, ec2);
        if (b->ec2)
                httpd_stop(b->ec2);
        b->fake = fake;
        b->ec2 = server;
}

void bench_answer(struct bench *b, const struct fake_answer *answers, size_t n)
{
        struct fake_ec2 *fake = fake_ec2_new(answers, n);

        fake->observe = count_ec2_call;
        fake->observe_data = &b->r.ctx;
        take_ec2(b, &fake->ec2, fake, NULL);
}

void bench_script(struct bench *b, const struct httpd_reply *replies, size_t n)
{
        struct httpd *server = httpd_start(replies, n);
        const struct ec2_options options = {.region = b->options.region,
                                            .endpoint = httpd_url(server),
                                            .credentials = b->r.ctx.credentials,
                                            .timeout_ms = TEST_PATIENCE_MS,
                                            .connect_timeout_ms = TEST_PATIENCE_MS,
                                            .observe = count_ec2_call,
                                            .observe_data = &b->r.ctx};
        struct ec2 *ec2;

        assert_ok(ec2_new(&options, &ec2, &b->f->err), &b->f->err);
        take_ec2(b, ec2, NULL, server);
}

struct round bench_round(struct bench *b, int64_t now_ms)
{
        struct round round = {.arena = b->arena, .now_ms = now_ms};

        assert_ok(observe_store(&b->r.ctx, &round, &b->f->err), &b->f->err);
        round.link_present = ARENA_ARRAY(b->arena, bool, round.n_enis);
        return round;
}

struct eni *bench_eni(struct bench *b, struct round *round, int64_t key)
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
        struct eni eni = fixture_eni(device);
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
