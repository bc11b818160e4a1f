// SPDX-License-Identifier: Apache-2.0
/* The small tables: facts that outlive the process, what cannot be done now, and who waits for an address. */
#ifndef IPAMD_STORE_NOTES_H
#define IPAMD_STORE_NOTES_H

#include "store/database.h"

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

/* ---- who waits for an address (written by the loop, read by the planner) ---- */

int store_waiting_add(struct store *store, const struct store_lease_key *key, int64_t since_ms,
                      int64_t deadline_ms, struct err *err);
int store_waiting_remove(struct store *store, const struct store_lease_key *key, struct err *err);

#endif
