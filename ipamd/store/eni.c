// SPDX-License-Identifier: Apache-2.0
/* ENIs: the steps of their life, one transaction each. What a Describe says of them is in observe.c. */
#include <stdio.h>

#include "store/pick.h"

static int note_eni(struct store *store, enum event_kind kind, const char *eni_id, int64_t key,
                    const char *why, struct err *err)
{
        char text[256];

        snprintf(text, sizeof(text), "ENI %lld: %s", (long long)key, why ?: "");
        return store_note(store, kind, eni_id, text, err);
}

/* Ends the transaction of a function that changes exactly one ENI's row. */
static int commit_one(struct store_tx *tx, unsigned changes, int64_t key, struct err *err)
{
        if (!changes)
                return err_set(err, ERR_NOT_FOUND, "no ENI with key %lld in a state for this",
                               (long long)key);
        return store_commit(tx, err);
}

/* ---- create ---- */

int store_eni_begin(struct store *store, const struct eni *eni, int64_t now_ms, int64_t *ret_key,
                    struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        int64_t key = 0;
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = stmt_run(store,
                             "INSERT INTO enis (state, client_token, subnet_id, subnet_cidr, device_index,"
                             " network_card, asked_addresses, created_ms, since_ms)"
                             " VALUES ('creating', ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
                             VALUES(SQL_TEXT_OR_NULL(eni->client_token), SQL_TEXT(eni->subnet_id),
                                    SQL_CIDR(eni->subnet_cidr), SQL_INT(eni->device_index),
                                    SQL_INT(eni->network_card), SQL_INT(eni->asked_addresses),
                                    SQL_INT(now_ms)),
                             err);
        if (r < 0)
                return r;
        key = sqlite3_last_insert_rowid(store->db);
        /* No event yet: the call may be refused, again and again. */
        r = store_commit(&tx, err);
        if (r < 0)
                return r;
        *ret_key = key;
        return 0;
}

/*
 * EC2 has just answered that the address is this ENI's: another row that claims it is old news, of an ENI that EC2 deleted.
 * What a pod has of it stays in that row, and the next resync tells what became of it.
 */
static int primary_is_of(struct store *store, int64_t key, struct ip address, struct err *err)
{
        if (!ip_is_set(address))
                return 0;
        return stmt_run(store,
                        "UPDATE enis SET primary_hex = NULL, in_doubt = 1 WHERE primary_hex = ?1"
                        " AND key <> ?2 AND is_primary = 0 AND managed = 1"
                        " AND state NOT IN ('detaching', 'deleting')",
                        VALUES(SQL_HEX(address), SQL_INT(key)), err);
}

int store_eni_created(struct store *store, int64_t key, const struct eni *eni, const struct prefix *blocks,
                      size_t n, int64_t now_ms, struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        unsigned changes = 0;
        bool is_new;
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = store_primary_arrives(store, eni->primary_address, err);
        if (r == 0)
                r = primary_is_of(store, key, eni->primary_address, err);
        if (r == 0)
                r = stmt_run(store,
                             "UPDATE enis SET state = 'attaching', in_doubt = 0, eni_id = ?2, mac = ?3,"
                             " primary_hex = ?4, subnet_id = coalesce(?5, subnet_id),"
                             " subnet_cidr = coalesce(nullif(?6, ''), subnet_cidr), since_ms = ?7"
                             " WHERE key = ?1 AND state = 'creating'",
                             VALUES(SQL_INT(key), SQL_TEXT_OR_NULL(eni->eni_id), SQL_MAC(eni->mac),
                                    SQL_HEX_OR_NULL(eni->primary_address), SQL_TEXT_OR_NULL(eni->subnet_id),
                                    SQL_CIDR(eni->subnet_cidr), SQL_INT(now_ms)),
                             err);
        if (r == 0)
                changes = store_changes(store);
        for (size_t i = 0; i < n && r == 0 && changes; i++)
                r = store_block_arrives(store, key, ENI_ATTACHING, blocks[i], &is_new, err);
        if (r == 0)
                r = note_eni(store, EVENT_ENI_ATTACHING, eni->eni_id, key, "created", err);
        return r < 0 ? r : commit_one(&tx, changes, key, err);
}

/* ---- single columns ---- */

static int set_column(struct store *store, const char *sql, int64_t key, struct sql_value value,
                      struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = stmt_run(store, sql, VALUES(SQL_INT(key), value), err);
        return r < 0 ? r : commit_one(&tx, store_changes(store), key, err);
}

