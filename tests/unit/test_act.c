// SPDX-License-Identifier: Apache-2.0
/* What becomes of the books when EC2 refuses, forgets to answer, or answered somebody who died. */
#include "test.h"

#include <string.h>

#include <vpcwire/clock.h>

#include "reconcile_fixture.h"

enum { SOON = NOW + 1000 };

#define CREATED                                                                                              \
        "<CreateNetworkInterfaceResponse><networkInterface><networkInterfaceId>eni-1</networkInterfaceId>"   \
        "<macAddress>02:00:00:00:00:01</macAddress><privateIpAddress>10.0.1.1</privateIpAddress>"            \
        "<privateIpAddressesSet><item><privateIpAddress>10.0.1.1</privateIpAddress><primary>true</"          \
        "primary></item>"                                                                                    \
        "<item><privateIpAddress>10.0.1.2</privateIpAddress></item></privateIpAddressesSet>"                 \
        "</networkInterface></CreateNetworkInterfaceResponse>"
#define RETURNED(action) "<" action "Response><return>true</return></" action "Response>"

static const struct plan_action create = {.kind = PLAN_CREATE, .count = 1, .device_index = 1};

/* The one ENI beside the primary, or NULL. */
static struct store_eni *other(struct bench *b, struct round *round)
{
        *round = bench_round(b, round->now_ms);
        return round->n_enis > 1 ? &round->enis[1] : NULL;
}

/* An ENI that was created and waits for its attachment. */
static struct store_eni *created(struct bench *b, struct round *round)
{
        struct httpd_reply replies[] = {{.body = CREATED}};

        bench_script(b, replies, 1);
        *round = bench_round(b, SOON);
        bench_act(b, round, create);
        return other(b, round);
}

static void script_error(struct bench *b, unsigned status, const char *code, const char *message)
{
        struct httpd_reply *reply = ARENA_NEW(b->arena, struct httpd_reply);

        *reply = (struct httpd_reply){
                .status = status, .body = bench_error(b, code, message), .times = HTTPD_ALWAYS};
        bench_script(b, reply, 1);
}

static void test_a_lost_create_is_repeated_word_for_word(void **state)
{
        struct bench *b = *state;
        struct httpd_reply replies[] = {{.fault = HTTPD_DROP}, {.body = CREATED}};
        struct round round = bench_round(b, SOON);
        struct store_eni *eni;

        bench_script(b, replies, 2);
        bench_act(b, &round, create);
        eni = other(b, &round);
        assert_int_equal(eni->state, ENI_CREATING);
        assert_true(blocked_now(&round, "recreate", eni->client_token));
        bench_act(b, &round, (struct plan_action){.kind = PLAN_RECREATE, .key = eni->key});
        eni = other(b, &round);
        assert_int_equal(eni->state, ENI_ATTACHING);
        assert_string_equal(eni->eni_id, "eni-1");
        assert_int_equal(eni->preparing, 1);
        assert_contains(httpd_request(b->ec2, 0)->body, "ClientToken=vw-");
        assert_contains(httpd_request(b->ec2, 0)->body, "createdAt");
        assert_string_equal(httpd_request(b->ec2, 0)->body, httpd_request(b->ec2, 1)->body);
}

static void test_a_full_subnet_blocks_the_subnet_and_leaves_no_row(void **state)
{
        struct bench *b = *state;
        struct round round = bench_round(b, SOON);

        script_error(b, 400, "InsufficientFreeAddressesInSubnet", "no free addresses");
        bench_act(b, &round, create);
        round = bench_round(b, round.now_ms);
        assert_int_equal(round.n_enis, 1);
        assert_true(blocked_now(&round, "create", SUBNET));
        assert_string_equal(blocked_find(&round, "create", SUBNET)->reason,
                            "subnet " SUBNET " has no free addresses");
        bench_act(b, &round, (struct plan_action){.kind = PLAN_ASSIGN, .key = round.enis[0].key, .count = 2});
        round = bench_round(b, SOON);
        assert_true(blocked_now(&round, "assign", SUBNET));
        assert_false(round.enis[0].in_doubt);
}

