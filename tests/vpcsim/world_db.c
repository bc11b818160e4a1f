// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "world_db.h"

struct db {
        sqlite3 *handle;
        bool changed; /* something of "main" was written; see db_take_changed() */
};

/*
 * Addresses are unique within a VPC, MACs and ids everywhere, device indexes within an instance. A row of `address`, from
 * number to last, is a single one or a prefix of 16; one of `ipv6` is the address `host` in a /80 `block`, or without a
 * host the whole block; `taken` are addresses that no ENI of ours has. *_ms of what is due are on CLOCK_BOOTTIME, *_wall_ms
 * are wall clock. imds_ms: from when IMDS shows it; NULL: not yet known. stuck: attachments that stay in a state, '*' for
 * all. The schema "apart" holds what is no part of the world that a late face shows.
 */
static const char SCHEMA[] =
        "CREATE TABLE account (id TEXT PRIMARY KEY) STRICT;"
        "CREATE TABLE vpc (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT;"
        "CREATE TABLE vpc_cidr (vpc TEXT NOT NULL REFERENCES vpc (id), cidr TEXT NOT NULL, first INTEGER NOT "
        "NULL,"
        " last INTEGER NOT NULL CHECK (last > first), PRIMARY KEY (vpc, cidr)) STRICT;"
        "CREATE TABLE vpc_ipv6_cidr (vpc TEXT NOT NULL REFERENCES vpc (id), cidr TEXT NOT NULL, PRIMARY KEY "
        "(vpc, cidr)) STRICT;"
        "CREATE TABLE subnet (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT UNIQUE, vpc TEXT "
        "NOT NULL"
        " REFERENCES vpc (id), cidr TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL CHECK (last "
        ">= first + 15),"
        " zone TEXT NOT NULL, last_given INTEGER NOT NULL DEFAULT 0, ipv6_cidr TEXT UNIQUE) STRICT;"
        "CREATE TABLE reservation (subnet TEXT NOT NULL REFERENCES subnet (id), first INTEGER NOT NULL, last "
        "INTEGER NOT NULL CHECK (last >= first), type TEXT NOT NULL CHECK (type IN ('prefix', 'explicit')),"
        " PRIMARY KEY (subnet, first)) STRICT;"
        "CREATE TABLE taken (subnet TEXT NOT NULL REFERENCES subnet (id), number INTEGER NOT NULL,"
        " PRIMARY KEY (subnet, number)) STRICT;"
        "CREATE TABLE security_group (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, vpc TEXT NOT NULL "
        "REFERENCES vpc (id),"
        " name TEXT NOT NULL, description TEXT NOT NULL, UNIQUE (vpc, name)) STRICT;"
        "CREATE TABLE instance (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE, "
        "type TEXT NOT NULL,"
        " max_enis INTEGER NOT NULL CHECK (max_enis > 0), ipv4_per_eni INTEGER NOT NULL CHECK (ipv4_per_eni "
        "> 0),"
        " max_branches INTEGER NOT NULL,"
        " subnet TEXT NOT NULL REFERENCES subnet (id), hop_limit INTEGER NOT NULL CHECK (hop_limit BETWEEN 1 "
        "AND 64), launch_wall_ms INTEGER NOT NULL) STRICT;"
        "CREATE TABLE eni (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, subnet TEXT NOT "
        "NULL REFERENCES subnet"
        " (id), vpc TEXT NOT NULL REFERENCES vpc (id), mac TEXT NOT NULL UNIQUE, description TEXT NOT NULL,"
        " source_dest_check INTEGER NOT NULL DEFAULT 1 CHECK (source_dest_check IN (0, 1)), type TEXT NOT "
        "NULL"
        " CHECK (type IN ('interface', 'trunk', 'branch'))) STRICT;"
        "CREATE TABLE address (seq INTEGER PRIMARY KEY AUTOINCREMENT, vpc TEXT NOT NULL REFERENCES vpc (id), "
        "number INTEGER NOT"
        " NULL, ip TEXT NOT NULL, eni TEXT NOT NULL REFERENCES eni (id), is_primary INTEGER NOT NULL CHECK "
        "(is_primary IN (0, 1)),"
        " public TEXT UNIQUE, imds_ms INTEGER NOT NULL, last INTEGER NOT NULL, UNIQUE (vpc, number), UNIQUE "
        "(vpc, ip),"
        " CHECK (last = number OR (last = number + 15 AND number % 16 = 0 AND NOT is_primary))) STRICT;"
        "CREATE UNIQUE INDEX address_primary ON address (eni) WHERE is_primary;"
        "CREATE INDEX address_eni ON address (eni, seq);"
        "CREATE TABLE ipv6 (seq INTEGER PRIMARY KEY AUTOINCREMENT, subnet TEXT NOT NULL REFERENCES subnet "
        "(id),"
        " block INTEGER NOT NULL CHECK (block BETWEEN 0 AND 65535), host INTEGER, cidr TEXT NOT NULL UNIQUE,"
        " eni TEXT NOT NULL REFERENCES eni (id), imds_ms INTEGER NOT NULL, UNIQUE (subnet, block, host)) "
        "STRICT;"
        "CREATE UNIQUE INDEX ipv6_prefix ON ipv6 (subnet, block) WHERE host IS NULL;"
        "CREATE INDEX ipv6_eni ON ipv6 (eni, seq);"
        "CREATE TABLE attachment (id TEXT PRIMARY KEY, eni TEXT NOT NULL UNIQUE REFERENCES eni (id), "
        "instance TEXT NOT NULL"
        " REFERENCES instance (id), device_index INTEGER NOT NULL, status TEXT NOT NULL CHECK (status IN "
        "('attaching', 'attached',"
        " 'detaching')), delete_on_termination INTEGER NOT NULL CHECK (delete_on_termination IN (0, 1)), "
        "attach_wall_ms INTEGER"
        " NOT NULL, due_ms INTEGER, has_link INTEGER NOT NULL DEFAULT 0, imds_ms INTEGER, UNIQUE (instance, "
        "device_index),"
        " CHECK ((status = 'attached') = (due_ms IS NULL))) STRICT;"
        "CREATE TABLE eni_group (eni TEXT NOT NULL REFERENCES eni (id), security_group TEXT NOT NULL "
        "REFERENCES security_group (id),"
        " PRIMARY KEY (eni, security_group)) STRICT;"
        "CREATE TABLE tag (resource TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY "
        "(resource, key)) STRICT;"
        "CREATE TABLE client_token (action TEXT NOT NULL, token TEXT NOT NULL, fingerprint TEXT NOT NULL, "
        "made "
        "TEXT NOT NULL, PRIMARY KEY (action, token)) STRICT;"
        "CREATE TABLE trunk_association (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, "
        "trunk "
        "TEXT NOT NULL REFERENCES eni (id), branch TEXT NOT NULL UNIQUE REFERENCES eni (id), vlan INTEGER "
        "NOT "
        "NULL CHECK (vlan BETWEEN 1 AND 4094), UNIQUE (trunk, vlan)) STRICT;"
        "CREATE TABLE stuck (state TEXT NOT NULL CHECK (state IN ('attaching', 'detaching')), eni TEXT NOT "
        "NULL, PRIMARY KEY (state, eni)) STRICT;"
        "ATTACH ':memory:' AS apart;"
        "CREATE TABLE apart.secret (access_key_id TEXT PRIMARY KEY, secret_access_key TEXT NOT NULL,"
        " session_token TEXT, node TEXT, issued_wall_ms INTEGER, expires_wall_ms INTEGER, arn TEXT,"
        " CHECK ((session_token IS NULL) = (expires_wall_ms IS NULL))) STRICT;"
        "CREATE TABLE apart.sts_role (arn TEXT PRIMARY KEY, id TEXT NOT NULL, web_identity_token TEXT, "
        "denied TEXT) "
        "STRICT;"
        "CREATE TABLE apart.imds_token (token TEXT PRIMARY KEY, node TEXT NOT NULL, ends_ms INTEGER NOT "
        "NULL) "
        "STRICT;"
        "CREATE TABLE apart.call (seq INTEGER PRIMARY KEY AUTOINCREMENT, at_wall_ms INTEGER NOT NULL,"
        " action TEXT NOT NULL, node TEXT, status INTEGER NOT NULL, code TEXT) STRICT;"
        "CREATE TABLE apart.call_count (action TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT;";

