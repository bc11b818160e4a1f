// SPDX-License-Identifier: Apache-2.0
/* ADDs that wait: answered in order when addresses come, refused with the reason when they do not. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <vpcwire/clock.h>

#include "rpc_fixture.h"

enum { LONG_MS = TEST_PATIENCE_MS };

static int setup(void **state)
{
        *state = fixture_new(60000);
        fixture_start(*state);
        return 0;
}

static void add_must_get(struct async_add *add, const char *address)
{
        async_add_join(add);
        assert_ok(add->result, &add->err);
        assert_string_equal(IP_TEXT(add->address), address);
}

/* A full pool is no failure of the daemon: it is ready, and has no room, whether or not somebody waits. */
static void test_a_full_pool_is_ready(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_(ipam_client_freep) struct ipam_client *client = fixture_connect(fixture);
        const struct condition blocked = {CONDITION_GROW,      "", CAUSE_ENI_LIMIT,
                                          "all ENIs are full", 1,  clock_boottime_ms() + 60000};
        struct ipam_add_request request = fixture_request(fixture, 1, LONG_MS);
        struct ipam_status_reply status;
        struct ipam_add_reply first;
        struct async_add add;
        struct err err;

        fixture_set_addresses(fixture, 1);
        assert_ok(ipam_add(client, &request, &first, &err), &err);
        async_add_start(&add, fixture, 2, LONG_MS);
        fixture_wait_waiting(fixture, 1);
        assert_ok(ipam_status(client, &status, &err), &err);
        assert_true(status.ready && !status.reason && status.pool.waiting == 1);
        assert_contains(status.waiting_reason, "no free address");
        assert_int_equal(status.room, IPAM_ROOM_STATE_SOON); /* the pool may grow */

        assert_ok(store_condition_set(fixture->store, &blocked, &err), &err);
        assert_ok(ipam_status(client, &status, &err), &err);
        assert_true(status.ready && status.room == IPAM_ROOM_STATE_NONE);
        assert_int_equal(status.room_cause, IPAM_CONDITION_CAUSE_ENI_LIMIT);
        assert_contains(status.room_summary, "none, 1 in use; all ENIs are full");
        assert_contains(status.waiting_reason, "all ENIs are full");
        assert_contains(status.room_remedy, "a larger instance type");

        fixture_set_addresses(fixture, 2);
        fixture_pool_changed(fixture);
        add_must_get(&add, "10.0.1.2");
        assert_ok(ipam_status(client, &status, &err), &err);
        assert_true(status.ready && !status.waiting_reason); /* full, and nobody waits */
        assert_int_equal(status.room, IPAM_ROOM_STATE_NONE);
}

/* Who waits is listed in the order of arrival, on the wall clock, until it is served. */
static void test_those_that_wait_are_listed(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_(ipam_client_freep) struct ipam_client *client = fixture_connect(fixture);
        int64_t before_ms = clock_wall_ms();
        struct ipam_list_reply list;
        struct async_add adds[2];
        struct err err;

        for (unsigned i = 0; i < ARRAY_SIZE(adds); i++) {
                async_add_start(&adds[i], fixture, i + 1, LONG_MS);
                fixture_wait_waiting(fixture, i + 1);
        }
        assert_ok(ipam_list(client, &list, &err), &err);
        assert_int_equal(list.n_waiting, ARRAY_SIZE(adds));
        for (unsigned i = 0; i < ARRAY_SIZE(adds); i++) {
                struct ipam_add_request request = fixture_request(fixture, i + 1, LONG_MS);

                assert_string_equal(list.waiting[i].container_id, request.container_id);
                assert_in_range(list.waiting[i].since_ms, before_ms - 1, clock_wall_ms() + 1);
                assert_int_equal(list.waiting[i].deadline_ms - list.waiting[i].since_ms, LONG_MS);
        }
        fixture_set_addresses(fixture, 2);
        fixture_pool_changed(fixture);
        add_must_get(&adds[0], "10.0.1.1");
        add_must_get(&adds[1], "10.0.1.2");
        assert_ok(ipam_list(client, &list, &err), &err);
        assert_int_equal(list.n_waiting, 0);
}

