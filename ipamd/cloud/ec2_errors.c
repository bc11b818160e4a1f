// SPDX-License-Identifier: Apache-2.0
/*
 * Codes from https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html and from what EC2 and its
 * imitations (moto, LocalStack) were seen to answer. InvalidParameterValue is shared by many causes, so its
 * rows look at the message; the first row that matches wins.
 */
#include "cloud/ec2_errors.h"

#include <assert.h>
#include <string.h>

static const struct {
        const char *code;    /* "*x" matches codes that end in x */
        const char *message; /* a part of the message, any case; NULL: any */
        enum ec2_failure_class class;
} table[] = {
        /* Refused by rate. */
        {"RequestLimitExceeded", NULL, EC2_FAILURE_THROTTLED},
        {"Throttling", NULL, EC2_FAILURE_THROTTLED},
        {"ThrottlingException", NULL, EC2_FAILURE_THROTTLED},
        {"ThrottledException", NULL, EC2_FAILURE_THROTTLED},
        {"EC2ThrottledException", NULL, EC2_FAILURE_THROTTLED},
        {"RequestThrottled", NULL, EC2_FAILURE_THROTTLED},
        {"RequestThrottledException", NULL, EC2_FAILURE_THROTTLED},
        {"TooManyRequestsException", NULL, EC2_FAILURE_THROTTLED},
        {"SlowDown", NULL, EC2_FAILURE_THROTTLED},
        {"BandwidthLimitExceeded", NULL, EC2_FAILURE_THROTTLED},
        {"PriorRequestNotComplete", NULL, EC2_FAILURE_THROTTLED},

        /* EC2's own trouble. */
        {"InternalError", NULL, EC2_FAILURE_TRANSIENT},
        {"InternalFailure", NULL, EC2_FAILURE_TRANSIENT},
        {"ServerInternal", NULL, EC2_FAILURE_TRANSIENT},
        {"Unavailable", NULL, EC2_FAILURE_TRANSIENT},
        {"ServiceUnavailable", NULL, EC2_FAILURE_TRANSIENT},
        {"RequestTimeout", NULL, EC2_FAILURE_TRANSIENT},
        {"RequestTimeoutException", NULL, EC2_FAILURE_TRANSIENT},
        {"ConcurrentTagAccess", NULL, EC2_FAILURE_TRANSIENT}, /* somebody else tags the same ENI just now */
        {"InvalidPaginationToken", NULL, EC2_FAILURE_TRANSIENT}, /* too old: the list begins anew */
        {"InvalidNextToken", NULL, EC2_FAILURE_TRANSIENT},

        /* Nothing left, by scope. */
        {"InsufficientFreeAddressesInSubnet", NULL, EC2_FAILURE_CAPACITY_SUBNET},
        {"InsufficientCidrBlocks", NULL, EC2_FAILURE_CAPACITY_SUBNET},
        {"InvalidParameterValue", "sufficient free Ipv4", EC2_FAILURE_CAPACITY_SUBNET},
        {"PrivateIpAddressLimitExceeded", NULL, EC2_FAILURE_CAPACITY_ENI},
        {"InvalidInterface.IpAddressLimitExceeded", NULL, EC2_FAILURE_CAPACITY_ENI},
        {"AttachmentLimitExceeded", NULL, EC2_FAILURE_CAPACITY_INSTANCE},
        {"NetworkInterfaceLimitExceeded", NULL, EC2_FAILURE_CAPACITY_ACCOUNT},

        /* Taken, or not in a state for it. */
        {"InvalidParameterValue", "currently in use", EC2_FAILURE_IN_USE},
        {"InvalidParameterValue", "at device index", EC2_FAILURE_IN_USE},
        {"InvalidParameterValue", "is already assigned", EC2_FAILURE_IN_USE},
        {"InvalidParameterValue", "is already attached", EC2_FAILURE_IN_USE},
        {"Resource.AlreadyAssigned", NULL, EC2_FAILURE_IN_USE},
        {"Resource.AlreadyAssociated", NULL, EC2_FAILURE_IN_USE},
        {"DependencyViolation", NULL, EC2_FAILURE_IN_USE},
        {"IncorrectState", NULL, EC2_FAILURE_IN_USE},
        {"IncorrectInstanceState", NULL, EC2_FAILURE_IN_USE},
        {"InvalidState", NULL, EC2_FAILURE_IN_USE},
        {"InvalidStateTransition", NULL, EC2_FAILURE_IN_USE},
        {"*.InUse", NULL, EC2_FAILURE_IN_USE},

        /* What somebody must put right; it is in no hurry. */
        {"InvalidGroup.NotFound", NULL, EC2_FAILURE_REQUEST},
        {"InvalidSecurityGroupID.NotFound", NULL, EC2_FAILURE_REQUEST},

        /* Not there. */
        {"*.NotFound", NULL, EC2_FAILURE_GONE},
        {"InvalidInstanceType", NULL, EC2_FAILURE_GONE},
        {"InvalidSubnet", NULL, EC2_FAILURE_GONE},
        {"InvalidParameterValue", "does not exist", EC2_FAILURE_GONE},
        {"InvalidParameterValue", "are not assigned to interface", EC2_FAILURE_GONE},

        /* The client token made an ENI already, with other parameters. */
        {"IdempotentParameterMismatch", NULL, EC2_FAILURE_TOKEN_USED},

        /* Not allowed, whoever signs. AuthFailure is also what EC2 says of an ENI that belongs to somebody else. */
        {"AuthFailure", "do not have permission", EC2_FAILURE_DENIED},
        {"AuthFailure", "not authorized", EC2_FAILURE_DENIED},
        {"TagPolicyViolation", NULL, EC2_FAILURE_DENIED},
        {"UnauthorizedOperation", NULL, EC2_FAILURE_DENIED},
        {"AccessDenied", NULL, EC2_FAILURE_DENIED},
        {"AccessDeniedException", NULL, EC2_FAILURE_DENIED},
        {"OptInRequired", NULL, EC2_FAILURE_DENIED},
        {"PendingVerification", NULL, EC2_FAILURE_DENIED},
        {"Blocked", NULL, EC2_FAILURE_DENIED},

        /* The signature or its keys. */
        {"AuthFailure", NULL, EC2_FAILURE_CREDENTIALS},
        {"ExpiredToken", NULL, EC2_FAILURE_CREDENTIALS},
        {"ExpiredTokenException", NULL, EC2_FAILURE_CREDENTIALS},
        {"RequestExpired", NULL, EC2_FAILURE_CREDENTIALS},
        {"RequestTimeTooSkewed", NULL, EC2_FAILURE_CREDENTIALS},
        {"RequestInTheFuture", NULL, EC2_FAILURE_CREDENTIALS},
        {"InvalidSignatureException", NULL, EC2_FAILURE_CREDENTIALS},
        {"InvalidClientTokenId", NULL, EC2_FAILURE_CREDENTIALS},
        {"UnrecognizedClientException", NULL, EC2_FAILURE_CREDENTIALS},
        {"InvalidAccessKeyId", NULL, EC2_FAILURE_CREDENTIALS},
        {"InvalidToken", NULL, EC2_FAILURE_CREDENTIALS},
        {"MissingAuthenticationToken", NULL, EC2_FAILURE_CREDENTIALS},
        {"SignatureDoesNotMatch", NULL, EC2_FAILURE_CREDENTIALS},
};

