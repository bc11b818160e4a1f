// SPDX-License-Identifier: Apache-2.0
/* What SIGHUP takes, row by row of the table: the value where it says so, and else the name of what needs a restart. */
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

#include <vpcwire/file.h>

#include "config/table.h"
#include "config/value.h"

#define TAGS         "ADDITIONAL_ENI_TAGS={\"a\": \"b\"}\n"
#define RESERVED_TAG "ADDITIONAL_ENI_TAGS={\"k8s.amazonaws.com/a\": \"b\"}\n"
#define RESERVED_TOO "ADDITIONAL_ENI_TAGS={\"a\": \"b\", \"k8s.amazonaws.com/a\": \"b\"}\n"

static int clear(void **state _unused_)
{
        return clearenv();
}

/* The settings of a file with these lines. */
static struct config *load(const char *lines)
{
        char path[] = "/tmp/vw-reload-XXXXXX";
        struct config *config = NULL;
        int fd = mkstemp(path), r;
        struct err err;

        assert_true(fd >= 0);
        close(fd);
        assert_ok(file_replace(path, lines, strlen(lines), 0644, &err), &err);
        r = config_load(path, &config, &err);
        unlink(path);
        assert_ok(r, &err);
        return config;
}

/* A value that is allowed, and not the default: two above the least number is none's. */
static void another_value(const struct setting *setting, char *ret, size_t size)
{
        static const char *const values[] = {
                [SETTING_TEXT] = "other",
                [SETTING_PATH] = "/other",
                [SETTING_BIND] = "127.0.0.1:1",
                [SETTING_SOCKET] = "/other",
                [SETTING_FILE_NAME] = "other.conflist",
                [SETTING_URL] = "https://other",
                [SETTING_VETH_PREFIX] = "abc",
                [SETTING_TAGS] = "{\"a\": \"b\"}",
                [SETTING_IP_MODE] = "IPv6",
                [SETTING_LOG_LEVEL] = "debug",
                [SETTING_LOG_FORMAT] = "json",
                [SETTING_CIDRS] = "10.0.0.0/8",
                [SETTING_MARK] = "0x40",
                [SETTING_SNAT_PORTS] = "none",
        };

        if (setting->type == SETTING_NUMBER)
                snprintf(ret, size, "%u", setting->minimum + 2);
        else if (setting->type == SETTING_BOOL || setting->type == SETTING_FLAG)
                snprintf(ret, size, "%s", strcmp(setting->initial, "true") == 0 ? "false" : "true");
        else
                snprintf(ret, size, "%s", values[setting->type]);
}

static bool is_named(const char *const *names, const char *name)
{
        for (; *names; names++) {
                if (strcmp(*names, name) == 0)
                        return true;
        }
        return false;
}

/* Of all settings only those differ from the defaults that may, and of this one's row both halves hold. */
static void check_row(const struct setting *setting, const struct config *defaults, struct config *running,
                      struct config *fresh)
{
        const char *const *names = config_take_reloadable(running, fresh);

        if (setting->reloadable)
                assert_null(names[0]);
        else
                assert_true(is_named(names, setting->name));
        for (size_t i = 0; i < n_settings; i++) {
                const struct config *expected =
                        &settings[i] == setting && setting->reloadable ? fresh : defaults;

                if (!setting_equal(running, expected, &settings[i]))
                        fail_msg("%s changed: %s is wrong", setting->name, settings[i].name);
        }
}

static void test_each_row(void **state _unused_)
{
        _cleanup_(config_freep) struct config *defaults = load("");

        for (size_t i = 0; i < n_settings; i++) {
                _cleanup_(config_freep) struct config *running = load(""), *fresh = NULL;
                char value[64], line[128];

                another_value(&settings[i], value, sizeof(value));
                snprintf(line, sizeof(line), "%s=%s\n", settings[i].name, value);
                fresh = load(line);
                if (setting_equal(defaults, fresh, &settings[i]))
                        fail_msg("%s=%s is the default", settings[i].name, value);
                check_row(&settings[i], defaults, running, fresh);
        }
}

static void test_a_target_is_taken_back(void **state _unused_)
{
        _cleanup_(config_freep) struct config *running = load("WARM_IP_TARGET=0\nMAX_ENI=2\n");
        _cleanup_(config_freep) struct config *fresh = load("");

        assert_true(running->targets.has_warm_ip && running->targets.max_eni == 2);
        assert_null(config_take_reloadable(running, fresh)[0]);
        assert_false(running->targets.has_warm_ip || running->targets.max_eni);
}

