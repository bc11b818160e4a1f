// SPDX-License-Identifier: Apache-2.0
#include "model/ec2.h"

#include "model/names.h"

const char *const ec2_action_names[_EC2_ACTION_MAX] = {
        [EC2_ACTION_DESCRIBE_ENIS] = "DescribeNetworkInterfaces",
        [EC2_ACTION_CREATE_ENI] = "CreateNetworkInterface",
        [EC2_ACTION_ATTACH_ENI] = "AttachNetworkInterface",
        [EC2_ACTION_MODIFY_ENI] = "ModifyNetworkInterfaceAttribute",
        [EC2_ACTION_ASSIGN_ADDRESSES] = "AssignPrivateIpAddresses",
        [EC2_ACTION_UNASSIGN_ADDRESSES] = "UnassignPrivateIpAddresses",
        [EC2_ACTION_DETACH_ENI] = "DetachNetworkInterface",
        [EC2_ACTION_DELETE_ENI] = "DeleteNetworkInterface",
        [EC2_ACTION_DESCRIBE_SUBNETS] = "DescribeSubnets",
        [EC2_ACTION_DESCRIBE_INSTANCE_TYPE] = "DescribeInstanceTypes",
        [EC2_ACTION_CREATE_TAGS] = "CreateTags",
};

DEFINE_TO_STRING(ec2_action)

const char *const ec2_failure_class_names[_EC2_FAILURE_MAX] = {
        [EC2_FAILURE_NONE] = "ok",
        EC2_FAILURE_NAMES(EC2_FAILURE_),
};

DEFINE_TO_STRING(ec2_failure_class)

const char *const pace_class_names[_PACE_CLASS_MAX] = {
        [PACE_READS] = "reads",
        [PACE_ADDRESSES] = "addresses",
        [PACE_ENIS] = "enis",
};

DEFINE_TO_STRING(pace_class)