static bool was_woken(struct fixture *fixture)
{
        return atomic_load(&fixture->wakes) == 1;
}

static void test_answered_when_an_address_comes(void **state)
{
        struct fixture *fixture = *state;
        struct async_add add;

        async_add_start(&add, fixture, 1, LONG_MS);
        fixture_wait_waiting(fixture, 1);
        fixture_wait(fixture, was_woken, "the planner to be woken");
        fixture_set_addresses(fixture, 1);
        fixture_pool_changed(fixture);
        add_must_get(&add, "10.0.1.1");
        fixture_wait_waiting(fixture, 0);
}

static void test_order_is_kept(void **state)
{
        struct fixture *fixture = *state;
        struct async_add adds[6];
        char expect[32];

        for (unsigned i = 0; i < ARRAY_SIZE(adds); i++) {
                async_add_start(&adds[i], fixture, i + 1, LONG_MS);
                fixture_wait_waiting(fixture, i + 1);
        }
        for (unsigned i = 0; i < ARRAY_SIZE(adds); i += 2) {
                fixture_set_addresses(fixture, i + 2);
                fixture_pool_changed(fixture);
                for (unsigned k = i; k < i + 2; k++) {
                        snprintf(expect, sizeof(expect), "10.0.1.%u", k + 1);
                        add_must_get(&adds[k], expect);
                }
                fixture_wait_waiting(fixture, (unsigned)ARRAY_SIZE(adds) - i - 2);
        }
}

static void test_a_newcomer_does_not_overtake(void **state)
{
        struct fixture *fixture = *state;
        struct async_add first, second;

        async_add_start(&first, fixture, 1, LONG_MS);
        fixture_wait_waiting(fixture, 1);
        fixture_set_addresses(fixture, 1); /* nobody tells the server */
        async_add_start(&second, fixture, 2, LONG_MS);
        add_must_get(&first, "10.0.1.1");
        fixture_wait_waiting(fixture, 1);
        fixture_set_addresses(fixture, 2);
        fixture_pool_changed(fixture);
        add_must_get(&second, "10.0.1.2");
}

static void test_deadline_gives_the_reason(void **state)
{
        struct fixture *fixture = *state;
        struct async_add add, other;
        struct ipam_status_reply status;
        struct ipam_client *client = fixture_connect(fixture);
        struct err err;

        async_add_start(&add, fixture, 1, 150);
        async_add_join(&add);
        assert_int_equal(add.result, -ERR_AGAIN);
        assert_int_equal(add.error.id, IPAM_ERROR_NO_ADDRESS);
        assert_string_equal(add.error.reason, "the node's network is not set up yet");
        assert_string_equal(add.err.msg, add.error.reason);
        assert_in_range(add.took_ms, 150, 15000);
        assert_ok(ipam_status(client, &status, &err), &err);
        assert_false(status.ready);
        assert_contains(status.reason, "not set up");

        fixture_set_addresses(fixture, 1);
        async_add_start(&add, fixture, 1, LONG_MS);
        add_must_get(&add, "10.0.1.1");
        async_add_start(&other, fixture, 2, 150);
        fixture_wait_waiting(fixture, 1);
        assert_ok(ipam_status(client, &status, &err), &err);
        assert_true(status.ready && status.pool.waiting == 1 && status.waiting_reason);
        async_add_join(&other);
        assert_string_equal(other.error.reason, "no free address: 1 in use");
        fixture_wait_waiting(fixture, 0);
        assert_ok(ipam_status(client, &status, &err), &err);
        assert_true(status.ready);
        ipam_client_free(client);
}

static void test_disconnect_ends_the_wait(void **state)
{
        struct fixture *fixture = *state;
        static const char call[] = "{\"method\":\"io.vpcwire.ipam.Add\",\"parameters\":{\"network\":\"net\","
                                   "\"container_id\":\"gone\",\"ifname\":\"eth0\"}}";
        struct store_counts counts;
        struct err err;
        int fd = raw_connect(fixture->socket_path);

        raw_send(fd, call, sizeof(call));
        fixture_wait_waiting(fixture, 1);
        close(fd);
        fixture_wait_waiting(fixture, 0);
        fixture_set_addresses(fixture, 1);
        fixture_pool_changed(fixture);
        assert_ok(store_counts(fixture->store, clock_boottime_ms(), &counts, &err), &err);
        assert_int_equal(counts.free, 1);
}

