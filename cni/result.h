// SPDX-License-Identifier: Apache-2.0
/* The JSON that goes back to the runtime, in the shape of each version, and what CHECK reads out of one. Pure. */
#ifndef CNI_RESULT_H
#define CNI_RESULT_H

#include <vpcwire/jsonx.h>

#include "version.h"
#include "wiring.h"

/* CNI's error codes; those from 100 are ours. */
enum cni_code {
        CNI_CODE_NONE = 0,
        CNI_CODE_VERSION = 1,           /* cniVersion not supported, or too old for the verb */
        CNI_CODE_UNSUPPORTED_FIELD = 2, /* a key that asks for what we do not do */
        CNI_CODE_ENVIRONMENT = 4,
        CNI_CODE_IO = 5,     /* standard input cannot be read */
        CNI_CODE_DECODE = 6, /* not JSON */
        CNI_CODE_CONFIG = 7,
        CNI_CODE_NETNS = 8,              /* no namespace, or the plugin's own */
        CNI_CODE_TRY_AGAIN = 11,         /* a DEL and a new ADD may work later */
        CNI_CODE_NOT_AVAILABLE = 50,     /* STATUS: an ADD would fail */
        CNI_CODE_LIMITED = 51,           /* STATUS: and running pods are hurt, too */
        CNI_CODE_INTERFACE_EXISTS = 100, /* ADD: CNI_IFNAME is there already and is not ours */
        CNI_CODE_WIRING = 101,           /* ADD: the kernel refused something; all was undone */
        CNI_CODE_CHECK = 102,            /* CHECK: something is not as ADD left it */
        CNI_CODE_INTERNAL = 999,
};

/*
 * The result of an ADD. prev (borrowed, may be NULL) is the result of the plugins before us: ours is appended to a copy
 * of it, keys that we do not know are kept, indexes into its interfaces stay right. Returns a new reference.
 */
json_t *result_new(enum cni_version version, const struct wiring *wiring, const json_t *prev);

/* What an IPAM plugin answers: an address for whatever interface the caller has made. */
struct result_address {
        struct prefix address; /* with its subnet's length */
        struct ip gateway;
        const json_t *routes; /* as configured; NULL: the default route by the gateway. Borrowed */
};

/* The "abbreviated" result of a delegated ADD (SPEC 1.1.0, section 4): no interfaces. Returns a new reference. */
json_t *result_new_address(enum cni_version version, const struct result_address *address);

/* Puts the network configuration's dns (borrowed, may be NULL) into a result, where it says anything. */
void result_set_dns(json_t *result, const json_t *dns);

/* Text that is not UTF-8 is shown with '?' for the odd bytes. Returns a new reference. */
json_t *result_new_error(enum cni_version version, enum cni_code code, const char *text, const char *details);

/* The answer to VERSION. Returns a new reference. */
json_t *result_new_versions(enum cni_version version);

/* "0.1.0, 0.2.0, ...", for people. Owned by the caller. */
char *result_list_versions(void);

/*
 * Whether a result (of the whole chain) gives the pod's interface this address. ERR_INVALID when the interface is not in
 * it; ERR_NOT_FOUND when it has other addresses only; the text names them.
 */
int result_check_address(const json_t *result, const char *ifname, const char *netns, struct ip address,
                         struct err *err);

/* Whether any interface of a result has this address. ERR_NOT_FOUND: none; the text names those that are there. */
int result_has_address(const json_t *result, struct ip address, struct err *err);

#endif
