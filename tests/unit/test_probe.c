// SPDX-License-Identifier: Apache-2.0
/* What AWS lets us do, asked of a scripted EC2: nothing is ever carried out, and what answers oddly is asked no further. */
#include "test.h"

#include <string.h>
#include <time.h>

#include <jansson.h>
#include <vpcwire/clock.h>

#include "cloud/ec2_retry.h"
#include "metrics/calls.h"
#include "reconcile_fixture.h"

#define BURST_OF_ENI 24 /* calls that the pace lets through from rest, and more when they take long */

static const struct ec2_call_options dry = {.dry_run = true};

static void script(struct bench *b, unsigned status, const char *body)
{
        struct httpd_reply *reply = ARENA_NEW(b->arena, struct httpd_reply);

        *reply = (struct httpd_reply){.status = status, .body = body, .times = HTTPD_ALWAYS};
        bench_script(b, reply, 1);
}

static void sleep_until(int64_t at_ms)
{
        int64_t wait_ms = at_ms - clock_boottime_ms();

        if (wait_ms > 0)
                nanosleep(&(const struct timespec){wait_ms / 1000, wait_ms % 1000 * 1000000}, NULL);
}

/* To its end, as the thread's rounds would. Returns how many rounds it took. */
static unsigned probe(struct bench *b)
{
        struct round round;
        unsigned n = 0;

        probe_want(&b->r.probe);
        do {
                round = bench_round(b, clock_boottime_ms());
                probe_run(&b->r.probe, &b->r.ctx, &b->r.wake, &round, bench_out(b));
                n++;
                sleep_until(b->out.wake_ms);
        } while (!b->out.pool_changed);
        /* It is asked for once, and done once. */
        probe_run(&b->r.probe, &b->r.ctx, &b->r.wake, &round, bench_out(b));
        assert_false(b->out.pool_changed);
        return n;
}

/* Assigning and unassigning have no dry run, and tagging the primary ENI is no need of anything else. */
enum { NOT_ASKED = 3 };

/* A field of an action's permission in the database. */
static const char *permission_field(struct bench *b, const char *action, const char *field)
{
        const char *text;
        json_t *json, *permission;
        size_t i;

        assert_ok(store_fact_get(b->f->store, STORE_FACT_PROBE, b->arena, &text, &b->f->err), &b->f->err);
        json = json_loads(text, 0, NULL);
        assert_non_null(json);
        text = NULL;
        json_array_foreach(json_object_get(json, "permissions"), i, permission)
        {
                if (strcmp(json_string_value(json_object_get(permission, "action")), action) == 0)
                        text = arena_strdup(b->arena, json_string_value(json_object_get(permission, field)));
        }
        assert_false(json_is_true(json_object_get(json_object_get(json, "imds"), "reachable")));
        assert_true(json_is_true(json_object_get(json_object_get(json, "credentials"), "good")));
        json_decref(json);
        assert_non_null(text);
        return text;
}

static const char *result(struct bench *b, const char *action)
{
        return permission_field(b, action, "result");
}

static const char *why(struct bench *b, const char *action)
{
        return permission_field(b, action, "why");
}

static void test_each_is_asked_once_and_dry(void **state)
{
        struct bench *b = *state;

        script(b, 412, bench_error(b, EC2_CODE_DRY_RUN, "Request would have succeeded"));
        probe(b);
        assert_int_equal(httpd_requests(b->ec2), _EC2_ACTION_MAX - NOT_ASKED);
        for (size_t i = 0; i < httpd_requests(b->ec2); i++)
                assert_contains(httpd_request(b->ec2, i)->body, "&DryRun=true");
        assert_string_equal(result(b, "DescribeSubnets"), "allowed");
        assert_string_equal(result(b, "DetachNetworkInterface"), "allowed");
        assert_string_equal(result(b, "AssignPrivateIpAddresses"), "unasked");
}

/* Something that does what it is asked, DryRun or not, must not be asked to detach. */
static void test_who_knows_no_dry_runs_is_not_asked_on(void **state)
{
        struct bench *b = *state;

        script(b, 200,
               "<DescribeNetworkInterfacesResponse><networkInterfaceSet/></"
               "DescribeNetworkInterfacesResponse>");
        probe(b);
        assert_int_equal(httpd_requests(b->ec2), 1);
        assert_string_equal(result(b, "DescribeNetworkInterfaces"), "allowed");
        assert_string_equal(result(b, "DetachNetworkInterface"), "unknown");
}

