// SPDX-License-Identifier: Apache-2.0
#include <assert.h>

#include "store/pick.h"

/* The index is named, since SQLite would rather walk all rows without a lease. */
int pick_sweep(struct store *store, int64_t now_ms, struct err *err)
{
        int r = stmt_run(store,
                         "UPDATE addresses INDEXED BY addresses_unusable SET usable_from_ms = ?1"
                         " WHERE lease IS NULL AND usable_from_ms > ?1",
                         VALUES(SQL_INT(now_ms + store->cooldown_ms)), err);

        if (r < 0)
                return r;
        return stmt_run(store,
                        "DELETE FROM addresses AS a INDEXED BY addresses_unusable WHERE a.lease IS NULL AND "
                        "a.usable_from_ms <= ?1"
                        " AND NOT " STORE_IS_USED,
                        VALUES(SQL_INT(now_ms)), err);
}

/* ---- an address of a block ---- */

static struct ip after(struct ip ip)
{
        for (unsigned i = ip_max_bits(ip) / 8; i-- > 0;) {
                if (++ip.bytes[i])
                        break;
        }
        return ip;
}

/* The first without a row from `from` on. Those with one are few: pods, and what they had a moment ago. */
static int first_without_row(struct store *store, int64_t block, struct ip from, struct ip *ret,
                             struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        int r = stmt_start(store, "SELECT hex FROM addresses WHERE block = ?1 AND hex >= ?2 ORDER BY hex",
                           VALUES(SQL_INT(block), SQL_HEX(from)), &s, err);

        while (r >= 0 && (r = stmt_step(store, s, err)) > 0 && ip_equal(stmt_ip(s, 0), from))
                from = after(from);
        *ret = from;
        return r < 0 ? r : 0;
}

/* Round and round: what comes next behind the last one given was not given for the longest time. */
static int pick_in_block(struct store *store, int64_t block, struct prefix prefix, struct ip last_given,
                         struct ip *ret, struct err *err)
{
        struct ip from = ip_is_set(last_given) ? after(last_given) : prefix.ip;
        int r = 0;

        *ret = from;
        if (prefix_contains(prefix, from))
                r = first_without_row(store, block, from, ret, err);
        if (r == 0 && !prefix_contains(prefix, *ret))
                r = first_without_row(store, block, prefix.ip, ret, err);
        assert(r < 0 || prefix_contains(prefix, *ret)); /* fewer rows than addresses */
        return r;
}

int pick_address(struct store *store, unsigned family, struct picked *ret, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        struct prefix prefix;
        int r = stmt_start(store, STORE_PICK_BLOCK, VALUES(SQL_INT(family)), &s, err);

        if (r == 0)
                r = stmt_step(store, s, err);
        if (r <= 0)
                return r;
        prefix = stmt_prefix(s, 1);
        *ret = (struct picked){prefix.ip, stmt_int(s, 0)};
        if (stmt_int(s, 3) > 1)
                r = pick_in_block(store, ret->block, prefix, stmt_ip(s, 4), &ret->address, err);
        return r < 0 ? r : 1;
}

int pick_this(struct store *store, struct ip address, struct picked *ret, struct err *err)
{
        int r = stmt_number(store,
                            STORE_FREE_BLOCKS " AND ?2 BETWEEN b.first AND b.last"
                                              " AND NOT EXISTS (SELECT 1 FROM addresses WHERE hex = ?2)",
                            VALUES(SQL_INT(sql_family(address)), SQL_HEX(address)), &ret->block, err);

        ret->address = address;
        return r;
}

int pick_own(struct store *store, const struct lease_key *key, unsigned family, struct ip address,
             struct picked *ret, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        int r = stmt_start(store, STORE_PICK_OWN,
                           VALUES(SQL_TEXT(key->network), SQL_TEXT(key->container_id), SQL_TEXT(key->ifname),
                                  SQL_INT(family), SQL_HEX(address)),
                           &s, err);

        if (r == 0)
                r = stmt_step(store, s, err);
        if (r > 0)
                *ret = (struct picked){stmt_ip(s, 0), stmt_int(s, 1)};
        return r;
}

int pick_end_cooldown(struct store *store, struct ip address, int64_t now_ms, struct err *err)
{
        /* It ends now, not later: a block's free_since_ms is made of it, and one in the future is a clock that went back (restart.c). */
        int r = stmt_run(store,
                         "UPDATE addresses SET usable_from_ms = min(usable_from_ms, ?2)"
                         " WHERE hex = ?1 AND lease IS NULL AND held = 0",
                         VALUES(SQL_HEX(address), SQL_INT(now_ms)), err);

        return r < 0 ? r
                     : stmt_run(store, "DELETE FROM addresses WHERE hex = ?1 AND lease IS NULL AND held = 0",
                                VALUES(SQL_HEX(address)), err);
}

/* ---- what is given back ---- */

int pick_leaving(struct store *store, int64_t eni_key, unsigned max, struct prefix *ret, size_t *ret_n,
                 struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        int64_t left = max;
        size_t n = 0;
        int r = stmt_start(
                store,
                "SELECT first, bits, size FROM blocks WHERE eni = ?1 AND state = 'usable' AND taken = 0"
                " AND associated = 0 AND size <= ?2 ORDER BY free_since_ms, first",
                VALUES(SQL_INT(eni_key), SQL_INT(max)), &s, err);

        while (r >= 0 && left > 0 && (r = stmt_step(store, s, err)) > 0) {
                if (stmt_int(s, 2) > left)
                        continue;
                left -= stmt_int(s, 2);
                ret[n++] = stmt_prefix(s, 0);
        }
        *ret_n = n;
        return r < 0 ? r : 0;
}
