// SPDX-License-Identifier: Apache-2.0
/* The books at the daemon's start: the lock, the schema, and whose pods run here already. */
#ifndef IPAMD_BOOKS_H
#define IPAMD_BOOKS_H

#include <vpcwire/err.h>

#include "store/store.h"

struct config;

/*
 * Opens the database, which nobody else may have open (ERR_BUSY). A new one learns from aws-vpc-cni's checkpoint and
 * from the kernel whose pods run already, before anything is offered. The caller closes *ret_lock_fd last.
 */
int books_open(const struct config *config, const struct store_options *options, int *ret_lock_fd,
               struct store **ret, struct err *err);

#endif
