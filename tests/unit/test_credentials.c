// SPDX-License-Identifier: Apache-2.0
/* Where credentials come from, when they are replaced, and that no error shows them. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include <vpcwire/clock.h>

#include "cloud/credentials.h"
#include "cloud/imds.h"
#include "cloud/provider_json.h"
#include "hand_clock.h"
#include "httpd.h"

#define PUT_TOKEN "PUT /latest/api/token"
#define ROLES     "GET /latest/meta-data/iam/security-credentials/"
#define ROLE      ROLES "vpcwire-node"

struct node {
        struct httpd *httpd;
        struct imds *imds;
        struct credentials *credentials;
};

static struct node node_start(const struct httpd_reply *script, size_t n)
{
        struct node node = {.httpd = httpd_start(script, n)};
        struct err err;

        assert_ok(imds_new(&(const struct imds_options){.endpoint = httpd_url(node.httpd)}, &node.imds, &err),
                  &err);
        node.credentials = credentials_open(&(const struct credentials_options){
                .imds = node.imds, .wall_ms = hand_clock_wall_ms, .boottime_ms = hand_clock_boottime_ms});
        hand_clock_set(1440938160000); /* 2015-08-30T12:36:00Z */
        clearenv();
        return node;
}

static void node_stop(struct node *node)
{
        credentials_free(node->credentials);
        imds_free(node->imds);
        httpd_stop(node->httpd);
}

#define JSON(id, expiration)                                                                                 \
        "{\"Code\" : \"Success\", \"LastUpdated\" : \"2015-08-30T12:00:00Z\", \"Type\" : \"AWS-HMAC\",\n"    \
        " \"AccessKeyId\" : \"" id "\", \"SecretAccessKey\" : \"SECRET-" id "\", \"Token\" : \"TOKEN-" id    \
        "\", \"Expiration\" : \"" expiration "\"}"

#define HEAD                                                                                                 \
        {.on = PUT_TOKEN, .body = "T", .times = HTTPD_ALWAYS},                                               \
        {                                                                                                    \
                .on = ROLES, .body = "vpcwire-node", .times = HTTPD_ALWAYS                                   \
        }

static struct credentials_health health_of(const struct node *node)
{
        struct credentials_health health;

        credentials_get_health(node->credentials, &health);
        return health;
}

static void test_environment(void **state _unused_)
{
        _cleanup_(node_stop) struct node node = node_start(NULL, 0);
        struct credentials_view view;
        struct err err;

        setenv("AWS_ACCESS_KEY_ID", "AKIDENV", 1);
        setenv("AWS_SECRET_ACCESS_KEY", "SECRETENV", 1);
        assert_ok(credentials_get(node.credentials, &view, &err), &err);
        assert_string_equal(view.access_key_id, "AKIDENV");
        assert_string_equal(view.secret_access_key, "SECRETENV");
        assert_null(view.session_token);
        setenv("AWS_SESSION_TOKEN", "TOKENENV", 1);
        assert_ok(credentials_get(node.credentials, &view, &err), &err);
        assert_null(view.session_token);
        credentials_expire(node.credentials);
        assert_ok(credentials_get(node.credentials, &view, &err), &err);
        assert_string_equal(view.session_token, "TOKENENV");
        assert_int_equal(httpd_requests(node.httpd), 0);
}

static void test_half_an_environment_is_refused(void **state _unused_)
{
        _cleanup_(node_stop) struct node node = node_start(NULL, 0);
        struct credentials_view view;
        struct err err;

        setenv("AWS_ACCESS_KEY_ID", "AKIDENV", 1);
        assert_fails(credentials_get(node.credentials, &view, &err), ERR_DENIED);
        assert_int_equal(err.code, ERR_DENIED);
        assert_contains(err.msg, "AWS_SECRET_ACCESS_KEY is missing");
        unsetenv("AWS_ACCESS_KEY_ID");
        setenv("AWS_SECRET_ACCESS_KEY", "SECRETENV\n", 1);
        assert_fails(credentials_get(node.credentials, &view, &err), ERR_DENIED);
        assert_contains(err.msg, "AWS_ACCESS_KEY_ID is missing");
        setenv("AWS_ACCESS_KEY_ID", "AKIDENV", 1);
        assert_fails(credentials_get(node.credentials, &view, &err), ERR_DENIED);
        assert_contains(err.msg, "AWS_SECRET_ACCESS_KEY has a space");
        assert_null(strstr(err.msg, "SECRETENV"));
        assert_int_equal(httpd_requests(node.httpd), 0);
}

