// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store_fixture.h"

int fixture_setup_folder(void **state)
{
        struct fixture *f = XNEW(struct fixture);

        snprintf(f->folder, sizeof(f->folder), "/tmp/vw-store-XXXXXX");
        assert_non_null(mkdtemp(f->folder));
        snprintf(f->path, sizeof(f->path), "%s/ipam.db", f->folder);
        f->options = (struct store_options){.path = f->path, .boot_id = "a", .cooldown_ms = COOLDOWN_MS};
        f->arena = arena_new();
        *state = f;
        return 0;
}

int fixture_setup(void **state)
{
        struct fixture *f;

        fixture_setup_folder(state);
        f = *state;
        fixture_restart(f, "a");
        return 0;
}

void fixture_restart(struct fixture *f, const char *boot_id)
{
        f->store = store_free(f->store);
        f->options.boot_id = boot_id;
        assert_ok(store_prepare(&f->options, NULL, &f->err), &f->err);
        assert_ok(store_open(&f->options, &f->store, &f->err), &f->err);
}

int fixture_teardown(void **state)
{
        struct fixture *f = *state;
        DIR *folder;

        store_free(f->store);
        arena_free(f->arena);
        folder = opendir(f->folder);
        for (struct dirent *entry; folder && (entry = readdir(folder));) {
                char path[512];

                snprintf(path, sizeof(path), "%s/%s", f->folder, entry->d_name);
                if (entry->d_name[0] != '.')
                        remove(path);
        }
        if (folder)
                closedir(folder);
        rmdir(f->folder);
        free(f);
        return 0;
}

struct ip fixture_ip(unsigned eni, unsigned n)
{
        return ip_from_u32(0x0a000001U + (eni << 8) + n);
}

struct prefix *fixture_hosts(struct arena *arena, const struct ip *addresses, size_t n)
{
        struct prefix *blocks = ARENA_ARRAY(arena, struct prefix, n);

        for (size_t i = 0; i < n; i++)
                blocks[i] = prefix_host(addresses[i]);
        return blocks;
}

struct eni fixture_eni(unsigned device)
{
        struct eni eni = {
                .primary = device == 0,
                .managed = true,
                .subnet_id = "subnet-1",
                .mac = {{2, 0, 0, 0, 0, (uint8_t)device}},
                .primary_address = fixture_ip(device, 0),
                .device_index = device,
        };

        snprintf(eni.eni_id, sizeof(eni.eni_id), "eni-%u", device);
        snprintf(eni.attachment_id, sizeof(eni.attachment_id), "attach-%u", device);
        return eni;
}

int64_t fixture_ready_eni(struct fixture *f, unsigned device, unsigned n)
{
        struct eni eni = fixture_eni(device), *enis;
        struct ip *addresses = ARENA_ARRAY(f->arena, struct ip, n);
        unsigned routed = 0;
        bool changed, done;
        int64_t key = 0;
        size_t n_enis;

        for (unsigned i = 0; i < n; i++)
                addresses[i] = fixture_ip(device, i + 1);
        assert_ok(store_eni_observed(f->store, &eni, fixture_hosts(f->arena, addresses, n), n, 0, NOW,
                                     &changed, &f->err),
                  &f->err);
        assert_ok(store_enis(f->store, NOW, f->arena, &enis, &n_enis, &f->err), &f->err);
        for (size_t i = 0; i < n_enis; i++)
                key = strcmp(enis[i].eni_id, eni.eni_id) == 0 ? enis[i].key : key;
        assert_ok(store_blocks_routed(f->store, key, fixture_hosts(f->arena, addresses, n), n, &routed,
                                      &f->err),
                  &f->err);
        assert_int_equal(routed, n);
        assert_ok(store_eni_set_state(f->store, key, ENI_READY, "test", NOW, &done, &f->err), &f->err);
        assert_true(done);
        return key;
}

struct lease fixture_wanted(const char *container_id)
{
        return (struct lease){
                .key = {"net", container_id, "eth0"},
                .host_ifname = container_id, /* a name is one lease's alone */
                .netns = "/run/netns/x",
                .pod_namespace = "default",
                .pod_name = container_id,
                .pod_uid = "uid",
        };
}

struct lease fixture_lease(struct fixture *f, const char *container_id, int64_t now_ms)
{
        struct lease wanted = fixture_wanted(container_id), got = {0};
        enum lease_result result = LEASE_NONE_FREE;

        assert_ok(store_lease_add(f->store, &wanted, now_ms, f->arena, &result, &got, &f->err), &f->err);
        assert_int_equal(result, LEASE_GIVEN);
        return got;
}

const char *fixture_host_ifname(struct fixture *f, const char *container_id)
{
        const struct lease_key key = {"net", container_id, "eth0", NULL};
        struct lease lease = {0};

        assert_ok(store_lease_get(f->store, &key, f->arena, &lease, &f->err), &f->err);
        return lease.host_ifname;
}

