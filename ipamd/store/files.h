// SPDX-License-Identifier: Apache-2.0
/* The database's files: whose they are, what they are, and the lock. */
#ifndef IPAMD_STORE_FILES_H
#define IPAMD_STORE_FILES_H

#include <stdbool.h>

#include <vpcwire/err.h>

/*
 * The file is there afterwards (0600; made, with its folder, when it is missing), is a plain file of ours, and so are SQLite's files beside it. A
 * symbolic link, somebody else's file, one that others may write, or a folder that others may write into is ERR_DENIED; a file with log but no content, ERR_PROTOCOL.
 */
int files_prepare(const char *path, struct err *err);

/* The same checks, and the file must exist. */
int files_check(const char *path, struct err *err);

/*
 * Locks (flock) the database itself, so that a lock file that somebody removed lets no second daemon in: ERR_BUSY. A file
 * that cannot be opened is not locked: *ret_fd is -1. Closed last: closing it drops the locks that SQLite holds in this process.
 */
int files_lock(const char *path, int *ret_fd, struct err *err);

#endif
