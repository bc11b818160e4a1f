// SPDX-License-Identifier: Apache-2.0
/* The Varlink codec: conversations in pieces of any size, and what ends them. */
#include "test.h"

#include <stdio.h>

#include <vpcwire/jsonx.h>
#include <vpcwire/varlink.h>

enum { SMALL_MAX = 1024 };

/* Feeds bytes in pieces and collects what comes out, one message a line; stops at the first error. */
static int converse(const void *bytes, size_t n, size_t piece, size_t max, struct text *ret, struct err *err)
{
        struct varlink_queue queue;
        int r = 0;

        varlink_queue_init(&queue, max);
        for (size_t at = 0; at < n && r == 0; at += piece) {
                r = varlink_queue_feed(&queue, (const char *)bytes + at, n - at < piece ? n - at : piece,
                                       err);
                while (r == 0) {
                        _cleanup_json_ json_t *message = NULL;
                        _cleanup_free_ char *line = NULL;
                        size_t bytes_out;

                        r = varlink_queue_next(&queue, &message, err);
                        if (r < 0 || !message)
                                break;
                        line = varlink_message_format(message, &bytes_out);
                        text_add(ret, "%s\n", line);
                }
        }
        varlink_queue_done(&queue);
        return r;
}

static void test_pieces_of_every_size(void **state _unused_)
{
        static const char bytes[] =
                "{\"method\":\"a.b.C\"}\0{}\0 {\"x\":[1,2,{\"y\":\"\xc3\xbc\"}]} \0{\"half\":";
        static const char expect[] = "{\"method\":\"a.b.C\"}\n{}\n{\"x\":[1,2,{\"y\":\"\xc3\xbc\"}]}\n";
        static const size_t pieces[] = {1, 2, 3, 7, 19, 20, 21, 143, sizeof(bytes)};

        for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
                _cleanup_(text_done) struct text out = {0};
                struct err err;

                assert_ok(converse(bytes, sizeof(bytes) - 1, pieces[i], SMALL_MAX, &out, &err), &err);
                assert_string_equal(out.text, expect);
        }
}

static void test_many_messages_reuse_the_room(void **state _unused_)
{
        _cleanup_(text_done) struct text in = {0}, out = {0}, expect = {0};
        struct err err;

        for (int i = 0; i < 5000; i++) {
                char message[64];
                int n = snprintf(message, sizeof(message), "{\"n\":%d}", i);

                text_add_bytes(&in, message, (size_t)n + 1);
                text_add(&expect, "%s\n", message);
        }
        /* Far more in all than may wait at once. */
        assert_ok(converse(in.text, in.bytes, 143, SMALL_MAX, &out, &err), &err);
        assert_string_equal(out.text, expect.text);
}

static void test_bad_bytes(void **state _unused_)
{
        static const struct {
                const char *bytes;
                size_t n;
                const char *expect; /* what came before the error */
        } cases[] = {
                {"\0", 1, NULL},
                {"{}\0\0", 4, "{}\n"},
                {"\0\0\0\0\0\0\0\0", 8, NULL},
                {"hello\0", 6, NULL},
                {"{\"a\":1}\0[1]\0{}\0", 15, "{\"a\":1}\n"},
                {"{\"a\":\"\xff\"}\0", 10, NULL},
                {"{\"a\":\"\xed\xa0\x80\"}\0", 12, NULL}, /* a surrogate half */
                {"GET / HTTP/1.1\r\n\r\n\0", 19, NULL},
        };
        static const size_t pieces[] = {1, 143};

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                for (size_t k = 0; k < ARRAY_SIZE(pieces); k++) {
                        _cleanup_(text_done) struct text out = {0};
                        struct err err;

                        assert_fails(converse(cases[i].bytes, cases[i].n, pieces[k], SMALL_MAX, &out, &err),
                                     ERR_PROTOCOL);
                        if (cases[i].expect)
                                assert_string_equal(out.text, cases[i].expect);
                        else
                                assert_null(out.text);
                }
        }
}

