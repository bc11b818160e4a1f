// SPDX-License-Identifier: Apache-2.0
/* The Describe actions. */
#include <string.h>
#include <strings.h>

#include "ec2api_actions.h"
#include "xmlout.h"

enum { INSTANCE_RUNNING = 16 }; /* EC2's number for the state "running" */

static void render_next(struct ec2api_request *request, int64_t next)
{
        if (next)
                xmlout_text(request->reply, "nextToken", ec2api_page_token(request, next));
}

int ec2api_describe_enis(struct ec2api_request *request, struct err *err)
{
        struct text *out = request->reply;
        struct world_query query;
        struct world_eni *enis;
        int64_t next;
        size_t n;
        int r;

        if ((r = ec2api_query(request, "NetworkInterfaceId", &query, err)) < 0 ||
            (r = world_find_enis(request->world, &query, request->arena, &enis, &n, &next, err)) < 0)
                return r;
        xmlout_open(out, "networkInterfaceSet");
        for (size_t i = 0; i < n; i++) {
                xmlout_open(out, "item");
                ec2api_render_eni(out, request->world, &enis[i], false);
                xmlout_close(out, "item");
        }
        xmlout_close(out, "networkInterfaceSet");
        render_next(request, next);
        return 0;
}

static void render_state(struct text *out)
{
        xmlout_open(out, "instanceState");
        xmlout_number(out, "code", INSTANCE_RUNNING);
        xmlout_text(out, "name", "running");
        xmlout_close(out, "instanceState");
}

static void render_instance(struct text *out, const struct world *world,
                            const struct world_instance *instance)
{
        const struct world_address *primary = &instance->enis[0].addresses[0];

        xmlout_text(out, "instanceId", instance->id);
        render_state(out);
        xmlout_text(out, "instanceType", instance->type);
        xmlout_time(out, "launchTime", instance->launch_ms);
        xmlout_open(out, "placement");
        xmlout_text(out, "availabilityZone", instance->zone);
        xmlout_text(out, "tenancy", "default");
        xmlout_close(out, "placement");
        xmlout_text(out, "subnetId", instance->subnet_id);
        xmlout_text(out, "vpcId", instance->vpc_id);
        xmlout_text(out, "privateIpAddress", IP_TEXT(primary->ip));
        xmlout_text(out, "ipAddress", primary->public_address);
        xmlout_bool(out, "sourceDestCheck", instance->enis[0].source_dest_check);
        xmlout_open(out, "networkInterfaceSet");
        for (size_t i = 0; i < instance->n_enis; i++) {
                xmlout_open(out, "item");
                ec2api_render_eni(out, world, &instance->enis[i], true);
                xmlout_close(out, "item");
        }
        xmlout_close(out, "networkInterfaceSet");
        ec2api_render_tags(out, instance->tags, instance->n_tags);
}

int ec2api_describe_instances(struct ec2api_request *request, struct err *err)
{
        struct text *out = request->reply;
        struct world_instance *instances;
        struct world_query query;
        int64_t next;
        size_t n;
        int r;

        if ((r = ec2api_query(request, "InstanceId", &query, err)) < 0 ||
            (r = world_find_instances(request->world, &query, request->arena, &instances, &n, &next, err)) <
                    0)
                return r;
        xmlout_open(out, "reservationSet");
        for (size_t i = 0; i < n; i++) {
                xmlout_open(out, "item");
                /* Each was launched on its own: the reservation's id follows from the instance's. */
                xmlout_text(out, "reservationId",
                            arena_printf(request->arena, "r-%s", instances[i].id + strlen("i-")));
                xmlout_text(out, "ownerId", world_account(request->world));
                text_add(out, "<groupSet/>");
                xmlout_open(out, "instancesSet");
                xmlout_open(out, "item");
                render_instance(out, request->world, &instances[i]);
                xmlout_close(out, "item");
                xmlout_close(out, "instancesSet");
                xmlout_close(out, "item");
        }
        xmlout_close(out, "reservationSet");
        render_next(request, next);
        return 0;
}

/* Of a subnet or a VPC; the association's id follows from the object's. */
static void render_ipv6_cidrs(struct text *out, const char *kind, const char *id, const char *const *cidrs,
                              size_t n, struct arena *arena)
{
        xmlout_open(out, "ipv6CidrBlockAssociationSet");
        for (size_t i = 0; i < n; i++) {
                xmlout_open(out, "item");
                xmlout_text(out, "associationId",
                            arena_printf(arena, "%s6%zx%s", kind, i, id + strcspn(id, "-") + 1));
                xmlout_text(out, "ipv6CidrBlock", cidrs[i]);
                xmlout_open(out, "ipv6CidrBlockState");
                xmlout_text(out, "state", "associated");
                xmlout_close(out, "ipv6CidrBlockState");
                xmlout_close(out, "item");
        }
        xmlout_close(out, "ipv6CidrBlockAssociationSet");
}

