// SPDX-License-Identifier: Apache-2.0
/*
 * Our EC2 client as a program: ec2_tool ENDPOINT REGION [IMDS]. Reads one JSON object a line,
 * {"call": "create_eni", "subnet_id": ...}, makes that call of ipamd/cloud/ec2.h, and prints
 * {"ok": true, "result": ...} or {"ok": false, "class": ..., "code": ..., ...} on a line. Credentials come from where the
 * daemon has them: the environment, else the metadata service at IMDS.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/credentials.h"
#include "cloud/ec2.h"
#include "cloud/imds.h"
#include "ec2_tool_json.h"

/* Makes one call: *ret_json is a new reference, untouched on failure. */
typedef int call_fn(struct ec2 *ec2, json_t *request, struct arena *arena, json_t **ret_json,
                    struct ec2_result *result, struct err *err);

static const char *get(json_t *request, const char *key)
{
        return json_string_value(json_object_get(request, key));
}

static unsigned get_unsigned(json_t *request, const char *key)
{
        return (unsigned)json_integer_value(json_object_get(request, key));
}

static int describe_enis(struct ec2 *ec2, json_t *request, struct arena *arena, json_t **ret_json,
                         struct ec2_result *result, struct err *err)
{
        size_t n_filters, n_ids;
        struct ec2_filter *filters =
                filters_from_json(json_object_get(request, "filters"), arena, &n_filters);
        const char **ids = strings_from_json(json_object_get(request, "ids"), arena, &n_ids);
        const struct ec2_selection which = {filters, n_filters, ids, n_ids, false};
        struct ec2_eni_list list;
        int r;

        r = ec2->ops->describe_enis(ec2, NULL, &which, arena, &list, result, err);
        if (r < 0)
                return r;
        *ret_json = json_array();
        for (size_t i = 0; i < list.n; i++)
                json_array_append_new(*ret_json, json_from_eni(&list.enis[i]));
        return 0;
}

static int create_eni(struct ec2 *ec2, json_t *request, struct arena *arena, json_t **ret_json,
                      struct ec2_result *result, struct err *err)
{
        struct ec2_create_eni create = {
                .subnet_id = get(request, "subnet_id"),
                .description = get(request, "description"),
                .client_token = get(request, "client_token"),
                .secondary_addresses = get_unsigned(request, "secondary_addresses"),
        };
        struct ec2_eni eni;
        int r;

        create.groups = strings_from_json(json_object_get(request, "groups"), arena, &create.n_groups);
        create.tags = tags_from_json(json_object_get(request, "tags"), arena, &create.n_tags);
        r = ec2->ops->create_eni(ec2, NULL, &create, arena, &eni, result, err);
        if (r == 0)
                *ret_json = json_from_eni(&eni);
        return r;
}

static int attach_eni(struct ec2 *ec2, json_t *request, struct arena *arena, json_t **ret_json,
                      struct ec2_result *result, struct err *err)
{
        const char *attachment_id;
        int r = ec2->ops->attach_eni(ec2, NULL, get(request, "eni_id"), get(request, "instance_id"),
                                     get_unsigned(request, "device_index"), arena, &attachment_id, result,
                                     err);

        if (r == 0)
                *ret_json = json_string(attachment_id);
        return r;
}

/* The calls whose reply says nothing but that it was done. */
static int done(int r, json_t **ret_json)
{
        if (r == 0)
                *ret_json = json_null();
        return r;
}

static int set_delete_on_termination(struct ec2 *ec2, json_t *request, struct arena *arena _unused_,
                                     json_t **ret_json, struct ec2_result *result, struct err *err)
{
        return done(ec2->ops->set_delete_on_termination(ec2, NULL, get(request, "eni_id"),
                                                        get(request, "attachment_id"), result, err),
                    ret_json);
}

static int set_groups(struct ec2 *ec2, json_t *request, struct arena *arena, json_t **ret_json,
                      struct ec2_result *result, struct err *err)
{
        size_t n;
        const char **groups = strings_from_json(json_object_get(request, "groups"), arena, &n);

        return done(ec2->ops->set_groups(ec2, NULL, get(request, "eni_id"), groups, n, result, err),
                    ret_json);
}

static int assign_addresses(struct ec2 *ec2, json_t *request, struct arena *arena, json_t **ret_json,
                            struct ec2_result *result, struct err *err)
{
        struct ip *addresses;
        size_t n;
        int r = ec2->ops->assign_addresses(ec2, NULL, get(request, "eni_id"), get_unsigned(request, "count"),
                                           arena, &addresses, &n, result, err);

        if (r == 0)
                *ret_json = json_from_addresses(addresses, n);
        return r;
}

static int unassign_addresses(struct ec2 *ec2, json_t *request, struct arena *arena, json_t **ret_json,
                              struct ec2_result *result, struct err *err)
{
        struct ip *addresses;
        size_t n;
        int r = addresses_from_json(json_object_get(request, "addresses"), arena, &addresses, &n, err);

