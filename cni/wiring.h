// SPDX-License-Identifier: Apache-2.0
/* What a wired pod looks like, as plain data: wire.h makes it so in the kernel, result.h tells the runtime. */
#ifndef CNI_WIRING_H
#define CNI_WIRING_H

#include <vpcwire/addr.h>
#include <vpcwire/link.h>

struct wiring {
        char host_ifname[LINK_NAME_BYTES];
        char ifname[LINK_NAME_BYTES]; /* in the pod */
        struct mac host_mac, mac;     /* of the host's and of the pod's end */
        unsigned mtu;
        struct ip address;
        struct ip gateway;        /* link-local; it is nobody's, the pod's neighbour table answers for it */
        const char *container_id; /* the alias of the host's end */
        const char *netns;        /* as the runtime calls it */
};

#endif
