// SPDX-License-Identifier: Apache-2.0
/* Counting, by one thread and by several; and the text that Prometheus reads. The table's own rows are the examples. */
#include "test.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <vpcwire/mem.h>

#include "metrics/calls.h"
#include "metrics/metrics_cells.h"

enum { THREADS = 4, TIMES = 20000 };

static int setup(void **state)
{
        *state = metrics_new();
        return 0;
}

static int teardown(void **state)
{
        metrics_free(*state);
        return 0;
}

static char *written(const struct metrics *metrics, int64_t now_ms)
{
        struct text text = {0};

        metrics_write(metrics, now_ms, &text);
        return text.text;
}

/* The line must be there as a whole. */
static void assert_line(const char *text, const char *line)
{
        size_t n = strlen(line);

        for (const char *at = strstr(text, line); at; at = strstr(at + 1, line))
                if ((at == text || at[-1] == '\n') && at[n] == '\n')
                        return;
        fail_msg("'%s' is no line of\n%s", line, text);
}

static void assert_lacks(const char *text, const char *part)
{
        if (strstr(text, part))
                fail_msg("'%s' is in\n%s", part, text);
}

/* ---- the table ---- */

static bool is_name(const char *name)
{
        if (!islower((unsigned char)*name))
                return false;
        for (; *name; name++)
                if (!islower((unsigned char)*name) && !isdigit((unsigned char)*name) && *name != '_')
                        return false;
        return true;
}

static bool ends_with(const char *text, const char *end)
{
        size_t n = strlen(text), n_end = strlen(end);

        return n >= n_end && strcmp(text + n - n_end, end) == 0;
}

static void check_labels(const struct metric_row *row)
{
        for (unsigned i = 0; i < METRIC_LABELS_MAX; i++) {
                const struct metric_label *label = &row->labels[i];

                if (!label->name) {
                        assert_null(label->values);
                        continue;
                }
                assert_true(is_name(label->name));
                assert_true(i == 0 || row->labels[i - 1].name);
                assert_non_null(cells_label_value(label, 0));
                for (unsigned a = 0; cells_label_value(label, a); a++)
                        for (unsigned b = 0; b < a; b++)
                                assert_string_not_equal(cells_label_value(label, a),
                                                        cells_label_value(label, b));
        }
}

static void test_table(void **state _unused_)
{
        for (int i = 0; i < _METRIC_MAX; i++) {
                const struct metric_row *row = &metric_rows[i];

                if (!row->name)
                        fail_msg("metric %d has no row", i);
                assert_true(is_name(row->name));
                assert_true(strncmp(row->name, "awscni_", 7) == 0 || strncmp(row->name, "vpcwire_", 8) == 0);
                assert_true(row->help && *row->help && !ends_with(row->help, "."));
                for (int k = 0; k < i; k++)
                        assert_string_not_equal(row->name, metric_rows[k].name);
                if (strncmp(row->name, "vpcwire_", 8) == 0)
                        assert_int_equal(ends_with(row->name, "_total"), row->kind == METRIC_KIND_COUNTER);
                assert_int_equal(!!row->buckets_us, row->kind == METRIC_KIND_HISTOGRAM);
                for (unsigned k = 1; row->buckets_us && row->buckets_us[k]; k++)
                        assert_true(row->buckets_us[k] > row->buckets_us[k - 1]);
                check_labels(row);
        }
}

/* ---- counting ---- */

static void test_counters(void **state)
{
        struct metrics *metrics = *state;
        _cleanup_free_ char *before = written(metrics, 0), *after = NULL;

        assert_line(before, "# TYPE awscni_add_ip_req_count counter");
        assert_line(before, "# HELP awscni_add_ip_req_count Requests for an address");
        assert_line(before, "awscni_add_ip_req_count 0");
        assert_lacks(before, "vpcwire_ec2_calls_total{"); /* sparse */
        metrics_add(metrics, METRIC_AWSCNI_ADD_REQUESTS, NO_LABELS, 3);
        metrics_add(metrics, METRIC_EC2_CALLS, LABELS("CreateNetworkInterface", "denied"), 1);
        metrics_add(metrics, METRIC_EC2_CALLS, LABELS("CreateNetworkInterface", "denied"), 1);
        metrics_add(metrics, METRIC_EC2_CALLS, LABELS("DescribeSubnets", "ok"), 1);
        after = written(metrics, 0);
        assert_line(after, "awscni_add_ip_req_count 3");
        assert_line(after, "vpcwire_ec2_calls_total{action=\"CreateNetworkInterface\",class=\"denied\"} 2");
        assert_line(after, "vpcwire_ec2_calls_total{action=\"DescribeSubnets\",class=\"ok\"} 1");
        assert_lacks(after, "action=\"CreateNetworkInterface\",class=\"ok\"");
        assert_int_equal(metrics_value(metrics, METRIC_EC2_CALLS, LABELS("CreateNetworkInterface", "denied")),
                         2);
}

