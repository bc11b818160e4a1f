// SPDX-License-Identifier: Apache-2.0
/* Leases of another daemon of this node, on their way to become ours. */
#include <stdio.h>

#include <vpcwire/clock.h>

#include "store/stmt.h"

#define HAS_PENDING(first, last)                                                                             \
        "EXISTS (SELECT 1 FROM imports WHERE verdict = 'pending' AND hex BETWEEN " first " AND " last        \
        " AND length(hex) = length(" first "))"

/* Given back, and in use: EC2 gave it anew since, which an older copy of the database does not know. */
static int forget_given_back(struct store *store, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct store_given_back *rows = NULL;
        struct import *imports = NULL;
        size_t n_rows = 0, n = 0;
        int r = store_given_back(store, arena, &rows, &n_rows, err);

        if (r == 0)
                r = store_imports(store, arena, &imports, &n, err);
        for (size_t i = 0; i < n_rows && r == 0; i++) {
                bool in_use = false;

                for (size_t j = 0; j < n && !in_use; j++)
                        in_use = imports[j].verdict == IMPORT_PENDING && ip_is_set(rows[i].block.ip) &&
                                 prefix_contains(rows[i].block, imports[j].address);
                if (in_use)
                        r = given_back_drop(store, &rows[i], err);
        }
        return r;
}

/* What is usable the schema holds. */
int store_hold_imports(struct store *store, int64_t now_ms, struct err *err)
{
        int r = stmt_run(store,
                         "UPDATE blocks AS b SET state = 'preparing' WHERE state = 'leaving'"
                         " AND (SELECT state FROM enis WHERE key = b.eni) NOT IN ('detaching', 'deleting')"
                         " AND " HAS_PENDING("b.first", "b.last"),
                         NO_VALUES, err);

        if (r == 0)
                r = forget_given_back(store, err);
        if (r < 0)
                return r;
        return stmt_run(store,
                        "UPDATE enis AS e SET state = 'configuring', since_ms = ?1 WHERE state = 'draining'"
                        " AND EXISTS (SELECT 1 FROM blocks b WHERE b.eni = e.key"
                        "             AND " HAS_PENDING("b.first", "b.last") ")",
                        VALUES(SQL_INT(now_ms)), err);
}

/* Its pod is ours already: the list is older than the lease. */
static int has_lease(struct store *store, const struct import *import, struct err *err)
{
        int64_t found = 0;
        int r = stmt_number(store,
                            "SELECT 1 FROM addresses a JOIN leases l ON l.key = a.lease"
                            " WHERE a.hex = ?1 AND l.container_id = ?2",
                            VALUES(SQL_HEX(import->address), SQL_TEXT(import->key.container_id)), &found,
                            err);

        return r < 0 ? r : found != 0;
}

static int insert(struct store *store, const struct import *import, struct err *err)
{
        int r = has_lease(store, import, err);

        if (r != 0)
                return r < 0 ? r : 0;
        r = stmt_run(store,
                     "INSERT INTO imports (hex, network, container_id, ifname, pod_namespace, pod_name,"
                     " since_wall_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
                     VALUES(SQL_HEX(import->address), SQL_TEXT(import->key.network),
                            SQL_TEXT(import->key.container_id), SQL_TEXT(import->key.ifname),
                            SQL_TEXT(import->pod_namespace), SQL_TEXT(import->pod_name),
                            SQL_INT(import->since_wall_ms)),
                     err);

        if (r == 0 && !store_changes(store))
                return err_set(err, ERR_INVALID, "%s is in it twice", IP_TEXT(import->address));
        return r;
}

int store_import_begin(struct store *store, const struct import *imports, size_t n, bool *ret_done,
                       struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        int64_t done = 0;
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = stmt_number(store, "SELECT 1 FROM facts WHERE name = ?1",
                                VALUES(SQL_TEXT(STORE_FACT_IMPORT_DONE)), &done, err);
        if (r < 0)
                return r;
        if (done) {
                *ret_done = false;
                return 0;
        }
        r = 0;
        for (size_t i = 0; i < n && r == 0; i++)
                r = insert(store, &imports[i], err);
        if (r == 0)
                r = store_hold_imports(store, clock_boottime_ms(), err);
        if (r == 0)
                r = store_fact_set(store, STORE_FACT_IMPORT_DONE, "yes", err);
        if (r == 0)
                r = store_commit(&tx, err);
        if (r < 0)
                return r;
        *ret_done = true;
        return 0;
}

int store_imports(struct store *store, struct arena *arena, struct import **ret, size_t *ret_n,
                  struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        _cleanup_free_ struct import *rows = NULL;
        size_t n = 0, capacity = 0;
        int r = stmt_start(store,
                           "SELECT hex, network, container_id, ifname, pod_namespace, pod_name,"
                           " since_wall_ms, verdict, reason FROM imports",
                           NO_VALUES, &s, err);

        while (r >= 0 && (r = stmt_step(store, s, err)) > 0) {
                GROW(rows, n, capacity);
                rows[n++] = (struct import){
                        .address = stmt_ip(s, 0),
                        .key = {stmt_text(s, 1, arena), stmt_text(s, 2, arena), stmt_text(s, 3, arena)},
                        .pod_namespace = stmt_text(s, 4, arena),
                        .pod_name = stmt_text(s, 5, arena),
                        .since_wall_ms = stmt_int(s, 6),
                        .verdict = import_verdict_parse(stmt_peek(s, 7)),
                        .reason = stmt_text(s, 8, arena),
                };
        }
        if (r < 0)
                return r;
        *ret = stmt_rows(arena, rows, n, sizeof(*rows));
        *ret_n = n;
        return 0;
}

