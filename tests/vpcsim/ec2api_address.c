// SPDX-License-Identifier: Apache-2.0
/* Actions on the addresses of an ENI, and on tags. */
#include "ec2api_actions.h"
#include "xmlout.h"

static const struct ec2api_asked_names assign_ipv4 = {
        .addresses = "PrivateIpAddress",
        .address_count = "SecondaryPrivateIpAddressCount",
        .prefixes = "Ipv4Prefix",
        .prefix_count = "Ipv4PrefixCount",
        .family = AF_INET,
        .least = 1,
};
static const struct ec2api_asked_names assign_ipv6 = {
        .addresses = "Ipv6Addresses",
        .address_count = "Ipv6AddressCount",
        .prefixes = "Ipv6Prefix",
        .prefix_count = "Ipv6PrefixCount",
        .family = AF_INET6,
        .least = 1,
};
static const struct ec2api_asked_names unassign_ipv4 = {
        .addresses = "PrivateIpAddress", .prefixes = "Ipv4Prefix", .family = AF_INET};
static const struct ec2api_asked_names unassign_ipv6 = {
        .addresses = "Ipv6Addresses", .prefixes = "Ipv6Prefix", .family = AF_INET6};

static int read_asked(const struct ec2api_request *request, const struct ec2api_asked_names *names,
                      struct world_asked *ret, struct err *err)
{
        struct world_asked requested;
        int r;

        r = ec2api_asked(request, names, &requested, err);
        if (r < 0)
                return r;
        if (requested.n_cidrs + requested.n_addresses + requested.n_prefixes == 0)
                return world_refuse(request->world, err, "MissingParameter",
                                    "Either addresses or prefixes%s must be specified: %s, %s",
                                    names->address_count ? ", or a count of them," : "", names->addresses,
                                    names->prefixes);
        if (request->fewer && requested.n_addresses > 1)
                requested.n_addresses--;
        *ret = requested;
        return names->address_count ? ec2api_asked_check(request, names, &requested, err) : 0;
}

int ec2api_assign_ipv4(struct ec2api_request *request, struct err *err)
{
        struct world_assign assign = {.eni_id = ec2api_text(request, "NetworkInterfaceId")};
        struct prefix *assigned;
        size_t n;
        int r;

        if ((r = read_asked(request, &assign_ipv4, &assign.requested, err)) < 0 ||
            (r = ec2api_bool(request, "AllowReassignment", &assign.allow_reassignment, err)) < 0 ||
            (r = world_assign_ipv4(request->world, &assign, request->arena, &assigned, &n, err)) < 0)
                return r;
        xmlout_text(request->reply, "networkInterfaceId", assign.eni_id);
        ec2api_render_cidrs(request->reply, "assignedPrivateIpAddressesSet", "privateIpAddress", assigned, n,
                            true);
        ec2api_render_cidrs(request->reply, "assignedIpv4PrefixSet", "ipv4Prefix", assigned, n, false);
        ec2api_render_true(request->reply);
        return 0;
}

int ec2api_assign_ipv6(struct ec2api_request *request, struct err *err)
{
        struct world_assign assign = {.eni_id = ec2api_text(request, "NetworkInterfaceId")};
        struct prefix *assigned;
        size_t n;
        int r;

        if ((r = read_asked(request, &assign_ipv6, &assign.requested, err)) < 0 ||
            (r = world_assign_ipv6(request->world, &assign, request->arena, &assigned, &n, err)) < 0)
                return r;
        xmlout_text(request->reply, "networkInterfaceId", assign.eni_id);
        ec2api_render_cidrs(request->reply, "assignedIpv6Addresses", NULL, assigned, n, true);
        ec2api_render_cidrs(request->reply, "assignedIpv6PrefixSet", NULL, assigned, n, false);
        return 0;
}

int ec2api_unassign_ipv4(struct ec2api_request *request, struct err *err)
{
        struct world_asked requested;
        int r;

        if ((r = read_asked(request, &unassign_ipv4, &requested, err)) < 0 ||
            (r = world_unassign_ipv4(request->world, ec2api_text(request, "NetworkInterfaceId"),
                                     requested.cidrs, requested.n_cidrs, err)) < 0)
                return r;
        ec2api_render_true(request->reply);
        return 0;
}

int ec2api_unassign_ipv6(struct ec2api_request *request, struct err *err)
{
        const char *eni_id = ec2api_text(request, "NetworkInterfaceId");
        struct world_asked requested;
        int r;

        if ((r = read_asked(request, &unassign_ipv6, &requested, err)) < 0 ||
            (r = world_unassign_ipv6(request->world, eni_id, requested.cidrs, requested.n_cidrs, err)) < 0)
                return r;
        xmlout_text(request->reply, "networkInterfaceId", eni_id);
        ec2api_render_cidrs(request->reply, "unassignedIpv6Addresses", NULL, requested.cidrs,
                            requested.n_cidrs, true);
        ec2api_render_cidrs(request->reply, "unassignedIpv6PrefixSet", NULL, requested.cidrs,
                            requested.n_cidrs, false);
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
