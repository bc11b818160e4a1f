// SPDX-License-Identifier: Apache-2.0
/* Leases: who holds which address. The path of every ADD and DEL. */
#include <assert.h>
#include <stdio.h>

#include <vpcwire/clock.h>

#include "store/pick.h"

#define KEY_VALUES(key) SQL_TEXT((key)->network), SQL_TEXT((key)->container_id), SQL_TEXT((key)->ifname)
#define WHERE_KEY       " WHERE network = ?1 AND container_id = ?2 AND ifname = ?3"

/* A row for each address of a lease, those of one lease together. CROSS keeps them so. */
#define SELECT_LEASE                                                                                         \
        "SELECT l.network, l.container_id, l.ifname, a.hex, l.state, b.state = 'lost', e.eni_id,"            \
        " e.device_index, e.network_card, l.host_ifname, l.netns, l.pod_namespace, l.pod_name, l.pod_uid,"   \
        " l.since_ms, l.since_wall_ms, l.link_missing_since_ms, l.address_only, e.subnet_cidr,"              \
        " e.primary_hex, l.key, a.hex = l.hex"                                                               \
        " FROM leases l CROSS JOIN addresses a ON a.lease = l.key JOIN blocks b ON b.key = a.block"          \
        " JOIN enis e ON e.key = b.eni"

static struct lease read_lease(sqlite3_stmt *s, struct arena *arena)
{
        return (struct lease){
                .key = {stmt_text(s, 0, arena), stmt_text(s, 1, arena), stmt_text(s, 2, arena)},
                .state = lease_state_parse(stmt_peek(s, 4)),
                .host_ifname = stmt_text(s, 9, arena),
                .netns = stmt_text(s, 10, arena),
                .pod_namespace = stmt_text(s, 11, arena),
                .pod_name = stmt_text(s, 12, arena),
                .pod_uid = stmt_text(s, 13, arena),
                .since_ms = stmt_int(s, 14),
                .since_wall_ms = stmt_int(s, 15),
                .link_missing_since_ms = stmt_int(s, 16),
                .address_only = stmt_int(s, 17) != 0,
        };
}

/* The row's address, and what is of the ENI of the first one. */
static void read_lease_address(sqlite3_stmt *s, struct arena *arena, struct lease *lease)
{
        bool is_first = stmt_int(s, 21) != 0;
        struct lease_address *all = ARENA_ARRAY(arena, struct lease_address, lease->n_addresses + 1);
        struct lease_address address = {.address = stmt_ip(s, 3),
                                        .lost = stmt_int(s, 5) != 0,
                                        .eni_id = stmt_text(s, 6, arena),
                                        .device_index = stmt_unsigned(s, 7),
                                        .network_card = stmt_unsigned(s, 8)};

        for (size_t i = 0; i < lease->n_addresses; i++)
                all[i + is_first] = lease->addresses[i];
        all[is_first ? 0 : lease->n_addresses] = address;
        lease->addresses = all;
        lease->n_addresses++;
        lease->lost |= address.lost;
        if (!is_first)
                return;
        lease->address = address.address;
        lease->eni_id = address.eni_id;
        lease->device_index = address.device_index;
        lease->network_card = address.network_card;
        lease->subnet_cidr = stmt_text(s, 18, arena);
        lease->eni_address = stmt_ip(s, 19);
}

/*
 * A lease that was found in the kernel gets its names from the first who asks for its container and knows its link: the
 * container may have other interfaces, of which the database knows nothing.
 * 1: there is such a lease, and it bears the key now; 0: there is none.
 */
static int name_recovered(struct store *store, const struct lease_key *key, struct err *err)
{
        int r = stmt_run(
                store,
                "UPDATE leases SET network = ?1, ifname = ?3 WHERE container_id = ?2 AND network = ''"
                " AND host_ifname = ?4",
                VALUES(KEY_VALUES(key), SQL_TEXT(key->host_ifname)), err);

        return r < 0 ? r : store_changes(store) > 0;
}