static void test_all_that_need_a_restart_are_named(void **state _unused_)
{
        _cleanup_(config_freep) struct config *running = load("");
        _cleanup_(config_freep) struct config *fresh =
                load("AWS_REGION=a\nVPCWIRE_DB=/b\nMAX_ENI=3\nAWS_VPC_K8S_CNI_CONNMARK=0x40\n");
        const char *const *names = config_take_reloadable(running, fresh);

        for (int i = 0; i < 3; i++)
                assert_non_null(names[i]);
        assert_null(names[3]);
        assert_true(is_named(names, "AWS_REGION") && is_named(names, "VPCWIRE_DB") &&
                    is_named(names, "AWS_VPC_K8S_CNI_CONNMARK"));
}

/* "NAME NAME* ": the settings that are warned of; *: that their new value needs a restart. */
static char *warned_of(const struct config *config)
{
        struct text text = {0};

        text_add(&text, "%s", "");
        for (size_t i = 0; i < config->warnings.n; i++)
                text_add(&text, "%s%s ", config->warnings.list[i].setting,
                         config->warnings.list[i].pending ? "*" : "");
        return text.text;
}

static void test_what_is_said_goes_with_the_value(void **state _unused_)
{
        static const struct {
                const char *running, *fresh, *said;
        } cases[] = {
                {"", "MAX_ENI=0\n", "MAX_ENI "},
                {"MAX_ENI=0\n", "", ""},
                {"MAX_ENI=0\n", "MAX_ENI=0\n", "MAX_ENI "},
                /* a value that needs a restart, and so does what is said of it */
                {"", RESERVED_TOO, "ADDITIONAL_ENI_TAGS* "},
                {RESERVED_TOO, "MAX_ENI=0\n", "MAX_ENI ADDITIONAL_ENI_TAGS ADDITIONAL_ENI_TAGS* "},
                {RESERVED_TOO, RESERVED_TOO, "ADDITIONAL_ENI_TAGS "},
                /* ... unless it comes to the same */
                {"", RESERVED_TAG, "ADDITIONAL_ENI_TAGS "},
                {RESERVED_TOO, TAGS, ""},
                /* one that we do not have is never in force */
                {"", "ANNOTATE_POD_IP=true\n", "ANNOTATE_POD_IP "},
                {"ANNOTATE_POD_IP=true\n", "", ""},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(config_freep) struct config *running = load(cases[i].running);
                struct config *fresh = load(cases[i].fresh);
                _cleanup_free_ char *said = NULL;

                config_take_reloadable(running, fresh);
                config_free(fresh);
                said = warned_of(running);
                assert_string_equal(said, cases[i].said);
                for (size_t j = 0; j < running->warnings.n; j++)
                        assert_contains(running->warnings.list[j].text, running->warnings.list[j].pending
                                                                                ? "restart"
                                                                                : "'"); /* still to be read */
        }
}

/* What a reload says stands until the next one, and is said once however often that comes. */
static void test_what_a_reload_says(void **state _unused_)
{
        _cleanup_(config_freep) struct config *running = load("");
        static const struct {
                const char *fresh, *said; /* NULL: refused */
        } reloads[] = {{NULL, "/f "},
                       {NULL, "/f "},
                       {"VPCWIRE_DB=/b\n", "VPCWIRE_DB* "},
                       {"VPCWIRE_DB=/b\n", "VPCWIRE_DB* "},
                       {NULL, "VPCWIRE_DB* /f "},
                       {"", ""}};
        const struct err why = {.code = ERR_INVALID, .msg = "/f:3: WARM_IP_TARGET 'x'"};

        for (size_t i = 0; i < ARRAY_SIZE(reloads); i++) {
                _cleanup_free_ char *said = NULL;

                if (reloads[i].fresh) {
                        struct config *fresh = load(reloads[i].fresh);

                        config_take_reloadable(running, fresh);
                        config_free(fresh);
                } else {
                        config_reload_refused(running, "/f", &why);
                        assert_contains(running->warnings.list[running->warnings.n - 1].text, why.msg);
                }
                said = warned_of(running);
                assert_string_equal(said, reloads[i].said);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_each_row, clear),
                cmocka_unit_test_setup(test_a_target_is_taken_back, clear),
                cmocka_unit_test_setup(test_what_a_reload_says, clear),
                cmocka_unit_test_setup(test_all_that_need_a_restart_are_named, clear),
                cmocka_unit_test_setup(test_what_is_said_goes_with_the_value, clear),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
