// SPDX-License-Identifier: Apache-2.0
/* What the reconciler counts: EC2's calls, what was denied, and what a plan says. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "cloud/ec2_retry.h"
#include "metrics/calls.h"
#include "metrics/metrics.h"
#include "reconcile_fixture.h"

#define CREATE "CreateNetworkInterface"

static void call_is(struct bench *b, enum ec2_failure_class class, long http_status, const char *code)
{
        struct ec2_result failure = {.class = class, .http_status = http_status, .took_us = 30000};

        snprintf(failure.code, sizeof(failure.code), "%s", code);
        count_ec2_call(&b->r.ctx, EC2_ACTION_CREATE_ENI, &failure, "why it failed");
}

static int64_t value(struct bench *b, enum metric metric, const char *const labels[static METRIC_LABELS_MAX])
{
        return metrics_value(b->options.metrics, metric, labels);
}

static void test_ec2_calls(void **state)
{
        _cleanup_(metrics_freep) struct metrics *metrics = metrics_new();
        _cleanup_(calls_freep) struct calls *calls = calls_new();
        struct calls_entry entries[CALLS_MAX];
        struct bench *b = *state;

        b->options.metrics = metrics;
        b->options.calls = calls;
        bench_restart(b, "a");
        call_is(b, EC2_FAILURE_NONE, 200, "");
        call_is(b, EC2_FAILURE_THROTTLED, 503, "RequestLimitExceeded");
        call_is(b, EC2_FAILURE_TRANSPORT, 0, "");
        assert_int_equal(value(b, METRIC_EC2_CALLS, LABELS(CREATE, "ok")), 1);
        assert_int_equal(value(b, METRIC_EC2_CALLS, LABELS(CREATE, "throttled")), 1);
        assert_int_equal(value(b, METRIC_EC2_SECONDS, LABELS(CREATE)), 3);
        assert_int_equal(value(b, METRIC_EC2_THROTTLES, NO_LABELS), 1);
        assert_int_equal(value(b, METRIC_AWSCNI_EC2_REQUESTS, LABELS(CREATE)), 3);
        assert_int_equal(value(b, METRIC_AWSCNI_EC2_ERRORS, LABELS(CREATE)), 2);
        assert_int_equal(value(b, METRIC_AWSCNI_API_LATENCY, LABELS(CREATE, "true", "")), 1);
        assert_int_equal(value(b, METRIC_AWSCNI_API_LATENCY, LABELS(CREATE, "false", "200")), 1);
        assert_int_equal(value(b, METRIC_AWSCNI_API_ERRORS, LABELS(CREATE, "transport")), 1);
        assert_int_equal(calls_read(calls, entries), 3);
        assert_string_equal(entries[1].code, "RequestLimitExceeded");
        assert_string_equal(entries[1].why, "why it failed");
        assert_string_equal(entries[2].why, "");
}

/* Set by a denial, kept by what says nothing of permissions, known again after a restart, gone when EC2 carries it out. */
static void test_denied(void **state)
{
        _cleanup_(metrics_freep) struct metrics *metrics = metrics_new();
        _cleanup_(metrics_freep) struct metrics *next_life = metrics_new();
        struct bench *b = *state;

        b->options.metrics = metrics;
        bench_restart(b, "a");
        assert_int_equal(value(b, METRIC_EC2_DENIED, LABELS(CREATE)), 0);
        call_is(b, EC2_FAILURE_DENIED, 403, "UnauthorizedOperation");
        assert_int_equal(value(b, METRIC_EC2_DENIED, LABELS(CREATE)), 1);
        assert_int_equal(value(b, METRIC_EC2_DENIED, LABELS("DeleteNetworkInterface")), 0);
        call_is(b, EC2_FAILURE_TRANSIENT, 500, "InternalError");
        assert_int_equal(value(b, METRIC_EC2_DENIED, LABELS(CREATE)), 1);
        b->options.metrics = next_life;
        bench_restart(b, "a");
        assert_int_equal(value(b, METRIC_EC2_DENIED, LABELS(CREATE)), 1);
        assert_int_equal(value(b, METRIC_EC2_DENIED, LABELS("DeleteNetworkInterface")), 0);
        call_is(b, EC2_FAILURE_NONE, 200, "");
        assert_int_equal(value(b, METRIC_EC2_DENIED, LABELS(CREATE)), 0);
        metrics_set(next_life, METRIC_EC2_DENIED, LABELS(CREATE), 5);
        denied_recall(&b->r.ctx);
        assert_int_equal(value(b, METRIC_EC2_DENIED, LABELS(CREATE)), 0);
}

static void test_plan(void **state)
{
        _cleanup_(metrics_freep) struct metrics *metrics = metrics_new();
        struct bench *b = *state;
        struct plan plan = {.target = 5,
                            .shortage = 2,
                            .n_stuck = 1,
                            .causes = UINT64_C(1) << CAUSE_ENI_LIMIT | UINT64_C(1) << CAUSE_COOLING};

        b->options.metrics = metrics;
        bench_restart(b, "a");
        count_plan(&b->r.ctx, &plan);
        assert_int_equal(value(b, METRIC_POOL_TARGET, NO_LABELS), 5);
        assert_int_equal(value(b, METRIC_POOL_MISSING, LABELS("eni-limit")), 2);
        assert_int_equal(value(b, METRIC_POOL_MISSING, LABELS("cooling")), 2);
        assert_int_equal(value(b, METRIC_POOL_MISSING, LABELS("growing")), 0);
        plan = (struct plan){.target = 5, .shortage = 1};
        count_plan(&b->r.ctx, &plan);
        assert_int_equal(value(b, METRIC_POOL_MISSING, LABELS("growing")), 1);
        assert_int_equal(value(b, METRIC_POOL_MISSING, LABELS("eni-limit")), 0);
}

/* Known from the first try that failed until one that succeeds. */
static void test_credentials_that_fail(void **state)
{
        _cleanup_(metrics_freep) struct metrics *metrics = metrics_new();
        struct credentials_view view;
        struct bench *b = *state;

        b->options.metrics = metrics;
        unsetenv("AWS_ACCESS_KEY_ID");
        bench_restart(b, "a");
        count_round(&b->r.ctx, 0);
        assert_int_equal(value(b, METRIC_CREDENTIALS_FAILING, NO_LABELS), 0);
        assert_true(credentials_get(b->r.ctx.credentials, &view, &b->f->err) < 0);
        count_round(&b->r.ctx, 0);
        assert_int_equal(value(b, METRIC_CREDENTIALS_FAILING, NO_LABELS), 1);
        setenv("AWS_ACCESS_KEY_ID", "AKIATEST", 1);
        assert_ok(credentials_get(b->r.ctx.credentials, &view, &b->f->err), &b->f->err);
        count_round(&b->r.ctx, 0);
        assert_int_equal(value(b, METRIC_CREDENTIALS_FAILING, NO_LABELS), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_ec2_calls),
                TEST(test_denied),
                TEST(test_plan),
                TEST(test_credentials_that_fail),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
