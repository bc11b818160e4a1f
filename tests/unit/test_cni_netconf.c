// SPDX-License-Identifier: Apache-2.0
/* The network configuration: what is refused, with which error, and what is tolerated. */
#include "test.h"

#include <stdio.h>

#include <vpcwire/ipam.h>
#include <vpcwire/mem.h>

#include "netconf.h"

static int parse(const char *text, struct netconf *conf, struct err *err)
{
        return netconf_parse(text, strlen(text), conf, err);
}

static void test_base_keys(void **state _unused_)
{
        static const struct {
                const char *text;
                enum err_code code;
                const char *error;
                enum cni_version version;
        } cases[] = {
                {"{\"name\":\"net\"}", ERR_NONE, NULL, CNI_0_1_0},
                {"{\"name\":\"net\",\"cniVersion\":\"\"}", ERR_NONE, NULL, CNI_0_1_0},
                {"{\"name\":\"net\",\"cniVersion\":null}", ERR_NONE, NULL, CNI_0_1_0},
                {"{\"name\":\"net\",\"cniVersion\":\"0.4.0\",\"x\":{\"y\":[1]},\"type\":7}", ERR_NONE, NULL,
                 CNI_0_4_0},
                {" {\"cniVersion\":\"1.1.0\",\"name\":\"n.e_t-1\",\"prevResult\":null}\n", ERR_NONE, NULL,
                 CNI_1_1_0},
                {"", ERR_PROTOCOL, "standard input", 0},
                {"nope", ERR_PROTOCOL, "standard input", 0},
                {"[]", ERR_PROTOCOL, "standard input", 0},
                {"\"name\"", ERR_PROTOCOL, "standard input", 0},
                {"{\"name\":\"net\"", ERR_PROTOCOL, "standard input", 0},
                {"{\"name\":\"net\"} x", ERR_PROTOCOL, "standard input", 0},
                {"{\"name\":\"n\xff\"}", ERR_PROTOCOL, "standard input", 0},
                {"{}", ERR_INVALID, "name", 0},
                {"{\"cniVersion\":\"9.9.9\"}", ERR_INVALID, "name", 0},
                {"{\"name\":\"\"}", ERR_INVALID, "name", 0},
                {"{\"name\":7}", ERR_INVALID, "name", 0},
                {"{\"name\":\"a/b\"}", ERR_INVALID, "'a/b'", 0},
                {"{\"name\":\"-a\"}", ERR_INVALID, "'-a'", 0},
                {"{\"name\":\"net\",\"cniVersion\":1}", ERR_INVALID, "cniVersion", 0},
                {"{\"name\":\"net\",\"prevResult\":[]}", ERR_INVALID, "prevResult", 0},
                {"{\"name\":\"net\",\"cniVersion\":\"9.9.9\"}", ERR_UNSUPPORTED, "'9.9.9'", 0},
                {"{\"name\":\"net\",\"cniVersion\":\"1.0\"}", ERR_UNSUPPORTED, "'1.0'", 0},
        };
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(netconf_done) struct netconf conf = {0};
                int r = parse(cases[i].text, &conf, &err);

                assert_int_equal(r, -(int)cases[i].code);
                if (cases[i].error) {
                        assert_contains(err.msg, cases[i].error);
                        assert_null(conf.root);
                } else {
                        assert_int_equal(conf.version, cases[i].version);
                }
        }
}

static void test_name_is_bounded(void **state _unused_)
{
        for (int n = IPAM_NETWORK_BYTES_MAX; n <= IPAM_NETWORK_BYTES_MAX + 1; n++) {
                _cleanup_(netconf_done) struct netconf conf = {0};
                _cleanup_free_ char *text = xasprintf("{\"name\":\"%0*d\"}", n, 0);
                struct err err;

                assert_int_equal(parse(text, &conf, &err), n > IPAM_NETWORK_BYTES_MAX ? -ERR_INVALID : 0);
        }
}

