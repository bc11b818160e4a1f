// SPDX-License-Identifier: Apache-2.0
/* The shared files: what is read of them, which profile, what is refused, and that no error shows a line of them. */
#include "test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vpcwire/file.h>

#include "cloud/credentials.h"
#include "cloud/ini.h"
#include "cloud/profile_settings.h"

struct fixture {
        char home[32];
        char *credentials_path, *config_path;
        struct credentials *credentials;
        struct credentials_view view;
        struct err err;
};

static int setup(void **state)
{
        struct fixture *f = XNEW(struct fixture);
        char *folder;

        clearenv();
        strcpy(f->home, "/tmp/vw-home-XXXXXX");
        assert_non_null(mkdtemp(f->home));
        folder = xasprintf("%s/.aws", f->home);
        assert_int_equal(mkdir(folder, 0700), 0);
        free(folder);
        f->credentials_path = xasprintf("%s/.aws/credentials", f->home);
        f->config_path = xasprintf("%s/.aws/config", f->home);
        setenv("HOME", f->home, 1);
        f->credentials = credentials_open(&(const struct credentials_options){0});
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;
        char *folder = xasprintf("%s/.aws", f->home);

        unlink(f->credentials_path);
        unlink(f->config_path);
        rmdir(folder);
        rmdir(f->home);
        free(folder);
        free(f->credentials_path);
        free(f->config_path);
        credentials_free(f->credentials);
        free(f);
        return 0;
}

static void write_file(struct fixture *f, const char *path, const char *text)
{
        assert_ok(file_replace(path, text, strlen(text), 0600, &f->err), &f->err);
}

static int get(struct fixture *f)
{
        credentials_expire(f->credentials);
        return credentials_get(f->credentials, &f->view, &f->err);
}

static void assert_keys(struct fixture *f, const char *id, const char *token)
{
        char *key = xasprintf("SECRET-%s", id);

        assert_ok(get(f), &f->err);
        assert_string_equal(f->view.access_key_id, id);
        assert_string_equal(f->view.secret_access_key, key);
        if (token)
                assert_string_equal(f->view.session_token, token);
        else
                assert_null(f->view.session_token);
        free(key);
}

#define KEYS(id) "aws_access_key_id = " id "\naws_secret_access_key=SECRET-" id "\n"

static void test_which_profile(void **state)
{
        struct fixture *f = *state;

        write_file(f, f->credentials_path,
                   "[default]\n" KEYS("ONE") "[work]\n" KEYS("TWO") "aws_session_token = T=2\n");
        write_file(f, f->config_path,
                   "[default]\nregion = eu-west-1\n" KEYS("HIDDEN") "[profile work]\n" KEYS(
                           "HIDDEN") "[profile \"my own\"]\n" KEYS("THREE") "[other]\n" KEYS("FOUR"));
        assert_keys(f, "ONE", NULL);
        setenv("AWS_PROFILE", "work", 1);
        assert_keys(f, "TWO", "T=2");
        setenv("AWS_PROFILE", "my own", 1);
        assert_keys(f, "THREE", NULL);
        setenv("AWS_PROFILE", "other", 1); /* in the config file profiles are called "profile x" */
        assert_fails(get(f), ERR_DENIED);
        assert_contains(f->err.msg, "AWS_PROFILE names 'other'");
        setenv("AWS_ACCESS_KEY_ID", "ENV", 1); /* the environment goes first */
        setenv("AWS_SECRET_ACCESS_KEY", "SECRET-ENV", 1);
        assert_keys(f, "ENV", NULL);
}

