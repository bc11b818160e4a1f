// SPDX-License-Identifier: Apache-2.0
/* The small tables: facts, and pending ADDs. */
#include "store/stmt.h"

/* ---- facts ---- */

int store_fact_set(struct store *store, const char *name, const char *value, struct err *err)
{
        return stmt_run(store,
                        "INSERT INTO facts VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
                        VALUES(SQL_TEXT(name), SQL_TEXT(value)), err);
}

int store_fact_get(struct store *store, const char *name, struct arena *arena, const char **ret,
                   struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        int r = stmt_start(store, "SELECT value FROM facts WHERE name = ?1", VALUES(SQL_TEXT(name)), &s, err);

        if (r == 0)
                r = stmt_step(store, s, err);
        if (r < 0)
                return r;
        *ret = r > 0 ? stmt_text(s, 0, arena) : NULL;
        return 0;
}

int store_facts(struct store *store, const char *group, struct arena *arena, struct store_fact **ret,
                size_t *ret_n, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        _cleanup_free_ struct store_fact *rows = NULL;
        size_t n = 0, capacity = 0;
        int r = stmt_start(store,
                           "SELECT substr(name, length(?1) + 2), value FROM facts"
                           " WHERE substr(name, 1, length(?1) + 1) = ?1 || '/' AND value <> '' ORDER BY name",
                           VALUES(SQL_TEXT(group)), &s, err);

        while (r >= 0 && (r = stmt_step(store, s, err)) > 0) {
                GROW(rows, n, capacity);
                rows[n++] = (struct store_fact){stmt_text(s, 0, arena), stmt_text(s, 1, arena)};
        }
        if (r < 0)
                return r;
        *ret = stmt_rows(arena, rows, n, sizeof(*rows));
        *ret_n = n;
        return 0;
}

/* ---- pending ADDs ---- */

int store_waiting_add(struct store *store, const struct lease_key *key, int64_t since_ms, int64_t deadline_ms,
                      struct err *err)
{
        return stmt_run(store,
                        "INSERT INTO waiting (network, container_id, ifname, since_ms, deadline_ms)"
                        " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET"
                        " since_ms = excluded.since_ms, deadline_ms = excluded.deadline_ms",
                        VALUES(SQL_TEXT(key->network), SQL_TEXT(key->container_id), SQL_TEXT(key->ifname),
                               SQL_INT(since_ms), SQL_INT(deadline_ms)),
                        err);
}

int store_waiting_remove(struct store *store, const struct lease_key *key, struct err *err)
{
        return stmt_run(store, "DELETE FROM waiting WHERE network = ?1 AND container_id = ?2 AND ifname = ?3",
                        VALUES(SQL_TEXT(key->network), SQL_TEXT(key->container_id), SQL_TEXT(key->ifname)),
                        err);
}
