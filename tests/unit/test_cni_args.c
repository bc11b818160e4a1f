// SPDX-License-Identifier: Apache-2.0
/* The CNI environment, CNI_ARGS, and the names computed from them. */
#include "test.h"

#include <stdio.h>

#include <vpcwire/mem.h>

#include "args.h"
#include "name.h"
#include "requested.h"

enum { EVERYTHING = NEEDS_CONTAINER_ID | NEEDS_NETNS | NEEDS_IFNAME | NEEDS_PATH };

static struct cni_args good_args(void)
{
        return (struct cni_args){.command = "ADD",
                                 .container_id = "c1",
                                 .netns = "/run/netns/p1",
                                 .ifname = "eth0",
                                 .args = "",
                                 .path = "/opt/cni/bin",
                                 .netns_override = ""};
}

/* As the plugin does: what is malformed is reported first. */
static int check(const struct cni_args *args, unsigned needs, struct err *err)
{
        int r = args_check_values(args, needs, err);

        return r < 0 ? r : args_check_present(args, needs, err);
}

static void test_env_is_read_by_whole_names(void **state _unused_)
{
        static const char *const env[] = {
                "CNI_CONTAINERIDX=no", "CNI_CONTAINERI=no", "CNI_CONTAINERID=c1=x", "CNI_CONTAINERID=second",
                "CNI_IFNAME=",         "PATH=/bin",         "CNI_COMMAND",          NULL};
        struct cni_args args;

        args_from_env(env, &args);
        assert_string_equal(args.container_id, "c1=x");
        assert_string_equal(args.ifname, "");
        assert_string_equal(args.netns, "");
        assert_string_equal(args.command, "");
}

static void test_missing_variables_are_all_named(void **state _unused_)
{
        static const struct {
                unsigned needs;
                const char *expect; /* NULL: good */
        } cases[] = {
                {0, NULL},
                {NEEDS_PATH, "[CNI_PATH]"},
                {NEEDS_CONTAINER_ID | NEEDS_IFNAME | NEEDS_PATH, "[CNI_CONTAINERID,CNI_IFNAME,CNI_PATH]"},
                {EVERYTHING, "[CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH]"},
        };
        static const char *const env[] = {"CNI_COMMAND=ADD", NULL};
        struct cni_args args;
        struct err err;

        args_from_env(env, &args);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                int r = check(&args, cases[i].needs, &err);

                if (!cases[i].expect) {
                        assert_ok(r, &err);
                } else {
                        assert_fails(r, ERR_INVALID);
                        assert_contains(err.msg, cases[i].expect);
                }
        }
}

static void test_values_are_checked(void **state _unused_)
{
        static const struct {
                const char *container_id, *netns, *ifname;
                const char *expect; /* in the error; NULL: good */
        } cases[] = {
                {"c1", "/n", "eth0", NULL},
                {"0", "/n", "123456789012345", NULL},
                {"A_b.c-9", "/n", "...", NULL},
                {"a/b", "/n", "eth0", "CNI_CONTAINERID 'a/b'"},
                {"-a", "/n", "eth0", "CNI_CONTAINERID '-a'"},
                {".a", "/n", "eth0", "CNI_CONTAINERID"},
                {"a b", "/n", "eth0", "CNI_CONTAINERID"},
                {"a\n", "/n", "eth0", "CNI_CONTAINERID"},
                {"\xc3\xa4", "/n", "eth0", "CNI_CONTAINERID"},
                {"c1", "/n", "1234567890123456", "CNI_IFNAME '1234567890123456'"},
                {"c1", "/n", ".", "CNI_IFNAME"},
                {"c1", "/n", "..", "CNI_IFNAME"},
                {"c1", "/n", "a/b", "'/'"},
                {"c1", "/n", "a:b", "':'"},
                {"c1", "/n", "a b", "' '"},
                {"c1", "/n", "a\t", "CNI_IFNAME"},
                {"c1", "/n", "e%d", "'%'"},
                {"c1", "/n", "\xff", "CNI_IFNAME"},
                {"c1", "/n\xff", "eth0", "CNI_NETNS"},
        };
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct cni_args args = good_args();
                int r;

                args.container_id = cases[i].container_id;
                args.netns = cases[i].netns;
                args.ifname = cases[i].ifname;
                r = check(&args, EVERYTHING, &err);
                if (!cases[i].expect) {
                        assert_ok(r, &err);
                } else {
                        assert_fails(r, ERR_INVALID);
                        assert_contains(err.msg, cases[i].expect);
                }
                /* What the verb does not need is not looked at: podman sends CNI_NETNS=dummy with VERSION. */
                assert_ok(check(&args, 0, &err), &err);
        }
}

