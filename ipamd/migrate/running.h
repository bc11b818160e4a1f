// SPDX-License-Identifier: Apache-2.0
/*
 * Whose pods run here before the database is opened: the kernel knows them, and the checkpoint of aws-vpc-cni knows its own.
 * Before the daemon's threads.
 */
#ifndef IPAMD_MIGRATE_RUNNING_H
#define IPAMD_MIGRATE_RUNNING_H

#include "migrate/checkpoint.h"
#include "store/store.h"

/* What the kernel and aws-vpc-cni's checkpoint say of pods that run. */
struct running {
        struct import *rows;   /* of the checkpoint */
        struct import *joined; /* recovered pods, and rows of other addresses */
        size_t n_rows, n_joined, n_recovered;
        char print[CHECKPOINT_PRINT_BYTES]; /* of the rows */
};

/* In the arena. No file at backing_store: nothing of aws-vpc-cni's. */
int running_find(const char *backing_store, struct arena *arena, struct running *ret, struct err *err);

/* The checkpoint's pods become imports, once in a database's life. */
int running_import(const char *backing_store, struct store *store, const struct running *running,
                   struct err *err);

/* Whether aws-vpc-cni has run since: what the database calls free, a pod of it may have. Our own export is no sign of that. */
int running_is_other(struct store *store, struct arena *arena, const struct running *running, bool *ret,
                     struct err *err);

#endif
