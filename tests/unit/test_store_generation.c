// SPDX-License-Identifier: Apache-2.0
/* The word that tells whether the database is the one that was in use last, within one boot: generation.h. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vpcwire/clock.h>
#include <vpcwire/file.h>

#include "store_fixture.h"

enum { ADDRESSES = 4 };

struct copies {
        struct fixture *f;
        char generation[160], copy[160];
        int64_t key;
};

static struct store_prepared prepare(struct copies *c)
{
        struct store_prepared prepared;

        c->f->store = store_free(c->f->store);
        assert_ok(store_prepare(&c->f->options, &prepared, &c->f->err), &c->f->err);
        if (prepared.lock_fd >= 0)
                close(prepared.lock_fd);
        assert_ok(store_open(&c->f->options, &c->f->store, &c->f->err), &c->f->err);
        return prepared;
}

static void copy_file(const char *from, const char *to)
{
        char *bytes;
        size_t n;
        struct err err;

        assert_ok(file_read(from, 1 << 24, &bytes, &n, &err), &err);
        assert_ok(file_replace(to, bytes, n, 0600, &err), &err);
        free(bytes);
}

/* A file without a log: closing the last connection empties it. */
static void copy_database(struct copies *c)
{
        c->f->store = store_free(c->f->store);
        copy_file(c->f->path, c->copy);
        assert_ok(store_open(&c->f->options, &c->f->store, &c->f->err), &c->f->err);
}

static void put_back(struct copies *c)
{
        c->f->store = store_free(c->f->store);
        copy_file(c->copy, c->f->path);
}

static int setup(void **state)
{
        struct copies *c = XNEW(struct copies);

        fixture_setup_folder((void **)&c->f);
        snprintf(c->generation, sizeof(c->generation), "%s/ipamd.sock.generation", c->f->folder);
        snprintf(c->copy, sizeof(c->copy), "%s/copy.db", c->f->folder);
        c->f->options.generation_path = c->generation;
        assert_false(prepare(c).outdated);
        fixture_ready_eni(c->f, 0, 0);
        c->key = fixture_ready_eni(c->f, 1, ADDRESSES);
        *state = c;
        return 0;
}

static int teardown(void **state)
{
        struct copies *c = *state;
        void *f = c->f;

        fixture_teardown(&f);
        free(c);
        return 0;
}

/* At the present time of this boot: a start bounds what is older or newer. */
static void give_back_at(struct copies *c, unsigned max, int64_t now_ms)
{
        struct prefix *taken;
        size_t n;

        assert_ok(store_blocks_take(c->f->store, c->key, max, now_ms, c->f->arena, &taken, &n, &c->f->err),
                  &c->f->err);
        assert_int_equal(n, max);
        assert_ok(store_blocks_gone(c->f->store, c->key, taken, n, now_ms, &c->f->err), &c->f->err);
}

static void give_back_all(struct copies *c)
{
        struct prefix *taken;
        size_t n;

        assert_ok(
                store_blocks_take(c->f->store, c->key, UINT32_MAX, NOW, c->f->arena, &taken, &n, &c->f->err),
                &c->f->err);
        assert_ok(store_blocks_gone(c->f->store, c->key, taken, n, clock_boottime_ms(), &c->f->err),
                  &c->f->err);
}

static void give_back(struct copies *c, unsigned max)
{
        give_back_at(c, max, clock_boottime_ms());
}

static void assert_resynced(struct copies *c, bool looked)
{
        const char *fact;

        assert_ok(store_fact_get(c->f->store, STORE_FACT_RESYNCED, c->f->arena, &fact, &c->f->err),
                  &c->f->err);
        assert_int_equal(fact != NULL, looked);
}

static void look(struct copies *c)
{
        assert_ok(store_fact_set(c->f->store, STORE_FACT_RESYNCED, "yes", &c->f->err), &c->f->err);
}

/* ---- the same database ---- */

static void test_the_same_database_is_believed(void **state)
{
        struct copies *c = *state;

        look(c);
        for (unsigned i = 0; i < ADDRESSES; i++) {
                assert_false(prepare(c).outdated);
                assert_resynced(c, true);
                assert_int_equal(fixture_counts(c->f, NOW).preparing, 0);
                fixture_check(c->f);
                give_back(c, 1);
        }
        assert_false(prepare(c).outdated);
}

