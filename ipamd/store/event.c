// SPDX-License-Identifier: Apache-2.0
/* The history: what happened, to whom, and when. The newest STORE_EVENTS_MAX are kept. */
#include <vpcwire/clock.h>

#include "store/stmt.h"

enum { EVENTS_SWEEP = 64 }; /* old ones go in batches: each touches another page of the file */

/* One above the newest id: rows only go at the old end. */
static int sweep(struct store *store, struct err *err)
{
        int64_t id = sqlite3_last_insert_rowid(store->db);

        if (id % EVENTS_SWEEP != 0)
                return 0;
        return stmt_run(store, "DELETE FROM events WHERE id <= ?1", VALUES(SQL_INT(id - STORE_EVENTS_MAX)),
                        err);
}

/* The address that a subject is, or begins with; none where it is something else. */
static struct ip address_of(const char *subject)
{
        struct prefix block;
        struct ip ip;

        if (ip_parse(subject, &ip, NULL) == 0)
                return ip;
        return prefix_parse(subject, &block, NULL) == 0 ? block.ip : IP_NONE;
}

/* An address's pod, container and ENI are those that it has in the database at this moment. */
static int note_address(struct store *store, enum event_kind kind, const char *subject, const char *text,
                        struct ip address, enum lease_end end, struct err *err)
{
        return stmt_run(
                store,
                "INSERT INTO events (at_wall_ms, kind, subject, text, lease_end, pod, container_id, eni_id)"
                " SELECT ?1, ?2, ?3, ?4, ?7,"
                " CASE WHEN l.pod_name <> '' AND l.pod_namespace <> '' THEN l.pod_namespace || '/' || "
                "l.pod_name"
                "  ELSE coalesce(l.pod_name, '') END,"
                " coalesce(l.container_id, ''), coalesce(e.eni_id, '')"
                " FROM (SELECT 1) LEFT JOIN addresses a ON a.hex = ?5 LEFT JOIN leases l ON l.key = a.lease"
                " LEFT JOIN blocks b ON b.key = coalesce(a.block, (SELECT key FROM blocks"
                "  WHERE family = ?6 AND first <= ?5 ORDER BY first DESC LIMIT 1)) AND b.last >= ?5"
                " LEFT JOIN enis e ON e.key = b.eni",
                VALUES(SQL_INT(clock_wall_ms()), SQL_TEXT(event_kind_to_string(kind)), SQL_TEXT(subject),
                       SQL_TEXT(text), SQL_HEX(address), SQL_INT(sql_family(address)),
                       SQL_TEXT(lease_end_to_string(end))),
                err);
}

int store_note(struct store *store, enum event_kind kind, const char *subject, const char *text,
               struct err *err)
{
        struct ip address = address_of(subject);
        int r = ip_is_set(address)
                        ? note_address(store, kind, subject, text, address, LEASE_END_NONE, err)
                        : stmt_run(store,
                                   "INSERT INTO events (at_wall_ms, kind, subject, text) VALUES "
                                   "(?1, ?2, ?3, ?4)",
                                   VALUES(SQL_INT(clock_wall_ms()), SQL_TEXT(event_kind_to_string(kind)),
                                          SQL_TEXT(subject), SQL_TEXT(text)),
                                   err);

        return r < 0 ? r : sweep(store, err);
}

int store_note_lease_end(struct store *store, struct ip address, const char *text, enum lease_end end,
                         struct err *err)
{
        int r = note_address(store, EVENT_LEASE_RELEASED, IP_TEXT(address), text, address, end, err);

        return r < 0 ? r : sweep(store, err);
}

int store_event_add(struct store *store, enum event_kind kind, const char *subject, const char *text,
                    struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = store_note(store, kind, subject, text, err);
        return r < 0 ? r : store_commit(&tx, err);
}

