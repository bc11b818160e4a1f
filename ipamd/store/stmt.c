// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>

#include <vpcwire/clock.h>

#include "store/stmt.h"

/*
 * SQLite's own handler starts with whole milliseconds; a transaction of the other thread is over in microseconds. On a disk
 * it takes milliseconds, and a thread with one transaction after the other leaves only a moment between them: pending ADDs
 * must ask often, or never finds that moment.
 */
static int busy(void *data, int attempts)
{
        enum { FIRST_NS = 50 * 1000, DOUBLINGS = 3 };
        struct store *store = data;
        int64_t now_ms = clock_boottime_ms();
        struct timespec wait = {.tv_nsec = FIRST_NS << (attempts < DOUBLINGS ? attempts : DOUBLINGS)};

        if (attempts == 0)
                store->busy_until_ms = now_ms + store->busy_timeout_ms;
        if (now_ms >= store->busy_until_ms)
                return 0;
        nanosleep(&wait, NULL);
        return 1;
}

static const struct {
        int rc; /* primary result code */
        enum err_code code;
        int sys_errno;
} result_codes[] = {
        {SQLITE_BUSY, ERR_BUSY, EBUSY},       {SQLITE_LOCKED, ERR_BUSY, EBUSY},
        {SQLITE_FULL, ERR_SYSTEM, ENOSPC},    {SQLITE_IOERR, ERR_SYSTEM, EIO},
        {SQLITE_CANTOPEN, ERR_SYSTEM, 0},     {SQLITE_READONLY, ERR_DENIED, EROFS},
        {SQLITE_PERM, ERR_DENIED, EACCES},    {SQLITE_AUTH, ERR_DENIED, EACCES},
        {SQLITE_CORRUPT, ERR_PROTOCOL, 0},    {SQLITE_NOTADB, ERR_PROTOCOL, 0},
        {SQLITE_CONSTRAINT, ERR_INTERNAL, 0}, {SQLITE_TOOBIG, ERR_LIMIT, 0},
        {SQLITE_NOMEM, ERR_SYSTEM, ENOMEM},
};

int store_fail(struct store *store, int rc, struct err *err)
{
        int sys_errno = sqlite3_system_errno(store->db), fallback = 0;
        enum err_code code = ERR_INTERNAL;

        for (size_t i = 0; i < ARRAY_SIZE(result_codes); i++) {
                if (result_codes[i].rc == (rc & 0xff)) {
                        code = result_codes[i].code;
                        fallback = result_codes[i].sys_errno;
                }
        }
        if ((rc & 0xff) == SQLITE_IOERR && sys_errno)
                err_set(err, code, "database %s: %s: %s", store->path, sqlite3_errmsg(store->db),
                        strerrordesc_np(sys_errno) ?: "?");
        else
                err_set(err, code, "database %s: %s", store->path, sqlite3_errmsg(store->db));
        if (err && code != ERR_INTERNAL && code != ERR_PROTOCOL)
                err->sys_errno = fallback != EIO ? fallback : (sys_errno ?: EIO);
        return -(int)code;
}

/* ---- the connection ---- */

/*
 * A file in memory is gone after a power cut: nothing is to be gained by fsync(). On a disk the last commits must not go, or
 * addresses come back to life that were given back to EC2.
 */