/* Two threads have a connection each; what one writes the other must not call a change back. */
static void test_two_connections(void **state)
{
        struct copies *c = *state;
        struct store *other;
        struct err err;

        give_back(c, 1);
        assert_ok(store_open(&c->f->options, &other, &err), &err);
        for (unsigned i = 0; i < ADDRESSES - 1; i++) {
                give_back(c, 1);
                assert_ok(store_event_add(other, EVENT_HANDOVER, "", "", &err), &err);
        }
        store_free(other);
        assert_false(prepare(c).outdated);
}

/* Whatever changes the word changes the file: a resync that misses an ENI, and one that settles what was given back. */
static void test_what_resyncs_change(void **state)
{
        struct copies *c = *state;
        struct store_given_back *rows;
        size_t n;

        assert_ok(store_eni_doubt(c->f->store, c->key, &c->f->err), &c->f->err);
        assert_false(prepare(c).outdated);
        c->key = fixture_ready_eni(c->f, 2, ADDRESSES);
        give_back(c, 1);
        assert_ok(store_given_back(c->f->store, c->f->arena, &rows, &n, &c->f->err), &c->f->err);
        assert_int_equal(n, 1);
        assert_ok(store_given_back_settled(c->f->store, &rows[0], &c->f->err), &c->f->err);
        assert_false(prepare(c).outdated);
}