static void test_version_is_guessed(void **state _unused_)
{
        static const struct {
                const char *text;
                enum cni_version expect;
        } cases[] = {
                {"{\"cniVersion\":\"0.2.0\"}", CNI_0_2_0},
                {"{\"cniVersion\":\"0.4.0\",\"name\":\"\"}", CNI_0_4_0},
                {"{\"cniVersion\":\"7\"}", CNI_NEWEST},
                {"{\"cniVersion\":\"\"}", CNI_NEWEST},
                {"{}", CNI_NEWEST},
                {"", CNI_NEWEST},
                {"{\"cniVersion\":[]}", CNI_NEWEST},
                {"x", CNI_NEWEST},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_int_equal(netconf_guess_version(cases[i].text, strlen(cases[i].text)),
                                 cases[i].expect);
}

static void test_settings_default(void **state _unused_)
{
        /* Spelled as containerd 1.6 does, with what libcni leaves in although the specification forbids it. */
        static const char text[] =
                "{\"name\":\"n\",\"cniVersion\":\"0.4.0\",\"type\":\"vpcwire\",\"mtu\":\"\",\"socket\":null,"
                "\"ipam\":{},\"capabilities\":{\"bandwidth\":true},\"runtimeConfig\":{\"bandwidth\":"
                "{\"IngressRate\":1},\"io.kubernetes.cri.pod-annotations\":{\"a/b\":\"c\"}},"
                "\"RuntimeConfig\":7,\"dns\":{},\"vethprefix\":\"toolong\"}";
        _cleanup_(netconf_done) struct netconf conf = {0};
        struct settings settings;
        struct err err;

        assert_ok(parse(text, &conf, &err), &err);
        assert_ok(netconf_parse_settings(&conf, &settings, &err), &err);
        assert_string_equal(settings.veth_prefix, "eni");
        assert_string_equal(settings.socket, "/run/vpcwire/ipamd.sock");
        assert_string_equal(settings.log_file, "");
        assert_int_equal(settings.mtu, 0);
        assert_int_equal(settings.timeout_ms, 30000);
}

static void test_settings_given(void **state _unused_)
{
        _cleanup_(netconf_done) struct netconf conf = {0};
        struct settings settings;
        struct err err;

        assert_ok(parse("{\"name\":\"n\",\"vethPrefix\":\"a-_9\",\"mtu\":1280,\"socket\":\"/"
                        "s\",\"timeoutSeconds\":\"240\","
                        "\"logFile\":\"/var/log/x\"}",
                        &conf, &err),
                  &err);
        assert_ok(netconf_parse_settings(&conf, &settings, &err), &err);
        assert_string_equal(settings.veth_prefix, "a-_9");
        assert_string_equal(settings.socket, "/s");
        assert_string_equal(settings.log_file, "/var/log/x");
        assert_int_equal(settings.mtu, 1280);
        assert_int_equal(settings.timeout_ms, 240000);
}

static void test_settings_refused(void **state _unused_)
{
        static const struct {
                const char *pair;
                enum err_code code;
                const char *error; /* NULL: good */
        } cases[] = {
                {"\"mtu\":576", ERR_NONE, NULL},
                {"\"mtu\":\"9001\"", ERR_NONE, NULL},
                {"\"timeoutSeconds\":1", ERR_NONE, NULL},
                {"\"vethPrefix\":\"e\"", ERR_NONE, NULL},
                {"\"vethPrefix\":\"ethx\"", ERR_NONE, NULL},
                {"\"ipam\":{\"type\":\"\"}", ERR_NONE, NULL},
                {"\"mtu\":575", ERR_INVALID, "mtu 575 is not a number from 576 to 9001"},
                {"\"mtu\":9002", ERR_INVALID, "mtu 9002"},
                {"\"mtu\":-1", ERR_INVALID, "mtu -1"},
                {"\"mtu\":\"9001x\"", ERR_INVALID, "mtu '9001x'"},
                {"\"mtu\":\" 9001\"", ERR_INVALID, "mtu ' 9001'"},
                {"\"mtu\":\"99999999999999999999\"", ERR_INVALID, "mtu '99999999999999999999'"},
                {"\"mtu\":1500.5", ERR_INVALID, "mtu is not"},
                {"\"mtu\":[1500]", ERR_INVALID, "mtu is not"},
                {"\"timeoutSeconds\":0", ERR_INVALID, "timeoutSeconds 0"},
                {"\"timeoutSeconds\":241", ERR_INVALID, "timeoutSeconds 241 is not a number from 1 to 240"},
                {"\"vethPrefix\":\"eth\"", ERR_INVALID, "vethPrefix 'eth'"},
                {"\"vethPrefix\":\"vlan\"", ERR_INVALID, "vethPrefix 'vlan'"},
                {"\"vethPrefix\":\"lo\"", ERR_INVALID, "vethPrefix 'lo'"},
                {"\"vethPrefix\":\"abcde\"", ERR_INVALID, "vethPrefix 'abcde'"},
                {"\"vethPrefix\":\"a/b\"", ERR_INVALID, "vethPrefix 'a/b'"},
                {"\"vethPrefix\":\"a%d\"", ERR_INVALID, "vethPrefix 'a%d'"},
                {"\"vethPrefix\":3", ERR_INVALID, "vethPrefix must be a string"},
                {"\"socket\":\"run/x\"", ERR_INVALID, "socket 'run/x'"},
                {"\"socket\":[]", ERR_INVALID, "socket must be a string"},
                {"\"logFile\":\"x\"", ERR_INVALID, "logFile 'x'"},
                {"\"dns\":[\"10.0.0.2\"]", ERR_INVALID, "dns must be an object"},
                {"\"dns\":{\"search\":[\"x\"]}", ERR_NONE, NULL},
                {"\"ipam\":{\"type\":\"host-local\"}", ERR_UNSUPPORTED, "ipam.type 'host-local'"},
        };
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(netconf_done) struct netconf conf = {0};
                _cleanup_free_ char *text = xasprintf("{\"name\":\"n\",%s,\"socket2\":1}", cases[i].pair);
                struct settings settings;
                int r;

                assert_ok(parse(text, &conf, &err), &err);
                r = netconf_parse_settings(&conf, &settings, &err);
                assert_int_equal(r, -(int)cases[i].code);
                if (cases[i].error)
                        assert_contains(err.msg, cases[i].error);
        }
}

