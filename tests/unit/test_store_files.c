// SPDX-License-Identifier: Apache-2.0
/* The database as a file: whose it is, what is in it, a full disk, a second daemon. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vpcwire/clock.h>
#include <vpcwire/file.h>

#include "store/schema.h"
#include "store_fixture.h"

static void write_file(const char *path, const void *bytes, size_t n)
{
        struct err err;

        assert_ok(file_replace(path, bytes, n, 0600, &err), &err);
}

static void refused(struct fixture *f, enum err_code code, const char *text)
{
        assert_fails(store_prepare(&f->options, NULL, &f->err), code);
        assert_contains(f->err.msg, f->path);
        assert_contains(f->err.msg, text);
}

static void test_fresh(void **state)
{
        struct fixture *f = *state;
        struct stat st;

        fixture_restart(f, "a");
        assert_int_equal(stat(f->path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_true(st.st_size >
                    0); /* not only in the log: a lost log must not leave a file that looks new */
        assert_int_equal(fixture_counts(f, NOW).total, 0);
}

static void test_folder_is_made(void **state)
{
        struct fixture *f = *state;
        char path[256], folder[128];
        struct stat st;

        snprintf(folder, sizeof(folder), "%s/deep", f->folder);
        snprintf(path, sizeof(path), "%s/ipam.db", folder);
        f->options.path = path;
        assert_ok(store_prepare(&f->options, NULL, &f->err), &f->err);
        assert_int_equal(stat(folder, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        unlink(path);
        rmdir(folder);
}

static void test_empty_file_is_fresh(void **state)
{
        struct fixture *f = *state;

        write_file(f->path, "", 0);
        fixture_restart(f, "a");
        assert_int_equal(fixture_counts(f, NOW).total, 0);
}

static void test_open_needs_prepare(void **state)
{
        struct fixture *f = *state;

        assert_fails(store_open(&f->options, &f->store, &f->err), ERR_NOT_FOUND);
        write_file(f->path, "", 0);
        assert_fails(store_open(&f->options, &f->store, &f->err), ERR_INTERNAL);
        assert_contains(f->err.msg, "not prepared");
        assert_null(f->store);
}

/* ---- whose it is ---- */

static void test_links_and_others(void **state)
{
        struct fixture *f = *state;
        char other[256];

        snprintf(other, sizeof(other), "%s/other", f->folder);
        write_file(other, "", 0);
        assert_int_equal(symlink(other, f->path), 0);
        refused(f, ERR_DENIED, "symbolic link");
        unlink(f->path);
        assert_int_equal(link(other, f->path), 0);
        refused(f, ERR_DENIED, "hard links");
        unlink(f->path);
        assert_int_equal(mkdir(f->path, 0700), 0);
        refused(f, ERR_DENIED, "not a plain file");
        rmdir(f->path);
        assert_int_equal(mkfifo(f->path, 0600), 0);
        refused(f, ERR_DENIED, "not a plain file");
        unlink(f->path);
        write_file(f->path, "", 0);
        assert_int_equal(chmod(f->path, 0666), 0);
        refused(f, ERR_DENIED, "mode 0666");
        chmod(f->path, 0600);
        snprintf(other, sizeof(other), "%s-wal", f->path);
        assert_int_equal(symlink("/etc/passwd", other), 0);
        refused(f, ERR_DENIED, "symbolic link");
        unlink(other);
        if (geteuid() == 0) {
                assert_int_equal(chown(f->path, 4242, 4242), 0);
                refused(f, ERR_DENIED, "belongs to user 4242");
                assert_int_equal(chown(f->path, 0, 0), 0);
        }
        assert_ok(store_prepare(&f->options, NULL, &f->err), &f->err);
}

static void test_open_folder(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(chmod(f->folder, 0777), 0);
        assert_fails(store_prepare(&f->options, NULL, &f->err), ERR_DENIED);
        assert_contains(f->err.msg, "mode 0777");
        assert_int_equal(chmod(f->folder, 0700), 0);
}

/* ---- what is in it ---- */

/* A database with leases, closed, its log written back. */
static void fill(struct fixture *f)
{
        fixture_restart(f, "a");
        fixture_ready_eni(f, 0, 40);
        for (int i = 0; i < 40; i++)
                fixture_lease(f, (char[]){(char)('A' + i), '\0'}, NOW);
        f->store = store_free(f->store);
        fixture_sql(f, "PRAGMA wal_checkpoint(TRUNCATE)");
}

/* Prepares a file that is of no use: it is kept as a backup, as it is, and a new one begins. The new name. */
static const char *backup_of(struct fixture *f, const char *kind)
{
        struct store_prepared prepared = {0};
        struct store_event *events;
        size_t n;

        assert_ok(store_prepare(&f->options, &prepared, &f->err), &f->err);
        close(prepared.lock_fd);
        assert_contains(prepared.backup, f->path);
        assert_contains(prepared.backup, kind);
        assert_true(*prepared.why_backup);
        assert_ok(store_open(&f->options, &f->store, &f->err), &f->err);
        assert_int_equal(fixture_counts(f, NOW).total, 0);
        assert_ok(store_events(f->store, 0, 10, f->arena, &events, &n, &f->err), &f->err);
        while (n > 0 && strcmp(events[n - 1].kind, "database-replaced") != 0)
                n--;
        assert_true(n > 0);
        assert_string_equal(events[n - 1].subject, prepared.backup);
        assert_string_equal(events[n - 1].text, prepared.why_backup);
        f->store = store_free(f->store);
        return arena_strdup(f->arena, prepared.backup);
}

static bool exists(const char *path)
{
        return access(path, F_OK) == 0;
}

static void test_not_a_database(void **state)
{
        static const char text[] =
                "A shopping list: bread, butter, milk, and a few more things to fill 100 bytes "
                "so that SQLite reads a header.";
        struct fixture *f = *state;

        for (size_t n = 1; n <= sizeof(text); n += 9) {
                _cleanup_free_ char *kept = NULL;
                size_t bytes;

                write_file(f->path, text, n);
                assert_ok(file_read(backup_of(f, ".damaged-"), sizeof(text), &kept, &bytes, &f->err),
                          &f->err);
                assert_int_equal(bytes, n);
                assert_memory_equal(kept, text, n);
        }
}

/* It has what the file lacks. */
static void test_its_log_goes_with_it(void **state)
{
        struct fixture *f = *state;
        const char *backup;
        char wal[256];

        snprintf(wal, sizeof(wal), "%s-wal", f->path);
        write_file(f->path, "x", 1);
        write_file(wal, "leases", 6);
        backup = backup_of(f, ".damaged-");
        assert_true(exists(backup));
        assert_true(exists(arena_printf(f->arena, "%s-wal", backup)));
}

static void test_few_are_kept(void **state)
{
        static const char *const names[] = {
                "damaged-20200101T000000Z",      "damaged-20200101T000000Z-wal",
                "other-schema-20200102T000000Z", "other-instance-i-0abc-20200103T000000Z",
                "damaged-20200104T000000Z",      "damaged-my-notes-of-that-day",
                "backup-20190101T000000Z",
        };
        static const bool stays[] = {false, false, false, true, true, true, true};
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                write_file(arena_printf(f->arena, "%s.%s", f->path, names[i]), "x", 1);
        write_file(f->path, "x", 1);
        assert_true(exists(backup_of(f, ".damaged-")));
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (exists(arena_printf(f->arena, "%s.%s", f->path, names[i])) != stays[i])
                        fail_msg("%s %s", names[i], stays[i] ? "is gone" : "is still there");
        }
}

/* The number alone may lie: without a trigger, a rule of the pool would not hold. */
static void test_a_schema_that_is_not_ours(void **state)
{
        static const struct {
                const char *sql, *why;
        } changes[] = {
                {"DROP TRIGGER lease_is_not_replaced", "trigger lease_is_not_replaced is missing"},
                {"CREATE TABLE extra (a)", "table extra is not known"},
                {"DROP INDEX enis_one_primary; CREATE INDEX enis_one_primary ON enis (is_primary)",
                 "index enis_one_primary is another one"},
                {"ALTER TABLE leases ADD COLUMN more TEXT; PRAGMA user_version = 4", "is another one"},
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
                struct store_prepared prepared;

                fill(f);
                fixture_sql(f, changes[i].sql);
                assert_ok(store_prepare(&f->options, &prepared, &f->err), &f->err);
                close(prepared.lock_fd);
                assert_contains(prepared.backup, ".other-schema-");
                if (!strstr(changes[i].sql, "user_version"))
                        assert_contains(prepared.why_backup, changes[i].why);
                assert_int_equal(unlink(f->path), 0);
        }
}

/* Rule 1 holds: what the kernel shows in use is nobody else's in the new one. */
static void test_pods_that_run_while_it_is_damaged(void **state)
{
        const struct import running = {.key = {IMPORT_NETWORK_UNKNOWN, "one", "enia"},
                                       .address = fixture_ip(0, 1)};
        struct fixture *f = *state;
        struct store_prepared prepared;

        write_file(f->path, "x", 1);
        f->options.running = &running;
        f->options.n_running = 1;
        assert_ok(store_prepare(&f->options, &prepared, &f->err), &f->err);
        close(prepared.lock_fd);
        assert_contains(prepared.backup, ".damaged-");
        assert_int_equal(prepared.held, 1);
}

static void test_another_programs_database(void **state)
{
        struct fixture *f = *state;

        write_file(f->path, "", 0);
        fixture_sql(f, "CREATE TABLE recipes (name TEXT)");
        refused(f, ERR_UNSUPPORTED, "another program");
        fixture_sql(f, "INSERT INTO recipes VALUES ('untouched')");
}

static void test_newer_schema(void **state)
{
        struct fixture *f = *state;
        char ours[64];

        fill(f);
        fixture_sql(f, "PRAGMA user_version = 999");
        refused(f, ERR_UNSUPPORTED, "schema version 999");
        assert_fails(store_open(&f->options, &f->store, &f->err), ERR_UNSUPPORTED);
        snprintf(ours, sizeof(ours), "PRAGMA user_version = %d", schema_version);
        fixture_sql(f, ours);
        fixture_restart(f, "a"); /* and nothing was changed in it */
        assert_int_equal(fixture_counts(f, NOW).leased, 40);
}

/* In one transaction, as the daemon does it: foreign keys are looked at in its end. */
static void run_versions(struct fixture *f, int from, int to)
{
        _cleanup_(store_tx_done) struct store_tx tx = {0};

        assert_ok(store_connect(f->path, &f->store, &f->err), &f->err);
        assert_ok(store_begin(f->store, &tx, &f->err), &f->err);
        assert_ok(schema_run(f->store, from, to, &f->err), &f->err);
        assert_ok(store_commit(&tx, &f->err), &f->err);
        f->store = store_free(f->store);
}

/* A database as an earlier daemon left it: of schema `version`, with an ENI and a lease (its rows are of schema 6 at the most). */
static void write_older(struct fixture *f, int version)
{
        int rows_of = version < 6 ? version : 6;
        char mark[96];

        unlink(f->path);
        write_file(f->path, "", 0);
        run_versions(f, 0, rows_of);
        snprintf(mark, sizeof(mark), "PRAGMA application_id = %d; PRAGMA user_version = %d",
                 SCHEMA_APPLICATION_ID, version);
        fixture_sql(f, mark);
        fixture_sql(f, "INSERT INTO facts VALUES ('boot-id', 'a');"
                       "INSERT INTO enis (state, eni_id, device_index, created_ms, since_ms)"
                       " VALUES ('ready', 'eni-1', 0, 0, 0);"
                       "INSERT INTO addresses (address, eni, state) VALUES ('10.0.0.2', 1, 'preparing');"
                       "UPDATE addresses SET state = 'free'; UPDATE addresses SET state = 'leased';"
                       "INSERT INTO leases (network, container_id, ifname, address, host_ifname, netns,"
                       " pod_namespace, pod_name, pod_uid, since_ms, since_wall_ms)"
                       " VALUES ('net', 'one', 'eth0', '10.0.0.2', 'eni1', '', '', '', '', 0, 0);"
                       "INSERT INTO events (at_wall_ms, kind, subject, text) VALUES (1, 'a', 'b', 'c')");
        run_versions(f, rows_of, version);
}

/* A daemon before this one wrote it: it is brought up to date, and nothing in it is lost. */
static void test_older_schema(void **state)
{
        struct fixture *f = *state;
        struct store_event *events;
        size_t n;

        for (int version = 1; version < schema_version; version++) {
                write_older(f, version);
                fixture_restart(f, "a");
                assert_int_equal(fixture_counts(f, NOW).leased, 1);
                assert_ok(store_events(f->store, 0, 1, f->arena, &events, &n, &f->err), &f->err);
                assert_int_equal(n, 1);
                assert_string_equal(events[0].kind, "a");
                f->store = store_free(f->store);
        }
}

/* Of schema 6 all that an address and an ENI could be. */
static void write_schema_6(struct fixture *f)
{
        write_older(f, 6);
        fixture_sql(
                f,
                "UPDATE enis SET is_primary = 1, primary_address = '10.0.0.1', mac = '02:00:00:00:00:01';"
                "INSERT INTO enis (key, state, eni_id, client_token, attachment_id, subnet_id, device_index,"
                "  network_card, untagged, link_missing, public_address, created_ms, since_ms) VALUES"
                "  (4, 'configuring', 'eni-4', 't4', 'at-4', 's', 3, 0, 1, 1, '1.2.3.4', 5, 6),"
                "  (5, 'ready', 'eni-5', 't5', 'at-5', 's', 3, 0, 0, 0, '', 5, 6),"
                "  (6, 'draining', 'eni-6', 't6', 'at-6', 's', 3, 1, 0, 0, '', 5, 6),"
                "  (7, 'detaching', 'eni-7', 't7', 'at-7', 's', 2, 0, 0, 0, '', 5, 6);"
                "INSERT INTO addresses (address, eni, state) VALUES ('10.0.0.3', 1, 'preparing'),"
                "  ('10.0.0.4', 1, 'preparing'), ('10.0.0.5', 1, 'preparing'), ('10.0.0.6', 1, 'preparing'),"
                "  ('10.0.0.7', 1, 'preparing'), ('10.0.0.200', 5, 'preparing'), ('10.255.3.99', 7, "
                "'leaving');"
                "UPDATE addresses SET state = 'free', last_used_ms = 77, associated = 1 WHERE address = "
                "'10.0.0.3';"
                "UPDATE addresses SET state = 'free' WHERE address IN ('10.0.0.4', '10.0.0.200');"
                "UPDATE addresses SET state = 'cooling', cooling_until_ms = 9000000000000 WHERE address = "
                "'10.0.0.4';"
                "UPDATE addresses SET doubted = 1 WHERE address = '10.0.0.5';"
                "UPDATE addresses SET state = 'leased' WHERE address = '10.0.0.200';"
                "INSERT INTO leases (network, container_id, ifname, address, host_ifname, netns, "
                "pod_namespace,"
                "  pod_name, pod_uid, since_ms, since_wall_ms, state, address_only, link_missing_since_ms)"
                "  VALUES ('net', 'two', 'eth0', '10.0.0.200', 'eni2', '/run/x', 'ns', 'web', 'uid', 3, 4, "
                "'wired', 1, 5);"
                "UPDATE addresses SET state = 'lost' WHERE address = '10.0.0.200';"
                "INSERT INTO imports (address, network, container_id, ifname, pod_namespace, pod_name, "
                "since_wall_ms,"
                "  reason) VALUES ('10.0.0.6', '', 'three', 'eni3', 'ns', 'old', 8, 'not yet');"
                "INSERT INTO given_back VALUES ('eni-1', '10.0.0.9', 8), ('eni-9', '', 9)");
}

static void test_schema_6(void **state)
{
        static const struct {
                const char *address, *state;
        } states[] = {{"10.0.0.2", "leased"},    {"10.0.0.3", "free"},      {"10.0.0.4", "cooling"},
                      {"10.0.0.5", "preparing"}, {"10.0.0.6", "preparing"}, {"10.0.0.7", "preparing"},
                      {"10.0.0.200", "lost"},    {"10.255.3.99", "leaving"}};
        const struct lease_key two = {"net", "two", "eth0", NULL};
        struct fixture *f = *state;
        struct store_given_back *given_back;
        struct import *imports;
        struct lease lease;
        struct eni *enis;
        int64_t key;
        size_t n;

        write_schema_6(f);
        fixture_restart(f, "a");
        fixture_check(f);
        for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
                struct ip ip;

                assert_ok(ip_parse(states[i].address, &ip, &f->err), &f->err);
                assert_string_equal(fixture_address_state(f, ip, NOW), states[i].state);
        }
        assert_ok(store_lease_get(f->store, &two, f->arena, &lease, &f->err), &f->err);
        assert_string_equal(lease.netns, "/run/x");
        assert_string_equal(lease.pod_uid, "uid");
        assert_true(lease.address_only && lease.lost && lease.state == LEASE_WIRED && lease.n_addresses == 1);
        assert_int_equal(lease.link_missing_since_ms, 5);
        assert_ok(store_imports(f->store, f->arena, &imports, &n, &f->err), &f->err);
        assert_int_equal(n, 1);
        assert_string_equal(IP_TEXT(imports[0].address), "10.0.0.6");
        assert_string_equal(imports[0].reason, "not yet");
        assert_ok(store_given_back(f->store, f->arena, &given_back, &n, &f->err), &f->err);
        assert_int_equal(n, 2);
        assert_string_equal(PREFIX_TEXT(given_back[0].block), "10.0.0.9/32");
        assert_false(ip_is_set(given_back[1].block.ip));
        /* Marks and tables: as before, but where two had the same. */
        assert_ok(store_enis(f->store, NOW, f->arena, &enis, &n, &f->err), &f->err);
        assert_int_equal(n, 5);
        assert_int_equal(enis[0].doubted, 1);
        assert_int_equal(enis[0].associated, 1);
        assert_string_equal(IP_TEXT(enis[0].primary_address), "10.0.0.1");
        for (size_t i = 0; i < n; i++) {
                static const unsigned marks[] = {[4] = 3, [5] = 31, [6] = 30, [7] = 0, [1] = 0},
                                      tables[] = {[4] = 4, [5] = 16499, [6] = 10103, [7] = 0, [1] = 0};

                assert_int_equal(enis[i].mark_index, marks[enis[i].key]);
                assert_int_equal(enis[i].route_table, tables[enis[i].key]);
        }
        assert_true(enis[2].untagged || enis[3].untagged);
        /* No key is used again. */
        assert_ok(store_eni_begin(f->store, &(struct eni){.client_token = "t", .device_index = 9}, NOW, &key,
                                  &f->err),
                  &f->err);
        assert_true(key > 7);
}

