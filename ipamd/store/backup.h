// SPDX-License-Identifier: Apache-2.0
/*
 * A database that cannot be used is kept as a backup, beside itself and under a name that says why and when, for people to look
 * at; the newest STORE_BACKUPS_MAX are kept.
 */
#ifndef IPAMD_STORE_BACKUP_H
#define IPAMD_STORE_BACKUP_H

#include "store/database.h"

enum backup_why { BACKUP_DAMAGED, BACKUP_OTHER_SCHEMA, BACKUP_OTHER_INSTANCE, _BACKUP_WHY_MAX };

/* The name: PATH.WHY[-detail]-TIME. */
void backup_name(const char *path, enum backup_why why, const char *detail,
                 char ret[static STORE_PATH_BYTES]);

/* Renames the database, which is closed, and its log with it. The name is in ret. */
int backup_move(const char *path, enum backup_why why, char ret[static STORE_PATH_BYTES], struct err *err);

/* The oldest beyond the bound go. What cannot be removed stays. */
void backup_prune(const char *path);

#endif
