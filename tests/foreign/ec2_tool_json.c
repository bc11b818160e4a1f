// SPDX-License-Identifier: Apache-2.0
#include "ec2_tool_json.h"

json_t *json_from_addresses(const struct ip *addresses, size_t n)
{
        json_t *list = json_array();

        for (size_t i = 0; i < n; i++)
                json_array_append_new(list, json_string(IP_TEXT(addresses[i])));
        return list;
}

static json_t *json_from_tags(const struct ec2_tag *tags, size_t n)
{
        json_t *object = json_object();

        for (size_t i = 0; i < n; i++)
                json_object_set_new(object, tags[i].key, json_string(tags[i].value));
        return object;
}

static json_t *json_from_attachment(const struct ec2_eni *eni)
{
        if (!eni->attached)
                return json_null();
        return json_pack("{ss ss si si sb}", "attachment_id", eni->attachment_id, "status",
                         eni->attachment_status, "device_index", (int)eni->device_index, "network_card",
                         (int)eni->network_card, "delete_on_termination", (int)eni->delete_on_termination);
}

json_t *json_from_eni(const struct ec2_eni *eni)
{
        json_t *groups = json_array(), *prefixes = json_array();

        for (size_t i = 0; i < eni->n_groups; i++)
                json_array_append_new(groups, json_string(eni->groups[i]));
        for (size_t i = 0; i < eni->n_prefixes; i++)
                json_array_append_new(prefixes, json_string(PREFIX_TEXT(eni->prefixes[i])));
        return json_pack(
                "{ss ss ss ss ss ss ss so so so so so}", "eni_id", eni->eni_id, "subnet_id", eni->subnet_id,
                "status", eni->status, "description", eni->description, "interface_type", eni->interface_type,
                "mac", MAC_TEXT(eni->mac), "primary", IP_TEXT(eni->primary), "secondary",
                json_from_addresses(eni->secondary, eni->n_secondary), "prefixes", prefixes, "groups", groups,
                "tags", json_from_tags(eni->tags, eni->n_tags), "attachment", json_from_attachment(eni));
}

json_t *json_from_subnet(const struct ec2_subnet *subnet)
{
        return json_pack("{ss ss ss ss ss sI so}", "subnet_id", subnet->subnet_id, "vpc_id", subnet->vpc_id,
                         "availability_zone", subnet->availability_zone, "state", subnet->state, "cidr",
                         PREFIX_TEXT(subnet->cidr), "available_addresses",
                         (json_int_t)subnet->available_addresses, "tags",
                         json_from_tags(subnet->tags, subnet->n_tags));
}

json_t *json_from_instance_type(const struct ec2_instance_type *type)
{
        return json_pack("{ss si si}", "name", type->name, "max_enis", (int)type->max_enis, "ipv4_per_eni",
                         (int)type->ipv4_per_eni);
}

json_t *json_from_failure(const struct ec2_result *result, const struct err *err)
{
        return json_pack("{sb ss ss sI sb sI ss ss ss}", "ok", 0, "class",
                         ec2_failure_class_to_string(result->class), "code", result->code, "http_status",
                         (json_int_t)result->http_status, "paced", result->paced, "wait_ms",
                         (json_int_t)result->wait_ms, "request_id", result->request_id, "err_code",
                         err_code_to_string(err->code), "error", err->msg);
}

const char **strings_from_json(const json_t *list, struct arena *arena, size_t *ret_n)
{
        const char **strings = ARENA_ARRAY(arena, const char *, json_array_size(list));
        const json_t *item;
        size_t i;

        json_array_foreach(list, i, item) strings[i] = json_string_value(item);
        *ret_n = json_array_size(list);
        return strings;
}

struct ec2_filter *filters_from_json(json_t *object, struct arena *arena, size_t *ret_n)
{
        struct ec2_filter *filters = ARENA_ARRAY(arena, struct ec2_filter, json_object_size(object));
        size_t n = 0;

        for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at))
                filters[n++] = (struct ec2_filter){json_object_iter_key(at),
                                                   json_string_value(json_object_iter_value(at))};
        *ret_n = n;
        return filters;
}

struct ec2_tag *tags_from_json(json_t *object, struct arena *arena, size_t *ret_n)
{
        const struct ec2_filter *pairs = filters_from_json(object, arena, ret_n);
        struct ec2_tag *tags = ARENA_ARRAY(arena, struct ec2_tag, *ret_n);

        for (size_t i = 0; i < *ret_n; i++)
                tags[i] = (struct ec2_tag){pairs[i].name, pairs[i].value};
        return tags;
}

int addresses_from_json(const json_t *list, struct arena *arena, struct ip **ret, size_t *ret_n,
                        struct err *err)
{
        const char **texts = strings_from_json(list, arena, ret_n);
        struct ip *addresses = ARENA_ARRAY(arena, struct ip, *ret_n);

        for (size_t i = 0; i < *ret_n; i++)
                if (ip_parse(texts[i], &addresses[i], err) < 0)
                        return -(int)err->code;
        *ret = addresses;
        return 0;
}
