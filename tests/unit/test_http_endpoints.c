// SPDX-License-Identifier: Apache-2.0
/* What can be looked at by HTTP, over a unix socket: the documents, and clients who behave badly. */
#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>
#include <vpcwire/clock.h>
#include <vpcwire/jsonx.h>

#include "http/endpoints.h"
#include "http/server.h"
#include "metrics/calls.h"
#include "metrics/metrics.h"
#include "rpc_fixture.h"

enum { ANSWER_BYTES_MAX = 256 * 1024, STUCK_MS = 61 * 1000 };

static struct http_endpoints *http;
static struct metrics *metrics;
static struct calls *calls;
static char metrics_path[80], introspection_path[80];

static void each_setting(void *data _unused_, http_visit_setting *visit, void *to)
{
        visit(to, "AWS_VPC_ENI_MTU", json_integer(9001));
        visit(to, "WARM_ENI_TARGET", json_integer(1));
}

static struct bind bind_of(const char *path)
{
        struct bind bind = {0};

        snprintf(bind.path, sizeof(bind.path), "%s", path);
        return bind;
}

static void task_begin(struct fixture *fixture)
{
        struct bind m = bind_of(metrics_path), i = bind_of(introspection_path);

        http = http_endpoints_new(&fixture->loop,
                                  &(const struct http_endpoints_options){.rpc = fixture->rpc,
                                                                         .store = fixture->loop_store,
                                                                         .metrics = metrics,
                                                                         .calls = calls,
                                                                         .settings = each_setting,
                                                                         .metrics_bind = &m,
                                                                         .introspection_bind = &i});
}

static void task_end(struct fixture *fixture _unused_)
{
        http = http_endpoints_free(http);
}

static int setup(void **state)
{
        struct fixture *fixture = fixture_new(60000);

        metrics = metrics_new();
        calls = calls_new();
        fixture->options.metrics = metrics;
        fixture->options.settings.node_name = "node-1";
        fixture_set_addresses(fixture, 3);
        fixture_start(fixture);
        snprintf(metrics_path, sizeof(metrics_path), "%s/run/m", fixture->folder);
        snprintf(introspection_path, sizeof(introspection_path), "%s/run/i", fixture->folder);
        fixture_run(fixture, task_begin);
        *state = fixture;
        return 0;
}

static int teardown(void **state)
{
        fixture_run(*state, task_end);
        fixture_free(*state);
        metrics = metrics_free(metrics);
        calls = calls_free(calls);
        assert_int_equal(access(introspection_path, F_OK), -1);
        return 0;
}

/* ---- asking ---- */

/* All that comes back until the end; the caller's. */
static char *read_all(int fd)
{
        char *text = XNEW_ARRAY(char, ANSWER_BYTES_MAX);
        size_t n = 0;
        ssize_t got;

        while (n < ANSWER_BYTES_MAX - 1 && (got = recv(fd, text + n, ANSWER_BYTES_MAX - 1 - n, 0)) > 0)
                n += (size_t)got;
        close(fd);
        return text;
}

static char *ask_raw(const char *path, const char *request)
{
        int fd = raw_connect(path);

        raw_send(fd, request, strlen(request));
        return read_all(fd);
}

static char *ask(const char *path, const char *what)
{
        char request[256];

        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost:61679\r\n\r\n", what);
        return ask_raw(path, request);
}

static json_t *ask_json(const char *what)
{
        _cleanup_free_ char *answer = ask(introspection_path, what);
        json_t *json;

        assert_contains(answer, "HTTP/1.1 200 ");
        assert_contains(answer, "Content-Type: application/json\r\n");
        json = json_loads(strstr(answer, "\r\n\r\n") + 4, 0, NULL);
        assert_non_null(json);
        return json;
}

static const char *text_at(json_t *json, const char *a, const char *b)
{
        return json_string_value(json_object_get(json_object_get(json, a), b)) ?: "";
}

static struct ip lease(struct fixture *fixture, unsigned number)
{
        _cleanup_(ipam_client_freep) struct ipam_client *client = fixture_connect(fixture);
        struct ipam_add_request request = fixture_request(fixture, number, 1000);
        struct ipam_add_reply reply;
        struct err err;

        request.pod_namespace = "shop";
        request.pod_name = "<b>cart\"";
        request.container_id = "0123456789abcdef0123";
        assert_ok(ipam_add(client, &request, &reply, &err), &err);
        return reply.addresses[0].address;
}

/* ---- the documents ---- */