static int fail(struct db *db, int code, const char *sql, struct err *err)
{
        if ((code & 0xff) == SQLITE_CONSTRAINT)
                return err_set(err, ERR_EXISTS, "%s", sqlite3_errmsg(db->handle));
        return err_set(err, ERR_INTERNAL, "world's database: %s (%.80s)", sqlite3_errmsg(db->handle), sql);
}

static void note_change(void *userdata, int kind _unused_, const char *schema, const char *table _unused_,
                        sqlite3_int64 row _unused_)
{
        struct db *db = userdata;

        db->changed = db->changed || strcmp(schema, "main") == 0;
}

bool db_take_changed(struct db *db)
{
        bool changed = db->changed;

        db->changed = false;
        return changed;
}

int db_copy(const struct db *from, struct db **ret, struct err *err)
{
        struct db *db = XNEW(struct db);
        sqlite3_backup *backup = NULL;
        int code;

        code = sqlite3_open(":memory:", &db->handle);
        if (code == SQLITE_OK)
                backup = sqlite3_backup_init(db->handle, "main", from->handle, "main");
        if (backup) {
                (void)sqlite3_backup_step(backup, -1);
                code = sqlite3_backup_finish(backup);
        }
        if (!backup || code != SQLITE_OK) {
                (void)err_set(err, ERR_INTERNAL, "copy the world's database: %s", sqlite3_errmsg(db->handle));
                db_close(db);
                return -ERR_INTERNAL;
        }
        *ret = db;
        return 0;
}

