// SPDX-License-Identifier: Apache-2.0
/*
 * io.vpcwire.ipam as C: its methods and errors by their ids. The requests and replies, enums, limits and field tables are made
 * of lib/ipam/io.vpcwire.ipam.varlink when building (vpcwire/ipam_types.h), which says what each method and field means.
 * Plain data: strings and lists live where their maker put them (the arena given when decoding). Unset: NULL, IP_NONE, 0.
 */
#ifndef VPCWIRE_IPAM_H
#define VPCWIRE_IPAM_H

#include <vpcwire/ipam_types.h>

#define IPAM_SOCKET_DEFAULT "/run/vpcwire/ipamd.sock"
#define IPAM_SOCKET_ENV     "VPCWIRE_SOCKET"

struct ipam_method {
        const char *name; /* without the interface */
        const struct jsonx_schema *request;
        const struct jsonx_schema *reply;
        bool more; /* it streams: it must be called with "more" */
};

struct ipam_error_kind {
        const char *name;                      /* with the interface; NULL where the id is no error of it */
        const struct jsonx_schema *parameters; /* of struct ipam_error */
};

/* The interface definition, as GetInterfaceDescription gives it. */
extern const char ipam_interface_text[];

extern const struct ipam_method ipam_methods[_IPAM_METHOD_MAX];
extern const struct ipam_error_kind ipam_errors[_IPAM_ERROR_MAX];

static inline const struct ipam_method *ipam_method(enum ipam_method_id id)
{
        return &ipam_methods[id];
}

/* By name without the interface ("Add"); NULL when there is none. */
const struct ipam_method *ipam_method_find(const char *name, enum ipam_method_id *ret_id);

/* "io.vpcwire.ipam.NoAddress". */
const char *ipam_error_name(enum ipam_error_id id);
/* The error's parameters (new reference). */
json_t *ipam_error_encode(const struct ipam_error *error);
/*
 * From an error reply to the struct and to an err: NoAddress, NotReady -> ERR_AGAIN, LeaseNotFound -> ERR_NOT_FOUND,
 * InvalidRequest and InvalidParameter -> ERR_INVALID, PermissionDenied -> ERR_DENIED, MethodNotFound, InterfaceNotFound
 * and MethodNotImplemented -> ERR_UNSUPPORTED, Internal and unknown ones -> ERR_INTERNAL. The text is the daemon's reason.
 * Returns the negative code. ret and parameters may be NULL.
 */
int ipam_error_decode(const char *name, const json_t *parameters, struct ipam_error *ret, struct err *err);

#endif