/* An age that a gauge says in seconds: it was this when it was set up, and grows. */
static void assert_age(const char *text, const char *gauge, int least_s)
{
        const char *found = strstr(text, gauge);
        long age_s;

        if (!found)
                fail_msg("there is no %s", gauge);
        age_s = strtol(found + strlen(gauge), NULL, 10);
        if (age_s < least_s || age_s > least_s + TEST_PATIENCE_MS / 1000)
                fail_msg("%s %ld, not %d", gauge, age_s, least_s);
}

static void test_metrics_of_the_database(void **state)
{
        static const struct eni wanted = {.device_index = 1, .client_token = "token", .managed = true};
        struct subnet_count subnet = {
                .id = "subnet-1", .available = 250, .seen_wall_ms = clock_wall_ms() - 9000};
        struct fixture *fixture = *state;
        _cleanup_free_ char *before = NULL, *after = NULL;
        struct err err;
        int64_t key;

        assert_ok(store_eni_begin(fixture->store, &wanted, clock_boottime_ms(), &key, &err), &err);
        (void)lease(fixture, 1);
        assert_ok(prefix_parse("10.0.0.0/24", &subnet.cidr, &err), &err);
        assert_ok(store_subnets_set(fixture->store, &subnet, 1, &err), &err);
        before = ask(metrics_path, "/metrics");
        assert_contains(before, "\nvpcwire_subnet_available_addresses{subnet_id=\"subnet-1\"} 250\n");
        assert_age(before, "\nvpcwire_subnet_age_seconds{subnet_id=\"subnet-1\"}", 9);
        assert_contains(before, "\nvpcwire_node_info{node=\"node-1\",instance_id=\"\",");
        assert_contains(before, "Content-Type: text/plain; version=0.0.4");
        assert_contains(before, "\nvpcwire_addresses{state=\"leased\"} 1\n");
        assert_contains(before, "\nvpcwire_addresses{state=\"free\"} 2\n");
        assert_contains(before, "\nvpcwire_leases{state=\"reserved\"} 1\n");
        assert_contains(before, "\nvpcwire_ready 1\n");
        assert_contains(before, "\nvpcwire_requests_total{verb=\"add\",result=\"success\"} 1\n");
        assert_contains(before, "\nvpcwire_enis{state=\"creating\"} 1\n");
        assert_contains(before, "\nvpcwire_enis_stuck{state=\"creating\"} 0\n");
        assert_ok(store_eni_remove(fixture->store, key, "test", &err), &err);
        assert_ok(store_eni_begin(fixture->store, &wanted, clock_boottime_ms() - STUCK_MS, &key, &err), &err);
        after = ask(metrics_path, "/metrics");
        assert_contains(after, "\nvpcwire_enis_stuck{state=\"creating\"} 1\n");
        assert_contains(after, "\nvpcwire_enis_stuck{state=\"ready\"} 0\n");
        assert_age(after, "\nvpcwire_eni_state_age_seconds{state=\"creating\"}", STUCK_MS / 1000);
}

/* All of these, and nothing else. */
static void assert_keys(const json_t *object, const char *const *keys)
{
        size_t n = 0;

        for (; keys[n]; n++)
                if (!json_object_get(object, keys[n]))
                        fail_msg("there is no %s", keys[n]);
        assert_int_equal(json_object_size(object), n);
}
#define ASSERT_KEYS(object, ...) assert_keys(object, (const char *const[]){__VA_ARGS__, NULL})

static void test_enis_and_pods(void **state)
{
        struct fixture *fixture = *state;
        struct ip address = lease(fixture, 1);
        _cleanup_json_ json_t *enis = ask_json("/v1/enis"), *pods = ask_json("/v1/pods");
        json_t *card = json_object_get(enis, "0"), *pod, *eni, *cidr, *used;
        char key[64];

        assert_int_equal(json_integer_value(json_object_get(card, "TotalIPs")), 3);
        assert_int_equal(json_integer_value(json_object_get(card, "AssignedIPs")), 1);
        eni = json_object_iter_value(json_object_iter(json_object_get(card, "ENIs")));
        assert_true(json_is_true(json_object_get(eni, "IsPrimary")));
        assert_int_equal(json_object_size(json_object_get(eni, "AvailableIPv4Cidrs")), 3);
        snprintf(key, sizeof(key), "%s/32", IP_TEXT(address));
        cidr = json_object_get(json_object_get(eni, "AvailableIPv4Cidrs"), key);
        assert_string_equal(text_at(cidr, "Cidr", "IP"), IP_TEXT(address));
        used = json_object_get(json_object_get(cidr, "IPAddresses"), IP_TEXT(address));
        assert_string_equal(text_at(used, "IPAMMetadata", "k8sPodName"), "<b>cart\"");
        assert_string_equal(text_at(used, "IPAMKey", "containerID"), "");
        assert_int_equal(json_array_size(json_object_get(pods, "pods")), 1);
        pod = json_array_get(json_object_get(pods, "pods"), 0);
        assert_string_equal(json_string_value(json_object_get(pod, "name")), "<b>cart\"");
        assert_string_equal(json_string_value(json_object_get(pod, "address")), IP_TEXT(address));
        assert_string_equal(json_string_value(json_object_get(pod, "state")), "reserved");
        ASSERT_KEYS(pod, "namespace", "name", "uid", "address", "eni_id", "device_index", "network_card",
                    "state", "lost", "since_ms");
}

