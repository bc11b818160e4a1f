// SPDX-License-Identifier: Apache-2.0
/* The mutations: arguments -> parameters, reply -> result. */
#include <string.h>

#include "cloud/ec2_internal.h"

/* A mutation whose reply says nothing but that it was done. */
static int run(struct ec2 *ec2, const struct ec2_call_options *options, enum ec2_action action,
               const struct text *body, struct ec2_result *result, struct err *err)
{
        _cleanup_(arena_freep) struct arena *scratch = arena_new();
        const struct xml *root;

        return ec2_call(ec2, options, action, body, scratch, &root, result, err);
}

static void add_create(struct text *body, const struct ec2_create_eni *request)
{
        ec2_add(body, request->subnet_id, "SubnetId");
        ec2_add(body, request->description, "Description");
        ec2_add(body, request->client_token, "ClientToken");
        if (request->secondary_addresses)
                ec2_add_unsigned(body, request->secondary_addresses, "SecondaryPrivateIpAddressCount");
        ec2_add_list(body, "SecurityGroupId", request->groups, request->n_groups);
        if (request->n_tags)
                ec2_add(body, "network-interface", "TagSpecification.1.ResourceType");
        for (size_t i = 0; i < request->n_tags; i++) {
                ec2_add(body, request->tags[i].key, "TagSpecification.1.Tag.%zu.Key", i + 1);
                ec2_add(body, request->tags[i].value, "TagSpecification.1.Tag.%zu.Value", i + 1);
        }
}

int ec2_create_eni(struct ec2 *ec2, const struct ec2_call_options *options,
                   const struct ec2_create_eni *request, struct arena *arena, struct ec2_eni *ret,
                   struct ec2_result *result, struct err *err)
{
        _cleanup_(arena_freep) struct arena *scratch = arena_new();
        _cleanup_(text_done) struct text body = {0};
        const struct xml *root;
        int r;

        if (!request->client_token || !*request->client_token ||
            strlen(request->client_token) >= EC2_TOKEN_BYTES) {
                err_set(err, ERR_INVALID, "the client token must have 1 to %d characters",
                        EC2_TOKEN_BYTES - 1);
                return ec2_fail_argument(EC2_ACTION_CREATE_ENI, result, err);
        }
        add_create(&body, request);
        r = ec2_call(ec2, options, EC2_ACTION_CREATE_ENI, &body, scratch, &root, result, err);
        if (r < 0)
                return r;
        r = ec2_parse_eni(xml_child(root, "networkInterface"), arena, ret, err);
        if (r < 0)
                return ec2_fail_reply(EC2_ACTION_CREATE_ENI, result, err);
        return 0;
}

int ec2_attach_eni(struct ec2 *ec2, const struct ec2_call_options *options, const char *eni_id,
                   const char *instance_id, unsigned device_index, struct arena *arena,
                   const char **ret_attachment_id, struct ec2_result *result, struct err *err)
{
        _cleanup_(arena_freep) struct arena *scratch = arena_new();
        _cleanup_(text_done) struct text body = {0};
        const struct xml *root;
        const char *id;
        int r;

        ec2_add(&body, eni_id, "NetworkInterfaceId");
        ec2_add(&body, instance_id, "InstanceId");
        ec2_add_unsigned(&body, device_index, "DeviceIndex");
        r = ec2_call(ec2, options, EC2_ACTION_ATTACH_ENI, &body, scratch, &root, result, err);
        if (r < 0)
                return r;
        id = xml_text(root, "attachmentId");
        if (!*id || strlen(id) >= EC2_ID_BYTES) {
                err_set(err, ERR_PROTOCOL, "<attachmentId> is '%.*s'", EC2_ID_BYTES, id);
                return ec2_fail_reply(EC2_ACTION_ATTACH_ENI, result, err);
        }
        *ret_attachment_id = arena_strdup(arena, id);
        return 0;
}

int ec2_set_delete_on_termination(struct ec2 *ec2, const struct ec2_call_options *options, const char *eni_id,
                                  const char *attachment_id, struct ec2_result *result, struct err *err)
{
        _cleanup_(text_done) struct text body = {0};

        ec2_add(&body, eni_id, "NetworkInterfaceId");
        ec2_add(&body, attachment_id, "Attachment.AttachmentId");
        ec2_add(&body, "true", "Attachment.DeleteOnTermination");
        return run(ec2, options, EC2_ACTION_MODIFY_ENI, &body, result, err);
}

