// SPDX-License-Identifier: Apache-2.0
/*
 * The words that go with EC2 calls: which call, how it failed, and whose pace it keeps. What they do is cloud/'s.
 * The names stand in metrics, in the history and on the node's page.
 */
#ifndef IPAMD_MODEL_EC2_H
#define IPAMD_MODEL_EC2_H

enum {
        EC2_ID_BYTES = 64,    /* "eni-0123456789abcdef0" with room to grow */
        EC2_TOKEN_BYTES = 65, /* ClientToken: 64 ASCII characters at the most */
};

/* The calls of cloud/ec2.h; their names are EC2's, "AttachNetworkInterface". */
enum ec2_action {
        EC2_ACTION_DESCRIBE_ENIS,
        EC2_ACTION_CREATE_ENI,
        EC2_ACTION_ATTACH_ENI,
        EC2_ACTION_MODIFY_ENI,
        EC2_ACTION_ASSIGN_ADDRESSES,
        EC2_ACTION_UNASSIGN_ADDRESSES,
        EC2_ACTION_DETACH_ENI,
        EC2_ACTION_DELETE_ENI,
        EC2_ACTION_DESCRIBE_SUBNETS,
        EC2_ACTION_DESCRIBE_INSTANCE_TYPE,
        EC2_ACTION_CREATE_TAGS,
        _EC2_ACTION_MAX,
};
extern const char *const ec2_action_names[_EC2_ACTION_MAX];
const char *ec2_action_to_string(enum ec2_action action);

/* What EC2 meant by a failure; one behaviour each. Beside the error, not in it: err is text for people. */
enum ec2_failure_class {
        EC2_FAILURE_NONE = 0,
        EC2_FAILURE_THROTTLED,         /* RequestLimitExceeded, Throttling: slow down */
        EC2_FAILURE_TRANSIENT,         /* 5xx, InternalError, Unavailable */
        EC2_FAILURE_TRANSPORT,         /* no or broken answer: a mutation may have happened */
        EC2_FAILURE_CAPACITY_SUBNET,   /* InsufficientFreeAddressesInSubnet and its like */
        EC2_FAILURE_CAPACITY_ENI,      /* PrivateIpAddressLimitExceeded */
        EC2_FAILURE_CAPACITY_INSTANCE, /* AttachmentLimitExceeded */
        EC2_FAILURE_CAPACITY_ACCOUNT,  /* NetworkInterfaceLimitExceeded */
        EC2_FAILURE_GONE,              /* Invalid...ID.NotFound: the named thing is not there */
        EC2_FAILURE_IN_USE,            /* "currently in use", device index taken */
        EC2_FAILURE_TOKEN_USED,  /* IdempotentParameterMismatch: our token made an ENI, by another request */
        EC2_FAILURE_DENIED,      /* UnauthorizedOperation */
        EC2_FAILURE_CREDENTIALS, /* AuthFailure, ExpiredToken, RequestExpired, none to be had */
        EC2_FAILURE_REQUEST,     /* anything else that says our request is wrong */
        _EC2_FAILURE_MAX,
};
extern const char *const ec2_failure_class_names[_EC2_FAILURE_MAX];
const char *ec2_failure_class_to_string(enum ec2_failure_class class);

/* The names of all failures. A condition (condition.h) has the same ones as its causes. */
#define EC2_FAILURE_NAMES(prefix)                                                                            \
        [prefix##THROTTLED] = "throttled", [prefix##TRANSIENT] = "transient",                                \
        [prefix##TRANSPORT] = "transport", [prefix##CAPACITY_SUBNET] = "capacity-subnet",                    \
        [prefix##CAPACITY_ENI] = "capacity-eni", [prefix##CAPACITY_INSTANCE] = "capacity-instance",          \
        [prefix##CAPACITY_ACCOUNT] = "capacity-account", [prefix##GONE] = "gone",                            \
        [prefix##IN_USE] = "in-use", [prefix##TOKEN_USED] = "token-used", [prefix##DENIED] = "denied",       \
        [prefix##CREDENTIALS] = "credentials", [prefix##REQUEST] = "request"

/* Calls that are paced together: see cloud/pace.h. */
enum pace_class {
        PACE_READS,     /* Describe... */
        PACE_ADDRESSES, /* AssignPrivateIpAddresses, UnassignPrivateIpAddresses */
        PACE_ENIS,      /* an ENI is created, attached, modified, detached, deleted */
        _PACE_CLASS_MAX,
};
extern const char *const pace_class_names[_PACE_CLASS_MAX];
const char *pace_class_to_string(enum pace_class class);

#endif
