// SPDX-License-Identifier: Apache-2.0
/* The settings: where they come from, what they may be, and what is said when they may not. */
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <vpcwire/file.h>

#include "config/config.h"

struct fixture {
        char path[64];
        struct config *config;
        struct err err;
};

static int setup(void **state)
{
        struct fixture *f = XNEW(struct fixture);
        int fd;

        clearenv(); /* the machine's own AWS_REGION is none of our business */
        snprintf(f->path, sizeof(f->path), "/tmp/vw-config-XXXXXX");
        fd = mkstemp(f->path);
        assert_true(fd >= 0);
        close(fd);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;

        unlink(f->path);
        config_free(f->config);
        free(f);
        return 0;
}

static void write_conf(struct fixture *f, const char *text)
{
        assert_ok(file_replace(f->path, text, strlen(text), 0644, &f->err), &f->err);
}

static const struct config *load(struct fixture *f)
{
        f->config = config_free(f->config);
        assert_ok(config_load(f->path, &f->config, &f->err), &f->err);
        return f->config;
}

/* The settings must be refused, and nothing be returned. */
static void refuse(struct fixture *f)
{
        f->config = config_free(f->config);
        if (config_load(f->path, &f->config, &f->err) == 0)
                fail_msg("was accepted");
        assert_null(f->config);
        assert_int_equal(f->err.code, ERR_INVALID);
}

/* ---- where they come from ---- */

static void test_defaults(void **state)
{
        struct fixture *f = *state;
        const struct config *c;

        unlink(f->path); /* a missing file is fine */
        c = load(f);
        assert_int_equal(c->targets.warm_eni, 1);
        assert_false(c->targets.has_warm_ip || c->targets.has_minimum_ip);
        assert_int_equal(c->targets.max_eni, 0);
        assert_int_equal(c->targets.max_pods, 0);
        assert_int_equal(c->ip_cooldown_s, 30);
        assert_int_equal(c->orphan_grace_s, 60);
        assert_int_equal(c->resync_period_s, 1800);
        assert_int_equal(c->eni_mtu, 9001);
        assert_int_equal(c->pod_mtu, 9001);
        assert_int_equal(c->http_timeout_s, 10);
        assert_string_equal(c->veth_prefix, "eni");
        assert_null(c->cluster_name);
        assert_null(c->region);
        assert_null(c->ec2_endpoint);
        assert_null(c->imds_endpoint);
        assert_null(c->sts_endpoint);
        assert_null(c->ca_file);
        assert_false(c->use_fips || c->use_dualstack || c->imds_ipv6);
        assert_string_equal(c->db_path, "/run/vpcwire/ipam.db");
        assert_string_equal(c->socket_path, "/run/vpcwire/ipamd.sock");
        assert_int_equal(c->log_level, LOG_LEVEL_INFO);
        assert_int_equal(c->log_format, LOG_FORMAT_AUTO);
        assert_int_equal(c->n_tags, 0);
        assert_int_equal(c->warnings.n, 0);
}

static void test_file_wins_over_environment(void **state)
{
        struct fixture *f = *state;
        const struct config *c;

        setenv("WARM_ENI_TARGET", "2", 1);
        setenv("WARM_IP_TARGET", "5", 1);
        setenv("IP_COOLDOWN_PERIOD", "", 1); /* empty is unset */
        write_conf(f, "# a comment\n\n  WARM_ENI_TARGET = 3  \r\nMAX_ENI=4\n\t# and another");
        c = load(f);
        assert_int_equal(c->targets.warm_eni, 3);
        assert_true(c->targets.has_warm_ip);
        assert_int_equal(c->targets.warm_ip, 5);
        assert_int_equal(c->targets.max_eni, 4);
        assert_int_equal(c->ip_cooldown_s, 30);
}

