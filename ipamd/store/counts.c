// SPDX-License-Identifier: Apache-2.0
/* The pool in numbers: of the node, and of each ENI. A cooling address whose time is over counts as free. */
#include <stddef.h>
#include <string.h>

#include "store/stmt.h"

/*
 * One statement, so one moment. An index alone answers the first part: groups, not rows, are looked at. What has cooled
 * down counts as cooling there, and is moved to free by the second part. Names in quotes are those of `sums` below.
 */
static const char select_counts[] =
        "SELECT CASE WHEN a.state = 'free' AND (e.state <> 'ready' OR e.managed = 0) THEN 'unready' ELSE "
        "a.state END,"
        " count(*) FROM enis e CROSS JOIN addresses a ON a.eni = e.key GROUP BY e.key, a.state"
        " UNION ALL SELECT CASE WHEN e.state = 'ready' AND e.managed = 1 THEN 'cooled' ELSE 'cooled-unready' "
        "END,"
        " count(*) FROM addresses a JOIN enis e ON e.key = a.eni"
        " WHERE a.state = 'cooling' AND a.cooling_until_ms <= ?1 GROUP BY 1"
        " UNION ALL SELECT 'next-cooled', coalesce(min(cooling_until_ms), 0) FROM addresses"
        " WHERE state = 'cooling' AND cooling_until_ms > ?1"
        " UNION ALL SELECT 'cut-off', count(*) FROM enis e JOIN addresses a ON a.eni = e.key"
        " WHERE e.link_missing = 1 AND e.managed = 1 AND a.state = 'leased'"
        " UNION ALL SELECT 'waiting', count(*) FROM waiting"
        " UNION ALL SELECT 'enis', count(*) FROM enis WHERE managed = 1";

struct sums {
        int64_t free, unready, leased, cooling, preparing, leaving, lost;
        int64_t cooled, cooled_unready, next_cooled, cut_off, waiting, enis;
};

static const struct {
        const char *name;
        size_t offset;
} sum_names[] = {
        {"free", offsetof(struct sums, free)},
        {"unready", offsetof(struct sums, unready)},
        {"leased", offsetof(struct sums, leased)},
        {"cooling", offsetof(struct sums, cooling)},
        {"preparing", offsetof(struct sums, preparing)},
        {"leaving", offsetof(struct sums, leaving)},
        {"lost", offsetof(struct sums, lost)},
        {"cooled", offsetof(struct sums, cooled)},
        {"cooled-unready", offsetof(struct sums, cooled_unready)},
        {"next-cooled", offsetof(struct sums, next_cooled)},
        {"cut-off", offsetof(struct sums, cut_off)},
        {"waiting", offsetof(struct sums, waiting)},
        {"enis", offsetof(struct sums, enis)},
};

static void add_row(struct sums *sums, sqlite3_stmt *s)
{
        for (size_t i = 0; i < ARRAY_SIZE(sum_names); i++) {
                if (strcmp(stmt_peek(s, 0), sum_names[i].name) == 0)
                        *(int64_t *)((char *)sums + sum_names[i].offset) += stmt_int(s, 1);
        }
}

int store_counts(struct store *store, int64_t now_ms, struct store_counts *ret, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        struct sums sums = {0};
        int r = stmt_start(store, select_counts, VALUES(SQL_INT(now_ms)), &s, err);

        while (r >= 0 && (r = stmt_step(store, s, err)) > 0)
                add_row(&sums, s);
        if (r < 0)
                return r;
        *ret = (struct store_counts){
                .total = (unsigned)(sums.free + sums.unready + sums.leased + sums.cooling + sums.preparing +
                                    sums.leaving + sums.lost),
                .free = (unsigned)(sums.free + sums.cooled),
                .unready = (unsigned)(sums.unready + sums.cooled_unready),
                .leased = (unsigned)sums.leased,
                .cooling = (unsigned)(sums.cooling - sums.cooled - sums.cooled_unready),
                .preparing = (unsigned)sums.preparing,
                .leaving = (unsigned)sums.leaving,
                .lost = (unsigned)sums.lost,
                .cut_off = (unsigned)sums.cut_off,
                .waiting = (unsigned)sums.waiting,
                .enis = (unsigned)sums.enis,
                .next_cooled_ms = sums.next_cooled,
        };
        return 0;
}

int store_lease_counts(struct store *store, unsigned ret[static _LEASE_STATE_MAX], struct err *err)
{
        for (int state = 0; state < _LEASE_STATE_MAX; state++) {
                int64_t n = 0;
                int r = stmt_number(
                        store, "SELECT count(*) FROM leases WHERE state = ?1 AND address_state = 'leased'",
                        VALUES(SQL_TEXT(lease_state_to_string((enum lease_state)state))), &n, err);

                if (r < 0)
                        return r;
                ret[state] = (unsigned)n;
        }
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

        eni.untagged = stmt_int(s, 24) != 0;
        eni.link_missing = stmt_int(s, 26) != 0;
        eni.doubted = stmt_unsigned(s, 25);
        eni.associated = stmt_unsigned(s, 28);
        stmt_copy(s, 11, eni.client_token, sizeof(eni.client_token));
        stmt_copy(s, 27, eni.public_address, sizeof(eni.public_address));
        stmt_copy(s, 12, eni.eni_id, sizeof(eni.eni_id));
        stmt_copy(s, 13, eni.attachment_id, sizeof(eni.attachment_id));
        stmt_copy(s, 14, eni.subnet_id, sizeof(eni.subnet_id));
        (void)prefix_parse(stmt_peek(s, 15), &eni.subnet_cidr, NULL); /* we wrote them; "" stays none */
        (void)mac_parse(stmt_peek(s, 23), &eni.mac, NULL);
        return eni;
}

/* ?1 is now. */
#define IS_FREE "(a.state = 'free' OR (a.state = 'cooling' AND a.cooling_until_ms <= ?1))"
#define COUNT_STATES                                                                                         \
        " count(a.address),"                                                                                 \
        " coalesce(sum(" IS_FREE "), 0),"                                                                    \
        " coalesce(sum(a.state = 'leased'), 0),"                                                             \
        " coalesce(sum(a.state = 'cooling' AND a.cooling_until_ms > ?1), 0),"                                \
        " coalesce(sum(a.state = 'preparing'), 0), coalesce(sum(a.state = 'leaving'), 0),"                   \
        " coalesce(sum(a.state = 'lost'), 0)"

bool store_eni_is_configured(const struct store_eni *eni)
{
        return (eni->managed || eni->primary) &&
               (eni->state == ENI_CONFIGURING || eni->state == ENI_READY || eni->state == ENI_DRAINING);
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
                ", e.mac, e.untagged, coalesce(sum(a.state = 'preparing' AND a.doubted), 0), e.link_missing,"
                " e.public_address, coalesce(sum(a.associated AND " IS_FREE "), 0)"
                " FROM enis e LEFT JOIN addresses a ON a.eni = e.key GROUP BY e.key"
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