static void begin_eni(struct fixture *fixture)
{
        const struct eni eni = {.client_token = "token", .subnet_id = "subnet-1", .device_index = 1};
        struct err err;
        int64_t key;

        assert_ok(store_eni_begin(fixture->store, &eni, clock_boottime_ms(), &key, &err), &err);
}

static void test_node(void **state)
{
        _cleanup_json_ json_t *node = NULL;
        static const char *const later[] = {"eni_id", "primary_address", "subnet_cidr"};
        json_t *call, *eni, *begun, *address, *hour, *event;

        calls_add(calls, &(const struct calls_entry){.action = "CreateNetworkInterface",
                                                     .class = "denied",
                                                     .code = "UnauthorizedOperation",
                                                     .http_status = 403,
                                                     .why = "no \xff text"});
        (void)lease(*state, 1);
        begin_eni(*state);
        node = ask_json("/v1/node");
        hour = json_object_get(json_object_get(node, "hour"), "add");
        call = json_array_get(json_object_get(node, "calls"), 0);
        assert_string_equal(json_string_value(json_object_get(call, "code")), "UnauthorizedOperation");
        assert_string_equal(json_string_value(json_object_get(call, "why")), "no ? text");
        ASSERT_KEYS(call, "at_ms", "action", "class", "http_status", "code", "why", "took_us");
        eni = json_array_get(json_object_get(node, "enis"), 0);
        assert_int_equal(json_array_size(json_object_get(eni, "addresses")), 3);
        assert_string_equal(json_string_value(json_object_get(eni, "subnet_cidr")), "10.0.0.0/16");
        assert_string_equal(json_string_value(json_object_get(eni, "primary_address")), "10.0.0.100");
        assert_string_equal(json_string_value(json_object_get(eni, "mac")), "02:00:00:00:00:01");
        ASSERT_KEYS(eni, "key", "eni_id", "device_index", "network_card", "state", "subnet_id", "subnet_cidr",
                    "mac", "primary_address", "primary", "managed", "since_ms", "addresses");
        begun = json_array_get(json_object_get(node, "enis"), 1); /* EC2 has not said yet what it is */
        for (size_t i = 0; i < ARRAY_SIZE(later); i++)
                assert_string_equal(json_string_value(json_object_get(begun, later[i])), "");
        assert_true(json_is_true(json_object_get(json_object_get(node, "status"), "ready")));
        assert_int_equal(json_array_size(json_object_get(node, "waiting")), 0);
        event = json_array_get(json_object_get(node, "events"), 0);
        ASSERT_KEYS(event, "id", "at_ms", "kind", "subject", "text", "pod");
        assert_string_equal(json_string_value(json_object_get(event, "kind")), "lease-added");
        assert_string_equal(json_string_value(json_object_get(event, "text")),
                            "net/0123456789ab/eth0: <b>cart\"");
        assert_in_range(json_array_size(json_object_get(node, "minutes")), 1, 2);
        assert_int_equal(json_integer_value(json_object_get(json_object_get(hour, "rpc"), "n")), 1);
        ASSERT_KEYS(json_object_get(hour, "rpc"), "n", "p50_us", "p99_us", "max_us");
        address = json_array_get(json_object_get(eni, "addresses"), 0);
        assert_string_equal(json_string_value(json_object_get(address, "container")), "0123456789ab");
        assert_string_equal(json_string_value(json_object_get(address, "pod")), "<b>cart\"");
}

struct waiter {
        struct fixture *fixture;
        unsigned number;
        const char *container_id, *pod_name;
};