static void test_zero_is_not_unset(void **state)
{
        struct fixture *f = *state;

        write_conf(f, "WARM_IP_TARGET=0\nMINIMUM_IP_TARGET=0\n");
        assert_true(load(f)->targets.has_warm_ip);
        assert_true(f->config->targets.has_minimum_ip);
}

static void test_unknown_environment_is_ignored(void **state)
{
        struct fixture *f = *state;

        setenv("WARM_PREFIX_TARGET", "1", 1);
        setenv("PATH_TO_NOWHERE", "\n", 1);
        setenv("AWS_SECRET_ACCESS_KEY", "not read here", 1);
        assert_int_equal(load(f)->warnings.n, 0);
}

/* Ours or aws-vpc-cni's, misspelt: ignored, and named. */
static void test_names_that_are_no_settings(void **state)
{
        static const struct {
                const char *name, *nearest; /* NULL: nobody's business */
        } cases[] = {
                {"WARM_IP_TARGETS", "WARM_IP_TARGET"},
                {"WARM_ENI", "WARM_ENI_TARGET"},
                {"MAX_ENIS", "MAX_ENI"},
                {"AWS_VPC_K8S_CNI_LOG_LEVEL", "AWS_VPC_K8S_CNI_LOGLEVEL"},
                {"VPCWIRE_COOLDOWN", "VPCWIRE_"},
                {"IP_COOLDOWN_PERIODS", "IP_COOLDOWN_PERIOD"},
                {"MAX_EN", "MAX_ENI"},
                {"MAX_INT", NULL},
                {"VPCWIRE_CONF", NULL},
                {"VPCWIRE_SERVICE_HOST", NULL},
                {"VPCWIRE_PORT_80_TCP", NULL},
                {"WARM_CACHE_SERVICE_HOST", NULL},
                {"WARM_CACHE_SERVICE_PORT_HTTP", NULL},
                {"WARM_CACHE_PORT", NULL},
                {"VPCWIRE_CONFLIST_NAMES", "VPCWIRE_CONFLIST_NAME"},
                {"AWS_VPC_K8S_CNI_CONFIGURE_RPFILTER", NULL},
                {"AWS_EC2_ENDPOINT", NULL},
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const struct config_warnings *warnings;

                setenv(cases[i].name, "http://x", 1);
                warnings = &load(f)->warnings;
                if (cases[i].nearest) {
                        assert_int_equal(warnings->n, 1);
                        assert_string_equal(warnings->list[0].setting, cases[i].name);
                        assert_contains(warnings->list[0].text, cases[i].nearest);
                } else {
                        assert_int_equal(warnings->n, 0);
                }
                unsetenv(cases[i].name);
        }
        for (int i = 0; i < 40; i++) { /* bounded, and none of them stops the start */
                char name[32];

                snprintf(name, sizeof(name), "WARM_%d", i);
                setenv(name, "1", 1);
        }
        assert_int_equal(load(f)->warnings.n, 16);
}

static void test_other_names(void **state)
{
        static const struct {
                const char *name, *value;
        } steps[] = {
                {"AWS_ENDPOINT_URL", "http://general"},
                {"AWS_ENDPOINT_URL_EC2", "http://ec2"},
                {"AWS_EC2_ENDPOINT", "https://first:8443"},
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(steps); i++) { /* each one goes before those above */
                setenv(steps[i].name, steps[i].value, 1);
                assert_string_equal(load(f)->ec2_endpoint, steps[i].value);
        }
        assert_string_equal(f->config->sts_endpoint, "http://general");
        setenv("AWS_ENDPOINT_URL_STS", "http://sts", 1);
        assert_string_equal(load(f)->sts_endpoint, "http://sts");
        setenv("AWS_DEFAULT_REGION", "eu-west-1", 1);
        assert_string_equal(load(f)->region, "eu-west-1");
        setenv("AWS_REGION", "eu-central-1", 1);
        assert_string_equal(load(f)->region, "eu-central-1");
}

/* ---- what they may be ---- */