int store_event_add_for(struct store *store, enum event_kind kind, const struct store_event *event,
                        struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = stmt_run(store,
                             "INSERT INTO events (at_wall_ms, kind, subject, text, pod, container_id)"
                             " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                             VALUES(SQL_INT(clock_wall_ms()), SQL_TEXT(event_kind_to_string(kind)),
                                    SQL_TEXT(event->subject), SQL_TEXT(event->text), SQL_TEXT(event->pod),
                                    SQL_TEXT(event->container_id)),
                             err);
        if (r == 0)
                r = sweep(store, err);
        return r < 0 ? r : store_commit(&tx, err);
}

/* ---- reading ---- */

#define SELECT_EVENT                                                                                         \
        "SELECT id, at_wall_ms, kind, subject, text, pod, container_id, eni_id, lease_end FROM events"

static int read_events(struct store *store, sqlite3_stmt *s, struct arena *arena, struct store_event **ret,
                       size_t *ret_n, struct err *err)
{
        _cleanup_free_ struct store_event *rows = NULL;
        size_t n = 0, capacity = 0;
        int r;

        while ((r = stmt_step(store, s, err)) > 0) {
                GROW(rows, n, capacity);
                rows[n++] = (struct store_event){
                        .id = stmt_int(s, 0),
                        .at_wall_ms = stmt_int(s, 1),
                        .kind = stmt_text(s, 2, arena),
                        .subject = stmt_text(s, 3, arena),
                        .text = stmt_text(s, 4, arena),
                        .pod = stmt_text(s, 5, arena),
                        .container_id = stmt_text(s, 6, arena),
                        .eni_id = stmt_text(s, 7, arena),
                        .lease_end = lease_end_parse(stmt_peek(s, 8)),
                };
        }
        if (r < 0)
                return r;
        *ret = stmt_rows(arena, rows, n, sizeof(*rows));
        *ret_n = n;
        return 0;
}

int store_events(struct store *store, int64_t after_id, size_t max, struct arena *arena,
                 struct store_event **ret, size_t *ret_n, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        int r = stmt_start(store,
                           SELECT_EVENT " WHERE id > max(?1, (SELECT coalesce(max(id), 0) FROM events) - ?3)"
                                        " ORDER BY id LIMIT ?2",
                           VALUES(SQL_INT(after_id), SQL_INT(max > STORE_EVENTS_MAX ? STORE_EVENTS_MAX : max),
                                  SQL_INT(STORE_EVENTS_MAX)),
                           &s, err);

        return r < 0 ? r : read_events(store, s, arena, ret, ret_n, err);
}

/* A pod without a namespace before it is any namespace's. What ends or begins everything belongs to every history. */
int store_events_before(struct store *store, const struct store_event_filter *filter, size_t max,
                        struct arena *arena, struct store_event **ret, size_t *ret_n, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        int r = stmt_start(store,
                           SELECT_EVENT " WHERE (?1 = 0 OR id < ?1) AND at_wall_ms >= ?2"
                                        " AND id > (SELECT coalesce(max(id), 0) FROM events) - ?6"
                                        " AND (?3 = '' OR subject = ?3 OR kind = ?7)"
                                        " AND (?4 = '' OR pod = ?4 OR kind = ?7 OR (instr(?4, '/') = 0"
                                        "      AND substr(pod, instr(pod, '/') + 1) = ?4))"
                                        " ORDER BY id DESC LIMIT ?5",
                           VALUES(SQL_INT(filter->before_id), SQL_INT(filter->since_wall_ms),
                                  SQL_TEXT(filter->subject), SQL_TEXT(filter->pod),
                                  SQL_INT(max > STORE_EVENTS_MAX ? STORE_EVENTS_MAX : max),
                                  SQL_INT(STORE_EVENTS_MAX), SQL_TEXT(event_kind_to_string(EVENT_BOOT))),
                           &s, err);

        return r < 0 ? r : read_events(store, s, arena, ret, ret_n, err);
}

int store_event_last_id(struct store *store, int64_t *ret, struct err *err)
{
        int64_t id = 0;
        int r = stmt_number(store, "SELECT coalesce(max(id), 0) FROM events", NO_VALUES, &id, err);

        if (r < 0)
                return r;
        *ret = id;
        return 0;
}
