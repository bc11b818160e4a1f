// SPDX-License-Identifier: Apache-2.0
/*
 * Killed at random moments, and used from two threads at once: no address twice, nothing half done, nothing lost that
 * was acknowledged. VPCWIRE_SEED repeats a run (as far as the scheduler lets it).
 */
#include "test.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store_fixture.h"

enum { ADDRESSES = 40, KILLS = 60, THREAD_ROUNDS = 400 };

static unsigned seed;

/* What a child was reported, kept where its death does not reach: 1 once the store said so. */
struct acknowledged {
        volatile int leased[ADDRESSES];
        volatile unsigned operations;
};

/* ---- killed ---- */

static void child(struct fixture *f, struct acknowledged *known, unsigned random)
{
        struct store *store;
        struct arena *arena = arena_new();

        if (store_prepare(&f->options, NULL, &f->err) < 0 || store_open(&f->options, &store, &f->err) < 0) {
                fprintf(stderr, "%s\n", f->err.msg);
                _exit(1);
        }
        for (;;) {
                unsigned i = (random = random * 1103515245U + 12345U) >> 16 & 31;
                struct lease wanted, got;
                char id[16];
                int r;

                snprintf(id, sizeof(id), "c%u", i);
                wanted = fixture_wanted(id);
                if (known->leased[i]) {
                        struct ip ip;
                        bool released;

                        known->leased[i] = 2; /* asked to end: either is right from here on */
                        r = store_lease_release(store, &wanted.key, LEASE_END_DEL, NOW, &released, &ip,
                                                &f->err);
                        known->leased[i] = r == 0 ? 0 : 2;
                } else {
                        enum lease_result result = LEASE_NONE_FREE;

                        r = store_lease_add(store, &wanted, NOW, arena, &result, &got, &f->err);
                        known->leased[i] = r == 0 && result != LEASE_NONE_FREE;
                }
                if (r < 0) {
                        fprintf(stderr, "%s\n", f->err.msg);
                        _exit(1);
                }
                known->operations++;
        }
}

static bool has_lease(struct fixture *f, unsigned i)
{
        char id[16];
        struct lease_key key = {"net", id, "eth0"};
        struct lease lease;

        snprintf(id, sizeof(id), "c%u", i);
        return store_lease_get(f->store, &key, f->arena, &lease, &f->err) == 0;
}

/* Acknowledged leases are there; what was under way when it died may be. The child's book follows the store. */
static void compare(struct fixture *f, struct acknowledged *known)
{
        for (unsigned i = 0; i < 32; i++) {
                bool there = has_lease(f, i);

                if (known->leased[i] == 1 && !there)
                        fail_msg("the acknowledged lease of c%u is gone", i);
                known->leased[i] = there;
        }
}

static void wait_for_work(const struct acknowledged *known, unsigned before)
{
        const struct timespec moment = {.tv_nsec = 200 * 1000};
        time_t deadline = time(NULL) + TEST_PATIENCE_MS / 1000;

        while (known->operations == before && time(NULL) < deadline)
                nanosleep(&moment, NULL);
        assert_int_not_equal(known->operations, before);
}