static void test_refused_values(void **state)
{
        static const struct {
                const char *name, *value, *allowed;
        } cases[] = {
                {"WARM_ENI_TARGET", "101", "0..100"},
                {"WARM_ENI_TARGET", "-", "0..100"},
                {"WARM_ENI_TARGET", "--1", "0..100"},
                {"WARM_ENI_TARGET", "+1", "0..100"},
                {"WARM_ENI_TARGET", "1.5", "0..100"},
                {"WARM_ENI_TARGET", "1e1", "0..100"},
                {"WARM_ENI_TARGET", "0x10", "0..100"},
                {"WARM_ENI_TARGET", "one", "0..100"},
                {"WARM_ENI_TARGET", "99999999999999999999", "0..100"},
                {"WARM_ENI_TARGET", "4294967297", "0..100"},
                {"WARM_IP_TARGET", "\"5\"", "0..10000"},
                {"MINIMUM_IP_TARGET", "5 6", "0..10000"},
                {"MAX_ENI", "0x0", "1.."},
                {"IP_COOLDOWN_PERIOD", "-1", "0..3600"},
                {"VPCWIRE_MAX_PODS", "0", "1..10000"},
                {"IP_COOLDOWN_PERIOD", "30s", "0..3600"},
                {"HTTP_TIMEOUT", "0", "1..300"},
                {"VPCWIRE_RESYNC_PERIOD", "9", "10.."},
                {"VPCWIRE_ORPHAN_GRACE_PERIOD", "0", "1.."},
                {"AWS_VPC_ENI_MTU", "575", "576..9001"},
                {"AWS_VPC_ENI_MTU", "9002", "576..9001"},
                {"POD_MTU", "100", "576..9001"},
                {"AWS_VPC_K8S_CNI_VETHPREFIX", "toolong", "1..4"},
                {"AWS_VPC_K8S_CNI_VETHPREFIX", "eth", "not eth, vlan or lo"},
                {"AWS_VPC_K8S_CNI_VETHPREFIX", "vlan", "not eth, vlan or lo"},
                {"AWS_VPC_K8S_CNI_VETHPREFIX", "lo", "not eth, vlan or lo"},
                {"AWS_VPC_K8S_CNI_VETHPREFIX", "a/b", "letters or digits"},
                {"AWS_VPC_K8S_CNI_LOGLEVEL", "loud", "loud"},
                {"VPCWIRE_LOG_FORMAT", "xml", "auto, text or json"},
                {"VPCWIRE_DB", "ipam.db", "absolute path"},
                {"VPCWIRE_SOCKET", "unix:/x", "absolute path"},
                {"AWS_EC2_ENDPOINT", "ec2.local", "http://"},
                {"AWS_ENDPOINT_URL", "ftp://ec2", "http://"},
                {"AWS_EC2_METADATA_SERVICE_ENDPOINT", "169.254.169.254", "http://"},
                {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "6", "IPv6 or IPv4"},
                {"AWS_ENDPOINT_URL_STS", "sts", "http://"},
                {"AWS_USE_FIPS_ENDPOINT", "yes", "true or false"},
                {"AWS_USE_DUALSTACK_ENDPOINT", "1", "true or false"},
                {"AWS_CA_BUNDLE", "ca.pem", "absolute path"},
                {"CLUSTER_NAME", "two words", "without spaces"},
                {"ADDITIONAL_ENI_TAGS", "{", "JSON object"},
                {"ADDITIONAL_ENI_TAGS", "[]", "JSON object"},
                {"ADDITIONAL_ENI_TAGS", "{\"a\": 1}", "not a string"},
                {"ADDITIONAL_ENI_TAGS", "{\"a\": \"1\", \"a\": \"2\"}", "JSON object"},
                {"ADDITIONAL_ENI_TAGS", "{\"\": \"1\"}", "bytes of key"},
                {"ADDITIONAL_ENI_TAGS", "{\"aws:x\": \"1\"}", "EC2's own"},
                {"ADDITIONAL_ENI_TAGS", "{\"a\": {\"b\": \"c\"}}", "not a string"},
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                setenv(cases[i].name, cases[i].value, 1);
                refuse(f);
                assert_contains(f->err.msg, cases[i].name);
                assert_contains(f->err.msg, cases[i].allowed);
                if (strncmp(cases[i].name, "ADDITIONAL", 10) != 0)
                        assert_contains(f->err.msg, cases[i].value);
                unsetenv(cases[i].name);
        }
        load(f);
}

