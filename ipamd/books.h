// SPDX-License-Identifier: Apache-2.0
/* The books at the daemon's start: the lock, the schema, and whose pods run here already. */
#ifndef IPAMD_BOOKS_H
#define IPAMD_BOOKS_H

#include <vpcwire/err.h>

#include "store/store.h"

struct config;

/* What says that the database is ours. Closed last, when nobody has it open any more. */
struct books_locks {
        int lock_file, database;
};

#define BOOKS_UNLOCKED ((struct books_locks){.lock_file = -1, .database = -1})

void books_unlock(struct books_locks *locks);

/* Nobody else may have it open (ERR_BUSY). *locks is to be unlocked also after a failure. */
int books_lock(const char *path, struct books_locks *locks, struct err *err);

/*
 * Opens the database, which is locked. It learns from the kernel, each time, and from
 * aws-vpc-cni's checkpoint, when it is new, whose pods run already, before anything is offered; and one is begun anew where the checkpoint shows pods
 * that aws-vpc-cni has made since.
 */
int books_open(const struct config *config, const struct store_options *options, struct books_locks *locks,
               struct store **ret, struct err *err);

/* How the store is opened. The texts are the config's, or in its arena. */
struct store_options books_options(const struct config *config);

/*
 * The database and what is kept beside it, so that a later return learns anew who runs here: others may hand out the same
 * addresses meanwhile. Nobody may have it open.
 */
int books_remove(const struct config *config, struct err *err);

#endif
