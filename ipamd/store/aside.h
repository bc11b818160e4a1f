// SPDX-License-Identifier: Apache-2.0
/*
 * A database that cannot be used is put aside, beside itself and under a name that says why and when, for people to look
 * at; the newest STORE_ASIDE_MAX are kept.
 */
#ifndef IPAMD_STORE_ASIDE_H
#define IPAMD_STORE_ASIDE_H

#include "store/database.h"

enum aside_why { ASIDE_DAMAGED, ASIDE_OTHER_SCHEMA, ASIDE_OTHER_INSTANCE, _ASIDE_WHY_MAX };

/* The name: PATH.WHY[-detail]-TIME. */
void aside_name(const char *path, enum aside_why why, const char *detail, char ret[static STORE_PATH_BYTES]);

/* Renames the database, which is closed, and its log with it. The name is in ret. */
int aside_move(const char *path, enum aside_why why, char ret[static STORE_PATH_BYTES], struct err *err);

/* The oldest beyond the bound go. What cannot be removed stays. */
void aside_prune(const char *path);

#endif