int db_open(struct db **ret, struct err *err)
{
        struct db *db = XNEW(struct db);
        int r = 0;

        if (sqlite3_open(":memory:", &db->handle) != SQLITE_OK ||
            sqlite3_exec(db->handle, "PRAGMA foreign_keys = ON;", NULL, NULL, NULL) != SQLITE_OK ||
            sqlite3_exec(db->handle, SCHEMA, NULL, NULL, NULL) != SQLITE_OK)
                r = err_set(err, ERR_INTERNAL, "make the world's database: %s", sqlite3_errmsg(db->handle));
        if (r < 0) {
                db_close(db);
                return r;
        }
        sqlite3_update_hook(db->handle, note_change, db);
        *ret = db;
        return 0;
}

struct db *db_close(struct db *db)
{
        if (!db)
                return NULL;
        sqlite3_close(db->handle);
        free(db);
        return NULL;
}

int db_prepare(struct db *db, sqlite3_stmt **ret, const char *sql, const struct db_value *values, size_t n,
               struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        int code;

        code = sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL);
        if (code != SQLITE_OK)
                return fail(db, code, sql, err);
        for (size_t i = 0; i < n; i++) {
                if (values[i].is_number)
                        code = sqlite3_bind_int64(statement, (int)i + 1, values[i].number);
                else
                        code = sqlite3_bind_text(statement, (int)i + 1, values[i].text, -1, SQLITE_TRANSIENT);
                if (code != SQLITE_OK)
                        return fail(db, code, sql, err);
        }
        *ret = TAKE_PTR(statement);
        return 0;
}

int db_next(sqlite3_stmt *statement, struct err *err)
{
        struct db db = {sqlite3_db_handle(statement)};
        int code = sqlite3_step(statement);

        if (code == SQLITE_ROW)
                return 1;
        if (code == SQLITE_DONE)
                return 0;
        return fail(&db, code, sqlite3_sql(statement), err);
}

const char *db_column_text(sqlite3_stmt *statement, int column, struct arena *arena)
{
        const char *text = (const char *)sqlite3_column_text(statement, column);

        return text ? arena_strdup(arena, text) : NULL;
}

int db_run(struct db *db, const char *sql, const struct db_value *values, size_t n, struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        int r;

        r = db_prepare(db, &statement, sql, values, n, err);
        if (r < 0)
                return r;
        do
                r = db_next(statement, err);
        while (r > 0);
        return r;
}

static int first_row(struct db *db, sqlite3_stmt **ret, const char *sql, const struct db_value *values,
                     size_t n, struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        int r;

        r = db_prepare(db, &statement, sql, values, n, err);
        if (r < 0)
                return r;
        r = db_next(statement, err);
        if (r < 0)
                return r;
        if (r == 0)
                return err_set(err, ERR_NOT_FOUND, "not in the world");
        *ret = TAKE_PTR(statement);
        return 0;
}

int db_read_number(struct db *db, int64_t *ret, const char *sql, const struct db_value *values, size_t n,
                   struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        int r;

        r = first_row(db, &statement, sql, values, n, err);
        if (r < 0)
                return r;
        *ret = sqlite3_column_int64(statement, 0);
        return 0;
}

int db_read_text(struct db *db, struct arena *arena, const char **ret, const char *sql,
                 const struct db_value *values, size_t n, struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        int r;

        r = first_row(db, &statement, sql, values, n, err);
        if (r < 0)
                return r;
        *ret = db_column_text(statement, 0, arena);
        return 0;
}

int db_changes(const struct db *db)
{
        return sqlite3_changes(db->handle);
}

int db_begin(struct db *db, struct db_transaction *ret, struct err *err)
{
        int r = DB_RUN(db, err, "SAVEPOINT verb");

        if (r < 0)
                return r;
        ret->db = db;
        return 0;
}

int db_commit(struct db_transaction *transaction, struct err *err)
{
        int r = DB_RUN(transaction->db, err, "RELEASE verb");

        if (r < 0)
                return r;
        transaction->db = NULL;
        return 0;
}

void db_transaction_done(struct db_transaction *transaction)
{
        if (!transaction->db)
                return;
        DB_RUN(transaction->db, NULL, "ROLLBACK TO verb");
        DB_RUN(transaction->db, NULL, "RELEASE verb");
        transaction->db = NULL;
}
