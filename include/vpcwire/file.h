// SPDX-License-Identifier: Apache-2.0
/* Small files: read whole with a limit, write whole atomically. */
#ifndef VPCWIRE_FILE_H
#define VPCWIRE_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "err.h"

/*
 * Reads a file (or /proc entry) of at most max_bytes. *ret is NUL-terminated and owned by the caller; *ret_bytes (may
 * be NULL) is its length. ERR_LIMIT when it is longer; ERR_NOT_FOUND when it is not there.
 */
int file_read(const char *path, size_t max_bytes, char **ret, size_t *ret_bytes, struct err *err);
/* The same from an open file, from where it stands to its end (standard input); name is for the error. */
int file_read_fd(int fd, const char *name, size_t max_bytes, char **ret, size_t *ret_bytes, struct err *err);

/* Writes an existing file in one write(), as /proc and /sys want it. */
int file_write(const char *path, const char *text, struct err *err);

/* What the names of temporaries have after the file's; six letters and digits follow. */
#define FILE_TEMPORARY_SUFFIX ".tmp-"

/*
 * Replaces the file: temporary beside it with `mode`, fsync, rename, fsync of the folder. Never half there. Only a process
 * that is killed in the middle leaves its temporary.
 */
int file_replace(const char *path, const void *bytes, size_t n, mode_t mode, struct err *err);

/* Makes the folder and its parents, like mkdir -p; existing ones are fine. */
int file_make_folder(const char *path, mode_t mode, struct err *err);

#endif
