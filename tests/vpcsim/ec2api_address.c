// SPDX-License-Identifier: Apache-2.0
/* Actions on the addresses of an ENI, and on tags. */
#include "ec2api_actions.h"
#include "xmlout.h"

static const struct ec2api_wish_names assign_ipv4 = {
        .addresses = "PrivateIpAddress",
        .address_count = "SecondaryPrivateIpAddressCount",
        .prefixes = "Ipv4Prefix",
        .prefix_count = "Ipv4PrefixCount",
        .family = AF_INET,
        .least = 1,
};
static const struct ec2api_wish_names assign_ipv6 = {
        .addresses = "Ipv6Addresses",
        .address_count = "Ipv6AddressCount",
        .prefixes = "Ipv6Prefix",
        .prefix_count = "Ipv6PrefixCount",
        .family = AF_INET6,
        .least = 1,
};
static const struct ec2api_wish_names unassign_ipv4 = {
        .addresses = "PrivateIpAddress", .prefixes = "Ipv4Prefix", .family = AF_INET};
static const struct ec2api_wish_names unassign_ipv6 = {
        .addresses = "Ipv6Addresses", .prefixes = "Ipv6Prefix", .family = AF_INET6};

static int read_wish(const struct ec2api_request *request, const struct ec2api_wish_names *names,
                     struct world_wish *ret, struct err *err)
{
        struct world_wish wish;
        int r;

        r = ec2api_wish(request, names, &wish, err);
        if (r < 0)
                return r;
        if (wish.n_cidrs + wish.n_addresses + wish.n_prefixes == 0)
                return world_refuse(request->world, err, "MissingParameter",
                                    "Either addresses or prefixes%s must be specified: %s, %s",
                                    names->address_count ? ", or a count of them," : "", names->addresses,
                                    names->prefixes);
        if (request->fewer && wish.n_addresses > 1)
                wish.n_addresses--;
        *ret = wish;
        return names->address_count ? ec2api_wish_check(request, names, &wish, err) : 0;
}

int ec2api_assign_ipv4(struct ec2api_request *request, struct err *err)
{
        struct world_assign assign = {.eni_id = ec2api_text(request, "NetworkInterfaceId")};
        struct prefix *assigned;
        size_t n;
        int r;

        if ((r = read_wish(request, &assign_ipv4, &assign.wish, err)) < 0 ||
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

        if ((r = read_wish(request, &assign_ipv6, &assign.wish, err)) < 0 ||
            (r = world_assign_ipv6(request->world, &assign, request->arena, &assigned, &n, err)) < 0)
                return r;
        xmlout_text(request->reply, "networkInterfaceId", assign.eni_id);
        ec2api_render_cidrs(request->reply, "assignedIpv6Addresses", NULL, assigned, n, true);
        ec2api_render_cidrs(request->reply, "assignedIpv6PrefixSet", NULL, assigned, n, false);
        return 0;
}

int ec2api_unassign_ipv4(struct ec2api_request *request, struct err *err)
{
        struct world_wish wish;
        int r;

        if ((r = read_wish(request, &unassign_ipv4, &wish, err)) < 0 ||
            (r = world_unassign_ipv4(request->world, ec2api_text(request, "NetworkInterfaceId"), wish.cidrs,
                                     wish.n_cidrs, err)) < 0)
                return r;
        ec2api_render_true(request->reply);
        return 0;
}

int ec2api_unassign_ipv6(struct ec2api_request *request, struct err *err)
{
        const char *eni_id = ec2api_text(request, "NetworkInterfaceId");
        struct world_wish wish;
        int r;

        if ((r = read_wish(request, &unassign_ipv6, &wish, err)) < 0 ||
            (r = world_unassign_ipv6(request->world, eni_id, wish.cidrs, wish.n_cidrs, err)) < 0)
                return r;
        xmlout_text(request->reply, "networkInterfaceId", eni_id);
        ec2api_render_cidrs(request->reply, "unassignedIpv6Addresses", NULL, wish.cidrs, wish.n_cidrs, true);
        ec2api_render_cidrs(request->reply, "unassignedIpv6PrefixSet", NULL, wish.cidrs, wish.n_cidrs, false);
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
