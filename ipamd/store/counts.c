// SPDX-License-Identifier: Apache-2.0
/* The pool in numbers: of the node, and of each ENI. A cooling address whose time is over counts as free. */
#include "store/stmt.h"

/* ?1 is now. */
#define COUNT_STATES                                                                                         \
        " count(a.address),"                                                                                 \
        " coalesce(sum(a.state = 'free' OR (a.state = 'cooling' AND a.cooling_until_ms <= ?1)), 0),"         \
        " coalesce(sum(a.state = 'leased'), 0),"                                                             \
        " coalesce(sum(a.state = 'cooling' AND a.cooling_until_ms > ?1), 0),"                                \
        " coalesce(sum(a.state = 'preparing'), 0), coalesce(sum(a.state = 'leaving'), 0),"                   \
        " coalesce(sum(a.state = 'lost'), 0)"

int store_counts(struct store *store, int64_t now_ms, struct store_counts *ret, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        int r = stmt_start(
                store,
                "SELECT" COUNT_STATES ","
                " coalesce(sum((a.state = 'free' OR (a.state = 'cooling' AND a.cooling_until_ms <= ?1))"
                "              AND (e.state <> 'ready' OR e.managed = 0)), 0),"
                " coalesce(min(CASE WHEN a.state = 'cooling' AND a.cooling_until_ms > ?1"
                "                   THEN a.cooling_until_ms END), 0),"
                " (SELECT count(*) FROM waiting), (SELECT count(*) FROM enis WHERE managed = 1)"
                " FROM addresses a JOIN enis e ON e.key = a.eni",
                VALUES(SQL_INT(now_ms)), &s, err);

        if (r == 0)
                r = stmt_step(store, s, err);
        if (r < 0)
                return r;
        *ret = (struct store_counts){
                .total = stmt_unsigned(s, 0),
                .free = stmt_unsigned(s, 1) - stmt_unsigned(s, 7),
                .leased = stmt_unsigned(s, 2),
                .cooling = stmt_unsigned(s, 3),
                .preparing = stmt_unsigned(s, 4),
                .leaving = stmt_unsigned(s, 5),
                .lost = stmt_unsigned(s, 6),
                .unready = stmt_unsigned(s, 7),
                .next_cooled_ms = stmt_int(s, 8),
                .waiting = stmt_unsigned(s, 9),
                .enis = stmt_unsigned(s, 10),
        };
        return 0;
}

static struct store_eni read_eni(sqlite3_stmt *s)
{
        struct store_eni eni = {
                .key = stmt_int(s, 0),
                .state = eni_state_parse(stmt_peek(s, 1)),
                .primary = stmt_int(s, 2),
                .managed = stmt_int(s, 3),
                .in_doubt = stmt_int(s, 4),
                .primary_address = stmt_ip(s, 5),
                .device_index = stmt_unsigned(s, 6),
                .network_card = stmt_unsigned(s, 7),
                .asked_addresses = stmt_unsigned(s, 8),
                .created_ms = stmt_int(s, 9),
                .since_ms = stmt_int(s, 10),
                .total = stmt_unsigned(s, 16),
                .free = stmt_unsigned(s, 17),
                .leased = stmt_unsigned(s, 18),
                .cooling = stmt_unsigned(s, 19),
                .preparing = stmt_unsigned(s, 20),
                .leaving = stmt_unsigned(s, 21),
                .lost = stmt_unsigned(s, 22),
        };

        stmt_copy(s, 11, eni.client_token, sizeof(eni.client_token));
        stmt_copy(s, 12, eni.eni_id, sizeof(eni.eni_id));
        stmt_copy(s, 13, eni.attachment_id, sizeof(eni.attachment_id));
        stmt_copy(s, 14, eni.subnet_id, sizeof(eni.subnet_id));
        (void)prefix_parse(stmt_peek(s, 15), &eni.subnet_cidr, NULL); /* we wrote them; "" stays none */
        (void)mac_parse(stmt_peek(s, 23), &eni.mac, NULL);
        return eni;
}

int store_enis(struct store *store, int64_t now_ms, struct arena *arena, struct store_eni **ret,
               size_t *ret_n, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        _cleanup_free_ struct store_eni *rows = NULL;
        size_t n = 0, capacity = 0;
        int r = stmt_start(
                store,
                "SELECT e.key, e.state, e.is_primary, e.managed, e.in_doubt, e.primary_address,"
                " e.device_index, e.network_card, e.asked_addresses, e.created_ms, e.since_ms,"
                " e.client_token, e.eni_id, e.attachment_id, e.subnet_id, e.subnet_cidr," COUNT_STATES
                ", e.mac FROM enis e LEFT JOIN addresses a ON a.eni = e.key GROUP BY e.key"
                " ORDER BY e.network_card, e.device_index, e.key",
                VALUES(SQL_INT(now_ms)), &s, err);

        while (r >= 0 && (r = stmt_step(store, s, err)) > 0) {
                GROW(rows, n, capacity);
                rows[n++] = read_eni(s);
        }
        if (r < 0)
                return r;
        *ret = stmt_rows(arena, rows, n, sizeof(*rows));
        *ret_n = n;
        return 0;
}