/* Its Add waits until a Del ends it. */
static void *wait_for_address(void *data)
{
        const struct waiter *waiter = data;
        _cleanup_(ipam_client_freep) struct ipam_client *client = fixture_connect(waiter->fixture);
        struct ipam_add_request request = fixture_request(waiter->fixture, waiter->number, 60000);
        struct ipam_add_reply reply;
        struct err err;

        request.container_id = waiter->container_id;
        request.pod_namespace = waiter->pod_name ? "shop" : NULL;
        request.pod_name = waiter->pod_name;
        assert_int_equal(ipam_add(client, &request, &reply, &err), -ERR_NOT_FOUND);
        return NULL;
}

/* Who waits, in order, and what the history says of it: nowhere the container's whole id. */
static void test_who_waits(void **state)
{
        enum { ADDRESSES = 3 };
        static const char long_id[] = "fedcba9876543210fedcba9876543210";
        struct waiter waiters[] = {{*state, 11, "0123456789abcdef0123", "<i>till"},
                                   {*state, 12, long_id, NULL}};
        _cleanup_(ipam_client_freep) struct ipam_client *client = fixture_connect(*state);
        _cleanup_free_ char *answer = NULL;
        json_t *waiting, *first, *second;
        _cleanup_json_ json_t *node = NULL;
        pthread_t threads[ARRAY_SIZE(waiters)];
        struct ipam_add_request requests[ADDRESSES];
        struct err err;

        for (unsigned i = 1; i <= ADDRESSES; i++) {
                requests[i - 1] = fixture_request(*state, i, 1000);
                assert_ok(ipam_add(client, &requests[i - 1], &(struct ipam_add_reply){0}, &err), &err);
        }
        for (size_t i = 0; i < ARRAY_SIZE(waiters); i++) {
                assert_int_equal(pthread_create(&threads[i], NULL, wait_for_address, &waiters[i]), 0);
                fixture_wait_waiting(*state, (unsigned)i + 1);
        }
        node = ask_json("/v1/node");
        waiting = json_object_get(node, "waiting");
        first = json_array_get(waiting, 0);
        second = json_array_get(waiting, 1);
        ASSERT_KEYS(first, "namespace", "pod", "container", "since_ms", "deadline_ms");
        assert_string_equal(json_string_value(json_object_get(first, "pod")), "<i>till");
        assert_int_equal(json_integer_value(json_object_get(first, "deadline_ms")) -
                                 json_integer_value(json_object_get(first, "since_ms")),
                         60000);
        assert_string_equal(json_string_value(json_object_get(second, "container")), "fedcba987654");
        assert_string_equal(json_string_value(json_object_get(
                                    json_array_get(json_object_get(node, "events"), 0), "subject")),
                            "fedcba987654");
        answer = ask(introspection_path, "/v1/node");
        assert_null(strstr(answer, long_id));
        for (size_t i = 0; i < ARRAY_SIZE(waiters); i++) {
                const struct ipam_del_request request = {
                        .network = "net", .container_id = waiters[i].container_id, .ifname = "eth0"};

                assert_ok(ipam_del(client, &request, &(struct ipam_del_reply){0}, &err), &err);
                assert_int_equal(pthread_join(threads[i], NULL), 0);
        }
}

static void test_settings(void **state _unused_)
{
        _cleanup_json_ json_t *network = ask_json("/v1/networkutils-env-settings"),
                              *ipamd = ask_json("/v1/ipamd-env-settings");

        assert_int_equal(json_object_size(network), 1);
        assert_int_equal(json_integer_value(json_object_get(network, "AWS_VPC_ENI_MTU")), 9001);
        assert_int_equal(json_object_size(ipamd), 1);
        assert_int_equal(json_integer_value(json_object_get(ipamd, "WARM_ENI_TARGET")), 1);
}

