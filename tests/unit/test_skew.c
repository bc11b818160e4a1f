// SPDX-License-Identifier: Apache-2.0
/* A wrong clock: learned from EC2's refusals, applied to signatures, corrected, and forgotten once it is right. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "cloud/credentials.h"
#include "cloud/ec2.h"
#include "cloud/skew.h"
#include "hand_clock.h"
#include "httpd.h"

#define NOON_MS ((int64_t)1440936000 * 1000)
#define NOON    "Date: Sun, 30 Aug 2015 12:00:00 GMT"

static int setup(void **state _unused_)
{
        hand_clock_set(NOON_MS);
        clearenv();
        setenv("AWS_ACCESS_KEY_ID", "AKIDTEST", 1);
        setenv("AWS_SECRET_ACCESS_KEY", "SECRETTEST", 1);
        return 0;
}

static void test_learn(void **state _unused_)
{
        struct skew skew = {.wall_ms = hand_clock_wall_ms, .boottime_ms = hand_clock_boottime_ms};

        assert_int_equal(skew_now_ms(&skew), NOON_MS);
        assert_false(skew_learn(&skew, NOON_MS + SKEW_TOLERATED_MS));
        assert_false(skew.learned);
        assert_true(skew_learn(&skew, NOON_MS + HOUR_MS));
        assert_int_equal(skew_now_ms(&skew), NOON_MS + HOUR_MS);
        hand_clock_advance(1000);
        assert_int_equal(skew_now_ms(&skew), NOON_MS + HOUR_MS + 1000);
        hand_clock.wall_ms -= 24 * HOUR_MS; /* somebody steps the clock: EC2's time goes on */
        assert_int_equal(skew_now_ms(&skew), NOON_MS + HOUR_MS + 1000);
        hand_clock.wall_ms = NOON_MS + HOUR_MS + 1000; /* somebody sets it right */
        assert_false(skew_learn(&skew, NOON_MS + HOUR_MS + 2000));
        assert_false(skew.learned);
        assert_int_equal(skew_now_ms(&skew), hand_clock.wall_ms);
        assert_true(skew_learn(&skew, NOON_MS - (int64_t)9 * 365 * 24 * HOUR_MS)); /* both ways, and far */
        assert_int_equal(skew_now_ms(&skew), NOON_MS - (int64_t)9 * 365 * 24 * HOUR_MS);
}

static void test_codes(void **state _unused_)
{
        static const char *const codes[] = {
                "RequestExpired",        "RequestTimeTooSkewed",      "RequestInTheFuture",
                "SignatureDoesNotMatch", "InvalidSignatureException", "AuthFailure"};

        for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
                assert_true(skew_suspects(codes[i]));
        assert_false(skew_suspects("UnauthorizedOperation"));
        assert_false(skew_suspects(""));
}

#define REFUSED(code)                                                                                        \
        "<Response><Errors><Error><Code>" code                                                               \
        "</Code><Message>no</Message></Error></Errors><RequestID>r</RequestID></Response>"
#define DELETED "<DeleteNetworkInterfaceResponse><return>true</return></DeleteNetworkInterfaceResponse>"

struct world {
        struct httpd *httpd;
        struct credentials *credentials;
        struct ec2 *ec2;
};

static struct world world_start(const struct httpd_reply *script, size_t n)
{
        struct world w = {.httpd = httpd_start(script, n)};
        struct err err;

        w.credentials = credentials_open(&(const struct credentials_options){
                .wall_ms = hand_clock_wall_ms, .boottime_ms = hand_clock_boottime_ms});
        assert_ok(ec2_new(&(const struct ec2_options){.endpoint = httpd_url(w.httpd),
                                                      .region = "eu-west-1",
                                                      .credentials = w.credentials,
                                                      .timeout_ms = TEST_PATIENCE_MS},
                          &w.ec2, &err),
                  &err);
        return w;
}

static void world_stop(struct world *w)
{
        ec2_free(w->ec2);
        credentials_free(w->credentials);
        httpd_stop(w->httpd);
}

static void assert_signed_at(struct world *w, size_t i, const char *time)
{
        char header[64];

        snprintf(header, sizeof(header), "x-amz-date: %s\n", time);
        assert_contains(httpd_request(w->httpd, i)->headers, header);
}

