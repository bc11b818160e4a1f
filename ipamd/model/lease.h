// SPDX-License-Identifier: Apache-2.0
/* A lease: who holds which addresses, and by which link; what ended it; and a lease of another daemon that becomes ours. */
#ifndef IPAMD_MODEL_LEASE_H
#define IPAMD_MODEL_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vpcwire/addr.h>

struct lease_key {
        const char *network, *container_id, *ifname;
        /* What its host link would be called, or NULL. No part of the key: by it a lease found in the kernel gets its names. */
        const char *host_ifname;
};

enum lease_state { LEASE_RESERVED, LEASE_WIRED, _LEASE_STATE_MAX };
extern const char *const lease_state_names[_LEASE_STATE_MAX];
const char *lease_state_to_string(enum lease_state state);
enum lease_state lease_state_parse(const char *name); /* of a name that is one of theirs */

/* Families of addresses, as bits. */
enum { LEASE_IPV4 = 1, LEASE_IPV6 = 2 };

struct lease_address {
        struct ip address;
        bool lost; /* EC2 says that it is not ours any more; the running pod keeps it */
        const char *eni_id;
        unsigned device_index, network_card;
};

struct lease {
        struct lease_key key;
        struct ip address; /* the first one; as wanted: this and no other; IP_NONE: the best that is free */
        enum lease_state state;
        bool lost;          /* any of its addresses */
        const char *eni_id; /* of the first address, as what follows */
        unsigned device_index, network_card;
        /* All of them, the first one first. As wanted: one of each of the families, or none at all; 0: IPv4. */
        const struct lease_address *addresses;
        size_t n_addresses;
        unsigned families;
        /*
         * The link's name; "": none yet, or no more, because a newer sandbox of the pod has it. A name is one live lease's
         * alone: of the spare ones that a caller of store_lease_add() gives, the first that nobody has is taken instead of
         * one that another pod's lease has.
         */
        const char *host_ifname, *const *spare_host_ifnames;
        size_t n_spare_host_ifnames;
        const char *netns;
        const char *pod_namespace, *pod_name, *pod_uid; /* "" where the runtime does not say */
        int64_t since_ms, since_wall_ms;                /* of the reservation */
        /*
         * The plugin was asked for an address as another plugin's IPAM, which wires the pod: there is no host link and no
         * host route of ours. Once confirmed, such a lease is ended by DEL, GC or the end of the boot, and by nothing else:
         * that no link is seen says nothing about it. Until then it is reclaimed as any other.
         */
        bool address_only;
        const char *subnet_cidr; /* of the ENI, and its primary address; not read from `wanted` */
        struct ip eni_address;
        int64_t link_missing_since_ms; /* 0: the host link was there at the last resync, or never looked */
        const char *refusal;           /* of LEASE_REFUSED: why, for people */
};

/* What ended a lease. The names stand in the database (whose CHECK lists them) and, with _ for -, in io.vpcwire.ipam. */
enum lease_end {
        LEASE_END_NONE, /* "": the event is another one */
        LEASE_END_DEL,
        LEASE_END_GC,
        LEASE_END_LINK_GONE,    /* its host link was missing for too long */
        LEASE_END_CONTRADICTED, /* the kernel shows another container with its address, or it with another one */
        _LEASE_END_MAX,
};
extern const char *const lease_end_names[_LEASE_END_MAX];
const char *lease_end_to_string(enum lease_end end);
enum lease_end lease_end_parse(const char *name); /* of a name that is one of theirs */

enum import_verdict {
        IMPORT_PENDING, /* its address is nobody's until the kernel has been asked */
        IMPORT_TAKEN,   /* it is a lease of ours */
        IMPORT_SKIPPED, /* it is none, for `reason`; kept to be shown */
        _IMPORT_VERDICT_MAX,
};
extern const char *const import_verdict_names[_IMPORT_VERDICT_MAX];
const char *import_verdict_to_string(enum import_verdict verdict);
enum import_verdict import_verdict_parse(const char *name); /* of a name that is one of theirs */

/* The network of a pod whose link is all that is known of it; the key's ifname is then the name of that link. */
#define IMPORT_NETWORK_UNKNOWN ""

struct import {
        struct lease_key key;
        struct ip address;
        const char *pod_namespace, *pod_name; /* "" where it does not say */
        int64_t since_wall_ms;
        enum import_verdict verdict;
        const char *reason;
};

#endif
