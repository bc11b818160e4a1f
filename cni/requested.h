// SPDX-License-Identifier: Apache-2.0
/*
 * An address or a MAC that the caller wants for the pod: IP= and MAC= in CNI_ARGS (podman, nerdctl), args.cni and runtimeConfig
 * (capabilities "ips" and "mac") in the configuration; the later ones outrank the earlier. Pure.
 */
#ifndef CNI_WISH_H
#define CNI_WISH_H

#include <vpcwire/addr.h>

#include "args.h"
#include "netconf.h"

struct requested {
        struct ip address; /* IP_NONE: any */
        struct mac mac;    /* all zero: any */
};

/* ERR_INVALID names the place, the value and what is allowed. An empty value asks for nothing. */
int requested_from_args(const struct pod_identity *pod, struct requested *ret, struct err *err);
/* Changes *request where the configuration asks for something. */
int requested_from_conf(const struct netconf *conf, struct requested *requested, struct err *err);

#endif
