// SPDX-License-Identifier: Apache-2.0
/* Probe: the loop asks once for all who wait, hands out what the other thread wrote down, and never waits itself. */
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

#include <vpcwire/clock.h>

#include "rpc_fixture.h"

static void on_probe(void *data)
{
        struct fixture *fixture = data;

        atomic_fetch_add(&fixture->wakes, 1);
}

static int setup(void **state)
{
        struct fixture *fixture = fixture_new(60000);

        fixture->options.probe = on_probe;
        fixture->options.probe_data = fixture;
        fixture_start(fixture);
        *state = fixture;
        return 0;
}

static bool was_asked(struct fixture *fixture)
{
        return atomic_load(&fixture->wakes) > 0;
}

/* As the reconciler writes it. */
static void write_answer(struct fixture *fixture, const char *action, int64_t ready_ms)
{
        _cleanup_free_ char *text = xasprintf(
                "{\"at_ms\":5,\"imds\":{\"reachable\":true,\"hops\":1},\"credentials\":{\"good\":true,"
                "\"failing\":false,\"expires_ms\":0,\"clock_ahead_ms\":0,\"clock_behind\":false},"
                "\"permissions\":[{\"action\":\"%s\",\"result\":\"allowed\"}],\"" STORE_PROBE_AT "\":%lld}",
                action, (long long)ready_ms);
        struct err err;

        assert_ok(store_fact_set(fixture->store, STORE_FACT_PROBE, text, &err), &err);
}

struct asker {
        struct fixture *fixture;
        pthread_t thread;
        struct ipam_client *client;
        struct ipam_probe_reply reply;
        struct err err;
        int result;
};

static void *run_asker(void *data)
{
        struct asker *asker = data;

        asker->result = ipam_probe(asker->client, &asker->reply, &asker->err);
        return NULL;
}

static void asker_start(struct asker *asker, struct fixture *fixture)
{
        *asker = (struct asker){.fixture = fixture, .client = fixture_connect(fixture)};
        assert_int_equal(pthread_create(&asker->thread, NULL, run_asker, asker), 0);
}

static void asker_must_get(struct asker *asker, const char *action)
{
        pthread_join(asker->thread, NULL);
        assert_ok(asker->result, &asker->err);
        assert_int_equal(asker->reply.n_permissions, 1);
        assert_string_equal(asker->reply.permissions[0].action, action);
        assert_int_equal(asker->reply.permissions[0].result, IPAM_PERMISSION_RESULT_ALLOWED);
        assert_true(asker->reply.imds.reachable && asker->reply.imds.hops == 1 && asker->reply.at_ms == 5);
        ipam_client_free(asker->client);
}

static void test_who_waits_gets_the_answer(void **state)
{
        struct fixture *fixture = *state;
        struct asker askers[2];

        write_answer(fixture, "of an earlier life", 1);
        asker_start(&askers[0], fixture);
        fixture_wait(fixture, was_asked, "the reconciler to be asked");
        fixture_pool_changed(fixture); /* something else changed */
        write_answer(fixture, "fresh", clock_boottime_ms());
        fixture_pool_changed(fixture);
        asker_must_get(&askers[0], "fresh");
        asker_start(&askers[1], fixture); /* within a minute: the same */
        asker_must_get(&askers[1], "fresh");
        assert_int_equal(atomic_load(&fixture->wakes), 1);
}

static void test_an_old_answer_is_asked_for_anew(void **state)
{
        struct fixture *fixture = *state;
        struct asker asker;

        write_answer(fixture, "old", clock_boottime_ms() - RPC_PROBE_PERIOD_MS - 1000);
        asker_start(&asker, fixture);
        fixture_wait(fixture, was_asked, "the reconciler to be asked");
        write_answer(fixture, "new", clock_boottime_ms());
        fixture_pool_changed(fixture);
        asker_must_get(&asker, "new");
}

static void test_who_waits_is_reported_of_the_end(void **state _unused_)
{
        void *fixture;
        struct asker asker;

        setup(&fixture);
        asker_start(&asker, fixture);
        fixture_wait(fixture, was_asked, "the reconciler to be asked");
        fixture_teardown(&fixture);
        pthread_join(asker.thread, NULL);
        assert_int_equal(asker.result, -ERR_AGAIN);
        assert_contains(asker.err.msg, "stopping");
        ipam_client_free(asker.client);
}

static void test_who_waits_may_go(void **state)
{
        struct fixture *fixture = *state;
        static const char call[] = "{\"method\":\"io.vpcwire.ipam.Probe\"}";
        int fd = raw_connect(fixture->socket_path);
        struct asker asker;

        raw_send(fd, call, sizeof(call));
        fixture_wait(fixture, was_asked, "the reconciler to be asked");
        close(fd);
        asker_start(&asker, fixture);
        write_answer(fixture, "fresh", clock_boottime_ms());
        fixture_pool_changed(fixture);
        asker_must_get(&asker, "fresh");
}

static void test_garbage_in_the_database_is_no_answer(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_(ipam_client_freep) struct ipam_client *client = fixture_connect(fixture);
        struct ipam_probe_reply reply;
        struct err err;

        assert_ok(store_fact_set(fixture->store, STORE_FACT_PROBE, "no json", &err), &err);
        assert_int_equal(ipam_probe(client, &reply, &err), -ERR_INTERNAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_who_waits_gets_the_answer, setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_an_old_answer_is_asked_for_anew, setup,
                                                fixture_teardown),
                cmocka_unit_test(test_who_waits_is_reported_of_the_end),
                cmocka_unit_test_setup_teardown(test_who_waits_may_go, setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_garbage_in_the_database_is_no_answer, setup,
                                                fixture_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
