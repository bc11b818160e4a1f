// SPDX-License-Identifier: Apache-2.0
/*
 * What EC2's Describe shows of an ENI, and what the database says: the database follows, except where a pod lives. What a resync does
 * not show, and what may be there all the same, is kept and not offered: see `doubted` in schema.c.
 */
#include <string.h>

#include "store/stmt.h"

/* One observation on its way into the database. */
struct observation {
        const struct eni *eni;
        const struct prefix *blocks; /* the last n_doubted are not shown, and not gone for sure */
        size_t n, n_doubted;
        int64_t key, now_ms;
        enum eni_state state;
        bool changed;
};

enum sight { SIGHT_SHOWN, SIGHT_DOUBTED, SIGHT_GONE };

static enum sight sight_of(const struct observation *o, struct prefix block)
{
        for (size_t i = 0; i < o->n; i++) {
                if (prefix_equal(o->blocks[i], block))
                        return i < o->n - o->n_doubted ? SIGHT_SHOWN : SIGHT_DOUBTED;
        }
        return SIGHT_GONE;
}

int store_primary_arrives(struct store *store, struct ip address, struct err *err)
{
        int64_t key = 0;
        int r = 0;

        if (ip_is_set(address))
                r = stmt_number(
                        store,
                        "SELECT b.key FROM blocks b WHERE b.family = ?1 AND ?2 BETWEEN b.first AND b.last"
                        " AND NOT EXISTS (SELECT 1 FROM addresses WHERE block = b.key AND lease IS NOT NULL)",
                        VALUES(SQL_INT(sql_family(address)), SQL_HEX(address)), &key, err);
        return r > 0 ? store_block_remove(store, key, err) : r;
}

/* ---- the ENI's row ---- */

#define ENI_VALUES(eni)                                                                                      \
        SQL_TEXT((eni)->eni_id), SQL_TEXT_OR_NULL((eni)->attachment_id), SQL_TEXT((eni)->subnet_id),         \
                SQL_CIDR((eni)->subnet_cidr), SQL_MAC((eni)->mac), SQL_HEX_OR_NULL((eni)->primary_address),  \
                SQL_INT((eni)->device_index), SQL_INT((eni)->network_card), SQL_INT((eni)->managed),         \
                SQL_INT((eni)->primary), SQL_INT((eni)->untagged), SQL_TEXT((eni)->public_address)

static int insert_eni(struct store *store, struct observation *o, int64_t now_ms, struct err *err)
{
        int r = stmt_run(
                store,
                "INSERT INTO enis (eni_id, attachment_id, subnet_id, subnet_cidr, mac, primary_hex,"
                " device_index, network_card, managed, is_primary, untagged, public_address, client_token, "
                "state, created_ms,"
                " since_ms)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 'configuring', ?14, ?14)",
                VALUES(ENI_VALUES(o->eni), SQL_TEXT_OR_NULL(o->eni->client_token), SQL_INT(now_ms)), err);

        if (r < 0)
                return r;
        o->key = sqlite3_last_insert_rowid(store->db);
        o->state = ENI_CONFIGURING;
        o->changed = true;
        return store_note(store, EVENT_ENI_SEEN, o->eni->eni_id,
                          o->eni->managed ? "seen in EC2 for the first time"
                                          : "seen in EC2 for the first time; foreign, left alone",
                          err);
}

/* Attached elsewhere it has another link, and gets other numbers (eni_number.c). */
#define SAME_PLACE "device_index = ?7 AND network_card = ?8 AND ?9 AND NOT ?10"

/*
 * What EC2 does not say (empty) stays as it is. One without our tag is ready no more; one that is not ours any more is on
 * no way in or out, either.
 */