static void test_oversized(void **state _unused_)
{
        static const size_t pieces[] = {1, 143, SMALL_MAX + 1};
        char bytes[SMALL_MAX + 1];

        memset(bytes, ' ', sizeof(bytes));
        for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
                _cleanup_(text_done) struct text out = {0};
                struct err err;

                assert_fails(converse(bytes, sizeof(bytes), pieces[i], SMALL_MAX, &out, &err), ERR_LIMIT);
                assert_contains(err.msg, "1024");
        }
        /* Just below: a message of exactly the limit, its NUL included. */
        memcpy(bytes, "{}", 2);
        bytes[SMALL_MAX - 1] = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
                _cleanup_(text_done) struct text out = {0};
                struct err err;

                assert_ok(converse(bytes, SMALL_MAX, pieces[i], SMALL_MAX, &out, &err), &err);
                assert_string_equal(out.text, "{}\n");
        }
}

static json_t *parse(const char *text)
{
        json_t *json = NULL;
        struct err err;

        assert_ok(jsonx_parse(text, strlen(text), &json, &err), &err);
        return json;
}

static void test_call_parse(void **state _unused_)
{
        static const char *const bad[] = {
                "{}",
                "{\"method\":null}",
                "{\"method\":1}",
                "{\"method\":\"a.B\",\"parameters\":[]}",
                "{\"method\":\"a.B\",\"parameters\":\"x\"}",
                "{\"method\":\"a.B\",\"more\":1}",
                "{\"method\":\"a.B\",\"oneway\":\"true\"}",
                "{\"method\":\"a.B\",\"upgrade\":{}}",
        };
        _cleanup_json_ json_t *good =
                parse("{\"method\":\"a.B\",\"parameters\":{\"x\":1},\"more\":true,\"new\":0}");
        struct varlink_call call;
        struct err err;

        assert_ok(varlink_call_parse(good, &call, &err), &err);
        assert_string_equal(call.method, "a.B");
        assert_int_equal(json_integer_value(json_object_get(call.parameters, "x")), 1);
        assert_true(call.more && !call.oneway && !call.upgrade);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                _cleanup_json_ json_t *json = parse(bad[i]);

                assert_fails(varlink_call_parse(json, &call, &err), ERR_PROTOCOL);
        }
}

static void test_call_parse_long_name(void **state _unused_)
{
        _cleanup_json_ json_t *json = json_object();
        char name[VARLINK_NAME_BYTES_MAX + 2];
        struct varlink_call call;
        struct err err;

        memset(name, 'a', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        json_object_set_new(json, "method", json_string(name));
        assert_fails(varlink_call_parse(json, &call, &err), ERR_PROTOCOL);
}

static void test_reply_round_trip(void **state _unused_)
{
        static const char *const bad[] = {"{\"error\":3}", "{\"continues\":1}", "{\"parameters\":1}",
                                          "{\"error\":\"a.B\",\"continues\":true}"};
        _cleanup_json_ json_t *message = varlink_reply_new(&(struct varlink_reply){.continues = true});
        _cleanup_json_ json_t *failure = varlink_reply_new(&(struct varlink_reply){.error = "a.B"});
        struct varlink_reply reply;
        struct err err;

        assert_ok(varlink_reply_parse(message, &reply, &err), &err);
        assert_true(reply.continues && !reply.error && json_is_object(reply.parameters));
        assert_ok(varlink_reply_parse(failure, &reply, &err), &err);
        assert_string_equal(reply.error, "a.B");
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                _cleanup_json_ json_t *json = parse(bad[i]);

                assert_fails(varlink_reply_parse(json, &reply, &err), ERR_PROTOCOL);
        }
}

static void test_interface_of_a_method(void **state _unused_)
{
        assert_int_equal(varlink_interface_bytes("io.vpcwire.ipam.Add"), strlen("io.vpcwire.ipam"));
        assert_int_equal(varlink_interface_bytes("Add"), 0);
        assert_int_equal(varlink_interface_bytes(".Add"), 0);
        assert_int_equal(varlink_interface_bytes("io."), 0);
        assert_int_equal(varlink_interface_bytes(""), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pieces_of_every_size),
                cmocka_unit_test(test_many_messages_reuse_the_room),
                cmocka_unit_test(test_bad_bytes),
                cmocka_unit_test(test_oversized),
                cmocka_unit_test(test_call_parse),
                cmocka_unit_test(test_call_parse_long_name),
                cmocka_unit_test(test_reply_round_trip),
                cmocka_unit_test(test_interface_of_a_method),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