/* Two sandboxes of one pod could have one name for their links. The newer one's link took the older one's place. */
static void test_older_schema_with_a_name_twice(void **state)
{
        struct fixture *f = *state;

        write_older(f, 1);
        fixture_sql(f, "INSERT INTO addresses (address, eni, state) VALUES ('10.0.0.3', 1, 'preparing');"
                       "UPDATE addresses SET state = 'free' WHERE address = '10.0.0.3';"
                       "UPDATE addresses SET state = 'leased' WHERE address = '10.0.0.3';"
                       "INSERT INTO leases (network, container_id, ifname, address, host_ifname, netns,"
                       " pod_namespace, pod_name, pod_uid, since_ms, since_wall_ms)"
                       " VALUES ('net', 'two', 'eth0', '10.0.0.3', 'eni1', '', '', '', '', 1, 1)");
        fixture_restart(f, "a");
        assert_string_equal(fixture_host_ifname(f, "one"), "");
        assert_string_equal(fixture_host_ifname(f, "two"), "eni1");
}

/* Cut at every page and in the middle of pages: kept as a backup, and never taken for whole. */
static void test_truncated(void **state)
{
        struct fixture *f = *state;
        _cleanup_free_ char *bytes = NULL;
        size_t n, page = 4096;

        fill(f);
        assert_ok(file_read(f->path, 64 << 20, &bytes, &n, &f->err), &f->err);
        for (size_t keep = page / 2; keep < n; keep += page / 2) {
                write_file(f->path, bytes, keep);
                backup_of(f, ".damaged-");
        }
        write_file(f->path, bytes, n);
        fixture_restart(f, "a");
        assert_int_equal(fixture_counts(f, NOW).leased, 40);
}