static void test_nothing_anywhere(void **state _unused_)
{
        _cleanup_(credentials_freep) struct credentials *credentials =
                credentials_open(&(const struct credentials_options){0});
        struct credentials_view view;
        struct err err;

        clearenv();
        assert_fails(credentials_get(credentials, &view, &err), ERR_DENIED);
        assert_string_equal(
                err.msg,
                "no credentials: not set up: environment: AWS_ACCESS_KEY_ID is not set, profile: there is no "
                "'default', web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set, container: "
                "AWS_CONTAINER_CREDENTIALS_FULL_URI is not set, instance metadata: not used here");
}

static void test_imds_and_refresh(void **state _unused_)
{
        static const struct httpd_reply script[] = {
                HEAD,
                {.on = ROLE, .body = JSON("ONE", "2015-08-30T13:36:00Z")},
                {.on = ROLE, .body = JSON("TWO", "2015-08-30T19:36:00Z")},
        };
        _cleanup_(node_stop) struct node node = node_start(script, ARRAY_SIZE(script));
        struct credentials_view view;
        struct err err;

        assert_ok(credentials_get(node.credentials, &view, &err), &err);
        assert_string_equal(view.access_key_id, "ONE");
        assert_string_equal(view.secret_access_key, "SECRET-ONE");
        assert_string_equal(view.session_token, "TOKEN-ONE");
        hand_clock_advance(53 * MINUTE_MS);
        assert_ok(credentials_get(node.credentials, &view, &err), &err);
        assert_string_equal(view.access_key_id, "ONE");
        assert_int_equal(httpd_count(node.httpd, ROLE), 1);
        hand_clock_advance(2 * MINUTE_MS + 1); /* less than 5 minutes left */
        assert_ok(credentials_get(node.credentials, &view, &err), &err);
        assert_string_equal(view.access_key_id, "TWO");
        assert_ok(credentials_get(node.credentials, &view, &err), &err);
        assert_int_equal(httpd_count(node.httpd, ROLE), 2);
}

static void test_old_ones_serve_to_their_end(void **state _unused_)
{
        static const struct httpd_reply script[] = {
                HEAD,
                {.on = ROLE, .body = JSON("ONE", "2015-08-30T13:36:00Z")},
                {.on = ROLE, .status = 503},
                {.on = ROLE, .body = JSON("ONE", "2015-08-30T13:36:00Z")}, /* no newer ones yet */
                {.on = ROLE, .status = 503, .times = 2},
                {.on = ROLE, .body = JSON("TWO", "2015-08-30T19:36:00Z")},
        };
        _cleanup_(node_stop) struct node node = node_start(script, ARRAY_SIZE(script));
        struct credentials_view view;
        struct err err;

        assert_ok(credentials_get(node.credentials, &view, &err), &err);
        hand_clock_advance(56 * MINUTE_MS);
        for (int i = 0; i < 10; i++) {
                assert_ok(credentials_get(node.credentials, &view, &err), &err);
                assert_string_equal(view.access_key_id, "ONE");
        }
        assert_int_equal(httpd_count(node.httpd, ROLE), 2);
        assert_true(health_of(&node).failing && health_of(&node).have_good);
        assert_contains(health_of(&node).why, "503");
        hand_clock_advance(CREDENTIALS_REFRESH_PAUSE_S * 1000);
        for (int i = 0; i < 10; i++)
                assert_ok(credentials_get(node.credentials, &view, &err), &err);
        assert_int_equal(httpd_count(node.httpd, ROLE), 3);
        assert_false(health_of(&node).failing);
        hand_clock_advance(4 * MINUTE_MS - CREDENTIALS_REFRESH_PAUSE_S * 1000 - 1);
        assert_ok(credentials_get(node.credentials, &view, &err), &err);
        assert_string_equal(view.access_key_id, "ONE");
        hand_clock_advance(1); /* the end */
        assert_fails(credentials_get(node.credentials, &view, &err), ERR_AGAIN);
        assert_contains(err.msg, "503");
        assert_true(health_of(&node).failing && !health_of(&node).have_good);
        assert_ok(credentials_get(node.credentials, &view, &err), &err);
        assert_string_equal(view.access_key_id, "TWO");
        assert_false(health_of(&node).failing);
        assert_string_equal(health_of(&node).why, "");
}