static void test_edges_are_allowed(void **state)
{
        struct fixture *f = *state;

        write_conf(f, "WARM_ENI_TARGET=100\nMAX_ENI=1\nIP_COOLDOWN_PERIOD=0\nAWS_VPC_ENI_MTU=576\n"
                      "AWS_VPC_K8S_CNI_VETHPREFIX=pod0\nHTTP_TIMEOUT=300\nVPCWIRE_LOG_FORMAT=json\n");
        assert_int_equal(load(f)->targets.warm_eni, 100);
        assert_int_equal(f->config->pod_mtu, 576); /* follows the ENI's */
        assert_string_equal(f->config->veth_prefix, "pod0");
        assert_int_equal(f->config->log_format, LOG_FORMAT_JSON);
}

/* aws-vpc-cni goes on as if such a number was not there. */
static void test_low_numbers_are_as_unset(void **state)
{
        static const struct {
                const char *name, *value;
        } cases[] = {{"MAX_ENI", "0"},          {"MAX_ENI", "00"},        {"MAX_ENI", "-1"},
                     {"WARM_ENI_TARGET", "-1"}, {"WARM_IP_TARGET", "-3"}, {"MINIMUM_IP_TARGET", "-3"}};
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *line = xasprintf("%s=%s\n", cases[i].name, cases[i].value);

                clearenv();
                setenv(cases[i].name, "7", 1);
                write_conf(f, line);
                assert_int_equal(load(f)->targets.max_eni, 0);
                assert_int_equal(f->config->targets.warm_eni, 1);
                assert_false(f->config->targets.has_warm_ip || f->config->targets.has_minimum_ip);
                assert_int_equal(f->config->warnings.n, 1);
                assert_string_equal(f->config->warnings.list[0].setting, cases[i].name);
                assert_contains(f->config->warnings.list[0].text, cases[i].value);
        }
}

static void test_a_later_source_takes_a_warning_back(void **state)
{
        struct fixture *f = *state;

        setenv("MAX_ENI", "0", 1);
        setenv("AWS_EXTERNAL_SERVICE_CIDRS", "10.0.0.0/8,", 1);
        assert_int_equal(load(f)->warnings.n, 2);
        write_conf(f, "MAX_ENI=3\n");
        assert_int_equal(load(f)->warnings.n, 1);
        assert_string_equal(f->config->warnings.list[0].setting, "AWS_EXTERNAL_SERVICE_CIDRS");
        assert_int_equal(f->config->targets.max_eni, 3);
}

/* ---- what aws-vpc-cni has and we have not ---- */

static void test_unsupported_ones_stop_the_start(void **state)
{
        static const struct {
                const char *name, *on, *off;
        } cases[] = {{"AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG", "true", "false"},
                     {"ENABLE_POD_ENI", "T", "0"},
                     {"ENABLE_IPv6", "1", "False"},
                     {"ENABLE_IPv4", "false", "true"},
                     {"ENABLE_MULTI_NIC", "true", "f"},
                     {"DISABLE_NETWORK_RESOURCE_PROVISIONING", "true", "false"},
                     {"ENABLE_IMDS_ONLY_MODE", "true", "false"}};
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *on = xasprintf("\n%s = %s\n", cases[i].name, cases[i].on),
                                    *off = xasprintf("%s=%s\n", cases[i].name, cases[i].off);

                setenv(cases[i].name, cases[i].on, 1);
                write_conf(f, "");
                refuse(f);
                assert_contains(f->err.msg, cases[i].name);
                assert_contains(f->err.msg, "environment variable");
                assert_contains(f->err.msg, "is not supported");
                write_conf(f, off); /* a node's file takes the cluster's back */
                assert_int_equal(load(f)->warnings.n, 0);
                unsetenv(cases[i].name);
                write_conf(f, on);
                refuse(f);
                assert_contains(f->err.msg, ":2: ");
                write_conf(f, "");
                setenv(cases[i].name, "yes", 1); /* its default, to aws-vpc-cni */
                assert_int_equal(load(f)->warnings.n, 1);
                unsetenv(cases[i].name);
        }
}