int ec2api_describe_subnets(struct ec2api_request *request, struct err *err)
{
        struct text *out = request->reply;
        struct world_subnet *subnets;
        struct world_query query;
        int64_t next;
        size_t n;
        int r;

        if ((r = ec2api_query(request, "SubnetId", &query, err)) < 0 ||
            (r = world_find_subnets(request->world, &query, request->arena, &subnets, &n, &next, err)) < 0)
                return r;
        xmlout_open(out, "subnetSet");
        for (size_t i = 0; i < n; i++) {
                const struct world_subnet *subnet = &subnets[i];

                xmlout_open(out, "item");
                xmlout_text(out, "subnetId", subnet->id);
                xmlout_text(out, "state", "available");
                xmlout_text(out, "ownerId", world_account(request->world));
                xmlout_text(out, "vpcId", subnet->vpc_id);
                xmlout_text(out, "cidrBlock", subnet->cidr);
                xmlout_number(out, "availableIpAddressCount", subnet->free_addresses);
                xmlout_text(out, "availabilityZone", subnet->zone);
                xmlout_bool(out, "defaultForAz", false);
                xmlout_bool(out, "mapPublicIpOnLaunch", false);
                xmlout_bool(out, "assignIpv6AddressOnCreation", false);
                render_ipv6_cidrs(out, "subnet-cidr-assoc-", subnet->id, &subnet->ipv6_cidr,
                                  !!subnet->ipv6_cidr, request->arena);
                xmlout_bool(out, "ipv6Native", false);
                ec2api_render_tags(out, subnet->tags, subnet->n_tags);
                xmlout_close(out, "item");
        }
        xmlout_close(out, "subnetSet");
        render_next(request, next);
        return 0;
}

static void render_cidr(struct text *out, const char *vpc_id, size_t i, const char *cidr, struct arena *arena)
{
        xmlout_open(out, "item");
        xmlout_text(out, "associationId",
                    arena_printf(arena, "vpc-cidr-assoc-%02zx%s", i, vpc_id + strlen("vpc-")));
        xmlout_text(out, "cidrBlock", cidr);
        xmlout_open(out, "cidrBlockState");
        xmlout_text(out, "state", "associated");
        xmlout_close(out, "cidrBlockState");
        xmlout_close(out, "item");
}

int ec2api_describe_vpcs(struct ec2api_request *request, struct err *err)
{
        struct text *out = request->reply;
        struct world_query query;
        struct world_vpc *vpcs;
        int64_t next;
        size_t n;
        int r;

        if ((r = ec2api_query(request, "VpcId", &query, err)) < 0 ||
            (r = world_find_vpcs(request->world, &query, request->arena, &vpcs, &n, &next, err)) < 0)
                return r;
        xmlout_open(out, "vpcSet");
        for (size_t i = 0; i < n; i++) {
                xmlout_open(out, "item");
                xmlout_text(out, "vpcId", vpcs[i].id);
                xmlout_text(out, "ownerId", world_account(request->world));
                xmlout_text(out, "state", "available");
                xmlout_text(out, "cidrBlock", vpcs[i].cidrs[0]);
                xmlout_open(out, "cidrBlockAssociationSet");
                for (size_t j = 0; j < vpcs[i].n_cidrs; j++)
                        render_cidr(out, vpcs[i].id, j, vpcs[i].cidrs[j], request->arena);
                xmlout_close(out, "cidrBlockAssociationSet");
                render_ipv6_cidrs(out, "vpc-cidr-assoc-", vpcs[i].id, vpcs[i].ipv6_cidrs,
                                  vpcs[i].n_ipv6_cidrs, request->arena);
                xmlout_text(out, "dhcpOptionsId", "default");
                xmlout_text(out, "instanceTenancy", "default");
                xmlout_bool(out, "isDefault", false);
                ec2api_render_tags(out, vpcs[i].tags, vpcs[i].n_tags);
                xmlout_close(out, "item");
        }
        xmlout_close(out, "vpcSet");
        render_next(request, next);
        return 0;
}