static void test_netns_override(void **state _unused_)
{
        static const struct {
                const char *text;
                bool expect;
        } cases[] = {{"1", true}, {"TRUE", true}, {"true", true}, {"True", true},
                     {"", false}, {"0", false},   {"yes", false}, {"FALSE", false}};

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct cni_args args = good_args();

                args.netns_override = cases[i].text;
                assert_int_equal(args_allow_own_netns(&args), cases[i].expect);
        }
}

static void test_pod_identity(void **state _unused_)
{
        static const struct {
                const char *args;
                const char *namespace, *name, *uid, *infra; /* name NULL: refused */
                const char *error;
        } cases[] = {
                {"", "", "", "", "", NULL},
                {"IgnoreUnknown=1;K8S_POD_NAMESPACE=ns1;K8S_POD_NAME=p1;K8S_POD_INFRA_CONTAINER_ID=5c;K8S_"
                 "POD_UID=u",
                 "ns1", "p1", "u", "5c", NULL},
                {"K8S_POD_UID=u;K8S_POD_INFRA_CONTAINER_ID=5c;K8S_POD_NAME=p1;K8S_POD_NAMESPACE=ns1;"
                 "IgnoreUnknown=true",
                 "ns1", "p1", "u", "5c", NULL},
                {"IgnoreUnknown=1;K8S_POD_NAME=web", "", "web", "", "", NULL},
                {"FOO=1;IgnoreUnknown=TRUE", "", "", "", "", NULL},
                {"IgnoreUnknown=1;FOO=", "", "", "", "", NULL},
                {"K8S_POD_NAME=", "", "", "", "", NULL},
                {"K8S_POD_NAME=a;K8S_POD_NAME=b", "", "b", "", "", NULL},
                {"K8S_POD_NAME=a", "", "a", "", "", NULL},
                {"FOO=1", NULL, NULL, NULL, NULL, "FOO"},
                {"FOO=1;IgnoreUnknown=0;BAR=2", NULL, NULL, NULL, NULL, "FOO"},
                {"IgnoreUnknown=1;IgnoreUnknown=false;FOO=1", NULL, NULL, NULL, NULL, "FOO"},
                {"k8s_pod_name=x", NULL, NULL, NULL, NULL, "k8s_pod_name"},
                {"K8S_POD_NAME", NULL, NULL, NULL, NULL, "K8S_POD_NAME"},
                {"K8S_POD_NAME=a=b;IgnoreUnknown=1", NULL, NULL, NULL, NULL, "K8S_POD_NAME=a=b"},
                {"IgnoreUnknown=1;", NULL, NULL, NULL, NULL, "''"},
                {";IgnoreUnknown=1", NULL, NULL, NULL, NULL, "''"},
                {";", NULL, NULL, NULL, NULL, "''"},
                {"IgnoreUnknown=yes", NULL, NULL, NULL, NULL, "'yes'"},
                {"IgnoreUnknown=", NULL, NULL, NULL, NULL, "IgnoreUnknown"},
                {"K8S_POD_NAME=\xff", NULL, NULL, NULL, NULL, "K8S_POD_NAME"},
        };
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct pod_identity pod = {.name = "untouched"};
                int r = args_parse_pod(cases[i].args, &pod, &err);

                if (!cases[i].name) {
                        assert_fails(r, ERR_INVALID);
                        assert_contains(err.msg, cases[i].error);
                        assert_string_equal(pod.name, "untouched");
                        continue;
                }
                assert_ok(r, &err);
                assert_string_equal(pod.namespace, cases[i].namespace);
                assert_string_equal(pod.name, cases[i].name);
                assert_string_equal(pod.uid, cases[i].uid);
                assert_string_equal(pod.infra_container_id, cases[i].infra);
        }
}