/* Whatever a caller says: the number of series stays. */
static void test_unknown_values_are_one_series(void **state)
{
        struct metrics *metrics = *state;
        _cleanup_free_ char *text = NULL;
        char name[32];

        for (int i = 0; i < 100; i++) {
                snprintf(name, sizeof(name), "Invented%d", i);
                metrics_add(metrics, METRIC_EC2_CALLS, LABELS(name, "ok"), 1);
                metrics_set(metrics, METRIC_ADDRESSES, LABELS(name), i);
        }
        metrics_add(metrics, METRIC_EC2_CALLS, LABELS(NULL, NULL), 1);
        text = written(metrics, 0);
        assert_line(text, "vpcwire_ec2_calls_total{action=\"other\",class=\"ok\"} 100");
        assert_line(text, "vpcwire_ec2_calls_total{action=\"other\",class=\"other\"} 1");
        assert_line(text, "vpcwire_addresses{state=\"other\"} 99");
        assert_lacks(text, "Invented");
        assert_lacks(text, "vpcwire_enis{state=\"other\"}");
}

static void test_gauges(void **state)
{
        struct metrics *metrics = *state;
        _cleanup_free_ char *before = written(metrics, 5000), *after = NULL;

        assert_lacks(before, "\nvpcwire_ec2_sync_age_seconds "); /* no resync yet: no age */
        metrics_set(metrics, METRIC_RESYNC_AGE, NO_LABELS, 1000);
        metrics_set(metrics, METRIC_EC2_PACE, LABELS("reads"), 2500000);
        metrics_set(metrics, METRIC_CREDENTIALS_EXPIRY, NO_LABELS, 1700000000123);
        metrics_set(metrics, METRIC_WAITING, NO_LABELS, 7);
        metrics_set(metrics, METRIC_WAITING, NO_LABELS, 4);
        metrics_add(metrics, METRIC_BLOCKED, LABELS("create"), 2);
        after = written(metrics, 5500);
        assert_line(after, "vpcwire_ec2_sync_age_seconds 4.5");
        assert_line(after, "# TYPE vpcwire_ec2_sync_age_seconds gauge");
        assert_line(after, "vpcwire_ec2_rate_limit_calls_per_second{class=\"reads\"} 2.5");
        assert_line(after, "vpcwire_credentials_expiry_timestamp_seconds 1700000000.123");
        assert_line(after, "vpcwire_waiting_requests 4");
        assert_line(after, "vpcwire_blocked{step=\"create\"} 2");
        metrics_clear(metrics, METRIC_BLOCKED);
        assert_int_equal(metrics_value(metrics, METRIC_BLOCKED, LABELS("create")), 0);
        assert_int_equal(metrics_value(metrics, METRIC_WAITING, NO_LABELS), 4);
}

#define ADD_WIRE "verb=\"add\",stage=\"wire\""

static void test_histogram(void **state)
{
        static const int64_t times_us[] = {-5, 500, 501, 2500, 1000000, 120000000, 120000001};
        struct metrics *metrics = *state;
        _cleanup_free_ char *text = NULL;

        for (size_t i = 0; i < ARRAY_SIZE(times_us); i++)
                metrics_observe(metrics, METRIC_STAGE_SECONDS, LABELS("add", "wire"), times_us[i]);
        text = written(metrics, 0);
        assert_line(text, "# TYPE vpcwire_request_duration_seconds histogram");
        assert_line(text, "vpcwire_request_duration_seconds_bucket{" ADD_WIRE ",le=\"0.0005\"} 2");
        assert_line(text, "vpcwire_request_duration_seconds_bucket{" ADD_WIRE ",le=\"0.001\"} 3");
        assert_line(text, "vpcwire_request_duration_seconds_bucket{" ADD_WIRE ",le=\"0.0025\"} 4");
        assert_line(text, "vpcwire_request_duration_seconds_bucket{" ADD_WIRE ",le=\"1\"} 5");
        assert_line(text, "vpcwire_request_duration_seconds_bucket{" ADD_WIRE ",le=\"120\"} 6");
        assert_line(text, "vpcwire_request_duration_seconds_bucket{" ADD_WIRE ",le=\"+Inf\"} 7");
        assert_line(text, "vpcwire_request_duration_seconds_count{" ADD_WIRE "} 7");
        assert_line(text, "vpcwire_request_duration_seconds_sum{" ADD_WIRE "} 241.003502");
        assert_lacks(text, "verb=\"del\",stage=\"wire\"");
        assert_int_equal(metrics_value(metrics, METRIC_STAGE_SECONDS, LABELS("add", "wire")), 7);
}

