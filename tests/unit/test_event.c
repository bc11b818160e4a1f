// SPDX-License-Identifier: Apache-2.0
/* An Event's JSON, field by field. */
#include "test.h"

#include <jansson.h>
#include <stdlib.h>

#include "kube/event.h"

static const struct event event = {.node = "node-1",
                                   .type = "Warning",
                                   .reason = "MissingIAMPermissions",
                                   .subject = "CreateNetworkInterface",
                                   .message = "allow \"it\"\n\xff",
                                   .count = 3,
                                   .first_wall_ms = 1000,
                                   .last_wall_ms = 62999};

static json_t *parse(char *text)
{
        json_t *object = json_loads(text, 0, NULL);

        free(text);
        assert_non_null(object);
        return object;
}

/* By a path as in "metadata.name". */
static const char *text_at(json_t *object, const char *path)
{
        char name[64];

        for (;;) {
                size_t n = strcspn(path, ".");

                assert_true(n < sizeof(name));
                memcpy(name, path, n);
                name[n] = '\0';
                object = json_object_get(object, name);
                if (!path[n])
                        return json_string_value(object);
                path += n + 1;
        }
}

static void test_create(void **state _unused_)
{
        char name[EVENT_NAME_BYTES];
        const struct {
                const char *path, *expect;
        } cases[] = {
                {"apiVersion", "v1"},
                {"kind", "Event"},
                {"metadata.name", event_name(&event, name)},
                {"metadata.namespace", "default"}, /* the API server refuses Events about Nodes elsewhere */
                {"involvedObject.apiVersion", "v1"},
                {"involvedObject.kind", "Node"},
                {"involvedObject.name", "node-1"},
                {"involvedObject.uid", "node-1"},
                {"involvedObject.namespace", NULL},
                {"type", "Warning"},
                {"reason", "MissingIAMPermissions"},
                {"message", "allow \"it\"\n?"},
                {"source.component", "vpcwire"},
                {"source.host", "node-1"},
                {"reportingComponent", "vpcwire"},
                {"reportingInstance", "node-1"},
                {"firstTimestamp", "1970-01-01T00:00:01Z"},
                {"lastTimestamp", "1970-01-01T00:01:02Z"},
        };
        json_t *object = parse(event_create_body(&event));

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const char *text = text_at(object, cases[i].path);

                if (!cases[i].expect)
                        assert_null(text);
                else if (!text || strcmp(text, cases[i].expect) != 0)
                        fail_msg("%s: %s, not %s", cases[i].path, text ?: "(none)", cases[i].expect);
        }
        assert_int_equal(json_integer_value(json_object_get(object, "count")), 3);
        json_decref(object);
}

static void test_patch(void **state _unused_)
{
        struct event adopted = event;
        json_t *object = parse(event_patch_body(&event));

        assert_int_equal(json_object_size(object), 3);
        assert_int_equal(json_integer_value(json_object_get(object, "count")), 3);
        assert_string_equal(text_at(object, "lastTimestamp"), "1970-01-01T00:01:02Z");
        assert_string_equal(text_at(object, "message"), "allow \"it\"\n?");
        json_decref(object);

        adopted.count = 0;
        object = parse(event_patch_body(&adopted));
        assert_null(json_object_get(object, "count"));
        json_decref(object);
}

/* The same thing has the same name whoever tells of it; another thing has another. */
static void test_names(void **state _unused_)
{
        char one[EVENT_NAME_BYTES], other[EVENT_NAME_BYTES];
        struct event later = event, different[] = {event, event, event};

        later.message = "other words";
        later.count = 9;
        assert_string_equal(event_name(&event, one), event_name(&later, other));
        assert_int_equal(strlen(one), EVENT_NAME_BYTES - 1);
        assert_int_equal(strspn(one, "abcdefghijklmnopqrstuvwxyz0123456789."), strlen(one));
        different[0].node = "node-2";
        different[1].reason = "Other";
        different[2].subject = "AttachNetworkInterface";
        for (size_t i = 0; i < ARRAY_SIZE(different); i++)
                assert_string_not_equal(one, event_name(&different[i], other));
}

static void test_reply_count(void **state _unused_)
{
        static const struct {
                const char *body;
                unsigned expect;
        } cases[] = {
                {"{\"kind\": \"Event\", \"count\": 7}", 7},
                {"{\"kind\": \"Event\"}", 0},
                {"{\"count\": -1}", 0},
                {"{\"count\": 99999999999}", 0},
                {"{\"count\": \"7\"}", 0},
                {"[7]", 0},
                {"<html>", 0},
                {"", 0},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_int_equal(event_reply_count(cases[i].body, strlen(cases[i].body)), cases[i].expect);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_create),
                cmocka_unit_test(test_patch),
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_reply_count),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
