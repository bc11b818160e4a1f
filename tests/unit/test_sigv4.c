// SPDX-License-Identifier: Apache-2.0
/*
 * SigV4 against results that AWS has published: the ListUsers example of the IAM and General Reference guides, the
 * signing keys of the same pages, and cases of the public aws4 test suite (service "service").
 */
#include "test.h"

#include <stdlib.h>

#include "cloud/sigv4.h"

static const char secret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

static struct sigv4_request request(const char *method, const struct sigv4_header *headers, size_t n)
{
        return (struct sigv4_request){
                .method = method,
                .path = "/",
                .query = "",
                .headers = headers,
                .n_headers = n,
                .region = "us-east-1",
                .service = "service",
                .time = "20150830T123600Z",
                .access_key_id = "AKIDEXAMPLE",
                .secret_access_key = secret,
        };
}

static void test_list_users_example(void **state _unused_)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const struct sigv4_header headers[] = {
                {"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"},
                {"Host", "iam.amazonaws.com"},
                {"X-Amz-Date", "20150830T123600Z"},
        };
        struct sigv4_request r = request("GET", headers, ARRAY_SIZE(headers));
        const char *canonical, *authorization;
        char hash[SIGV4_HEX_BYTES];
        struct err err;

        r.service = "iam";
        r.access_key_id = "AKIDEXAMPLE";
        r.query = "Version=2010-05-08&Action=ListUsers";
        assert_ok(sigv4_canonical_request(&r, arena, &canonical, &err), &err);
        assert_string_equal(canonical, "GET\n/\nAction=ListUsers&Version=2010-05-08\n"
                                       "content-type:application/x-www-form-urlencoded; charset=utf-8\n"
                                       "host:iam.amazonaws.com\nx-amz-date:20150830T123600Z\n\n"
                                       "content-type;host;x-amz-date\n"
                                       "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        sigv4_hash(canonical, strlen(canonical), hash);
        assert_string_equal(hash, "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59");
        assert_ok(sigv4_authorization(&r, arena, &authorization, &err), &err);
        assert_string_equal(authorization,
                            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
                            "SignedHeaders=content-type;host;x-amz-date, "
                            "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
}

static void test_signing_keys(void **state _unused_)
{
        static const struct {
                const char *date, *expect;
        } cases[] = {
                {"20150830", "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"},
                {"20120215", "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"},
        };
        unsigned char key[SIGV4_SIGNING_KEY_BYTES];
        char hex[SIGV4_HEX_BYTES];

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                sigv4_signing_key(secret, cases[i].date, "us-east-1", "iam", key);
                sigv4_hex(key, hex);
                assert_string_equal(hex, cases[i].expect);
        }
}