static void test_who_does_not_answer_is_not_asked_on(void **state)
{
        struct bench *b = *state;
        struct httpd_reply reply = {.fault = HTTPD_DROP, .times = HTTPD_ALWAYS};

        bench_script(b, &reply, 1);
        probe(b);
        assert_int_equal(httpd_requests(b->ec2), 1);
        assert_string_equal(result(b, "DescribeSubnets"), "unknown");
}

/* What has no dry run is known by its last call, in both directions; a dry run of others is no such call. */
static void test_the_last_call_tells_of_what_cannot_be_asked(void **state)
{
        struct bench *b = *state;
        struct ip *addresses;
        struct ec2_result answer = {0};
        bool known = true;
        size_t n;

        script(b, 403, bench_error(b, "UnauthorizedOperation", "no"));
        assert_int_equal(b->r.ctx.ec2->ops->assign_addresses(b->r.ctx.ec2, NULL, "eni-0", 1, b->arena,
                                                             &addresses, &n, &answer, &b->f->err),
                         -ERR_DENIED);
        probe(b);
        assert_string_equal(result(b, "AssignPrivateIpAddresses"), "denied");
        assert_string_equal(result(b, "UnassignPrivateIpAddresses"), "unasked");
        assert_string_equal(result(b, "DescribeSubnets"), "denied");
        assert_ok(denied_known(&b->r.ctx, b->arena, EC2_ACTION_DESCRIBE_SUBNETS, &known, &b->f->err),
                  &b->f->err);
        assert_false(known);
        answer = (struct ec2_result){0};
        denied_observe(&b->r.ctx, EC2_ACTION_ASSIGN_ADDRESSES, &answer, "");
        probe(b);
        assert_string_equal(result(b, "AssignPrivateIpAddresses"), "unasked");
}

/* Looking changes nothing: neither what others see in the metrics and on the page, nor what is known of permissions. */
static void test_a_dry_run_is_no_call_that_failed(void **state)
{
        struct bench *b = *state;
        struct metrics *metrics = b->options.metrics = metrics_new();
        struct calls *calls = b->options.calls = calls_new();
        struct calls_entry seen[CALLS_MAX];

        bench_restart(b, "a");
        script(b, 403, bench_error(b, "UnauthorizedOperation", "no"));
        probe(b);
        assert_string_equal(result(b, "DescribeSubnets"), "denied");
        assert_int_equal(metrics_value(metrics, METRIC_EC2_DRY_RUNS, LABELS("DescribeSubnets")), 1);
        assert_int_equal(metrics_value(metrics, METRIC_EC2_CALLS, LABELS("DescribeSubnets", "denied")), 0);
        assert_int_equal(metrics_value(metrics, METRIC_EC2_SECONDS, LABELS("DescribeSubnets")), 0);
        assert_int_equal(metrics_value(metrics, METRIC_EC2_DENIED, LABELS("DescribeSubnets")), 0);
        assert_int_equal(metrics_value(metrics, METRIC_AWSCNI_EC2_REQUESTS, LABELS("DescribeSubnets")), 0);
        assert_int_equal(metrics_value(metrics, METRIC_AWSCNI_EC2_ERRORS, LABELS("DescribeSubnets")), 0);
        assert_int_equal(
                metrics_value(metrics, METRIC_AWSCNI_API_ERRORS, LABELS("DescribeSubnets", "denied")), 0);
        assert_int_equal(
                metrics_value(metrics, METRIC_AWSCNI_API_LATENCY, LABELS("DescribeSubnets", "true", "403")),
                0);
        assert_int_equal(calls_read(calls, seen), 0);
        script(b, 503, bench_error(b, "RequestLimitExceeded", "slow down"));
        probe(b);
        assert_int_equal(metrics_value(metrics, METRIC_EC2_THROTTLES, NO_LABELS), 0);
        b->options.metrics = NULL;
        b->options.calls = NULL;
        bench_restart(b, "a");
        metrics_free(metrics);
        calls_free(calls);
}

