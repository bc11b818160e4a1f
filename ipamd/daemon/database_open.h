// SPDX-License-Identifier: Apache-2.0
/* The database at the daemon's start: the lock, the schema, and whose pods run here already. */
#ifndef IPAMD_DAEMON_DATABASE_OPEN_H
#define IPAMD_DAEMON_DATABASE_OPEN_H

#include <vpcwire/err.h>

#include "store/store.h"

struct config;

/* What says that the database is ours. Closed last, when nobody has it open any more. */
struct database_locks {
        int lock_file, database;
};

#define DATABASE_UNLOCKED ((struct database_locks){.lock_file = -1, .database = -1})

void database_unlock(struct database_locks *locks);

/* Nobody else may have it open (ERR_BUSY). *locks is to be unlocked also after a failure. */
int database_lock(const char *path, struct database_locks *locks, struct err *err);

/*
 * Opens the database, which is locked. It learns from the kernel, each time, and from
 * aws-vpc-cni's checkpoint, when it is new, whose pods run already, before anything is offered; and one is begun anew where the checkpoint shows pods
 * that aws-vpc-cni has made since.
 */
int database_open(const struct config *config, const struct store_options *options,
                  struct database_locks *locks, struct store **ret, struct err *err);

/* How the store is opened. The texts are the config's, or in its arena. */
struct store_options database_options(const struct config *config);

/*
 * The database and what is kept beside it, so that a later return learns anew who runs here: others may hand out the same
 * addresses meanwhile. Nobody may have it open.
 */
int database_remove(const struct config *config, struct err *err);

#endif