static int set_verdict(struct store *store, struct ip address, enum import_verdict verdict,
                       const char *reason, struct err *err)
{
        return stmt_run(
                store,
                "UPDATE imports SET verdict = ?2, reason = ?3 WHERE hex = ?1"
                " AND (verdict <> ?2 OR reason <> ?3)",
                VALUES(SQL_HEX(address), SQL_TEXT(import_verdict_to_string(verdict)), SQL_TEXT(reason)), err);
}

/*
 * Of an ENI that is ready the kernel routes what is sent from it: an address of its own that is not routed yet can be taken, and
 * what is held of a usable block. 1: *ret is the block.
 */
static int find_block(struct store *store, struct ip address, int64_t *ret, struct err *err)
{
        return stmt_number(
                store,
                "SELECT b.key FROM blocks b JOIN enis e ON e.key = b.eni LEFT JOIN addresses a"
                " ON a.hex = ?2 WHERE b.family = ?1 AND ?2 BETWEEN b.first AND b.last"
                " AND e.state = 'ready' AND e.managed = 1 AND a.lease IS NULL"
                " AND ((b.state = 'usable' AND a.held = 1) OR (b.state = 'preparing' AND b.size = 1))",
                VALUES(SQL_INT(sql_family(address)), SQL_HEX(address)), ret, err);
}

/* The pod has it, whatever a resync has shown. */
static int free_address(struct store *store, struct ip address, int64_t block, struct err *err)
{
        int r = stmt_run(
                store, "UPDATE blocks SET state = 'usable', doubted = 0 WHERE key = ?1 AND state <> 'usable'",
                VALUES(SQL_INT(block)), err);

        return r == 0 ? stmt_run(store, "DELETE FROM addresses WHERE hex = ?1", VALUES(SQL_HEX(address)), err)
                      : r;
}

static int write_lease(struct store *store, const struct import *import, int64_t block,
                       const char *host_ifname, int64_t now_ms, struct err *err)
{
        char text[512];
        /* What the kernel shows outranks what another lease says of the name. */
        int r = stmt_run(store,
                         "UPDATE leases SET host_ifname = '' WHERE host_ifname = ?1 AND address_only = 0",
                         VALUES(SQL_TEXT(host_ifname)), err);

        if (r == 0)
                r = free_address(store, import->address, block, err);
        if (r == 0)
                r = stmt_run(store,
                             "INSERT INTO leases (network, container_id, ifname, hex, state, host_ifname,"
                             " netns, pod_namespace, pod_name, pod_uid, since_ms, since_wall_ms)"
                             " VALUES (?1, ?2, ?3, ?4, 'wired', ?5, '', ?6, ?7, '', ?8, ?9)",
                             VALUES(SQL_TEXT(import->key.network), SQL_TEXT(import->key.container_id),
                                    SQL_TEXT(import->key.ifname), SQL_HEX(import->address),
                                    SQL_TEXT(host_ifname), SQL_TEXT(import->pod_namespace),
                                    SQL_TEXT(import->pod_name), SQL_INT(now_ms),
                                    SQL_INT(import->since_wall_ms)),
                             err);
        if (r == 0)
                r = stmt_run(store, "INSERT INTO addresses (hex, block, lease) VALUES (?1, ?2, ?3)",
                             VALUES(SQL_HEX(import->address), SQL_INT(block),
                                    SQL_INT(sqlite3_last_insert_rowid(store->db))),
                             err);
        snprintf(text, sizeof(text), "%s/%s/%s: adopt: %s", import->key.network, import->key.container_id,
                 import->key.ifname, import->pod_name);
        return r == 0 ? store_note(store, EVENT_LEASE_ADDED, IP_TEXT(import->address), text, err) : r;
}

int store_import_take(struct store *store, const struct import *import, const char *host_ifname,
                      int64_t now_ms, bool *ret_done, struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        int64_t block = 0;
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = find_block(store, import->address, &block, err);
        if (r == 0)
                *ret_done = false;
        if (r <= 0)
                return r;
        r = set_verdict(store, import->address, IMPORT_TAKEN, "", err);
        if (r == 0)
                r = write_lease(store, import, block, host_ifname, now_ms, err);
        if (r == 0)
                r = store_commit(&tx, err);
        if (r < 0)
                return r;
        *ret_done = true;
        return 0;
}

int store_import_skip(struct store *store, struct ip address, const char *reason, struct err *err)
{
        int r = set_verdict(store, address, IMPORT_SKIPPED, reason, err);

        return r == 0 ? store_note(store, EVENT_IMPORT_SKIPPED, IP_TEXT(address), reason, err) : r;
}

int store_import_explain(struct store *store, struct ip address, const char *reason, struct err *err)
{
        return set_verdict(store, address, IMPORT_PENDING, reason, err);
}
