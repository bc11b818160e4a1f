// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "ec2api_actions.h"

#define PARAMETERS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define QUERY           "Filter.N.Name", "Filter.N.Value.N", "MaxResults", "NextToken"

static const struct ec2api_action actions[] = {
        {"AssignIpv6Addresses", ec2api_assign_ipv6,
         PARAMETERS("!NetworkInterfaceId", "Ipv6Addresses.N", "Ipv6AddressCount", "Ipv6Prefix.N",
                    "Ipv6PrefixCount"),
         .dry_run = false},
        {"AssignPrivateIpAddresses", ec2api_assign_ipv4,
         PARAMETERS("!NetworkInterfaceId", "PrivateIpAddress.N", "SecondaryPrivateIpAddressCount",
                    "Ipv4Prefix.N", "Ipv4PrefixCount", "AllowReassignment"),
         .dry_run = false},
        {"AssociateTrunkInterface", ec2api_associate_trunk,
         PARAMETERS("!TrunkInterfaceId", "!BranchInterfaceId", "!VlanId", "ClientToken"), .dry_run = true},
        {"AssumeRole", ec2api_assume_role,
         PARAMETERS("!RoleArn", "!RoleSessionName", "DurationSeconds", "ExternalId"), .dry_run = false,
         .service = WORLD_SERVICE_STS},
        {"AssumeRoleWithWebIdentity", ec2api_assume_role_with_web_identity,
         PARAMETERS("!RoleArn", "!RoleSessionName", "!WebIdentityToken", "DurationSeconds"), .dry_run = false,
         .service = WORLD_SERVICE_STS, .unsigned_too = true},
        {"AttachNetworkInterface", ec2api_attach_eni,
         PARAMETERS("!NetworkInterfaceId", "!InstanceId", "!DeviceIndex", "NetworkCardIndex"),
         .dry_run = true},
        {"CreateNetworkInterface", ec2api_create_eni,
         PARAMETERS("!SubnetId", "Description", "SecurityGroupId.N", "PrivateIpAddress",
                    "PrivateIpAddresses.N.PrivateIpAddress", "PrivateIpAddresses.N.Primary",
                    "SecondaryPrivateIpAddressCount", "Ipv4Prefix.N.Ipv4Prefix", "Ipv4PrefixCount",
                    "Ipv6Addresses.N.Ipv6Address", "Ipv6AddressCount", "Ipv6Prefix.N.Ipv6Prefix",
                    "Ipv6PrefixCount", "ClientToken", "InterfaceType", "TagSpecification.N.ResourceType",
                    "TagSpecification.N.Tag.N.Key", "TagSpecification.N.Tag.N.Value"),
         .dry_run = true},
        {"CreateTags", ec2api_create_tags, PARAMETERS("!ResourceId.N", "!Tag.N.Key", "Tag.N.Value"),
         .dry_run = true},
        {"DeleteNetworkInterface", ec2api_delete_eni, PARAMETERS("!NetworkInterfaceId"), .dry_run = true},
        {"DeleteTags", ec2api_delete_tags, PARAMETERS("!ResourceId.N", "Tag.N.Key", "Tag.N.Value"),
         .dry_run = true},
        {"DescribeInstances", ec2api_describe_instances, PARAMETERS("InstanceId.N", QUERY), .dry_run = true},
        {"DescribeInstanceTypes", ec2api_describe_instance_types, PARAMETERS("InstanceType.N", QUERY),
         .dry_run = true},
        {"DescribeNetworkInterfaces", ec2api_describe_enis, PARAMETERS("NetworkInterfaceId.N", QUERY),
         .dry_run = true},
        {"DescribeSecurityGroups", ec2api_describe_groups, PARAMETERS("GroupId.N", QUERY), .dry_run = true},
        {"DescribeSubnets", ec2api_describe_subnets, PARAMETERS("SubnetId.N", QUERY), .dry_run = true},
        {"DescribeTrunkInterfaceAssociations", ec2api_describe_associations,
         PARAMETERS("AssociationId.N", QUERY), .dry_run = true},
        {"DescribeVpcs", ec2api_describe_vpcs, PARAMETERS("VpcId.N", QUERY), .dry_run = true},
        {"DetachNetworkInterface", ec2api_detach_eni, PARAMETERS("!AttachmentId", "Force"), .dry_run = true},
        {"DisassociateTrunkInterface", ec2api_disassociate_trunk, PARAMETERS("!AssociationId", "ClientToken"),
         .dry_run = true},
        {"GetCallerIdentity", ec2api_get_caller_identity, PARAMETERS("!Version"), .dry_run = false,
         .service = WORLD_SERVICE_STS},
        {"ModifyNetworkInterfaceAttribute", ec2api_modify_eni,
         PARAMETERS("!NetworkInterfaceId", "Attachment.AttachmentId", "Attachment.DeleteOnTermination",
                    "Description.Value", "SourceDestCheck.Value", "SecurityGroupId.N"),
         .dry_run = true},
        {"UnassignIpv6Addresses", ec2api_unassign_ipv6,
         PARAMETERS("!NetworkInterfaceId", "Ipv6Addresses.N", "Ipv6Prefix.N"), .dry_run = false},
        {"UnassignPrivateIpAddresses", ec2api_unassign_ipv4,
         PARAMETERS("!NetworkInterfaceId", "PrivateIpAddress.N", "Ipv4Prefix.N"), .dry_run = false},
};

const struct ec2api_action *ec2api_action_find(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
                if (strcmp(actions[i].name, name) == 0)
                        return &actions[i];
        return NULL;
}