/* In one plan: the assign comes first, and learns what the create needs not ask again. */
static void test_a_full_subnet_is_asked_once(void **state)
{
        struct bench *b = *state;
        struct round round = bench_round(b, SOON);

        script_error(b, 400, "InsufficientFreeAddressesInSubnet", "no free addresses");
        bench_act(b, &round, (struct plan_action){.kind = PLAN_ASSIGN, .key = round.enis[0].key, .count = 2});
        assert_true(blocked_now(&round, "create", SUBNET));
        round.progress = false;
        bench_act(b, &round, create);
        assert_true(round.progress);
        round = bench_round(b, round.now_ms);
        assert_int_equal(round.n_enis, 1);
        assert_int_equal(httpd_requests(b->ec2), 1);
}

static void test_a_lost_attach_stays_in_doubt(void **state)
{
        struct bench *b = *state;
        struct httpd_reply dropped[] = {{.fault = HTTPD_DROP}};
        struct round round;
        struct store_eni *eni = created(b, &round);

        bench_script(b, dropped, 1);
        bench_act(b, &round, (struct plan_action){.kind = PLAN_ATTACH, .key = eni->key, .device_index = 1});
        eni = other(b, &round);
        assert_true(eni->in_doubt);
        assert_string_equal(eni->attachment_id, "");
}

static void test_a_refused_attach_is_in_no_doubt(void **state)
{
        struct bench *b = *state;
        struct round round;
        struct store_eni *eni = created(b, &round);

        script_error(b, 503, "RequestLimitExceeded", "slow down");
        bench_act(b, &round, (struct plan_action){.kind = PLAN_ATTACH, .key = eni->key, .device_index = 2});
        eni = other(b, &round);
        assert_false(eni->in_doubt);
        assert_int_equal(eni->state, ENI_ATTACHING);
        assert_int_equal(eni->device_index, 2);
        assert_true(blocked_now(&round, "attach", "eni-1"));
}

static void test_one_eni_too_many_is_given_up(void **state)
{
        struct bench *b = *state;
        struct round round;
        struct store_eni *eni = created(b, &round);

        script_error(b, 400, "AttachmentLimitExceeded", "no more");
        bench_act(b, &round, (struct plan_action){.kind = PLAN_ATTACH, .key = eni->key, .device_index = 1});
        eni = other(b, &round);
        assert_int_equal(eni->state, ENI_DELETING);
        assert_false(eni->in_doubt); /* or it would never be deleted */
        assert_int_equal(b->r.max_enis_seen, 1);
        assert_int_equal(eni->free + eni->preparing, 0);
}

static void test_attaching_marks_and_configures(void **state)
{
        struct bench *b = *state;
        struct httpd_reply replies[] = {
                {.body = "<AttachNetworkInterfaceResponse><attachmentId>eni-attach-1</attachmentId>"
                         "</AttachNetworkInterfaceResponse>"},
                {.body = RETURNED("ModifyNetworkInterfaceAttribute")}};
        struct round round;
        struct store_eni *eni = created(b, &round);

        bench_script(b, replies, 2);
        bench_act(b, &round, (struct plan_action){.kind = PLAN_ATTACH, .key = eni->key, .device_index = 1});
        eni = other(b, &round);
        assert_string_equal(eni->attachment_id, "eni-attach-1");
        assert_int_equal(eni->state, ENI_ATTACHING);
        bench_act(b, &round, (struct plan_action){.kind = PLAN_MARK_DELETE_ON_TERMINATION, .key = eni->key});
        eni = other(b, &round);
        assert_int_equal(eni->state, ENI_CONFIGURING);
        assert_contains(httpd_request(b->ec2, 1)->body, "Attachment.DeleteOnTermination=true");
}