static void test_public_suite(void **state _unused_)
{
        static const struct sigv4_header plain[] = {
                {"Host", "example.amazonaws.com"},
                {"X-Amz-Date", "20150830T123600Z"},
        };
        static const struct sigv4_header duplicate[] = {
                {"Host", "example.amazonaws.com"},  {"My-Header1", "value2"},
                {"My-Header1", "value2"},           {"My-Header1", "value1"},
                {"X-Amz-Date", "20150830T123600Z"},
        };
        static const struct sigv4_header trim[] = {
                {"Host", "example.amazonaws.com"},
                {"My-Header1", " value1"},
                {"My-Header2", " \"a   b   c\""},
                {"X-Amz-Date", "20150830T123600Z"},
        };
        static const struct sigv4_header form[] = {
                {"Content-Type", "application/x-www-form-urlencoded"},
                {"Host", "example.amazonaws.com"},
                {"X-Amz-Date", "20150830T123600Z"},
        };
        static const struct {
                const char *name, *method, *query, *body;
                const struct sigv4_header *headers;
                size_t n_headers;
                const char *expect;
        } cases[] = {
                {"get-vanilla", "GET", "", "", plain, ARRAY_SIZE(plain),
                 "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
                {"post-vanilla", "POST", "", "", plain, ARRAY_SIZE(plain),
                 "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
                {"get-vanilla-query-order-key-case", "GET", "Param2=value2&Param1=value1", "", plain,
                 ARRAY_SIZE(plain), "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
                {"get-header-key-duplicate", "GET", "", "", duplicate, ARRAY_SIZE(duplicate),
                 "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
                {"get-header-value-trim", "GET", "", "", trim, ARRAY_SIZE(trim),
                 "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
                {"post-x-www-form-urlencoded", "POST", "", "Param1=value1", form, ARRAY_SIZE(form),
                 "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
        };
        char signature[SIGV4_SIGNATURE_BYTES];
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct sigv4_request r = request(cases[i].method, cases[i].headers, cases[i].n_headers);

                r.query = cases[i].query;
                r.body = cases[i].body;
                r.body_bytes = strlen(cases[i].body);
                assert_ok(sigv4_sign(&r, signature, &err), &err);
                if (strcmp(signature, cases[i].expect) != 0)
                        fail_msg("%s: %s instead of %s", cases[i].name, signature, cases[i].expect);
        }
}

/* The canonical query string and path, where AWS's rules are easy to get wrong. */
static void test_canonical_pieces(void **state _unused_)
{
        static const struct {
                const char *path, *query, *expect;
        } cases[] = {
                {"", "", "/\n\n"},
                {"/a%20b", "", "/a%2520b\n\n"},
                {"/a/b~c", "", "/a/b~c\n\n"},
                {"/", "b=2&a=1", "/\na=1&b=2\n"},
                {"/", "a=2&a=1&a=", "/\na=&a=1&a=2\n"},
                {"/", "a", "/\na=\n"},
                {"/", "a-=1&a=2", "/\na=2&a-=1\n"},
                {"/", "a=b=c", "/\na=b%3Dc\n"},
                {"/", "a=%7e%2f%C3%A9+", "/\na=~%2F%C3%A9%2B\n"},
                {"/", "&&a=1&", "/\na=1\n"},
        };
        static const struct sigv4_header headers[] = {{"host", "h"}, {"x-amz-date", "20150830T123600Z"}};
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct sigv4_request r = request("GET", headers, ARRAY_SIZE(headers));
        const char *canonical;
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const char *expect = arena_printf(arena, "GET\n%shost:", cases[i].expect);

                r.path = cases[i].path;
                r.query = cases[i].query;
                assert_ok(sigv4_canonical_request(&r, arena, &canonical, &err), &err);
                if (strncmp(canonical, expect, strlen(expect)) != 0)
                        fail_msg("%s?%s: %s", r.path, r.query, canonical);
        }
}

static void test_what_is_missing_is_named(void **state _unused_)
{
        static const struct sigv4_header good[] = {{"host", "h"}, {"x-amz-date", "20150830T123600Z"}};
        static const struct sigv4_header other_date[] = {{"host", "h"}, {"x-amz-date", "20150830T123601Z"}};
        char signature[SIGV4_SIGNATURE_BYTES] = "untouched";
        struct sigv4_request r;
        struct err err;

        r = request("GET", good, 1);
        assert_fails(sigv4_sign(&r, signature, &err), ERR_INVALID);
        assert_contains(err.msg, "x-amz-date");
        r = request("GET", good + 1, 1);
        assert_fails(sigv4_sign(&r, signature, &err), ERR_INVALID);
        assert_contains(err.msg, "host");
        r = request("GET", other_date, 2);
        assert_fails(sigv4_sign(&r, signature, &err), ERR_INVALID);
        assert_contains(err.msg, "x-amz-date");
        r = request("GET", good, 2);
        r.time = "20150830 123600Z";
        assert_fails(sigv4_sign(&r, signature, &err), ERR_INVALID);
        assert_contains(err.msg, r.time);
        r = request("GET", good, 2);
        r.query = "a=%zz";
        assert_fails(sigv4_sign(&r, signature, &err), ERR_INVALID);
        assert_contains(err.msg, "%zz");
        r.query = "a=%2";
        assert_fails(sigv4_sign(&r, signature, &err), ERR_INVALID);
        r = request("GET", good, 2);
        r.secret_access_key = "";
        assert_fails(sigv4_sign(&r, signature, &err), ERR_INVALID);
        assert_contains(err.msg, "secret access key");
        assert_string_equal(signature, "untouched");
}

static void test_time_and_encoding(void **state _unused_)
{
        _cleanup_(text_done) struct text text = {0};
        char time[SIGV4_TIME_BYTES];

        sigv4_format_time(1440938160999, time);
        assert_string_equal(time, "20150830T123600Z");
        sigv4_encode(&text, "AZaz09-._~", 10);
        sigv4_encode(&text, " !/\xc3\xa9\0%", 7);
        assert_string_equal(text.text, "AZaz09-._~%20%21%2F%C3%A9%00%25");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_list_users_example),
                cmocka_unit_test(test_signing_keys),
                cmocka_unit_test(test_public_suite),
                cmocka_unit_test(test_canonical_pieces),
                cmocka_unit_test(test_what_is_missing_is_named),
                cmocka_unit_test(test_time_and_encoding),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
