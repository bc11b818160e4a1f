// SPDX-License-Identifier: Apache-2.0
/* One exchange over HTTP: limits, broken peers, reuse, and that nothing is sent twice. */
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

#include <vpcwire/file.h>

#include "client/http.h"
#include "httpd.h"

enum { MAX_BODY_BYTES = 1000 };

static struct http *new_http(unsigned timeout_ms)
{
        const struct http_options options = {.max_body_bytes = MAX_BODY_BYTES,
                                             .timeout_ms = timeout_ms,
                                             .connect_timeout_ms = timeout_ms,
                                             .no_proxy = true};
        struct http *http;
        struct err err;

        assert_ok(http_new(&options, &http, &err), &err);
        return http;
}

static int send(struct http *http, const char *method, const char *base, const char *body,
                struct http_reply *ret, struct err *err)
{
        _cleanup_free_ char *url = xasprintf("%s/x", base);
        const struct http_request request = {
                .method = method, .url = url, .body = body, .body_bytes = body ? strlen(body) : 0};

        return http_exchange(http, &request, ret, err);
}

static void test_reply_and_reuse(void **state _unused_)
{
        static const struct httpd_reply script[] = {
                {.on = "GET /x", .body = "hello", .header = "X-Thing: 7"},
                {.on = "POST /x", .status = 400, .body = "a\0b", .body_bytes = 3},
                {.on = "PUT /x"},
        };
        _cleanup_(httpd_stopp) struct httpd *httpd = httpd_start(script, ARRAY_SIZE(script));
        _cleanup_(http_freep) struct http *http = new_http(TEST_PATIENCE_MS);
        struct http_reply reply;
        struct err err;

        assert_ok(send(http, "GET", httpd_url(httpd), NULL, &reply, &err), &err);
        assert_int_equal(reply.status, 200);
        assert_string_equal(reply.body, "hello");
        assert_string_equal(http_reply_header(http, "x-thing"), "7");
        assert_non_null(http_reply_header(http, "Date"));
        assert_null(http_reply_header(http, "nothing"));
        assert_ok(send(http, "POST", httpd_url(httpd), "a=b", &reply, &err), &err);
        assert_int_equal(reply.status, 400);
        assert_int_equal(reply.body_bytes, 3);
        assert_ok(send(http, "PUT", httpd_url(httpd), NULL, &reply, &err), &err);
        assert_int_equal(reply.body_bytes, 0);
        assert_string_equal(reply.body, "");
        assert_string_equal(httpd_request(httpd, 1)->body, "a=b");
        assert_contains(httpd_request(httpd, 1)->headers, "user-agent: vpcwire/" VPCWIRE_VERSION "\n");
        assert_null(strstr(httpd_request(httpd, 1)->headers, "expect:"));
        assert_int_equal(httpd_connections(httpd), 1);
}

static void test_faults(void **state _unused_)
{
        static const struct {
                struct httpd_reply reply;
                enum err_code code;
                const char *says;
        } cases[] = {
                {{.fault = HTTPD_DROP}, ERR_AGAIN, "no complete reply"},
                {{.fault = HTTPD_TRUNCATE, .body = "half of it"}, ERR_AGAIN, "no complete reply"},
                {{.fault = HTTPD_CRAWL, .body_bytes = MAX_BODY_BYTES}, ERR_TIMEOUT, "in time"},
                {{.body_bytes = MAX_BODY_BYTES + 1}, ERR_LIMIT, "1000 bytes"},
                {{.body_bytes = 100 * 1024 * 1024}, ERR_LIMIT, "1000 bytes"},
        };
        struct http_reply reply;
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                bool slow = cases[i].reply.fault == HTTPD_CRAWL;
                _cleanup_(httpd_stopp) struct httpd *httpd = httpd_start(&cases[i].reply, 1);
                _cleanup_(http_freep) struct http *http =
                        new_http(slow ? HTTPD_CRAWL_TIMEOUT_MS : TEST_PATIENCE_MS);

                assert_fails(send(http, "POST", httpd_url(httpd), "x", &reply, &err), cases[i].code);
                assert_contains(err.msg, cases[i].says);
                assert_int_equal(httpd_requests(httpd), 1);
        }
}

