// SPDX-License-Identifier: Apache-2.0
/* Leases: who holds which address. The path of every ADD and DEL. */
#include <stdio.h>
#include <string.h>

#include <vpcwire/clock.h>

#include "store/stmt.h"

static const char *const lease_state_names[_LEASE_STATE_MAX] = {
        [LEASE_RESERVED] = "reserved",
        [LEASE_WIRED] = "wired",
};

const char *lease_state_to_string(enum lease_state state)
{
        return (unsigned)state < _LEASE_STATE_MAX ? lease_state_names[state] : "unknown";
}

#define KEY_VALUES(key) SQL_TEXT((key)->network), SQL_TEXT((key)->container_id), SQL_TEXT((key)->ifname)
#define WHERE_KEY       " WHERE network = ?1 AND container_id = ?2 AND ifname = ?3"

#define SELECT_LEASE                                                                                         \
        "SELECT l.network, l.container_id, l.ifname, l.address, l.state, l.address_state, e.eni_id,"         \
        " e.device_index, e.network_card, l.host_ifname, l.netns, l.pod_namespace, l.pod_name, l.pod_uid,"   \
        " l.since_ms, l.since_wall_ms, l.link_missing_since_ms, l.address_only, e.subnet_cidr, "             \
        "e.primary_address"                                                                                  \
        " FROM leases l JOIN addresses a ON a.address = l.address JOIN enis e ON e.key = a.eni"

static struct store_lease read_lease(sqlite3_stmt *s, struct arena *arena)
{
        return (struct store_lease){
                .key = {stmt_text(s, 0, arena), stmt_text(s, 1, arena), stmt_text(s, 2, arena)},
                .address = stmt_ip(s, 3),
                .state = strcmp(stmt_peek(s, 4), lease_state_names[LEASE_WIRED]) == 0 ? LEASE_WIRED
                                                                                      : LEASE_RESERVED,
                .lost = strcmp(stmt_peek(s, 5), "lost") == 0,
                .eni_id = stmt_text(s, 6, arena),
                .device_index = stmt_unsigned(s, 7),
                .network_card = stmt_unsigned(s, 8),
                .host_ifname = stmt_text(s, 9, arena),
                .netns = stmt_text(s, 10, arena),
                .pod_namespace = stmt_text(s, 11, arena),
                .pod_name = stmt_text(s, 12, arena),
                .pod_uid = stmt_text(s, 13, arena),
                .since_ms = stmt_int(s, 14),
                .since_wall_ms = stmt_int(s, 15),
                .link_missing_since_ms = stmt_int(s, 16),
                .address_only = stmt_int(s, 17) != 0,
                .subnet_cidr = stmt_text(s, 18, arena),
                .eni_address = stmt_ip(s, 19),
        };
}

/*
 * A lease that was found in the kernel gets its names from the first who asks for its container and knows its link: the
 * container may have other interfaces, of which the books know nothing.
 * 1: there is such a lease, and it bears the key now; 0: there is none.
 */
static int name_survivor(struct store *store, const struct store_lease_key *key, struct err *err)
{
        int r = stmt_run(
                store,
                "UPDATE leases SET network = ?1, ifname = ?3 WHERE container_id = ?2 AND network = ''"
                " AND host_ifname = ?4",
                VALUES(KEY_VALUES(key), SQL_TEXT(key->host_ifname)), err);

        return r < 0 ? r : store_changes(store) > 0;
}

/* Steps to the lease's row of a statement that ends in WHERE_KEY. 1: *ret stands on it, 0: there is none. */
static int step_to(struct store *store, const char *sql, const struct store_lease_key *key,
                   sqlite3_stmt **ret, struct err *err)
{
        for (bool named = !*key->network || !key->host_ifname;; named = true) {
                int r = stmt_start(store, sql, VALUES(KEY_VALUES(key)), ret, err);

                if (r == 0)
                        r = stmt_step(store, *ret, err);
                if (r != 0 || named)
                        return r;
                stmt_donep(ret);
                *ret = NULL;
                r = name_survivor(store, key, err);
                if (r <= 0)
                        return r;
        }
}

/* 1: there is one, 0: there is none. */
static int find_lease(struct store *store, const struct store_lease_key *key, struct arena *arena,
                      struct store_lease *ret, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        int r = step_to(store, SELECT_LEASE WHERE_KEY, key, &s, err);

        if (r > 0)
                *ret = read_lease(s, arena);
        return r;
}