static void test_socket_path_is_bounded(void **state _unused_)
{
        const int room = (int)sizeof(((struct settings *)0)->socket) - 1;

        for (int n = room; n <= room + 1; n++) {
                _cleanup_(netconf_done) struct netconf conf = {0};
                _cleanup_free_ char *text = xasprintf("{\"name\":\"n\",\"socket\":\"/%0*d\"}", n - 1, 0);
                struct settings settings;
                struct err err;

                assert_ok(parse(text, &conf, &err), &err);
                assert_int_equal(netconf_parse_settings(&conf, &settings, &err), n > room ? -ERR_INVALID : 0);
        }
}

/* DEL goes on with what was good. */
static void test_settings_keep_what_is_good(void **state _unused_)
{
        _cleanup_(netconf_done) struct netconf conf = {0};
        struct settings settings;
        struct err err;

        assert_ok(parse("{\"name\":\"n\",\"vethPrefix\":\"waytoolong\",\"mtu\":1,\"socket\":\"/s\"}", &conf,
                        &err),
                  &err);
        assert_fails(netconf_parse_settings(&conf, &settings, &err), ERR_INVALID);
        assert_contains(err.msg, "vethPrefix");
        assert_string_equal(settings.veth_prefix, "eni");
        assert_int_equal(settings.mtu, 0);
        assert_string_equal(settings.socket, "/s");
}

static void test_valid_attachments(void **state _unused_)
{
        static const struct {
                const char *pairs;
                int expect; /* number; -1: absent, -2: refused */
        } cases[] = {
                {"\"x\":1", -1},
                {"\"cni.dev/valid-attachments\":null", -1},
                {"\"cni.dev/valid-attachments\":[]", 0},
                {"\"cni.dev/valid-attachments\":[{\"containerID\":\"a\",\"ifname\":\"eth0\"}]", 1},
                {"\"cni.dev/attachments\":[{\"containerID\":\"a\",\"ifname\":\"eth0\"}]", 1},
                {"\"cni.dev/"
                 "attachments\":[{\"containerID\":\"a\",\"ifname\":\"e\"},{\"containerID\":\"b\",\"ifname\":"
                 "\"e\"}]",
                 2},
                {"\"cni.dev/valid-attachments\":[],\"cni.dev/"
                 "attachments\":[{\"containerID\":\"a\",\"ifname\":\"e\"}]",
                 0},
                {"\"cni.dev/valid-attachments\":{}", -2},
                {"\"cni.dev/valid-attachments\":\"\"", -2},
                {"\"cni.dev/valid-attachments\":[7]", -2},
                {"\"cni.dev/valid-attachments\":[{\"containerID\":\"a\"}]", -2},
                {"\"cni.dev/valid-attachments\":[{\"containerID\":\"a\",\"ifname\":\"\"}]", -2},
                {"\"cni.dev/valid-attachments\":[{\"containerID\":1,\"ifname\":\"eth0\"}]", -2},
        };
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(netconf_done) struct netconf conf = {0};
                _cleanup_free_ struct valid_attachment *list = NULL;
                _cleanup_free_ char *text = xasprintf("{\"name\":\"n\",%s}", cases[i].pairs);
                size_t n = 99;
                int r;

                assert_ok(parse(text, &conf, &err), &err);
                r = netconf_parse_valid_attachments(&conf, &list, &n, &err);
                if (cases[i].expect == -2) {
                        assert_fails(r, ERR_INVALID);
                        assert_contains(err.msg, "cni.dev/valid-attachments");
                        assert_int_equal(n, 99);
                        continue;
                }
                assert_ok(r, &err);
                assert_int_equal(list != NULL, cases[i].expect >= 0);
                assert_int_equal(n, cases[i].expect < 0 ? 0 : cases[i].expect);
                if (n)
                        assert_string_equal(list[0].container_id, "a");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_base_keys),
                cmocka_unit_test(test_name_is_bounded),
                cmocka_unit_test(test_version_is_guessed),
                cmocka_unit_test(test_settings_default),
                cmocka_unit_test(test_settings_given),
                cmocka_unit_test(test_settings_refused),
                cmocka_unit_test(test_socket_path_is_bounded),
                cmocka_unit_test(test_settings_keep_what_is_good),
                cmocka_unit_test(test_valid_attachments),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
