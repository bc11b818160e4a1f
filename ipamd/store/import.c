// SPDX-License-Identifier: Apache-2.0
/* Leases of another daemon of this node, on their way to become ours. */
#include <stdio.h>
#include <string.h>

#include <vpcwire/clock.h>

#include "store/stmt.h"

static const char *const verdict_names[_IMPORT_VERDICT_MAX] = {
        [IMPORT_PENDING] = "pending", [IMPORT_TAKEN] = "taken", [IMPORT_ASIDE] = "aside"};

const char *import_verdict_to_string(enum import_verdict verdict)
{
        return (unsigned)verdict < _IMPORT_VERDICT_MAX ? verdict_names[verdict] : "unknown";
}

static enum import_verdict parse_verdict(const char *text)
{
        enum import_verdict verdict = IMPORT_PENDING;

        while (verdict < IMPORT_ASIDE && strcmp(text, verdict_names[verdict]) != 0)
                verdict++;
        return verdict;
}

#define IS_HELD(address) "EXISTS (SELECT 1 FROM imports WHERE address = " address " AND verdict = 'pending')"

int store_hold_imports(struct store *store, int64_t now_ms, struct err *err)
{
        int r = stmt_run(
                store,
                "UPDATE addresses AS a SET state = 'preparing' WHERE state IN ('free', 'cooling', 'leaving')"
                " AND (SELECT state FROM enis WHERE key = a.eni) NOT IN ('detaching', 'deleting')"
                " AND " IS_HELD("a.address"),
                NO_VALUES, err);

        /* Given back, and in use: EC2 gave it anew since, which an older copy of the books does not know. */
        if (r == 0)
                r = stmt_run(store, "DELETE FROM given_back WHERE " IS_HELD("given_back.address"), NO_VALUES,
                             err);
        if (r < 0)
                return r;
        return stmt_run(store,
                        "UPDATE enis AS e SET state = 'configuring', since_ms = ?1 WHERE state = 'draining'"
                        " AND EXISTS (SELECT 1 FROM addresses a WHERE a.eni = e.key"
                        "             AND " IS_HELD("a.address") ")",
                        VALUES(SQL_INT(now_ms)), err);
}

/* Its pod is ours already: the list is older than the lease. */
static int has_lease(struct store *store, const struct store_import *import, struct err *err)
{
        int64_t found = 0;
        int r = stmt_number(store, "SELECT 1 FROM leases WHERE address = ?1 AND container_id = ?2",
                            VALUES(SQL_IP(import->address), SQL_TEXT(import->key.container_id)), &found, err);

        return r < 0 ? r : found != 0;
}

static int insert(struct store *store, const struct store_import *import, struct err *err)
{
        int r = has_lease(store, import, err);

        if (r != 0)
                return r < 0 ? r : 0;
        r = stmt_run(store,
                     "INSERT INTO imports (address, network, container_id, ifname, pod_namespace, pod_name,"
                     " since_wall_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
                     VALUES(SQL_IP(import->address), SQL_TEXT(import->key.network),
                            SQL_TEXT(import->key.container_id), SQL_TEXT(import->key.ifname),
                            SQL_TEXT(import->pod_namespace), SQL_TEXT(import->pod_name),
                            SQL_INT(import->since_wall_ms)),
                     err);

        if (r == 0 && !store_changes(store))
                return err_set(err, ERR_INVALID, "%s is in it twice", IP_TEXT(import->address));
        return r;
}

int store_import_begin(struct store *store, const struct store_import *imports, size_t n, bool *ret_done,
                       struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        int64_t done = 0;
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = stmt_number(store, "SELECT 1 FROM facts WHERE name = ?1",
                                VALUES(SQL_TEXT(STORE_FACT_IMPORT_DONE)), &done, err);
        if (r < 0)
                return r;
        if (done) {
                *ret_done = false;
                return 0;
        }
        r = 0;
        for (size_t i = 0; i < n && r == 0; i++)
                r = insert(store, &imports[i], err);
        if (r == 0)
                r = store_hold_imports(store, clock_boottime_ms(), err);
        if (r == 0)
                r = store_fact_set(store, STORE_FACT_IMPORT_DONE, "yes", err);
        if (r == 0)
                r = store_commit(&tx, err);
        if (r < 0)
                return r;
        *ret_done = true;
        return 0;
}

int store_imports(struct store *store, struct arena *arena, struct store_import **ret, size_t *ret_n,
                  struct err *err)
{
        _cleanup_(stmt_donep) sqlite3_stmt *s = NULL;
        _cleanup_free_ struct store_import *rows = NULL;
        size_t n = 0, capacity = 0;
        int r = stmt_start(store,
                           "SELECT address, network, container_id, ifname, pod_namespace, pod_name,"
                           " since_wall_ms, verdict, reason FROM imports",
                           NO_VALUES, &s, err);