static void test_limit_is_exact(void **state _unused_)
{
        static const struct httpd_reply script[] = {{.body_bytes = MAX_BODY_BYTES}};
        _cleanup_(httpd_stopp) struct httpd *httpd = httpd_start(script, 1);
        _cleanup_(http_freep) struct http *http = new_http(TEST_PATIENCE_MS);
        struct http_reply reply;
        struct err err;

        assert_ok(send(http, "GET", httpd_url(httpd), NULL, &reply, &err), &err);
        assert_int_equal(reply.body_bytes, MAX_BODY_BYTES);
}

/* On a kept connection that dies, curl would send the request again by itself. Never for what has a body. */
static void test_nothing_is_sent_twice(void **state _unused_)
{
        static const struct httpd_reply script[] = {
                {.body = "fine"},
                {.fault = HTTPD_DROP},
                {.body = "to the third"},
        };
        _cleanup_(httpd_stopp) struct httpd *httpd = httpd_start(script, ARRAY_SIZE(script));
        _cleanup_(http_freep) struct http *http = new_http(TEST_PATIENCE_MS);
        struct http_reply reply;
        struct err err;

        assert_ok(send(http, "POST", httpd_url(httpd), "n=1", &reply, &err), &err);
        assert_fails(send(http, "POST", httpd_url(httpd), "n=2", &reply, &err), ERR_AGAIN);
        assert_ok(send(http, "POST", httpd_url(httpd), "n=3", &reply, &err), &err);
        assert_string_equal(reply.body, "to the third");
        assert_int_equal(httpd_requests(httpd), 3);
        assert_string_equal(httpd_request(httpd, 2)->body, "n=3");
}

static void test_no_redirect_no_peer(void **state _unused_)
{
        static const struct httpd_reply script[] = {{.status = 302, .header = "Location: /elsewhere"}};
        struct httpd *httpd = httpd_start(script, 1);
        _cleanup_(http_freep) struct http *http = new_http(TEST_PATIENCE_MS);
        _cleanup_free_ char *url = xstrdup(httpd_url(httpd));
        struct http_reply reply;
        struct err err;

        assert_ok(send(http, "GET", url, NULL, &reply, &err), &err);
        assert_int_equal(reply.status, 302);
        assert_int_equal(httpd_requests(httpd), 1);
        httpd_stop(httpd);
        assert_fails(send(http, "GET", url, NULL, &reply, &err), ERR_AGAIN);
        assert_fails(send(http, "GET", "file:///etc", NULL, &reply, &err), ERR_AGAIN);
}

static void test_headers_stay_one_line(void **state _unused_)
{
        _cleanup_(http_freep) struct http *http = new_http(TEST_PATIENCE_MS);
        const struct http_header header = {"X-Amz-Security-Token", "SECRET\r\nX-Evil: 1"};
        const struct http_request request = {
                .method = "GET", .url = "http://127.0.0.1:1/", .headers = &header, .n_headers = 1};
        struct http_reply reply;
        struct err err;

        assert_fails(http_exchange(http, &request, &reply, &err), ERR_INVALID);
        assert_contains(err.msg, "X-Amz-Security-Token");
        assert_null(strstr(err.msg, "SECRET"));
}

static void test_endpoint(void **state _unused_)
{
        static const struct {
                const char *endpoint, *url, *host; /* url NULL: refused */
        } cases[] = {
                {"http://169.254.169.254", "http://169.254.169.254", "169.254.169.254"},
                {"http://169.254.169.254/", "http://169.254.169.254", "169.254.169.254"},
                {"http://[fd00:ec2::254]", "http://[fd00:ec2::254]", "[fd00:ec2::254]"},
                {"http://[fd00:ec2::254]:8080/", "http://[fd00:ec2::254]:8080", "[fd00:ec2::254]:8080"},
                {"https://ec2.eu-west-1.amazonaws.com", "https://ec2.eu-west-1.amazonaws.com",
                 "ec2.eu-west-1.amazonaws.com"},
                {"https://localhost:443", "https://localhost", "localhost"},
                {"http://localhost:80", "http://localhost", "localhost"},
                {"http://localhost:443", "http://localhost:443", "localhost:443"},
                {"", NULL, NULL},
                {"localhost:4566", NULL, NULL},
                {"ftp://localhost", NULL, NULL},
                {"file:///etc/passwd", NULL, NULL},
                {"http://user@localhost", NULL, NULL},
                {"http://localhost/path", NULL, NULL},
                {"http://localhost/?q=1", NULL, NULL},
                {"http://localhost/#f", NULL, NULL},
                {"http://localhost:99999", NULL, NULL},
                {"http://", NULL, NULL},
                {"http://a b", NULL, NULL},
        };
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *url = NULL, *host = NULL;
                int r = http_parse_endpoint(cases[i].endpoint, &url, &host, &err);

                if (cases[i].url) {
                        assert_ok(r, &err);
                        assert_string_equal(url, cases[i].url);
                        assert_string_equal(host, cases[i].host);
                } else {
                        if (r != -ERR_INVALID)
                                fail_msg("'%s' is accepted", cases[i].endpoint);
                        assert_contains(err.msg, cases[i].endpoint);
                }
        }
}

