// SPDX-License-Identifier: Apache-2.0
/* The small tables: facts that outlive the process, and pending ADDs for an address. */
#ifndef IPAMD_STORE_NOTES_H
#define IPAMD_STORE_NOTES_H

#include "model/lease.h"
#include "store/database.h"

/*
 * The reconciler's answer to Probe, for the loop: the interface's reply as JSON, and in it, under STORE_PROBE_AT, the
 * CLOCK_BOOTTIME (ms) at which it was ready.
 */
#define STORE_FACT_PROBE "probe"
#define STORE_PROBE_AT   "ready_boot_ms"

/* Set by the first resync of this boot: the database is no older than the boot. It ends with the boot. */
#define STORE_FACT_RESYNCED "resynced"

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

/* ---- pending ADDs for an address (written by the loop, read by the planner) ---- */

int store_waiting_add(struct store *store, const struct lease_key *key, int64_t since_ms, int64_t deadline_ms,
                      struct err *err);
int store_waiting_remove(struct store *store, const struct lease_key *key, struct err *err);

#endif
