// SPDX-License-Identifier: Apache-2.0
/* Opening: the daemon's one start (store_prepare), and each thread's connection (store_open). */
#include <stdio.h>
#include <string.h>

#include <vpcwire/clock.h>
#include <vpcwire/file.h>

#include "store/files.h"
#include "store/schema.h"

static const char boot_fact[] = "boot-id"; /* whose clock the times in the file are on */

enum { BOOT_ID_MAX_BYTES = 128 };

/* ---- is it whole? ---- */

/* Puts the cure beside the cause. Starting empty instead would give addresses of running pods to others. */
static int damaged(const char *path, const struct err *cause, struct err *err)
{
        return err_set(
                err, ERR_PROTOCOL,
                "database %s is damaged (%.160s); drain the node, move the file and %s-wal away, then start "
                "again: the pool is learnt from EC2",
                path, cause->msg, path);
}

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

/* ---- what is true for a new process ---- */

/*
 * Another boot: no pod of the old one lives, and no time of the old clock means anything. What EC2 has is still
 * attached, as far as we know; its next look will tell.
 */
static int after_boot(struct store *store, int64_t now_ms, struct err *err)
{
        char text[64];
        int r = stmt_run(store, "DELETE FROM leases", NO_VALUES, err);

        snprintf(text, sizeof(text), "another boot: %u leases ended", store_changes(store));
        if (r == 0)
                r = stmt_run(store, "DELETE FROM addresses WHERE state = 'lost'", NO_VALUES, err);
        if (r == 0)
                r = stmt_run(store,
                             "UPDATE addresses SET cooling_until_ms = ?1"
                             " WHERE state IN ('leased', 'cooling') OR cooling_until_ms > 0",
                             VALUES(SQL_INT(now_ms + store->cooldown_ms)), err);
        /* EC2 may have given to others what was ours: nothing is offered before it has been asked. */
        if (r == 0)
                r = stmt_run(store,
                             "UPDATE addresses SET doubted = 1, state = 'preparing', last_used_ms = 0"
                             " WHERE state <> 'leaving'",
                             NO_VALUES, err);
        if (r == 0)
                r = stmt_run(store, "UPDATE given_back SET since_ms = ?1", VALUES(SQL_INT(now_ms)), err);
        if (r == 0)
                r = stmt_run(store, "UPDATE enis SET created_ms = ?1, since_ms = ?1", VALUES(SQL_INT(now_ms)),
                             err);
        if (r == 0)
                r = stmt_run(store, "DELETE FROM blocked", NO_VALUES, err);
        if (r == 0)
                r = stmt_run(store, "DELETE FROM imports", NO_VALUES, err);
        if (r == 0)
                r = stmt_run(store, "DELETE FROM facts", NO_VALUES, err);
        return r == 0 ? store_note(store, "boot", "", text, err) : r;
}

static int after_start(struct store *store, int64_t now_ms, struct err *err)
{
        int r = stmt_run(store, "DELETE FROM waiting", NO_VALUES, err);

        if (r == 0)
                r = stmt_run(store,
                             "UPDATE enis SET state = 'configuring', since_ms = ?1 WHERE state = 'ready'",
                             VALUES(SQL_INT(now_ms)), err);
        return r;
}

static int bring_up_to_date(struct store *store, const char *boot_id, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        int64_t now_ms = clock_boottime_ms();
        const char *old = NULL;
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = store_fact_get(store, boot_fact, arena, &old, err);
        if (r == 0 && (!old || strcmp(old, boot_id) != 0))
                r = after_boot(store, now_ms, err);
        if (r == 0)
                r = after_start(store, now_ms, err);
        if (r == 0)
                r = store_fact_set(store, boot_fact, boot_id, err);
        return r < 0 ? r : store_commit(&tx, err);
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

static int prepare(const struct store_options *options, const char *boot_id, struct err *err)
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
        if (r == 0)
                r = bring_up_to_date(store, boot_id, err);
        return r == 0 ? stmt_run(store, "PRAGMA wal_checkpoint(TRUNCATE)", NO_VALUES, err) : r;
}

int store_prepare(const struct store_options *options, struct err *err)
{
        _cleanup_free_ char *boot_id = options->boot_id ? xstrdup(options->boot_id) : NULL;
        struct err cause;
        int r = files_prepare(options->path, err);

        if (r < 0)
                return r;
        if (!boot_id && (r = read_boot_id(&boot_id, err)) < 0)
                return r;
        r = prepare(options, boot_id, &cause);
        if (r == -ERR_PROTOCOL)
                return damaged(options->path, &cause, err);
        if (r < 0 && err)
                *err = cause;
        return r;
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
        store_set_cooldown(store, options->cooldown_ms);
        *ret = TAKE_PTR(store);
        return 0;
}