static void test_tls_is_verified(void **state _unused_)
{
        static const struct {
                const char *name;
                bool trusted;
                enum err_code code;
        } cases[] = {
                {"IP:127.0.0.1", true, ERR_NONE},
                {"IP:127.0.0.1", false, ERR_DENIED}, /* unknown issuer */
                {"DNS:localhost", true, ERR_DENIED}, /* another name */
        };
        static const struct httpd_reply script[] = {{.body = "secret"}};

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char ca_file[] = "/tmp/vw-test-ca-XXXXXX";
                _cleanup_close_ int fd = mkstemp(ca_file);
                _cleanup_free_ char *key = NULL, *certificate = NULL;
                struct http_options options = {.max_body_bytes = MAX_BODY_BYTES,
                                               .timeout_ms = TEST_PATIENCE_MS,
                                               .connect_timeout_ms = TEST_PATIENCE_MS};
                struct http_reply reply;
                struct err err;

                assert_true(fd >= 0);
                httpd_make_certificate(cases[i].name, &key, &certificate);
                assert_ok(file_write(ca_file, certificate, &err), &err);
                options.ca_file = cases[i].trusted ? ca_file : NULL;
                _cleanup_(httpd_stopp) struct httpd *httpd = httpd_start_tls(script, 1, key, certificate);
                _cleanup_(http_freep) struct http *http = NULL;

                assert_ok(http_new(&options, &http, &err), &err);
                assert_int_equal(send(http, "GET", httpd_url(httpd), NULL, &reply, &err),
                                 -(int)cases[i].code);
                assert_int_equal(httpd_requests(httpd), cases[i].code == ERR_NONE);
                unlink(ca_file);
        }
}

static void clear_proxies(void)
{
        static const char *const names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                            "ALL_PROXY",  "no_proxy",    "NO_PROXY"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                unsetenv(names[i]);
}