int store_eni_set_attachment(struct store *store, int64_t key, const char *attachment_id, struct err *err)
{
        return set_column(store, "UPDATE enis SET attachment_id = ?2 WHERE key = ?1", key,
                          SQL_TEXT_OR_NULL(attachment_id), err);
}

int store_eni_set_in_doubt(struct store *store, int64_t key, bool in_doubt, struct err *err)
{
        return set_column(store, "UPDATE enis SET in_doubt = ?2 WHERE key = ?1", key, SQL_INT(in_doubt), err);
}

int store_eni_set_link_missing(struct store *store, int64_t key, bool missing, struct err *err)
{
        return set_column(store, "UPDATE enis SET link_missing = ?2 WHERE key = ?1", key, SQL_INT(missing),
                          err);
}

int store_eni_gives_way(struct store *store, int64_t key, struct err *err)
{
        return set_column(store,
                          "UPDATE enis SET mac = NULL, primary_hex = NULL, in_doubt = ?2 WHERE key = ?1", key,
                          SQL_INT(true), err);
}

int store_eni_set_device(struct store *store, int64_t key, unsigned device_index, struct err *err)
{
        return set_column(store, "UPDATE enis SET device_index = ?2 WHERE key = ?1 AND attachment_id IS NULL",
                          key, SQL_INT(device_index), err);
}

/* ---- steps ---- */

#define NO_LEASE_ON_IT                                                                                       \
        " AND NOT EXISTS (SELECT 1 FROM blocks b JOIN addresses a ON a.block = b.key WHERE b.eni = ?1"       \
        "  AND a.lease IS NOT NULL)"
#define NONE_PENDING                                                                                         \
        " AND NOT EXISTS (SELECT 1 FROM imports i JOIN blocks b ON length(b.first) = length(i.hex)"          \
        "  AND i.hex BETWEEN b.first AND b.last WHERE b.eni = ?1 AND i.verdict = 'pending')"
/* After pick_sweep(). */
#define NONE_COOLING                                                                                         \
        " AND NOT EXISTS (SELECT 1 FROM blocks b JOIN addresses a ON a.block = b.key WHERE b.eni = ?1"       \
        "  AND b.state = 'usable' AND a.held = 0)"

/* Whether ENI ?1 may enter the state, by its present one and its addresses. */
static const char *const may_enter[_ENI_STATE_MAX] = {
        [ENI_CONFIGURING] =
                "SELECT eni_id FROM enis WHERE key = ?1 AND state IN ('attaching', 'ready', 'draining')",
        [ENI_READY] = "SELECT eni_id FROM enis WHERE key = ?1 AND state = 'configuring' AND managed = 1"
                      " AND untagged = 0",
        [ENI_DRAINING] = "SELECT eni_id FROM enis WHERE key = ?1 AND state IN ('configuring', 'ready')"
                         " AND managed = 1 AND is_primary = 0" NO_LEASE_ON_IT NONE_PENDING,
        [ENI_DETACHING] = "SELECT eni_id FROM enis WHERE key = ?1 AND state = 'draining'"
                          " AND managed = 1" NO_LEASE_ON_IT NONE_PENDING NONE_COOLING,
        [ENI_DELETING] = "SELECT eni_id FROM enis WHERE key = ?1 AND managed = 1" NO_LEASE_ON_IT
                         " AND (state = 'detaching' OR (state IN ('creating', 'attaching')" NONE_PENDING "))",
};

/* 1 and the id where the query has a row of this ENI, 0 where it has none. */
static int ask_id(struct store *store, const char *sql, int64_t key, char ret_id[static EC2_ID_BYTES],
                  struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        int r = stmt_start(store, sql, VALUES(SQL_INT(key)), &s, err);

        if (r == 0)
                r = stmt_step(store, s, err);
        if (r > 0)
                stmt_copy(s, 0, ret_id, EC2_ID_BYTES);
        return r;
}

/* 1 and its id when it may, 0 when not. */
static int ask(struct store *store, int64_t key, enum eni_state to, char ret_id[static EC2_ID_BYTES],
               struct err *err)
{
        return (unsigned)to < _ENI_STATE_MAX && may_enter[to] ? ask_id(store, may_enter[to], key, ret_id, err)
                                                              : 0;
}

