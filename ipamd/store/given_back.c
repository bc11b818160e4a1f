// SPDX-License-Identifier: Apache-2.0
/*
 * What EC2 took back from us, by its own answer. A Describe may be late and show it once more; believed, it would become a
 * pod's address that EC2 gives to somebody else. So it is remembered until a resync does not show it, or EC2 gives it anew.
 */
#include "store/stmt.h"

int given_back_note(struct store *store, int64_t key, struct prefix block, int64_t now_ms, struct err *err)
{
        return stmt_run(store,
                        "INSERT OR REPLACE INTO given_back (eni_id, block, since_ms)"
                        " SELECT eni_id, ?2, ?3 FROM enis WHERE key = ?1 AND eni_id IS NOT NULL",
                        VALUES(SQL_INT(key), SQL_CIDR(block), SQL_INT(now_ms)), err);
}

int given_back_add(struct store *store, const struct store_given_back *row, struct err *err)
{
        return stmt_run(store,
                        "INSERT OR REPLACE INTO given_back (eni_id, block, since_ms) VALUES (?1, ?2, ?3)",
                        VALUES(SQL_TEXT(row->eni_id), SQL_CIDR(row->block), SQL_INT(row->since_ms)), err);
}

int given_back_forget(struct store *store, int64_t key, struct prefix block, struct err *err)
{
        return stmt_run(store,
                        "DELETE FROM given_back WHERE block = ?2"
                        " AND eni_id = (SELECT eni_id FROM enis WHERE key = ?1)",
                        VALUES(SQL_INT(key), SQL_CIDR(block)), err);
}

int store_given_back(struct store *store, struct arena *arena, struct store_given_back **ret, size_t *ret_n,
                     struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        _cleanup_free_ struct store_given_back *rows = NULL;
        size_t n = 0, capacity = 0;
        int r = stmt_start(store, "SELECT eni_id, block, since_ms FROM given_back", NO_VALUES, &s, err);

        while (r >= 0 && (r = stmt_step(store, s, err)) > 0) {
                GROW(rows, n, capacity);
                rows[n] = (struct store_given_back){.eni_id = stmt_text(s, 0, arena),
                                                    .since_ms = stmt_int(s, 2)};
                (void)prefix_parse(stmt_peek(s, 1), &rows[n++].block, NULL); /* we wrote it; "" stays unset */
        }
        if (r < 0)
                return r;
        *ret = stmt_rows(arena, rows, n, sizeof(*rows));
        *ret_n = n;
        return 0;
}

int given_back_drop(struct store *store, const struct store_given_back *row, struct err *err)
{
        return stmt_run(store, "DELETE FROM given_back WHERE eni_id = ?1 AND block = ?2",
                        VALUES(SQL_TEXT(row->eni_id), SQL_CIDR(row->block)), err);
}

int store_given_back_settled(struct store *store, const struct store_given_back *row, struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = given_back_drop(store, row, err);
        return r == 0 ? store_commit(&tx, err) : r;
}
