// SPDX-License-Identifier: Apache-2.0
#include <vpcwire/jsonx.h>

#include "rpc/connection.h"
#include "rpc/reply.h"

void reply_answer(struct connection *connection, enum ipam_method_id id, const void *value, bool continues)
{
        _cleanup_json_ json_t *parameters = jsonx_encode(ipam_method(id)->reply, value);

        connection_reply(connection,
                         &(struct varlink_reply){.parameters = parameters, .continues = continues});
}

void reply_refuse(struct connection *connection, const struct ipam_error *error)
{
        _cleanup_json_ json_t *parameters = ipam_error_encode(error);

        connection_reply(connection, &(struct varlink_reply){.error = ipam_error_name(error->id),
                                                             .parameters = parameters});
}

void reply_refuse_service(struct connection *connection, const char *error, const char *key,
                          const char *value)
{
        _cleanup_json_ json_t *parameters = json_object();

        if (key)
                json_object_set_new(parameters, key, jsonx_string(value));
        connection_reply(connection, &(struct varlink_reply){.error = error, .parameters = parameters});
}
