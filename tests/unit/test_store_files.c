// SPDX-License-Identifier: Apache-2.0
/* The database as a file: whose it is, what is in it, a full disk, a second daemon. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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
        assert_fails(store_prepare(&f->options, &f->err), code);
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
        assert_ok(store_prepare(&f->options, &f->err), &f->err);
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
        assert_ok(store_prepare(&f->options, &f->err), &f->err);
}

static void test_open_folder(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(chmod(f->folder, 0777), 0);
        assert_fails(store_prepare(&f->options, &f->err), ERR_DENIED);
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

static void test_not_a_database(void **state)
{
        static const char text[] =
                "A shopping list: bread, butter, milk, and a few more things to fill 100 bytes "
                "so that SQLite reads a header.";
        struct fixture *f = *state;

        write_file(f->path, text, sizeof(text));
        refused(f, ERR_PROTOCOL, "damaged");
        assert_contains(f->err.msg, "drain the node");
        for (size_t n = 1; n < sizeof(text); n += 10) {
                write_file(f->path, text, n);
                refused(f, ERR_PROTOCOL, "damaged");
        }
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

/* A daemon before this one wrote it: it is brought up to date, and nothing in it is lost. */
static void test_older_schema(void **state)
{
        struct fixture *f = *state;
        struct store_event *events;
        size_t n;

        fill(f);
        fixture_sql(
                f,
                "ALTER TABLE events DROP COLUMN pod; ALTER TABLE events DROP COLUMN container_id;"
                "ALTER TABLE events DROP COLUMN eni_id; ALTER TABLE leases DROP COLUMN address_only;"
                "DROP TRIGGER import_is_not_free; DROP TABLE imports;"
                "ALTER TABLE addresses DROP COLUMN doubted; ALTER TABLE enis DROP COLUMN withheld;"
                "ALTER TABLE enis DROP COLUMN link_missing;"
                "ALTER TABLE enis DROP COLUMN public_address; ALTER TABLE addresses DROP COLUMN associated;"
                "DROP TABLE given_back; PRAGMA user_version = 1");
        fixture_restart(f, "a");
        assert_int_equal(fixture_counts(f, NOW).leased, 40);
        assert_ok(store_events(f->store, 0, 1, f->arena, &events, &n, &f->err), &f->err);
        assert_int_equal(n, 1);
        assert_string_equal(events[0].pod, "");
}

/* Cut at every page and in the middle of pages: refused, and never taken for a new one. */
static void test_truncated(void **state)
{
        struct fixture *f = *state;
        _cleanup_free_ char *bytes = NULL;
        size_t n, page = 4096;

        fill(f);
        assert_ok(file_read(f->path, 64 << 20, &bytes, &n, &f->err), &f->err);
        for (size_t keep = page / 2; keep < n; keep += page / 2) {
                write_file(f->path, bytes, keep);
                refused(f, ERR_PROTOCOL, "damaged");
        }
        write_file(f->path, bytes, n);
        fixture_restart(f, "a");
        assert_int_equal(fixture_counts(f, NOW).leased, 40);
}

/* Bytes overwritten here and there: refused, or (in unused space) harmless; never a crash, never fewer leases. */
static void test_scribbled(void **state)
{
        struct fixture *f = *state;
        _cleanup_free_ char *bytes = NULL, *copy = NULL;
        unsigned refusals = 0;
        size_t n;

        fill(f);
        assert_ok(file_read(f->path, 64 << 20, &bytes, &n, &f->err), &f->err);
        copy = xcalloc(1, n);
        for (unsigned i = 0; i < 120; i++) {
                size_t at = (i * 7919U * 13U) % (n - 64);

                memcpy(copy, bytes, n);
                memset(copy + at, 0xa5, 64);
                write_file(f->path, copy, n);
                if (store_prepare(&f->options, &f->err) < 0) {
                        assert_contains(f->err.msg, f->path);
                        refusals++;
                        continue;
                }
                assert_ok(store_open(&f->options, &f->store, &f->err), &f->err);
                assert_int_equal(fixture_counts(f, NOW).leased, 40);
                f->store = store_free(f->store);
        }
        assert_in_range(refusals, 10, 120); /* most of a file with so few rows is unused space */
}

static void test_log_without_content(void **state)
{
        struct fixture *f = *state;
        char wal[256];

        snprintf(wal, sizeof(wal), "%s-wal", f->path);
        write_file(f->path, "", 0);
        write_file(wal, "leases were here", 16);
        refused(f, ERR_PROTOCOL, "its content was lost");
        unlink(f->path); /* the cure; what is left beside it does not matter then */
        assert_ok(store_prepare(&f->options, &f->err), &f->err);
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
static struct store_lease wide(unsigned i, char id[static 2000])
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
                struct store_lease wanted = wide(given, id), got;
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
                struct store_lease lease = wide(i, id);
                struct ip ip;
                bool done = false;

                r = store_lease_release(f->store, &lease.key, "", NOW, &done, &ip, &f->err);
                assert_true(r == 0 || (r == -ERR_SYSTEM && !done));
                released += done;
        }
        assert_int_equal(fixture_counts(f, NOW).leased, given - released);
        f->store = store_free(f->store);
        r = store_prepare(&f->options, &f->err); /* a start on a full disk: it works, or says why */
        if (r < 0)
                assert_contains(f->err.msg, "full");
        assert_true(mount_folder(f, "remount,", LARGE_KIB));
        fixture_restart(f, "a");
        assert_int_equal(fixture_counts(f, NOW).leased, given - released);
        fixture_check(f);
        print_message("%u leases until the disk was full, %u of them ended on it\n", given, released);
}

static int teardown_full_disk(void **state)
{
        struct fixture *f = *state;
        char command[512];

        f->store = store_free(f->store);
        snprintf(command, sizeof(command), "umount %s 2>/dev/null", f->folder);
        if (geteuid() == 0 && system(command) != 0) // NOLINT(cert-env33-c)
                print_message("umount %s failed\n", f->folder);
        return fixture_teardown(state);
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
                T(test_another_programs_database),
                T(test_newer_schema),
                T(test_older_schema),
                T(test_truncated),
                T(test_scribbled),
                T(test_log_without_content),
                cmocka_unit_test_setup_teardown(test_full_disk, fixture_setup_folder, teardown_full_disk),
                T(test_lock),
                T(test_lock_is_no_link),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
