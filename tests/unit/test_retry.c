// SPDX-License-Identifier: Apache-2.0
/* What EC2's errors mean, what may be repeated after them, and when. */
#include "test.h"

#include <stdio.h>

#include "cloud/ec2_errors.h"
#include "cloud/ec2_retry.h"

static void test_classify(void **state _unused_)
{
        static const struct {
                long status;
                const char *code, *message;
                enum ec2_failure_class class;
        } cases[] = {
                {400, "InsufficientFreeAddressesInSubnet", "", EC2_FAILURE_CAPACITY_SUBNET},
                {400, "InsufficientCidrBlocks", "", EC2_FAILURE_CAPACITY_SUBNET},
                {400, "InvalidParameterValue",
                 "There aren't sufficient free Ipv4 addresses or prefixes in subnet 'subnet-1' to create "
                 "this NI",
                 EC2_FAILURE_CAPACITY_SUBNET},
                {400, "PrivateIpAddressLimitExceeded", "", EC2_FAILURE_CAPACITY_ENI},
                {400, "AttachmentLimitExceeded", "", EC2_FAILURE_CAPACITY_INSTANCE},
                {400, "NetworkInterfaceLimitExceeded", "", EC2_FAILURE_CAPACITY_ACCOUNT},
                {400, "SecurityGroupsPerInterfaceLimitExceeded", "", EC2_FAILURE_REQUEST},
                {400, "InvalidGroup.NotFound", "", EC2_FAILURE_REQUEST},
                {400, "InvalidParameterValue",
                 "Instance 'i-1' already has an interface attached at device index '1'.", EC2_FAILURE_IN_USE},
                {400, "InvalidNetworkInterface.InUse", "", EC2_FAILURE_IN_USE},
                {400, "InvalidParameterValue", "Network interface 'eni-1' is currently in use.",
                 EC2_FAILURE_IN_USE},
                {400, "InvalidParameterValue", "Value (x) for parameter y is invalid.", EC2_FAILURE_REQUEST},
                {400, "InvalidNetworkInterfaceID.NotFound", "", EC2_FAILURE_GONE},
                {400, "InvalidAttachmentID.NotFound", "", EC2_FAILURE_GONE},
                {400, "InvalidInstanceType", "", EC2_FAILURE_GONE},
                {400, "InvalidParameterValue",
                 "Some of the specified addresses are not assigned to interface eni-1", EC2_FAILURE_GONE},
                {400, "InvalidParameterValue", "[10.0.0.5]: is already assigned", EC2_FAILURE_IN_USE},
                {400, "Resource.AlreadyAssigned", "", EC2_FAILURE_IN_USE},
                {503, "RequestLimitExceeded", "", EC2_FAILURE_THROTTLED},
                {400, "Throttling", "", EC2_FAILURE_THROTTLED},
                {429, "", "", EC2_FAILURE_THROTTLED},
                {503, "Unavailable", "", EC2_FAILURE_TRANSIENT},
                {503, "ServiceUnavailable", "", EC2_FAILURE_TRANSIENT},
                {500, "InternalError", "", EC2_FAILURE_TRANSIENT},
                {500, "InternalFailure", "", EC2_FAILURE_TRANSIENT},
                {502, "", "", EC2_FAILURE_TRANSIENT},
                {500, "SomethingNew", "", EC2_FAILURE_TRANSIENT},
                {403, "UnauthorizedOperation", "", EC2_FAILURE_DENIED},
                {403, "AccessDenied", "", EC2_FAILURE_DENIED},
                {403, "", "", EC2_FAILURE_DENIED},
                {401, "AuthFailure", "", EC2_FAILURE_CREDENTIALS},
                {403, "AuthFailure", "You do not have permission to access the specified resource.",
                 EC2_FAILURE_DENIED},
                {400, "TagPolicyViolation", "", EC2_FAILURE_DENIED},
                {400, "InvalidInterface.IpAddressLimitExceeded", "", EC2_FAILURE_CAPACITY_ENI},
                {400, "InvalidSubnet", "", EC2_FAILURE_GONE},
                {400, "InvalidSubnetID.NotFound", "", EC2_FAILURE_GONE},
                {400, "InvalidSecurityGroupID.NotFound", "", EC2_FAILURE_REQUEST},
                {400, "InvalidInstanceID.NotFound", "", EC2_FAILURE_GONE},
                {400, "InvalidState", "", EC2_FAILURE_IN_USE},
                {400, "IncorrectInstanceState", "", EC2_FAILURE_IN_USE},
                {400, "InvalidIPAddress.InUse", "", EC2_FAILURE_IN_USE},
                {400, "ConcurrentTagAccess", "", EC2_FAILURE_TRANSIENT},
                {400, "InvalidPaginationToken", "", EC2_FAILURE_TRANSIENT},
                {400, "PriorRequestNotComplete", "", EC2_FAILURE_THROTTLED},
                {400, "TagLimitExceeded", "", EC2_FAILURE_REQUEST},
                {400, "UnknownParameter", "", EC2_FAILURE_REQUEST},
                {400, "UnsupportedOperation", "", EC2_FAILURE_REQUEST},
                {400, "InvalidNetworkInterfaceID.Malformed", "", EC2_FAILURE_REQUEST},
                {400, "ExpiredToken", "", EC2_FAILURE_CREDENTIALS},
                {400, "RequestExpired", "", EC2_FAILURE_CREDENTIALS},
                {403, "SignatureDoesNotMatch", "", EC2_FAILURE_CREDENTIALS},
                {401, "", "", EC2_FAILURE_CREDENTIALS},
                {400, "IdempotentParameterMismatch", "", EC2_FAILURE_TOKEN_USED},
                {400, "OperationNotPermitted", "", EC2_FAILURE_REQUEST},
                {400, ".NotFound", "", EC2_FAILURE_REQUEST},
                {412, "DryRunOperation", "", EC2_FAILURE_REQUEST},
                {301, "", "", EC2_FAILURE_REQUEST},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                enum ec2_failure_class class =
                        ec2_error_classify(cases[i].status, cases[i].code, cases[i].message);

                if (class != cases[i].class)
                        fail_msg("%ld %s '%s' is %s, not %s", cases[i].status, cases[i].code,
                                 cases[i].message, ec2_failure_class_to_string(class),
                                 ec2_failure_class_to_string(cases[i].class));
        }
}

