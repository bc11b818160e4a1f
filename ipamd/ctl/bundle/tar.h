// SPDX-License-Identifier: Apache-2.0
/* A gzipped tar (ustar, POSIX.1-1988) of small texts: all a bundle needs, in place of an archive library. */
#ifndef IPAMD_CTL_TAR_H
#define IPAMD_CTL_TAR_H

#include <stddef.h>
#include <stdint.h>

#include <vpcwire/cleanup.h>
#include <vpcwire/err.h>

enum { TAR_NAME_BYTES_MAX = 99 };

struct tar;

/* A new file, mode 0600; ERR_EXISTS where there is one of that name, whatever it is. The texts' time is at_s. */
int tar_create(const char *path, int64_t at_s, struct tar **ret, struct err *err);
/* The same to an open file, which stays the caller's; name is for errors. */
int tar_open(int fd, const char *name, int64_t at_s, struct tar **ret, struct err *err);
/* A name that is too long for ustar (two pieces) is cut at its front. */
int tar_add(struct tar *tar, const char *name, const void *bytes, size_t n, struct err *err);
/* All is on the disk. */
int tar_finish(struct tar *tar, struct err *err);
/* Removes the file unless it is finished. */
struct tar *tar_free(struct tar *tar);
DEFINE_CLEANUP(struct tar *, tar_free)

#endif
