// SPDX-License-Identifier: Apache-2.0
/* XML replies: what is read, what is refused, and that every limit holds. */
#include "test.h"

#include <stdlib.h>

#include "cloud/xml.h"

static int parse(const char *text, struct arena *arena, const struct xml **ret, struct err *err)
{
        return xml_parse(text, strlen(text), arena, ret, err);
}

static void test_tree(void **state _unused_)
{
        static const char text[] =
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                "<a:R xmlns:a=\"http://ec2.amazonaws.com/doc/2016-11-15/\" unknown='1'>\n"
                "  <set><item><id> x </id></item><other/><item/><item><id>y&amp;&#x7a;</id></item></set>\n"
                "  <mixed>lost<b>kept</b>lost</mixed><empty></empty><twice>1</twice><twice>2</twice>\n"
                "  <cdata><![CDATA[<x>]]></cdata><!-- no --><?pi no?></a:R>";
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const struct xml *root, *set, *item;
        struct err err;

        assert_ok(parse(text, arena, &root, &err), &err);
        assert_string_equal(root->name, "R");
        set = xml_child(root, "set");
        assert_int_equal(xml_count_items(set), 3);
        item = xml_item(set, NULL);
        assert_string_equal(xml_text(item, "id"), " x ");
        item = xml_item(set, item);
        assert_string_equal(xml_text(item, "id"), "");
        item = xml_item(set, item);
        assert_string_equal(xml_text(item, "id"), "y&z");
        assert_null(xml_item(set, item));
        assert_string_equal(xml_text(root, "mixed"), "");
        assert_string_equal(xml_text(xml_child(root, "mixed"), "b"), "kept");
        assert_string_equal(xml_text(root, "empty"), "");
        assert_string_equal(xml_text(root, "twice"), "1");
        assert_string_equal(xml_text(root, "cdata"), "<x>");
        assert_null(xml_child(NULL, "x"));
        assert_string_equal(xml_text(NULL, "x"), "");
        assert_null(xml_item(NULL, NULL));
        assert_int_equal(xml_count_items(NULL), 0);
}

static void test_refused(void **state _unused_)
{
        static const struct {
                const char *text, *says;
        } cases[] = {
                {"", "not XML"},
                {"   ", "not XML"},
                {"upstream connect error", "not XML"},
                {"<a><b></a>", "not XML"},
                {"<a><b>", "not XML"},
                {"<a></a", "not XML"},
                {"<a></a><b/>", "not XML"},
                {"<a>\x01</a>", "not XML"},
                {"<a>\xff\xfe</a>", "not XML"},
                {"<a>&unknown;</a>", "not XML"},
                {"<?xml version='1.0' encoding='klingon'?><a/>", "not XML"},
                {"<!doctype html>\n<html lang=en>\n<title>500</title>", "not XML"},
                {"<!DOCTYPE a [<!ENTITY x \"xxxxxxxxxx\"><!ENTITY y \"&x;&x;&x;\">]><a>&y;</a>", "DOCTYPE"},
                {"<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>", "DOCTYPE"},
        };
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const struct xml *root = NULL;
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                assert_fails(parse(cases[i].text, arena, &root, &err), ERR_PROTOCOL);
                assert_contains(err.msg, cases[i].says);
                assert_null(root);
        }
        assert_fails(xml_parse("<a>\0</a>", 8, arena, &root, &err), ERR_PROTOCOL);
}

/* Builds "<a>" + part * count + "</a>" and parses it. */
static int parse_repeated(const char *head, const char *part, size_t count, const char *tail, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        _cleanup_(text_done) struct text text = {0};
        const struct xml *root;

        text_add(&text, "%s", head);
        for (size_t i = 0; i < count; i++)
                text_add_bytes(&text, part, strlen(part));
        text_add(&text, "%s", tail);
        return xml_parse(text.text, text.bytes, arena, &root, err);
}