/* The default group as a new VPC has it; its allow lists are not simulated, and everything passes. */
int ec2api_describe_groups(struct ec2api_request *request, struct err *err)
{
        struct text *out = request->reply;
        struct world_query query;
        struct world_group *groups;
        int64_t next;
        size_t n;
        int r;

        if ((r = ec2api_query(request, "GroupId", &query, err)) < 0 ||
            (r = world_find_groups(request->world, &query, request->arena, &groups, &n, &next, err)) < 0)
                return r;
        xmlout_open(out, "securityGroupInfo");
        for (size_t i = 0; i < n; i++) {
                xmlout_open(out, "item");
                xmlout_text(out, "ownerId", world_account(request->world));
                xmlout_text(out, "groupId", groups[i].id);
                xmlout_text(out, "groupName", groups[i].name);
                xmlout_text(out, "groupDescription", groups[i].description);
                xmlout_text(out, "vpcId", groups[i].vpc_id);
                text_add(out, "<ipPermissions/><ipPermissionsEgress/><tagSet/>");
                xmlout_close(out, "item");
        }
        xmlout_close(out, "securityGroupInfo");
        render_next(request, next);
        return 0;
}

/* Families that run on Xen; all others are Nitro (AWS, "Instances built on the AWS Nitro System"). */
static const char *hypervisor_of(const char *type)
{
        static const char *const xen[] = {"c1", "c3", "c4", "d2", "f1", "g3", "g3s", "h1", "i2", "i3", "m1",
                                          "m2", "m3", "m4", "p2", "p3", "r3", "r4",  "t1", "t2", "x1", "x1e"};
        size_t n = strcspn(type, ".");

        for (size_t i = 0; i < ARRAY_SIZE(xen); i++)
                if (strlen(xen[i]) == n && strncmp(xen[i], type, n) == 0)
                        return "xen";
        return "nitro";
}

static void render_type(struct text *out, const struct world_instance_type *type)
{
        bool metal = strstr(type->name, ".metal");

        xmlout_open(out, "item");
        xmlout_text(out, "instanceType", type->name);
        xmlout_bool(out, "bareMetal", metal);
        xmlout_text(out, "hypervisor", metal ? NULL : hypervisor_of(type->name));
        xmlout_open(out, "networkInfo");
        xmlout_number(out, "maximumNetworkInterfaces", type->max_enis);
        xmlout_number(out, "maximumNetworkCards", 1);
        xmlout_number(out, "defaultNetworkCardIndex", 0);
        xmlout_open(out, "networkCards");
        xmlout_open(out, "item");
        xmlout_number(out, "networkCardIndex", 0);
        xmlout_number(out, "maximumNetworkInterfaces", type->max_enis);
        xmlout_close(out, "item");
        xmlout_close(out, "networkCards");
        xmlout_number(out, "ipv4AddressesPerInterface", type->ipv4_per_eni);
        xmlout_number(out, "ipv6AddressesPerInterface", type->ipv4_per_eni); /* as many of each */
        xmlout_bool(out, "ipv6Supported", true);
        xmlout_close(out, "networkInfo");
        xmlout_close(out, "item");
}

/* By name, or by the filter instance-type with whole names; without either, the types that the world has nodes of. */
int ec2api_describe_instance_types(struct ec2api_request *request, struct err *err)
{
        struct world_instance_type type;
        struct world_query query;
        const char **own, *const *names;
        size_t n;
        int r;

        r = ec2api_query(request, "InstanceType", &query, err);
        if (r < 0)
                return r;
        names = query.ids;
        n = query.n_ids;
        if (query.n_filters > 1 ||
            (query.n_filters == 1 && strcmp(query.filters[0].name, "instance-type") != 0))
                return world_refuse(request->world, err, "InvalidParameterValue",
                                    "The filter '%.128s' is invalid",
                                    query.filters[query.n_filters - 1].name);
        if (query.n_filters == 1) {
                names = query.filters[0].values;
                n = query.filters[0].n_values;
        } else if (n == 0) {
                r = world_list_instance_types(request->world, request->arena, &own, &n, err);
                if (r < 0)
                        return r;
                names = own;
        }
        xmlout_open(request->reply, "instanceTypeSet");
        for (size_t i = 0; i < n; i++) {
                r = world_find_instance_type(request->world, names[i], &type, err);
                if (r == 0)
                        render_type(request->reply, &type);
                else if (query.n_filters == 0 || !world_refusal(request->world))
                        return r;
                world_clear_refusal(request->world);
        }
        xmlout_close(request->reply, "instanceTypeSet");
        return 0;
}
