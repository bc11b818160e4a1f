// SPDX-License-Identifier: Apache-2.0
/* Actions on ENIs. */
#include <stdio.h>
#include <string.h>

#include "ec2api_actions.h"
#include "xmlout.h"

static const struct ec2api_asked_names create_ipv4 = {
        .addresses = "PrivateIpAddresses",
        .address_member = "PrivateIpAddress",
        .address_count = "SecondaryPrivateIpAddressCount",
        .prefixes = "Ipv4Prefix",
        .prefix_member = "Ipv4Prefix",
        .prefix_count = "Ipv4PrefixCount",
        .family = AF_INET,
        .least = 1,
};
/* A count of 0 is allowed: it says that the subnet's own setting does not count. */
static const struct ec2api_asked_names create_ipv6 = {
        .addresses = "Ipv6Addresses",
        .address_member = "Ipv6Address",
        .address_count = "Ipv6AddressCount",
        .prefixes = "Ipv6Prefix",
        .prefix_member = "Ipv6Prefix",
        .prefix_count = "Ipv6PrefixCount",
        .family = AF_INET6,
};

/* PrivateIpAddresses.N with Primary, and PrivateIpAddress: which is the primary one, and which are the others. */
static int read_primary(const struct ec2api_request *request, struct world_create_eni *create,
                        struct err *err)
{
        const struct world_asked *requested = &create->ipv4;
        struct prefix *others = ARENA_ARRAY(request->arena, struct prefix, requested->n_cidrs + 1);
        size_t n = 0;
        int r;

        r = ec2api_ip(request, "PrivateIpAddress", &create->primary, err);
        for (size_t i = 0; r == 0 && i < requested->n_cidrs; i++) {
                bool primary = false;

                r = ec2api_bool(request,
                                arena_printf(request->arena, "PrivateIpAddresses.%zu.Primary", i + 1),
                                &primary, err);
                if (r == 0 && primary && ip_is_set(create->primary))
                        r = world_refuse(request->world, err, "InvalidParameterCombination",
                                         "Only one primary private IP address can be specified.");
                if (primary)
                        create->primary = requested->cidrs[i].ip;
                else
                        others[n++] = requested->cidrs[i];
        }
        create->ipv4.cidrs = others;
        create->ipv4.n_cidrs = n;
        return r;
}

static int read_tags(const struct ec2api_request *request, struct world_create_eni *create, struct err *err)
{
        const char *type = ec2api_text(request, "TagSpecification.1.ResourceType");
        struct world_tag *tags;

        if (ec2api_text(request, "TagSpecification.2.ResourceType"))
                return world_refuse(request->world, err, "InvalidParameterValue",
                                    "The same resource type may not be specified more than once in tag"
                                    " specifications");
        create->n_tags = ec2api_tags(request, "TagSpecification.1.Tag", &tags);
        create->tags = tags;
        if ((create->n_tags > 0 || type) && (!type || strcmp(type, "network-interface") != 0))
                return world_refuse(request->world, err, "InvalidParameterValue",
                                    "'%.64s' is not a valid taggable resource type for this operation.",
                                    type ?: "");
        return 0;
}

static int check_type(const struct ec2api_request *request, const char *type, struct err *err)
{
        static const char *const types[] = {"interface", "trunk", "branch"};

        for (size_t i = 0; i < ARRAY_SIZE(types); i++)
                if (strcmp(types[i], type) == 0)
                        return 0;
        return world_refuse(request->world, err, "InvalidParameterValue",
                            "Value (%.64s) for parameter InterfaceType is invalid.", type);
}