static void test_summary(void **state)
{
        struct metrics *metrics = *state;
        _cleanup_free_ char *text = NULL;

        metrics_observe(metrics, METRIC_AWSCNI_API_LATENCY, LABELS("DescribeSubnets", "false", "200"), 1500);
        metrics_observe(metrics, METRIC_AWSCNI_API_LATENCY, LABELS("DescribeSubnets", "false", "200"), 2000);
        text = written(metrics, 0);
        assert_line(text, "# TYPE awscni_aws_api_latency_ms summary");
        assert_line(
                text,
                "awscni_aws_api_latency_ms_sum{api=\"DescribeSubnets\",error=\"false\",status=\"200\"} 3.5");
        assert_line(
                text,
                "awscni_aws_api_latency_ms_count{api=\"DescribeSubnets\",error=\"false\",status=\"200\"} 2");
}

static void test_escaping(void **state _unused_)
{
        _cleanup_(text_done) struct text text = {0};

        metrics_write_head(&text, "a_name", "gauge", "a \\ and\na \"line\"");
        metrics_write_sample(&text, "a_name", "label", "q\"b\\n\nend", -1);
        assert_string_equal(text.text, "# HELP a_name a \\\\ and\\na \"line\"\n# TYPE a_name gauge\n"
                                       "a_name{label=\"q\\\"b\\\\n\\nend\"} -1\n");
}

static void test_nobody_counts(void **state _unused_)
{
        metrics_add(NULL, METRIC_ROUNDS, NO_LABELS, 1);
        metrics_set(NULL, METRIC_WAITING, NO_LABELS, 1);
        metrics_clear(NULL, METRIC_BLOCKED);
        metrics_observe(NULL, METRIC_EC2_SECONDS, LABELS("DescribeSubnets"), 1);
        calls_add(NULL, &(const struct calls_entry){0});
}

/* ---- threads ---- */

static void *count_much(void *data)
{
        for (int i = 0; i < TIMES; i++) {
                metrics_add(data, METRIC_ROUNDS, NO_LABELS, 1);
                metrics_observe(data, METRIC_STAGE_SECONDS, LABELS("del", "rpc"), 700);
        }
        return NULL;
}

static void test_threads_lose_nothing(void **state)
{
        struct metrics *metrics = *state;
        _cleanup_free_ char *text = NULL;
        pthread_t threads[THREADS];

        for (int i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, count_much, metrics), 0);
        for (int i = 0; i < 10; i++)
                free(written(metrics, 0)); /* reading stands in nobody's way */
        for (int i = 0; i < THREADS; i++)
                pthread_join(threads[i], NULL);
        assert_int_equal(metrics_value(metrics, METRIC_ROUNDS, NO_LABELS), THREADS * TIMES);
        assert_int_equal(metrics_value(metrics, METRIC_STAGE_SECONDS, LABELS("del", "rpc")), THREADS * TIMES);
        text = written(metrics, 0);
        assert_line(text, "vpcwire_request_duration_seconds_sum{verb=\"del\",stage=\"rpc\"} 56");
}

static void test_calls_are_a_ring(void **state _unused_)
{
        _cleanup_(calls_freep) struct calls *calls = calls_new();
        struct calls_entry seen[CALLS_MAX];

        assert_int_equal(calls_read(calls, seen), 0);
        for (int i = 0; i < CALLS_MAX + 5; i++)
                calls_add(calls, &(const struct calls_entry){.took_us = i});
        assert_int_equal(calls_read(calls, seen), CALLS_MAX);
        for (int i = 0; i < CALLS_MAX; i++)
                assert_int_equal(seen[i].took_us, CALLS_MAX + 4 - i);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_table),
                cmocka_unit_test_setup_teardown(test_counters, setup, teardown),
                cmocka_unit_test_setup_teardown(test_unknown_values_are_one_series, setup, teardown),
                cmocka_unit_test_setup_teardown(test_gauges, setup, teardown),
                cmocka_unit_test_setup_teardown(test_histogram, setup, teardown),
                cmocka_unit_test_setup_teardown(test_summary, setup, teardown),
                cmocka_unit_test(test_escaping),
                cmocka_unit_test(test_nobody_counts),
                cmocka_unit_test_setup_teardown(test_threads_lose_nothing, setup, teardown),
                cmocka_unit_test(test_calls_are_a_ring),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