int ec2_set_groups(struct ec2 *ec2, const struct ec2_call_options *options, const char *eni_id,
                   const char *const *groups, size_t n, struct ec2_result *result, struct err *err)
{
        _cleanup_(text_done) struct text body = {0};

        if (n == 0) {
                err_set(err, ERR_INVALID, "no security groups for %s", eni_id);
                return ec2_fail_argument(EC2_ACTION_MODIFY_ENI, result, err);
        }
        ec2_add(&body, eni_id, "NetworkInterfaceId");
        ec2_add_list(&body, "SecurityGroupId", groups, n);
        return run(ec2, options, EC2_ACTION_MODIFY_ENI, &body, result, err);
}

int ec2_assign_addresses(struct ec2 *ec2, const struct ec2_call_options *options, const char *eni_id,
                         unsigned count, struct arena *arena, struct ip **ret_addresses, size_t *ret_n,
                         struct ec2_result *result, struct err *err)
{
        _cleanup_(arena_freep) struct arena *scratch = arena_new();
        _cleanup_(text_done) struct text body = {0};
        const struct xml *root, *set;
        int r;

        if (count == 0 || count > EC2_ENI_MAX_ADDRESSES) {
                err_set(err, ERR_INVALID, "%u addresses asked for (1 to %d)", count, EC2_ENI_MAX_ADDRESSES);
                return ec2_fail_argument(EC2_ACTION_ASSIGN_ADDRESSES, result, err);
        }
        ec2_add(&body, eni_id, "NetworkInterfaceId");
        ec2_add_unsigned(&body, count, "SecondaryPrivateIpAddressCount");
        r = ec2_call(ec2, options, EC2_ACTION_ASSIGN_ADDRESSES, &body, scratch, &root, result, err);
        if (r < 0)
                return r;
        set = xml_child(root, "assignedPrivateIpAddressesSet");
        if (!set)
                r = err_set(err, ERR_PROTOCOL, "<assignedPrivateIpAddressesSet> is missing");
        else
                r = ec2_parse_addresses(set, arena, ret_addresses, ret_n, err);
        if (r < 0)
                return ec2_fail_reply(EC2_ACTION_ASSIGN_ADDRESSES, result, err);
        return 0;
}

int ec2_unassign_addresses(struct ec2 *ec2, const struct ec2_call_options *options, const char *eni_id,
                           const struct ip *addresses, size_t n, struct ec2_result *result, struct err *err)
{
        _cleanup_(text_done) struct text body = {0};

        if (n == 0 || n > EC2_ENI_MAX_ADDRESSES) {
                err_set(err, ERR_INVALID, "%zu addresses to give back (1 to %d)", n, EC2_ENI_MAX_ADDRESSES);
                return ec2_fail_argument(EC2_ACTION_UNASSIGN_ADDRESSES, result, err);
        }
        ec2_add(&body, eni_id, "NetworkInterfaceId");
        for (size_t i = 0; i < n; i++)
                ec2_add(&body, IP_TEXT(addresses[i]), "PrivateIpAddress.%zu", i + 1);
        return run(ec2, options, EC2_ACTION_UNASSIGN_ADDRESSES, &body, result, err);
}

int ec2_detach_eni(struct ec2 *ec2, const struct ec2_call_options *options, const char *attachment_id,
                   struct ec2_result *result, struct err *err)
{
        _cleanup_(text_done) struct text body = {0};

        ec2_add(&body, attachment_id, "AttachmentId");
        return run(ec2, options, EC2_ACTION_DETACH_ENI, &body, result, err);
}

int ec2_delete_eni(struct ec2 *ec2, const struct ec2_call_options *options, const char *eni_id,
                   struct ec2_result *result, struct err *err)
{
        _cleanup_(text_done) struct text body = {0};

        ec2_add(&body, eni_id, "NetworkInterfaceId");
        return run(ec2, options, EC2_ACTION_DELETE_ENI, &body, result, err);
}

int ec2_create_tags(struct ec2 *ec2, const struct ec2_call_options *options, const char *eni_id,
                    const struct ec2_tag *tags, size_t n, struct ec2_result *result, struct err *err)
{
        _cleanup_(text_done) struct text body = {0};

        ec2_add(&body, eni_id, "ResourceId.1");
        for (size_t i = 0; i < n; i++) {
                ec2_add(&body, tags[i].key, "Tag.%zu.Key", i + 1);
                ec2_add(&body, tags[i].value, "Tag.%zu.Value", i + 1);
        }
        return run(ec2, options, EC2_ACTION_CREATE_TAGS, &body, result, err);
}