/* Bytes overwritten here and there: kept as a backup, or (in unused space) harmless; never a crash, never fewer leases. */
static void test_scribbled(void **state)
{
        struct fixture *f = *state;
        _cleanup_free_ char *bytes = NULL, *copy = NULL;
        unsigned count_backups = 0;
        struct store_prepared prepared;
        size_t n;

        fill(f);
        assert_ok(file_read(f->path, 64 << 20, &bytes, &n, &f->err), &f->err);
        copy = xcalloc(1, n);
        for (unsigned i = 0; i < 120; i++) {
                size_t at = (i * 7919U * 13U) % (n - 64);

                memcpy(copy, bytes, n);
                memset(copy + at, 0xa5, 64);
                write_file(f->path, copy, n);
                assert_ok(store_prepare(&f->options, &prepared, &f->err), &f->err);
                close(prepared.lock_fd);
                if (*prepared.backup) {
                        count_backups++;
                        continue;
                }
                assert_ok(store_open(&f->options, &f->store, &f->err), &f->err);
                assert_int_equal(fixture_counts(f, NOW).leased, 40);
                f->store = store_free(f->store);
        }
        assert_in_range(count_backups, 10, 120); /* most of a file with so few rows is unused space */
}

static void test_log_without_content(void **state)
{
        struct fixture *f = *state;
        char wal[256];

        snprintf(wal, sizeof(wal), "%s-wal", f->path);
        write_file(f->path, "", 0);
        write_file(wal, "leases were here", 16);
        backup_of(f, ".damaged-");
        write_file(wal, "of another life", 15);
        unlink(f->path);
        assert_ok(store_prepare(&f->options, NULL, &f->err),
                  &f->err); /* what is left beside it does not matter */
}

