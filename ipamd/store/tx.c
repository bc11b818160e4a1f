// SPDX-License-Identifier: Apache-2.0
/* Transactions. What the next start must know of one (generation.h) is written before it is committed. */
#include "store/generation.h"

static int begin(struct store *store, const char *sql, struct store_tx *tx, struct err *err)
{
        int r = stmt_run(store, sql, NO_VALUES, err);

        if (r < 0)
                return r;
        tx->store = store;
        return 0;
}

int store_begin(struct store *store, struct store_tx *tx, struct err *err)
{
        return begin(store, "BEGIN IMMEDIATE", tx, err);
}

int store_begin_read(struct store *store, struct store_tx *tx, struct err *err)
{
        return begin(store, "BEGIN", tx, err);
}

int store_commit(struct store_tx *tx, struct err *err)
{
        int r = generation_before_commit(tx->store, err);

        if (r == 0)
                r = stmt_run(tx->store, "COMMIT", NO_VALUES, err);
        if (r < 0)
                return r; /* still open, or rolled back by SQLite: store_tx_done() makes sure */
        tx->store = NULL;
        return 0;
}

void store_tx_done(struct store_tx *tx)
{
        struct store *store = TAKE_PTR(tx->store);

        /* A full disk or an I/O error may have ended the transaction already. */
        if (store && !sqlite3_get_autocommit(store->db))
                (void)stmt_run(store, "ROLLBACK", NO_VALUES, NULL);
}