/* Steps to the lease's row of a statement that ends in WHERE_KEY. 1: *ret stands on it, 0: there is none. */
static int step_to(struct store *store, const char *sql, const struct lease_key *key, sqlite3_stmt **ret,
                   struct err *err)
{
        for (bool named = !*key->network || !key->host_ifname;; named = true) {
                int r = stmt_start(store, sql, VALUES(KEY_VALUES(key)), ret, err);

                if (r == 0)
                        r = stmt_step(store, *ret, err);
                if (r != 0 || named)
                        return r;
                stmt_donep(ret);
                *ret = NULL;
                r = name_recovered(store, key, err);
                if (r <= 0)
                        return r;
        }
}

/* 1: there is one, and *ret_key its row; 0: there is none. */
static int find_lease(struct store *store, const struct lease_key *key, struct arena *arena,
                      struct lease *ret, int64_t *ret_key, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        int r = step_to(store, SELECT_LEASE WHERE_KEY, key, &s, err);

        if (r <= 0)
                return r;
        *ret = read_lease(s, arena);
        *ret_key = stmt_int(s, 20);
        for (; r > 0; r = stmt_step(store, s, err))
                read_lease_address(s, arena, ret);
        return r < 0 ? r : 1;
}

int store_note_lease(struct store *store, enum event_kind kind, const struct lease_key *key,
                     struct ip address, const char *text, enum lease_end end, struct err *err)
{
        char line[512];

        snprintf(line, sizeof(line), "%s/%s/%s: %s", key->network, key->container_id, key->ifname, text);
        return end != LEASE_END_NONE ? store_note_lease_end(store, address, line, end, err)
                                     : store_note(store, kind, IP_TEXT(address), line, err);
}

/* Of each of its addresses. */
static int note_addresses(struct store *store, enum event_kind kind, const struct lease *lease,
                          const char *text, enum lease_end end, struct err *err)
{
        int r = 0;

        for (size_t i = 0; i < lease->n_addresses && r == 0; i++)
                r = store_note_lease(store, kind, &lease->key, lease->addresses[i].address, text, end, err);
        return r;
}

/* ---- add ---- */

static int write_lease(struct store *store, const struct lease *wanted, const char *host_ifname,
                       const struct picked *picked, size_t n, int64_t now_ms, struct err *err)
{
        int64_t key = 0;
        int r = stmt_run(store,
                         "INSERT INTO leases (network, container_id, ifname, hex, host_ifname, netns,"
                         " pod_namespace, pod_name, pod_uid, since_ms, since_wall_ms, address_only)"
                         " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                         VALUES(KEY_VALUES(&wanted->key), SQL_HEX(picked[0].address), SQL_TEXT(host_ifname),
                                SQL_TEXT(wanted->netns), SQL_TEXT(wanted->pod_namespace),
                                SQL_TEXT(wanted->pod_name), SQL_TEXT(wanted->pod_uid), SQL_INT(now_ms),
                                SQL_INT(clock_wall_ms()), SQL_INT(wanted->address_only)),
                         err);

        key = sqlite3_last_insert_rowid(store->db);
        for (size_t i = 0; i < n && r == 0; i++)
                r = stmt_run(store, "INSERT INTO addresses (hex, block, lease) VALUES (?1, ?2, ?3)",
                             VALUES(SQL_HEX(picked[i].address), SQL_INT(picked[i].block), SQL_INT(key)), err);
        return r == 0 ? store_waiting_remove(store, &wanted->key, err) : r;
}

/* The key's own lease. The name of its link may be a newer sandbox's by now: then it gets a spare one. */
static int give_again(struct store *store, const struct lease *wanted, struct arena *arena,
                      struct lease *lease, enum lease_result *ret_result, struct err *err)
{
        int r;

        *ret_result = LEASE_AGAIN;
        if (ip_is_set(wanted->address) && !ip_equal(wanted->address, lease->address)) {
                *ret_result = LEASE_REFUSED;
                lease->refusal = arena_printf(arena, "%s was requested, but the container already has %s",
                                              IP_TEXT(wanted->address), IP_TEXT(lease->address));
                return 0;
        }
        if (wanted->address_only || (lease->host_ifname && *lease->host_ifname) || !wanted->host_ifname ||
            !*wanted->host_ifname)
                return 0;
        r = store_choose_host_link(store, wanted, false, arena, &lease->host_ifname, &lease->refusal, err);
        if (r == 0)
                *ret_result = LEASE_REFUSED;
        return r <= 0 ? r
                      : stmt_run(store, "UPDATE leases SET host_ifname = ?4" WHERE_KEY,
                                 VALUES(KEY_VALUES(&wanted->key), SQL_TEXT(lease->host_ifname)), err);
}