/* The page's files are there, whole, as what they are, and may do only what the page needs. */
static void test_page(void **state _unused_)
{
        static const struct {
                const char *path, *type, *begin, *end;
        } files[] = {
                {"/", "text/html; charset=utf-8", "<!DOCTYPE html>", "</html>\n"},
                {"/page/page.css", "text/css; charset=utf-8", "/* SPDX", "}\n"},
                {"/page/page.js", "text/javascript; charset=utf-8", "// SPDX", "refresh();\n"},
                {"/page/icon.svg", "image/svg+xml", "<svg ", "</svg>\n"},
        };
        static const char policy[] =
                "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src "
                "'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
                "require-trusted-types-for 'script'\r\n";

        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                _cleanup_free_ char *answer = ask(introspection_path, files[i].path);
                _cleanup_free_ char *elsewhere = ask(metrics_path, files[i].path);
                const char *body = strstr(answer, "\r\n\r\n") + 4;
                char type[64];

                snprintf(type, sizeof(type), "Content-Type: %s\r\n", files[i].type);
                assert_contains(answer, "HTTP/1.1 200 ");
                assert_contains(answer, type);
                assert_contains(answer, policy);
                assert_contains(answer, "X-Content-Type-Options: nosniff\r\n");
                assert_contains(answer, "Referrer-Policy: no-referrer\r\n");
                assert_contains(answer, "Cache-Control: no-store\r\n");
                assert_int_equal(strncmp(body, files[i].begin, strlen(files[i].begin)), 0);
                assert_string_equal(body + strlen(body) - strlen(files[i].end), files[i].end);
                assert_contains(elsewhere, "HTTP/1.1 404 ");
        }
}

/* ---- who may ask what ---- */

static void test_what_is_answered(void **state _unused_)
{
        static const struct {
                const char *request, *expect;
        } cases[] = {
                {"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200 "},
                {"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:61679\r\n\r\n", "\r\n\r\nok\n"},
                {"GET /healthz HTTP/1.1\r\nHost: [::1]:61679\r\n\r\n", "HTTP/1.1 200 "},
                {"GET /healthz HTTP/1.0\r\n\r\n", " 200 "},
                {"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n", "\r\n\r\nok\n"},
                {"GET /v1 HTTP/1.1\r\nHost: localhost\r\n\r\n", "\"/v1/enis\""},
                {"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n", "\"/v1/enis\""},
                {"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: Application/JSON;q=0.9, */*\r\n\r\n",
                 "Content-Type: application/json\r\n"},
                {"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: text/html,application/json\r\n\r\n",
                 "Content-Type: text/html"},
                {"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n", "Content-Type: text/html"},
                {"GET /v1 HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n", "\"/v1/enis\""},
                {"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "HTTP/1.1 421 "},
                {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405 "},
                {"GET /page/ HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 404 "},
                {"GET /?x=y HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200 "},
                {"GET /v1/enis HTTP/1.1\r\nHost: evil.example\r\n\r\n", "HTTP/1.1 421 "},
                {"GET /v1/enis HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n", "HTTP/1.1 421 "},
                {"GET /v1/enis HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n\r\n", "HTTP/1.1 421 "},
                {"GET /v1/enis HTTP/1.1\r\nHost: \r\n\r\n", "HTTP/1.1 421 "},
                {"GET /v1/enis HTTP/1.1\r\nHost: [::1\r\n\r\n", "HTTP/1.1 421 "},
                {"POST /v1/enis HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 405 "},
                {"DELETE /v1/enis HTTP/1.1\r\nHost: localhost\r\n\r\n", "Allow: GET, HEAD\r\n"},
                {"GET /../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 404 "},
                {"GET /v1/enis HTTP/1.1\r\nHost: localhost\r\n\r\n",
                 "Content-Security-Policy: default-src 'none'"},
                {"GET /v1/enis HTTP/1.1\r\nHost: localhost\r\n\r\n", "Connection: close\r\n"},
        };
        _cleanup_free_ char *head = NULL;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *answer = ask_raw(introspection_path, cases[i].request);

                if (!strstr(answer, cases[i].expect))
                        fail_msg("%s is answered %s", cases[i].request, answer);
        }
        head = ask_raw(introspection_path, "HEAD /v1/enis HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_contains(head, "HTTP/1.1 200 ");
        assert_string_equal(strstr(head, "\r\n\r\n"), "\r\n\r\n");
}

/* ---- bad clients ---- */

static void assert_serves(struct fixture *fixture)
{
        _cleanup_(ipam_client_freep) struct ipam_client *client = fixture_connect(fixture);
        struct ipam_status_reply status;
        struct err err;

        assert_ok(ipam_status(client, &status, &err), &err);
}

static void test_huge_head(void **state)
{
        static char request[64 * 1024] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ";
        int fd = raw_connect(introspection_path);
        _cleanup_free_ char *answer = NULL;

        memset(request + strlen(request), 'x', sizeof(request) - strlen(request) - 1);
        (void)!send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL); /* it may be cut off in the middle */
        answer = read_all(fd);
        assert_null(strstr(answer, " 200 "));
        assert_serves(*state);
}

static void test_garbage(void **state)
{
        _cleanup_free_ char *answer = ask_raw(introspection_path, "\x16\x03\x01 not HTTP\r\n\r\n\r\n");

        assert_null(strstr(answer, " 200 "));
        assert_serves(*state);
}

static bool is_open(int fd)
{
        char byte;

        return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

/* As many half requests as there may be clients: the oldest make room, and the next one is served while others wait on. */
static void test_too_many_silent_visitors(void **state)
{
        static const char half[] = "GET /metrics HTTP/1.1\r\nHost: ";
        int fds[HTTP_CONNECTIONS_MAX];
        _cleanup_free_ char *answer = NULL;

        for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
                fds[i] = raw_connect(metrics_path);
                raw_send(fds[i], half, sizeof(half) - 1);
        }
        assert_serves(*state);
        answer = ask(metrics_path, "/metrics");
        assert_contains(answer, " 200 ");
        assert_true(is_open(fds[ARRAY_SIZE(fds) - 1])); /* its time is not over */
        assert_false(is_open(fds[0]));
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                close(fds[i]);
}

static int silent[HTTP_CONNECTIONS_MAX];

static void task_close_silent(struct fixture *fixture _unused_)
{
        for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
                close(silent[i]);
}

/* As many as there may be, and they all go at one moment: closed while the loop looks away. The next one is served. */
static void test_a_full_house_that_empties_at_once(void **state)
{
        static const char request[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
        const struct timeval patience = {.tv_sec = TEST_PATIENCE_MS / 1000};
        _cleanup_free_ char *answer = NULL;
        int fd;

        for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
                silent[i] = raw_connect(introspection_path);
        for (int i = 0; i < 5; i++)
                assert_serves(*state); /* each lets the loop take what has come */
        fixture_run(*state, task_close_silent);
        fd = raw_connect(introspection_path);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        raw_send(fd, request, sizeof(request) - 1);
        answer = read_all(fd);
        assert_contains(answer, " 200 ");
}

static int client, newcomer;
static struct rlimit files;

/* A client comes, and there is no descriptor for it. */
static void task_run_out_of_files(struct fixture *fixture _unused_)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        struct rlimit none_free = files;
        int lowest = dup(STDERR_FILENO);

        close(lowest);
        none_free.rlim_cur = (rlim_t)lowest;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none_free), 0);
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", introspection_path);
        assert_int_equal(connect(newcomer, (const struct sockaddr *)&address, sizeof(address)), 0);
}