static void test_unsupported_ones_that_are_warned_of(void **state)
{
        static const struct {
                const char *name, *on, *off;
        } cases[] = {{"ENABLE_PREFIX_DELEGATION", "true", "false"},
                     {"ANNOTATE_POD_IP", "1", "0"},
                     {"ENABLE_BANDWIDTH_PLUGIN", "true", "false"},
                     {"ENABLE_V6_EGRESS", "true", "false"},
                     {"DISABLE_POD_V6", "true", "false"},
                     {"NETWORK_POLICY_ENFORCING_MODE", "strict", "standard"}};
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                setenv(cases[i].name, cases[i].on, 1);
                assert_int_equal(load(f)->warnings.n, 1);
                assert_string_equal(f->config->warnings.list[0].setting, cases[i].name);
                assert_contains(f->config->warnings.list[0].text, cases[i].on);
                setenv(cases[i].name, cases[i].off, 1);
                assert_int_equal(load(f)->warnings.n, 0);
                unsetenv(cases[i].name);
        }
}

/* Its README and the environment of its containers, v1.23.1. */
static void test_every_setting_of_aws_vpc_cni_is_known(void **state)
{
        static const char *const names[] = {
                "ADDITIONAL_ENI_TAGS",
                "ANNOTATE_POD_IP",
                "AWS_EC2_ENDPOINT",
                "AWS_EXTERNAL_SERVICE_CIDRS",
                "AWS_MANAGE_ENIS_NON_SCHEDULABLE",
                "AWS_VPC_CNI_NODE_PORT_SUPPORT",
                "AWS_VPC_ENI_MTU",
                "AWS_VPC_K8S_CNI_BACKING_STORE",
                "AWS_VPC_K8S_CNI_CONFIGURE_RPFILTER",
                "AWS_VPC_K8S_CNI_CONNMARK",
                "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG",
                "AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS",
                "AWS_VPC_K8S_CNI_EXTERNALSNAT",
                "AWS_VPC_K8S_CNI_LOGLEVEL",
                "AWS_VPC_K8S_CNI_LOG_FILE",
                "AWS_VPC_K8S_CNI_RANDOMIZESNAT",
                "AWS_VPC_K8S_CNI_VETHPREFIX",
                "AWS_VPC_K8S_EGRESS_V4_PLUGIN_LOG_FILE",
                "AWS_VPC_K8S_EGRESS_V6_PLUGIN_LOG_FILE",
                "AWS_VPC_K8S_PLUGIN_LOG_FILE",
                "AWS_VPC_K8S_PLUGIN_LOG_LEVEL",
                "CLUSTER_ENDPOINT",
                "CLUSTER_NAME",
                "DISABLE_INTROSPECTION",
                "DISABLE_LEAKED_ENI_CLEANUP",
                "DISABLE_METRICS",
                "DISABLE_NETWORK_RESOURCE_PROVISIONING",
                "DISABLE_POD_V6",
                "DISABLE_TCP_EARLY_DEMUX",
                "ENABLE_BANDWIDTH_PLUGIN",
                "ENABLE_IMDS_ONLY_MODE",
                "ENABLE_IPv4",
                "ENABLE_IPv6",
                "ENABLE_MULTI_NIC",
                "ENABLE_NFTABLES",
                "ENABLE_POD_ENI",
                "ENABLE_PREFIX_DELEGATION",
                "ENABLE_SUBNET_DISCOVERY",
                "ENABLE_V4_EGRESS",
                "ENABLE_V6_EGRESS",
                "ENI_CONFIG_ANNOTATION_DEF",
                "ENI_CONFIG_LABEL_DEF",
                "HOST_CNI_BIN_PATH",
                "HOST_CNI_CONFDIR_PATH",
                "HTTP_TIMEOUT",
                "INTROSPECTION_BIND_ADDRESS",
                "IP_COOLDOWN_PERIOD",
                "MANAGE_UNTAGGED_ENI",
                "MAX_ENI",
                "MINIMUM_IP_TARGET",
                "MY_NODE_NAME",
                "MY_POD_NAME",
                "NETWORK_POLICY_ENFORCING_MODE",
                "POD_MTU",
                "POD_SECURITY_GROUP_ENFORCING_MODE",
                "VPC_CNI_VERSION",
                "VPC_ID",
                "WARM_ENI_TARGET",
                "WARM_IP_TARGET",
                "WARM_PREFIX_TARGET",
        };
        struct fixture *f = *state;
        struct err err;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) { /* what is known is taken from a node's file */
                _cleanup_(config_freep) struct config *config = NULL;
                _cleanup_free_ char *line = xasprintf("%s=?\n", names[i]);

                write_conf(f, line);
                if (config_load(f->path, &config, &err) < 0 && strstr(err.msg, "unknown setting"))
                        fail_msg("%s", err.msg);
        }
}

