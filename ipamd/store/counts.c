// SPDX-License-Identifier: Apache-2.0
/* The pool in numbers: of the node, and of each ENI. */
#include <assert.h>
#include <string.h>

#include "store/pick.h"

/* ---- portions of the pool: so many addresses of an ENI, in one state ---- */

enum portion {
        /* their numbers are in select_portions */
        PORTION_BLOCK,      /* all of blocks in this state, whoever has the addresses */
        PORTION_DOUBTED,    /* of doubted ones, without what pods have */
        PORTION_ASSOCIATED, /* of usable ones of which nothing is used */
        /* of those in PORTION_BLOCK: */
        PORTION_TAKEN,   /* with a row, the following among them, and the rest leased */
        PORTION_COOLING, /* without a lease */
        PORTION_HELD,
        PORTION_USED_ONCE, /* whose row says nothing any more */
        _PORTION_MAX,
};

#define SIZE "min(b.size, ?2)"

/*
 * Columns: ENI, portion, state of the block, number. ?1 is now, ?2 STORE_BLOCK_COUNTED_MAX. What is leased is not looked
 * at one by one.
 */
static const char select_portions[] =
        "WITH sums AS MATERIALIZED (SELECT b.eni, b.state, sum(" SIZE ") AS size, sum(b.taken) AS taken"
        "  FROM blocks b GROUP BY b.eni, b.state)"
        " SELECT eni, 0, state, size FROM sums UNION ALL SELECT eni, 3, state, taken FROM sums"
        " UNION ALL SELECT b.eni, 1, b.state, sum(" SIZE " - (SELECT count(*) FROM addresses"
        "  WHERE block = b.key AND lease IS NOT NULL)) FROM blocks b WHERE b.doubted = 1 GROUP BY b.eni, "
        "b.state"
        " UNION ALL SELECT b.eni, 2, b.state, sum(" SIZE ") FROM blocks b WHERE b.associated = 1"
        "  AND b.state = 'usable' AND NOT EXISTS (SELECT 1 FROM addresses a WHERE a.block = b.key"
        "   AND " STORE_IS_USED ") GROUP BY b.eni"
        " UNION ALL SELECT b.eni, CASE WHEN a.held = 1 THEN 5 WHEN " STORE_COOLS
        " THEN 4 ELSE 6 END AS portion,"
        "  b.state, count(*) FROM addresses a INDEXED BY addresses_unusable JOIN blocks b ON b.key = a.block"
        "  WHERE a.lease IS NULL GROUP BY b.eni, portion, b.state";

/* Where addresses of such blocks are counted that nobody has; of lost blocks there are none. */
static unsigned *rest_of(struct eni *eni, enum block_state state)
{
        switch (state) {
        case BLOCK_PREPARING: return &eni->preparing;
        case BLOCK_USABLE: return &eni->free;
        case BLOCK_DRAINING:
        case BLOCK_LEAVING: return &eni->leaving;
        case BLOCK_LOST: return NULL;
        case _BLOCK_STATE_MAX: break;
        }
        assert(!"a block's state");
        return NULL;
}

/* Modulo arithmetic: the order of the rows does not matter. */
static void count_as(unsigned *to, unsigned *instead_of, unsigned n)
{
        if (instead_of)
                *instead_of -= n;
        if (to)
                *to += n;
}

static void add_portion(struct eni *eni, enum portion portion, enum block_state state, unsigned n)
{
        unsigned *rest = rest_of(eni, state), *leased = state == BLOCK_LOST ? &eni->lost : &eni->leased;
        bool is_usable = state == BLOCK_USABLE;

        switch (portion) {
        case PORTION_BLOCK: count_as(rest, NULL, n); break;
        case PORTION_DOUBTED: eni->doubted += state == BLOCK_PREPARING ? n : 0; break;
        case PORTION_ASSOCIATED: eni->associated += n; break;
        case PORTION_TAKEN: count_as(leased, rest, n); break;
        case PORTION_COOLING: count_as(is_usable ? &eni->cooling : rest, leased, n); break;
        case PORTION_HELD: count_as(is_usable ? &eni->preparing : rest, leased, n); break;
        case PORTION_USED_ONCE: count_as(rest, leased, n); break;
        case _PORTION_MAX: assert(!"a portion");
        }
}

static struct eni *find_eni(struct eni *enis, size_t n, int64_t key)
{
        for (size_t i = 0; i < n; i++) {
                if (enis[i].key == key)
                        return &enis[i];
        }
        assert(!"an ENI of each block"); /* foreign key, and one moment */
        return NULL;
}

static int read_portions(struct store *store, int64_t now_ms, struct eni *enis, size_t n, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        int r = stmt_start(store, select_portions, VALUES(SQL_INT(now_ms), SQL_INT(STORE_BLOCK_COUNTED_MAX)),
                           &s, err);

        while (r >= 0 && (r = stmt_step(store, s, err)) > 0)
                add_portion(find_eni(enis, n, stmt_int(s, 0)), (enum portion)stmt_int(s, 1),
                            block_state_parse(stmt_peek(s, 2)), stmt_unsigned(s, 3));
        for (size_t i = 0; i < n; i++)
                enis[i].total = enis[i].free + enis[i].leased + enis[i].cooling + enis[i].preparing +
                                enis[i].leaving + enis[i].lost;
        return r;
}