static int give_new(struct store *store, const struct lease *wanted, int64_t now_ms, struct arena *arena,
                    enum lease_result *ret_result, struct lease *ret, struct err *err)
{
        const char *host_ifname = wanted->host_ifname;
        struct picked picked[STORE_FAMILIES_MAX];
        int64_t key = 0;
        size_t n;
        int r;

        *ret = (struct lease){0};
        r = store_find_free(store, wanted, now_ms, arena, picked, &n, ret_result, &ret->refusal, err);
        if (r <= 0)
                return r;
        if (!wanted->address_only && host_ifname && *host_ifname) {
                *ret_result = LEASE_REFUSED;
                r = store_choose_host_link(store, wanted, true, arena, &host_ifname, &ret->refusal, err);
                if (r <= 0)
                        return r;
        }
        r = write_lease(store, wanted, host_ifname, picked, n, now_ms, err);
        if (r == 0)
                r = find_lease(store, &wanted->key, arena, ret, &key, err);
        if (r > 0)
                r = note_addresses(store, EVENT_LEASE_ADDED, ret, ret->pod_name, LEASE_END_NONE, err);
        *ret_result = LEASE_GIVEN;
        return r < 0 ? r : 0;
}

int store_lease_add(struct store *store, const struct lease *wanted, int64_t now_ms, struct arena *arena,
                    enum lease_result *ret_result, struct lease *ret, struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        enum lease_result result = LEASE_NONE_FREE;
        struct lease lease = {0};
        int64_t key = 0;
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = find_lease(store, &wanted->key, arena, &lease, &key, err);
        if (r > 0)
                r = give_again(store, wanted, arena, &lease, &result, err);
        else if (r == 0)
                r = give_new(store, wanted, now_ms, arena, &result, &lease, err);
        /* Also without a new lease: a recovered pod may have got its names, or a cooldown its bound. */
        if (r >= 0 && result != LEASE_REFUSED)
                r = store_commit(&tx, err);
        if (r < 0)
                return r;
        *ret_result = result;
        if (result != LEASE_NONE_FREE)
                *ret = lease;
        return 0;
}

/* ---- confirm, get, release ---- */

static int no_lease(const struct lease_key *key, struct err *err)
{
        return err_set(err, ERR_NOT_FOUND, "no lease of container %s, interface %s in network %s",
                       key->container_id, key->ifname, key->network);
}

/* 1: it was reserved, and is wired now; 0: it was before. */
static int wire(struct store *store, const struct lease *lease, int64_t key, struct err *err)
{
        int r = stmt_run(store, "UPDATE leases SET state = 'wired', link_missing_since_ms = 0 WHERE key = ?1",
                         VALUES(SQL_INT(key)), err);

        return r == 0 ? lease->state == LEASE_RESERVED : r;
}

int store_lease_confirm(struct store *store, const struct lease_key *key, struct ip address, struct err *err)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        struct lease lease = {0};
        int64_t row = 0;
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = find_lease(store, key, arena, &lease, &row, err);
        if (r == 0 || (r > 0 && !ip_equal(lease.address, address)))
                return no_lease(key, err);
        if (r > 0)
                r = wire(store, &lease, row, err);
        if (r > 0)
                r = note_addresses(store, EVENT_LEASE_WIRED, &lease, "the pod uses it", LEASE_END_NONE, err);
        return r < 0 ? r : store_commit(&tx, err);
}

int store_lease_get(struct store *store, const struct lease_key *key, struct arena *arena, struct lease *ret,
                    struct err *err)
{
        int64_t row = 0;
        int r = find_lease(store, key, arena, ret, &row, err);