static void test_killed(void **state)
{
        struct acknowledged *known =
                mmap(NULL, sizeof(*known), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        struct fixture *f = *state;
        unsigned random = seed, died_at_work = 0;

        assert_ptr_not_equal(known, MAP_FAILED);
        f->options.cooldown_ms = 0;
        fixture_restart(f, "a");
        fixture_ready_eni(f, 0, ADDRESSES / 2);
        fixture_ready_eni(f, 1, ADDRESSES / 2);
        f->store = store_free(f->store);
        for (unsigned k = 0; k < KILLS; k++) {
                struct timespec life = {0};
                unsigned before = known->operations;
                int status;
                pid_t pid;

                fixture_sql(f, "UPDATE enis SET state = 'ready'"); /* the reconciler's part */
                pid = fork();
                if (pid == 0)
                        child(f, known, random + k);
                random = random * 1103515245U + 12345U;
                if (k % 4) /* every fourth dies while it starts */
                        wait_for_work(known, before);
                life.tv_nsec = (random >> 8) % (8 * 1000 * 1000);
                nanosleep(&life, NULL); /* the moment of death is the input here, nothing is waited for */
                kill(pid, SIGKILL);
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_true(WIFSIGNALED(status));
                died_at_work += known->operations > before;
                fixture_restart(f, "a");
                compare(f, known);
                f->store = store_free(f->store);
                fixture_check(f);
        }
        print_message("%d kills, %u of them at work, %u operations\n", KILLS, died_at_work,
                      known->operations);
        assert_in_range(died_at_work, KILLS / 2, KILLS);
        munmap(known, sizeof(*known));
}

/* ---- two threads ---- */

struct worker {
        struct fixture *f;
        char name;
        unsigned given, none;
        struct err err;
        bool failed;
};

static void *work(void *data)
{
        struct worker *w = data;
        struct arena *arena = arena_new();
        struct store *store = NULL;

        w->failed = store_open(&w->f->options, &store, &w->err) < 0;
        for (unsigned i = 0; i < THREAD_ROUNDS && !w->failed; i++) {
                enum lease_result result = LEASE_NONE_FREE;
                struct lease wanted, got;
                char id[16];

                snprintf(id, sizeof(id), "%c%u", w->name, i % 20);
                wanted = fixture_wanted(id);
                w->failed = store_lease_add(store, &wanted, NOW + i, arena, &result, &got, &w->err) < 0;
                w->given += result == LEASE_GIVEN;
                w->none += result == LEASE_NONE_FREE;
                if (!w->failed && i % 3 == 2) {
                        bool released;
                        struct ip ip;

                        w->failed = store_lease_release(store, &wanted.key, LEASE_END_DEL, NOW + i, &released,
                                                        &ip, &w->err) < 0;
                }
        }
        store_free(store);
        arena_free(arena);
        return NULL;
}

/* Meanwhile the reconciler's thread takes addresses away and gives them back. */
static void *take(void *data)
{
        struct worker *w = data;
        struct arena *arena = arena_new();
        struct store *store = NULL;

        w->failed = store_open(&w->f->options, &store, &w->err) < 0;
        for (unsigned i = 0; i < THREAD_ROUNDS && !w->failed; i++) {
                struct prefix *taken;
                size_t n = 0;

                w->failed = store_blocks_take(store, 1, 5, NOW + i, arena, &taken, &n, &w->err) < 0 ||
                            store_blocks_restore(store, 1, taken, n, &w->err) < 0;
                w->given += (unsigned)n;
        }
        store_free(store);
        arena_free(arena);
        return NULL;
}

static void test_two_threads(void **state)
{
        struct fixture *f = *state;
        struct worker workers[3] = {{.f = f, .name = 'a'}, {.f = f, .name = 'b'}, {.f = f, .name = 't'}};
        pthread_t threads[3];
        unsigned leased;

        f->options.cooldown_ms = 0;
        f->options.busy_timeout_ms =
                TEST_PATIENCE_MS; /* threads that do nothing else starve one another on a busy machine */
        fixture_restart(f, "a");
        fixture_ready_eni(f, 0, 30);
        for (int i = 0; i < 3; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, i == 2 ? take : work, &workers[i]), 0);
        for (int i = 0; i < 3; i++) {
                pthread_join(threads[i], NULL);
                if (workers[i].failed)
                        fail_msg("thread %c: %s", workers[i].name, workers[i].err.msg);
        }
        leased = fixture_counts(f, NOW * 2).leased;
        assert_in_range(leased, 1, 30);
        assert_int_equal(fixture_counts(f, NOW * 2).total, 30);
        assert_true(workers[0].given > 20 && workers[1].given > 20);
        fixture_check(f);
}

/* Two connections count the same thing: no update of either is lost. */
static void *count(void *data)
{
        struct worker *w = data;
        struct store *store = NULL;

        w->failed = store_open(&w->f->options, &store, &w->err) < 0;
        for (unsigned i = 0; i < THREAD_ROUNDS && !w->failed; i++)
                w->failed = store_event_add(store, EVENT_HANDOVER, (char[]){w->name, '\0'}, "", &w->err) < 0;
        store_free(store);
        return NULL;
}

static void test_no_lost_update(void **state)
{
        struct fixture *f = *state;
        struct worker workers[2] = {{.f = f, .name = 'a'}, {.f = f, .name = 'b'}};
        struct store_event *events;
        pthread_t threads[2];
        int64_t before;
        size_t n;

        f->options.busy_timeout_ms = TEST_PATIENCE_MS;
        assert_ok(store_event_last_id(f->store, &before, &f->err), &f->err);
        for (int i = 0; i < 2; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, count, &workers[i]), 0);
        for (int i = 0; i < 2; i++) {
                pthread_join(threads[i], NULL);
                if (workers[i].failed)
                        fail_msg("%s", workers[i].err.msg);
        }
        assert_ok(store_events(f->store, before, SIZE_MAX, f->arena, &events, &n, &f->err), &f->err);
        assert_int_equal(n, 2 * THREAD_ROUNDS);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_killed, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_two_threads, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_no_lost_update, fixture_setup, fixture_teardown),
        };
        const char *given = getenv("VPCWIRE_SEED");

        seed = given ? (unsigned)strtoul(given, NULL, 0) : (unsigned)time(NULL);
        print_message("VPCWIRE_SEED=%u\n", seed);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
