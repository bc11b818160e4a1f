// SPDX-License-Identifier: Apache-2.0
/* Web identity and the container's agent: what is sent, what is read, when it is asked again, what no error shows. */
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

#include <vpcwire/file.h>

#include "cloud/credentials.h"
#include "cloud/imds.h"
#include "cloud/provider.h"
#include "hand_clock.h"
#include "httpd.h"

struct fixture {
        char token_path[32];
        struct httpd *httpd;
        struct credentials *credentials;
        struct credentials_view view;
        struct err err;
};

static int setup(void **state)
{
        struct fixture *f = XNEW(struct fixture);
        int fd;

        clearenv();
        hand_clock_set(1440938160000); /* 2015-08-30T12:36:00Z */
        strcpy(f->token_path, "/tmp/vw-token-XXXXXX");
        fd = mkstemp(f->token_path);
        assert_true(fd >= 0);
        close(fd);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;

        credentials_free(f->credentials);
        if (f->httpd)
                httpd_stop(f->httpd);
        unlink(f->token_path);
        free(f);
        return 0;
}

/* A server with this script, as STS, and credentials that have been asked for nothing yet. */
static void start(struct fixture *f, const struct httpd_reply *script, size_t n)
{
        credentials_free(f->credentials);
        if (f->httpd)
                httpd_stop(f->httpd);
        f->httpd = httpd_start(script, n);
        f->credentials =
                credentials_open(&(const struct credentials_options){.region = "eu-west-1",
                                                                     .sts_endpoint = httpd_url(f->httpd),
                                                                     .timeout_ms = TEST_PATIENCE_MS,
                                                                     .wall_ms = hand_clock_wall_ms,
                                                                     .boottime_ms = hand_clock_boottime_ms});
}

static int get(struct fixture *f)
{
        return credentials_get(f->credentials, &f->view, &f->err);
}

static void write_token(struct fixture *f, const char *token)
{
        assert_ok(file_replace(f->token_path, token, strlen(token), 0600, &f->err), &f->err);
}

static void assert_secret_is_not_shown(const struct fixture *f)
{
        assert_null(strstr(f->err.msg, "SECRET"));
}

/* ---- web identity ---- */

#define STS_REPLY(id, expiration)                                                                            \
        "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"            \
        "<AssumeRoleWithWebIdentityResult><SubjectFromWebIdentityToken>s</SubjectFromWebIdentityToken>"      \
        "<Credentials><SessionToken>TOKEN/" id "+==</SessionToken><SecretAccessKey>SECRET-" id               \
        "</SecretAccessKey><Expiration>" expiration "</Expiration><AccessKeyId>" id                          \
        "</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
#define STS_ERROR(code, message)                                                                             \
        "<ErrorResponse><Error><Type>Sender</Type><Code>" code "</Code><Message>" message                    \
        "</Message></Error><RequestId>r</RequestId></ErrorResponse>"

static void set_web_identity(struct fixture *f)
{
        setenv("AWS_WEB_IDENTITY_TOKEN_FILE", f->token_path, 1);
        setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/cni", 1);
        write_token(f, "eyJhbGci.SECRET-one\n");
}

static void test_web_identity(void **state)
{
        static const struct httpd_reply script[] = {
                {.on = "POST /", .body = STS_REPLY("ONE", "2015-08-30T13:36:00.250Z")},
                {.on = "POST /", .body = STS_REPLY("TWO", "2015-08-30T14:36:00Z")},
        };
        struct fixture *f = *state;

        set_web_identity(f);
        start(f, script, ARRAY_SIZE(script));
        assert_ok(get(f), &f->err);
        assert_string_equal(f->view.access_key_id, "ONE");
        assert_string_equal(f->view.secret_access_key, "SECRET-ONE");
        assert_string_equal(f->view.session_token, "TOKEN/ONE+==");
        assert_string_equal(httpd_request(f->httpd, 0)->body,
                            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
                            "&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fcni"
                            "&RoleSessionName=vpcwire-1440938160&WebIdentityToken=eyJhbGci.SECRET-one");
        assert_null(strstr(httpd_request(f->httpd, 0)->headers, "authorization"));
        setenv("AWS_ROLE_SESSION_NAME", "node@1", 1);
        write_token(f, "eyJhbGci.SECRET-two");
        hand_clock_advance(53 * MINUTE_MS);
        assert_ok(get(f), &f->err);
        assert_int_equal(httpd_requests(f->httpd), 1);
        hand_clock_advance(2 * MINUTE_MS + 1); /* ahead of the end; the token file is read again */
        assert_ok(get(f), &f->err);
        assert_string_equal(f->view.access_key_id, "TWO");
        assert_contains(httpd_request(f->httpd, 1)->body,
                        "&RoleSessionName=node%401&WebIdentityToken=eyJhbGci.SECRET-two");
        assert_int_equal(httpd_connections(f->httpd), 1);
}