static void test_a_lost_assign_is_in_doubt(void **state)
{
        struct bench *b = *state;
        struct httpd_reply replies[] = {{.fault = HTTPD_DROP}};
        struct round round = bench_round(b, SOON);

        bench_script(b, replies, 1);
        bench_act(b, &round, (struct plan_action){.kind = PLAN_ASSIGN, .key = round.enis[0].key, .count = 1});
        round = bench_round(b, SOON);
        assert_true(round.enis[0].in_doubt);
}

static void test_an_assign_that_lists_everything_adds_only_what_is_new(void **state)
{
        struct bench *b = *state;
        struct httpd_reply replies[] = {
                {.body = "<AssignPrivateIpAddressesResponse><assignedPrivateIpAddressesSet>"
                         "<item><privateIpAddress>10.0.0.1</privateIpAddress></item>"
                         "<item><privateIpAddress>10.0.0.2</privateIpAddress></item>"
                         "<item><privateIpAddress>10.0.0.9</privateIpAddress></item>"
                         "</assignedPrivateIpAddressesSet></AssignPrivateIpAddressesResponse>"}};
        struct round round = bench_round(b, SOON);

        bench_script(b, replies, 1);
        bench_act(b, &round, (struct plan_action){.kind = PLAN_ASSIGN, .key = round.enis[0].key, .count = 1});
        round = bench_round(b, SOON);
        assert_int_equal(round.enis[0].total, 4);
        assert_int_equal(round.enis[0].preparing, 1);
        assert_false(round.enis[0].in_doubt);
}

static void test_a_lost_unassign_is_repeated_with_the_same_addresses(void **state)
{
        struct bench *b = *state;
        struct httpd_reply replies[] = {{.fault = HTTPD_DROP},
                                        {.body = RETURNED("UnassignPrivateIpAddresses")}};
        struct round round = bench_round(b, SOON);

        bench_script(b, replies, 2);
        bench_act(b, &round,
                  (struct plan_action){.kind = PLAN_UNASSIGN, .key = round.enis[0].key, .count = 2});
        round = bench_round(b, SOON);
        assert_int_equal(round.enis[0].leaving, 2);
        assert_int_equal(round.enis[0].free, 1);
        round = bench_round(b, blocked_find(&round, "unassign", "eni-0")->until_ms + 1);
        assert_ok(act_finish_unassigns(&b->r, &round, &b->f->err), &b->f->err);
        round = bench_round(b, round.now_ms);
        assert_int_equal(round.enis[0].total, 1);
        assert_string_equal(httpd_request(b->ec2, 0)->body, httpd_request(b->ec2, 1)->body);
}

/* Else an IAM policy that lacks it would make address after address useless. */
static void test_an_unassign_that_ec2_refuses_leaves_the_addresses_free(void **state)
{
        struct bench *b = *state;
        struct round round = bench_round(b, SOON);
        const struct plan_action action = {.kind = PLAN_UNASSIGN, .key = round.enis[0].key, .count = 2};

        script_error(b, 403, "UnauthorizedOperation", "not allowed");
        bench_act(b, &round, action);
        round = bench_round(b, SOON);
        assert_int_equal(round.enis[0].free, 3);
        assert_int_equal(round.enis[0].leaving, 0);
        bench_act(b, &round, action);
        assert_int_equal(httpd_requests(b->ec2), 1);
        assert_int_equal(round.wake_ms, blocked_find(&round, "unassign", "eni-0")->until_ms);
        round = bench_round(b, SOON);
        assert_int_equal(round.enis[0].free, 3);
}

static void test_an_unassign_never_takes_a_leased_or_cooling_address(void **state)
{
        struct bench *b = *state;
        struct httpd_reply replies[] = {
                {.body = RETURNED("UnassignPrivateIpAddresses"), .times = HTTPD_ALWAYS}};
        struct store_lease lease = fixture_lease(b->f, "a", NOW), cooling = fixture_lease(b->f, "b", NOW);
        struct round round;
        struct ip address;
        bool released;

        assert_ok(
                store_lease_release(b->f->store, &cooling.key, "test", NOW, &released, &address, &b->f->err),
                &b->f->err);
        bench_script(b, replies, 1);
        round = bench_round(b, SOON);
        bench_act(b, &round,
                  (struct plan_action){.kind = PLAN_UNASSIGN, .key = round.enis[0].key, .count = 3});
        assert_string_equal(fixture_address_state(b->f, lease.address, SOON), "leased");
        assert_string_equal(fixture_address_state(b->f, cooling.address, SOON), "cooling");
        assert_int_equal(fixture_counts(b->f, SOON).total, 2);
}

