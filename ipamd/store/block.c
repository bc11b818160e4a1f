// SPDX-License-Identifier: Apache-2.0
/* Blocks of ENIs: arrive, get routed, are withheld in part, leave. */
#include "store/pick.h"

#define SQL_PREFIX(p)    SQL_INT(sql_family((p).ip)), SQL_HEX((p).ip), SQL_INT((p).bits)
#define HAS_LEASE(block) "EXISTS (SELECT 1 FROM addresses WHERE block = " block " AND lease IS NOT NULL)"

/* ---- arriving ---- */

/*
 * On another ENI of ours it is old news: EC2 took it from there (or deleted that ENI) and gave it here. A pod that still has
 * an address of it keeps it there. Cooldowns go on here.
 */
static int move_here(struct store *store, int64_t key, enum block_state state, struct prefix block,
                     struct err *err)
{
        return stmt_run(store,
                        "UPDATE blocks SET eni = ?4, state = ?5, doubted = 0 WHERE family = ?1 AND first = ?2"
                        " AND bits = ?3 AND eni <> ?4 AND NOT " HAS_LEASE("blocks.key"),
                        VALUES(SQL_PREFIX(block), SQL_INT(key), SQL_TEXT(block_state_names[state])), err);
}

/* Blocks b that overlap ?2 to ?3 of family ?1: the one that begins before it, and those that begin in it. */
#define OVERLAPS                                                                                             \
        "b.family = ?1 AND (b.first BETWEEN ?2 AND ?3 OR (b.first = (SELECT max(first) FROM blocks"          \
        " WHERE family = ?1 AND first < ?2) AND b.last >= ?2))"

static struct ip last_of(struct prefix block)
{
        for (unsigned bit = block.bits; bit < ip_max_bits(block.ip); bit++)
                block.ip.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
        return block.ip;
}

/*
 * 1: nothing overlaps the block any more; 0: it is there already, a pod has an address of what overlaps it, or an ENI has one of
 * it as its primary address, which is the node's own and never a pod's.
 */
static int clear_room(struct store *store, struct prefix block, struct err *err)
{
        struct ip last = last_of(block);
        int64_t key = 0;
        int r = stmt_number(
                store,
                "SELECT 1 FROM blocks b WHERE " OVERLAPS " AND ((b.first = ?2 AND b.bits = ?4)"
                " OR " HAS_LEASE("b.key") ") UNION ALL SELECT 1 FROM enis WHERE primary_hex BETWEEN ?2 AND ?3"
                                          "  AND length(primary_hex) = length(?2) AND state NOT IN "
                                          "('detaching', 'deleting') LIMIT 1",
                VALUES(SQL_INT(sql_family(block.ip)), SQL_HEX(block.ip), SQL_HEX(last), SQL_INT(block.bits)),
                &key, err);

        if (r != 0)
                return r < 0 ? r : 0;
        do {
                r = stmt_number(store, "SELECT b.key FROM blocks b WHERE " OVERLAPS " LIMIT 1",
                                VALUES(SQL_INT(sql_family(block.ip)), SQL_HEX(block.ip), SQL_HEX(last)), &key,
                                err);
                if (r > 0 && store_block_remove(store, key, err) < 0)
                        return -(int)err->code;
        } while (r > 0);
        return r < 0 ? r : 1;
}

static int insert(struct store *store, int64_t key, enum block_state state, struct prefix block,
                  struct err *err)
{
        return stmt_run(store, "INSERT INTO blocks (first, bits, eni, state) VALUES (?1, ?2, ?3, ?4)",
                        VALUES(SQL_HEX(block.ip), SQL_INT(block.bits), SQL_INT(key),
                               SQL_TEXT(block_state_names[state])),
                        err);
}

