// SPDX-License-Identifier: Apache-2.0
/* Addresses of ENIs, apart from their leases: arrive, get routed, cool, leave. */
#include <string.h>

#include "store/stmt.h"

static const char *const address_state_names[_ADDRESS_STATE_MAX] = {
        [ADDRESS_PREPARING] = "preparing", [ADDRESS_FREE] = "free",       [ADDRESS_LEASED] = "leased",
        [ADDRESS_COOLING] = "cooling",     [ADDRESS_LEAVING] = "leaving", [ADDRESS_LOST] = "lost",
};

const char *address_state_to_string(enum store_address_state state)
{
        return (unsigned)state < _ADDRESS_STATE_MAX ? address_state_names[state] : "unknown";
}

int store_bound_cooling(struct store *store, int64_t now_ms, struct err *err)
{
        return stmt_run(store,
                        "UPDATE addresses SET cooling_until_ms = ?1"
                        " WHERE state = 'cooling' AND cooling_until_ms > ?1",
                        VALUES(SQL_INT(now_ms + store->cooldown_ms)), err);
}

int store_thaw(struct store *store, int64_t now_ms, struct err *err)
{
        int r = store_bound_cooling(store, now_ms, err);

        if (r < 0)
                return r;
        return stmt_run(store,
                        "UPDATE addresses SET state = 'free', cooling_until_ms = 0"
                        " WHERE state = 'cooling' AND cooling_until_ms <= ?1",
                        VALUES(SQL_INT(now_ms)), err);
}

/* ---- arriving ---- */

