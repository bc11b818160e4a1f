// SPDX-License-Identifier: Apache-2.0
/* jsonx: structs from JSON and back, and what is refused with which words. */
#include "test.h"

#include <stdio.h>

#include <vpcwire/addr.h>
#include <vpcwire/jsonx.h>

enum colour { COLOUR_UNSET, COLOUR_UNKNOWN, COLOUR_RED, COLOUR_BLUE, _COLOUR_MAX };

struct wheel {
        const char *tyre;
        int64_t inches;
};

struct car {
        const char *name;
        bool electric;
        int64_t seats;
        int64_t doors;
        struct ip address;
        struct wheel spare;
        struct wheel *wheels;
        size_t n_wheels;
        const char **owners;
        size_t n_owners;
        enum colour paint;
        struct prefix garage;
        char plate[5];
        struct ip *radios;
        size_t n_radios;
        unsigned keys;
        int64_t trailers;
        struct mac modem;
        struct prefix *roads;
        size_t n_roads;
};

static const struct jsonx_field wheel_fields[] = {
        JSONX_FIELD(struct wheel, tyre, JSONX_STRING, .flags = JSONX_REQUIRED, .limit = 5),
        JSONX_FIELD(struct wheel, inches, JSONX_INT, .limit = 22),
};
static const struct jsonx_schema wheel_schema = JSONX_SCHEMA(struct wheel, wheel_fields);
static const char *const colour_names[_COLOUR_MAX] = {
        [COLOUR_UNKNOWN] = "unknown", [COLOUR_RED] = "red", [COLOUR_BLUE] = "blue"};
static const struct jsonx_names colours = {colour_names, _COLOUR_MAX};
static const struct jsonx_field car_fields[] = {
        JSONX_FIELD(struct car, name, JSONX_STRING, .flags = JSONX_REQUIRED | JSONX_NOT_EMPTY, .limit = 8),
        JSONX_FIELD(struct car, electric, JSONX_BOOL),
        JSONX_FIELD(struct car, seats, JSONX_INT),
        JSONX_FIELD(struct car, doors, JSONX_INT, .flags = JSONX_NEGATIVE_UNSET),
        JSONX_FIELD(struct car, address, JSONX_IP),
        JSONX_FIELD(struct car, spare, JSONX_OBJECT, .of = &wheel_schema),
        JSONX_LIST(struct car, wheels, JSONX_OBJECTS, .of = &wheel_schema, .limit = 4),
        JSONX_LIST(struct car, owners, JSONX_STRINGS),
        JSONX_FIELD(struct car, paint, JSONX_ENUM, .names = &colours),
        JSONX_FIELD(struct car, garage, JSONX_PREFIX),
        JSONX_CHARS(struct car, plate, "plate"),
        JSONX_LIST(struct car, radios, JSONX_IPS, .limit = 2),
        JSONX_FIELD(struct car, keys, JSONX_UNSIGNED, .limit = 3),
        JSONX_NAMED(struct car, trailers, "towed", JSONX_INT, .flags = JSONX_ZERO_UNSET),
        JSONX_FIELD(struct car, modem, JSONX_MAC),
        JSONX_NAMED_LIST(struct car, roads, "streets", JSONX_PREFIXES, .limit = 2),
        /* What cars of one wheel and one radio called them. */
        JSONX_FIRST(struct car, wheels, "inches", JSONX_INT, .of = &wheel_schema,
                    .item_offset = offsetof(struct wheel, inches), .item_name = "inches"),
        JSONX_FIRST(struct car, wheels, "tyre", JSONX_STRING, .of = &wheel_schema,
                    .item_offset = offsetof(struct wheel, tyre), .item_name = "tyre"),
        JSONX_FIRST(struct car, radios, "radio", JSONX_IP),
};
static const struct jsonx_schema car_schema = JSONX_SCHEMA(struct car, car_fields);
static const struct jsonx_schema closed_schema = {
        .fields = car_fields, .n = ARRAY_SIZE(car_fields), .bytes = sizeof(struct car), .closed = true};

