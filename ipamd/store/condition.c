// SPDX-License-Identifier: Apache-2.0
#include "store/conditions.h"
#include "store/stmt.h"

int store_condition_set(struct store *store, const struct condition *condition, struct err *err)
{
        return stmt_run(
                store,
                "INSERT INTO conditions (kind, object, cause, message, attempts, retry_at_ms)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET cause = excluded.cause,"
                " message = excluded.message, attempts = excluded.attempts,"
                " retry_at_ms = excluded.retry_at_ms",
                VALUES(SQL_TEXT(condition_kind_to_string(condition->kind)), SQL_TEXT(condition->object),
                       SQL_TEXT(condition_cause_to_string(condition->cause)), SQL_TEXT(condition->message),
                       SQL_INT(condition->attempts), SQL_INT(condition->retry_at_ms)),
                err);
}

int store_condition_clear(struct store *store, enum condition_kind kind, const char *object, struct err *err)
{
        return stmt_run(store, "DELETE FROM conditions WHERE kind = ?1 AND object = ?2",
                        VALUES(SQL_TEXT(condition_kind_to_string(kind)), SQL_TEXT(object)), err);
}

int store_conditions(struct store *store, struct arena *arena, struct condition **ret, size_t *ret_n,
                     struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        _cleanup_free_ struct condition *rows = NULL;
        size_t n = 0, capacity = 0;
        int r = stmt_start(store,
                           "SELECT kind, object, cause, message, attempts, retry_at_ms FROM conditions"
                           " ORDER BY kind, object",
                           NO_VALUES, &s, err);

        while (r >= 0 && (r = stmt_step(store, s, err)) > 0) {
                GROW(rows, n, capacity);
                rows[n++] = (struct condition){
                        .kind = condition_kind_parse(stmt_peek(s, 0)),
                        .object = stmt_text(s, 1, arena),
                        .cause = condition_cause_parse(stmt_peek(s, 2)),
                        .message = stmt_text(s, 3, arena),
                        .attempts = stmt_unsigned(s, 4),
                        .retry_at_ms = stmt_int(s, 5),
                };
        }
        if (r < 0)
                return r;
        *ret = stmt_rows(arena, rows, n, sizeof(*rows));
        *ret_n = n;
        return 0;
}