int store_block_arrives(struct store *store, int64_t key, enum eni_state eni_state, struct prefix block,
                        bool *ret_new, struct err *err)
{
        enum block_state state = eni_state_is_leaving(eni_state) ? BLOCK_LEAVING : BLOCK_PREPARING;
        unsigned changes = 0;
        int r = move_here(store, key, state, block, err);

        if (r == 0 && !(changes = store_changes(store))) {
                r = clear_room(store, block, err);
                if (r > 0) {
                        r = insert(store, key, state, block, err);
                        changes = store_changes(store);
                }
        }
        *ret_new = changes > 0;
        if (r < 0 || !changes)
                return r;
        r = given_back_forget(store, key, block, err);
        return r == 0 ? store_note(store, EVENT_ADDRESS_ADDED, BLOCK_TEXT(block), "", err) : r;
}

int store_block_remove(struct store *store, int64_t key, struct err *err)
{
        static const char *const steps[] = {
                /* nothing of it is given out, and so nothing of it needs to be held */
                "UPDATE blocks SET state = 'preparing' WHERE key = ?1 AND state = 'usable'",
                "DELETE FROM addresses WHERE block = ?1 AND lease IS NULL",
                "DELETE FROM blocks WHERE key = ?1",
        };
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(steps) && r == 0; i++)
                r = stmt_run(store, steps[i], VALUES(SQL_INT(key)), err);
        return r;
}

/* ERR_NOT_FOUND when there is no such row. */
static int read_eni_state(struct store *store, int64_t key, enum eni_state *ret, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        int r = stmt_start(store, "SELECT state FROM enis WHERE key = ?1", VALUES(SQL_INT(key)), &s, err);

        if (r == 0)
                r = stmt_step(store, s, err);
        if (r == 0)
                return err_set(err, ERR_NOT_FOUND, "no ENI with key %lld", (long long)key);
        if (r < 0)
                return r;
        *ret = eni_state_parse(stmt_peek(s, 0));
        return 0;
}

int store_blocks_add(struct store *store, int64_t key, const struct prefix *blocks, size_t n,
                     unsigned *ret_new, struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        enum eni_state state = ENI_CREATING;
        unsigned count = 0;
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = read_eni_state(store, key, &state, err);
        for (size_t i = 0; i < n && r == 0; i++) {
                bool is_new = false;

                r = store_block_arrives(store, key, state, blocks[i], &is_new, err);
                count += is_new;
        }
        if (r == 0)
                r = store_commit(&tx, err);
        if (r < 0)
                return r;
        *ret_new = count;
        return 0;
}

/* ---- the same statements for each of a list, in one transaction ---- */

/* Each is run with ?1: the ENI's key, ?2: the digits of the prefix's address, ?3: its bits, ?4: its family. NULL ends them. */
static int for_each(struct store *store, const char *const statements[], int64_t key,
                    const struct prefix *list, size_t n, unsigned *ret_changed, struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        unsigned changed = 0;
        int r = store_begin(store, &tx, err);

        for (size_t i = 0; i < n && r == 0; i++) {
                bool is_changed = false;

                for (const char *const *sql = statements; *sql && r == 0; sql++) {
                        r = stmt_run(store, *sql,
                                     VALUES(SQL_INT(key), SQL_HEX(list[i].ip), SQL_INT(list[i].bits),
                                            SQL_INT(sql_family(list[i].ip))),
                                     err);
                        is_changed |= r == 0 && store_changes(store) > 0;
                }
                changed += is_changed;
        }
        if (r == 0)
                r = store_commit(&tx, err);
        if (r == 0 && ret_changed)
                *ret_changed = changed;
        return r;
}

#define THE_BLOCK  "family = ?4 AND first = ?2 AND bits = ?3 AND eni = ?1"
#define IS_PENDING "EXISTS (SELECT 1 FROM imports WHERE hex = ?2 AND verdict = 'pending')"