static void test_del_overtakes_add(void **state)
{
        struct fixture *fixture = *state;
        struct ipam_client *client = fixture_connect(fixture);
        struct ipam_del_reply reply;
        struct async_add add, other;
        struct err err;

        async_add_start(&add, fixture, 1, LONG_MS);
        fixture_wait_waiting(fixture, 1);
        async_add_start(&other, fixture, 2, LONG_MS);
        fixture_wait_waiting(fixture, 2);
        assert_ok(ipam_del(client, &(struct ipam_del_request){"net", "c1", "eth0"}, &reply, &err), &err);
        assert_false(reply.released);
        async_add_join(&add);
        assert_int_equal(add.result, -ERR_NOT_FOUND);
        assert_int_equal(add.error.id, IPAM_ERROR_LEASE_NOT_FOUND);
        fixture_wait_waiting(fixture, 1);
        fixture_set_addresses(fixture, 1);
        fixture_pool_changed(fixture);
        add_must_get(&other, "10.0.1.1");
        ipam_client_free(client);
}

static void test_a_cooled_address_is_handed_out(void **state _unused_)
{
        enum { COOLDOWN_MS = 300 };
        struct fixture *fixture = fixture_new(COOLDOWN_MS);
        struct ipam_client *client;
        struct ipam_del_reply reply;
        struct async_add add;
        int64_t released_ms;
        struct err err;

        fixture_set_addresses(fixture, 1);
        fixture_start(fixture);
        client = fixture_connect(fixture);
        async_add_start(&add, fixture, 1, LONG_MS);
        add_must_get(&add, "10.0.1.1");
        released_ms = clock_boottime_ms();
        assert_ok(ipam_del(client, &(struct ipam_del_request){"net", "c1", "eth0"}, &reply, &err), &err);
        async_add_start(&add, fixture, 2, LONG_MS); /* nobody will call rpc_pool_changed() */
        add_must_get(&add, "10.0.1.1");
        assert_in_range(clock_boottime_ms() - released_ms, COOLDOWN_MS, LONG_MS / 2);
        ipam_client_free(client);
        fixture_free(fixture);
}

/* Neither while it has its lease, nor when it comes back to the address, which cools and is for nobody who waits. */
static void test_a_known_key_need_not_queue(void **state)
{
        struct fixture *fixture = *state;
        _cleanup_(ipam_client_freep) struct ipam_client *client = fixture_connect(fixture);
        struct async_add holder, waiter, again;
        struct ipam_del_reply reply;
        struct err err;

        fixture_set_addresses(fixture, 1);
        async_add_start(&holder, fixture, 1, LONG_MS);
        add_must_get(&holder, "10.0.1.1");
        async_add_start(&waiter, fixture, 2, LONG_MS);
        fixture_wait_waiting(fixture, 1);
        async_add_start(&again, fixture, 1, LONG_MS);
        add_must_get(&again, "10.0.1.1");
        assert_true(again.reply.reused);
        assert_ok(ipam_del(client, &(struct ipam_del_request){"net", "c1", "eth0"}, &reply, &err), &err);
        assert_true(reply.released);
        async_add_start(&again, fixture, 1, LONG_MS);
        add_must_get(&again, "10.0.1.1");
        assert_false(again.reply.reused);
        fixture_set_addresses(fixture, 2);
        fixture_pool_changed(fixture);
        add_must_get(&waiter, "10.0.1.2");
}

static void test_one_key_waits_twice(void **state)
{
        struct fixture *fixture = *state;
        struct async_add long_one, short_one, third;

        async_add_start(&long_one, fixture, 1, LONG_MS);
        fixture_wait_waiting(fixture, 1);
        async_add_start(&short_one, fixture, 1, 200);
        async_add_join(&short_one);
        assert_int_equal(short_one.error.id, IPAM_ERROR_NO_ADDRESS);
        fixture_wait_waiting(fixture, 1); /* the other one still stands in the table */
        async_add_start(&third, fixture, 2, LONG_MS);
        fixture_wait_waiting(fixture, 2);
        async_add_start(&short_one, fixture, 1, LONG_MS);
        fixture_set_addresses(fixture, 2);
        fixture_pool_changed(fixture);
        add_must_get(&long_one, "10.0.1.1");
        add_must_get(&third, "10.0.1.2");
        add_must_get(&short_one, "10.0.1.1");
        assert_true(short_one.reply.reused != long_one.reply.reused);
}

