// SPDX-License-Identifier: Apache-2.0
/*
 * The world's tables in SQLite, and the few ways to speak to them. A statement takes its values as a list:
 *
 *         DB_RUN(db, err, "DELETE FROM tag WHERE resource = ?", DB_TEXT(id))
 *
 * A row that a constraint forbids is ERR_EXISTS.
 */
#ifndef VPCSIM_WORLD_DB_H
#define VPCSIM_WORLD_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include <vpcwire/err.h>
#include <vpcwire/mem.h>

struct db;

int db_open(struct db **ret, struct err *err);
struct db *db_close(struct db *db);
/* A database of its own with what "main" holds now. */
int db_copy(const struct db *from, struct db **ret, struct err *err);
/* Whether a row of "main" was written since this was last asked. */
bool db_take_changed(struct db *db);

struct db_value {
        const char *text; /* NULL: NULL, or a number */
        int64_t number;
        bool is_number;
};

#define DB_TEXT(text_)     ((struct db_value){.text = (text_)})
#define DB_NUMBER(number_) ((struct db_value){.number = (int64_t)(number_), .is_number = true})

static inline void db_statement_done(sqlite3_stmt **statement)
{
        sqlite3_finalize(*statement);
}
#define _cleanup_statement_ _cleanup_(db_statement_done)

int db_prepare(struct db *db, sqlite3_stmt **ret, const char *sql, const struct db_value *values, size_t n,
               struct err *err);
/* 1: the statement stands on a row; 0: there is none (any more). */
int db_next(sqlite3_stmt *statement, struct err *err);
/* A column's text in the arena; NULL for NULL. */
const char *db_column_text(sqlite3_stmt *statement, int column, struct arena *arena);

int db_run(struct db *db, const char *sql, const struct db_value *values, size_t n, struct err *err);
/* The first column of the first row. ERR_NOT_FOUND without a row. */
int db_read_number(struct db *db, int64_t *ret, const char *sql, const struct db_value *values, size_t n,
                   struct err *err);
int db_read_text(struct db *db, struct arena *arena, const char **ret, const char *sql,
                 const struct db_value *values, size_t n, struct err *err);
/* Rows that the last statement changed. */
int db_changes(const struct db *db);

#define DB_LIST_(...)                          ((const struct db_value[]){{0}, __VA_ARGS__})
#define DB_VALUES_(...)                        DB_LIST_(__VA_ARGS__) + 1, ARRAY_SIZE(DB_LIST_(__VA_ARGS__)) - 1
#define DB_PREPARE(db, ret, err, sql, ...)     db_prepare(db, ret, sql, DB_VALUES_(__VA_ARGS__), err)
#define DB_RUN(db, err, sql, ...)              db_run(db, sql, DB_VALUES_(__VA_ARGS__), err)
#define DB_READ_NUMBER(db, ret, err, sql, ...) db_read_number(db, ret, sql, DB_VALUES_(__VA_ARGS__), err)
#define DB_READ_TEXT(db, arena, ret, err, sql, ...)                                                          \
        db_read_text(db, arena, ret, sql, DB_VALUES_(__VA_ARGS__), err)

/* A transaction, which may stand inside another one. Not committed at the end of its scope, it is rolled back. */
struct db_transaction {
        struct db *db; /* NULL: not open */
};

int db_begin(struct db *db, struct db_transaction *ret, struct err *err);
int db_commit(struct db_transaction *transaction, struct err *err);
void db_transaction_done(struct db_transaction *transaction);
#define _cleanup_transaction_ _cleanup_(db_transaction_done)

#endif