static void test_giving_back_an_eni(void **state)
{
        struct bench *b = *state;
        struct httpd_reply replies[] = {
                {.body = RETURNED("DetachNetworkInterface")},
                {.status = 400,
                 .body = bench_error(b, "InvalidParameterValue", "eni-1 is currently in use.")},
                {.body = RETURNED("DeleteNetworkInterface")}};
        int64_t key = fixture_ready_eni(b->f, 1, 2);
        struct round round = bench_round(b, SOON);

        bench_script(b, replies, 3);
        bench_act(b, &round, (struct plan_action){.kind = PLAN_DRAIN, .key = key});
        assert_int_equal(bench_eni(b, &round, key)->state, ENI_DRAINING);
        bench_act(b, &round, (struct plan_action){.kind = PLAN_DETACH, .key = key});
        assert_int_equal(bench_eni(b, &round, key)->state, ENI_DETACHING);
        assert_string_equal(bench_eni(b, &round, key)->attachment_id, "");
        bench_act(b, &round, (struct plan_action){.kind = PLAN_DELETE, .key = key});
        assert_int_equal(bench_eni(b, &round, key)->state, ENI_DELETING);
        assert_true(blocked_now(&round, "delete", "eni-1"));
        bench_act(b, &round, (struct plan_action){.kind = PLAN_DELETE, .key = key});
        assert_null(bench_eni(b, &round, key));
}

static void test_a_leased_eni_is_not_drained(void **state)
{
        struct bench *b = *state;
        int64_t key = fixture_ready_eni(b->f, 1, 1);
        struct round round = bench_round(b, SOON);

        /* The ADDs come after the plan was made on the round's view. */
        for (int i = 0; i < 4; i++)
                fixture_lease(b->f, (const char *[]){"a", "b", "c", "d"}[i], NOW);
        bench_act(b, &round, (struct plan_action){.kind = PLAN_DRAIN, .key = key});
        assert_int_equal(bench_eni(b, &round, key)->state, ENI_READY);
}

static void test_what_is_gone_already_is_done(void **state)
{
        struct bench *b = *state;
        int64_t key = fixture_ready_eni(b->f, 1, 0);
        struct round round = bench_round(b, SOON);

        bench_act(b, &round, (struct plan_action){.kind = PLAN_DRAIN, .key = key});
        bench_eni(b, &round, key);
        script_error(b, 400, "InvalidAttachmentID.NotFound", "no such attachment");
        bench_act(b, &round, (struct plan_action){.kind = PLAN_DETACH, .key = key});
        assert_string_equal(bench_eni(b, &round, key)->attachment_id, "");
        script_error(b, 400, "InvalidNetworkInterfaceID.NotFound", "no such ENI");
        bench_act(b, &round, (struct plan_action){.kind = PLAN_DELETE, .key = key});
        assert_null(bench_eni(b, &round, key));
}

static void test_attempts_add_up_and_are_forgotten(void **state)
{
        struct bench *b = *state;
        struct round round = bench_round(b, SOON);
        int64_t until_ms;

        script_error(b, 403, "UnauthorizedOperation", "not allowed");
        bench_act(b, &round, create);
        bench_act(b, &round, create);
        round = bench_round(b, SOON);
        assert_int_equal(blocked_find(&round, "create", "")->attempts, 2);
        assert_contains(blocked_find(&round, "create", "")->reason, "not allowed");
        until_ms = blocked_find(&round, "create", "")->until_ms;
        round = bench_round(b, until_ms + BLOCKED_FORGET_MS);
        assert_null(blocked_find(&round, "create", ""));
}