static void task_have_files_again(struct fixture *fixture _unused_)
{
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
        close(client);
}

/* libmicrohttpd then listens no more until a client goes. The one that waited is served. */
static void test_out_of_files(void **state)
{
        static const char request[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
        const struct timeval patience = {.tv_sec = TEST_PATIENCE_MS / 1000};
        _cleanup_free_ char *answer = NULL;

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
        client = raw_connect(introspection_path);
        newcomer = socket(AF_UNIX, SOCK_STREAM, 0);
        setsockopt(newcomer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        assert_serves(*state);
        fixture_catch_up(*state);
        fixture_run(*state, task_run_out_of_files);
        fixture_catch_up(*state);
        fixture_run(*state, task_have_files_again);
        raw_send(newcomer, request, sizeof(request) - 1);
        answer = read_all(newcomer);
        assert_contains(answer, " 200 ");
}

/* One byte now and then keeps no connection longer than its time. */
static void test_slow_visitor(void **state)
{
        static const char request[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ";
        int fd = raw_connect(introspection_path);
        int64_t end_ms = clock_boottime_ms() + 2 * HTTP_CONNECTION_MS + 20000;
        struct timeval patience = {.tv_usec = 200 * 1000};
        char byte;

        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        raw_send(fd, request, sizeof(request) - 1);
        for (;;) {
                ssize_t sent = send(fd, "x", 1, MSG_NOSIGNAL), got = recv(fd, &byte, 1, 0);

                if (sent < 0 || got == 0)
                        break;
                assert_true(clock_boottime_ms() < end_ms);
        }
        close(fd);
        assert_serves(*state);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_metrics_of_the_database),
                TEST(test_enis_and_pods),
                TEST(test_node),
                TEST(test_who_waits),
                TEST(test_settings),
                TEST(test_page),
                TEST(test_what_is_answered),
                TEST(test_huge_head),
                TEST(test_garbage),
                TEST(test_too_many_silent_visitors),
                TEST(test_a_full_house_that_empties_at_once),
                TEST(test_out_of_files),
                TEST(test_slow_visitor),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