static void test_how_aws_is_reached(void **state)
{
        struct fixture *f = *state;

        setenv("AWS_USE_FIPS_ENDPOINT", "True", 1);
        write_conf(f, "AWS_USE_DUALSTACK_ENDPOINT=true\nAWS_CA_BUNDLE=/etc/ca.pem\n"
                      "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=ipv6\n");
        assert_true(load(f)->use_fips && f->config->use_dualstack && f->config->imds_ipv6);
        assert_string_equal(f->config->ca_file, "/etc/ca.pem");
        write_conf(f, "AWS_USE_FIPS_ENDPOINT=FALSE\nAWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv4\n");
        assert_false(load(f)->use_fips || f->config->use_dualstack || f->config->imds_ipv6);
}

static void test_contradictions(void **state)
{
        static const struct {
                const char *text, *first, *second;
        } cases[] = {
                {"AWS_VPC_ENI_MTU=1500\nPOD_MTU=1501\n", "POD_MTU 1501", "AWS_VPC_ENI_MTU 1500"},
                {"VPCWIRE_MAX_PODS=10\nMINIMUM_IP_TARGET=11\n", "MINIMUM_IP_TARGET 11",
                 "VPCWIRE_MAX_PODS 10"},
                {"VPCWIRE_DB=/x\nVPCWIRE_SOCKET=/x\n", "VPCWIRE_DB", "VPCWIRE_SOCKET"},
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                write_conf(f, cases[i].text);
                refuse(f);
                assert_contains(f->err.msg, cases[i].first);
                assert_contains(f->err.msg, cases[i].second);
        }
}

static void test_log_levels(void **state)
{
        static const struct {
                const char *value;
                enum log_level level;
        } cases[] = {
                {"DEBUG", LOG_LEVEL_DEBUG}, {"debug", LOG_LEVEL_DEBUG}, {"INFO", LOG_LEVEL_INFO},
                {"Warn", LOG_LEVEL_WARN},   {"ERROR", LOG_LEVEL_ERROR}, {"FATAL", LOG_LEVEL_ERROR},
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                setenv("AWS_VPC_K8S_CNI_LOGLEVEL", cases[i].value, 1);
                assert_int_equal(load(f)->log_level, cases[i].level);
        }
}