static void test_web_identity_refusals(void **state)
{
        static const struct {
                unsigned status;
                const char *body;
                enum err_code code;
                const char *says;
        } cases[] = {
                {400, STS_ERROR("ExpiredTokenException", "Token expired"), ERR_DENIED,
                 "HTTP 400 ExpiredTokenException: Token expired"},
                {403, STS_ERROR("AccessDenied", "Not authorized"), ERR_DENIED, "AccessDenied: Not"},
                {400, STS_ERROR("InvalidIdentityToken", "not a JWT: eyJhbGci.SECRET"), ERR_DENIED,
                 "InvalidIdentityToken: (left out)"},
                {400, STS_ERROR("IDPCommunicationError", "x"), ERR_AGAIN, "IDPCommunicationError"},
                {400, STS_ERROR("Throttling", "Rate exceeded"), ERR_AGAIN, "Throttling"},
                {503, "<html>SECRET", ERR_AGAIN, "HTTP 503 without an error code"},
                {404, "", ERR_DENIED, "HTTP 404 without an error code"},
                {200, "", ERR_PROTOCOL, "not XML"},
                {200, "<SECRET/>", ERR_PROTOCOL, "not <AssumeRoleWithWebIdentityResponse>"},
                {200, "<AssumeRoleWithWebIdentityResponse/>", ERR_PROTOCOL, "no <Credentials>"},
                {200, STS_REPLY("", "2015-08-30T13:36:00Z"), ERR_PROTOCOL, "AccessKeyId is missing"},
                {200, STS_REPLY("A", "soon"), ERR_PROTOCOL, "Expiration is 'soon'"},
                {200, STS_REPLY("A", "2015-08-30T12:36:00Z"), ERR_DENIED, "have expired"},
        };
        struct fixture *f = *state;

        set_web_identity(f);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const struct httpd_reply script[] = {{.status = cases[i].status, .body = cases[i].body}};

                start(f, script, 1);
                assert_fails(get(f), cases[i].code);
                assert_contains(f->err.msg, "no credentials: web identity: ");
                assert_contains(f->err.msg, cases[i].says);
                if (cases[i].status != 200 || i != 8) /* that one is the name of an element */
                        assert_secret_is_not_shown(f);
        }
}

static void test_web_identity_settings(void **state)
{
        struct fixture *f = *state;
        _cleanup_(text_done) struct text long_token = {0};

        start(f, NULL, 0);
        set_web_identity(f);
        unsetenv("AWS_ROLE_ARN");
        assert_fails(get(f), ERR_DENIED);
        assert_contains(f->err.msg, "AWS_ROLE_ARN is not set");
        set_web_identity(f);
        setenv("AWS_ROLE_SESSION_NAME", "a12345678901234567890123456789012345678901234567890123456789012345",
               1);
        assert_fails(get(f), ERR_INVALID);
        assert_contains(f->err.msg, "AWS_ROLE_SESSION_NAME (64) is too long");
        unsetenv("AWS_ROLE_SESSION_NAME");
        write_token(f, " \n");
        assert_fails(get(f), ERR_INVALID);
        assert_contains(f->err.msg, "holds no token");
        write_token(f, "SECRET SECRET");
        assert_fails(get(f), ERR_INVALID);
        assert_secret_is_not_shown(f);
        for (int i = 0; i <= 20000; i++)
                text_add_bytes(&long_token, "x", 1);
        write_token(f, long_token.text);
        assert_fails(get(f), ERR_LIMIT);
        unlink(f->token_path);
        assert_fails(get(f), ERR_NOT_FOUND);
        assert_contains(f->err.msg, f->token_path);
        assert_int_equal(httpd_requests(f->httpd), 0);
}

