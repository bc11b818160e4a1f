// SPDX-License-Identifier: Apache-2.0
/* What was asked of EC2 so far: counted by action, and the last calls one by one. */
#include <vpcwire/clock.h>

#include "world_private.h"

enum { MAX_LOG_CALLS = 4096 };

void world_note_call(struct world *world, const char *action, const char *node, unsigned status,
                     const char *code)
{
        struct err err;

        if (DB_RUN(world->db, &err,
                   "INSERT INTO call_count VALUES (?, 1) ON CONFLICT (action) DO UPDATE SET n = n + 1",
                   DB_TEXT(action)) < 0 ||
            DB_RUN(world->db, &err,
                   "INSERT INTO call (at_wall_ms, action, node, status, code) VALUES (?, ?, ?, ?, ?)",
                   DB_NUMBER(clock_wall_ms()), DB_TEXT(action), DB_TEXT(node), DB_NUMBER(status),
                   DB_TEXT(code)) < 0 ||
            DB_RUN(world->db, &err, "DELETE FROM call WHERE seq <= (SELECT max(seq) FROM call) - ?",
                   DB_NUMBER(MAX_LOG_CALLS)) < 0)
                world_note_failure(world, &err);
}

static int read_counts(struct world *world, json_t *by_action, json_int_t *ret_total, struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        json_int_t total = 0;
        int r;

        r = DB_PREPARE(world->db, &statement, err, "SELECT action, n FROM call_count ORDER BY action");
        if (r < 0)
                return r;
        while ((r = db_next(statement, err)) > 0) {
                json_int_t n = sqlite3_column_int64(statement, 1);

                json_object_set_new(by_action, (const char *)sqlite3_column_text(statement, 0),
                                    json_integer(n));
                total += n;
        }
        *ret_total = total;
        return r;
}

static int read_log(struct world *world, json_t *log, struct err *err)
{
        _cleanup_statement_ sqlite3_stmt *statement = NULL;
        int r;

        r = DB_PREPARE(world->db, &statement, err,
                       "SELECT at_wall_ms, action, node, status, code FROM call ORDER BY seq");
        if (r < 0)
                return r;
        while ((r = db_next(statement, err)) > 0)
                json_array_append_new(log, json_pack("{s:I, s:s, s:s?, s:i, s:s?}", "at_ms",
                                                     (json_int_t)sqlite3_column_int64(statement, 0), "action",
                                                     sqlite3_column_text(statement, 1), "node",
                                                     sqlite3_column_text(statement, 2), "status",
                                                     sqlite3_column_int(statement, 3), "code",
                                                     sqlite3_column_text(statement, 4)));
        return r;
}

json_t *world_calls(struct world *world)
{
        json_t *by_action = json_object(), *log = json_array();
        json_int_t total = 0;
        struct err err;

        if (read_counts(world, by_action, &total, &err) < 0 || read_log(world, log, &err) < 0)
                world_note_failure(world, &err);
        return json_pack("{s:I, s:o, s:o}", "total", total, "by_action", by_action, "log", log);
}

void world_calls_reset(struct world *world)
{
        struct err err;

        if (DB_RUN(world->db, &err, "DELETE FROM call") < 0 ||
            DB_RUN(world->db, &err, "DELETE FROM call_count") < 0)
                world_note_failure(world, &err);
}
