// SPDX-License-Identifier: Apache-2.0
/* Addresses one by one, and what state each is in: for who shows them. */
#include <assert.h>
#include <string.h>

#include "store/pick.h"

/* Block b, and a row of addresses a, or none (NULLs). ?1 is now. */
#define SELECT_ADDRESS                                                                                       \
        "SELECT coalesce(a.hex, b.first), b.eni, b.state, a.lease IS NOT NULL, coalesce(a.held, 0),"         \
        " CASE WHEN " STORE_COOLS " THEN a.usable_from_ms ELSE 0 END,"                                       \
        " e.device_index, e.network_card, coalesce(e.eni_id, '')"

static enum address_state state_of(enum block_state block, bool leased, bool held, bool cools)
{
        if (leased)
                return block == BLOCK_LOST ? ADDRESS_LOST : ADDRESS_LEASED;
        switch (block) {
        case BLOCK_PREPARING: return ADDRESS_PREPARING;
        case BLOCK_USABLE: return held ? ADDRESS_PREPARING : cools ? ADDRESS_COOLING : ADDRESS_FREE;
        case BLOCK_DRAINING:
        case BLOCK_LEAVING:
        case BLOCK_LOST: break;
        case _BLOCK_STATE_MAX: assert(!"a block's state");
        }
        return ADDRESS_LEAVING;
}

static struct block_address read_address(sqlite3_stmt *s, struct arena *arena)
{
        int64_t cooling_until_ms = stmt_int(s, 5);
        struct block_address address = {
                .address = stmt_ip(s, 0),
                .eni_key = stmt_int(s, 1),
                .state = state_of(block_state_parse(stmt_peek(s, 2)), stmt_int(s, 3), stmt_int(s, 4),
                                  cooling_until_ms),
                .device_index = stmt_unsigned(s, 6),
                .network_card = stmt_unsigned(s, 7),
                .eni_id = stmt_text(s, 8, arena),
        };

        if (address.state == ADDRESS_COOLING)
                address.cooling_until_ms = cooling_until_ms;
        return address;
}

int store_address_get(struct store *store, struct ip address, int64_t now_ms, struct arena *arena,
                      struct block_address *ret, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        /* The block that begins last before it is the only one that can have it. */
        int r = stmt_start(store,
                           SELECT_ADDRESS " FROM (SELECT * FROM blocks WHERE family = ?3 AND first <= ?2"
                                          " ORDER BY first DESC LIMIT 1) b JOIN enis e ON e.key = b.eni"
                                          " LEFT JOIN addresses a ON a.hex = ?2 WHERE b.last >= ?2",
                           VALUES(SQL_INT(now_ms), SQL_HEX(address), SQL_INT(sql_family(address))), &s, err);

        if (r == 0)
                r = stmt_step(store, s, err);
        if (r == 0)
                return err_set(err, ERR_NOT_FOUND, "no address %s", IP_TEXT(address));
        if (r < 0)
                return r;
        *ret = read_address(s, arena);
        ret->address = address;
        return 0;
}

static int by_address(const void *a, const void *b)
{
        return ip_compare(((const struct block_address *)a)->address,
                          ((const struct block_address *)b)->address);
}

int store_addresses(struct store *store, int64_t now_ms, struct arena *arena, struct block_address **ret,
                    size_t *ret_n, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        _cleanup_free_ struct block_address *rows = NULL;
        size_t n = 0, capacity = 0;
        int r = stmt_start(store,
                           SELECT_ADDRESS " FROM blocks b JOIN enis e ON e.key = b.eni AND e.managed = 1"
                                          " LEFT JOIN addresses a ON a.block = b.key"
                                          " WHERE b.size = 1 OR " STORE_IS_USED,
                           VALUES(SQL_INT(now_ms)), &s, err);

        while (r >= 0 && (r = stmt_step(store, s, err)) > 0) {
                GROW(rows, n, capacity);
                rows[n++] = read_address(s, arena);
        }
        if (r < 0)
                return r;
        if (n)
                qsort(rows, n, sizeof(*rows), by_address);
        *ret = stmt_rows(arena, rows, n, sizeof(*rows));
        *ret_n = n;
        return 0;
}