        while (r >= 0 && (r = stmt_step(store, s, err)) > 0) {
                GROW(rows, n, capacity);
                rows[n++] = (struct store_import){
                        .address = stmt_ip(s, 0),
                        .key = {stmt_text(s, 1, arena), stmt_text(s, 2, arena), stmt_text(s, 3, arena)},
                        .pod_namespace = stmt_text(s, 4, arena),
                        .pod_name = stmt_text(s, 5, arena),
                        .since_wall_ms = stmt_int(s, 6),
                        .verdict = parse_verdict(stmt_peek(s, 7)),
                        .reason = stmt_text(s, 8, arena),
                };
        }
        if (r < 0)
                return r;
        *ret = stmt_rows(arena, rows, n, sizeof(*rows));
        *ret_n = n;
        return 0;
}

static int set_verdict(struct store *store, struct ip address, enum import_verdict verdict,
                       const char *reason, struct err *err)
{
        return stmt_run(store,
                        "UPDATE imports SET verdict = ?2, reason = ?3 WHERE address = ?1"
                        " AND (verdict <> ?2 OR reason <> ?3)",
                        VALUES(SQL_IP(address), SQL_TEXT(verdict_names[verdict]), SQL_TEXT(reason)), err);
}

/* The address must be preparing on a ENI that is ready: the kernel routes what is sent from it. */
static int is_takeable(struct store *store, struct ip address, struct err *err)
{
        int64_t found = 0;
        int r = stmt_number(store,
                            "SELECT 1 FROM addresses a JOIN enis e ON e.key = a.eni WHERE a.address = ?1"
                            " AND a.state = 'preparing' AND e.state = 'ready' AND e.managed = 1",
                            VALUES(SQL_IP(address)), &found, err);

        return r < 0 ? r : found != 0;
}

static int write_lease(struct store *store, const struct store_import *import, const char *host_ifname,
                       int64_t now_ms, struct err *err)
{
        static const char *const steps[] = {
                "UPDATE addresses SET state = 'free', doubted = 0 WHERE address = ?1",
                "UPDATE addresses SET state = 'leased' WHERE address = ?1"};
        char text[512];
        /* What the kernel shows outranks what another lease says of the name. */
        int r = stmt_run(store,
                         "UPDATE leases SET host_ifname = '' WHERE host_ifname = ?1 AND address_only = 0",
                         VALUES(SQL_TEXT(host_ifname)), err);

        for (size_t i = 0; i < ARRAY_SIZE(steps) && r == 0; i++)
                r = stmt_run(store, steps[i], VALUES(SQL_IP(import->address)), err);
        if (r == 0)
                r = stmt_run(store,
                             "INSERT INTO leases (network, container_id, ifname, address, state, host_ifname,"
                             " netns, pod_namespace, pod_name, pod_uid, since_ms, since_wall_ms)"
                             " VALUES (?1, ?2, ?3, ?4, 'wired', ?5, '', ?6, ?7, '', ?8, ?9)",
                             VALUES(SQL_TEXT(import->key.network), SQL_TEXT(import->key.container_id),
                                    SQL_TEXT(import->key.ifname), SQL_IP(import->address),
                                    SQL_TEXT(host_ifname), SQL_TEXT(import->pod_namespace),
                                    SQL_TEXT(import->pod_name), SQL_INT(now_ms),
                                    SQL_INT(import->since_wall_ms)),
                             err);
        snprintf(text, sizeof(text), "%s/%s/%s: taken over: %s", import->key.network,
                 import->key.container_id, import->key.ifname, import->pod_name);
        return r == 0 ? store_note(store, "lease-added", IP_TEXT(import->address), text, err) : r;
}

int store_import_take(struct store *store, const struct store_import *import, const char *host_ifname,
                      int64_t now_ms, bool *ret_done, struct err *err)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};
        int r = store_begin(store, &tx, err);

        if (r == 0)
                r = is_takeable(store, import->address, err);
        if (r == 0)
                *ret_done = false;
        if (r <= 0)
                return r;
        r = set_verdict(store, import->address, IMPORT_TAKEN, "", err);
        if (r == 0)
                r = write_lease(store, import, host_ifname, now_ms, err);
        if (r == 0)
                r = store_commit(&tx, err);
        if (r < 0)
                return r;
        *ret_done = true;
        return 0;
}

int store_import_set_aside(struct store *store, struct ip address, const char *reason, struct err *err)
{
        int r = set_verdict(store, address, IMPORT_ASIDE, reason, err);

        return r == 0 ? store_note(store, "import-aside", IP_TEXT(address), reason, err) : r;
}

int store_import_explain(struct store *store, struct ip address, const char *reason, struct err *err)
{
        return set_verdict(store, address, IMPORT_PENDING, reason, err);
}