int store_blocks_routed(struct store *store, int64_t key, const struct prefix *routed, size_t n,
                        unsigned *ret_n, struct err *err)
{
        /* ?3 of an address is its length in bits: a larger block says nothing of what is held in it. */
        static const char *const statements[] = {
                "UPDATE blocks SET state = 'usable' WHERE " THE_BLOCK
                " AND state = 'preparing' AND doubted = 0"
                " AND (SELECT untagged FROM enis WHERE key = ?1) = 0",
                "UPDATE addresses AS a SET held = 0, usable_from_ms = max(usable_from_ms, 1) WHERE hex = ?2"
                " AND ?3 = 4 * length(?2) AND held = 1 AND NOT " IS_PENDING
                " AND (SELECT eni FROM blocks WHERE key = a.block AND family = ?4 AND state = 'usable') = ?1",
                NULL};

        return for_each(store, statements, key, routed, n, ret_n, err);
}

int store_addresses_withhold(struct store *store, int64_t key, const struct ip *addresses, size_t n,
                             unsigned *ret_n, struct err *err)
{
        static const char *const statements[] = {
                "UPDATE addresses AS a SET held = 1 WHERE hex = ?2 AND ?3 AND lease IS NULL AND held = 0"
                " AND (SELECT eni FROM blocks WHERE key = a.block AND family = ?4 AND state = 'usable') = ?1",
                "INSERT INTO addresses (hex, block, held) SELECT ?2, key, 1 FROM blocks WHERE family = ?4"
                " AND ?2 BETWEEN first AND last AND ?3 AND eni = ?1 AND state = 'usable'"
                " AND NOT EXISTS (SELECT 1 FROM addresses WHERE hex = ?2)",
                NULL};
        _cleanup_free_ struct prefix *list = XNEW_ARRAY(struct prefix, n);

        for (size_t i = 0; i < n; i++)
                list[i] = prefix_host(addresses[i]);
        return for_each(store, statements, key, list, n, ret_n, err);
}

int store_blocks_restore(struct store *store, int64_t key, const struct prefix *blocks, size_t n,
                         struct err *err)
{
        static const char *const statements[] = {
                "UPDATE blocks SET state = 'usable' WHERE " THE_BLOCK " AND state = 'leaving' AND doubted = 0"
                " AND (SELECT state FROM enis WHERE key = ?1) NOT IN ('detaching', 'deleting')",
                NULL};

        return for_each(store, statements, key, blocks, n, NULL, err);
}

int store_addresses_associated(struct store *store, const char *eni_id, const struct ip *addresses, size_t n,
                               struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = stmt_run(store,
                             "UPDATE blocks SET associated = 0 WHERE associated = 1"
                             " AND eni = (SELECT key FROM enis WHERE eni_id = ?1)",
                             VALUES(SQL_TEXT(eni_id)), err);
        for (size_t i = 0; i < n && r == 0; i++)
                r = stmt_run(
                        store,
                        "UPDATE blocks SET associated = 1 WHERE family = ?3 AND ?2 BETWEEN first AND last"
                        " AND eni = (SELECT key FROM enis WHERE eni_id = ?1)",
                        VALUES(SQL_TEXT(eni_id), SQL_HEX(addresses[i]), SQL_INT(sql_family(addresses[i]))),
                        err);
        return r == 0 ? store_commit(&tx, err) : r;
}

/* ---- leaving ---- */

static int leave(struct store *store, struct prefix block, struct err *err)
{
        /* No event yet: the call may be refused, again and again. */
        return stmt_run(store,
                        "UPDATE blocks SET state = 'leaving' WHERE family = ?1 AND first = ?2 AND bits = ?3",
                        VALUES(SQL_PREFIX(block)), err);
}

int store_blocks_take(struct store *store, int64_t key, unsigned max, int64_t now_ms, struct arena *arena,
                      struct prefix **ret, size_t *ret_n, struct err *err)
{
        enum { MOST = 1024 }; /* far above what an ENI can have */
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        unsigned limit = max < MOST ? max : MOST;
        struct prefix *picked = ARENA_ARRAY(arena, struct prefix, limit);
        size_t n = 0;
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = pick_sweep(store, now_ms, err);
        if (r == 0)
                r = pick_leaving(store, key, limit, picked, &n, err);
        for (size_t i = 0; i < n && r == 0; i++)
                r = leave(store, picked[i], err);
        if (r == 0)
                r = store_commit(&tx, err);
        if (r < 0)
                return r;
        *ret = picked;
        *ret_n = n;
        return 0;
}

