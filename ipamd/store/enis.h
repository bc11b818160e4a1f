// SPDX-License-Identifier: Apache-2.0
/* ENIs, by the steps of their life (model/eni.h). The reconciler's thread. */
#ifndef IPAMD_STORE_ENIS_H
#define IPAMD_STORE_ENIS_H

#include "model/eni.h"
#include "store/database.h"

/* All ENIs by (network card, device index, key), with counts as of now. */
int store_enis(struct store *store, int64_t now_ms, struct arena *arena, struct eni **ret, size_t *ret_n,
               struct err *err);

/* Writes down the intent to create; *ret_key is the new row. Read from eni: client_token, subnet_id, subnet_cidr, device_index, network_card, asked_addresses. */
int store_eni_begin(struct store *store, const struct eni *eni, int64_t now_ms, int64_t *ret_key,
                    struct err *err);

/* EC2's answer to create: eni_id, mac, primary_address, subnet; creating -> attaching; blocks come in as preparing. */
int store_eni_created(struct store *store, int64_t key, const struct eni *eni, const struct prefix *blocks,
                      size_t n, int64_t now_ms, struct err *err);

/* attachment_id may be NULL (detached). */
int store_eni_set_attachment(struct store *store, int64_t key, const char *attachment_id, struct err *err);

/*
 * One step of the ENI's life. Allowed: configuring -> ready, ready -> configuring, attaching -> configuring,
 * {configuring, ready} -> draining only without a lease on it, draining -> configuring (needed again), draining ->
 * detaching only without leased or cooling addresses, {creating, attaching} -> deleting (given up), detaching -> deleting. *ret_done is
 * false, and nothing changed, where the ENI is not (or not any more) in a state that allows it: a race with an ADD is
 * no error. An ENI that is detaching or deleting has all its blocks leaving.
 */
int store_eni_set_state(struct store *store, int64_t key, enum eni_state to, const char *why, int64_t now_ms,
                        bool *ret_done, struct err *err);
int store_eni_set_in_doubt(struct store *store, int64_t key, bool in_doubt, struct err *err);
/* Of an ENI that is not attached yet: its place was taken by somebody else meanwhile. */
int store_eni_set_device(struct store *store, int64_t key, unsigned device_index, struct err *err);
int store_eni_set_link_missing(struct store *store, int64_t key, bool missing, struct err *err);
/* EC2 shows its MAC or its primary address as another ENI's: it has none any more, and what became of it is in doubt. */
int store_eni_gives_way(struct store *store, int64_t key, struct err *err);

/* Ends the row and its blocks. ERR_BUSY while a lease is on it. */
int store_eni_remove(struct store *store, int64_t key, const char *why, struct err *err);
/* The same, and remembers that EC2 deleted it for us. */
int store_eni_deleted(struct store *store, int64_t key, int64_t now_ms, struct err *err);

/*
 * What a complete Describe says of one attached ENI: inserted (as configuring) or brought up to date by eni_id. Blocks
 * that are new come in as preparing; ones that are not there are removed, or, where pods have addresses of them, become
 * lost. The last n_doubted of `blocks` are of the database, not shown, and not gone for sure: kept, and not
 * offered. in_doubt is cleared. *ret_changed tells whether anything was different.
 */
int store_eni_observed(struct store *store, const struct eni *eni, const struct prefix *blocks, size_t n,
                       size_t n_doubted, int64_t now_ms, bool *ret_changed, struct err *err);

/* EC2 did not show the ENI itself, once: nothing of it is offered until it does. */
int store_eni_doubt(struct store *store, int64_t key, struct err *err);

#endif