/* With an ENI that leaves go the notes on its addresses: nobody waits for the end of what is held. */
static int leave_blocks(struct store *store, int64_t key, struct err *err)
{
        static const char *const steps[] = {
                "UPDATE blocks SET state = 'leaving' WHERE eni = ?1 AND state <> 'leaving'",
                "DELETE FROM addresses WHERE lease IS NULL AND block IN (SELECT key FROM blocks WHERE eni = "
                "?1)"};
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(steps) && r == 0; i++)
                r = stmt_run(store, steps[i], VALUES(SQL_INT(key)), err);
        return r;
}

static int write_state(struct store *store, int64_t key, enum eni_state to, int64_t now_ms, struct err *err)
{
        bool leaving = eni_state_is_leaving(to);
        int r = leaving ? leave_blocks(store, key, err) : 0;

        if (r == 0)
                r = stmt_run(
                        store,
                        "UPDATE enis SET state = ?2, since_ms = ?3, mark_index = iif(?4, NULL, mark_index),"
                        " route_table = iif(?4, NULL, route_table) WHERE key = ?1",
                        VALUES(SQL_INT(key), SQL_TEXT(eni_state_names[to]), SQL_INT(now_ms),
                               SQL_INT(leaving)),
                        err);
        return r == 0 ? eni_number_all(store, err) : r;
}

int store_eni_set_state(struct store *store, int64_t key, enum eni_state to, const char *why, int64_t now_ms,
                        bool *ret_done, struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        char eni_id[EC2_ID_BYTES] = "";
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = pick_sweep(store, now_ms, err);
        if (r == 0)
                r = ask(store, key, to, eni_id, err);
        if (r == 0)
                *ret_done = false;
        if (r <= 0)
                return r;
        r = write_state(store, key, to, now_ms, err);
        if (r == 0)
                r = note_eni(store, event_of_eni_state(to), eni_id, key, why, err);
        if (r == 0)
                r = store_commit(&tx, err);
        if (r < 0)
                return r;
        *ret_done = true;
        return 0;
}

/* deleted_ms: when EC2 deleted it for us; 0: it did not. */
static int remove_eni(struct store *store, int64_t key, const char *why, int64_t deleted_ms, struct err *err)
{
        static const char delete_addresses[] = "DELETE FROM addresses WHERE lease IS NULL"
                                               " AND block IN (SELECT key FROM blocks WHERE eni = ?1)";
        static const char *const steps[] = {
                /* as store_block_remove(), of all of them */
                "UPDATE blocks SET state = 'preparing' WHERE eni = ?1 AND state = 'usable'", delete_addresses,
                "DELETE FROM blocks WHERE eni = ?1", "DELETE FROM enis WHERE key = ?1"};
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        char eni_id[EC2_ID_BYTES] = "";
        int64_t leases = 0;
        unsigned changes = 0;
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = ask_id(store, "SELECT eni_id FROM enis WHERE key = ?1", key, eni_id, err);
        if (r >= 0)
                r = 0;
        if (r == 0 && deleted_ms)
                r = given_back_note(store, key, (struct prefix){0}, deleted_ms, err);
        if (r == 0)
                r = stmt_number(
                        store,
                        "SELECT count(DISTINCT a.lease) FROM blocks b JOIN addresses a ON a.block = b.key"
                        " WHERE b.eni = ?1",
                        VALUES(SQL_INT(key)), &leases, err);
        if (r >= 0 && leases)
                return err_set(err, ERR_BUSY, "ENI %lld still has %lld leases", (long long)key,
                               (long long)leases);
        for (size_t i = 0; i < ARRAY_SIZE(steps) && r >= 0; i++)
                r = stmt_run(store, steps[i], VALUES(SQL_INT(key)), err);
        if (r == 0) {
                changes = store_changes(store);
                /* What EC2 never made is nobody's history. */
                if (*eni_id)
                        r = note_eni(store, EVENT_ENI_REMOVED, eni_id, key, why, err);
        }
        return r < 0 ? r : commit_one(&tx, changes, key, err);
}

int store_eni_remove(struct store *store, int64_t key, const char *why, struct err *err)
{
        return remove_eni(store, key, why, 0, err);
}

int store_eni_deleted(struct store *store, int64_t key, int64_t now_ms, struct err *err)
{
        return remove_eni(store, key, "deleted", now_ms, err);
}
