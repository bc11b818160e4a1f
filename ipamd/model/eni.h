// SPDX-License-Identifier: Apache-2.0
/*
 * An ENI as the database has it. Its life: creating -> attaching -> configuring -> ready -> draining -> detaching -> deleting ->
 * no row. All modules know it by its key, which exists before EC2's id does.
 */
#ifndef IPAMD_MODEL_ENI_H
#define IPAMD_MODEL_ENI_H

#include <stdbool.h>
#include <stdint.h>

#include <vpcwire/addr.h>

#include "model/ec2.h"

enum eni_state {
        ENI_CREATING, /* the client token is written down; EC2 may have been asked */
        ENI_ATTACHING, /* it exists; with an attachment id: attached, delete-on-termination not known to be set */
        ENI_CONFIGURING, /* attached; its link is not here or not routed yet */
        ENI_READY,
        ENI_DRAINING,  /* nothing of it is handed out any more; waits for its last cooling address */
        ENI_DETACHING, /* EC2 may have been asked to detach */
        ENI_DELETING,  /* detached; EC2 may have been asked to delete */
        _ENI_STATE_MAX,
};
/* Also, behind "eni-", the names of the events that say so (event.h). */
#define ENI_STATE_NAMES(prefix, before)                                                                      \
        [prefix##CREATING] = before "creating", [prefix##ATTACHING] = before "attaching",                    \
        [prefix##CONFIGURING] = before "configuring", [prefix##READY] = before "ready",                      \
        [prefix##DRAINING] = before "draining", [prefix##DETACHING] = before "detaching",                    \
        [prefix##DELETING] = before "deleting"
extern const char *const eni_state_names[_ENI_STATE_MAX];
const char *eni_state_to_string(enum eni_state state);
enum eni_state eni_state_parse(const char *name); /* of a name that is one of theirs */
/* On its way back to EC2, with all its blocks. */
bool eni_state_is_leaving(enum eni_state state);

struct eni {
        int64_t key; /* ours */
        enum eni_state state;
        bool primary;      /* device 0 of the instance: never drained */
        bool managed;      /* ours by tag (or the primary); others are only counted */
        bool in_doubt;     /* the outcome of a mutation is unknown: look before the next */
        bool link_missing; /* attached, and its link is known to be gone from the kernel */
        bool untagged;     /* ours, and EC2 shows it without our tag: nothing more of it is offered */
        char client_token[EC2_TOKEN_BYTES];
        char eni_id[EC2_ID_BYTES];        /* "" while creating */
        char attachment_id[EC2_ID_BYTES]; /* "" while not attached */
        char subnet_id[EC2_ID_BYTES];
        char public_address[EC2_ID_BYTES]; /* an Elastic or public one on it; "": none */
        struct prefix subnet_cidr;
        struct mac mac;
        struct ip primary_address;
        unsigned device_index, network_card;
        unsigned mark_index, route_table; /* while it is routed; 0: none, as the primary one */
        unsigned asked_addresses; /* while creating: how many secondary addresses the create call asks for */
        int64_t created_ms;       /* the row */
        int64_t since_ms;         /* of the state */
        /* counts of its addresses, the primary one not among them */
        unsigned total, free, leased, cooling, preparing, leaving, lost;
        unsigned associated; /* of the free ones: they are not taken to be given back */
        unsigned doubted;    /* of the preparing ones: not offered until a resync has shown them */
};

/*
 * Whether the host's network is made for it. The primary ENI carries the node's own traffic and all that leaves the VPC, also
 * where it is not ours to hand out.
 */
bool eni_is_configured(const struct eni *eni);

#endif