static void test_which_files(void **state)
{
        struct fixture *f = *state;

        write_file(f, f->credentials_path, "[default]\n" KEYS("ONE"));
        write_file(f, f->config_path, "[default]\n" KEYS("TWO"));
        setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
        assert_keys(f, "TWO", NULL);
        setenv("AWS_CONFIG_FILE", "/tmp/vw-is-not-there", 1);
        assert_fails(get(f), ERR_DENIED);
        assert_contains(f->err.msg, "profile: there is no 'default'");
        setenv("AWS_CONFIG_FILE", "~/.aws/credentials", 1);
        assert_keys(f, "ONE", NULL);
        setenv("AWS_CONFIG_FILE", f->home, 1);
        assert_true(get(f) < 0);
        assert_contains(f->err.msg, f->home);
        unsetenv("HOME");
        unsetenv("AWS_CONFIG_FILE");
        assert_fails(get(f), ERR_DENIED);
        assert_contains(f->err.msg, "profile: there is no 'default'");
}

static void test_a_fifo_is_not_waited_for(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(mkfifo(f->credentials_path, 0600), 0);
        assert_fails(get(f), ERR_DENIED);
        assert_contains(f->err.msg, "profile: there is no 'default'");
}

static void test_syntax(void **state)
{
        struct fixture *f = *state;

        write_file(f, f->credentials_path,
                   "ignored = before any section\r\n"
                   "# comment\n; comment\n\n"
                   "[ default ] # ours\r\n"
                   "AWS_Access_Key_ID=ONE ; the old one\r\n"
                   "s3 =\n  aws_access_key_id = nested\n\tmore = nested\n"
                   "aws_session_token =\tT#not;a comment # a comment\n"
                   "[default]\naws_secret_access_key   =   SECRET-ONE   ");
        assert_fails(get(f), ERR_INVALID); /* a token with a space in it: ';' within a word is no comment */
        assert_contains(f->err.msg, "aws_session_token has a space");
        write_file(f, f->credentials_path,
                   "[ default ]\r\nAWS_Access_Key_ID=ONE ; the old one\r\n"
                   "s3 =\n  aws_access_key_id = nested\n"
                   "aws_session_token =\tT#1;2== # a comment\r\n"
                   "[default] # again\naws_secret_access_key   =   SECRET-ONE   ");
        assert_keys(f, "ONE", "T#1;2==");
}

static void test_broken_files(void **state)
{
        static const struct {
                const char *text;
                enum err_code code;
                const char *says;
        } cases[] = {
                {"[default]\nSECRET\n", ERR_INVALID, "line 2: neither"},
                {"[default\nSECRET = 1\n", ERR_INVALID, "line 1: a section without"},
                {"[default] SECRET\n", ERR_INVALID, "line 1: text after"},
                {"\n\n= SECRET\n", ERR_INVALID, "line 3: a value without a key"},
                {"[default]\naws_access_key_id = A\n", ERR_DENIED, "has no aws_secret_access_key"},
                {"[default]\naws_secret_access_key = SECRET\n", ERR_DENIED, "has no aws_access_key_id"},
                {"[default]\naws_secret_access_key = SECRET SECRET\n", ERR_INVALID,
                 "line 2: aws_secret_access_key has a space"},
                {"[default]\naws_secret_access_key =\n", ERR_INVALID, "line 2: aws_secret_access_key is"},
                {"[default]\nregion = SECRET\n", ERR_DENIED, "profile: 'default' has no keys"},
                {"", ERR_DENIED, "profile: there is no 'default'"},
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                write_file(f, f->credentials_path, cases[i].text);
                assert_fails(get(f), cases[i].code);
                assert_contains(f->err.msg, cases[i].says);
                assert_null(strstr(f->err.msg, "SECRET"));
        }
}

static void test_limits(void **state)
{
        _cleanup_(text_done) struct text text = {0};
        struct fixture *f = *state;

        text_add(&text, "[default]\nx = ");
        for (int i = 0; i < INI_MAX_LINE_BYTES; i++)
                text_add_bytes(&text, "y", 1);
        write_file(f, f->credentials_path, text.text);
        assert_fails(get(f), ERR_INVALID);
        assert_contains(f->err.msg, "line 2: more than");
        for (int i = 0; i < 256 * 1024; i++)
                text_add_bytes(&text, "\n", 1);
        write_file(f, f->credentials_path, text.text);
        assert_fails(get(f), ERR_LIMIT);
        assert_contains(f->err.msg, f->credentials_path);
        assert_ok(file_replace(f->credentials_path, "[default]\n\0", 11, 0600, &f->err), &f->err);
        assert_fails(get(f), ERR_INVALID);
        assert_contains(f->err.msg, "NUL");
}

