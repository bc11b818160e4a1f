// SPDX-License-Identifier: Apache-2.0
/* The books at the daemon's start: the lock, the schema, and whose pods run here already. */
#ifndef IPAMD_BOOKS_H
#define IPAMD_BOOKS_H

#include <vpcwire/err.h>

#include "store/store.h"

struct config;

/*
 * Opens the database, which nobody else may have open (ERR_BUSY). It learns from the kernel, each time, and from
 * aws-vpc-cni's checkpoint, when it is new, whose pods run already, before anything is offered; and one is begun anew where the checkpoint shows pods
 * that aws-vpc-cni has made since. The caller closes *ret_lock_fd last.
 */
int books_open(const struct config *config, const struct store_options *options, int *ret_lock_fd,
               struct store **ret, struct err *err);

/* So that a later return learns anew who runs here: others may hand out the same addresses meanwhile. Nobody may have it open. */
int books_remove(const char *path, struct err *err);

#endif