int ec2api_create_eni(struct ec2api_request *request, struct err *err)
{
        struct world_create_eni create = {
                .subnet_id = ec2api_text(request, "SubnetId"),
                .description = ec2api_text(request, "Description"),
                .type = ec2api_text(request, "InterfaceType") ?: "interface",
                .token = ec2api_client_token(request),
        };
        struct world_eni eni;
        int r;

        create.n_groups = ec2api_list(request, "SecurityGroupId", &create.groups);
        if ((r = check_type(request, create.type, err)) < 0 ||
            (r = ec2api_asked(request, &create_ipv4, &create.ipv4, err)) < 0 ||
            (r = read_primary(request, &create, err)) < 0 ||
            (r = ec2api_asked_check(request, &create_ipv4, &create.ipv4, err)) < 0 ||
            (r = ec2api_asked(request, &create_ipv6, &create.ipv6, err)) < 0 ||
            (r = ec2api_asked_check(request, &create_ipv6, &create.ipv6, err)) < 0 ||
            (r = read_tags(request, &create, err)) < 0)
                return r;
        r = world_create_eni(request->world, &create, request->arena, &eni, err);
        if (r < 0)
                return r;
        xmlout_open(request->reply, "networkInterface");
        ec2api_render_eni(request->reply, request->world, &eni, false);
        xmlout_close(request->reply, "networkInterface");
        xmlout_text(request->reply, "clientToken", create.token.text);
        return 0;
}

int ec2api_delete_eni(struct ec2api_request *request, struct err *err)
{
        int r = world_delete_eni(request->world, ec2api_text(request, "NetworkInterfaceId"), err);

        if (r < 0)
                return r;
        ec2api_render_true(request->reply);
        return 0;
}

int ec2api_attach_eni(struct ec2api_request *request, struct err *err)
{
        unsigned device_index = 0, card = 0;
        const char *attachment_id;
        int r;

        if ((r = ec2api_number(request, "DeviceIndex", 0, WORLD_MAX_DEVICE_INDEX, &device_index, err)) < 0 ||
            (r = ec2api_number(request, "NetworkCardIndex", 0, 0, &card, err)) < 0 ||
            (r = world_attach_eni(request->world, ec2api_text(request, "NetworkInterfaceId"),
                                  ec2api_text(request, "InstanceId"), device_index, request->arena,
                                  &attachment_id, err)) < 0)
                return r;
        xmlout_text(request->reply, "attachmentId", attachment_id);
        xmlout_number(request->reply, "networkCardIndex", card);
        return 0;
}

int ec2api_detach_eni(struct ec2api_request *request, struct err *err)
{
        bool force = false; /* checked, and without effect: a simulated machine always lets go */
        int r;

        if ((r = ec2api_bool(request, "Force", &force, err)) < 0 ||
            (r = world_detach_eni(request->world, ec2api_text(request, "AttachmentId"), err)) < 0)
                return r;
        ec2api_render_true(request->reply);
        return 0;
}

/* EC2 changes one attribute in one call. */
static int check_one_attribute(const struct ec2api_request *request, const struct world_modify_eni *modify,
                               struct err *err)
{
        int n = !!modify->delete_on_termination + !!modify->description + !!modify->source_dest_check +
                (modify->n_groups > 0);

        if (n == 0)
                return world_refuse(request->world, err, "InvalidParameterCombination",
                                    "No attributes specified.");
        if (n > 1)
                return world_refuse(request->world, err, "InvalidParameterCombination",
                                    "Fields for multiple attribute types specified");
        if (modify->delete_on_termination && !modify->attachment_id)
                return world_refuse(request->world, err, "MissingParameter",
                                    "The request must contain the parameter Attachment.AttachmentId");
        return 0;
}

int ec2api_modify_eni(struct ec2api_request *request, struct err *err)
{
        struct world_modify_eni modify = {
                .eni_id = ec2api_text(request, "NetworkInterfaceId"),
                .attachment_id = ec2api_text(request, "Attachment.AttachmentId"),
                .description = ec2api_text(request, "Description.Value"),
        };
        bool termination, check;
        int r;

        modify.n_groups = ec2api_list(request, "SecurityGroupId", &modify.groups);
        if (ec2api_text(request, "Attachment.DeleteOnTermination"))
                modify.delete_on_termination = &termination;
        if (ec2api_text(request, "SourceDestCheck.Value"))
                modify.source_dest_check = &check;
        if ((r = ec2api_bool(request, "Attachment.DeleteOnTermination", &termination, err)) < 0 ||
            (r = ec2api_bool(request, "SourceDestCheck.Value", &check, err)) < 0 ||
            (r = check_one_attribute(request, &modify, err)) < 0 ||
            (r = world_modify_eni(request->world, &modify, err)) < 0)
                return r;
        ec2api_render_true(request->reply);
        return 0;
}
