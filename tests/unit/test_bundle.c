// SPDX-License-Identifier: Apache-2.0
/* What goes into a bundle: secrets do not; and the archive is one that others can read. */
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/bundle/redact.h"
#include "ctl/bundle/tar.h"

#define SECRET "Tr0ub4dor-and-3-more"

static void test_redact(void **state _unused_)
{
        static const struct {
                const char *text, *expect;
        } cases[] = {
                {"", ""},
                {"nothing to hide\n", "nothing to hide\n"},
                {"AWS_SECRET_ACCESS_KEY=a b" SECRET "\nMAX_ENI=3\n",
                 "AWS_SECRET_ACCESS_KEY=(not shown)\nMAX_ENI=3\n"},
                {"  export AWS_SESSION_TOKEN = x\n", "  export AWS_SESSION_TOKEN = (not shown)\n"},
                {"{\"token\":\"" SECRET "\",\"n\":1}", "{\"token\":\"(not shown)\",\"n\":1}"},
                {"{\"token\": \"a\\\"" SECRET "\"}", "{\"token\": \"(not shown)\"}"},
                {"{\"msg\":\"{\\\"SecretAccessKey\\\":\\\"" SECRET "\\\"}\"}",
                 "{\"msg\":\"{\\\"SecretAccessKey\\\":\\\"(not shown)\"}"},
                {"password: x", "password: (not shown)"},
                {"12:00 error credentials: the role is not there",
                 "12:00 error credentials: the role is not there"},
                {"12:00 error token: " SECRET " sent", "12:00 error token: (not shown) sent"},
                {"12:00 error authorization=" SECRET " sent", "12:00 error authorization=(not shown) sent"},
                {"{\"credentials\":{\"secret\":\"" SECRET "\"}}",
                 "{\"credentials\":{\"secret\":\"(not shown)\"}}"},
                {"key AKIAIOSFODNN7EXAMPLE of", "key (not shown) of"},
                {"role ASIAIOSFODNN7EXAMPLE.", "role (not shown)."},
                {"AKIAIOSFODNN7EXAMPLES is longer", "AKIAIOSFODNN7EXAMPLES is longer"},
                {"https://me:" SECRET "@host/x", "https://(not shown)@host/x"},
                {"https://host/x@y", "https://host/x@y"},
                {"Bearer " SECRET ", then", "Bearer (not shown), then"},
                {"bearer of news", "bearer of news"},
                {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc x", "(not shown) x"},
                {"?X-Amz-Signature=deadbeef&Action=x", "?X-Amz-Signature=(not shown)&Action=x"},
                {"-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nz",
                 "(not shown)-----END RSA PRIVATE KEY-----\nz"},
                {"-----BEGIN CERTIFICATE-----\nabc\n", "-----BEGIN CERTIFICATE-----\nabc\n"},
                {"token", "token"},
                {"token=", "token="},
                {"token \"", "token \""},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(text_done) struct text got = {0};
                size_t n = strlen(cases[i].text);
                /* Its end is the end of the memory: a read too far is seen. */
                _cleanup_free_ char *copy = xcalloc(1, n + 1);
                char *exact = realloc(memcpy(copy, cases[i].text, n), n ?: 1);

                assert_non_null(exact);
                copy = exact;
                redact(copy, n, &got);
                assert_string_equal(got.text ?: "", cases[i].expect);
                assert_null(strstr(got.text ?: "", SECRET));
        }
}

/* Any bytes, and every place to cut them: it ends, and reads nothing behind the end. */
static void test_redact_random(void **state _unused_)
{
        static const char *const parts[] = {"token",      "=",       ":",  "\"",      "\\",     "://",
                                            "@",          " ",       "\n", "Bearer ", "eyJ",    "AKIA",
                                            "-----BEGIN", "PRIVATE", "x9", "\xff",    "secret_"};
        const char *given = getenv("VPCWIRE_TEST_SEED");
        unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)getpid();

        print_message("VPCWIRE_TEST_SEED=%u\n", seed);
        srandom(seed);
        for (int turn = 0; turn < 3000; turn++) {
                _cleanup_(text_done) struct text text = {0}, got = {0};
                _cleanup_free_ char *exact = NULL;

                for (long i = random() % 12; i >= 0; i--)
                        text_add(&text, "%s", parts[(size_t)random() % ARRAY_SIZE(parts)]);
                if (!text.text)
                        fail_msg("a random text has no parts");
                exact = xcalloc(1, text.bytes);
                memcpy(exact, text.text, text.bytes);
                redact(exact, text.bytes, &got);
                assert_true(got.bytes > 0);
        }
}