/* Without a region of its own it is asked of IMDS; a region that is none never becomes a host name. */
static void test_web_identity_region(void **state)
{
        static const struct httpd_reply script[] = {
                {.on = "PUT /latest/api/token", .body = "T"},
                {.on = "GET /latest/meta-data/placement/region", .body = "evil.example/x#"},
        };
        struct fixture *f = *state;
        _cleanup_(imds_freep) struct imds *imds = NULL;
        _cleanup_(credentials_freep) struct credentials *credentials = NULL;

        set_web_identity(f);
        start(f, script, ARRAY_SIZE(script));
        assert_ok(imds_new(&(const struct imds_options){.endpoint = httpd_url(f->httpd)}, &imds, &f->err),
                  &f->err);
        credentials = credentials_open(&(const struct credentials_options){.imds = imds});
        assert_fails(credentials_get(credentials, &f->view, &f->err), ERR_INVALID);
        assert_contains(f->err.msg, "STS: region 'evil.example/x#'");
        credentials_free(credentials);
        credentials = credentials_open(&(const struct credentials_options){0});
        assert_fails(credentials_get(credentials, &f->view, &f->err), ERR_INVALID);
        assert_contains(f->err.msg, "AWS_REGION is not set");
}

/* ---- containers ---- */

#define AGENT_REPLY(id)                                                                                      \
        "{\"AccessKeyId\":\"" id "\",\"SecretAccessKey\":\"SECRET-" id "\",\"Token\":\"TOKEN-" id            \
        "\",\"AccountId\":\"1\",\"Expiration\":\"2015-08-30T18:36:00Z\"}"

static void set_agent(struct fixture *f, const char *path)
{
        char *url = xasprintf("%s%s", httpd_url(f->httpd), path);

        setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
        free(url);
}

static void test_agent(void **state)
{
        static const struct httpd_reply script[] = {
                {.on = "GET /v1/credentials", .body = AGENT_REPLY("ONE")},
                {.on = "GET /v1/credentials", .body = AGENT_REPLY("TWO")},
                {.on = "GET /v1/credentials", .body = AGENT_REPLY("THREE")},
        };
        struct fixture *f = *state;

        /* Nothing that leads elsewhere may be obeyed. */
        setenv("http_proxy", "http://127.0.0.1:1", 1);
        setenv("HTTPS_PROXY", "http://127.0.0.1:1", 1);
        start(f, script, ARRAY_SIZE(script));
        set_agent(f, "/v1/credentials");
        assert_ok(get(f), &f->err);
        assert_string_equal(f->view.access_key_id, "ONE");
        assert_string_equal(f->view.secret_access_key, "SECRET-ONE");
        assert_string_equal(f->view.session_token, "TOKEN-ONE");
        assert_null(strstr(httpd_request(f->httpd, 0)->headers, "authorization"));
        setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic one", 1);
        credentials_expire(f->credentials);
        assert_ok(get(f), &f->err);
        assert_contains(httpd_request(f->httpd, 1)->headers, "authorization: Basic one\n");
        setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", f->token_path, 1); /* the file goes first */
        write_token(f, "eyJ.two\n");
        credentials_expire(f->credentials);
        assert_ok(get(f), &f->err);
        assert_string_equal(f->view.access_key_id, "THREE");
        assert_contains(httpd_request(f->httpd, 2)->headers, "authorization: eyJ.two\n");
        assert_int_equal(httpd_connections(f->httpd), 1);
}

static void test_agent_failures(void **state)
{
        static const struct {
                unsigned status;
                const char *body;
                enum err_code code;
                const char *says;
        } cases[] = {
                {401, "SECRET", ERR_DENIED, "127.0.0.1: HTTP 401"},
                {302, "SECRET", ERR_DENIED, "127.0.0.1: HTTP 302"},
                {429, "SECRET", ERR_AGAIN, "HTTP 429"},
                {500, "SECRET", ERR_AGAIN, "HTTP 500"},
                {200, "{\"SECRET\"", ERR_PROTOCOL, "not JSON"},
                {200, "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"SECRET\"}", ERR_PROTOCOL, "Token is"},
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const struct httpd_reply script[] = {
                        {.status = cases[i].status, .body = cases[i].body, .header = "Location: /elsewhere"}};

                start(f, script, 1);
                set_agent(f, "/SECRET-id");
                assert_fails(get(f), cases[i].code);
                assert_contains(f->err.msg, "no credentials: container: ");
                assert_contains(f->err.msg, cases[i].says);
                assert_secret_is_not_shown(f);
                assert_int_equal(httpd_requests(f->httpd), 1);
        }
}

static void test_agent_tokens(void **state)
{
        struct fixture *f = *state;

        start(f, NULL, 0);
        set_agent(f, "/");
        setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "SECRET\r\nX-Evil: 1", 1);
        assert_fails(get(f), ERR_INVALID);
        assert_contains(f->err.msg, "AWS_CONTAINER_AUTHORIZATION_TOKEN has an unprintable");
        assert_secret_is_not_shown(f);
        setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", f->token_path, 1);
        assert_fails(get(f), ERR_INVALID);
        assert_contains(f->err.msg, "holds no token");
        write_token(f, "SECRET\nX-Evil: 1");
        assert_fails(get(f), ERR_INVALID);
        assert_secret_is_not_shown(f);
        unlink(f->token_path);
        assert_fails(get(f), ERR_NOT_FOUND);
        assert_int_equal(httpd_requests(f->httpd), 0);
        setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@evil.example/", 1);
        assert_fails(get(f), ERR_INVALID);
        assert_contains(f->err.msg, "does not begin with '/'");
}