/* ---- a full disk ---- */

enum { SMALL_KIB = 700, LARGE_KIB = 8192 };

static bool mount_folder(struct fixture *f, const char *how, int kib)
{
        char command[512];

        snprintf(command, sizeof(command), "mount -t tmpfs -o %ssize=%dk,mode=0700 vw-store %s", how, kib,
                 f->folder);
        return geteuid() == 0 && system(command) == 0; // NOLINT(cert-env33-c)
}

/* Container ids of almost a page each, so that the disk is soon full. */
static struct lease wide(unsigned i, char id[static 2000])
{
        snprintf(id, 2000, "%01999u", i);
        return fixture_wanted(id);
}

static void test_full_disk(void **state)
{
        struct fixture *f = *state;
        unsigned given = 0, released = 0;
        char id[2000];
        int r = 0;

        if (!mount_folder(f, "", SMALL_KIB)) {
                print_message("a small tmpfs needs root: skipped\n");
                skip();
        }
        fixture_restart(f, "a");
        fixture_ready_eni(f, 0, 200);
        while (given < 200 && r == 0) {
                struct lease wanted = wide(given, id), got;
                enum lease_result result;

                r = store_lease_add(f->store, &wanted, NOW, f->arena, &result, &got, &f->err);
                given += r == 0;
        }
        assert_int_equal(r, -ERR_SYSTEM);
        assert_int_equal(f->err.sys_errno, ENOSPC);
        assert_contains(f->err.msg, f->path);
        assert_in_range(given, 1, 199);
        assert_int_equal(fixture_counts(f, NOW).leased, given); /* the one that failed left nothing */
        fixture_check(f);
        for (unsigned i = 0; i < given; i++) {
                struct lease lease = wide(i, id);
                struct ip ip;
                bool done = false;

                r = store_lease_release(f->store, &lease.key, LEASE_END_DEL, NOW, &done, &ip, &f->err);
                assert_true(r == 0 || (r == -ERR_SYSTEM && !done));
                released += done;
        }
        assert_int_equal(fixture_counts(f, NOW).leased, given - released);
        f->store = store_free(f->store);
        r = store_prepare(&f->options, NULL, &f->err); /* a start on a full disk: it works, or says why */
        if (r < 0)
                assert_contains(f->err.msg, "full");
        assert_true(mount_folder(f, "remount,", LARGE_KIB));
        fixture_restart(f, "a");
        assert_int_equal(fixture_counts(f, NOW).leased, given - released);
        fixture_check(f);
        print_message("%u leases until the disk was full, %u of them ended on it\n", given, released);
}