        if (r == 0)
                return no_lease(key, err);
        return r < 0 ? r : 0;
}

int store_remove_lost_blocks(struct store *store, struct err *err)
{
        int64_t key = 0;
        int r;

        while ((r = stmt_number(store,
                                "SELECT key FROM blocks WHERE state = 'lost' AND NOT EXISTS (SELECT 1 FROM"
                                " addresses WHERE block = blocks.key AND lease IS NOT NULL) LIMIT 1",
                                NO_VALUES, &key, err)) > 0) {
                if (store_block_remove(store, key, err) < 0)
                        return -(int)err->code;
        }
        return r;
}

int store_end_lease(struct store *store, int64_t key, bool any_lost, int64_t now_ms, struct err *err)
{
        int r = stmt_run(store, STORE_END_ADDRESSES "= ?2",
                         VALUES(SQL_INT(now_ms + store->cooldown_ms), SQL_INT(key)), err);

        if (r == 0)
                r = stmt_run(store, "DELETE FROM leases WHERE key = ?1", VALUES(SQL_INT(key)), err);
        return r == 0 && any_lost ? store_remove_lost_blocks(store, err) : r;
}

int store_lease_release(struct store *store, const struct lease_key *key, enum lease_end end, int64_t now_ms,
                        bool *ret_released, struct ip *ret_address, struct err *err)
{
        static const char *const words[_LEASE_END_MAX] = {
                [LEASE_END_DEL] = "DEL",
                [LEASE_END_GC] = "GC",
                [LEASE_END_LINK_GONE] = "reclaimed: its host link is gone",
        };
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        struct lease lease = {0};
        int64_t row = 0;
        int r;

        assert(words[end]); /* others are no request */
        r = store_begin(store, &tx, err);
        if (r == 0)
                r = find_lease(store, key, arena, &lease, &row, err);
        if (r == 0)
                *ret_released = false;
        if (r <= 0)
                return r;
        r = note_addresses(store, EVENT_LEASE_RELEASED, &lease, words[end], end, err);
        if (r == 0)
                r = store_end_lease(store, row, lease.lost, now_ms, err);
        if (r == 0)
                r = store_commit(&tx, err);
        if (r < 0)
                return r;
        *ret_released = true;
        *ret_address = lease.address;
        return 0;
}

/* ---- all of them, and their links ---- */

static int by_address(const void *a, const void *b)
{
        return ip_compare(((const struct lease *)a)->address, ((const struct lease *)b)->address);
}

int store_leases(struct store *store, const char *network, struct arena *arena, struct lease **ret,
                 size_t *ret_n, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        _cleanup_free_ struct lease *rows = NULL;
        size_t n = 0, capacity = 0;
        int64_t last = 0;
        int r = stmt_start(store, SELECT_LEASE " WHERE ?1 IS NULL OR l.network = ?1",
                           VALUES(SQL_TEXT_OR_NULL(network)), &s, err);

        while (r >= 0 && (r = stmt_step(store, s, err)) > 0) {
                if (!n || stmt_int(s, 20) != last) {
                        GROW(rows, n, capacity);
                        rows[n++] = read_lease(s, arena);
                        last = stmt_int(s, 20);
                }
                read_lease_address(s, arena, &rows[n - 1]);
        }
        if (r < 0)
                return r;
        if (n)
                qsort(rows, n, sizeof(*rows), by_address);
        *ret = stmt_rows(arena, rows, n, sizeof(*rows));
        *ret_n = n;
        return 0;
}

int store_lease_link_seen(struct store *store, const struct lease_key *key, bool seen, int64_t now_ms,
                          struct err *err)
{
        if (seen)
                return stmt_run(store,
                                "UPDATE leases SET link_missing_since_ms = 0" WHERE_KEY
                                " AND link_missing_since_ms <> 0",
                                VALUES(KEY_VALUES(key)), err);
        return stmt_run(store,
                        "UPDATE leases SET link_missing_since_ms = max(?4, 1)" WHERE_KEY
                        " AND link_missing_since_ms = 0",
                        VALUES(KEY_VALUES(key), SQL_INT(now_ms)), err);
}
