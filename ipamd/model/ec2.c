// SPDX-License-Identifier: Apache-2.0
#include "model/ec2.h"

#include <assert.h>

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

const char *ec2_action_to_string(enum ec2_action action)
{
        assert((unsigned)action < _EC2_ACTION_MAX);
        return ec2_action_names[action];
}

const char *const ec2_failure_class_names[_EC2_FAILURE_MAX] = {
        [EC2_FAILURE_NONE] = "none",
        EC2_FAILURE_NAMES(EC2_FAILURE_),
};

const char *ec2_failure_class_to_string(enum ec2_failure_class class)
{
        assert((unsigned)class < _EC2_FAILURE_MAX);
        return ec2_failure_class_names[class];
}

const char *const pace_class_names[_PACE_CLASS_MAX] = {
        [PACE_READS] = "reads",
        [PACE_ADDRESSES] = "addresses",
        [PACE_ENIS] = "enis",
};

const char *pace_class_to_string(enum pace_class class)
{
        assert((unsigned)class < _PACE_CLASS_MAX);
        return pace_class_names[class];
}
