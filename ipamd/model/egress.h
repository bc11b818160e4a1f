// SPDX-License-Identifier: Apache-2.0
/*
 * What operators decide about connections that leave the VPC: a plain value, which goes from the settings to the host's
 * network as it is. IPv4.
 */
#ifndef IPAMD_MODEL_EGRESS_H
#define IPAMD_MODEL_EGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpcwire/addr.h>

enum { CIDRS_MAX = 64 };

/* Without host bits, each once. */
struct cidrs {
        struct prefix list[CIDRS_MAX];
        size_t n;
};

/* How the source port of a connection is chosen that gets the primary address. */
enum snat_ports {
        SNAT_PORTS_PRNG, /* at random */
        SNAT_PORTS_HASH, /* at random in older kernels' way, the same in newer ones */
        SNAT_PORTS_KEEP, /* the pod's own while it is free */
};

struct egress {
        bool external_snat; /* somebody behind us translates: all destinations see the pod's own address */
        bool node_ports;    /* replies to what came in by the primary interface leave by it */
        enum snat_ports snat_ports;
        uint32_t mark;                  /* of packets and connections that must use the primary interface */
        struct cidrs exempt;            /* beside the VPC's: destinations that see the pod's own address */
        struct cidrs external_services; /* destinations that are reached by the main table */
};

#endif
