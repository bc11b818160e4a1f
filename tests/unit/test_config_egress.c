// SPDX-License-Identifier: Apache-2.0
/* The settings on connections that leave the VPC: what is taken, what is refused, and what is said then. */
#include "test.h"

#include <stdlib.h>

#include "config/config.h"

static struct config *load(void)
{
        struct config *config;
        struct err err;

        assert_ok(config_load("/nonexistent", &config, &err), &err);
        return config;
}

static int clear(void **state _unused_)
{
        return clearenv();
}

static void test_defaults(void **state _unused_)
{
        _cleanup_(config_freep) struct config *c = load();

        assert_false(c->egress.external_snat);
        assert_true(c->egress.node_ports);
        assert_int_equal(c->egress.snat_ports, SNAT_PORTS_PRNG);
        assert_int_equal(c->egress.mark, 0x80);
        assert_int_equal(c->egress.exempt.n + c->egress.external_services.n, 0);
}

static void test_taken_as_aws_vpc_cni_takes_them(void **state _unused_)
{
        _cleanup_(config_freep) struct config *c = NULL;

        setenv("AWS_VPC_K8S_CNI_EXTERNALSNAT", "1", 1);
        setenv("AWS_VPC_CNI_NODE_PORT_SUPPORT", "F", 1);
        setenv("AWS_VPC_K8S_CNI_RANDOMIZESNAT", "hashrandom", 1);
        setenv("AWS_VPC_K8S_CNI_CONNMARK", "0x10000040", 1);
        setenv("AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS", " 10.1.2.3/16 ,192.168.0.0/16,10.1.0.0/16", 1);
        setenv("AWS_EXTERNAL_SERVICE_CIDRS", "0.0.0.0/0", 1);
        c = load();
        assert_true(c->egress.external_snat);
        assert_false(c->egress.node_ports);
        assert_int_equal(c->egress.snat_ports, SNAT_PORTS_HASH);
        assert_int_equal(c->egress.mark, 0x10000040);
        assert_int_equal(c->egress.exempt.n, 2);
        assert_string_equal(PREFIX_TEXT(c->egress.exempt.list[0]), "10.1.0.0/16");
        assert_string_equal(PREFIX_TEXT(c->egress.exempt.list[1]), "192.168.0.0/16");
        assert_int_equal(c->egress.external_services.n, 1);
}

static void test_refused(void **state _unused_)
{
        static const struct {
                const char *name, *value, *said, *allowed;
        } cases[] = {
                {"AWS_VPC_K8S_CNI_EXTERNALSNAT", "yes", "'yes'", "true or false"},
                {"AWS_VPC_CNI_NODE_PORT_SUPPORT", "2", "'2'", "true or false"},
                {"AWS_VPC_K8S_CNI_CONNMARK", "0", "'0'", "0xffffffff"},
                {"AWS_VPC_K8S_CNI_CONNMARK", "-1", "'-1'", "0xffffffff"},
                {"AWS_VPC_K8S_CNI_CONNMARK", "0x80 ", "'0x80 '", "0xffffffff"},
                {"AWS_VPC_K8S_CNI_CONNMARK", "0x100000000", "'0x100000000'", "0xffffffff"},
                {"AWS_VPC_K8S_CNI_CONNMARK", "99999999999999999999", "'9999", "0xffffffff"},
                {"AWS_VPC_K8S_CNI_CONNMARK", "0x180", "'0x180'", "without the bits 0xff02"},
                {"AWS_VPC_K8S_CNI_CONNMARK", "0x4000", "'0x4000'", "kube-proxy's"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct config *config;
                struct err err;

                clearenv();
                setenv(cases[i].name, cases[i].value, 1);
                assert_int_equal(config_load("/nonexistent", &config, &err), -ERR_INVALID);
                assert_contains(err.msg, cases[i].name);
                assert_contains(err.msg, cases[i].said);
                assert_contains(err.msg, cases[i].allowed);
        }
}

#define EXEMPT   "AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS"
#define EXTERNAL "AWS_EXTERNAL_SERVICE_CIDRS"

/* aws-vpc-cni goes on with the rest of a list, and with its default for what it does not know. */
static void test_left_out_as_aws_vpc_cni_leaves_it_out(void **state _unused_)
{
        static const struct {
                const char *name, *value, *said;
                size_t n;
        } cases[] = {
                {EXEMPT, "10.0.0.0", "'10.0.0.0' is left out", 0},
                {EXEMPT, "10.0.0.0/8,", "'' is left out", 1},
                {EXEMPT, ",", "'', '' is left out", 0},
                {EXEMPT, "10.0.0.0/8,fd00::/8,172.16.0.0/12", "'fd00::/8' is left out", 2},
                {EXEMPT, "10.0.0.0/33,192.0.2.0/24", "'10.0.0.0/33' is left out", 1},
                {EXEMPT, "a,b,c,d,10.0.0.0/8", "'a', 'b', 'c' and more are left out", 1},
                {EXTERNAL, "192.0.2.1,10.0.0.0/8", "'192.0.2.1' is left out", 1},
                {EXTERNAL, "10.0.0.0/8 192.168.0.0/16", "'10.0.0.0/8 192.168.0.0/16' is left out", 0},
                {"AWS_VPC_K8S_CNI_RANDOMIZESNAT", "PRNG", "'PRNG' is not allowed, prng is used", 0},
                {"AWS_VPC_K8S_CNI_RANDOMIZESNAT", "random", "'random' is not allowed, prng is used", 0},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(config_freep) struct config *c = NULL;

                clearenv();
                setenv(cases[i].name, cases[i].value, 1);
                c = load();
                assert_int_equal(c->warnings.n, 1);
                assert_string_equal(c->warnings.list[0].setting, cases[i].name);
                assert_contains(c->warnings.list[0].text, cases[i].said);
                assert_int_equal(c->egress.exempt.n + c->egress.external_services.n, cases[i].n);
                assert_int_equal(c->egress.snat_ports, SNAT_PORTS_PRNG);
        }
}

static void test_number_of_cidrs(void **state _unused_)
{
        _cleanup_(text_done) struct text list = {0};
        struct config *config = NULL;
        struct err err;

        for (int i = 0; i < CIDRS_MAX; i++)
                text_add(&list, "%s10.%d.0.0/16", i ? "," : "", i);
        setenv("AWS_EXTERNAL_SERVICE_CIDRS", list.text, 1);
        config = load();
        assert_int_equal(config->egress.external_services.n, CIDRS_MAX);
        config_free(config);
        text_add(&list, ",192.168.0.0/16");
        setenv("AWS_EXTERNAL_SERVICE_CIDRS", list.text, 1);
        assert_int_equal(config_load("/nonexistent", &config, &err), -ERR_INVALID);
        assert_contains(err.msg, "64 CIDRs are allowed");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_defaults, clear),
                cmocka_unit_test_setup(test_taken_as_aws_vpc_cni_takes_them, clear),
                cmocka_unit_test_setup(test_refused, clear),
                cmocka_unit_test_setup(test_left_out_as_aws_vpc_cni_leaves_it_out, clear),
                cmocka_unit_test_setup(test_number_of_cidrs, clear),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