static void test_tags(void **state)
{
        struct fixture *f = *state;
        const struct config *c;

        setenv("ADDITIONAL_ENI_TAGS", "{\"from\": \"environment\"}", 1);
        write_conf(f, "ADDITIONAL_ENI_TAGS={\"team\": \"net = work\", \"node.k8s.amazonaws.com/x\": \"y\", "
                      "\"empty\": \"\"}\n");
        c = load(f);
        assert_int_equal(c->n_tags, 2); /* the file's, in place of the environment's */
        assert_string_equal(c->tags[0].key, "team");
        assert_string_equal(c->tags[0].value, "net = work");
        assert_string_equal(c->tags[1].value, "");
        assert_int_equal(c->warnings.n, 1);
        assert_string_equal(c->warnings.list[0].setting, "ADDITIONAL_ENI_TAGS");
        assert_contains(c->warnings.list[0].text, "node.k8s.amazonaws.com/x");
}

static void test_tag_limits(void **state)
{
        char key[CONFIG_TAG_KEY_BYTES_MAX + 2], value[CONFIG_TAG_VALUE_BYTES_MAX + 2];
        _cleanup_(text_done) struct text text = {0};
        struct fixture *f = *state;

        for (int over = 0; over < 3; over++) {
                _cleanup_free_ char *json = NULL;

                memset(key, 'k', sizeof(key));
                memset(value, 'v', sizeof(value));
                key[CONFIG_TAG_KEY_BYTES_MAX + (over == 1)] = '\0';
                value[CONFIG_TAG_VALUE_BYTES_MAX + (over == 2)] = '\0';
                json = xasprintf("{\"%s\": \"%s\"}", key, value);
                setenv("ADDITIONAL_ENI_TAGS", json, 1);
                if (over)
                        refuse(f);
                else
                        assert_int_equal(load(f)->n_tags, 1);
        }
        for (int i = 0; i <= CONFIG_TAGS_MAX; i++)
                text_add(&text, "%s\"k%d\": \"v\"", i ? ", " : "{", i);
        text_add(&text, "}");
        setenv("ADDITIONAL_ENI_TAGS", text.text, 1);
        refuse(f);
        assert_contains(f->err.msg, "at most 40");
}

/* ---- the file ---- */

static void test_bad_lines(void **state)
{
        static const struct {
                const char *text, *where, *what;
        } cases[] = {
                {"WARM_ENI_TARGET=1\nWARM_IP_TARGT=2\n", ":2:", "did you mean WARM_IP_TARGET?"},
                {"\n\nmax_enis=2\n", ":3:", "did you mean MAX_ENI?"},
                {"just words\n", ":1:", "not KEY=value"},
                {"=5\n", ":1:", "unknown setting"},
                {"WARM_ENI_TARGET=\n", ":1:", "WARM_ENI_TARGET"},
                {"WARM_ENI_TARGET=1 # no comments here\n", ":1:", "0..100"},
                {"CLUSTER_NAME=\"quoted name\"\n", ":1:", "CLUSTER_NAME"},
                {"#\n#\n#\nMAX_ENI=many", ":4:", "'many'"},
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                write_conf(f, cases[i].text);
                refuse(f);
                assert_contains(f->err.msg, f->path);
                assert_contains(f->err.msg, cases[i].where);
                assert_contains(f->err.msg, cases[i].what);
        }
}

static void test_bad_files(void **state)
{
        struct fixture *f = *state;
        char *big = xcalloc(1, CONFIG_FILE_BYTES_MAX + 2);

        memset(big, '\n', CONFIG_FILE_BYTES_MAX + 1);
        write_conf(f, big);
        assert_fails(config_load(f->path, &f->config, &f->err), ERR_LIMIT);
        big[CONFIG_FILE_BYTES_MAX] = '\0';
        write_conf(f, big);
        load(f);
        free(big);
        assert_ok(file_replace(f->path, "A\0B=1\n", 6, 0644, &f->err), &f->err);
        refuse(f);
        assert_contains(f->err.msg, "NUL");
        f->config = config_free(f->config);
        assert_true(config_load("/tmp", &f->config, &f->err) < 0); /* a folder */
        assert_null(f->config);
}