/* ---- ENIs ---- */

static struct eni read_eni(sqlite3_stmt *s)
{
        struct eni eni = {
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
                .untagged = stmt_int(s, 17),
                .link_missing = stmt_int(s, 18),
                .mark_index = stmt_unsigned(s, 20),
                .route_table = stmt_unsigned(s, 21),
        };

        stmt_copy(s, 11, eni.client_token, sizeof(eni.client_token));
        stmt_copy(s, 12, eni.eni_id, sizeof(eni.eni_id));
        stmt_copy(s, 13, eni.attachment_id, sizeof(eni.attachment_id));
        stmt_copy(s, 14, eni.subnet_id, sizeof(eni.subnet_id));
        (void)prefix_parse(stmt_peek(s, 15), &eni.subnet_cidr, NULL); /* we wrote them; "" stays none */
        (void)mac_parse(stmt_peek(s, 16), &eni.mac, NULL);
        stmt_copy(s, 19, eni.public_address, sizeof(eni.public_address));
        return eni;
}

static int read_enis(struct store *store, struct arena *arena, struct eni **ret, size_t *ret_n,
                     struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        _cleanup_free_ struct eni *rows = NULL;
        size_t n = 0, capacity = 0;
        int r = stmt_start(store,
                           "SELECT key, state, is_primary, managed, in_doubt, primary_hex, device_index,"
                           " network_card, asked_addresses, created_ms, since_ms, client_token, eni_id,"
                           " attachment_id, subnet_id, subnet_cidr, mac, untagged, link_missing,"
                           " public_address, mark_index, route_table FROM enis"
                           " ORDER BY network_card, device_index, key",
                           NO_VALUES, &s, err);

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

int store_enis(struct store *store, int64_t now_ms, struct arena *arena, struct eni **ret, size_t *ret_n,
               struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        int r = store_begin_read(store, &tx, err);

        if (r == 0)
                r = read_enis(store, arena, ret, ret_n, err);
        return r == 0 ? read_portions(store, now_ms, *ret, *ret_n, err) : r;
}

/* ---- the node ---- */

static void add_eni(struct store_counts *counts, const struct eni *eni)
{
        counts->total += eni->total;
        counts->leased += eni->leased;
        counts->cooling += eni->cooling;
        counts->preparing += eni->preparing;
        counts->leaving += eni->leaving;
        counts->lost += eni->lost;
        counts->enis += eni->managed;
        if (eni->managed && eni->link_missing)
                counts->cut_off += eni->leased;
        if (eni->managed && eni->state == ENI_READY)
                counts->free += eni->free;
        else
                counts->unready += eni->free;
}

static int read_number(struct store *store, const char *sql, const struct sql_value *values, size_t n,
                       int64_t *ret, struct err *err)
{
        int r = stmt_number(store, sql, values, n, ret, err);

        return r < 0 ? r : 0;
}

int store_counts(struct store *store, int64_t now_ms, struct store_counts *ret, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        struct store_counts counts = {0};
        struct eni *enis = NULL;
        int64_t waiting = 0;
        size_t n = 0;
        int r = store_begin_read(store, &tx, err);

        if (r == 0)
                r = read_enis(store, arena, &enis, &n, err);
        if (r == 0)
                r = read_portions(store, now_ms, enis, n, err);
        if (r == 0)
                r = read_number(store, "SELECT count(*) FROM waiting", NO_VALUES, &waiting, err);
        if (r == 0)
                r = read_number(
                        store,
                        "SELECT coalesce(min(a.usable_from_ms), 0) FROM addresses a"
                        " INDEXED BY addresses_unusable CROSS JOIN blocks b"
                        " ON b.key = a.block AND b.state = 'usable' WHERE a.lease IS NULL AND a.held = 0"
                        " AND " STORE_COOLS,
                        VALUES(SQL_INT(now_ms)), &counts.next_cooled_ms, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                add_eni(&counts, &enis[i]);
        counts.waiting = (unsigned)waiting;
        *ret = counts;
        return 0;
}

int store_lease_counts(struct store *store, unsigned ret[static _LEASE_STATE_MAX], struct err *err)
{
        for (int state = 0; state < _LEASE_STATE_MAX; state++) {
                int64_t n = 0;
                int r = stmt_number(store,
                                    "SELECT count(*) FROM leases l JOIN addresses a ON a.hex = l.hex JOIN "
                                    "blocks b ON b.key = a.block WHERE l.state = ?1 AND b.state <> 'lost'",
                                    VALUES(SQL_TEXT(lease_state_to_string((enum lease_state)state))), &n,
                                    err);

                if (r < 0)
                        return r;
                ret[state] = (unsigned)n;
        }
        return 0;
}
