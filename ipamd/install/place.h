// SPDX-License-Identifier: Apache-2.0
/* Inside install: one file on the host, put in its place and taken away, with what it replaced kept beside it. */
#ifndef IPAMD_INSTALL_PLACE_H
#define IPAMD_INSTALL_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <vpcwire/err.h>

#define PLACE_SAVED_SUFFIX ".before-vpcwire"

/* Keeps what is at `path` as path.before-vpcwire too. What was kept earlier stays; nothing there is fine. */
int place_save(const char *path, struct err *err);

/*
 * The file has these bytes and this mode, or is made so. *changed is set if it was not; left alone else. Temporaries that
 * killed processes have left beside it go.
 */
int place_file(const char *path, const void *bytes, size_t n, mode_t mode, bool *changed, struct err *err);

/* Removes the file; what was kept of its predecessor stays beside. *changed as above. */
int place_remove(const char *path, bool *changed, struct err *err);
/* Removes the file, or brings back what was kept of its predecessor. *changed as above. */
int place_take_away(const char *path, bool *changed, struct err *err);

#endif