static void test_agent_hosts(void **state _unused_)
{
        static const struct {
                const char *url;
                enum err_code code;
        } cases[] = {
                {"http://127.0.0.1:51679/x?y=z", ERR_NONE},
                {"http://127.1.2.3/", ERR_NONE},
                {"http://localhost/", ERR_NONE},
                {"http://LOCALHOST:8080/", ERR_NONE},
                {"http://[::1]:8080/", ERR_NONE},
                {"http://169.254.170.2/v2/credentials/x", ERR_NONE},
                {"http://169.254.170.23/v1/credentials", ERR_NONE},
                {"http://[fd00:ec2::23]/v1/credentials", ERR_NONE},
                {"http://[FD00:EC2:0:0::23]/v1/credentials", ERR_NONE},
                {"https://agent.example/", ERR_NONE},
                {"http://agent.example/", ERR_DENIED},
                {"http://169.254.169.254/", ERR_DENIED},
                {"http://169.254.170.22/", ERR_DENIED},
                {"http://[fd00:ec2::254]/", ERR_DENIED},
                {"http://10.0.0.1/", ERR_DENIED},
                {"http://128.0.0.1/", ERR_DENIED},
                {"http://[::ffff:10.0.0.1]/", ERR_DENIED},
                {"http://2130706433/", ERR_NONE}, /* 127.0.0.1, and sent as such */
                {"http://167772161/", ERR_DENIED},
                {"http://127.0.0.1.evil.example/", ERR_DENIED},
                {"http://localhost.evil.example/", ERR_DENIED},
                {"http://127.0.0.1@evil.example/", ERR_INVALID},
                {"http://evil.example#@127.0.0.1/", ERR_INVALID},
                {"http://evil.example\\@127.0.0.1/", ERR_INVALID},
                {"ftp://127.0.0.1/", ERR_INVALID},
                {"file:///etc/shadow", ERR_INVALID},
                {"127.0.0.1", ERR_INVALID},
                {"", ERR_INVALID},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(http_url_done) struct http_url url = {0};
                struct err err = {0};
                int r = http_parse_url(cases[i].url, &url, &err);

                if (r == 0)
                        r = provider_container_check(&url, &err);
                if (r != -(int)cases[i].code)
                        fail_msg("%s: %d %s", cases[i].url, r, err.msg);
        }
}

/* The order: a provider that is set up hides those behind it, also when it fails. */
static void test_order(void **state)
{
        static const struct httpd_reply script[] = {
                {.on = "POST /", .status = 403, .body = STS_ERROR("AccessDenied", "x")},
                {.on = "GET /agent", .body = AGENT_REPLY("AGENT")},
                {.on = "POST /", .body = STS_REPLY("WEB", "2015-08-30T13:36:00Z")},
        };
        struct fixture *f = *state;

        start(f, script, ARRAY_SIZE(script));
        set_agent(f, "/agent");
        set_web_identity(f);
        assert_fails(get(f), ERR_DENIED);
        assert_contains(f->err.msg, "no credentials: web identity: ");
        assert_contains(f->err.msg, "; not set up: environment: AWS_ACCESS_KEY_ID is not set, profile: ");
        unsetenv("AWS_WEB_IDENTITY_TOKEN_FILE");
        assert_ok(get(f), &f->err);
        assert_string_equal(f->view.access_key_id, "AGENT");
        set_web_identity(f);
        credentials_expire(f->credentials);
        assert_ok(get(f), &f->err);
        assert_string_equal(f->view.access_key_id, "WEB");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_web_identity, setup, teardown),
                cmocka_unit_test_setup_teardown(test_web_identity_refusals, setup, teardown),
                cmocka_unit_test_setup_teardown(test_web_identity_settings, setup, teardown),
                cmocka_unit_test_setup_teardown(test_web_identity_region, setup, teardown),
                cmocka_unit_test_setup_teardown(test_agent, setup, teardown),
                cmocka_unit_test_setup_teardown(test_agent_failures, setup, teardown),
                cmocka_unit_test_setup_teardown(test_agent_tokens, setup, teardown),
                cmocka_unit_test(test_agent_hosts),
                cmocka_unit_test_setup_teardown(test_order, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