static void test_every_class_and_action_is_named(void **state _unused_)
{
        for (int c = 0; c < _EC2_FAILURE_MAX; c++) {
                assert_non_null(ec2_failure_class_to_string((enum ec2_failure_class)c));
                if (c != EC2_FAILURE_NONE)
                        assert_int_not_equal(ec2_failure_class_to_err_code((enum ec2_failure_class)c),
                                             ERR_NONE);
        }
        for (int a = 0; a < _EC2_ACTION_MAX; a++)
                assert_non_null(ec2_action_to_string((enum ec2_action)a));
}

static void test_repeat(void **state _unused_)
{
        static const struct {
                enum ec2_action action;
                enum ec2_failure_class class;
                enum ec2_repeat expect;
        } cases[] = {
                /* A lost answer: only what cannot happen twice is sent again. */
                {EC2_ACTION_DESCRIBE_ENIS, EC2_FAILURE_TRANSPORT, EC2_REPEAT_AS_IS},
                {EC2_ACTION_CREATE_ENI, EC2_FAILURE_TRANSPORT, EC2_REPEAT_AS_IS},
                {EC2_ACTION_ATTACH_ENI, EC2_FAILURE_TRANSPORT, EC2_REPEAT_AFTER_RESYNC},
                {EC2_ACTION_ASSIGN_ADDRESSES, EC2_FAILURE_TRANSPORT, EC2_REPEAT_AFTER_RESYNC},
                {EC2_ACTION_UNASSIGN_ADDRESSES, EC2_FAILURE_TRANSPORT, EC2_REPEAT_AFTER_RESYNC},
                {EC2_ACTION_DETACH_ENI, EC2_FAILURE_TRANSPORT, EC2_REPEAT_AS_IS},
                {EC2_ACTION_DELETE_ENI, EC2_FAILURE_TRANSPORT, EC2_REPEAT_AS_IS},
                {EC2_ACTION_MODIFY_ENI, EC2_FAILURE_TRANSPORT, EC2_REPEAT_AS_IS},
                /* 5xx may have been carried out too. */
                {EC2_ACTION_ASSIGN_ADDRESSES, EC2_FAILURE_TRANSIENT, EC2_REPEAT_AFTER_RESYNC},
                {EC2_ACTION_ATTACH_ENI, EC2_FAILURE_TRANSIENT, EC2_REPEAT_AFTER_RESYNC},
                {EC2_ACTION_DESCRIBE_SUBNETS, EC2_FAILURE_TRANSIENT, EC2_REPEAT_AS_IS},
                /* Throttled is refused before anything happened. */
                {EC2_ACTION_ASSIGN_ADDRESSES, EC2_FAILURE_THROTTLED, EC2_REPEAT_AS_IS},
                {EC2_ACTION_DELETE_ENI, EC2_FAILURE_GONE, EC2_REPEAT_NEVER},
                {EC2_ACTION_DETACH_ENI, EC2_FAILURE_GONE, EC2_REPEAT_NEVER},
                {EC2_ACTION_DESCRIBE_ENIS, EC2_FAILURE_GONE, EC2_REPEAT_NEVER},
                {EC2_ACTION_ATTACH_ENI, EC2_FAILURE_GONE, EC2_REPEAT_AFTER_RESYNC},
                {EC2_ACTION_MODIFY_ENI, EC2_FAILURE_GONE, EC2_REPEAT_AFTER_RESYNC},
                {EC2_ACTION_DELETE_ENI, EC2_FAILURE_IN_USE, EC2_REPEAT_AS_IS},
                {EC2_ACTION_ATTACH_ENI, EC2_FAILURE_IN_USE, EC2_REPEAT_AFTER_RESYNC},
                {EC2_ACTION_CREATE_ENI, EC2_FAILURE_CAPACITY_SUBNET, EC2_REPEAT_AS_IS},
                {EC2_ACTION_ASSIGN_ADDRESSES, EC2_FAILURE_CAPACITY_ENI, EC2_REPEAT_AFTER_RESYNC},
                {EC2_ACTION_ATTACH_ENI, EC2_FAILURE_CAPACITY_INSTANCE, EC2_REPEAT_AFTER_RESYNC},
                {EC2_ACTION_CREATE_ENI, EC2_FAILURE_REQUEST, EC2_REPEAT_NEVER},
                {EC2_ACTION_CREATE_ENI, EC2_FAILURE_TOKEN_USED, EC2_REPEAT_AFTER_RESYNC},
                {EC2_ACTION_CREATE_ENI, EC2_FAILURE_CREDENTIALS, EC2_REPEAT_AS_IS},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                enum ec2_repeat repeat = ec2_retry_repeat(cases[i].action, cases[i].class);

                if (repeat != cases[i].expect)
                        fail_msg("%s after %s: %d, not %d", ec2_action_to_string(cases[i].action),
                                 ec2_failure_class_to_string(cases[i].class), (int)repeat,
                                 (int)cases[i].expect);
        }
}