static void test_a_call_put_off_is_no_attempt(void **state)
{
        struct bench *b = *state;
        struct round round = bench_round(b, SOON);
        struct plan_action assign = {.kind = PLAN_ASSIGN, .key = round.enis[0].key, .count = 1};
        const struct store_blocked *blocked;
        int64_t until_ms;

        script_error(b, 503, "RequestLimitExceeded", "slow down");
        bench_act(b, &round, assign);
        blocked = blocked_find(&round, "assign", "eni-0");
        assert_int_equal(blocked->attempts, 1);
        until_ms = blocked->until_ms;
        bench_act(b, &round, assign);
        blocked = blocked_find(&round, "assign", "eni-0");
        assert_int_equal(blocked->attempts, 1);
        assert_contains(blocked->reason, "keeps its pace");
        assert_in_range(blocked->until_ms, until_ms - 100, until_ms + 100);
        assert_int_equal(httpd_requests(b->ec2), 1);
        round = bench_round(b, SOON);
        assert_false(round.enis[0].in_doubt);
}

static unsigned count_events(struct bench *b, const char *kind, const char **ret_text)
{
        struct store_event *events;
        unsigned found = 0;
        size_t n;

        assert_ok(store_events(b->f->store, 0, 1000, b->arena, &events, &n, &b->f->err), &b->f->err);
        for (size_t i = 0; i < n; i++) {
                if (strcmp(events[i].kind, kind) != 0)
                        continue;
                assert_string_equal(events[i].subject, "CreateNetworkInterface");
                *ret_text = events[i].text;
                found++;
        }
        return found;
}

static void test_a_denied_action_names_itself_once(void **state)
{
        struct bench *b = *state;
        struct httpd_reply created_again[] = {{.body = CREATED}};
        struct round round = bench_round(b, SOON);
        const char *text = "";

        script_error(b, 403, "UnauthorizedOperation",
                     "You are not authorized. Encoded authorization failure message: AbCdEf");
        bench_act(b, &round, create);
        bench_act(b, &round, create);
        assert_int_equal(count_events(b, "ec2-denied", &text), 1);
        assert_contains(text, "You are not authorized.");
        assert_null(strstr(text, "AbCdEf"));
        assert_true(blocked_find(&round, "create", "")->until_ms >= clock_boottime_ms() + 55 * 1000);
        script_error(b, 500, "InternalError", "says nothing of permissions");
        bench_act(b, &round, create);
        assert_int_equal(count_events(b, "ec2-allowed", &text), 0);
        bench_script(b, created_again, 1);
        bench_act(b, &round, create);
        assert_int_equal(count_events(b, "ec2-allowed", &text), 1);
        script_error(b, 403, "UnauthorizedOperation", "again");
        bench_act(b, &round, create);
        assert_int_equal(count_events(b, "ec2-denied", &text), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_a_lost_create_is_repeated_word_for_word),
                TEST(test_a_full_subnet_blocks_the_subnet_and_leaves_no_row),
                TEST(test_a_full_subnet_is_asked_once),
                TEST(test_a_lost_attach_stays_in_doubt),
                TEST(test_a_refused_attach_is_in_no_doubt),
                TEST(test_one_eni_too_many_is_given_up),
                TEST(test_attaching_marks_and_configures),
                TEST(test_a_lost_assign_is_in_doubt),
                TEST(test_an_assign_that_lists_everything_adds_only_what_is_new),
                TEST(test_a_lost_unassign_is_repeated_with_the_same_addresses),
                TEST(test_an_unassign_that_ec2_refuses_leaves_the_addresses_free),
                TEST(test_an_unassign_never_takes_a_leased_or_cooling_address),
                TEST(test_giving_back_an_eni),
                TEST(test_a_leased_eni_is_not_drained),
                TEST(test_what_is_gone_already_is_done),
                TEST(test_attempts_add_up_and_are_forgotten),
                TEST(test_a_call_put_off_is_no_attempt),
                TEST(test_a_denied_action_names_itself_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
