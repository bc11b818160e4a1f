// SPDX-License-Identifier: Apache-2.0
/* Opening: the daemon's one start (store_prepare), and each thread's connection (store_open). */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <vpcwire/file.h>

#include "store/backup.h"
#include "store/files.h"
#include "store/generation.h"
#include "store/restart.h"
#include "store/schema.h"

enum { BOOT_ID_MAX_BYTES = 128 };

/* ---- is it whole? ---- */

static int check_pages(struct store *store, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        int r = stmt_start(store, "PRAGMA integrity_check(3)", NO_VALUES, &s, err);

        if (r == 0)
                r = stmt_step(store, s, err);
        if (r < 0)
                return r;
        if (r == 0 || strcmp(stmt_peek(s, 0), "ok") != 0)
                return err_set(err, ERR_PROTOCOL, "%s", stmt_peek(s, 0));
        return 0;
}

static int check_references(struct store *store, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        int r = stmt_start(store, "PRAGMA foreign_key_check", NO_VALUES, &s, err);

        if (r == 0)
                r = stmt_step(store, s, err);
        return r <= 0 ? r : err_set(err, ERR_PROTOCOL, "a row of %s has no parent row", stmt_peek(s, 0));
}

static int read_boot_id(char **ret, struct err *err)
{
        int r = file_read("/proc/sys/kernel/random/boot_id", BOOT_ID_MAX_BYTES, ret, NULL, err);

        if (r == 0)
                (*ret)[strcspn(*ret, "\n")] = '\0';
        return r;
}

/* The main file must know what it is: were all in the log, a lost log would leave a file that looks new. */
static int use_log(struct store *store, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        int r = stmt_start(store, "PRAGMA journal_mode = WAL", NO_VALUES, &s, err);

        if (r == 0)
                r = stmt_step(store, s, err);
        if (r < 0)
                return r;
        if (r == 0 || strcmp(stmt_peek(s, 0), "wal") != 0)
                return err_set(err, ERR_UNSUPPORTED, "database %s: its file system allows no write-ahead log",
                               store->path);
        return 0;
}

static int prepare(const struct store_options *options, const char *boot_id, struct store_prepared *ret,
                   struct err *err)
{
        _cleanup_(store_freep) struct store *store = NULL;
        int r = store_connect(options->path, &store, err);

        if (r < 0)
                return r;
        store_set_cooldown(store, options->cooldown_ms);
        r = check_pages(store, err);
        if (r == 0)
                r = use_log(store, err);
        if (r == 0)
                r = schema_migrate(store, err);
        if (r == 0)
                r = check_references(store, err);
        generation_keep(store, options->generation_path);
        if (r == 0)
                r = restart_run(store, options, boot_id, ret, err);
        return r == 0 ? stmt_run(store, "PRAGMA wal_checkpoint(TRUNCATE)", NO_VALUES, err) : r;
}

static int try_prepare(const struct store_options *options, const char *boot_id, struct store_prepared *ret,
                       struct err *err)
{
        _cleanup_close_ int lock_fd = -1;
        int r = files_prepare(options->path, err);

        if (r == 0)
                r = files_lock(options->path, &lock_fd, err);
        if (r == 0)
                r = prepare(options, boot_id, ret, err);
        if (r == 0)
                ret->lock_fd = TAKE_FD(lock_fd);
        return r;
}

/* Nobody can mend it, and nothing is lost with it: EC2 knows the pool, and the kernel who runs. */
static bool is_useless(int r, enum backup_why *ret)
{
        *ret = r == -ERR_INVALID ? BACKUP_OTHER_SCHEMA : BACKUP_DAMAGED;
        return r == -ERR_INVALID || r == -ERR_PROTOCOL;
}

int store_prepare(const struct store_options *options, struct store_prepared *ret, struct err *err)
{
        _cleanup_free_ char *boot_id = options->boot_id ? xstrdup(options->boot_id) : NULL;
        struct store_prepared prepared = {.lock_fd = -1};
        enum backup_why why;
        struct err cause;
        int r = 0;

        if (!boot_id && (r = read_boot_id(&boot_id, err)) < 0)
                return r;
        r = try_prepare(options, boot_id, &prepared, &cause);
        if (r < 0 && is_useless(r, &why)) {
                r = backup_move(options->path, why, prepared.backup, err);
                if (r < 0)
                        return r;
                snprintf(prepared.why_backup, sizeof(prepared.why_backup), "%.255s", cause.msg);
                r = try_prepare(options, boot_id, &prepared, &cause);
        }
        if (r < 0 && err)
                *err = cause;
        if (r < 0)
                return r;
        if (ret)
                *ret = prepared;
        else if (prepared.lock_fd >= 0)
                close(prepared.lock_fd);
        return 0;
}

int store_open(const struct store_options *options, struct store **ret, struct err *err)
{
        _cleanup_(store_freep) struct store *store = NULL;
        int r = files_check(options->path, err);

        if (r == 0)
                r = store_connect(options->path, &store, err);
        if (r == 0)
                r = schema_check_version(store, err);
        if (r < 0)
                return r;
        assert(store);
        store_set_cooldown(store, options->cooldown_ms);
        store->busy_timeout_ms = options->busy_timeout_ms ?: STORE_BUSY_TIMEOUT_MS;
        generation_keep(store, options->generation_path);
        *ret = TAKE_PTR(store);
        return 0;
}