static void test_round_trip(void **state _unused_)
{
        static const char *const documents[] = {
                "{\"name\":\"a\",\"electric\":true,\"seats\":5,\"doors\":3,\"address\":\"10.0.0.1\","
                "\"spare\":{\"tyre\":\"x\",\"inches\":22},\"wheels\":[{\"tyre\":\"y\",\"inches\":0},"
                "{\"tyre\":\"\",\"inches\":1}],\"owners\":[\"me\",\"\\u00fc\"],\"paint\":\"blue\","
                "\"garage\":\"fd00::/64\",\"plate\":\"KA-7\",\"radios\":[\"10.0.0.2\",\"fd00::2\"],"
                "\"keys\":3,\"towed\":1,\"modem\":\"02:00:00:00:00:0a\",\"streets\":[\"10.1.0.0/"
                "16\",\"fd01::/64\"],"
                "\"tyre\":\"y\",\"inches\":0,\"radio\":\"10.0.0.2\"}",
                "{\"name\":\"a\",\"electric\":false,\"seats\":9223372036854775807,\"spare\":{\"tyre\":\"x\","
                "\"inches\":0},\"wheels\":[],\"owners\":[],\"plate\":\"\",\"radios\":[],\"keys\":0,\"modem\":"
                "\"00:00:00:00:00:00\",\"streets\":[]}",
        };

        for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
                _cleanup_(arena_freep) struct arena *arena = arena_new();
                _cleanup_json_ json_t *in = NULL, *out = NULL;
                struct car car = {0};
                struct err err;

                assert_ok(jsonx_parse(documents[i], strlen(documents[i]), &in, &err), &err);
                assert_ok(jsonx_decode(in, &car_schema, arena, &car, NULL, &err), &err);
                out = jsonx_encode(&car_schema, &car);
                assert_true(json_equal(in, out));
        }
}

static void test_unknown_and_null_are_ignored(void **state _unused_)
{
        static const char document[] =
                "{\"name\":\"a\",\"colour\":[1,{\"x\":2}],\"seats\":null,\"wheels\":null}";
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        _cleanup_json_ json_t *in = NULL;
        struct car car = {.seats = 7};
        struct err err;

        assert_ok(jsonx_parse(document, strlen(document), &in, &err), &err);
        assert_ok(jsonx_decode(in, &car_schema, arena, &car, NULL, &err), &err);
        assert_string_equal(car.name, "a");
        assert_int_equal(car.seats, 7);
        assert_null(car.wheels);
}