/* Each byte is looked at a few times, and not once for each before it: this ends in a second, or not in an hour. */
static void test_redact_of_much(void **state _unused_)
{
        enum { BYTES = 2 * 1024 * 1024, HANGS_S = 300 };
        static const char *const parts[] = {
                "a.",         "token:",    "token.",  "eyJ.",    "Bearer ",    "://",           "://a",
                "-----BEGIN", "-",         "token\"", "token: ", "\"token\":", "token:secret_", "token=\"",
                "\\",         "PRIVATE\n", " ",       "#token",  "bearer a.",  "token '"};
        _cleanup_free_ char *text = xcalloc(1, BYTES);

        alarm(HANGS_S);
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
                _cleanup_(text_done) struct text got = {0};

                for (size_t at = 0, n = strlen(parts[i]); at + n <= BYTES; at += n)
                        memcpy(text + at, parts[i], n);
                redact(text, BYTES, &got);
                assert_true(got.bytes > 0);
        }
        alarm(0);
}

static void run(const char *command)
{
        /* NOLINTNEXTLINE(cert-env33-c): a test's own command */
        assert_int_equal(system(command), 0);
}

static void test_tar(void **state _unused_)
{
        char folder[] = "/tmp/vw-bundle-XXXXXX", path[64], command[256];
        struct tar *tar;
        struct stat st;
        struct err err;
        char *big = xcalloc(1, 5000), name[200];

        assert_non_null(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/b.tar.gz", folder);
        memset(big, 'x', 5000);
        memset(name, 'n', sizeof(name));
        memcpy(name + 150, "/end", 5);
        assert_ok(tar_create(path, 1440938160, &tar, &err), &err);
        assert_ok(tar_add(tar, "a/empty", "", 0, &err), &err);
        assert_ok(tar_add(tar, "a/big", big, 5000, &err), &err);
        assert_ok(tar_add(tar, "a/block", big, 512, &err), &err);
        assert_ok(tar_add(tar, name, "x", 1, &err), &err);
        assert_ok(tar_finish(tar, &err), &err);
        tar_free(tar);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        /* As GNU tar reads it, which checks the sums. */
        snprintf(command, sizeof(command), "cd %s && tar xzf b.tar.gz && test ! -s a/empty && test -f n*/end",
                 folder);
        run(command);
        snprintf(command, sizeof(command),
                 "test $(wc -c < %s/a/big) = 5000 && test $(wc -c < %s/a/block) = 512", folder, folder);
        run(command);
        /* Never over another, not even through a link; and what is not finished does not stay. */
        assert_fails(tar_create(path, 0, &tar, &err), ERR_EXISTS);
        snprintf(path, sizeof(path), "%s/link", folder);
        assert_int_equal(symlink("nowhere", path), 0);
        assert_fails(tar_create(path, 0, &tar, &err), ERR_EXISTS);
        snprintf(path, sizeof(path), "%s/half", folder);
        assert_ok(tar_create(path, 0, &tar, &err), &err);
        assert_ok(tar_add(tar, "a", big, 5000, &err), &err);
        tar_free(tar);
        assert_int_equal(access(path, F_OK), -1);
        snprintf(command, sizeof(command), "rm -r %s", folder);
        run(command);
        free(big);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_redact),
                cmocka_unit_test(test_redact_random),
                cmocka_unit_test(test_redact_of_much),
                cmocka_unit_test(test_tar),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