static int update_eni(struct store *store, struct observation *o, struct err *err)
{
        int r = stmt_run(
                store,
                "UPDATE enis SET attachment_id = ?2, subnet_id = coalesce(nullif(?3, ''), subnet_id),"
                " subnet_cidr = coalesce(nullif(?4, ''), subnet_cidr), mac = coalesce(?5, mac),"
                " primary_hex = coalesce(?6, primary_hex), device_index = ?7, network_card = ?8,"
                " mark_index = CASE WHEN " SAME_PLACE " THEN mark_index END,"
                " route_table = CASE WHEN " SAME_PLACE " THEN route_table END,"
                " managed = ?9, is_primary = ?10, untagged = ?11, public_address = ?12, in_doubt = 0,"
                " state = CASE WHEN (?11 AND state = 'ready') OR (NOT ?9 AND state IN ('attaching', "
                "'draining'))"
                " THEN 'configuring' ELSE state END WHERE eni_id = ?1 AND ("
                " attachment_id IS NOT ?2 OR subnet_id <> coalesce(nullif(?3, ''), subnet_id)"
                " OR subnet_cidr <> coalesce(nullif(?4, ''), subnet_cidr)"
                " OR mac IS NOT coalesce(?5, mac) OR primary_hex IS NOT coalesce(?6, primary_hex)"
                " OR device_index <> ?7 OR network_card <> ?8 OR managed <> ?9 OR is_primary <> ?10"
                " OR untagged <> ?11 OR public_address <> ?12 OR in_doubt <> 0)",
                VALUES(ENI_VALUES(o->eni)), err);

        if (r < 0 || !store_changes(store))
                return r;
        o->changed = true;
        return store_note(store, EVENT_ENI_SEEN, o->eni->eni_id, "changed in EC2", err);
}

static int find_eni(struct store *store, struct observation *o, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        int r = stmt_start(store, "SELECT key, state FROM enis WHERE eni_id = ?1",
                           VALUES(SQL_TEXT(o->eni->eni_id)), &s, err);

        if (r == 0)
                r = stmt_step(store, s, err);
        if (r <= 0)
                return r;
        o->key = stmt_int(s, 0);
        o->state = eni_state_parse(stmt_peek(s, 1));
        return 1;
}

/* ---- its blocks ---- */

struct known_block {
        int64_t key;
        struct prefix prefix;
        enum block_state state;
        bool leased, doubted;
};

