// SPDX-License-Identifier: Apache-2.0
/* Leases of another daemon that become ours. The reconciler's thread, and the daemon at its start. */
#ifndef IPAMD_STORE_IMPORTS_H
#define IPAMD_STORE_IMPORTS_H

#include "model/lease.h"
#include "store/database.h"

/*
 * Writes the list down, all pending, together with the fact that it was done, so it happens once in a database's life;
 * *ret_done is false, and nothing changed, where it was done before. Of two rows with one address the first is taken and
 * the others are ERR_INVALID.
 */
int store_import_begin(struct store *store, const struct import *imports, size_t n, bool *ret_done,
                       struct err *err);
int store_imports(struct store *store, struct arena *arena, struct import **ret, size_t *ret_n,
                  struct err *err);
/*
 * The pod lives, and has this link: its row becomes a wired lease. *ret_done is false where the address is not on a ready
 * ENI of ours (yet).
 */
int store_import_take(struct store *store, const struct import *import, const char *host_ifname,
                      int64_t now_ms, bool *ret_done, struct err *err);
int store_import_skip(struct store *store, struct ip address, const char *reason, struct err *err);
/* Why a row is pending still, for people. */
int store_import_explain(struct store *store, struct ip address, const char *reason, struct err *err);

#endif