static void test_a_gain_is_no_loss(void **state)
{
        struct copies *c = *state;
        struct stat st;

        assert_int_equal(stat(c->generation, &st), -1);
        assert_int_equal(errno, ENOENT);
        fixture_lease(c->f, "c1", NOW);
        assert_int_equal(stat(c->generation, &st), -1);
        give_back(c, 1);
        assert_int_equal(stat(c->generation, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
}

/* ---- another one ---- */

static void assert_outdated(struct copies *c)
{
        assert_true(prepare(c).outdated);
        assert_resynced(c, false);
        assert_int_equal(fixture_counts(c->f, NOW).free, 0);
        fixture_check(c->f);
        look(c);
        assert_false(prepare(c).outdated);
        assert_resynced(c, true);
}

static void test_an_older_copy(void **state)
{
        struct copies *c = *state;

        look(c);
        copy_database(c);
        give_back(c, 1);
        put_back(c);
        assert_outdated(c);
}

/* Any way in which the pool shrinks counts, not only our own giving back. */
static void test_an_older_copy_from_before_a_resync_that_did_not_show_an_address(void **state)
{
        struct copies *c = *state;
        struct eni eni = fixture_eni(1);
        struct ip shown[ADDRESSES];
        bool changed;

        for (unsigned i = 0; i < ADDRESSES; i++)
                shown[i] = fixture_ip(1, i + 1);
        for (size_t n_doubted = 2; n_doubted-- > 0;) {
                copy_database(c);
                assert_ok(store_eni_observed(c->f->store, &eni,
                                             fixture_hosts(c->f->arena, shown, ADDRESSES - 1 + n_doubted),
                                             ADDRESSES - 1 + n_doubted, n_doubted, NOW, &changed, &c->f->err),
                          &c->f->err);
                put_back(c);
                assert_outdated(c);
        }
}

static void test_another_path_and_back(void **state)
{
        struct copies *c = *state;
        char other[160];

        give_back(c, 1);
        snprintf(other, sizeof(other), "%s/other.db", c->f->folder);
        c->f->options.path = other;
        assert_true(prepare(c).outdated);
        fixture_ready_eni(c->f, 0, 0);
        c->key = fixture_ready_eni(c->f, 1, ADDRESSES);
        give_back(c, 1);
        c->f->options.path = c->f->path;
        assert_outdated(c);
}

static void test_the_file_is_gone(void **state)
{
        struct copies *c = *state;

        give_back(c, 1);
        assert_int_equal(unlink(c->generation), 0);
        assert_outdated(c);
}

/* Then nothing is new: all is doubted, and the folder of the socket was emptied. */
static void test_the_file_is_gone_with_the_boot(void **state)
{
        struct copies *c = *state;

        give_back(c, 1);
        assert_int_equal(unlink(c->generation), 0);
        c->f->options.boot_id = "b";
        assert_false(prepare(c).outdated);
        assert_int_equal(fixture_counts(c->f, NOW).free, 0);
        look(c);
        assert_false(prepare(c).outdated);
        assert_resynced(c, true);
}

static void test_a_file_that_cannot_be_parsed(void **state)
{
        static const char *const texts[] = {"",
                                            "{",
                                            "null",
                                            "{\"generation\":\"\"}",
                                            "{\"generation\":7}",
                                            "{\"generation\":\"x\",\"given_back\":[{}]}"};
        struct copies *c = *state;

        give_back(c, 1);
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                struct store_given_back *rows;
                size_t n;

                assert_ok(file_replace(c->generation, texts[i], strlen(texts[i]), 0600, &c->f->err),
                          &c->f->err);
                assert_outdated(c);
                assert_ok(store_given_back(c->f->store, c->f->arena, &rows, &n, &c->f->err), &c->f->err);
                assert_int_equal(n, 1); /* the database's own */
        }
}

/* A start does not wait for whoever would write into it. */
static void test_a_file_that_is_none(void **state)
{
        struct copies *c = *state;

        give_back(c, 1);
        assert_int_equal(unlink(c->generation), 0);
        assert_int_equal(mkfifo(c->generation, 0600), 0);
        assert_outdated(c);
        assert_int_equal(unlink(c->generation), 0);
        assert_int_equal(symlink(c->copy, c->generation), 0);
        assert_outdated(c);
}

/* ---- the list in the file ---- */

/* A late Describe shows it still: it must not be known then, or it is believed. */
static void test_what_was_given_back_is_remembered_beside_an_older_copy(void **state)
{
        struct copies *c = *state;
        struct store_given_back *rows;
        struct lease lease = fixture_lease(c->f, "c1", NOW);
        struct prefix given_back[ADDRESSES];
        size_t n, n_given_back = 0;

        copy_database(c);
        give_back(c, 2);
        assert_ok(store_given_back(c->f->store, c->f->arena, &rows, &n, &c->f->err), &c->f->err);
        assert_int_equal(n, 2);
        for (size_t i = 0; i < n; i++)
                given_back[n_given_back++] = rows[i].block;
        put_back(c);
        assert_outdated(c);
        assert_ok(store_given_back(c->f->store, c->f->arena, &rows, &n, &c->f->err), &c->f->err);
        assert_int_equal(n, 2);
        for (size_t i = 0; i < n_given_back; i++)
                assert_string_equal(fixture_address_state(c->f, given_back[i].ip, NOW), "");
        assert_string_equal(fixture_address_state(c->f, lease.address, NOW), "leased");
        assert_int_equal(fixture_counts(c->f, NOW).total, ADDRESSES - 2);
}

/* Then EC2 had it for sure when it shows it; and somebody else may have been here meanwhile. */
static void test_what_was_given_back_long_ago_is_as_ec2_shows_it(void **state)
{
        struct copies *c = *state;
        struct store_given_back *rows;
        size_t n;

        copy_database(c);
        give_back_at(c, 1, clock_boottime_ms() - STORE_LATE_MS);
        put_back(c);
        assert_outdated(c);
        assert_ok(store_given_back(c->f->store, c->f->arena, &rows, &n, &c->f->err), &c->f->err);
        assert_int_equal(n, 0);
}

/* What EC2 gave anew since is not "given back" in the file any more, though it is in the copy. */
static void test_what_was_given_anew_is_not_given_back(void **state)
{
        struct copies *c = *state;
        struct store_given_back *rows;
        unsigned added;
        size_t n;

        give_back(c, 1);
        assert_ok(store_given_back(c->f->store, c->f->arena, &rows, &n, &c->f->err), &c->f->err);
        copy_database(c);
        assert_ok(store_blocks_add(c->f->store, c->key, &rows[0].block, 1, &added, &c->f->err), &c->f->err);
        put_back(c);
        assert_outdated(c);
        assert_ok(store_given_back(c->f->store, c->f->arena, &rows, &n, &c->f->err), &c->f->err);
        assert_int_equal(n, 0);
}

/* Its size is in the file, too; what is one address is written as daemons before blocks wrote it. */
static void test_a_larger_block_that_was_given_back(void **state)
{
        const struct prefix larger = {fixture_ip(1, 63), 28};
        struct copies *c = *state;
        struct store_given_back *rows;
        unsigned n_changed;
        size_t n;

        assert_ok(store_blocks_add(c->f->store, c->key, &larger, 1, &n_changed, &c->f->err), &c->f->err);
        assert_ok(store_blocks_routed(c->f->store, c->key, &larger, 1, &n_changed, &c->f->err), &c->f->err);
        copy_database(c);
        assert_int_equal(fixture_counts(c->f, NOW).free, ADDRESSES + 16);
        give_back_all(c);
        put_back(c);
        assert_outdated(c);
        assert_ok(store_given_back(c->f->store, c->f->arena, &rows, &n, &c->f->err), &c->f->err);
        assert_int_equal(n, ADDRESSES + 1);
        for (size_t i = 0; i < n; i++)
                assert_int_equal(rows[i].block.bits, ip_equal(rows[i].block.ip, larger.ip) ? 28 : 32);
        assert_int_equal(fixture_counts(c->f, NOW).total, 0);
}

static void test_an_eni_that_was_deleted(void **state)
{
        static const enum eni_state steps[] = {ENI_DRAINING, ENI_DETACHING, ENI_DELETING};
        struct copies *c = *state;
        struct store_given_back *rows;
        bool done;
        size_t n;

        copy_database(c);
        for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
                assert_ok(store_eni_set_state(c->f->store, c->key, steps[i], "", NOW, &done, &c->f->err),
                          &c->f->err);
                assert_true(done);
        }
        assert_ok(store_eni_deleted(c->f->store, c->key, clock_boottime_ms(), &c->f->err), &c->f->err);
        put_back(c);
        assert_outdated(c);
        assert_ok(store_given_back(c->f->store, c->f->arena, &rows, &n, &c->f->err), &c->f->err);
        assert_int_equal(n, 1);
        assert_false(ip_is_set(rows[0].block.ip));
}