static int read_known(struct store *store, int64_t eni_key, struct known_block **ret, size_t *ret_n,
                      struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        _cleanup_free_ struct known_block *rows = NULL;
        size_t n = 0, capacity = 0;
        int r = stmt_start(store,
                           "SELECT key, first, bits, state, doubted, EXISTS (SELECT 1 FROM addresses"
                           " WHERE block = blocks.key AND lease IS NOT NULL) FROM blocks WHERE eni = ?1",
                           VALUES(SQL_INT(eni_key)), &s, err);

        while (r >= 0 && (r = stmt_step(store, s, err)) > 0) {
                GROW(rows, n, capacity);
                rows[n++] = (struct known_block){
                        .key = stmt_int(s, 0),
                        .prefix = stmt_prefix(s, 1),
                        .state = block_state_parse(stmt_peek(s, 3)),
                        .doubted = stmt_int(s, 4) != 0,
                        .leased = stmt_int(s, 5) != 0,
                };
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(rows);
        *ret_n = n;
        return 0;
}

static int set_state(struct store *store, struct observation *o, const struct known_block *block,
                     enum block_state state, enum event_kind event, const char *text, struct err *err)
{
        int r = stmt_run(store, "UPDATE blocks SET state = ?2 WHERE key = ?1",
                         VALUES(SQL_INT(block->key), SQL_TEXT(block_state_to_string(state))), err);

        o->changed = true;
        return r == 0 ? store_note(store, event, BLOCK_TEXT(block->prefix), text, err) : r;
}

/* One that was leaving went by our own call, whose answer was lost: a late resync must not bring it back. */
static int forget(struct store *store, const struct observation *o, const struct known_block *block,
                  struct err *err)
{
        int r = store_note(store, EVENT_ADDRESS_GONE, BLOCK_TEXT(block->prefix),
                           "EC2 no longer shows it on this node", err);

        if (r == 0 && block->state == BLOCK_LEAVING && o->eni->managed)
                r = given_back_note(store, o->key, block->prefix, o->now_ms, err);
        return r == 0 ? store_block_remove(store, block->key, err) : r;
}

/* What is doubted is not offered, and the kernel is asked again before it is. */
#define DOUBT                                                                                                \
        "UPDATE blocks SET doubted = 1, state = CASE state WHEN 'usable' THEN 'preparing' ELSE state END"    \
        " WHERE doubted = 0 AND state NOT IN ('leaving', 'lost') AND "

static int believe_again(struct store *store, struct observation *o, const struct known_block *block,
                         struct err *err)
{
        o->changed = true;
        return stmt_run(store, "UPDATE blocks SET doubted = 0 WHERE key = ?1", VALUES(SQL_INT(block->key)),
                        err);
}

static int doubt(struct store *store, struct observation *o, const struct known_block *block, struct err *err)
{
        int r = stmt_run(store, DOUBT "key = ?1", VALUES(SQL_INT(block->key)), err);

        if (r < 0 || !store_changes(store))
                return r;
        o->changed = true;
        return store_note(store, EVENT_ADDRESS_DOUBTED, BLOCK_TEXT(block->prefix),
                          "missing in a sync with EC2: no pod gets it until the next one", err);
}

int store_eni_doubt(struct store *store, int64_t key, struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = stmt_run(store, DOUBT "eni = ?1", VALUES(SQL_INT(key)), err);
        return r == 0 ? store_commit(&tx, err) : r;
}

/* One that was lost is routed, or the kernel is asked: as what is new. */
static int compare_shown(struct store *store, struct observation *o, const struct known_block *block,
                         struct err *err)
{
        int r = block->doubted ? believe_again(store, o, block, err) : 0;

        if (r == 0 && block->state == BLOCK_LOST)
                r = set_state(store, o, block, BLOCK_PREPARING, EVENT_ADDRESS_FOUND,
                              "EC2 shows it again; its pod kept it", err);
        return r;
}

/* A block that the database knows. An ENI that is not ours keeps only what pods still use. */
static int compare_block(struct store *store, struct observation *o, const struct known_block *block,
                         struct err *err)
{
        enum sight sight = sight_of(o, block->prefix);
        bool lost = block->state == BLOCK_LOST;

        if (!block->leased && !lost && (sight == SIGHT_GONE || !o->eni->managed)) {
                o->changed = true;
                return forget(store, o, block, err);
        }
        if (sight == SIGHT_SHOWN)
                return compare_shown(store, o, block, err);
        if (sight == SIGHT_DOUBTED)
                return doubt(store, o, block, err);
        if (block->leased && !lost)
                return set_state(store, o, block, BLOCK_LOST, EVENT_ADDRESS_LOST,
                                 "EC2 no longer shows it, but a pod uses it", err);
        return 0;
}

static int compare_blocks(struct store *store, struct observation *o, struct err *err)
{
        _cleanup_free_ struct known_block *known = NULL;
        size_t n = 0;
        int r = read_known(store, o->key, &known, &n, err);

        for (size_t i = 0; i < n && r == 0; i++)
                r = compare_block(store, o, &known[i], err);
        for (size_t i = 0; i < o->n - o->n_doubted && r == 0 && o->eni->managed; i++) {
                bool is_new = false;

                r = store_block_arrives(store, o->key, o->state, o->blocks[i], &is_new, err);
                o->changed = o->changed || is_new;
        }
        return r;
}

int store_eni_observed(struct store *store, const struct eni *eni, const struct prefix *blocks, size_t n,
                       size_t n_doubted, int64_t now_ms, bool *ret_changed, struct err *err)
{
        struct observation o = {
                .eni = eni, .blocks = blocks, .n = n, .n_doubted = n_doubted, .now_ms = now_ms};
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = store_primary_arrives(store, eni->primary_address, err);
        if (r == 0)
                r = find_eni(store, &o, err);
        if (r < 0)
                return r;
        r = r > 0 ? update_eni(store, &o, err) : insert_eni(store, &o, now_ms, err);
        if (r == 0)
                r = eni_number_all(store, err);
        if (r == 0)
                r = compare_blocks(store, &o, err);
        if (r == 0)
                r = store_commit(&tx, err);
        if (r < 0)
                return err_wrap(err, "bring ENI %s up to date", eni->eni_id);
        *ret_changed = o.changed;
        return 0;
}
