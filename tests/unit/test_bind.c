// SPDX-License-Identifier: Apache-2.0
/* Addresses to listen at, as people write them. */
#include "test.h"

#include <vpcwire/bind.h>
#include <vpcwire/mem.h>

#define FIFTY "01234567890123456789012345678901234567890123456789"

static const char long_path[] = "unix:/" FIFTY FIFTY FIFTY;

static void test_good(void **state _unused_)
{
        static const struct {
                const char *text, *address, *path;
                unsigned port;
                bool local;
        } cases[] = {
                {"127.0.0.1:61679", "127.0.0.1", "", 61679, true},
                {"localhost:80", "127.0.0.1", "", 80, true},
                {"127.9.0.1:80", "127.9.0.1", "", 80, true},
                {"128.0.0.1:80", "128.0.0.1", "", 80, false},
                {"[::2]:1", "::2", "", 1, false},
                {"[::1]:1", "::1", "", 1, true},
                {":65535", NULL, "", 65535, false},
                {"0.0.0.0:61678", "0.0.0.0", "", 61678, false},
                {"unix:/run/see.sock", NULL, "/run/see.sock", 0, true},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct bind bind;
                struct err err;

                assert_ok(bind_parse(cases[i].text, &bind, &err), &err);
                assert_int_equal(bind.port, cases[i].port);
                assert_int_equal(bind_is_local(&bind), cases[i].local);
                assert_string_equal(bind.path, cases[i].path);
                if (cases[i].address)
                        assert_string_equal(IP_TEXT(bind.address), cases[i].address);
                else
                        assert_int_equal(bind.address.family, IP_NONE.family);
        }
}

static void test_refused(void **state _unused_)
{
        static const char *const texts[] = {
                "",
                "80",
                "127.0.0.1",
                "127.0.0.1:",
                "127.0.0.1:0",
                "127.0.0.1:65536",
                "127.0.0.1:+1",
                "127.0.0.1:1x",
                "::1:80",
                "[::1]",
                "[127.0.0.1]:80",
                "name:80",
                "[localhost]:80",
                "unix:",
                "unix:run/x",
                long_path,
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                struct bind bind = {.port = 7};
                struct err err;

                assert_fails(bind_parse(texts[i], &bind, &err), ERR_INVALID);
                assert_contains(err.msg, "is not allowed");
                assert_int_equal(bind.port, 7);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_refused)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