static void test_calls_behind_a_parked_one_keep_their_place(void **state)
{
        struct fixture *fixture = *state;
        static const char calls[] = "{\"method\":\"io.vpcwire.ipam.Add\",\"parameters\":{\"network\":\"net\","
                                    "\"container_id\":\"c1\",\"ifname\":\"eth0\"}}\0"
                                    "{\"method\":\"io.vpcwire.ipam.Del\",\"parameters\":{\"network\":\"net\","
                                    "\"container_id\":\"c1\",\"ifname\":\"eth0\"}}\0"
                                    "{\"method\":\"org.varlink.service.GetInfo\"}";
        int fd = raw_connect(fixture->socket_path);

        raw_send(fd, calls, sizeof(calls));
        fixture_wait_waiting(fixture, 1);
        fixture_set_addresses(fixture, 1);
        fixture_pool_changed(fixture);
        for (int i = 0; i < 3; i++) {
                static const char *const expect[] = {"\"reused\":false", "\"released\":true",
                                                     "\"product\":\"ipamd\""};
                _cleanup_free_ char *reply = raw_receive(fd);

                assert_non_null(reply);
                assert_contains(reply, expect[i]);
        }
        close(fd);
}

static void test_stopping_answers_those_who_wait(void **state _unused_)
{
        struct fixture *fixture = fixture_new(1000);
        struct async_add adds[3];

        fixture_start(fixture);
        for (unsigned i = 0; i < ARRAY_SIZE(adds); i++)
                async_add_start(&adds[i], fixture, i, LONG_MS);
        fixture_wait_waiting(fixture, ARRAY_SIZE(adds));
        fixture_free(fixture);
        for (unsigned i = 0; i < ARRAY_SIZE(adds); i++) {
                async_add_join(&adds[i]);
                assert_int_equal(adds[i].error.id, IPAM_ERROR_NOT_READY);
                assert_contains(adds[i].err.msg, "stopping");
        }
}

/* Many at once, and addresses that trickle in: all are served, none twice. */
static void test_a_storm(void **state)
{
        enum { ADDS = 120, LOT = 8 };
        struct fixture *fixture = *state;
        struct async_add *adds = XNEW_ARRAY(struct async_add, ADDS);
        bool seen[ADDS] = {0};

        for (unsigned i = 0; i < ADDS; i++)
                async_add_start(&adds[i], fixture, i, LONG_MS);
        for (unsigned n = LOT; n <= ADDS; n += LOT) {
                fixture_set_addresses(fixture, n);
                fixture_pool_changed(fixture);
        }
        for (unsigned i = 0; i < ADDS; i++) {
                uint32_t number;

                async_add_join(&adds[i]);
                assert_ok(adds[i].result, &adds[i].err);
                number = ip_to_u32(adds[i].address) - 0x0a000101;
                assert_in_range(number, 0, ADDS - 1);
                assert_false(seen[number]);
                seen[number] = true;
        }
        free(adds);
        fixture_wait_waiting(fixture, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_a_full_pool_is_ready, setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_those_that_wait_are_listed, setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_answered_when_an_address_comes, setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_order_is_kept, setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_a_newcomer_does_not_overtake, setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_deadline_gives_the_reason, setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_disconnect_ends_the_wait, setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_del_overtakes_add, setup, fixture_teardown),
                cmocka_unit_test(test_a_cooled_address_is_handed_out),
                cmocka_unit_test_setup_teardown(test_a_known_key_need_not_queue, setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_one_key_waits_twice, setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_calls_behind_a_parked_one_keep_their_place, setup,
                                                fixture_teardown),
                cmocka_unit_test(test_stopping_answers_those_who_wait),
                cmocka_unit_test_setup_teardown(test_a_storm, setup, fixture_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
