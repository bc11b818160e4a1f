// SPDX-License-Identifier: Apache-2.0
/* The errors of io.vpcwire.ipam, and what those of org.varlink.service mean to a caller of ours. */
#include <stdio.h>
#include <string.h>

#include <vpcwire/ipam.h>
#include <vpcwire/varlink.h>

/* The text members of struct ipam_error that travel, by bit. */
enum {
        HAS_REASON = 1 << 0,
        HAS_FIELD = 1 << 1,
        HAS_VALUE = 1 << 2,
        HAS_ALLOWED = 1 << 3,
        HAS_NETWORK = 1 << 4,
        HAS_CONTAINER_ID = 1 << 5,
        HAS_IFNAME = 1 << 6,
};

#define PARAMETER(bit_, member_)                                                                             \
        {                                                                                                    \
                bit_, #member_, offsetof(struct ipam_error, member_),                                        \
                        sizeof(((struct ipam_error *)0)->member_)                                            \
        }
static const struct {
        unsigned bit;
        const char *name;
        size_t offset, bytes;
} parameters_of_errors[] = {
        PARAMETER(HAS_REASON, reason),   PARAMETER(HAS_FIELD, field),
        PARAMETER(HAS_VALUE, value),     PARAMETER(HAS_ALLOWED, allowed),
        PARAMETER(HAS_NETWORK, network), PARAMETER(HAS_CONTAINER_ID, container_id),
        PARAMETER(HAS_IFNAME, ifname),
};

static const struct {
        const char *name;
        enum ipam_error_id id;
        enum err_code code;
        unsigned has;
} errors[] = {
        {IPAM_INTERFACE ".NoAddress", IPAM_ERROR_NO_ADDRESS, ERR_AGAIN, HAS_REASON},
        {IPAM_INTERFACE ".NotReady", IPAM_ERROR_NOT_READY, ERR_AGAIN, HAS_REASON},
        {IPAM_INTERFACE ".LeaseNotFound", IPAM_ERROR_LEASE_NOT_FOUND, ERR_NOT_FOUND,
         HAS_NETWORK | HAS_CONTAINER_ID | HAS_IFNAME},
        {IPAM_INTERFACE ".InvalidRequest", IPAM_ERROR_INVALID_REQUEST, ERR_INVALID,
         HAS_FIELD | HAS_VALUE | HAS_ALLOWED},
        {IPAM_INTERFACE ".Internal", IPAM_ERROR_INTERNAL, ERR_INTERNAL, HAS_REASON},
        {VARLINK_INVALID_PARAMETER, IPAM_ERROR_OTHER, ERR_INVALID, 0},
        {VARLINK_PERMISSION_DENIED, IPAM_ERROR_OTHER, ERR_DENIED, 0},
        {VARLINK_METHOD_NOT_FOUND, IPAM_ERROR_OTHER, ERR_UNSUPPORTED, 0},
        {VARLINK_METHOD_NOT_IMPLEMENTED, IPAM_ERROR_OTHER, ERR_UNSUPPORTED, 0},
        {VARLINK_INTERFACE_NOT_FOUND, IPAM_ERROR_OTHER, ERR_UNSUPPORTED, 0},
        {VARLINK_EXPECTED_MORE, IPAM_ERROR_OTHER, ERR_INVALID, 0},
};

const char *ipam_error_name(enum ipam_error_id id)
{
        for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
                if (errors[i].id == id)
                        return errors[i].name;
        return IPAM_INTERFACE ".Internal";
}

json_t *ipam_error_encode(const struct ipam_error *error)
{
        json_t *object = json_object();

        for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
                if (errors[i].id != error->id)
                        continue;
                for (size_t k = 0; k < ARRAY_SIZE(parameters_of_errors); k++) {
                        if (!(errors[i].has & parameters_of_errors[k].bit))
                                continue;
                        json_object_set_new(
                                object, parameters_of_errors[k].name,
                                jsonx_string((const char *)error + parameters_of_errors[k].offset));
                }
                break;
        }
        return object;
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
                return err_set(err, code, "the daemon refuses %s '%s' (allowed: %s)", error->field,
                               error->value, error->allowed);
        case IPAM_ERROR_OTHER:
        case IPAM_ERROR_NONE:
        case _IPAM_ERROR_MAX: break;
        }
        return err_set(err, code, "the daemon answers %s%s%.200s", error->name, parameter ? ": " : "",
                       parameter ?: "");
}

int ipam_error_decode(const char *name, const json_t *parameters, struct ipam_error *ret, struct err *err)
{
        struct ipam_error error = {.id = IPAM_ERROR_OTHER};
        enum err_code code = ERR_INTERNAL;

        for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
                if (strcmp(errors[i].name, name) == 0) {
                        error.id = errors[i].id;
                        code = errors[i].code;
                }
        }
        snprintf(error.name, sizeof(error.name), "%s", name);
        for (size_t k = 0; k < ARRAY_SIZE(parameters_of_errors); k++) {
                const char *text =
                        json_string_value(json_object_get(parameters, parameters_of_errors[k].name));

                if (text)
                        snprintf((char *)&error + parameters_of_errors[k].offset,
                                 parameters_of_errors[k].bytes, "%s", text);
        }
        if (ret)
                *ret = error;
        return describe(&error, code, parameters, err);
}
