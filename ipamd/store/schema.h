// SPDX-License-Identifier: Apache-2.0
/* The schema's text and its versions. The rules of the pool that must never break are in it, not in the code around it. */
#ifndef IPAMD_STORE_SCHEMA_H
#define IPAMD_STORE_SCHEMA_H

#include "store/stmt.h"

enum { SCHEMA_APPLICATION_ID = 0x76776970 /* "vwip" */ };

extern const int schema_version;
/* schema_7.c and those after it: their scripts, one after the other; each ends with NULL. */
extern const char *const schema_version_7[], *const schema_version_8[], *const schema_version_9[];
/* The triggers that go with the table imports, and come with it. */
extern const char schema_rules_on_imports[];

/*
 * Brings the connected database to schema_version in one transaction. A database that is empty is made; one of another
 * program, or newer than this program, is refused (ERR_UNSUPPORTED) and left alone; one whose schema is not the text of its
 * version is ERR_INVALID.
 */
int schema_migrate(struct store *store, struct err *err);

/* Whether this connection's database is ours and of our version. */
int schema_check_version(struct store *store, struct err *err);

/* The scripts of versions from + 1 to `to`, in the caller's transaction. */
int schema_run(struct store *store, int from, int to, struct err *err);

/* schema_text.c: ERR_INVALID, and which table, index or trigger it is, where the schema is not the text of that version. */
int schema_check_text(struct store *store, int version, struct err *err);

#endif