/* 1: it was leaving, and its row is gone. The event is first: its ENI is found by the row. */
static int end_leaving(struct store *store, int64_t eni_key, struct prefix block, struct err *err)
{
        int64_t key = 0;
        int r = stmt_number(store, "SELECT key FROM blocks WHERE " THE_BLOCK " AND state = 'leaving'",
                            VALUES(SQL_INT(eni_key), SQL_HEX(block.ip), SQL_INT(block.bits),
                                   SQL_INT(sql_family(block.ip))),
                            &key, err);

        if (r <= 0)
                return r;
        r = store_note(store, EVENT_ADDRESS_LEAVING, BLOCK_TEXT(block), "given back to EC2", err);
        if (r == 0)
                r = store_block_remove(store, key, err);
        return r < 0 ? r : 1;
}

int store_blocks_gone(struct store *store, int64_t key, const struct prefix *blocks, size_t n, int64_t now_ms,
                      struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        int r = store_begin(store, &tx, err);

        for (size_t i = 0; i < n && r == 0; i++) {
                r = end_leaving(store, key, blocks[i], err);
                if (r > 0)
                        r = given_back_note(store, key, blocks[i], now_ms, err);
        }
        return r == 0 ? store_commit(&tx, err) : r;
}

int store_give_back_again(struct store *store, int64_t key, struct prefix block, struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = stmt_run(
                        store,
                        "INSERT INTO blocks (first, bits, eni, state) SELECT ?2, ?3, ?1, 'leaving'"
                        " WHERE NOT EXISTS (SELECT 1 FROM imports WHERE verdict = 'pending'"
                        "   AND hex BETWEEN ?2 AND ?4 AND length(hex) = length(?2))"
                        " AND NOT EXISTS (SELECT 1 FROM enis WHERE primary_hex BETWEEN ?2 AND ?4"
                        "   AND length(primary_hex) = length(?2) AND state NOT IN ('detaching', 'deleting'))"
                        " AND NOT EXISTS (SELECT 1 FROM blocks WHERE length(first) = length(?2)"
                        "   AND first <= ?4 AND last >= ?2)",
                        VALUES(SQL_INT(key), SQL_HEX(block.ip), SQL_INT(block.bits), SQL_HEX(last_of(block))),
                        err);
        if (r == 0 && store_changes(store))
                r = store_note(store, EVENT_ADDRESS_LEAVING, BLOCK_TEXT(block),
                               "already given back, but EC2 still shows it: given back again", err);
        return r == 0 ? store_commit(&tx, err) : r;
}

/* ---- all of them ---- */

static int by_prefix(const void *a, const void *b)
{
        return prefix_compare(((const struct block *)a)->prefix, ((const struct block *)b)->prefix);
}

int store_blocks(struct store *store, struct arena *arena, struct block **ret, size_t *ret_n, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        _cleanup_free_ struct block *rows = NULL;
        size_t n = 0, capacity = 0;
        int r = stmt_start(store,
                           "SELECT b.first, b.bits, b.eni, b.state, b.taken FROM blocks b"
                           " JOIN enis e ON e.key = b.eni WHERE e.managed = 1",
                           NO_VALUES, &s, err);

        while (r >= 0 && (r = stmt_step(store, s, err)) > 0) {
                GROW(rows, n, capacity);
                rows[n++] = (struct block){.prefix = stmt_prefix(s, 0),
                                           .eni_key = stmt_int(s, 2),
                                           .state = block_state_parse(stmt_peek(s, 3)),
                                           .taken = stmt_unsigned(s, 4)};
        }
        if (r < 0)
                return r;
        if (n)
                qsort(rows, n, sizeof(*rows), by_prefix);
        *ret = stmt_rows(arena, rows, n, sizeof(*rows));
        *ret_n = n;
        return 0;
}
