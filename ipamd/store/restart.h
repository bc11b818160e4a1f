// SPDX-License-Identifier: Apache-2.0
/* What a new process makes of the database it finds, in one transaction of store_prepare(). */
#ifndef IPAMD_STORE_RESTART_H
#define IPAMD_STORE_RESTART_H

#include "store/stmt.h"

/*
 * restart.c: brings the content to a state that is true for a new process, this boot, this boot's clock, and what the
 * kernel shows (options->running).
 */
int restart_run(struct store *store, const struct store_options *options, const char *boot_id,
                struct store_prepared *ret, struct err *err);

/*
 * evidence.c: in the caller's transaction, once per connection and in this order. evidence_end_other_leases() is for
 * another boot, whose leases mean nothing but where the kernel bears them out.
 */
int evidence_load(struct store *store, const struct import *shown, size_t n, struct err *err);
int evidence_end_other_leases(struct store *store, int64_t now_ms, unsigned *ret_n, struct err *err);
/* Counts the leases that the kernel contradicts, and the addresses that are held from now on. */
int evidence_apply(struct store *store, int64_t now_ms, unsigned *ret_ended, unsigned *ret_held,
                   struct err *err);

#endif