static int teardown_mounted(void **state)
{
        struct fixture *f = *state;
        char command[512];

        f->store = store_free(f->store);
        snprintf(command, sizeof(command), "umount %s 2>/dev/null", f->folder);
        if (geteuid() == 0 && system(command) != 0) // NOLINT(cert-env33-c)
                print_message("umount %s failed\n", f->folder);
        return fixture_teardown(state);
}

/* ---- a power cut ---- */

static int64_t synchronous(struct fixture *f)
{
        int64_t level = -1;

        assert_true(stmt_number(f->store, "PRAGMA synchronous", NO_VALUES, &level, &f->err) > 0);
        return level;
}

/* On a disk a commit is there after a power cut; on tmpfs nothing is, and fsync() would only cost. */
static void test_commits_outlive_a_power_cut(void **state)
{
        enum { NORMAL = 1, FULL = 2 };
        struct fixture *f = *state;
        struct statfs fs;

        assert_int_equal(statfs(f->folder, &fs), 0);
        fixture_restart(f, "a");
        assert_int_equal(synchronous(f), fs.f_type == TMPFS_MAGIC ? NORMAL : FULL);
        if (!mount_folder(f, "", LARGE_KIB)) {
                print_message("a tmpfs needs root: skipped\n");
                skip();
        }
        fixture_restart(f, "a");
        assert_int_equal(synchronous(f), NORMAL);
}

