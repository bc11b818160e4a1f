// SPDX-License-Identifier: Apache-2.0
/* Leases: who holds which addresses, and by which link. The loop's thread gives and ends them. */
#ifndef IPAMD_STORE_LEASES_H
#define IPAMD_STORE_LEASES_H

#include "model/lease_end.h"
#include "store/database.h"

struct store_lease_key {
        const char *network, *container_id, *ifname;
        /* What its host link would be called, or NULL. No part of the key: by it a lease found in the kernel gets its names. */
        const char *host_ifname;
};

enum lease_state { LEASE_RESERVED, LEASE_WIRED, _LEASE_STATE_MAX };
const char *lease_state_to_string(enum lease_state state);

/* Families of addresses, as bits. */
enum { STORE_IPV4 = 1, STORE_IPV6 = 2 };

struct store_lease_address {
        struct ip address;
        bool lost; /* EC2 says that it is not ours any more; the running pod keeps it */
        const char *eni_id;
        unsigned device_index, network_card;
};

struct store_lease {
        struct store_lease_key key;
        struct ip address; /* the first one; as wanted: this and no other; IP_NONE: the best that is free */
        enum lease_state state;
        bool lost;          /* any of its addresses */
        const char *eni_id; /* of the first address, as what follows */
        unsigned device_index, network_card;
        /* All of them, the first one first. As wanted: one of each of the families, or none at all; 0: IPv4. */
        const struct store_lease_address *addresses;
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

enum lease_result {
        LEASE_GIVEN,
        LEASE_AGAIN, /* the key had a lease: the same one */
        LEASE_NONE_FREE,
        LEASE_REFUSED, /* what was asked for cannot be had */
};

/*
 * Gives the best free address of each family (the policy is in pick.c) to `wanted->key`. Of `wanted` all but
 * state, eni and times is read. The answer is in *ret_result; *ret is set unless NONE_FREE; with REFUSED it is its `refusal`
 * alone.
 */
int store_lease_add(struct store *store, const struct store_lease *wanted, int64_t now_ms,
                    struct arena *arena, enum lease_result *ret_result, struct store_lease *ret,
                    struct err *err);

/* reserved -> wired. ERR_NOT_FOUND when the key has no lease, or one on another address. Confirming twice is fine. */
int store_lease_confirm(struct store *store, const struct store_lease_key *key, struct ip address,
                        struct err *err);

/* ERR_NOT_FOUND when there is none. */
int store_lease_get(struct store *store, const struct store_lease_key *key, struct arena *arena,
                    struct store_lease *ret, struct err *err);

/*
 * Ends a lease: its addresses cool (lost ones go for good); *ret_address is the first one. Unknown keys are fine: *ret_released is false then.
 * `end` goes to the event.
 */
int store_lease_release(struct store *store, const struct store_lease_key *key, enum lease_end end,
                        int64_t now_ms, bool *ret_released, struct ip *ret_address, struct err *err);

/* All leases, ordered by address; network NULL for all networks. */
int store_leases(struct store *store, const char *network, struct arena *arena, struct store_lease **ret,
                 size_t *ret_n, struct err *err);

/*
 * The reconciler saw (or did not see) the lease's host link. A missing link starts the clock of link_missing_since_ms,
 * a seen one stops it.
 */
int store_lease_link_seen(struct store *store, const struct store_lease_key *key, bool seen, int64_t now_ms,
                          struct err *err);

/* Leases whose address is EC2's and ours, by state. */
int store_lease_counts(struct store *store, unsigned ret[static _LEASE_STATE_MAX], struct err *err);

#endif
