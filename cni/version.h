// SPDX-License-Identifier: Apache-2.0
/* The CNI protocol versions we speak, oldest first, and the shape that a result has in each. Pure. */
#ifndef CNI_VERSION_H
#define CNI_VERSION_H

#include <stddef.h>

#include <vpcwire/err.h>

enum cni_version {
        CNI_0_1_0,
        CNI_0_2_0,
        CNI_0_3_0,
        CNI_0_3_1,
        CNI_0_4_0,
        CNI_1_0_0,
        CNI_1_1_0,
        _CNI_VERSION_MAX,
};
#define CNI_NEWEST CNI_1_1_0

enum result_shape {
        RESULT_PER_FAMILY,     /* "ip4": {}, "ip6": {} */
        RESULT_LISTS_FAMILY,   /* "interfaces", "ips" (each with "version"), "routes" */
        RESULT_LISTS,          /* the same without "version" */
        RESULT_LISTS_WITH_MTU, /* interfaces have "mtu" */
};

const char *cni_version_text(enum cni_version version);
enum result_shape cni_version_shape(enum cni_version version);

/* Exact match; "" is 0.1.0, as the specification has it. ERR_UNSUPPORTED names the text. */
int cni_version_parse(const char *text, enum cni_version *ret, struct err *err);

#endif
