// SPDX-License-Identifier: Apache-2.0
/*
 * The database is the pool: ENIs, addresses, leases, who waits, what is blocked and why, and the story of it all, in one
 * SQLite file. There is no second copy in memory. Every function here is one transaction: it happens whole or not
 * at all, and has happened when it returns 0. What must be unique is UNIQUE, what must not happen is a CHECK, a foreign
 * key or a trigger: two leases on one address, or a leased address on its way back to EC2, cannot be written down.
 *
 * A `struct store` is one connection and belongs to one thread; each thread opens its own. Times named _ms are
 * CLOCK_BOOTTIME unless they say wall. Lists and strings are in the caller's arena.
 *
 * Life of an address: preparing -> free -> leased -> cooling -> free, or leaving, or lost (DESIGN: data model).
 * Life of an ENI: creating -> attaching -> configuring -> ready -> draining -> detaching -> deleting -> no row.
 */
#ifndef IPAMD_STORE_STORE_H
#define IPAMD_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include <vpcwire/addr.h>
#include <vpcwire/err.h>
#include <vpcwire/mem.h>

struct store;
struct store_import;

enum {
        STORE_ID_BYTES = 64,
        STORE_TOKEN_BYTES = 65,
        STORE_EVENTS_MAX = 10000, /* older events are dropped */
        STORE_LATE_MS =
                2 * 60 * 1000, /* what EC2 shows so long after it was given back, EC2 has: no late reply */
        STORE_PATH_BYTES = 4096,
        STORE_ASIDE_MAX = 3, /* databases that were put aside; older ones are removed */
};

struct store_options {
        const char *path;
        const char *boot_id;         /* NULL: /proc/sys/kernel/random/boot_id */
        int64_t cooldown_ms;         /* IP_COOLDOWN_PERIOD: of addresses released by any function here */
        const char *generation_path; /* a file outside the database, see generation.h; NULL: none */
        /* For store_prepare(): which container has which address by which host link (key.ifname), as the kernel shows it. */
        const struct store_import *running;
        size_t n_running;
};

/*
 * Takes the lock (path + ".lock", flock) that makes a second ipamd on the same database impossible. ERR_BUSY names the
 * file and the pid that holds it. A lock file can be removed: the database itself is locked, too, from store_prepare() on,
 * and looked at here. The caller owns *ret_fd and closes it last, when nothing of this process has the database open.
 */
int store_lock(const char *path, int *ret_fd, struct err *err);

/* What store_prepare() found. */
struct store_prepared {
        unsigned ended; /* leases that the kernel contradicted */
        unsigned held;  /* addresses that the kernel shows in use and no lease did: pending imports now */
        bool outdated; /* another copy of the database was in use last: nothing is offered before a look at EC2 */
        char aside[STORE_PATH_BYTES]; /* the file that could not be used, under its new name; "": none */
        char why_aside[256];
        int lock_fd; /* the database itself, locked: see store_lock(); the caller's, closed last */
};

/*
 * The daemon's start, once, under the lock, before any store_open(): makes or migrates the schema (a newer one than
 * ours is refused), puts a file aside that is no database, fails its check or has a schema that is not our text, and begins
 * anew (EC2 and the kernel know what it knew), and brings the books to a state that is true
 * for a new process: after another boot all leases are released into cooldown; ENIs that were ready are configuring again
 * (the kernel must be looked at before an address of theirs is offered); nobody waits. Whatever the file says, an address
 * that the kernel shows in use (options->running) is its container's lease afterwards, or held as a pending import. ret may be NULL.
 */
int store_prepare(const struct store_options *options, struct store_prepared *ret, struct err *err);

int store_open(const struct store_options *options, struct store **ret, struct err *err);
struct store *store_free(struct store *store);
DEFINE_CLEANUP(struct store *, store_free)
void store_set_cooldown(struct store *store, int64_t cooldown_ms);

/* ---- leases (the loop's thread) ---- */

struct store_lease_key {
        const char *network, *container_id, *ifname;
        /* What its host link would be called, or NULL. No part of the key: by it a lease found in the kernel gets its names. */
        const char *host_ifname;
};

enum lease_state { LEASE_RESERVED, LEASE_WIRED, _LEASE_STATE_MAX };
const char *lease_state_to_string(enum lease_state state);