static void test_refusal_teaches_and_replies_correct(void **state _unused_)
{
        static const struct httpd_reply script[] = {
                {.status = 400, .body = REFUSED("RequestExpired"), .header = NOON},
                {.body = DELETED, .header = NOON},
                {.body = DELETED, .header = "Date: Sun, 30 Aug 2015 12:30:00 GMT"},
                {.body = DELETED, .header = "Date: Sun, 30 Aug 2015 12:30:01 GMT"},
                {.body = DELETED, .header = "Date: Sun, 30 Aug 2015 20:00:00 GMT"},
                {.body = DELETED},
        };
        _cleanup_(world_stop) struct world w = world_start(script, ARRAY_SIZE(script));
        struct credentials_view view;
        struct ec2_result result;
        struct err err;

        hand_clock.wall_ms = NOON_MS - 3 * HOUR_MS;
        assert_fails(w.ec2->ops->delete_eni(w.ec2, NULL, "eni-1", &result, &err), ERR_DENIED);
        assert_int_equal(result.class, EC2_FAILURE_CREDENTIALS);
        assert_signed_at(&w, 0, "20150830T090000Z");
        /* The keys were not to blame: they are kept, though the environment has others now. */
        setenv("AWS_ACCESS_KEY_ID", "AKIDOTHER", 1);
        assert_ok(credentials_get(w.credentials, &view, &err), &err);
        assert_string_equal(view.access_key_id, "AKIDTEST");
        hand_clock_advance(2000);
        hand_clock.wall_ms += HOUR_MS; /* stepped, and still wrong */
        assert_ok(w.ec2->ops->delete_eni(w.ec2, NULL, "eni-1", &result, &err), &err);
        assert_signed_at(&w, 1, "20150830T120002Z");
        assert_ok(w.ec2->ops->delete_eni(w.ec2, NULL, "eni-1", &result, &err), &err);
        assert_signed_at(&w, 2, "20150830T120000Z");
        hand_clock.wall_ms = NOON_MS + 30 * MINUTE_MS; /* set right */
        assert_ok(w.ec2->ops->delete_eni(w.ec2, NULL, "eni-1", &result, &err), &err);
        assert_ok(w.ec2->ops->delete_eni(w.ec2, NULL, "eni-1", &result, &err),
                  &err); /* a Date that nobody asked for any more */
        assert_ok(w.ec2->ops->delete_eni(w.ec2, NULL, "eni-1", &result, &err), &err);
        assert_signed_at(&w, 5, "20150830T123000Z");
}

static void test_other_refusals_teach_nothing(void **state _unused_)
{
        static const struct httpd_reply script[] = {
                {.status = 403, .body = REFUSED("UnauthorizedOperation"), .header = NOON},
                {.status = 503, .body = REFUSED("Unavailable"), .header = NOON},
                {.status = 400, .body = REFUSED("RequestExpired"), .header = "Date: tomorrow"},
                {.status = 401,
                 .body = REFUSED("AuthFailure"),
                 .header = "Date: Sun, 30 Aug 2015 09:00:30 GMT"},
                {.body = DELETED},
        };
        _cleanup_(world_stop) struct world w = world_start(script, ARRAY_SIZE(script));
        struct credentials_view view;
        struct ec2_result result;
        struct err err;

        hand_clock.wall_ms = NOON_MS - 3 * HOUR_MS;
        for (int i = 0; i < 4; i++)
                assert_true(w.ec2->ops->delete_eni(w.ec2, NULL, "eni-1", &result, &err) < 0);
        assert_false(credentials_skew(w.credentials)->learned);
        setenv("AWS_ACCESS_KEY_ID", "AKIDOTHER", 1); /* the time was right: the keys are asked for anew */
        assert_ok(credentials_get(w.credentials, &view, &err), &err);
        assert_string_equal(view.access_key_id, "AKIDOTHER");
        assert_ok(w.ec2->ops->delete_eni(w.ec2, NULL, "eni-1", &result, &err), &err);
        assert_signed_at(&w, 4, "20150830T090000Z");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_learn, setup),
                cmocka_unit_test_setup(test_codes, setup),
                cmocka_unit_test_setup(test_refusal_teaches_and_replies_correct, setup),
                cmocka_unit_test_setup(test_other_refusals_teach_nothing, setup),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