static void test_refused_ones_are_not_used_again(void **state _unused_)
{
        static const struct httpd_reply script[] = {
                HEAD,
                {.on = ROLE, .body = JSON("ONE", "2015-08-30T18:36:00Z")},
                {.on = ROLE, .status = 500},
                {.on = ROLE, .body = JSON("TWO", "2015-08-30T18:36:00Z")},
        };
        _cleanup_(node_stop) struct node node = node_start(script, ARRAY_SIZE(script));
        struct credentials_view view;
        struct err err;

        assert_ok(credentials_get(node.credentials, &view, &err), &err);
        credentials_expire(node.credentials);
        assert_fails(credentials_get(node.credentials, &view, &err), ERR_AGAIN);
        assert_ok(credentials_get(node.credentials, &view, &err), &err);
        assert_string_equal(view.access_key_id, "TWO");
        assert_ok(credentials_get(node.credentials, &view, &err), &err);
        assert_int_equal(httpd_count(node.httpd, ROLE), 3);
}

static void test_bad_documents(void **state _unused_)
{
        static const struct {
                const char *body;
                enum err_code code;
                const char *says;
        } cases[] = {
                {"", ERR_PROTOCOL, "not JSON"},
                {"<html>SECRET</html>", ERR_PROTOCOL, "not JSON: line 1"},
                {"{\"Code\":\"Success\",\"SecretAccessKey\":\"SECRET", ERR_PROTOCOL, "not JSON: line 1"},
                {"{\"SecretAccessKey\":SECRET}", ERR_PROTOCOL, "not JSON: line 1"},
                {"[\"SECRET\"]", ERR_PROTOCOL, "not an object"},
                {"{}", ERR_PROTOCOL, "Code is missing"},
                {"{\"Code\":7}", ERR_PROTOCOL, "Code is missing"},
                {"{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":\"SECRET\"}", ERR_DENIED,
                 "'AssumeRoleUnauthorizedAccess'"},
                {"{\"Code\":\"Success\"}", ERR_PROTOCOL, "AccessKeyId is missing"},
                {"{\"Code\":\"Success\",\"AccessKeyId\":\"A\"}", ERR_PROTOCOL, "SecretAccessKey is missing"},
                {"{\"Code\":\"Success\",\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"SECRET\"}", ERR_PROTOCOL,
                 "Token is missing"},
                {"{\"Code\":\"Success\",\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"SECRET\",\"Token\":7}",
                 ERR_PROTOCOL, "Token is missing"},
                {"{\"Code\":\"Success\",\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"SECRET "
                 "x\",\"Token\":\"SECRET\"}",
                 ERR_PROTOCOL, "SecretAccessKey has a space"},
                {"{\"Code\":\"Success\",\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"SECRET\",\"Token\":"
                 "\"SECRET\"}",
                 ERR_PROTOCOL, "Expiration is ''"},
                {JSON("A", "tomorrow"), ERR_PROTOCOL, "Expiration is 'tomorrow'"},
                {JSON("A", "2015-08-30T13:36:00Z "), ERR_PROTOCOL, "Expiration is '2015-08-30T13:36:00Z '"},
                {JSON("A", "2015-08-30T12:36:00Z"), ERR_DENIED, "have expired"},
        };
        struct credentials_view view;
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const struct httpd_reply script[] = {HEAD, {.on = ROLE, .body = cases[i].body}};
                _cleanup_(node_stop) struct node node = node_start(script, ARRAY_SIZE(script));

                assert_fails(credentials_get(node.credentials, &view, &err), cases[i].code);
                assert_contains(err.msg, cases[i].says);
                assert_null(strstr(err.msg, "SECRET"));
        }
}

static void test_long_documents(void **state _unused_)
{
        _cleanup_(text_done) struct text token = {0}, padded = {0};
        struct credentials_view view;
        struct err err;

        text_add(&token,
                 "{\"Code\":\"Success\",\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"Token\":\"");
        for (int i = 0; i < 20000; i++)
                text_add(&token, "x");
        text_add(&token, "\",\"Expiration\":\"2015-08-30T13:36:00Z\"}");
        for (int i = 0; i < CREDENTIALS_MAX_JSON_BYTES; i++)
                text_add(&padded, " ");
        text_add(&padded, "{}");
        const struct httpd_reply script[] = {
                HEAD, {.on = ROLE, .body = token.text}, {.on = ROLE, .body = padded.text}};
        _cleanup_(node_stop) struct node node = node_start(script, ARRAY_SIZE(script));

        assert_fails(credentials_get(node.credentials, &view, &err), ERR_PROTOCOL);
        assert_contains(err.msg, "Token has 20000 characters");
        assert_fails(credentials_get(node.credentials, &view, &err), ERR_PROTOCOL);
        assert_contains(err.msg, "bytes of JSON");
}