static int check_value(void *data, const char *section, const char *key, const char *value,
                       struct err *err _unused_)
{
        assert_true(section && value);
        assert_true(*key && !strpbrk(key, "=\n"));
        assert_null(strchr(value, '\n'));
        ++*(unsigned *)data;
        return 0;
}

/* Any bytes: an error or values that look like values; the sanitizers watch the rest. */
static void test_random_files(void **state _unused_)
{
        static const char alphabet[] = "[]=#; \t\r\n\n\nab\"'";
        unsigned seed = arc4random(), values = 0;
        const struct ini_reader reader = {.on_value = check_value, .data = &values};
        char text[64];
        struct err err;

        print_message("seed %u\n", seed);
        srandom(seed);
        for (int round = 0; round < 20000; round++) {
                size_t n = (size_t)random() % sizeof(text);

                for (size_t i = 0; i < n; i++)
                        text[i] = alphabet[(size_t)random() % (sizeof(alphabet) - 1)];
                text[n] = '\0';
                if (ini_read(text, &reader, &err) < 0)
                        assert_int_equal(err.code, ERR_INVALID);
        }
        assert_true(values > 0);
}

static void test_what_is_not_done_is_said(void **state)
{
        static const struct {
                const char *text, *asks;
        } cases[] = {
                {"[default]\ncredential_process = /bin/echo SECRET\n", "credential_process"},
                {"[default]\nsso_session = corp\nsso_account_id = 1\n", "sso_session"},
                {"[default]\nsso_start_url = https://SECRET\n", "sso_start_url"},
                {"[default]\nlogin_session = x\n", "login_session"},
                {"[default]\nrole_arn = arn:x\nsource_profile = y\n", "role_arn"},
                {"[default]\nrole_arn = arn:x\n" KEYS("A"), "role_arn"},
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                write_file(f, f->config_path, cases[i].text);
                assert_fails(get(f), ERR_UNSUPPORTED);
                assert_contains(f->err.msg, "no credentials: profile: ");
                assert_contains(f->err.msg, cases[i].asks);
                assert_contains(f->err.msg, "which is not supported");
                assert_null(strstr(f->err.msg, "SECRET"));
        }
        write_file(f, f->config_path, "[default]\ncredential_process = x\n" KEYS("ONE"));
        assert_keys(f, "ONE", NULL); /* as in the SDKs: static keys go before it */
}

/* ---- what the profile says beside its keys ---- */

#define SERVICES                                                                                             \
        "[services mine]\nsts =\n  endpoint_url = http://sts.example\nec2 =\n  endpoint_url = "              \
        "http://ec2.example\n"                                                                               \
        "  other = x\n[services other]\nec2 =\n  endpoint_url = http://wrong.example\n"

