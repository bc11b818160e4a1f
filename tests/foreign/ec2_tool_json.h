// SPDX-License-Identifier: Apache-2.0
/* What ipamd/cloud/ec2.h gives, as JSON objects (new references), and JSON lists as what it takes. */
#ifndef TESTS_FOREIGN_EC2_TOOL_JSON_H
#define TESTS_FOREIGN_EC2_TOOL_JSON_H

#include <jansson.h>

#include "cloud/ec2.h"

json_t *json_from_eni(const struct ec2_eni *eni);
json_t *json_from_subnet(const struct ec2_subnet *subnet);
json_t *json_from_instance_type(const struct ec2_instance_type *type);
json_t *json_from_addresses(const struct ip *addresses, size_t n);
/* {ok: false, class, code, http_status, request_id, err_code, error} */
json_t *json_from_failure(const struct ec2_result *result, const struct err *err);

/* A list of texts; NULL is an empty one. The texts belong to `list`, the array to the arena. */
const char **strings_from_json(const json_t *list, struct arena *arena, size_t *ret_n);
/* {name: value}, for filters and tags alike. */
struct ec2_filter *filters_from_json(json_t *object, struct arena *arena, size_t *ret_n);
struct ec2_tag *tags_from_json(json_t *object, struct arena *arena, size_t *ret_n);
int addresses_from_json(const json_t *list, struct arena *arena, struct ip **ret, size_t *ret_n,
                        struct err *err);

#endif