static bool is_in_memory(const char *path)
{
        struct statfs fs;

        return statfs(path, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

static int configure(struct store *store)
{
        int rc = sqlite3_extended_result_codes(store->db, 1);

        if (rc == SQLITE_OK)
                rc = sqlite3_busy_handler(store->db, busy, store);
        if (rc == SQLITE_OK)
                rc = sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_exec(
                        store->db,
                        "PRAGMA foreign_keys = ON;"
                        "PRAGMA synchronous = NORMAL;"
                        /* A statement's own journal in small pieces; else 64 KiB come and go with each UPDATE: 50 µs. */
                        "PRAGMA temp_store = MEMORY;"
                        "PRAGMA cell_size_check = ON;"
                        "PRAGMA journal_size_limit = 8388608;", /* the WAL after a checkpoint */
                        NULL, NULL, NULL);
        if (rc == SQLITE_OK && !is_in_memory(store->path))
                rc = sqlite3_exec(store->db, "PRAGMA synchronous = FULL", NULL, NULL, NULL);
        return rc;
}

int store_connect_as(const char *path, const char *name, int flags, struct store **ret, struct err *err)
{
        _cleanup_(store_freep) struct store *store = XNEW(struct store);
        int rc;

        store->path = xstrdup(path);
        store->busy_timeout_ms = STORE_BUSY_TIMEOUT_MS;
        rc = sqlite3_open_v2(name, &store->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
        if (rc == SQLITE_OK)
                rc = configure(store);
        if (rc != SQLITE_OK)
                return store_fail(store, rc, err);
        *ret = TAKE_PTR(store);
        return 0;
}

int store_connect(const char *path, struct store **ret, struct err *err)
{
        return store_connect_as(path, path, SQLITE_OPEN_READWRITE, ret, err);
}

struct store *store_free(struct store *store)
{
        if (!store)
                return NULL;
        for (size_t i = 0; i < store->n_statements; i++)
                sqlite3_finalize(store->statements[i].stmt);
        sqlite3_close(store->db);
        free(store->generation_path);
        free(store->path);
        free(store);
        return NULL;
}

void store_set_cooldown(struct store *store, int64_t cooldown_ms)
{
        store->cooldown_ms = cooldown_ms;
}

/* ---- statements ---- */

static int prepared(struct store *store, const char *sql, sqlite3_stmt **ret, struct err *err)
{
        sqlite3_stmt *stmt = NULL;
        int rc;

        for (size_t i = 0; i < store->n_statements; i++) {
                if (store->statements[i].sql == sql) {
                        *ret = store->statements[i].stmt;
                        return 0;
                }
        }
        if (store->n_statements == STORE_STATEMENTS_MAX)
                return err_set(err, ERR_INTERNAL, "more than %d SQL statements", STORE_STATEMENTS_MAX);
        rc = sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
        if (rc != SQLITE_OK)
                return store_fail(store, rc, err);
        store->statements[store->n_statements].sql = sql;
        store->statements[store->n_statements++].stmt = stmt;
        *ret = stmt;
        return 0;
}

int stmt_start(struct store *store, const char *sql, const struct sql_value *values, size_t n,
               sqlite3_stmt **ret, struct err *err)
{
        sqlite3_stmt *stmt = NULL;
        int rc = SQLITE_OK;
        int r = prepared(store, sql, &stmt, err);

        if (r < 0)
                return r;
        if (sqlite3_stmt_busy(stmt))
                return err_set(err, ERR_INTERNAL, "SQL statement within itself: %.80s", sql);
        for (size_t i = 0; i < n && rc == SQLITE_OK; i++) {
                if (values[i].is_null)
                        rc = sqlite3_bind_null(stmt, (int)i + 1);
                else if (values[i].text)
                        rc = sqlite3_bind_text(stmt, (int)i + 1, values[i].text, -1, SQLITE_STATIC);
                else
                        rc = sqlite3_bind_int64(stmt, (int)i + 1, values[i].number);
        }
        if (rc != SQLITE_OK)
                return store_fail(store, rc, err);
        *ret = stmt;
        return 0;
}

int stmt_step(struct store *store, sqlite3_stmt *stmt, struct err *err)
{
        int rc = sqlite3_step(stmt);

        if (rc == SQLITE_ROW)
                return 1;
        return rc == SQLITE_DONE ? 0 : store_fail(store, rc, err);
}

void stmt_donep(sqlite3_stmt **stmt)
{
        if (*stmt)
                sqlite3_reset(*stmt);
}

int stmt_run(struct store *store, const char *sql, const struct sql_value *values, size_t n, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *stmt = NULL;
        int r = stmt_start(store, sql, values, n, &stmt, err);

        if (r < 0)
                return r;
        while ((r = stmt_step(store, stmt, err)) > 0)
                continue;
        return r;
}

static unsigned hex_digit(char digit)
{
        return (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

const char *hex_format(struct ip ip, char text[static HEX_BYTES])
{
        static const char digits[] = "0123456789abcdef";
        size_t n = ip_is_set(ip) ? ip_max_bits(ip) / 8 : 0;

        for (size_t i = 0; i < n; i++) {
                text[2 * i] = digits[ip.bytes[i] >> 4];
                text[2 * i + 1] = digits[ip.bytes[i] & 0xf];
        }
        text[2 * n] = '\0';
        return text;
}

unsigned sql_family(struct ip ip)
{
        return ip.family == AF_INET ? 4 : 6;
}

unsigned store_changes(struct store *store)
{
        return (unsigned)sqlite3_changes(store->db);
}

int stmt_number(struct store *store, const char *sql, const struct sql_value *values, size_t n, int64_t *ret,
                struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *stmt = NULL;
        int r = stmt_start(store, sql, values, n, &stmt, err);

        if (r < 0)
                return r;
        r = stmt_step(store, stmt, err);
        if (r > 0)
                *ret = sqlite3_column_int64(stmt, 0);
        return r;
}

const char *stmt_peek(sqlite3_stmt *stmt, int column)
{
        const unsigned char *text = sqlite3_column_text(stmt, column);

        return text ? (const char *)text : "";
}

const char *stmt_text(sqlite3_stmt *stmt, int column, struct arena *arena)
{
        return arena_strdup(arena, stmt_peek(stmt, column));
}

void stmt_copy(sqlite3_stmt *stmt, int column, char *buffer, size_t bytes)
{
        snprintf(buffer, bytes, "%s", stmt_peek(stmt, column));
}

int64_t stmt_int(sqlite3_stmt *stmt, int column)
{
        return sqlite3_column_int64(stmt, column);
}

unsigned stmt_unsigned(sqlite3_stmt *stmt, int column)
{
        return (unsigned)sqlite3_column_int64(stmt, column);
}

struct ip stmt_ip(sqlite3_stmt *stmt, int column)
{
        const char *text = stmt_peek(stmt, column);
        size_t n = strlen(text) / 2;
        struct ip ip = {.family = n == 4 ? AF_INET : AF_INET6};

        if (!n)
                return IP_NONE;
        assert(n == 4 || n == sizeof(ip.bytes)); /* CHECK */
        for (size_t i = 0; i < n; i++)
                ip.bytes[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
        return ip;
}

struct prefix stmt_prefix(sqlite3_stmt *stmt, int column)
{
        return (struct prefix){stmt_ip(stmt, column), stmt_unsigned(stmt, column + 1)};
}

void *stmt_rows(struct arena *arena, const void *rows, size_t n, size_t bytes)
{
        void *copy = arena_alloc(arena, n, bytes);

        return n ? memcpy(copy, rows, n * bytes) : copy;
}