static void test_no_role(void **state _unused_)
{
        static const struct {
                struct httpd_reply roles, role;
                enum err_code code;
                const char *says;
        } cases[] = {
                {{.on = ROLES, .status = 404}, {.on = ROLE}, ERR_DENIED, "no IAM role"},
                {{.on = ROLES, .body = "\n"}, {.on = ROLE}, ERR_DENIED, "no IAM role"},
                {{.on = ROLES, .body = "vpcwire-node\nother"},
                 {.on = ROLE, .status = 404},
                 ERR_DENIED,
                 "vpcwire-node"},
                {{.on = ROLES, .body = "<html>"}, {.on = ROLE}, ERR_INVALID, "<html>"},
                {{.on = ROLES, .status = 403}, {.on = ROLE}, ERR_DENIED, "disabled"},
        };
        struct credentials_view view;
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const struct httpd_reply script[] = {
                        {.on = PUT_TOKEN, .body = "T"}, cases[i].roles, cases[i].role};
                _cleanup_(node_stop) struct node node = node_start(script, ARRAY_SIZE(script));

                assert_fails(credentials_get(node.credentials, &view, &err), cases[i].code);
                assert_contains(err.msg, cases[i].says);
                assert_contains(err.msg, "no credentials: instance metadata: ");
                assert_contains(err.msg, "not set up: environment: AWS_ACCESS_KEY_ID is not set");
        }
}

/* The reply that brings credentials says what time it is; a machine ten years ahead takes them for expired otherwise. */
static void test_a_wrong_clock_expires_nothing(void **state _unused_)
{
        static const struct httpd_reply script[] = {
                HEAD,
                {.on = ROLE,
                 .body = JSON("ONE", "2015-08-30T18:36:00Z"),
                 .header = "Date: Sun, 30 Aug 2015 12:36:00 GMT"},
                {.on = ROLE, .body = JSON("TWO", "2015-08-31T00:36:00Z"), .times = HTTPD_ALWAYS},
        };
        _cleanup_(node_stop) struct node node = node_start(script, ARRAY_SIZE(script));
        struct credentials_view view;
        struct err err;

        assert_int_equal(health_of(&node).ahead_ms, 0);
        hand_clock.wall_ms += (int64_t)10 * 365 * 24 * 60 * MINUTE_MS;
        for (int i = 0; i < 3; i++) {
                assert_ok(credentials_get(node.credentials, &view, &err), &err);
                assert_string_equal(view.access_key_id, "ONE");
        }
        assert_int_equal(httpd_count(node.httpd, ROLE), 1);
        assert_int_equal(health_of(&node).ahead_ms, (int64_t)10 * 365 * 24 * 60 * MINUTE_MS);
        hand_clock_advance(6 * 60 * MINUTE_MS - MINUTE_MS); /* AWS's time goes on */
        assert_ok(credentials_get(node.credentials, &view, &err), &err);
        assert_string_equal(view.access_key_id, "TWO");
}

/* The pages that hold the secrets are marked "dd" (do not dump) in the kernel's own account of our memory. */
static void test_secrets_are_not_dumped(void **state _unused_)
{
        _cleanup_(node_stop) struct node node = node_start(NULL, 0);
        struct credentials_view view;
        unsigned long from, to, at;
        char *end;
        bool inside = false, found = false;
        char line[1024];
        struct err err;
        FILE *smaps;

        setenv("AWS_ACCESS_KEY_ID", "A", 1);
        setenv("AWS_SECRET_ACCESS_KEY", "S", 1);
        assert_ok(credentials_get(node.credentials, &view, &err), &err);
        at = (unsigned long)(uintptr_t)view.secret_access_key;
        smaps = fopen("/proc/self/smaps", "re");
        assert_non_null(smaps);
        while (fgets(line, sizeof(line), smaps)) {
                from = strtoul(line, &end, 16);
                to = *end == '-' ? strtoul(end + 1, &end, 16) : 0;
                if (to && *end == ' ')
                        inside = at >= from && at < to;
                else if (inside && strncmp(line, "VmFlags:", 8) == 0)
                        found = strstr(line, " dd") != NULL;
        }
        fclose(smaps);
        assert_true(found);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_environment),
                cmocka_unit_test(test_half_an_environment_is_refused),
                cmocka_unit_test(test_nothing_anywhere),
                cmocka_unit_test(test_imds_and_refresh),
                cmocka_unit_test(test_old_ones_serve_to_their_end),
                cmocka_unit_test(test_refused_ones_are_not_used_again),
                cmocka_unit_test(test_bad_documents),
                cmocka_unit_test(test_long_documents),
                cmocka_unit_test(test_no_role),
                cmocka_unit_test(test_a_wrong_clock_expires_nothing),
                cmocka_unit_test(test_secrets_are_not_dumped),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