struct store_counts fixture_counts(struct fixture *f, int64_t now_ms)
{
        struct store_counts counts;

        assert_ok(store_counts(f->store, now_ms, &counts, &f->err), &f->err);
        assert_int_equal(counts.total, counts.free + counts.unready + counts.leased + counts.cooling +
                                               counts.preparing + counts.leaving + counts.lost);
        return counts;
}

const char *fixture_eni_state(struct fixture *f, int64_t key)
{
        struct eni *enis;
        size_t n;

        assert_ok(store_enis(f->store, NOW, f->arena, &enis, &n, &f->err), &f->err);
        for (size_t i = 0; i < n; i++) {
                if (enis[i].key == key)
                        return eni_state_to_string(enis[i].state);
        }
        return "";
}

const char *fixture_address_state(struct fixture *f, struct ip address, int64_t now_ms)
{
        struct block_address *addresses;
        size_t n;

        assert_ok(store_addresses(f->store, now_ms, f->arena, &addresses, &n, &f->err), &f->err);
        for (size_t i = 0; i < n; i++) {
                if (ip_equal(addresses[i].address, address))
                        return address_state_to_string(addresses[i].state);
        }
        return "";
}

/* ---- raw SQL ---- */

sqlite3 *fixture_raw(struct fixture *f)
{
        sqlite3 *db = NULL;

        assert_int_equal(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, "PRAGMA foreign_keys = ON", NULL, NULL, NULL), SQLITE_OK);
        sqlite3_busy_timeout(db, 5000);
        return db;
}

void fixture_sql(struct fixture *f, const char *sql)
{
        sqlite3 *db = fixture_raw(f);
        char *text = NULL;

        if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK)
                fail_msg("%s: %s", sql, text);
        sqlite3_close(db);
}

void fixture_sql_refused(struct fixture *f, const char *sql, const char *expect)
{
        sqlite3 *db = fixture_raw(f);
        char *text = NULL;

        if (sqlite3_exec(db, sql, NULL, NULL, &text) == SQLITE_OK)
                fail_msg("was allowed: %s", sql);
        if (!strstr(text, expect))
                fail_msg("%s: '%s' is not in '%s'", sql, expect, text);
        sqlite3_free(text);
        sqlite3_close(db);
}

static int one_row(void *data, int n, char **columns, char **names _unused_)
{
        snprintf(data, 256, "%s", n && columns[0] ? columns[0] : "");
        return 0;
}

void fixture_check(struct fixture *f)
{
        static const struct {
                const char *sql, *expect;
        } checks[] = {
                {"PRAGMA integrity_check", "ok"},
                {"PRAGMA foreign_key_check", ""},
                {"SELECT count(*) FROM leases l LEFT JOIN addresses a ON a.hex = l.hex WHERE a.lease IS NOT "
                 "l.key",
                 "0"},
                {"SELECT count(*) FROM addresses a LEFT JOIN blocks b ON b.key = a.block"
                 " AND length(b.first) = length(a.hex) AND a.hex BETWEEN b.first AND b.last WHERE b.key IS "
                 "NULL",
                 "0"},
                {"SELECT count(*) FROM blocks b WHERE taken <> (SELECT count(*) FROM addresses WHERE block = "
                 "b.key)",
                 "0"},
                {"SELECT count(*) FROM blocks b JOIN blocks c ON c.key <> b.key AND c.family = b.family"
                 " AND c.first BETWEEN b.first AND b.last",
                 "0"},
                {"SELECT count(*) FROM blocks b JOIN enis e ON e.key = b.eni"
                 " WHERE e.state IN ('detaching', 'deleting') AND b.state <> 'leaving'",
                 "0"},
                /* What waits for its pod is nobody's. */
                {"SELECT count(*) FROM imports i JOIN blocks b ON length(b.first) = length(i.hex)"
                 " AND i.hex BETWEEN b.first AND b.last AND b.state = 'usable' LEFT JOIN addresses a ON "
                 "a.hex = i.hex"
                 " WHERE i.verdict = 'pending' AND a.lease IS NULL AND a.held IS NOT 1",
                 "0"},
                {"SELECT count(*) FROM enis WHERE state = 'ready' AND managed = 1 AND is_primary = 0"
                 " AND (mark_index IS NULL OR route_table IS NULL)",
                 "0"},
        };
        sqlite3 *db = fixture_raw(f);

        for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
                char got[256] = "";

                assert_int_equal(sqlite3_exec(db, checks[i].sql, one_row, got, NULL), SQLITE_OK);
                if (strcmp(got, checks[i].expect) != 0)
                        fail_msg("%s: %s", checks[i].sql, got);
        }
        sqlite3_close(db);
}