struct store_lease {
        struct store_lease_key key;
        struct ip address; /* as wanted: this one and no other; IP_NONE: the best that is free */
        enum lease_state state;
        bool lost; /* EC2 says that the address is not ours any more; the running pod keeps it */
        const char *eni_id;
        unsigned device_index, network_card;
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
        int64_t link_missing_since_ms; /* 0: the host link was there at the last look, or never looked */
        const char *refusal;           /* of LEASE_REFUSED: why, for people */
};

enum lease_result {
        LEASE_GIVEN,
        LEASE_AGAIN, /* the key had a lease: the same one */
        LEASE_NONE_FREE,
        LEASE_REFUSED, /* what was asked for cannot be had */
};

/*
 * Gives the best free address to `wanted->key`: of ENIs that are ready, in the order of (network card, device index) so
 * that later ENIs stay empty, then the longest unused. An address whose cooldown is over is free. Of `wanted` all but
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
 * Ends a lease: its address cools (a lost one goes for good). Unknown keys are fine: *ret_released is false then.
 * `why` goes to the event.
 */
int store_lease_release(struct store *store, const struct store_lease_key *key, const char *why,
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

/* ---- who waits for an address (written by the loop, read by the planner) ---- */

int store_waiting_add(struct store *store, const struct store_lease_key *key, int64_t since_ms,
                      int64_t deadline_ms, struct err *err);
int store_waiting_remove(struct store *store, const struct store_lease_key *key, struct err *err);

/* ---- counts ---- */

/* Free means usable now: on a ready ENI, routed, cooldown over. The states add up to total. */
struct store_counts {
        unsigned total, free, leased, cooling, preparing, leaving, lost;
        unsigned unready; /* free by their own state, on an ENI that is not ready (yet, or draining) */
        unsigned cut_off; /* of the leased ones: on an ENI whose link is gone */
        unsigned waiting;
        unsigned enis;          /* managed ones */
        int64_t next_cooled_ms; /* when the next cooling address becomes free; 0: none cools */
};

int store_counts(struct store *store, int64_t now_ms, struct store_counts *ret, struct err *err);

/* Leases whose address is EC2's and ours, by state. */
int store_lease_counts(struct store *store, unsigned ret[static _LEASE_STATE_MAX], struct err *err);

/* ---- ENIs and addresses (the reconciler's thread) ---- */

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
const char *eni_state_to_string(enum eni_state state);

struct store_eni {
        int64_t key; /* ours; exists before EC2's id does */
        enum eni_state state;
        bool primary;      /* device 0 of the instance: never drained */
        bool managed;      /* ours by tag (or the primary); others are only counted */
        bool in_doubt;     /* the outcome of a mutation is unknown: look before the next */
        bool link_missing; /* attached, and its link is known to be gone from the kernel */
        bool untagged;     /* ours, and EC2 shows it without our tag: nothing more of it is offered */
        char client_token[STORE_TOKEN_BYTES];
        char eni_id[STORE_ID_BYTES];        /* "" while creating */
        char attachment_id[STORE_ID_BYTES]; /* "" while not attached */
        char subnet_id[STORE_ID_BYTES];
        char public_address[STORE_ID_BYTES]; /* an Elastic or public one on it; "": none */
        struct prefix subnet_cidr;
        struct mac mac;
        struct ip primary_address;
        unsigned device_index, network_card;
        unsigned asked_addresses; /* while creating: how many secondary addresses the create call asks for */
        int64_t created_ms;       /* the row */
        int64_t since_ms;         /* of the state */
        /* counts of its addresses, the primary one not among them */
        unsigned total, free, leased, cooling, preparing, leaving, lost;
        unsigned associated; /* of the free ones: they are not taken to be given back */
        unsigned doubted;    /* of the preparing ones: not offered until a look at EC2 has shown them */
};

/*
 * Whether the host's network is made for it. The primary ENI carries the node's own traffic and all that leaves the VPC, also
 * where it is not ours to hand out.
 */
bool store_eni_is_configured(const struct store_eni *eni);

/* All ENIs by (network card, device index, key), with counts as of now. */
int store_enis(struct store *store, int64_t now_ms, struct arena *arena, struct store_eni **ret,
               size_t *ret_n, struct err *err);

/* Writes down the intent to create; *ret_key is the new row. Read from eni: client_token, subnet_id, subnet_cidr, device_index, network_card, asked_addresses. */
int store_eni_begin(struct store *store, const struct store_eni *eni, int64_t now_ms, int64_t *ret_key,
                    struct err *err);

/* EC2's answer to create: eni_id, mac, primary_address, subnet; creating -> attaching; addresses come in as preparing. */
int store_eni_created(struct store *store, int64_t key, const struct store_eni *eni,
                      const struct ip *addresses, size_t n, int64_t now_ms, struct err *err);

/* attachment_id may be NULL (detached). */
int store_eni_set_attachment(struct store *store, int64_t key, const char *attachment_id, struct err *err);

/*
 * One step of the ENI's life. Allowed: configuring -> ready, ready -> configuring, attaching -> configuring,
 * {configuring, ready} -> draining only without a lease on it, draining -> configuring (needed again), draining ->
 * detaching only without leased or cooling addresses, {creating, attaching} -> deleting (given up), detaching -> deleting. *ret_done is
 * false, and nothing changed, where the ENI is not (or not any more) in a state that allows it: a race with an ADD is
 * no error. An ENI that is detaching or deleting has all its addresses leaving.
 */
int store_eni_set_state(struct store *store, int64_t key, enum eni_state to, const char *why, int64_t now_ms,
                        bool *ret_done, struct err *err);
int store_eni_set_in_doubt(struct store *store, int64_t key, bool in_doubt, struct err *err);
/* Of an ENI that is not attached yet: its place was taken by somebody else meanwhile. */
int store_eni_set_device(struct store *store, int64_t key, unsigned device_index, struct err *err);
int store_eni_set_link_missing(struct store *store, int64_t key, bool missing, struct err *err);
/* EC2 shows its MAC or its primary address as another ENI's: it has none any more, and what became of it is in doubt. */
int store_eni_gives_way(struct store *store, int64_t key, struct err *err);
int store_eni_set_managed(struct store *store, int64_t key, bool managed, struct err *err);

/* Ends the row and its addresses. ERR_BUSY while a lease is on it. */
int store_eni_remove(struct store *store, int64_t key, const char *why, struct err *err);
/* The same, and remembers that EC2 deleted it for us. */
int store_eni_deleted(struct store *store, int64_t key, int64_t now_ms, struct err *err);

/*
 * What a complete Describe says of one attached ENI: inserted (as configuring) or brought up to date by eni_id. Addresses
 * that are new come in as preparing; ones that are not there: free, cooling, preparing and leaving ones are removed, leased
 * ones become lost. The last n_doubted of `addresses` are of the books, not shown, and not gone for sure: kept, and not
 * offered. in_doubt is cleared. *ret_changed tells whether anything was different.
 */
int store_eni_observed(struct store *store, const struct store_eni *eni, const struct ip *addresses, size_t n,
                       size_t n_doubted, int64_t now_ms, bool *ret_changed, struct err *err);

/* Which addresses of the ENI have an Elastic or public one: these, and no others. They are never taken to be given back. */
int store_addresses_associated(struct store *store, const char *eni_id, const struct ip *addresses, size_t n,
                               struct err *err);

/* EC2 did not show the ENI itself, once: none of its addresses is offered until it does. */
int store_eni_doubt(struct store *store, int64_t key, struct err *err);

/* EC2's own reply to Assign: new ones come in as preparing; known ones are left as they are. *ret_new counts. */
int store_addresses_add(struct store *store, int64_t key, const struct ip *addresses, size_t n,
                        int64_t now_ms, unsigned *ret_new, struct err *err);

/* The kernel routes all addresses of this ENI that were preparing: they are free. *ret_n counts them. */
int store_addresses_routed(struct store *store, int64_t key, const struct ip *addresses, size_t n,
                           int64_t now_ms, unsigned *ret_n, struct err *err);

/*
 * Addresses of this ENI that were free, or cooling, are preparing again: somebody has them, and nobody gets them until
 * store_addresses_routed(). Others are left as they are. *ret_n counts.
 */
int store_addresses_withhold(struct store *store, int64_t key, const struct ip *addresses, size_t n,
                             unsigned *ret_n, struct err *err);

/*
 * Picks up to `max` free (not cooling) addresses of the ENI, most recently used last, and marks them leaving in the same
 * transaction, so that no ADD can get one. The caller then asks EC2 to unassign them.
 */
int store_addresses_take(struct store *store, int64_t key, unsigned max, int64_t now_ms, struct arena *arena,
                         struct ip **ret, size_t *ret_n, struct err *err);
/* EC2 took these leaving ones back, and it is remembered. */
int store_addresses_gone(struct store *store, int64_t key, const struct ip *addresses, size_t n,
                         int64_t now_ms, struct err *err);
int store_addresses_restore(struct store *store, int64_t key, const struct ip *addresses, size_t n,
                            struct err *err);

struct store_address {
        struct ip address;
        int64_t eni_key;
        const char *state; /* as in the data model */
        unsigned device_index, network_card;
        int64_t cooling_until_ms; /* 0 unless cooling */
        const char *eni_id;       /* of store_address_get() */
};

/* One of them, of any ENI; ERR_NOT_FOUND. */
int store_address_get(struct store *store, struct ip address, int64_t now_ms, struct arena *arena,
                      struct store_address *ret, struct err *err);

/* All addresses of managed ENIs, ordered by address. A cooling one whose time is over is shown as free. */
int store_addresses(struct store *store, int64_t now_ms, struct arena *arena, struct store_address **ret,
                    size_t *ret_n, struct err *err);

/* What EC2 took back by its own answer, and may show in a late Describe still (given_back.c). */
struct store_given_back {
        const char *eni_id;
        struct ip address; /* IP_NONE: the ENI itself */
        int64_t since_ms;
};

int store_given_back(struct store *store, struct arena *arena, struct store_given_back **ret, size_t *ret_n,
                     struct err *err);
/* A look has shown that it is gone. */
int store_given_back_settled(struct store *store, const struct store_given_back *row, struct err *err);
/* EC2 has it, for sure by now: the address is leaving once more. One that the books have is left alone. */
int store_give_back_again(struct store *store, int64_t key, struct ip address, struct err *err);

/* ---- what cannot be done now, and why: for the planner's next rounds, and for people ---- */

struct store_blocked {
        const char *action;  /* "create", "assign", ... */
        const char *subject; /* subnet or ENI id, "" for the node */
        const char *reason;  /* a sentence for people */
        int64_t until_ms;    /* not tried again before */
        unsigned attempts;   /* 0: a word for people, and nothing is tried at that time */
};

/* A row with one of these actions stops nothing: it tells people about its subject, until its time. */
#define STORE_WARNING           "warning"           /* somebody's firewall */
#define STORE_WARNING_POD_ROUTE "warning-pod-route" /* a pod's address: its packets are led elsewhere */
#define STORE_WARNING_OCCUPIED  "warning-occupied"  /* an address that no pod gets: the host has it */
#define STORE_WARNING_MAIN      "warning-main"      /* a route of table main that the pods lose by */
bool store_is_warning(const char *action);

int store_blocked_set(struct store *store, const struct store_blocked *blocked, struct err *err);
int store_blocked_clear(struct store *store, const char *action, const char *subject, struct err *err);
/* ones whose time is over are listed too (attempts count on) until they are cleared */
int store_blocked(struct store *store, struct arena *arena, struct store_blocked **ret, size_t *ret_n,
                  struct err *err);

/* ---- leases of another daemon that become ours (import.c; the reconciler's thread, and the daemon at its start) ---- */

enum import_verdict {
        IMPORT_PENDING, /* its address is nobody's until the kernel has been asked */
        IMPORT_TAKEN,   /* it is a lease of ours */
        IMPORT_ASIDE,   /* it is none, for `reason`; kept to be shown */
        _IMPORT_VERDICT_MAX,
};
const char *import_verdict_to_string(enum import_verdict verdict);

/* The network of a pod whose link is all that is known of it; the key's ifname is then the name of that link. */
#define STORE_NETWORK_UNKNOWN ""

struct store_import {
        struct store_lease_key key;
        struct ip address;
        const char *pod_namespace, *pod_name; /* "" where it does not say */
        int64_t since_wall_ms;
        enum import_verdict verdict;
        const char *reason;
};

/*
 * Writes the list down, all pending, together with the fact that it was done, so it happens once in a database's life;
 * *ret_done is false, and nothing changed, where it was done before. Of two rows with one address the first is taken and
 * the others are ERR_INVALID.
 */
int store_import_begin(struct store *store, const struct store_import *imports, size_t n, bool *ret_done,
                       struct err *err);
int store_imports(struct store *store, struct arena *arena, struct store_import **ret, size_t *ret_n,
                  struct err *err);
/*
 * The pod lives, and has this link: its row becomes a wired lease. *ret_done is false where the address is not on a ready
 * ENI of ours (yet).
 */
int store_import_take(struct store *store, const struct store_import *import, const char *host_ifname,
                      int64_t now_ms, bool *ret_done, struct err *err);
int store_import_set_aside(struct store *store, struct ip address, const char *reason, struct err *err);
/* Why a row is pending still, for people. */
int store_import_explain(struct store *store, struct ip address, const char *reason, struct err *err);

/* ---- facts that outlive the process: identity of the node, limits, VPC CIDRs, time of the last full look ---- */

/*
 * The reconciler's answer to Probe, for the loop: the interface's reply as JSON, and in it, under STORE_PROBE_AT, the
 * CLOCK_BOOTTIME (ms) at which it was ready.
 */
#define STORE_FACT_PROBE "probe"
#define STORE_PROBE_AT   "ready_boot_ms"

/* Set by the first full look at EC2 of this boot: the books are no older than the boot. It ends with the boot. */
#define STORE_FACT_LOOKED "looked"

/* Whose database it is: an instance id. It outlives a boot, as the disk of an image does. */
#define STORE_FACT_INSTANCE "instance"

/* What aws-vpc-cni's checkpoint said when the database last learnt from it. */
#define STORE_FACT_CHECKPOINT "checkpoint"

int store_fact_set(struct store *store, const char *name, const char *value, struct err *err);
/* *ret is NULL where there is none. */
int store_fact_get(struct store *store, const char *name, struct arena *arena, const char **ret,
                   struct err *err);

struct store_fact {
        const char *name, *value;
};

/* All that are named "group/..." and have a value, by name, which is without the group. */
int store_facts(struct store *store, const char *group, struct arena *arena, struct store_fact **ret,
                size_t *ret_n, struct err *err);

/*
 * The database is another instance's (an imaged disk): a copy is kept beside it (ret_aside; "" and *ret_not_kept where that
 * failed), and all that it says of ENIs, addresses and the past goes. Pods that the kernel showed at this start are pending imports
 * afterwards. For the reconciler, before anything is offered; instance_id may be NULL: not known.
 */
int store_begin_anew(struct store *store, const char *instance_id, const char *why,
                     char ret_aside[static STORE_PATH_BYTES], struct err *ret_not_kept, struct err *err);

/* ---- the story ---- */

struct store_event {
        int64_t id, at_wall_ms;
        const char *kind;    /* "lease-added", "eni-ready", "look", ... */
        const char *subject; /* an address, an ENI id, a lease key; what a person would search for */
        const char *text;
        const char *pod;          /* "namespace/name"; "": no pod, or not known */
        const char *container_id; /* ""... */
        const char *eni_id;       /* "": the subject is no address, or the ENI itself */
};

/*
 * Functions above write their own events, in the same transaction; this is for the rest. Where the subject is an address,
 * pod, container and ENI are taken from the books.
 */
int store_event_add(struct store *store, const char *kind, const char *subject, const char *text,
                    struct err *err);
/* What befell a pod that has no address. Only kind, subject, text, pod and container_id are read. */
int store_event_add_for(struct store *store, const struct store_event *event, struct err *err);
int store_events(struct store *store, int64_t after_id, size_t max, struct arena *arena,
                 struct store_event **ret, size_t *ret_n, struct err *err);

struct store_event_filter {
        int64_t before_id;     /* only older ones; 0: from the newest */
        int64_t since_wall_ms; /* not older than this */
        const char *subject;   /* NULL: any */
        const char *pod;       /* "namespace/name", or a name in any namespace; NULL: any */
};

/* The newest first, at most `max`. The node's boots are in every story: they end leases. */
int store_events_before(struct store *store, const struct store_event_filter *filter, size_t max,
                        struct arena *arena, struct store_event **ret, size_t *ret_n, struct err *err);
int store_event_last_id(struct store *store, int64_t *ret, struct err *err);

#endif