/* ---- the lock ---- */

static void test_lock(void **state)
{
        struct fixture *f = *state;
        int fd = -1, second = -1, status;
        char pid[32];
        pid_t child;

        assert_ok(store_lock(f->path, &fd, &f->err), &f->err);
        snprintf(pid, sizeof(pid), "pid %d", getpid());
        child = fork();
        if (child == 0) {
                int r = store_lock(f->path, &second, &f->err);

                _exit(r == -ERR_BUSY && strstr(f->err.msg, pid) && strstr(f->err.msg, f->path) ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        close(fd);
        assert_ok(store_lock(f->path, &fd, &f->err),
                  &f->err); /* what is left of a dead daemon is no obstacle */
        close(fd);
}

/* The database says so itself when the lock file was removed; nothing in it is touched. */
static void test_lock_without_its_file(void **state)
{
        struct fixture *f = *state;
        struct store_prepared prepared;
        char lock[256];
        int fd = -1, second = -1;

        snprintf(lock, sizeof(lock), "%s.lock", f->path);
        assert_ok(store_lock(f->path, &fd, &f->err), &f->err);
        assert_ok(store_prepare(&f->options, &prepared, &f->err), &f->err);
        assert_int_equal(unlink(lock), 0);
        assert_fails(store_lock(f->path, &second, &f->err), ERR_BUSY);
        assert_contains(f->err.msg, f->path);
        assert_fails(store_prepare(&f->options, NULL, &f->err), ERR_BUSY);
        close(prepared.lock_fd);
        assert_ok(store_lock(f->path, &second, &f->err), &f->err);
        close(second);
        close(fd);
}

static void test_lock_is_no_link(void **state)
{
        struct fixture *f = *state;
        char lock[256], other[256];
        int fd;

        snprintf(lock, sizeof(lock), "%s.lock", f->path);
        snprintf(other, sizeof(other), "%s/victim", f->folder);
        write_file(other, "precious", 8);
        assert_int_equal(symlink(other, lock), 0);
        assert_true(store_lock(f->path, &fd, &f->err) < 0);
        assert_contains(f->err.msg, lock);
        unlink(lock);
        assert_int_equal(link(other, lock), 0);
        assert_fails(store_lock(f->path, &fd, &f->err), ERR_DENIED);
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup_folder, fixture_teardown)

/* Of schema 7 the conditions are kept whose kind says the cause. */
static void test_schema_7(void **state)
{
        struct fixture *f = *state;
        struct import *imports;
        struct condition *list;
        size_t n;

        write_older(f, 6);
        fixture_sql(f,
                    "INSERT INTO blocked VALUES ('full', 'eni-1', 'no more', 77, 1),"
                    "  ('create', '', 'NetworkInterfaceLimitExceeded', 77, 3), ('warning', 'nft', 'drops', "
                    "77, 9),"
                    "  ('attach-refused', 'eni-2', 'no', 77, 2), ('grow', '', 'MAX_ENI=2 is reached', 77, 0);"
                    "INSERT INTO imports VALUES ('10.0.0.9', 'net', 'gone', 'eth0', '', '', 5, 'aside', 'no "
                    "link'),"
                    "  ('10.0.0.8', 'net', 'runs', 'eth0', '', '', 5, 'pending', '')");
        fixture_restart(f, "a");
        assert_ok(store_conditions(f->store, f->arena, &list, &n, &f->err), &f->err);
        assert_int_equal(n, 1);
        assert_int_equal(list[0].kind, CONDITION_ENI_FULL);
        assert_int_equal(list[0].cause, CAUSE_CAPACITY_ENI);
        assert_string_equal(list[0].object, "eni-1");
        assert_string_equal(list[0].message, "no more");
        assert_int_equal(list[0].attempts, 1);
        assert_int_equal(list[0].retry_at_ms, 77);
        assert_ok(store_imports(f->store, f->arena, &imports, &n, &f->err), &f->err);
        assert_int_equal(n, 2);
        for (size_t i = 0; i < n; i++) {
                bool gone = strcmp(imports[i].key.container_id, "gone") == 0;

                assert_int_equal(imports[i].verdict, gone ? IMPORT_SKIPPED : IMPORT_PENDING);
                assert_string_equal(imports[i].reason, gone ? "no link" : "");
                assert_int_equal(imports[i].since_wall_ms, 5);
        }
        fixture_check(f);
}

static void copy_file(struct fixture *f, const char *from, const char *to)
{
        _cleanup_free_ char *bytes = NULL;
        FILE *file = fopen(to, "we");
        size_t n = 0;

        assert_non_null(file);
        assert_ok(file_read(from, 64 << 20, &bytes, &n, &f->err), &f->err);
        assert_int_equal(fwrite(bytes, 1, n, file), n);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(chmod(to, 0600), 0);
}

/* The index comes a moment after the first look; a child brings it. */
static int open_while_the_index_comes(const char *path, const char *aside, const char *index,
                                      struct store **ret, struct err *err)
{
        int64_t written_ms;
        pid_t child = fork();
        int r;

        if (child == 0) {
                poll(NULL, 0, 20);
                _exit(rename(aside, index) == 0 ? 0 : 1);
        }
        r = store_open_read_only(path, ret, &written_ms, err);
        assert_int_equal(waitpid(child, NULL, 0), child);
        return r;
}

/* A daemon that closes its database takes the index away before the log. A copy, of which SQLite in here knows nothing. */
static void test_read_only_while_the_daemon_changes(void **state)
{
        enum {
                ROUNDS = 10
        }; /* where the machine keeps the child from its work for longer than ipamctl waits */
        struct fixture *f = *state;
        char from[300], to[300], path[256], index[300], aside[300];
        int r = -1;

        fixture_restart(f, "a");
        fixture_ready_eni(f, 0, 3);
        snprintf(aside, sizeof(aside), "%s/aside", f->folder);
        for (int i = 0; i < ROUNDS && r < 0; i++) {
                _cleanup_(store_freep) struct store *looker = NULL;

                snprintf(path, sizeof(path), "%s/copy%d.db", f->folder, i);
                snprintf(index, sizeof(index), "%s-shm", path);
                copy_file(f, f->options.path, path);
                snprintf(from, sizeof(from), "%s-wal", f->options.path);
                snprintf(to, sizeof(to), "%s-wal", path);
                copy_file(f, from, to);
                snprintf(from, sizeof(from), "%s-shm", f->options.path);
                copy_file(f, from, aside);
                r = open_while_the_index_comes(path, aside, index, &looker, &f->err);
        }
        assert_ok(r, &f->err);
}

/* Beside a daemon that has it open (a log, and its index), after one that closed it, and with a name that means something in a URI. */
static void test_read_only(void **state)
{
        struct fixture *f = *state;
        _cleanup_(store_freep) struct store *looker = NULL;
        struct store_counts counts;
        int64_t written_ms;
        char path[256];

        snprintf(path, sizeof(path), "%s/a?b#c%%20d.db", f->folder);
        f->options.path = path;
        assert_fails(store_open_read_only(path, &looker, &written_ms, &f->err), ERR_NOT_FOUND);
        assert_false(exists(path));
        fixture_restart(f, "a");
        fixture_ready_eni(f, 0, 3);
        fixture_lease(f, "c1", NOW);
        for (int open = 1; open >= 0; open--) {
                assert_ok(store_open_read_only(path, &looker, &written_ms, &f->err), &f->err);
                assert_ok(store_counts(looker, NOW, &counts, &f->err), &f->err);
                assert_int_equal(counts.leased, 1);
                assert_in_range(written_ms, clock_wall_ms() - 60000, clock_wall_ms() + 1000);
                assert_true(store_fact_set(looker, "x", "y", &f->err) < 0);
                if (open)
                        fixture_lease(f, "c2", NOW); /* nobody is in its way */
                looker = store_free(looker);
                if (open)
                        assert_ok(store_lease_release(
                                          f->store,
                                          &(struct lease_key){
                                                  .network = "net", .container_id = "c2", .ifname = "eth0"},
                                          LEASE_END_DEL, NOW, &(bool){0}, &(struct ip){0}, &f->err),
                                  &f->err);
                f->store = store_free(f->store);
                assert_int_equal(exists(arena_printf(f->arena, "%s-wal", path)), 0);
        }
        assert_int_equal(exists(arena_printf(f->arena, "%s-shm", path)), 0);
        unlink(path);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(test_fresh),
                T(test_folder_is_made),
                T(test_empty_file_is_fresh),
                T(test_open_needs_prepare),
                T(test_links_and_others),
                T(test_open_folder),
                T(test_not_a_database),
                T(test_its_log_goes_with_it),
                T(test_few_are_kept),
                T(test_a_schema_that_is_not_ours),
                T(test_pods_that_run_while_it_is_damaged),
                T(test_another_programs_database),
                T(test_newer_schema),
                T(test_older_schema),
                T(test_schema_6),
                T(test_schema_7),
                T(test_older_schema_with_a_name_twice),
                T(test_truncated),
                T(test_scribbled),
                T(test_log_without_content),
                cmocka_unit_test_setup_teardown(test_full_disk, fixture_setup_folder, teardown_mounted),
                cmocka_unit_test_setup_teardown(test_commits_outlive_a_power_cut, fixture_setup_folder,
                                                teardown_mounted),
                T(test_lock),
                T(test_lock_without_its_file),
                T(test_lock_is_no_link),
                T(test_read_only),
                T(test_read_only_while_the_daemon_changes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