static void test_delay_bounds(void **state _unused_)
{
        /* random = span gives the longest delay, 0 the shortest. */
        assert_int_equal(ec2_retry_delay_ms(EC2_FAILURE_THROTTLED, 0, 0), 100);
        assert_int_equal(ec2_retry_delay_ms(EC2_FAILURE_THROTTLED, 0, 1000), 1100);
        assert_int_equal(ec2_retry_delay_ms(EC2_FAILURE_THROTTLED, 3, 8000), 8100);
        assert_int_equal(ec2_retry_delay_ms(EC2_FAILURE_THROTTLED, 6, 60000), 60100);
        assert_int_equal(ec2_retry_delay_ms(EC2_FAILURE_NONE, 5, 12345), 0);
        assert_in_range(ec2_retry_delay_ms(EC2_FAILURE_CAPACITY_SUBNET, 0, 0), 30000, 30000);
        for (int c = 1; c < _EC2_FAILURE_MAX; c++) {
                int64_t most = 0;

                for (unsigned attempt = 0; attempt < 100; attempt++)
                        for (uint64_t random = 0; random < 2000; random++) {
                                int64_t delay = ec2_retry_delay_ms((enum ec2_failure_class)c, attempt,
                                                                   random * 0x9e3779b97f4a7c15U);

                                assert_true(delay >= 100);
                                most = delay > most ? delay : most;
                        }
                assert_in_range(most, 20000, 22 * 60 * 1000);
        }
        assert_true(ec2_retry_delay_ms(EC2_FAILURE_TRANSIENT, 4000000000U, UINT64_MAX) <= 30100);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_classify),
                cmocka_unit_test(test_every_class_and_action_is_named),
                cmocka_unit_test(test_repeat),
                cmocka_unit_test(test_delay_bounds),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