int store_address_arrives(struct store *store, int64_t key, enum eni_state eni_state, struct ip address,
                          bool *ret_new, struct err *err)
{
        const char *state =
                address_state_names[eni_state_is_leaving(eni_state) ? ADDRESS_LEAVING : ADDRESS_PREPARING];
        /*
         * On another ENI of ours it is old news: EC2 took it from there (or deleted that ENI) and gave it here. A pod that
         * still has it keeps it there. A cooldown goes on here: see store_addresses_routed().
         * A primary address is the node's own, never a pod's.
         */
        int r = stmt_run(store,
                         "INSERT INTO addresses (address, eni, state) SELECT ?1, ?2, ?3"
                         " WHERE NOT EXISTS (SELECT 1 FROM enis WHERE primary_address = ?1"
                         "                   AND state NOT IN ('detaching', 'deleting'))"
                         " ON CONFLICT (address) DO UPDATE SET eni = excluded.eni, state = excluded.state,"
                         " doubted = 0"
                         " WHERE eni <> excluded.eni AND state NOT IN ('leased', 'lost')",
                         VALUES(SQL_IP(address), SQL_INT(key), SQL_TEXT(state)), err);

        if (r < 0)
                return r;
        *ret_new = store_changes(store) > 0;
        if (!*ret_new)
                return 0;
        r = given_back_forget(store, key, address, err);
        return r == 0 ? store_note(store, "address-added", IP_TEXT(address), "", err) : r;
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

int store_addresses_add(struct store *store, int64_t key, const struct ip *addresses, size_t n,
                        int64_t now_ms _unused_, unsigned *ret_new, struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        enum eni_state state = ENI_CREATING;
        unsigned count = 0;
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = read_eni_state(store, key, &state, err);
        for (size_t i = 0; i < n && r == 0; i++) {
                bool is_new = false;

                r = store_address_arrives(store, key, state, addresses[i], &is_new, err);
                count += is_new;
        }
        if (r == 0)
                r = store_commit(&tx, err);
        if (r < 0)
                return r;
        *ret_new = count;
        return 0;
}

/* ---- the same statement for each of a list, in one transaction ---- */

/* ?1 is the ENI's key, ?2 the address, ?3 (where given) now_ms. */
static int for_each(struct store *store, const char *sql, int64_t key, const struct ip *addresses, size_t n,
                    const int64_t *now_ms, unsigned *ret_changed, struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        unsigned changed = 0;
        int r = store_begin(store, &tx, err);

        for (size_t i = 0; i < n && r == 0; i++) {
                const struct sql_value values[] = {SQL_INT(key), SQL_IP(addresses[i]),
                                                   SQL_INT(now_ms ? *now_ms : 0)};

                r = stmt_run(store, sql, values, now_ms ? 3 : 2, err);
                changed += store_changes(store);
        }
        if (r == 0)
                r = store_commit(&tx, err);
        if (r == 0 && ret_changed)
                *ret_changed = changed;
        return r;
}

int store_addresses_routed(struct store *store, int64_t key, const struct ip *addresses, size_t n,
                           int64_t now_ms, unsigned *ret_n, struct err *err)
{
        return for_each(
                store,
                "UPDATE addresses SET state = CASE WHEN cooling_until_ms > ?3 THEN 'cooling' ELSE 'free' END"
                " WHERE eni = ?1 AND address = ?2 AND state = 'preparing' AND doubted = 0"
                " AND (SELECT untagged FROM enis WHERE key = ?1) = 0"
                " AND NOT EXISTS (SELECT 1 FROM imports WHERE address = ?2 AND verdict = 'pending')",
                key, addresses, n, &now_ms, ret_n, err);
}

/* The end of a cooldown stays written down: routed again, it goes on cooling. */
int store_addresses_withhold(struct store *store, int64_t key, const struct ip *addresses, size_t n,
                             unsigned *ret_n, struct err *err)
{
        return for_each(store,
                        "UPDATE addresses SET state = 'preparing'"
                        " WHERE eni = ?1 AND address = ?2 AND state IN ('free', 'cooling')",
                        key, addresses, n, NULL, ret_n, err);
}

int store_addresses_gone(struct store *store, int64_t key, const struct ip *addresses, size_t n,
                         int64_t now_ms, struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        int r = store_begin(store, &tx, err);

        for (size_t i = 0; i < n && r == 0; i++) {
                r = stmt_run(store,
                             "DELETE FROM addresses WHERE eni = ?1 AND address = ?2 AND state = 'leaving'",
                             VALUES(SQL_INT(key), SQL_IP(addresses[i])), err);
                if (r == 0 && store_changes(store))
                        r = given_back_note(store, key, addresses[i], now_ms, err);
        }
        return r == 0 ? store_commit(&tx, err) : r;
}

int store_addresses_restore(struct store *store, int64_t key, const struct ip *addresses, size_t n,
                            struct err *err)
{
        return for_each(store,
                        "UPDATE addresses SET state = 'free'"
                        " WHERE eni = ?1 AND address = ?2 AND state = 'leaving'"
                        " AND (SELECT state FROM enis WHERE key = ?1) NOT IN ('detaching', 'deleting')",
                        key, addresses, n, NULL, NULL, err);
}

#define OF_ENI " AND eni = (SELECT key FROM enis WHERE eni_id = ?1)"

int store_addresses_associated(struct store *store, const char *eni_id, const struct ip *addresses, size_t n,
                               struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = stmt_run(store, "UPDATE addresses SET associated = 0 WHERE associated = 1" OF_ENI,
                             VALUES(SQL_TEXT(eni_id)), err);
        for (size_t i = 0; i < n && r == 0; i++)
                r = stmt_run(store, "UPDATE addresses SET associated = 1 WHERE address = ?2" OF_ENI,
                             VALUES(SQL_TEXT(eni_id), SQL_IP(addresses[i])), err);
        return r == 0 ? store_commit(&tx, err) : r;
}

/* ---- leaving ---- */

static int pick_leaving(struct store *store, int64_t key, unsigned max, struct ip *ret, size_t *ret_n,
                        struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        size_t n = 0;
        int r = stmt_start(
                store,
                "SELECT address FROM addresses WHERE eni = ?1 AND state = 'free' AND associated = 0"
                " ORDER BY last_used_ms, address LIMIT ?2",
                VALUES(SQL_INT(key), SQL_INT(max)), &s, err);

        while (r >= 0 && (r = stmt_step(store, s, err)) > 0)
                ret[n++] = stmt_ip(s, 0);
        *ret_n = n;
        return r;
}

static int leave(struct store *store, struct ip address, struct err *err)
{
        int r = stmt_run(store, "UPDATE addresses SET state = 'leaving' WHERE address = ?1",
                         VALUES(SQL_IP(address)), err);

        return r == 0 ? store_note(store, "address-leaving", IP_TEXT(address), "on its way back to EC2", err)
                      : r;
}

int store_addresses_take(struct store *store, int64_t key, unsigned max, int64_t now_ms, struct arena *arena,
                         struct ip **ret, size_t *ret_n, struct err *err)
{
        enum { MOST = 1024 }; /* far above what an ENI can have */
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        unsigned limit = max < MOST ? max : MOST;
        struct ip *picked = ARENA_ARRAY(arena, struct ip, limit);
        size_t n = 0;
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = store_thaw(store, now_ms, err);
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

/* ---- all of them ---- */

static int by_address(const void *a, const void *b)
{
        return ip_compare(((const struct store_address *)a)->address,
                          ((const struct store_address *)b)->address);
}

/* The table's own text, which outlives every arena. */
static const char *state_name(const char *text)
{
        for (int i = 0; i < _ADDRESS_STATE_MAX; i++) {
                if (strcmp(address_state_names[i], text) == 0)
                        return address_state_names[i];
        }
        return "unknown";
}

int store_address_get(struct store *store, struct ip address, int64_t now_ms, struct arena *arena,
                      struct store_address *ret, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        int r = stmt_start(store,
                           "SELECT CASE WHEN a.state = 'cooling' AND a.cooling_until_ms <= ?2 THEN 'free'"
                           " ELSE a.state END, a.eni, e.device_index, e.network_card, a.cooling_until_ms,"
                           " coalesce(e.eni_id, '') FROM addresses a JOIN enis e ON e.key = a.eni"
                           " WHERE a.address = ?1",
                           VALUES(SQL_IP(address), SQL_INT(now_ms)), &s, err);

        if (r == 0)
                r = stmt_step(store, s, err);
        if (r == 0)
                return err_set(err, ERR_NOT_FOUND, "no address %s", IP_TEXT(address));
        if (r < 0)
                return r;
        *ret = (struct store_address){
                .address = address,
                .state = state_name(stmt_peek(s, 0)),
                .eni_key = stmt_int(s, 1),
                .device_index = stmt_unsigned(s, 2),
                .network_card = stmt_unsigned(s, 3),
                .eni_id = stmt_text(s, 5, arena),
        };
        if (ret->state == address_state_names[ADDRESS_COOLING])
                ret->cooling_until_ms = stmt_int(s, 4);
        return 0;
}

int store_addresses(struct store *store, int64_t now_ms, struct arena *arena, struct store_address **ret,
                    size_t *ret_n, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        _cleanup_free_ struct store_address *rows = NULL;
        size_t n = 0, capacity = 0;
        int r = stmt_start(
                store,
                "SELECT a.address, a.eni, CASE WHEN a.state = 'cooling' AND a.cooling_until_ms <= ?1"
                " THEN 'free' ELSE a.state END AS shown, e.device_index, e.network_card,"
                " a.cooling_until_ms FROM addresses a JOIN enis e ON e.key = a.eni WHERE e.managed = 1",
                VALUES(SQL_INT(now_ms)), &s, err);

        while (r >= 0 && (r = stmt_step(store, s, err)) > 0) {
                const char *state = state_name(stmt_peek(s, 2));

                GROW(rows, n, capacity);
                rows[n++] = (struct store_address){
                        .address = stmt_ip(s, 0),
                        .eni_key = stmt_int(s, 1),
                        .state = state,
                        .device_index = stmt_unsigned(s, 3),
                        .network_card = stmt_unsigned(s, 4),
                        .cooling_until_ms =
                                state == address_state_names[ADDRESS_COOLING] ? stmt_int(s, 5) : 0,
                };
        }
        if (r < 0)
                return r;
        if (n)
                qsort(rows, n, sizeof(*rows), by_address);
        *ret = stmt_rows(arena, rows, n, sizeof(*rows));
        *ret_n = n;
        return 0;
}
