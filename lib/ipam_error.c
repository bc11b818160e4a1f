// SPDX-License-Identifier: Apache-2.0
/* Methods and errors of io.vpcwire.ipam by their names, and what errors mean to a caller of ours. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <vpcwire/ipam.h>
#include <vpcwire/varlink.h>

static const enum err_code codes[_IPAM_ERROR_MAX] = {
        [IPAM_ERROR_NO_ADDRESS] = ERR_AGAIN,          [IPAM_ERROR_NOT_READY] = ERR_AGAIN,
        [IPAM_ERROR_LEASE_NOT_FOUND] = ERR_NOT_FOUND, [IPAM_ERROR_INVALID_REQUEST] = ERR_INVALID,
        [IPAM_ERROR_INTERNAL] = ERR_INTERNAL,
};

static const struct {
        const char *name;
        enum err_code code;
} service_errors[] = {
        {VARLINK_INVALID_PARAMETER, ERR_INVALID},       {VARLINK_PERMISSION_DENIED, ERR_DENIED},
        {VARLINK_METHOD_NOT_FOUND, ERR_UNSUPPORTED},    {VARLINK_METHOD_NOT_IMPLEMENTED, ERR_UNSUPPORTED},
        {VARLINK_INTERFACE_NOT_FOUND, ERR_UNSUPPORTED}, {VARLINK_EXPECTED_MORE, ERR_INVALID},
};

const struct ipam_method *ipam_method_find(const char *name, enum ipam_method_id *ret_id)
{
        for (int i = 0; i < _IPAM_METHOD_MAX; i++) {
                if (strcmp(ipam_methods[i].name, name) == 0) {
                        *ret_id = (enum ipam_method_id)i;
                        return &ipam_methods[i];
                }
        }
        return NULL;
}

const char *ipam_error_name(enum ipam_error_id id)
{
        assert(ipam_errors[id].name);
        return ipam_errors[id].name;
}

json_t *ipam_error_encode(const struct ipam_error *error)
{
        assert(ipam_errors[error->id].name);
        return jsonx_encode(ipam_errors[error->id].parameters, error);
}

static int describe(const struct ipam_error *error, enum err_code code, const json_t *parameters,
                    struct err *err)
{
        const char *parameter = json_string_value(json_object_get(parameters, "parameter"));

        switch (error->id) {
        case IPAM_ERROR_NO_ADDRESS:
        case IPAM_ERROR_NOT_READY:
        case IPAM_ERROR_INTERNAL:
                return err_set(err, code, "%s", error->reason[0] ? error->reason : error->name);
        case IPAM_ERROR_LEASE_NOT_FOUND:
                return err_set(err, code, "no lease for container %s, interface %s in network %s",
                               error->container_id, error->ifname, error->network);
        case IPAM_ERROR_INVALID_REQUEST:
                return err_set(err, code, "ipamd refuses %s '%s' (allowed: %s)", error->field, error->value,
                               error->allowed);
        case IPAM_ERROR_OTHER:
        case IPAM_ERROR_NONE:
        case _IPAM_ERROR_MAX: break;
        }
        return err_set(err, code, "ipamd answers %s%s%.200s", error->name, parameter ? ": " : "",
                       parameter ?: "");
}

/* IPAM_ERROR_OTHER: it is no error of our interface's. */
static enum ipam_error_id find_id(const char *name)
{
        for (int i = IPAM_ERROR_NONE + 1; i < IPAM_ERROR_OTHER; i++)
                if (strcmp(ipam_errors[i].name, name) == 0)
                        return (enum ipam_error_id)i;
        return IPAM_ERROR_OTHER;
}

static enum err_code find_code(enum ipam_error_id id, const char *name)
{
        if (id != IPAM_ERROR_OTHER)
                return codes[id];
        for (size_t i = 0; i < ARRAY_SIZE(service_errors); i++)
                if (strcmp(service_errors[i].name, name) == 0)
                        return service_errors[i].code;
        return ERR_INTERNAL;
}

int ipam_error_decode(const char *name, const json_t *parameters, struct ipam_error *ret, struct err *err)
{
        struct ipam_error error = {.id = find_id(name)};

        snprintf(error.name, sizeof(error.name), "%s", name);
        if (error.id != IPAM_ERROR_OTHER) /* an error is reported even where its parameters are odd */
                (void)jsonx_decode(parameters, ipam_errors[error.id].parameters, NULL, &error, NULL, NULL);
        if (ret)
                *ret = error;
        return describe(&error, find_code(error.id, name), parameters, err);
}
