// SPDX-License-Identifier: Apache-2.0
/* Endpoints of all partitions: what botocore's own rules answer for the same questions. */
#include "test.h"

#include "cloud/endpoint.h"

static void test_partitions(void **state _unused_)
{
        static const struct {
                const char *region;
                const char *plain, *fips, *dualstack, *both; /* behind "https://ec2" */
        } cases[] = {
                {"eu-west-1", ".eu-west-1.amazonaws.com", "-fips.eu-west-1.amazonaws.com",
                 ".eu-west-1.api.aws", "-fips.eu-west-1.api.aws"},
                {"cn-north-1", ".cn-north-1.amazonaws.com.cn", "-fips.cn-north-1.amazonaws.com.cn",
                 ".cn-north-1.api.amazonwebservices.com.cn", "-fips.cn-north-1.api.amazonwebservices.com.cn"},
                {"us-gov-west-1", ".us-gov-west-1.amazonaws.com", ".us-gov-west-1.amazonaws.com",
                 ".us-gov-west-1.api.aws", "-fips.us-gov-west-1.api.aws"},
                {"us-iso-east-1", ".us-iso-east-1.c2s.ic.gov", "-fips.us-iso-east-1.c2s.ic.gov",
                 ".us-iso-east-1.api.aws.ic.gov", "-fips.us-iso-east-1.api.aws.ic.gov"},
                {"us-isob-east-1", ".us-isob-east-1.sc2s.sgov.gov", "-fips.us-isob-east-1.sc2s.sgov.gov",
                 ".us-isob-east-1.api.aws.scloud", "-fips.us-isob-east-1.api.aws.scloud"},
                {"eu-isoe-west-1", ".eu-isoe-west-1.cloud.adc-e.uk", "-fips.eu-isoe-west-1.cloud.adc-e.uk",
                 ".eu-isoe-west-1.api.cloud-aws.adc-e.uk", "-fips.eu-isoe-west-1.api.cloud-aws.adc-e.uk"},
                {"us-isof-south-1", ".us-isof-south-1.csp.hci.ic.gov", "-fips.us-isof-south-1.csp.hci.ic.gov",
                 ".us-isof-south-1.api.aws.hci.ic.gov", "-fips.us-isof-south-1.api.aws.hci.ic.gov"},
                {"eusc-de-east-1", ".eusc-de-east-1.amazonaws.eu", "-fips.eusc-de-east-1.amazonaws.eu",
                 ".eusc-de-east-1.api.amazonwebservices.eu", "-fips.eusc-de-east-1.api.amazonwebservices.eu"},
                {"xx-new-1", ".xx-new-1.amazonaws.com", "-fips.xx-new-1.amazonaws.com", ".xx-new-1.api.aws",
                 "-fips.xx-new-1.api.aws"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const char *const expect[] = {cases[i].plain, cases[i].fips, cases[i].dualstack,
                                              cases[i].both};

                for (unsigned variant = 0; variant < 8; variant++) {
                        const struct endpoint endpoint = {.service = variant & 4 ? "sts" : "ec2",
                                                          .region = cases[i].region,
                                                          .use_fips = variant & 1,
                                                          .use_dualstack = variant & 2};
                        _cleanup_(text_done) struct text text = {0}, whole = {0};
                        struct err err;

                        text_add(&whole, "https://%s%s", endpoint.service, expect[variant & 3]);
                        assert_ok(endpoint_format(&endpoint, &text, &err), &err);
                        assert_string_equal(text.text, whole.text);
                }
        }
}

static void test_a_region_becomes_a_host_name(void **state _unused_)
{
        static const char *const bad[] = {
                "",           "eu west", "EU-WEST-1",
                "eu-west-1/", "eu.west", "evil.example#",
                "-eu",        "eu-",     "a123456789012345678901234567890123456789012345678901234567890123",
        };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                _cleanup_(text_done) struct text text = {0};
                struct err err;

                assert_fails(endpoint_format(&(const struct endpoint){"ec2", bad[i]}, &text, &err),
                             ERR_INVALID);
                assert_contains(err.msg, "eu-west-1");
                assert_null(text.text);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_partitions),
                cmocka_unit_test(test_a_region_becomes_a_host_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