int store_note_lease(struct store *store, const char *kind, const struct store_lease_key *key,
                     const char *address, const char *text, struct err *err)
{
        char line[512];

        snprintf(line, sizeof(line), "%s/%s/%s: %s", key->network, key->container_id, key->ifname, text);
        return store_note(store, kind, address, line, err);
}

/* ---- add ---- */

static int write_lease(struct store *store, const struct store_lease *wanted, const char *host_ifname,
                       const char *address, int64_t now_ms, struct err *err)
{
        int r = stmt_run(store,
                         "UPDATE addresses SET state = 'leased', cooling_until_ms = 0 WHERE address = ?1",
                         VALUES(SQL_TEXT(address)), err);

        if (r == 0)
                r = stmt_run(store,
                             "INSERT INTO leases (network, container_id, ifname, address, host_ifname, netns,"
                             " pod_namespace, pod_name, pod_uid, since_ms, since_wall_ms, address_only)"
                             " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                             VALUES(KEY_VALUES(&wanted->key), SQL_TEXT(address), SQL_TEXT(host_ifname),
                                    SQL_TEXT(wanted->netns), SQL_TEXT(wanted->pod_namespace),
                                    SQL_TEXT(wanted->pod_name), SQL_TEXT(wanted->pod_uid), SQL_INT(now_ms),
                                    SQL_INT(clock_wall_ms()), SQL_INT(wanted->address_only)),
                             err);
        if (r == 0)
                r = store_waiting_remove(store, &wanted->key, err);
        return r == 0 ? store_note_lease(store, "lease-added", &wanted->key, address, wanted->pod_name ?: "",
                                         err)
                      : r;
}

/* The key's own lease. The name of its link may be a newer sandbox's by now: then it gets a spare one. */
static int give_again(struct store *store, const struct store_lease *wanted, struct arena *arena,
                      struct store_lease *lease, enum lease_result *ret_result, struct err *err)
{
        int r;