static void test_refused(void **state _unused_)
{
        static const struct {
                const char *document, *path, *value; /* value NULL: missing or of another type */
        } cases[] = {
                {"{}", "name", NULL},
                {"{\"name\":null}", "name", NULL},
                {"{\"name\":7}", "name", NULL},
                {"{\"name\":\"\"}", "name", ""},
                {"{\"name\":\"123456789\"}", "name", "123456789"},
                {"{\"name\":\"a\",\"electric\":1}", "electric", NULL},
                {"{\"name\":\"a\",\"seats\":\"5\"}", "seats", NULL},
                {"{\"name\":\"a\",\"seats\":5.0}", "seats", NULL},
                {"{\"name\":\"a\",\"seats\":-1}", "seats", "-1"},
                {"{\"name\":\"a\",\"address\":\"10.0.0\"}", "address", "10.0.0"},
                {"{\"name\":\"a\",\"address\":4}", "address", NULL},
                {"{\"name\":\"a\",\"spare\":[]}", "spare", NULL},
                {"{\"name\":\"a\",\"spare\":{}}", "spare.tyre", NULL},
                {"{\"name\":\"a\",\"spare\":{\"tyre\":\"x\",\"inches\":23}}", "spare.inches", "23"},
                {"{\"name\":\"a\",\"wheels\":{}}", "wheels", NULL},
                {"{\"name\":\"a\",\"wheels\":[3]}", "wheels[0].", NULL},
                {"{\"name\":\"a\",\"wheels\":[{\"tyre\":\"x\"},{\"tyre\":\"123456\"}]}", "wheels[1].tyre",
                 "123456"},
                {"{\"name\":\"a\",\"wheels\":[{},{},{},{},{}]}", "wheels", "5 items"},
                {"{\"name\":\"a\",\"owners\":[\"x\",1]}", "owners[1]", NULL},
                {"{\"name\":\"a\",\"paint\":2}", "paint", NULL},
                {"{\"name\":\"a\",\"garage\":\"10.0.0.0\"}", "garage", "10.0.0.0"},
                {"{\"name\":\"a\",\"garage\":[]}", "garage", NULL},
                {"{\"name\":\"a\",\"plate\":1}", "plate", NULL},
                {"{\"name\":\"a\",\"radios\":[\"10.0.0.1\",\"x\"]}", "radios[1]", "x"},
                {"{\"name\":\"a\",\"radios\":[\"::1\",\"::2\",\"::3\"]}", "radios", "3 items"},
                {"{\"name\":\"a\",\"radio\":\"x\"}", "radio", "x"},
                {"{\"name\":\"a\",\"keys\":4}", "keys", "4"},
                {"{\"name\":\"a\",\"keys\":-1}", "keys", "-1"},
                {"{\"name\":\"a\",\"keys\":\"1\"}", "keys", NULL},
                {"{\"name\":\"a\",\"modem\":\"02:00\"}", "modem", "02:00"},
                {"{\"name\":\"a\",\"modem\":2}", "modem", NULL},
                {"{\"name\":\"a\",\"streets\":[\"10.0.0.0\"]}", "streets[0]", "10.0.0.0"},
                {"{\"name\":\"a\",\"streets\":[1]}", "streets[0]", NULL},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(arena_freep) struct arena *arena = arena_new();
                _cleanup_json_ json_t *in = NULL;
                struct jsonx_problem problem;
                struct car car = {0};
                struct err err;

                assert_ok(jsonx_parse(cases[i].document, strlen(cases[i].document), &in, &err), &err);
                assert_fails(jsonx_decode(in, &car_schema, arena, &car, &problem, &err), ERR_INVALID);
                assert_string_equal(problem.path, cases[i].path);
                assert_contains(err.msg, cases[i].path);
                assert_int_equal(problem.missing_or_type, !cases[i].value);
                if (cases[i].value) {
                        assert_string_equal(problem.value, cases[i].value);
                        assert_true(problem.allowed[0] != '\0');
                }
        }
}

static void decode_ok(const char *document, const struct jsonx_schema *schema, struct arena *arena,
                      struct car *ret)
{
        _cleanup_json_ json_t *in = NULL;
        struct err err;

        *ret = (struct car){0};
        assert_ok(jsonx_parse(document, strlen(document), &in, &err), &err);
        assert_ok(jsonx_decode(in, schema, arena, ret, NULL, &err), &err);
}

static void test_enums(void **state _unused_)
{
        static const char future[] = "{\"name\":\"a\",\"paint\":\"infrared\"}";
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        _cleanup_json_ json_t *in = json_loads(future, 0, NULL);
        struct jsonx_problem problem;
        struct car car;

        decode_ok("{\"name\":\"a\"}", &car_schema, arena, &car);
        assert_int_equal(car.paint, COLOUR_UNSET);
        decode_ok("{\"name\":\"a\",\"paint\":\"Blue\"}", &closed_schema, arena, &car);
        assert_int_equal(car.paint, COLOUR_BLUE);
        decode_ok(future, &car_schema, arena, &car);
        assert_int_equal(car.paint, COLOUR_UNKNOWN);
        assert_fails(jsonx_decode(in, &closed_schema, arena, &car, &problem, NULL), ERR_INVALID);
        assert_string_equal(problem.path, "paint");
        assert_string_equal(problem.allowed, "red, blue");
}

static void test_long_text_is_cut(void **state _unused_)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct car car;

        decode_ok("{\"name\":\"a\",\"plate\":\"KA-77777\"}", &car_schema, arena, &car);
        assert_string_equal(car.plate, "KA-7");
        assert_int_equal(car.doors, -1); /* what is absent is unset */
}

