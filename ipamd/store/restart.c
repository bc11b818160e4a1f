// SPDX-License-Identifier: Apache-2.0
/* The daemon's start: the database as it was left becomes true for a new process. */
#include <stdio.h>
#include <string.h>

#include <vpcwire/clock.h>

#include "store/generation.h"
#include "store/pick.h"
#include "store/restart.h"

/*
 * The database may be older than what EC2 did since: it may have given to others what it calls ours. Nothing that no pod has is
 * offered before EC2 has been looked at.
 */
static int doubt_all(struct store *store, struct err *err)
{
        int r = stmt_run(store,
                         "UPDATE blocks SET doubted = 1,"
                         " state = CASE state WHEN 'usable' THEN 'preparing' ELSE state END"
                         " WHERE state <> 'leaving'",
                         NO_VALUES, err);

        return r == 0 ? stmt_run(store, "DELETE FROM facts WHERE name = '" STORE_FACT_RESYNCED "'", NO_VALUES,
                                 err)
                      : r;
}

static int after_another_copy(struct store *store, const struct generation_file *last, int64_t now_ms,
                              struct err *err)
{
        int r = generation_adopt(store, last, now_ms, err);

        return r == 0 ? store_note(store, EVENT_DATABASE_OUTDATED, "",
                                   "this is an older copy; pods get no address before a sync with EC2", err)
                      : r;
}

/*
 * Another boot: no pod of the old one lives, and no time of the old clock means anything. But a container has a boot id of its
 * own, and may be started anew beside pods that run: what the kernel shows in use stays leased. What EC2 has is still
 * attached, as far as we know; its next resync will tell.
 */
static int after_boot(struct store *store, bool is_first, int64_t now_ms, struct err *err)
{
        static const char forget_facts[] = "DELETE FROM facts WHERE name NOT IN ('" STORE_FACT_INSTANCE
                                           "', '" STORE_FACT_GENERATION "')";
        static const char *const steps[] = {"UPDATE blocks SET free_since_ms = 0",
                                            "UPDATE leases SET link_missing_since_ms = 0",
                                            "DELETE FROM conditions", "DELETE FROM imports", forget_facts};
        static const char *const timed[] = {"UPDATE leases SET since_ms = ?1",
                                            "UPDATE enis SET created_ms = ?1, since_ms = ?1",
                                            "UPDATE given_back SET since_ms = ?1"};
        char text[64];
        unsigned ended;
        int r = evidence_end_other_leases(store, now_ms, &ended, err);

        for (size_t i = 0; i < ARRAY_SIZE(steps) && r == 0; i++)
                r = stmt_run(store, steps[i], NO_VALUES, err);
        for (size_t i = 0; i < ARRAY_SIZE(timed) && r == 0; i++)
                r = stmt_run(store, timed[i], VALUES(SQL_INT(now_ms)), err);
        if (r == 0)
                r = stmt_run(store, "UPDATE addresses SET usable_from_ms = ?1 WHERE usable_from_ms > 0",
                             VALUES(SQL_INT(now_ms + store->cooldown_ms)), err);
        if (r == 0)
                r = doubt_all(store, err);
        if (r < 0)
                return r;
        snprintf(text, sizeof(text), "node rebooted: %u leases released", ended);
        return store_note(store, EVENT_BOOT, "", is_first ? "the database is new" : text, err);
}

/*
 * The same boot, and its clock is earlier than times in the file: a snapshot of a virtual machine was restored. What lies in the
 * future was now, and no wait is longer than it can have been meant to be.
 */
static int after_clock(struct store *store, int64_t now_ms, struct err *err)
{
        static const char *const past[] = {
                "UPDATE enis SET created_ms = ?1 WHERE created_ms > ?1",
                "UPDATE enis SET since_ms = ?1 WHERE since_ms > ?1",
                "UPDATE blocks SET free_since_ms = ?1 WHERE free_since_ms > ?1",
                "UPDATE leases SET since_ms = ?1 WHERE since_ms > ?1",
                "UPDATE leases SET link_missing_since_ms = ?1 WHERE link_missing_since_ms > ?1",
                "UPDATE given_back SET since_ms = ?1 WHERE since_ms > ?1",
        };
        unsigned changed = 0;
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(past) && r == 0; i++) {
                r = stmt_run(store, past[i], VALUES(SQL_INT(now_ms)), err);
                changed += store_changes(store);
        }
        if (r == 0)
                r = pick_sweep(store, now_ms, err);
        if (r < 0 || !changed)
                return r;
        r = stmt_run(store, "UPDATE conditions SET retry_at_ms = ?1 WHERE retry_at_ms > ?1",
                     VALUES(SQL_INT(now_ms)), err);
        if (r == 0) /* or an answer of the future would stay the newest */
                r = stmt_run(store, "DELETE FROM facts WHERE name = '" STORE_FACT_PROBE "'", NO_VALUES, err);
        return r == 0 ? store_note(store, EVENT_CLOCK, "",
                                   "the node's clock went back (a snapshot was restored)", err)
                      : r;
}

static int after_start(struct store *store, int64_t now_ms, struct err *err)
{
        int r = stmt_run(store, "DELETE FROM waiting", NO_VALUES, err);

        if (r == 0)
                r = stmt_run(store,
                             "UPDATE enis SET state = 'configuring', since_ms = ?1 WHERE state = 'ready'",
                             VALUES(SQL_INT(now_ms)), err);
        return r == 0 ? eni_number_all(store, err) : r;
}

int restart_run(struct store *store, const struct store_options *options, const char *boot_id,
                struct store_prepared *ret, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        int64_t now_ms = clock_boottime_ms();
        struct generation_file last = {0};
        const char *old = NULL;
        bool other_boot;
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = store_fact_get(store, STORE_FACT_BOOT, arena, &old, err);
        other_boot = !old || strcmp(old, boot_id) != 0;
        if (r == 0)
                r = generation_read(store, arena, &last, &ret->outdated, err);
        /* A boot empties the folder of the socket: that there is no file says nothing then. */
        ret->outdated = ret->outdated && (last.generation || !other_boot);
        if (r == 0 && ret->outdated)
                r = after_another_copy(store, &last, now_ms, err);
        if (r == 0)
                r = evidence_load(store, options->running, options->n_running, err);
        if (r == 0 && other_boot)
                r = after_boot(store, !old, now_ms, err);
        if (r == 0)
                r = after_clock(store, now_ms, err);
        if (r == 0)
                r = evidence_apply(store, now_ms, &ret->ended, &ret->held, err);
        /* The kernel contradicts the database, or what is kept outside it does: an older copy was put back. */
        if (r == 0 && (ret->outdated || ret->ended + ret->held > 0))
                r = doubt_all(store, err);
        if (r == 0)
                r = after_start(store, now_ms, err);
        if (r == 0 && *ret->backup)
                r = store_note(store, EVENT_DATABASE_REPLACED, ret->backup, ret->why_backup, err);
        if (r == 0)
                r = store_fact_set(store, STORE_FACT_BOOT, boot_id, err);
        return r < 0 ? r : store_commit(&tx, err);
}