static const enum err_code err_codes[_EC2_FAILURE_MAX] = {
        [EC2_FAILURE_NONE] = ERR_NONE,
        [EC2_FAILURE_THROTTLED] = ERR_AGAIN,
        [EC2_FAILURE_TRANSIENT] = ERR_AGAIN,
        [EC2_FAILURE_TRANSPORT] = ERR_PROTOCOL,
        [EC2_FAILURE_CAPACITY_SUBNET] = ERR_LIMIT,
        [EC2_FAILURE_CAPACITY_ENI] = ERR_LIMIT,
        [EC2_FAILURE_CAPACITY_INSTANCE] = ERR_LIMIT,
        [EC2_FAILURE_CAPACITY_ACCOUNT] = ERR_LIMIT,
        [EC2_FAILURE_GONE] = ERR_NOT_FOUND,
        [EC2_FAILURE_IN_USE] = ERR_BUSY,
        [EC2_FAILURE_TOKEN_USED] = ERR_EXISTS,
        [EC2_FAILURE_DENIED] = ERR_DENIED,
        [EC2_FAILURE_CREDENTIALS] = ERR_DENIED,
        [EC2_FAILURE_REQUEST] = ERR_INVALID,
};

static bool code_matches(const char *pattern, const char *code)
{
        size_t n = strlen(code), suffix;

        if (*pattern != '*')
                return strcmp(pattern, code) == 0;
        suffix = strlen(++pattern);
        return n > suffix && strcmp(code + n - suffix, pattern) == 0;
}

static enum ec2_failure_class classify_status(long http_status)
{
        if (http_status >= 500)
                return EC2_FAILURE_TRANSIENT;
        if (http_status == 429)
                return EC2_FAILURE_THROTTLED;
        if (http_status == 401)
                return EC2_FAILURE_CREDENTIALS;
        if (http_status == 403)
                return EC2_FAILURE_DENIED;
        return EC2_FAILURE_REQUEST;
}

enum ec2_failure_class ec2_error_classify(long http_status, const char *code, const char *message)
{
        for (size_t i = 0; i < ARRAY_SIZE(table); i++)
                if (code_matches(table[i].code, code) &&
                    (!table[i].message || strcasestr(message, table[i].message)))
                        return table[i].class;
        return classify_status(http_status);
}

enum err_code ec2_failure_class_to_err_code(enum ec2_failure_class class)
{
        assert((unsigned)class < _EC2_FAILURE_MAX);
        return err_codes[class];
}