/* A peer that knows one thing only where there is a list now. */
static void test_the_first_of_a_list(void **state _unused_)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct car car;

        decode_ok("{\"name\":\"a\",\"tyre\":\"x\",\"inches\":7,\"radio\":\"::1\"}", &car_schema, arena, &car);
        assert_int_equal(car.n_wheels, 1);
        assert_string_equal(car.wheels[0].tyre, "x");
        assert_int_equal(car.wheels[0].inches, 7);
        assert_int_equal(car.n_radios, 1);
        assert_string_equal(IP_TEXT(car.radios[0]), "::1");
        /* One that sends both means the list, unless it is empty. */
        decode_ok("{\"name\":\"a\",\"tyre\":\"x\",\"wheels\":[{\"tyre\":\"y\"}],\"radios\":[],\"radio\":\"::"
                  "1\"}",
                  &car_schema, arena, &car);
        assert_int_equal(car.n_wheels, 1);
        assert_string_equal(car.wheels[0].tyre, "y");
        assert_int_equal(car.n_radios, 1);
        /* What the list does not say, that does. */
        decode_ok("{\"name\":\"a\",\"inches\":7,\"wheels\":[{\"tyre\":\"y\"},{\"tyre\":\"z\"}]}", &car_schema,
                  arena, &car);
        assert_int_equal(car.wheels[0].inches, 7);
        assert_int_equal(car.wheels[1].inches, 0);
        decode_ok("{\"name\":\"a\"}", &car_schema, arena, &car);
        assert_true(car.n_wheels == 0 && car.n_radios == 0);
}

static void test_a_long_value_is_cut_in_the_error(void **state _unused_)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        _cleanup_json_ json_t *in = json_object();
        struct jsonx_problem problem;
        struct car car = {0};
        struct err err;
        char big[4000];

        memset(big, 'x', sizeof(big) - 1);
        big[sizeof(big) - 1] = '\0';
        json_object_set_new(in, "name", json_string(big));
        assert_fails(jsonx_decode(in, &car_schema, arena, &car, &problem, &err), ERR_INVALID);
        assert_int_equal(strlen(problem.value), JSONX_VALUE_BYTES - 1);
        assert_string_equal(problem.allowed, "at most 8 bytes");
        assert_contains(err.msg, "at most 8 bytes");
}

static void test_text_that_is_not_utf8_is_sent(void **state _unused_)
{
        const struct car car = {.name = "a\xff\xfe"
                                        "b",
                                .spare = {.tyre = "x"},
                                .doors = -1};
        _cleanup_json_ json_t *out = jsonx_encode(&car_schema, &car);

        assert_string_equal(json_string_value(json_object_get(out, "name")), "a??b");
        assert_null(json_object_get(out, "doors"));
        assert_null(json_object_get(out, "address"));
}

static void test_parse_refuses(void **state _unused_)
{
        static const char *const documents[] = {
                "",
                " ",
                "null",
                "[]",
                "\"x\"",
                "7",
                "{",
                "{}x",
                "{} {}",
                "{\"a\":1,\"a\":2}",
                "{\"a\":\"\xff\"}",
                "{\"a\":\"\\u0000\"}",
                "{a:1}",
                "{\"a\":1,}",
                "{\"a\":99999999999999999999}",
                "{\"a\":1e999}",
                "{\"a\":\"\\ud800\"}",
        };
        json_t *json = NULL;
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
                assert_fails(jsonx_parse(documents[i], strlen(documents[i]), &json, &err), ERR_PROTOCOL);
                assert_null(json);
        }
}

static void test_parse_refuses_deep_nesting(void **state _unused_)
{
        enum { DEPTH = 100000 };
        static const char start[] = "{\"a\":";
        _cleanup_free_ char *deep = xcalloc(1, sizeof(start) + DEPTH);
        json_t *json = NULL;
        struct err err;

        memcpy(deep, start, sizeof(start));
        memset(deep + strlen(start), '[', DEPTH); /* the last of xcalloc()'s zeros ends it */
        assert_fails(jsonx_parse(deep, strlen(deep), &json, &err), ERR_PROTOCOL);
        assert_contains(err.msg, "depth");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_unknown_and_null_are_ignored),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_enums),
                cmocka_unit_test(test_long_text_is_cut),
                cmocka_unit_test(test_the_first_of_a_list),
                cmocka_unit_test(test_a_long_value_is_cut_in_the_error),
                cmocka_unit_test(test_text_that_is_not_utf8_is_sent),
                cmocka_unit_test(test_parse_refuses),
                cmocka_unit_test(test_parse_refuses_deep_nesting),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
