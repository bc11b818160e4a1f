// SPDX-License-Identifier: Apache-2.0
/* The names of an enum stand in an array in its order. */
#ifndef IPAMD_MODEL_NAMES_H
#define IPAMD_MODEL_NAMES_H

/* The value of this name, which must be one of them: a CHECK of the database, or the build, sees to that. */
int names_find(const char *const *names, int n, const char *name);

#endif