        *ret_result = LEASE_AGAIN;
        if (ip_is_set(wanted->address) && !ip_equal(wanted->address, lease->address)) {
                *ret_result = LEASE_REFUSED;
                lease->refusal = arena_printf(arena, "%s was asked for, and the container has %s already",
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

static int give_new(struct store *store, const struct store_lease *wanted, int64_t now_ms,
                    struct arena *arena, enum lease_result *ret_result, struct store_lease *ret,
                    struct err *err)
{
        const char *host_ifname = wanted->host_ifname;
        char address[IP_TEXT_BYTES];
        int r;

        *ret = (struct store_lease){0};
        r = store_find_free(store, wanted, now_ms, arena, address, ret_result, &ret->refusal, err);
        if (r <= 0)
                return r;
        if (!wanted->address_only && host_ifname && *host_ifname) {
                *ret_result = LEASE_REFUSED;
                r = store_choose_host_link(store, wanted, true, arena, &host_ifname, &ret->refusal, err);
                if (r <= 0)
                        return r;
        }
        r = write_lease(store, wanted, host_ifname, address, now_ms, err);
        if (r == 0)
                r = find_lease(store, &wanted->key, arena, ret, err);
        *ret_result = LEASE_GIVEN;
        return r < 0 ? r : 0;
}

int store_lease_add(struct store *store, const struct store_lease *wanted, int64_t now_ms,
                    struct arena *arena, enum lease_result *ret_result, struct store_lease *ret,
                    struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        enum lease_result result = LEASE_NONE_FREE;
        struct store_lease lease = {0};
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = find_lease(store, &wanted->key, arena, &lease, err);
        if (r > 0)
                r = give_again(store, wanted, arena, &lease, &result, err);
        else if (r == 0)
                r = give_new(store, wanted, now_ms, arena, &result, &lease, err);
        /* Also without a new lease: a survivor may have got its names, or a cooldown its bound. */
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

static int no_lease(const struct store_lease_key *key, struct err *err)
{
        return err_set(err, ERR_NOT_FOUND, "no lease of container %s, interface %s in network %s",
                       key->container_id, key->ifname, key->network);
}

static int confirm_again(struct store *store, const struct store_lease_key *key, struct ip address,
                         struct err *err)
{
        int r = stmt_run(store, "UPDATE leases SET link_missing_since_ms = 0" WHERE_KEY " AND address = ?4",
                         VALUES(KEY_VALUES(key), SQL_IP(address)), err);

        if (r < 0)
                return r;
        return store_changes(store) ? 0 : no_lease(key, err);
}

int store_lease_confirm(struct store *store, const struct store_lease_key *key, struct ip address,
                        struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = stmt_run(store,
                             "UPDATE leases SET state = 'wired', link_missing_since_ms = 0" WHERE_KEY
                             " AND address = ?4 AND state = 'reserved'",
                             VALUES(KEY_VALUES(key), SQL_IP(address)), err);
        if (r == 0 && store_changes(store))
                r = store_note_lease(store, "lease-wired", key, IP_TEXT(address), "the pod has it", err);
        else if (r == 0) /* said before, or wrong */
                r = confirm_again(store, key, address, err);
        return r < 0 ? r : store_commit(&tx, err);
}

int store_lease_get(struct store *store, const struct store_lease_key *key, struct arena *arena,
                    struct store_lease *ret, struct err *err)
{
        int r = find_lease(store, key, arena, ret, err);

        if (r == 0)
                return no_lease(key, err);
        return r < 0 ? r : 0;
}

/* 1: *ret and *ret_lost are set, 0: no such lease. */
static int find_address(struct store *store, const struct store_lease_key *key,
                        char ret[static IP_TEXT_BYTES], bool *ret_lost, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        int r = step_to(store, "SELECT address, address_state FROM leases" WHERE_KEY, key, &s, err);

        if (r > 0) {
                stmt_copy(s, 0, ret, IP_TEXT_BYTES);
                *ret_lost = strcmp(stmt_peek(s, 1), "lost") == 0;
        }
        return r;
}

int store_end_lease(struct store *store, const struct store_lease_key *key, const char *address, bool lost,
                    int64_t now_ms, struct err *err)
{
        int r = stmt_run(store, "DELETE FROM leases" WHERE_KEY, VALUES(KEY_VALUES(key)), err);

        if (r < 0)
                return r;
        if (lost)
                return stmt_run(store, "DELETE FROM addresses WHERE address = ?1", VALUES(SQL_TEXT(address)),
                                err);
        return stmt_run(store,
                        "UPDATE addresses AS a SET state = CASE WHEN EXISTS (SELECT 1 FROM imports"
                        "   WHERE address = a.address AND verdict = 'pending') OR doubted THEN 'preparing' "
                        "ELSE 'cooling' END,"
                        " cooling_until_ms = ?2, last_used_ms = ?3 WHERE address = ?1",
                        VALUES(SQL_TEXT(address), SQL_INT(now_ms + store->cooldown_ms), SQL_INT(now_ms)),
                        err);
}

int store_lease_release(struct store *store, const struct store_lease_key *key, const char *why,
                        int64_t now_ms, bool *ret_released, struct ip *ret_address, struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        char address[IP_TEXT_BYTES];
        struct ip ip;
        bool lost = false;
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = find_address(store, key, address, &lost, err);
        if (r == 0)
                *ret_released = false;
        if (r <= 0)
                return r;
        r = ip_parse(address, &ip, err);
        if (r == 0)
                r = store_note_lease(store, "lease-released", key, address, why ?: "", err);
        if (r == 0)
                r = store_end_lease(store, key, address, lost, now_ms, err);
        if (r == 0)
                r = store_commit(&tx, err);
        if (r < 0)
                return r;
        *ret_released = true;
        *ret_address = ip;
        return 0;
}

/* ---- all of them, and their links ---- */

static int by_address(const void *a, const void *b)
{
        return ip_compare(((const struct store_lease *)a)->address, ((const struct store_lease *)b)->address);
}

int store_leases(struct store *store, const char *network, struct arena *arena, struct store_lease **ret,
                 size_t *ret_n, struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        _cleanup_free_ struct store_lease *rows = NULL;
        size_t n = 0, capacity = 0;
        int r = stmt_start(store, SELECT_LEASE " WHERE ?1 IS NULL OR l.network = ?1",
                           VALUES(SQL_TEXT_OR_NULL(network)), &s, err);

        while (r >= 0 && (r = stmt_step(store, s, err)) > 0) {
                GROW(rows, n, capacity);
                rows[n++] = read_lease(s, arena);
        }
        if (r < 0)
                return r;
        if (n)
                qsort(rows, n, sizeof(*rows), by_address);
        *ret = stmt_rows(arena, rows, n, sizeof(*rows));
        *ret_n = n;
        return 0;
}

int store_lease_link_seen(struct store *store, const struct store_lease_key *key, bool seen, int64_t now_ms,
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
