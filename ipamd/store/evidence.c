// SPDX-License-Identifier: Apache-2.0
/*
 * What the kernel shows in use by live containers outranks what the database remembers: it may be an older copy, have lost
 * its log, or come from before a move. Its leases that the kernel bears out stay as they are; one that speaks of another container than
 * the kernel ends; and an address that the kernel shows in use without a lease is held as an import, so that nobody gets
 * it before it is that container's lease again.
 */
#include "store/restart.h"

/* Whether the kernel shows an address of lease l with its container. */
#define BORNE_OUT                                                                                            \
        "EXISTS (SELECT 1 FROM addresses a JOIN temp.shown s ON s.hex = a.hex WHERE a.lease = l.key"         \
        " AND s.container_id = l.container_id)"

static int insert_shown(struct store *store, const struct import *shown, struct err *err)
{
        return stmt_run(store, "INSERT OR IGNORE INTO temp.shown VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                        VALUES(SQL_HEX(shown->address), SQL_TEXT(shown->key.container_id),
                               SQL_TEXT(shown->key.ifname), SQL_TEXT(shown->pod_namespace),
                               SQL_TEXT(shown->pod_name), SQL_INT(shown->since_wall_ms)),
                        err);
}

int evidence_load(struct store *store, const struct import *shown, size_t n, struct err *err)
{
        int r = stmt_run(store,
                         "CREATE TEMP TABLE shown (hex TEXT, container_id TEXT, host_ifname TEXT,"
                         " pod_namespace TEXT, pod_name TEXT, since_wall_ms INTEGER,"
                         " PRIMARY KEY (hex, container_id)) WITHOUT ROWID",
                         NO_VALUES, err);

        for (size_t i = 0; i < n && r == 0; i++)
                r = insert_shown(store, &shown[i], err);
        return r;
}

int evidence_end_other_leases(struct store *store, int64_t now_ms, unsigned *ret_n, struct err *err)
{
        int r = stmt_run(store, STORE_END_ADDRESSES "IN (SELECT l.key FROM leases l WHERE NOT " BORNE_OUT ")",
                         VALUES(SQL_INT(now_ms + store->cooldown_ms)), err);

        if (r == 0)
                r = stmt_run(store,
                             "DELETE FROM leases WHERE NOT EXISTS (SELECT 1 FROM addresses WHERE lease = "
                             "leases.key)",
                             NO_VALUES, err);
        *ret_n = store_changes(store);
        return r == 0 ? store_remove_lost_blocks(store, err) : r;
}

/* ---- leases that the kernel contradicts ---- */

struct contradicted {
        struct lease_key key;
        struct ip address;
        int64_t row;
        bool any_lost;
        const char *why; /* for people */
};

/* 1: *ret is one of them; 0: there is none (any more). */
static int find_contradicted(struct store *store, struct arena *arena, struct contradicted *ret,
                             struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        int r = stmt_start(
                store,
                "SELECT l.network, l.container_id, l.ifname, l.hex, l.key, EXISTS (SELECT 1 FROM addresses a"
                "   JOIN blocks b ON b.key = a.block WHERE a.lease = l.key AND b.state = 'lost'),"
                " coalesce('the kernel shows the address with container '"
                "   || (SELECT min(s.container_id) FROM addresses a JOIN temp.shown s ON s.hex = a.hex"
                "       WHERE a.lease = l.key),"
                "   'the kernel shows its container with another address')"
                " FROM leases l WHERE NOT " BORNE_OUT " AND EXISTS (SELECT 1 FROM temp.shown s"
                "   WHERE s.hex IN (SELECT hex FROM addresses WHERE lease = l.key)"
                "      OR (s.container_id = l.container_id AND s.host_ifname = l.host_ifname)) LIMIT 1",
                NO_VALUES, &s, err);

        if (r == 0)
                r = stmt_step(store, s, err);
        if (r <= 0)
                return r;
        *ret = (struct contradicted){
                .key = {stmt_text(s, 0, arena), stmt_text(s, 1, arena), stmt_text(s, 2, arena)},
                .address = stmt_ip(s, 3),
                .row = stmt_int(s, 4),
                .any_lost = stmt_int(s, 5) != 0,
                .why = stmt_text(s, 6, arena)};
        return 1;
}

static int end_contradicted(struct store *store, int64_t now_ms, unsigned *ret_n, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct contradicted lease;
        int r;

        *ret_n = 0;
        while ((r = find_contradicted(store, arena, &lease, err)) > 0) {
                r = store_note_lease(store, EVENT_LEASE_RELEASED, &lease.key, lease.address, lease.why,
                                     LEASE_END_CONTRADICTED, err);
                if (r == 0)
                        r = store_end_lease(store, lease.row, lease.any_lost, now_ms, err);
                if (r < 0)
                        return r;
                ++*ret_n;
        }
        return r;
}

/* ---- addresses that the kernel shows in use, without a lease ---- */

static int hold(struct store *store, unsigned *ret_n, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        int r = stmt_start(
                store,
                "INSERT INTO imports (hex, network, container_id, ifname, pod_namespace, pod_name,"
                " since_wall_ms) SELECT hex, '', min(container_id), host_ifname, pod_namespace,"
                " pod_name, since_wall_ms FROM temp.shown s"
                " WHERE NOT EXISTS (SELECT 1 FROM addresses a WHERE a.hex = s.hex AND a.lease IS NOT NULL)"
                " GROUP BY hex ON CONFLICT (hex) DO UPDATE SET network = excluded.network,"
                " container_id = excluded.container_id, ifname = excluded.ifname,"
                " pod_namespace = excluded.pod_namespace, pod_name = excluded.pod_name,"
                " since_wall_ms = excluded.since_wall_ms, verdict = 'pending', reason = ''"
                " WHERE verdict <> 'pending' OR container_id <> excluded.container_id"
                " RETURNING hex, 'container ' || container_id || ' has it, says the kernel'",
                NO_VALUES, &s, err);

        *ret_n = 0;
        while (r >= 0 && (r = stmt_step(store, s, err)) > 0) {
                r = store_note(store, EVENT_ADDRESS_HELD, IP_TEXT(stmt_ip(s, 0)), stmt_peek(s, 1), err);
                ++*ret_n;
        }
        return r;
}

int evidence_apply(struct store *store, int64_t now_ms, unsigned *ret_ended, unsigned *ret_held,
                   struct err *err)
{
        int r = end_contradicted(store, now_ms, ret_ended, err);

        if (r == 0)
                r = hold(store, ret_held, err);
        if (r == 0) /* written by a daemon that took leases of its own for pods without one */
                r = stmt_run(store,
                             "DELETE FROM imports AS i WHERE verdict = 'pending' AND EXISTS (SELECT 1 FROM "
                             "addresses a"
                             " JOIN leases l ON l.key = a.lease"
                             " WHERE a.hex = i.hex AND l.container_id = i.container_id)",
                             NO_VALUES, err);
        if (r == 0)
                r = store_hold_imports(store, now_ms, err);
        return r < 0 ? r : stmt_run(store, "DELETE FROM temp.shown", NO_VALUES, err);
}