/* ---- failures ---- */

/* A full disk, and the like: a file that is gone tells the next start as much. */
static void test_a_file_that_cannot_be_written_is_removed(void **state)
{
        struct copies *c = *state;
        char folder[128];

        snprintf(folder, sizeof(folder), "%s/gone", c->f->folder);
        snprintf(c->generation, sizeof(c->generation), "%s/ipamd.sock.generation", folder);
        give_back(c, 1);
        assert_int_equal(mkdir(folder, 0700), 0);
        assert_outdated(c);
}

/* What cannot be told to the next start does not happen. */
static void test_a_file_that_cannot_be_written(void **state)
{
        struct copies *c = *state;
        struct store_counts before = fixture_counts(c->f, NOW);
        struct prefix *taken;
        size_t n;

        assert_int_equal(mkdir(c->generation, 0700), 0);
        assert_fails(store_blocks_take(c->f->store, c->key, 1, NOW, c->f->arena, &taken, &n, &c->f->err),
                     ERR_SYSTEM);
        assert_contains(c->f->err.msg, c->generation);
        assert_int_equal(fixture_counts(c->f, NOW).free, before.free);
        assert_int_equal(rmdir(c->generation), 0);
        give_back(c, 1);
        assert_false(prepare(c).outdated);
}

/* Killed between the file and the commit: the file is ahead, and a resync is asked for. */
static void test_a_commit_that_did_not_happen(void **state)
{
        struct copies *c = *state;

        give_back(c, 1);
        copy_database(c); /* as the database would be */
        give_back(c, 1);  /* the file is ahead of it */
        put_back(c);
        assert_outdated(c);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
                TEST(test_the_same_database_is_believed),
                TEST(test_two_connections),
                TEST(test_what_resyncs_change),
                TEST(test_a_gain_is_no_loss),
                TEST(test_an_older_copy),
                TEST(test_an_older_copy_from_before_a_resync_that_did_not_show_an_address),
                TEST(test_another_path_and_back),
                TEST(test_the_file_is_gone),
                TEST(test_the_file_is_gone_with_the_boot),
                TEST(test_a_file_that_cannot_be_parsed),
                TEST(test_a_file_that_is_none),
                TEST(test_what_was_given_back_is_remembered_beside_an_older_copy),
                TEST(test_what_was_given_back_long_ago_is_as_ec2_shows_it),
                TEST(test_what_was_given_anew_is_not_given_back),
                TEST(test_a_larger_block_that_was_given_back),
                TEST(test_an_eni_that_was_deleted),
                TEST(test_a_file_that_cannot_be_written_is_removed),
                TEST(test_a_file_that_cannot_be_written),
                TEST(test_a_commit_that_did_not_happen),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
