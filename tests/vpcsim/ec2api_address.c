// SPDX-License-Identifier: Apache-2.0
/* Actions on the addresses of an ENI, and on tags. */
#include "ec2api_actions.h"
#include "xmlout.h"

int ec2api_assign_addresses(struct ec2api_request *request, struct err *err)
{
        struct world_assign assign = {.eni_id = ec2api_text(request, "NetworkInterfaceId")};
        struct ip *given, *assigned;
        size_t n;
        int r;

        if ((r = ec2api_ip_list(request, "PrivateIpAddress", &given, &assign.n_addresses, err)) < 0 ||
            (r = ec2api_number(request, "SecondaryPrivateIpAddressCount", 1, UINT16_MAX, &assign.count,
                               err)) < 0 ||
            (r = ec2api_bool(request, "AllowReassignment", &assign.allow_reassignment, err)) < 0)
                return r;
        assign.addresses = given;
        if (request->fewer && assign.count > 1)
                assign.count--;
        if (!assign.count == !assign.n_addresses)
                return world_refuse(
                        request->world, err,
                        assign.count ? "InvalidParameterCombination" : "MissingParameter",
                        "Either PrivateIpAddress or SecondaryPrivateIpAddressCount must be specified");
        r = world_assign_addresses(request->world, &assign, request->arena, &assigned, &n, err);
        if (r < 0)
                return r;
        xmlout_text(request->reply, "networkInterfaceId", assign.eni_id);
        xmlout_open(request->reply, "assignedPrivateIpAddressesSet");
        for (size_t i = 0; i < n; i++) {
                xmlout_open(request->reply, "item");
                xmlout_text(request->reply, "privateIpAddress", IP_TEXT(assigned[i]));
                xmlout_close(request->reply, "item");
        }
        xmlout_close(request->reply, "assignedPrivateIpAddressesSet");
        text_add(request->reply, "<assignedIpv4PrefixSet/>");
        ec2api_render_true(request->reply);
        return 0;
}

int ec2api_unassign_addresses(struct ec2api_request *request, struct err *err)
{
        struct ip *addresses;
        size_t n;
        int r;

        if ((r = ec2api_ip_list(request, "PrivateIpAddress", &addresses, &n, err)) < 0 ||
            (r = world_unassign_addresses(request->world, ec2api_text(request, "NetworkInterfaceId"),
                                          addresses, n, err)) < 0)
                return r;
        ec2api_render_true(request->reply);
        return 0;
}

int ec2api_create_tags(struct ec2api_request *request, struct err *err)
{
        const char *const *ids;
        struct world_tag *tags;
        size_t n_ids = ec2api_list(request, "ResourceId", &ids), n_tags = ec2api_tags(request, "Tag", &tags);
        int r;

        r = world_create_tags(request->world, ids, n_ids, tags, n_tags, err);
        if (r < 0)
                return r;
        ec2api_render_true(request->reply);
        return 0;
}

int ec2api_delete_tags(struct ec2api_request *request, struct err *err)
{
        const char *const *ids;
        struct world_tag *tags;
        size_t n_ids = ec2api_list(request, "ResourceId", &ids), n_tags = ec2api_tags(request, "Tag", &tags);
        int r;

        r = world_delete_tags(request->world, ids, n_ids, tags, n_tags, err);
        if (r < 0)
                return r;
        ec2api_render_true(request->reply);
        return 0;
}
