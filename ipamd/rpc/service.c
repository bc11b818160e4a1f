// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include <vpcwire/jsonx.h>

#include "rpc/connection.h"
#include "rpc/reply.h"
#include "rpc/service.h"

/* As the Varlink project publishes it: https://varlink.org/Service */
static const char service_interface_text[] =
        "# The Varlink Service Interface is provided by every varlink service. It\n"
        "# describes the service and the interfaces it implements.\n"
        "interface org.varlink.service\n"
        "\n"
        "# Get a list of all the interfaces a service provides and information\n"
        "# about the implementation.\n"
        "method GetInfo() -> (\n"
        "  vendor: string,\n"
        "  product: string,\n"
        "  version: string,\n"
        "  url: string,\n"
        "  interfaces: []string\n"
        ")\n"
        "\n"
        "# Get the description of an interface that is implemented by this service.\n"
        "method GetInterfaceDescription(interface: string) -> (description: string)\n"
        "\n"
        "# The requested interface was not found.\n"
        "error InterfaceNotFound (interface: string)\n"
        "\n"
        "# The requested method was not found\n"
        "error MethodNotFound (method: string)\n"
        "\n"
        "# The interface defines the requested method, but the service does not\n"
        "# implement it.\n"
        "error MethodNotImplemented (method: string)\n"
        "\n"
        "# One of the passed parameters is invalid.\n"
        "error InvalidParameter (parameter: string)\n"
        "\n"
        "# Client is denied access\n"
        "error PermissionDenied ()\n"
        "\n"
        "# Method is expected to be called with 'more' set to true, but wasn't\n"
        "error ExpectedMore ()\n";

struct info_reply {
        const char *vendor, *product, *version, *url;
        const char **interfaces;
        size_t n_interfaces;
};

static const struct jsonx_field info_fields[] = {
        JSONX_FIELD(struct info_reply, vendor, JSONX_STRING),
        JSONX_FIELD(struct info_reply, product, JSONX_STRING),
        JSONX_FIELD(struct info_reply, version, JSONX_STRING),
        JSONX_FIELD(struct info_reply, url, JSONX_STRING),
        JSONX_LIST(struct info_reply, interfaces, JSONX_STRINGS),
};
static const struct jsonx_schema info_schema = JSONX_SCHEMA(struct info_reply, info_fields);

static void get_info(struct connection *connection)
{
        static const char *const interfaces[] = {SERVICE_INTERFACE, IPAM_INTERFACE};
        const char *names[] = {interfaces[0], interfaces[1]};
        const struct info_reply info = {
                .vendor = "vpcwire",
                .product = "ipamd",
                .version = connection->rpc->options.version,
                .url = "",
                .interfaces = names,
                .n_interfaces = ARRAY_SIZE(names),
        };
        _cleanup_json_ json_t *parameters = jsonx_encode(&info_schema, &info);

        connection_reply(connection, &(struct varlink_reply){.parameters = parameters});
}

static void get_description(struct connection *connection, const json_t *parameters)
{
        const char *interface = json_string_value(json_object_get(parameters, "interface"));
        _cleanup_json_ json_t *reply = json_object();

        if (!interface) {
                reply_refuse_service(connection, VARLINK_INVALID_PARAMETER, "parameter", "interface");
                return;
        }
        if (strcmp(interface, IPAM_INTERFACE) == 0) {
                json_object_set_new(reply, "description", json_string(ipam_interface_text));
        } else if (strcmp(interface, SERVICE_INTERFACE) == 0) {
                json_object_set_new(reply, "description", json_string(service_interface_text));
        } else {
                reply_refuse_service(connection, VARLINK_INTERFACE_NOT_FOUND, "interface", interface);
                return;
        }
        connection_reply(connection, &(struct varlink_reply){.parameters = reply});
}

void service_call(struct connection *connection, const struct varlink_call *call, const char *name)
{
        if (strcmp(name, "GetInfo") == 0)
                get_info(connection);
        else if (strcmp(name, "GetInterfaceDescription") == 0)
                get_description(connection, call->parameters);
        else
                reply_refuse_service(connection, VARLINK_METHOD_NOT_FOUND, "method", call->method);
}