static void test_region_and_endpoints_of_the_profile(void **state)
{
        static const struct {
                const char *name, *profile, *config, *credentials;
                const char *ignore;             /* AWS_IGNORE_CONFIGURED_ENDPOINT_URLS */
                const char *region, *ec2, *sts; /* NULL: not set */
        } cases[] = {
                {"no files", NULL, NULL, NULL, NULL, NULL, NULL, NULL},
                {"the default profile", NULL, "[default]\nregion = eu-west-1\n", NULL, NULL, "eu-west-1",
                 NULL, NULL},
                {"another profile's is not ours", NULL, "[profile a]\nregion = eu-west-1\n", NULL, NULL, NULL,
                 NULL, NULL},
                {"a named one", "a", "[default]\nregion = x-y-1\n[profile a]\nregion = eu-west-1 # near\n",
                 NULL, NULL, "eu-west-1", NULL, NULL},
                {"endpoint_url is for all services", NULL, "[default]\nendpoint_url = http://all.example\n",
                 NULL, NULL, NULL, "http://all.example", "http://all.example"},
                {"a service's own goes first", NULL,
                 "[default]\nservices = mine\nendpoint_url = http://all.example\n" SERVICES, NULL, NULL, NULL,
                 "http://ec2.example", "http://sts.example"},
                {"the services may stand before", "a", SERVICES "[profile a]\nservices = mine\n", NULL, NULL,
                 NULL, "http://ec2.example", "http://sts.example"},
                {"services that are not there", NULL,
                 "[default]\nservices = none\nendpoint_url = http://all.example\n" SERVICES, NULL, NULL, NULL,
                 "http://all.example", "http://all.example"},
                {"services that nobody names", NULL, SERVICES, NULL, NULL, NULL, NULL, NULL},
                {"nested below another key of the profile", NULL,
                 "[default]\ns3 =\n  endpoint_url = http://wrong.example\n  region = wrong\n", NULL, NULL,
                 NULL, NULL, NULL},
                {"a value that goes on is none", NULL,
                 "[default]\nregion = eu-west-1\n  endpoint_url = http://wrong.example\n", NULL, NULL,
                 "eu-west-1", NULL, NULL},
                {"the credentials file wins", NULL, "[default]\nregion = eu-west-1\n",
                 "[default]\nregion = eu-west-2\n", NULL, "eu-west-2", NULL, NULL},
                {"endpoints are not wanted", NULL,
                 "[default]\nregion = eu-west-1\nendpoint_url = http://all.example\n", NULL, "True",
                 "eu-west-1", NULL, NULL},
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(arena_freep) struct arena *arena = arena_new();
                struct profile_settings settings;

                print_message("%s\n", cases[i].name);
                setenv("AWS_PROFILE", cases[i].profile ?: "", 1);
                setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", cases[i].ignore ?: "", 1);
                write_file(f, f->config_path, cases[i].config ?: "");
                write_file(f, f->credentials_path, cases[i].credentials ?: "");
                assert_ok(profile_settings_read(arena, &settings, &f->err), &f->err);
                assert_string_equal(settings.region ?: "-", cases[i].region ?: "-");
                assert_string_equal(settings.ec2_endpoint ?: "-", cases[i].ec2 ?: "-");
                assert_string_equal(settings.sts_endpoint ?: "-", cases[i].sts ?: "-");
        }
}

static void test_settings_that_make_no_sense_name_the_file(void **state)
{
        static const char *const configs[] = {
                "[default]\nendpoint_url = ftp://all.example\n",
                "[default]\nservices = s\n[services s]\nec2 =\n  endpoint_url = http://a b\n",
                "[default\nregion = x\n",
        };
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct fixture *f = *state;
        struct profile_settings settings;

        for (size_t i = 0; i < ARRAY_SIZE(configs); i++) {
                write_file(f, f->config_path, configs[i]);
                assert_fails(profile_settings_read(arena, &settings, &f->err), ERR_INVALID);
                assert_contains(f->err.msg, f->config_path);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_which_profile, setup, teardown),
                cmocka_unit_test_setup_teardown(test_which_files, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_fifo_is_not_waited_for, setup, teardown),
                cmocka_unit_test_setup_teardown(test_syntax, setup, teardown),
                cmocka_unit_test_setup_teardown(test_broken_files, setup, teardown),
                cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
                cmocka_unit_test(test_random_files),
                cmocka_unit_test_setup_teardown(test_what_is_not_done_is_said, setup, teardown),
                cmocka_unit_test_setup_teardown(test_region_and_endpoints_of_the_profile, setup, teardown),
                cmocka_unit_test_setup_teardown(test_settings_that_make_no_sense_name_the_file, setup,
                                                teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