        if (r < 0)
                return r;
        return done(
                ec2->ops->unassign_addresses(ec2, NULL, get(request, "eni_id"), addresses, n, result, err),
                ret_json);
}

static int detach_eni(struct ec2 *ec2, json_t *request, struct arena *arena _unused_, json_t **ret_json,
                      struct ec2_result *result, struct err *err)
{
        return done(ec2->ops->detach_eni(ec2, NULL, get(request, "attachment_id"), result, err), ret_json);
}

static int delete_eni(struct ec2 *ec2, json_t *request, struct arena *arena _unused_, json_t **ret_json,
                      struct ec2_result *result, struct err *err)
{
        return done(ec2->ops->delete_eni(ec2, NULL, get(request, "eni_id"), result, err), ret_json);
}

static int describe_subnets(struct ec2 *ec2, json_t *request, struct arena *arena, json_t **ret_json,
                            struct ec2_result *result, struct err *err)
{
        size_t n_filters, n_ids;
        struct ec2_filter *filters =
                filters_from_json(json_object_get(request, "filters"), arena, &n_filters);
        const char **ids = strings_from_json(json_object_get(request, "ids"), arena, &n_ids);
        const struct ec2_selection which = {filters, n_filters, ids, n_ids, false};
        struct ec2_subnet_list list;
        int r;

        r = ec2->ops->describe_subnets(ec2, NULL, &which, arena, &list, result, err);
        if (r < 0)
                return r;
        *ret_json = json_array();
        for (size_t i = 0; i < list.n; i++)
                json_array_append_new(*ret_json, json_from_subnet(&list.subnets[i]));
        return 0;
}

static int describe_instance_type(struct ec2 *ec2, json_t *request, struct arena *arena, json_t **ret_json,
                                  struct ec2_result *result, struct err *err)
{
        struct ec2_instance_type type;
        int r = ec2->ops->describe_instance_type(ec2, NULL, get(request, "instance_type"), arena, &type,
                                                 result, err);

        if (r == 0)
                *ret_json = json_from_instance_type(&type);
        return r;
}

static const struct {
        const char *name;
        call_fn *call;
} calls[] = {
        {"describe_enis", describe_enis},
        {"create_eni", create_eni},
        {"attach_eni", attach_eni},
        {"set_delete_on_termination", set_delete_on_termination},
        {"set_groups", set_groups},
        {"assign_addresses", assign_addresses},
        {"unassign_addresses", unassign_addresses},
        {"detach_eni", detach_eni},
        {"delete_eni", delete_eni},
        {"describe_subnets", describe_subnets},
        {"describe_instance_type", describe_instance_type},
};

static int answer(struct ec2 *ec2, const char *line, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        json_error_t json_error;
        json_t *request = json_loads(line, 0, &json_error), *answered = NULL, *reply;
        const char *name = request ? get(request, "call") : NULL;
        struct ec2_result result = {0};
        call_fn *call = NULL;

        for (size_t i = 0; i < ARRAY_SIZE(calls) && name; i++)
                if (strcmp(calls[i].name, name) == 0)
                        call = calls[i].call;
        if (!call) {
                json_decref(request);
                return err_set(err, ERR_INVALID, "no call of ours: %s", line);
        }
        if (call(ec2, request, arena, &answered, &result, err) < 0)
                reply = json_from_failure(&result, err);
        else
                reply = json_pack("{sb so}", "ok", 1, "result", answered);
        json_dumpf(reply, stdout, JSON_COMPACT);
        putchar('\n');
        fflush(stdout);
        json_decref(reply);
        json_decref(request);
        return 0;
}

static int run(const char *endpoint, const char *region, const char *imds_endpoint, struct err *err)
{
        const struct imds_options imds_options = {.endpoint = imds_endpoint};
        _cleanup_(imds_freep) struct imds *imds = NULL;
        _cleanup_(credentials_freep) struct credentials *credentials = NULL;
        _cleanup_(ec2_freep) struct ec2 *ec2 = NULL;
        _cleanup_free_ char *line = NULL;
        size_t capacity = 0;

        if (imds_endpoint && imds_new(&imds_options, &imds, err) < 0)
                return -(int)err->code;
        credentials = credentials_open(&(const struct credentials_options){
                .imds = imds, .region = region, .sts_endpoint = getenv("AWS_ENDPOINT_URL_STS")});
        const struct ec2_options options = {
                .endpoint = endpoint, .region = region, .credentials = credentials};
        if (ec2_new(&options, &ec2, err) < 0)
                return -(int)err->code;
        while (getline(&line, &capacity, stdin) > 0)
                if (answer(ec2, line, err) < 0)
                        return -(int)err->code;
        return 0;
}

int main(int argc, char **argv)
{
        struct err err;

        if (argc < 3 || argc > 4) {
                fputs("usage: ec2_tool ENDPOINT REGION [IMDS]\n", stderr);
                return EXIT_FAILURE;
        }
        if (run(argv[1], argv[2], argv[3], &err) < 0) {
                fprintf(stderr, "ec2_tool: %s\n", err.msg);
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