/* ---- names of an earlier release ---- */

static void test_an_old_name_is_followed_with_a_warning(void **state)
{
        struct fixture *f = *state;

        setenv("VPCWIRE_LOOK_PERIOD", "60", 1);
        assert_int_equal(load(f)->resync_period_s, 60);
        assert_int_equal(f->config->warnings.n, 1);
        assert_string_equal(f->config->warnings.list[0].setting, "VPCWIRE_RESYNC_PERIOD");
        assert_true(f->config->warnings.list[0].renamed);
        assert_string_equal(f->config->warnings.list[0].text,
                            "'60' is read from VPCWIRE_LOOK_PERIOD, whose name is now VPCWIRE_RESYNC_PERIOD"
                            ": rename it");
        setenv("VPCWIRE_RESYNC_PERIOD", "70", 1);
        assert_int_equal(load(f)->resync_period_s, 70);
        assert_int_equal(f->config->warnings.n, 0);
        write_conf(f, "VPCWIRE_LOOK_PERIOD=80\n");
        assert_int_equal(load(f)->resync_period_s, 80);
        assert_int_equal(f->config->warnings.n, 1);
}

/* ---- told to people ---- */

static void test_help_names_every_setting(void **state _unused_)
{
        static const char *const names[] = {
                "WARM_ENI_TARGET",
                "WARM_IP_TARGET",
                "MINIMUM_IP_TARGET",
                "MAX_ENI",
                "VPCWIRE_MAX_PODS",
                "IP_COOLDOWN_PERIOD",
                "AWS_VPC_ENI_MTU",
                "POD_MTU",
                "AWS_VPC_K8S_CNI_VETHPREFIX",
                "AWS_VPC_K8S_CNI_LOGLEVEL",
                "ADDITIONAL_ENI_TAGS",
                "CLUSTER_NAME",
                "AWS_REGION",
                "AWS_DEFAULT_REGION",
                "AWS_EC2_ENDPOINT",
                "AWS_ENDPOINT_URL_EC2",
                "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
                "AWS_ENDPOINT_URL_STS",
                "AWS_USE_FIPS_ENDPOINT",
                "AWS_USE_DUALSTACK_ENDPOINT",
                "AWS_CA_BUNDLE",
                "HTTP_TIMEOUT",
                "VPCWIRE_DB",
                "VPCWIRE_SOCKET",
                "VPCWIRE_ORPHAN_GRACE_PERIOD",
                "VPCWIRE_RESYNC_PERIOD",
                "VPCWIRE_LOG_FORMAT",
                "default 9001, 576..9001",
        };
        char *text = NULL;
        size_t n = 0;
        FILE *to = open_memstream(&text, &n);

        config_print_help(to);
        fclose(to);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                assert_contains(text, names[i]);
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
                assert_in_range(strlen(line), 1, 120);
        free(text);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(test_defaults),
                T(test_file_wins_over_environment),
                T(test_zero_is_not_unset),
                T(test_unknown_environment_is_ignored),
                T(test_names_that_are_no_settings),
                T(test_other_names),
                T(test_refused_values),
                T(test_edges_are_allowed),
                T(test_low_numbers_are_as_unset),
                T(test_a_later_source_takes_a_warning_back),
                T(test_unsupported_ones_stop_the_start),
                T(test_unsupported_ones_that_are_warned_of),
                T(test_every_setting_of_aws_vpc_cni_is_known),
                T(test_how_aws_is_reached),
                T(test_contradictions),
                T(test_log_levels),
                T(test_tags),
                T(test_tag_limits),
                T(test_bad_lines),
                T(test_bad_files),
                T(test_an_old_name_is_followed_with_a_warning),
                T(test_help_names_every_setting),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