static void test_pod_values_are_bounded(void **state _unused_)
{
        char args[POD_TEXT_BYTES + 32] = "K8S_POD_NAME=";
        struct pod_identity pod;
        struct err err;

        memset(args + strlen(args), 'a', POD_TEXT_BYTES - 1);
        assert_ok(args_parse_pod(args, &pod, &err), &err);
        assert_int_equal(strlen(pod.name), POD_TEXT_BYTES - 1);
        args[strlen(args)] = 'a';
        assert_fails(args_parse_pod(args, &pod, &err), ERR_INVALID);
}

/* Digests by coreutils: printf %s default.web-0 | sha1sum | cut -c 1-11 */
static void test_host_link_names(void **state _unused_)
{
        static const struct {
                const char *prefix, *namespace, *name, *container_id, *ifname;
                const char *expect;
        } cases[] = {
                {"eni", "default", "web-0", "c1", "eth0", "eni0d7763386da"},
                {"eni", "kube-system", "coredns-5d78c9869d-abcde", "c1", "eth0", "eni4d5f75c480c"},
                {"vpc_", "default", "web-0", "c1", "eth0", "vpc_0d7763386da"},
                {"x", "", "", "0123abcd", "eth0", "xab90526a4e7"},
                /* without a namespace the name is no pod's: the container's id, as where there is none */
                {"eni", "", "web", "0123abcd", "eth0", "eniab90526a4e7"},
                {"eni", "default", "web-0", "c1", "net1", "enide80847183d"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct pod_identity pod = {0};
                char name[LINK_NAME_BYTES];

                snprintf(pod.namespace, sizeof(pod.namespace), "%s", cases[i].namespace);
                snprintf(pod.name, sizeof(pod.name), "%s", cases[i].name);
                host_link_name(cases[i].prefix, &pod, cases[i].container_id, cases[i].ifname, name);
                assert_string_equal(name, cases[i].expect);
                assert_true(pod_link_has_form(name));
        }
}

static void test_host_link_name_form(void **state _unused_)
{
        static const char *const odd[] = {"",
                                          "eth0",
                                          "0123456789a",
                                          "enix0123456789a",
                                          "abcde0123456789a",
                                          "eni0123456789",
                                          "eni0123456789A"};

        for (size_t i = 0; i < ARRAY_SIZE(odd); i++)
                assert_int_equal(pod_link_has_form(odd[i]), strcmp(odd[i], "enix0123456789a") == 0);
        assert_true(host_link_name_is_same_pod("eni0123456789a", "vpc0123456789a"));
        assert_false(host_link_name_is_same_pod("eni0123456789a", "eni0123456789b"));
        assert_false(host_link_name_is_same_pod("eni0123456789a", "eth0"));
}

/* Every name that a pod's link may have is found again; no two owners share a spare one. */
static void test_spare_names(void **state _unused_)
{
        static const struct pod_link_owner owners[] = {
                {"default", "web", "c1", "net1"},
                {"default", "web.net1", "c2", "eth0"},
                {"default.web", "net1", "c3", "eth0"},
                {NULL, NULL, "default.web.net1", "eth0"},
        };
        char names[ARRAY_SIZE(owners)][POD_LINK_SPARES + 1][POD_LINK_NAME_BYTES];

        for (size_t i = 0; i < ARRAY_SIZE(owners); i++) {
                for (unsigned n = 0; n <= POD_LINK_SPARES; n++) {
                        char prefix[POD_LINK_PREFIX_MAX + 1];

                        pod_link_name("eni", &owners[i], n, names[i][n]);
                        assert_true(host_link_name_is_of(names[i][n], &owners[i]));
                        pod_link_prefix(names[i][n], prefix);
                        assert_string_equal(prefix, "eni");
                }
                assert_string_equal(names[i][0], names[0][0]); /* the first names do clash */
                for (size_t k = 0; k < i; k++) {
                        for (unsigned n = 1; n <= POD_LINK_SPARES; n++)
                                assert_false(host_link_name_is_of(names[k][n], &owners[i]));
                }
        }
}

static void test_mac_of_a_host_link(void **state _unused_)
{
        const struct mac mac = host_link_mac("c1", "eth0");

        assert_int_equal(mac.bytes[0] & 3, 2);
        assert_true(mac_equal(mac, host_link_mac("c1", "eth0")));
        assert_false(mac_equal(mac, host_link_mac("c1", "net1")));
        assert_false(mac_equal(mac, host_link_mac("c2", "eth0")));
}

static void test_requested(void **state _unused_)
{
        static const struct {
                const char *args, *conf;
                const char *address, *mac; /* what is asked for */
                const char *error;
        } cases[] = {
                {"", "{}", "none", "00:00:00:00:00:00", NULL},
                {"IP=;MAC=", "{\"runtimeConfig\":{\"ips\":[],\"mac\":\"\"}}", "none", "00:00:00:00:00:00",
                 NULL},
                {"IP=10.0.1.7;MAC=02:00:5e:10:00:01", "{}", "10.0.1.7", "02:00:5e:10:00:01", NULL},
                {"IP=10.0.1.7/24", "{}", "10.0.1.7", "00:00:00:00:00:00", NULL},
                {"IP=10.0.1.7;MAC=02:00:5e:10:00:01",
                 "{\"args\":{\"cni\":{\"ips\":[\"10.0.1.8\"],\"mac\":\"02:00:5e:10:00:02\"}}}", "10.0.1.8",
                 "02:00:5e:10:00:02", NULL},
                {"IP=10.0.1.7",
                 "{\"args\":{\"cni\":{\"ips\":[\"10.0.1.8\"]}},\"runtimeConfig\":{\"ips\":[\"10.0.1.9/"
                 "16\"]}}",
                 "10.0.1.9", "00:00:00:00:00:00", NULL},
                {"IP=10.0.1", "{}", NULL, NULL, "CNI_ARGS: IP '10.0.1' is not an IP address"},
                {"MAC=01:00:5e:10:00:01", "{}", NULL, NULL, "CNI_ARGS: MAC '01:00:5e:10:00:01'"},
                {"MAC=00:00:00:00:00:00", "{}", NULL, NULL, "MAC '00:00:00:00:00:00'"},
                {"MAC=x", "{}", NULL, NULL, "MAC 'x'"},
                {"", "{\"runtimeConfig\":{\"mac\":7}}", NULL, NULL, "runtimeConfig.mac must be a string"},
                {"", "{\"runtimeConfig\":{\"ips\":\"10.0.1.7\"}}", NULL, NULL,
                 "runtimeConfig.ips must be a list"},
                {"", "{\"runtimeConfig\":{\"ips\":[\"10.0.1.7\",\"10.0.1.8\"]}}", NULL, NULL, "2 addresses"},
                {"", "{\"args\":{\"cni\":{\"ips\":[7]}}}", NULL, NULL, "args.cni.ips must be a list"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct netconf conf = {.root = json_loads(cases[i].conf, 0, NULL)};
                struct pod_identity pod = {0};
                struct requested requested = {.address = IP_NONE};
                struct err err;
                int r;

                assert_non_null(conf.root);
                assert_ok(args_parse_pod(cases[i].args, &pod, &err), &err);
                r = requested_from_args(&pod, &requested, &err);
                if (r == 0)
                        r = requested_from_conf(&conf, &requested, &err);
                if (cases[i].error) {
                        assert_fails(r, ERR_INVALID);
                        assert_contains(err.msg, cases[i].error);
                } else {
                        assert_ok(r, &err);
                        assert_string_equal(IP_TEXT(requested.address), cases[i].address);
                        assert_string_equal(MAC_TEXT(requested.mac), cases[i].mac);
                }
                netconf_done(&conf);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_env_is_read_by_whole_names),
                cmocka_unit_test(test_missing_variables_are_all_named),
                cmocka_unit_test(test_values_are_checked),
                cmocka_unit_test(test_netns_override),
                cmocka_unit_test(test_pod_identity),
                cmocka_unit_test(test_pod_values_are_bounded),
                cmocka_unit_test(test_host_link_names),
                cmocka_unit_test(test_host_link_name_form),
                cmocka_unit_test(test_spare_names),
                cmocka_unit_test(test_mac_of_a_host_link),
                cmocka_unit_test(test_requested),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
