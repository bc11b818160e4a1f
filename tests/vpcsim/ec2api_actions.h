// SPDX-License-Identifier: Apache-2.0
/* The table of actions: name, parameters, handler. A handler reads the request, calls the world, and writes its reply. */
#ifndef VPCSIM_EC2API_ACTIONS_H
#define VPCSIM_EC2API_ACTIONS_H

#include "ec2api_request.h"
#include "world_cruel.h"

/* Adds the inside of the Response element to request->reply; on failure nothing of it is used. */
typedef int ec2api_handler(struct ec2api_request *request, struct err *err);

struct ec2api_action {
        const char *name;
        ec2api_handler *handler;
        const char *const *parameters; /* patterns, NULL-terminated; see ec2api_request_check() */
        bool dry_run;                  /* whether the action takes DryRun */
        enum world_service service;    /* EC2's, or STS's */
        bool unsigned_too;             /* the parameters say who asks, and not a signature */
};

/* NULL where there is no such action. */
const struct ec2api_action *ec2api_action_find(const char *name);

/* ec2api_eni.c */
ec2api_handler ec2api_create_eni, ec2api_delete_eni, ec2api_attach_eni, ec2api_detach_eni, ec2api_modify_eni;
/* ec2api_address.c */
ec2api_handler ec2api_assign_ipv4, ec2api_unassign_ipv4, ec2api_assign_ipv6, ec2api_unassign_ipv6,
        ec2api_create_tags, ec2api_delete_tags;
/* ec2api_describe.c */
ec2api_handler ec2api_describe_enis, ec2api_describe_instances, ec2api_describe_subnets, ec2api_describe_vpcs,
        ec2api_describe_groups, ec2api_describe_instance_types;
/* ec2api_trunk.c */
ec2api_handler ec2api_associate_trunk, ec2api_disassociate_trunk, ec2api_describe_associations;

/* ec2api_sts.c */
ec2api_handler ec2api_assume_role, ec2api_assume_role_with_web_identity, ec2api_get_caller_identity;

/* ec2api_request_of.c: the names of the parameters that say what is wanted of a family. A member is that of a list's items. */
struct ec2api_asked_names {
        const char *addresses, *address_member, *address_count; /* NULL: there is no such parameter */
        const char *prefixes, *prefix_member, *prefix_count;
        int family;
        unsigned least; /* of the counts */
};

int ec2api_asked(const struct ec2api_request *request, const struct ec2api_asked_names *names,
                 struct world_asked *ret, struct err *err);
/* Refuses several kinds together. */
int ec2api_asked_check(const struct ec2api_request *request, const struct ec2api_asked_names *names,
                       const struct world_asked *requested, struct err *err);

/* ec2api_render.c: objects as XML. */
void ec2api_render_tags(struct text *out, const struct world_tag *tags, size_t n);
/* The addresses (/32, /128) or the prefixes of a list; member NULL: items are texts. */
void ec2api_render_cidrs(struct text *out, const char *set, const char *member, const struct prefix *cidrs,
                         size_t n, bool addresses);
/* As DescribeNetworkInterfaces shows an ENI; in_instance: as DescribeInstances does. Without an element around it. */
void ec2api_render_eni(struct text *out, const struct world *world, const struct world_eni *eni,
                       bool in_instance);
/* <return>true</return>, what actions say that have nothing to say. */
void ec2api_render_true(struct text *out);

#endif