static void test_limits(void **state _unused_)
{
        struct err err;

        assert_ok(parse_repeated("<a>", "<b/>", XML_MAX_NODES - 1, "</a>", &err), &err);
        assert_fails(parse_repeated("<a>", "<b/>", XML_MAX_NODES, "</a>", &err), ERR_LIMIT);
        assert_contains(err.msg, "too many elements");
        assert_ok(parse_repeated("<a>", "t", XML_MAX_TEXT_BYTES, "</a>", &err), &err);
        assert_fails(parse_repeated("<a>", "t", XML_MAX_TEXT_BYTES + 1, "</a>", &err), ERR_LIMIT);
        assert_contains(err.msg, "text");
        assert_fails(parse_repeated("<", "n", XML_MAX_NAME_BYTES + 1, "/>", &err), ERR_LIMIT);
        assert_contains(err.msg, "name");
        assert_fails(parse_repeated("<a>", "  ", XML_MAX_DOCUMENT_BYTES / 2, "</a>", &err), ERR_LIMIT);
        assert_contains(err.msg, "bytes");
        /* Unclosed, so that only depth can be what is said. */
        assert_fails(parse_repeated("", "<a>", XML_MAX_DEPTH, "", &err), ERR_PROTOCOL);
        assert_fails(parse_repeated("", "<a>", XML_MAX_DEPTH + 1, "", &err), ERR_LIMIT);
        assert_contains(err.msg, "nested");
        assert_fails(parse_repeated("", "<a>", 1000000, "", &err), ERR_LIMIT);
}

static void test_typed(void **state _unused_)
{
        static const char text[] =
                "<r><n> 42\n</n><max>4294967295</max><over>4294967296</over><minus>-1</minus><hex>0x1</hex>"
                "<t>true</t><f>false</f><yes>yes</yes><e/><ip>10.0.0.1</ip><ip6>fd00::1</ip6>"
                "<cidr>10.0.0.0/28</cidr><host>10.0.0.1/28</host><mac>02:00:00:00:00:0a</mac>"
                "<long>10.0.0.1                                                                 x</long></r>";
        static const char *const bad_numbers[] = {"over", "minus", "hex", "t", "ip"};
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct prefix prefix = {0};
        const struct xml *root;
        struct ip ip = IP_NONE;
        unsigned n = 7;
        bool b = false;
        struct mac mac;
        struct err err;

        assert_ok(parse(text, arena, &root, &err), &err);
        assert_ok(xml_get_unsigned(root, "absent", &n, &err), &err);
        assert_ok(xml_get_unsigned(root, "e", &n, &err), &err);
        assert_int_equal(n, 7);
        for (size_t i = 0; i < ARRAY_SIZE(bad_numbers); i++) {
                assert_fails(xml_get_unsigned(root, bad_numbers[i], &n, &err), ERR_PROTOCOL);
                assert_contains(err.msg, bad_numbers[i]);
                assert_contains(err.msg, xml_text(root, bad_numbers[i]));
        }
        assert_int_equal(n, 7);
        assert_ok(xml_get_unsigned(root, "n", &n, &err), &err);
        assert_int_equal(n, 42);
        assert_ok(xml_get_unsigned(root, "max", &n, &err), &err);
        assert_int_equal(n, 4294967295U);
        assert_ok(xml_get_bool(root, "t", &b, &err), &err);
        assert_true(b);
        assert_ok(xml_get_bool(root, "f", &b, &err), &err);
        assert_false(b);
        assert_fails(xml_get_bool(root, "yes", &b, &err), ERR_PROTOCOL);
        assert_ok(xml_get_ip4(root, "ip", &ip, &err), &err);
        assert_string_equal(IP_TEXT(ip), "10.0.0.1");
        assert_fails(xml_get_ip4(root, "ip6", &ip, &err), ERR_PROTOCOL);
        assert_fails(xml_get_ip4(root, "long", &ip, &err), ERR_PROTOCOL);
        assert_ok(xml_get_prefix4(root, "cidr", &prefix, &err), &err);
        assert_string_equal(PREFIX_TEXT(prefix), "10.0.0.0/28");
        assert_fails(xml_get_prefix4(root, "host", &prefix, &err), ERR_PROTOCOL);
        assert_ok(xml_get_mac(root, "mac", &mac, &err), &err);
        assert_fails(xml_get_mac(root, "ip", &mac, &err), ERR_PROTOCOL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_tree),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_typed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