/* Neither is one that refuses by rate asked further, nor one that did so a moment ago asked at all. */
static void test_a_throttled_account_is_not_asked(void **state)
{
        struct bench *b = *state;
        struct ec2_result answer;

        script(b, 503, bench_error(b, "RequestLimitExceeded", "slow down"));
        assert_int_equal(b->r.ctx.ec2->ops->delete_eni(b->r.ctx.ec2, NULL, "eni-0", &answer, &b->f->err),
                         -ERR_AGAIN);
        probe(b);
        assert_int_equal(httpd_requests(b->ec2), 1);
        assert_string_equal(result(b, "DescribeSubnets"), "unknown");
        assert_contains(why(b, "DescribeSubnets"), "throttles");
        assert_string_equal(result(b, "AssignPrivateIpAddresses"), "unasked");
        script(b, 503, bench_error(b, "RequestLimitExceeded", "slow down"));
        probe(b);
        assert_int_equal(httpd_requests(b->ec2), 1);
        assert_string_equal(result(b, "DetachNetworkInterface"), "unknown");
}

static void test_the_pace_is_kept(void **state)
{
        struct bench *b = *state;
        struct ec2_result answer = {0};
        size_t n;

        script(b, 412, bench_error(b, EC2_CODE_DRY_RUN, "Request would have succeeded"));
        while (!answer.paced && httpd_requests(b->ec2) < 4 * BURST_OF_ENI)
                (void)b->r.ctx.ec2->ops->delete_eni(b->r.ctx.ec2, &dry, "eni-0", &answer, &b->f->err);
        n = httpd_requests(b->ec2);
        assert_true(answer.paced);
        assert_true(n >= BURST_OF_ENI);
        assert_in_range(probe(b), 2, 100);
        assert_int_equal(httpd_requests(b->ec2), n + _EC2_ACTION_MAX - NOT_ASKED);
        assert_string_equal(result(b, "CreateNetworkInterface"), "allowed");
}

static void test_no_dry_run_is_sent_of_what_has_none(void **state)
{
        struct bench *b = *state;
        struct ip *addresses;
        struct ec2_result answer;
        size_t n;

        script(b, 200, "<x/>");
        assert_int_equal(b->r.ctx.ec2->ops->assign_addresses(b->r.ctx.ec2, &dry, "eni-0", 1, b->arena,
                                                             &addresses, &n, &answer, &b->f->err),
                         -ERR_UNSUPPORTED);
        assert_int_equal(answer.class, EC2_FAILURE_REQUEST);
        assert_int_equal(b->r.ctx.ec2->ops->assign_addresses(b->r.ctx.ec2, &dry, "eni-0", 0, b->arena,
                                                             &addresses, &n, &answer, &b->f->err),
                         -ERR_INVALID);
        assert_int_equal(httpd_requests(b->ec2), 0);
        (void)b->r.ctx.ec2->ops->delete_eni(b->r.ctx.ec2, NULL, "eni-0", &answer,
                                            &b->f->err); /* this one is meant */
        assert_null(strstr(httpd_request(b->ec2, 0)->body, "DryRun"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_each_is_asked_once_and_dry, bench_setup, bench_teardown),
                cmocka_unit_test_setup_teardown(test_who_knows_no_dry_runs_is_not_asked_on, bench_setup,
                                                bench_teardown),
                cmocka_unit_test_setup_teardown(test_who_does_not_answer_is_not_asked_on, bench_setup,
                                                bench_teardown),
                cmocka_unit_test_setup_teardown(test_the_last_call_tells_of_what_cannot_be_asked, bench_setup,
                                                bench_teardown),
                cmocka_unit_test_setup_teardown(test_a_dry_run_is_no_call_that_failed, bench_setup,
                                                bench_teardown),
                cmocka_unit_test_setup_teardown(test_a_throttled_account_is_not_asked, bench_setup,
                                                bench_teardown),
                cmocka_unit_test_setup_teardown(test_the_pace_is_kept, bench_setup, bench_teardown),
                cmocka_unit_test_setup_teardown(test_no_dry_run_is_sent_of_what_has_none, bench_setup,
                                                bench_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