/* A proxy that tunnels nothing: what matters is who is asked, and that it sees no more than the host's name. */
static void test_proxies_of_the_environment(void **state _unused_)
{
        static const struct {
                const char *variable, *no_proxy;
                bool never; /* as for IMDS */
                enum err_code code;
                size_t at_proxy;
        } cases[] = {
                {"HTTPS_PROXY", NULL, false, ERR_AGAIN, 1},
                {"https_proxy", NULL, false, ERR_AGAIN, 1},
                {"HTTPS_PROXY", "example.com,10.0.0.0/8", false, ERR_AGAIN, 1},
                {"HTTPS_PROXY", "example.com,127.0.0.1", false, ERR_NONE, 0},
                {"HTTPS_PROXY", "127.0.0.0/8", false, ERR_NONE, 0},
                {"HTTPS_PROXY", "*", false, ERR_NONE, 0},
                {"HTTPS_PROXY", NULL, true, ERR_NONE, 0},
                {"ALL_PROXY", NULL, true, ERR_NONE, 0},
        };
        static const struct httpd_reply refusal[] = {{.status = 502}}, script[] = {{.body = "hello"}};
        char ca_file[] = "/tmp/vw-test-ca-XXXXXX";
        _cleanup_close_ int fd = mkstemp(ca_file);
        _cleanup_free_ char *key = NULL, *certificate = NULL;
        struct err err;

        assert_true(fd >= 0);
        httpd_make_certificate("IP:127.0.0.1", &key, &certificate);
        assert_ok(file_write(ca_file, certificate, &err), &err);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(httpd_stopp) struct httpd *proxy = httpd_start(refusal, 1);
                _cleanup_(httpd_stopp) struct httpd *httpd = httpd_start_tls(script, 1, key, certificate);
                const struct http_options options = {.max_body_bytes = MAX_BODY_BYTES,
                                                     .timeout_ms = TEST_PATIENCE_MS,
                                                     .connect_timeout_ms = TEST_PATIENCE_MS,
                                                     .no_proxy = cases[i].never,
                                                     .ca_file = ca_file};
                _cleanup_(http_freep) struct http *http = NULL;
                struct http_reply reply;

                clear_proxies();
                setenv(cases[i].variable, httpd_url(proxy), 1);
                if (cases[i].no_proxy)
                        setenv("NO_PROXY", cases[i].no_proxy, 1);
                assert_ok(http_new(&options, &http, &err), &err);
                assert_int_equal(send(http, "POST", httpd_url(httpd), "SECRET", &reply, &err),
                                 -(int)cases[i].code);
                assert_int_equal(httpd_requests(proxy), cases[i].at_proxy);
                assert_int_equal(httpd_requests(httpd), !cases[i].at_proxy);
                if (cases[i].at_proxy) {
                        assert_contains(httpd_request(proxy, 0)->line, "CONNECT ");
                        assert_string_equal(httpd_request(proxy, 0)->body, "");
                }
        }
        clear_proxies();
        unlink(ca_file);
}

static void test_date(void **state _unused_)
{
        static const struct {
                const char *header;
                int64_t ms;
        } cases[] = {
                {"Date: Sun, 30 Aug 2015 12:36:00 GMT", 1440938160000},
                {"Date: yesterday", 0},
                {"Date: Thu, 01 Jan 1970 00:00:00 GMT", 0},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const struct httpd_reply script[] = {{.header = cases[i].header}};
                _cleanup_(httpd_stopp) struct httpd *httpd = httpd_start(script, 1);
                _cleanup_(http_freep) struct http *http = new_http(TEST_PATIENCE_MS);
                struct http_reply reply;
                struct err err;

                assert_ok(send(http, "GET", httpd_url(httpd), NULL, &reply, &err), &err);
                assert_int_equal(http_reply_date_ms(http), cases[i].ms);
        }
}

static void test_nothing_is_sent_with_the_brake_pulled(void **state _unused_)
{
        static const struct httpd_reply script[] = {{.body = "hello"}};
        _cleanup_(httpd_stopp) struct httpd *httpd = httpd_start(script, 1);
        struct http_cancel cancel = {0};
        const struct http_options options = {.max_body_bytes = MAX_BODY_BYTES,
                                             .timeout_ms = TEST_PATIENCE_MS,
                                             .connect_timeout_ms = TEST_PATIENCE_MS,
                                             .no_proxy = true,
                                             .cancel = &cancel};
        _cleanup_(http_freep) struct http *http = NULL;
        struct http_reply reply;
        struct err err;

        assert_ok(http_new(&options, &http, &err), &err);
        assert_ok(send(http, "GET", httpd_url(httpd), NULL, &reply, &err), &err);
        http_cancel_all(&cancel);
        assert_fails(send(http, "GET", httpd_url(httpd), NULL, &reply, &err), ERR_AGAIN);
        assert_contains(err.msg, "stopping");
        assert_int_equal(httpd_requests(httpd), 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_reply_and_reuse),
                cmocka_unit_test(test_faults),
                cmocka_unit_test(test_limit_is_exact),
                cmocka_unit_test(test_nothing_is_sent_twice),
                cmocka_unit_test(test_no_redirect_no_peer),
                cmocka_unit_test(test_headers_stay_one_line),
                cmocka_unit_test(test_endpoint),
                cmocka_unit_test(test_tls_is_verified),
                cmocka_unit_test(test_proxies_of_the_environment),
                cmocka_unit_test(test_date),
                cmocka_unit_test(test_nothing_is_sent_with_the_brake_pulled),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
