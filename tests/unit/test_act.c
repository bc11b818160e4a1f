// SPDX-License-Identifier: Apache-2.0
/* What becomes of the database when EC2 refuses, forgets to answer, or answered somebody who died. */
#include "test.h"

#include <string.h>

#include <vpcwire/clock.h>

#include "reconcile/steps.h"
#include "reconcile_fixture.h"

enum { SOON = NOW + 1000, WAIT_MS = 5000 };

static const struct plan_action create = {.kind = PLAN_CREATE, .count = 1, .device_index = 1};

/* The one ENI beside the primary, or NULL. */
static struct eni *other(struct bench *b, struct round *round)
{
        *round = bench_round(b, round->now_ms);
        return round->n_enis > 1 ? &round->enis[1] : NULL;
}

/* EC2 made eni-1 with an address beside the primary one. */
static struct fake_answer made(struct bench *b)
{
        const struct eni as = fixture_eni(1);
        struct ec2_eni *eni = ARENA_NEW(b->arena, struct ec2_eni);

        *eni = (struct ec2_eni){.eni_id = "eni-1",
                                .mac = as.mac,
                                .primary = as.primary_address,
                                .secondary = ARENA_NEW(b->arena, struct ip),
                                .n_secondary = 1};
        eni->secondary[0] = fixture_ip(1, 1);
        return (struct fake_answer){.enis = eni, .n_enis = 1};
}

/* An ENI that was created and waits for its attachment. */
static struct eni *created(struct bench *b, struct round *round)
{
        struct fake_answer answer = made(b);

        bench_answer(b, &answer, 1);
        *round = bench_round(b, SOON);
        bench_act(b, round, create);
        return other(b, round);
}

static const struct fake_answer done = {0};

/* Every call is refused so. */
static void refuse(struct bench *b, long status, const char *code, const char *message)
{
        struct fake_answer answer = fake_refusal(status, code, message);

        bench_answer(b, &answer, 1);
}

static void test_a_lost_create_is_repeated_word_for_word(void **state)
{
        struct bench *b = *state;
        struct fake_answer answers[] = {fake_refusal(0, "", "no answer"), made(b)};
        struct round round = bench_round(b, SOON);
        struct eni *eni;

        bench_answer(b, answers, 2);
        bench_act(b, &round, create);
        eni = other(b, &round);
        assert_int_equal(eni->state, ENI_CREATING);
        assert_true(blocked_now(&round, CONDITION_RECREATE, eni->client_token));
        bench_act(b, &round, (struct plan_action){.kind = PLAN_RECREATE, .key = eni->key});
        eni = other(b, &round);
        assert_int_equal(eni->state, ENI_ATTACHING);
        assert_string_equal(eni->eni_id, "eni-1");
        assert_int_equal(eni->preparing, 1);
        assert_contains(b->fake->calls[0], "token=vw-");
        assert_contains(b->fake->calls[0], "createdAt");
        assert_string_equal(b->fake->calls[0], b->fake->calls[1]);
}

static void test_a_full_subnet_blocks_the_subnet_and_leaves_no_row(void **state)
{
        struct bench *b = *state;
        struct round round = bench_round(b, SOON);

        refuse(b, 400, "InsufficientFreeAddressesInSubnet", "no free addresses");
        bench_act(b, &round, create);
        round = bench_round(b, round.now_ms);
        assert_int_equal(round.n_enis, 1);
        assert_true(blocked_now(&round, CONDITION_CREATE, SUBNET));
        assert_string_equal(blocked_find(&round, CONDITION_CREATE, SUBNET)->message,
                            "CreateNetworkInterface: no free addresses");
        bench_act(b, &round, (struct plan_action){.kind = PLAN_ASSIGN, .key = round.enis[0].key, .count = 2});
        round = bench_round(b, SOON);
        assert_true(blocked_now(&round, CONDITION_ASSIGN, SUBNET));
        assert_false(round.enis[0].in_doubt);
}

/* In one plan: the assign comes first, and learns what the create needs not ask again. */
static void test_a_full_subnet_is_asked_once(void **state)
{
        struct bench *b = *state;
        struct round round = bench_round(b, SOON);

        refuse(b, 400, "InsufficientFreeAddressesInSubnet", "no free addresses");
        bench_act(b, &round, (struct plan_action){.kind = PLAN_ASSIGN, .key = round.enis[0].key, .count = 2});
        assert_true(blocked_now(&round, CONDITION_CREATE, SUBNET));
        bench_act(b, &round, create);
        assert_true(b->out.again);
        round = bench_round(b, round.now_ms);
        assert_int_equal(round.n_enis, 1);
        assert_int_equal(b->fake->n_calls, 1);
}

/* What a resync shows is observed: what was planned before it is planned anew. */
static void test_nothing_is_done_on_a_view_that_a_resync_has_changed(void **state)
{
        struct bench *b = *state;
        struct ip own[] = {fixture_ip(0, 1), fixture_ip(0, 2)};
        const struct ec2_eni primary = {.eni_id = "eni-0",
                                        .subnet_id = SUBNET,
                                        .status = "in-use",
                                        .interface_type = "interface",
                                        .attachment_id = "attach-0",
                                        .attachment_status = "attached",
                                        .public_address = "",
                                        .attached = true,
                                        .delete_on_termination = true,
                                        .primary = fixture_ip(0, 0),
                                        .secondary = own,
                                        .n_secondary = ARRAY_SIZE(own)};
        const struct fake_answer answer = {.enis = &primary, .n_enis = 1};
        struct round round = bench_round(b, SOON);
        struct plan_action actions[] = {
                {.kind = PLAN_RESYNC, .reason = "test"},
                {.kind = PLAN_ASSIGN, .key = round.enis[0].key, .count = 1, .reason = "test"}};
        const struct plan plan = {.actions = actions, .n = ARRAY_SIZE(actions)};
        bool all = true;

        bench_answer(b, &answer, 1);
        assert_ok(round_carry_out(&b->r, &round, &plan, &all, &b->f->err), &b->f->err);
        assert_false(all);
        assert_int_equal(b->fake->n_calls, 1);
        assert_true(round.so_far.again && round.so_far.resync_network);
        round = bench_round(b, SOON);
        assert_int_equal(round.enis[0].free, 2);
        assert_false(round.enis[0].in_doubt);
}

static void test_a_lost_attach_stays_in_doubt(void **state)
{
        struct bench *b = *state;
        struct round round;
        struct eni *eni = created(b, &round);

        refuse(b, 0, "", "no answer");
        bench_act(b, &round, (struct plan_action){.kind = PLAN_ATTACH, .key = eni->key, .device_index = 1});
        eni = other(b, &round);
        assert_true(eni->in_doubt);
        assert_string_equal(eni->attachment_id, "");
}

static void test_a_refused_attach_is_in_no_doubt(void **state)
{
        struct bench *b = *state;
        struct round round;
        struct eni *eni = created(b, &round);

        refuse(b, 503, "RequestLimitExceeded", "slow down");
        bench_act(b, &round, (struct plan_action){.kind = PLAN_ATTACH, .key = eni->key, .device_index = 2});
        eni = other(b, &round);
        assert_false(eni->in_doubt);
        assert_int_equal(eni->state, ENI_ATTACHING);
        assert_int_equal(eni->device_index, 2);
        assert_true(blocked_now(&round, CONDITION_ATTACH, "eni-1"));
}

static void test_one_eni_too_many_is_given_up(void **state)
{
        struct bench *b = *state;
        struct round round;
        struct eni *eni = created(b, &round);

        refuse(b, 400, "AttachmentLimitExceeded", "no more");
        bench_act(b, &round, (struct plan_action){.kind = PLAN_ATTACH, .key = eni->key, .device_index = 1});
        eni = other(b, &round);
        assert_int_equal(eni->state, ENI_DELETING);
        assert_false(eni->in_doubt); /* or it would never be deleted */
        assert_int_equal(b->r.resync.max_enis_seen, 1);
        assert_int_equal(eni->free + eni->preparing, 0);
}

static void test_attaching_marks_and_configures(void **state)
{
        struct bench *b = *state;
        const struct fake_answer answers[] = {{.attachment_id = "eni-attach-1"}, done};
        struct round round;
        struct eni *eni = created(b, &round);

        bench_answer(b, answers, 2);
        bench_act(b, &round, (struct plan_action){.kind = PLAN_ATTACH, .key = eni->key, .device_index = 1});
        eni = other(b, &round);
        assert_string_equal(eni->attachment_id, "eni-attach-1");
        assert_int_equal(eni->state, ENI_ATTACHING);
        bench_act(b, &round, (struct plan_action){.kind = PLAN_MARK, .key = eni->key});
        eni = other(b, &round);
        assert_int_equal(eni->state, ENI_CONFIGURING);
        assert_string_equal(b->fake->calls[1],
                            "ModifyNetworkInterfaceAttribute eni-1 eni-attach-1 delete-on-termination");
}

static void test_a_lost_assign_is_in_doubt(void **state)
{
        struct bench *b = *state;
        struct round round = bench_round(b, SOON);

        refuse(b, 0, "", "no answer");
        bench_act(b, &round, (struct plan_action){.kind = PLAN_ASSIGN, .key = round.enis[0].key, .count = 1});
        round = bench_round(b, SOON);
        assert_true(round.enis[0].in_doubt);
}

static void test_an_assign_that_lists_everything_adds_only_what_is_new(void **state)
{
        struct bench *b = *state;
        const struct ip listed[] = {fixture_ip(0, 0), fixture_ip(0, 1), fixture_ip(0, 8)};
        const struct fake_answer answers[] = {{.addresses = listed, .n_addresses = ARRAY_SIZE(listed)}};
        struct round round = bench_round(b, SOON);

        bench_answer(b, answers, 1);
        bench_act(b, &round, (struct plan_action){.kind = PLAN_ASSIGN, .key = round.enis[0].key, .count = 1});
        round = bench_round(b, SOON);
        assert_int_equal(round.enis[0].total, 4);
        assert_int_equal(round.enis[0].preparing, 1);
        assert_false(round.enis[0].in_doubt);
}

static void test_a_lost_unassign_is_repeated_with_the_same_addresses(void **state)
{
        struct bench *b = *state;
        const struct fake_answer answers[] = {fake_refusal(0, "", "no answer"), done};
        struct round round = bench_round(b, SOON);

        bench_answer(b, answers, 2);
        bench_act(b, &round,
                  (struct plan_action){.kind = PLAN_UNASSIGN, .key = round.enis[0].key, .count = 2});
        round = bench_round(b, SOON);
        assert_int_equal(round.enis[0].leaving, 2);
        assert_int_equal(round.enis[0].free, 1);
        round = bench_round(b, blocked_find(&round, CONDITION_UNASSIGN, "eni-0")->retry_at_ms + 1);
        assert_ok(act_finish_unassigns(&b->r.ctx, &round, bench_out(b), &b->f->err), &b->f->err);
        round = bench_round(b, round.now_ms);
        assert_int_equal(round.enis[0].total, 1);
        assert_string_equal(b->fake->calls[0], b->fake->calls[1]);
}

/* Else an IAM policy that lacks it would make address after address useless. */
static void test_an_unassign_that_ec2_refuses_leaves_the_addresses_free(void **state)
{
        struct bench *b = *state;
        struct round round = bench_round(b, SOON);
        const struct plan_action action = {.kind = PLAN_UNASSIGN, .key = round.enis[0].key, .count = 2};

        refuse(b, 403, "UnauthorizedOperation", "not allowed");
        bench_act(b, &round, action);
        round = bench_round(b, SOON);
        assert_int_equal(round.enis[0].free, 3);
        assert_int_equal(round.enis[0].leaving, 0);
        bench_act(b, &round, action);
        assert_int_equal(b->fake->n_calls, 1);
        assert_int_equal(b->out.wake_ms, blocked_find(&round, CONDITION_UNASSIGN, "eni-0")->retry_at_ms);
        round = bench_round(b, SOON);
        assert_int_equal(round.enis[0].free, 3);
}

static void test_an_unassign_never_takes_a_leased_or_cooling_address(void **state)
{
        struct bench *b = *state;
        struct lease lease = fixture_lease(b->f, "a", NOW), cooling = fixture_lease(b->f, "b", NOW);
        struct round round;
        struct ip address;
        bool released;

        assert_ok(store_lease_release(b->f->store, &cooling.key, LEASE_END_DEL, NOW, &released, &address,
                                      &b->f->err),
                  &b->f->err);
        bench_answer(b, &done, 1);
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
        const struct fake_answer answers[] = {
                done, fake_refusal(400, "InvalidParameterValue", "eni-1 is currently in use."), done};
        int64_t key = fixture_ready_eni(b->f, 1, 2);
        struct round round = bench_round(b, SOON);

        bench_answer(b, answers, 3);
        bench_act(b, &round, (struct plan_action){.kind = PLAN_DRAIN, .key = key});
        assert_int_equal(bench_eni(b, &round, key)->state, ENI_DRAINING);
        bench_act(b, &round, (struct plan_action){.kind = PLAN_DETACH, .key = key});
        assert_int_equal(bench_eni(b, &round, key)->state, ENI_DETACHING);
        assert_string_equal(bench_eni(b, &round, key)->attachment_id, "");
        bench_act(b, &round, (struct plan_action){.kind = PLAN_DELETE, .key = key});
        assert_int_equal(bench_eni(b, &round, key)->state, ENI_DELETING);
        assert_true(blocked_now(&round, CONDITION_DELETE, "eni-1"));
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
        refuse(b, 400, "InvalidAttachmentID.NotFound", "no such attachment");
        bench_act(b, &round, (struct plan_action){.kind = PLAN_DETACH, .key = key});
        assert_string_equal(bench_eni(b, &round, key)->attachment_id, "");
        refuse(b, 400, "InvalidNetworkInterfaceID.NotFound", "no such ENI");
        bench_act(b, &round, (struct plan_action){.kind = PLAN_DELETE, .key = key});
        assert_null(bench_eni(b, &round, key));
}

static void test_attempts_add_up_and_are_forgotten(void **state)
{
        struct bench *b = *state;
        struct round round = bench_round(b, SOON);
        int64_t until_ms;

        refuse(b, 403, "UnauthorizedOperation", "not allowed");
        bench_act(b, &round, create);
        bench_act(b, &round, create);
        round = bench_round(b, SOON);
        assert_int_equal(blocked_find(&round, CONDITION_CREATE, "")->attempts, 2);
        assert_contains(blocked_find(&round, CONDITION_CREATE, "")->message, "not allowed");
        until_ms = blocked_find(&round, CONDITION_CREATE, "")->retry_at_ms;
        round = bench_round(b, until_ms + BLOCKED_FORGET_MS);
        assert_null(blocked_find(&round, CONDITION_CREATE, ""));
}

static void test_a_call_put_off_is_no_attempt(void **state)
{
        struct bench *b = *state;
        struct round round = bench_round(b, SOON);
        struct plan_action assign = {.kind = PLAN_ASSIGN, .key = round.enis[0].key, .count = 1};
        struct fake_answer answers[] = {fake_refusal(503, "RequestLimitExceeded", "slow down"),
                                        fake_pause(WAIT_MS)};
        const struct condition *blocked;
        int64_t until_ms;

        answers[0].result.wait_ms = WAIT_MS;
        bench_answer(b, answers, ARRAY_SIZE(answers));
        bench_act(b, &round, assign);
        blocked = blocked_find(&round, CONDITION_ASSIGN, "eni-0");
        assert_int_equal(blocked->attempts, 1);
        until_ms = blocked->retry_at_ms;
        bench_act(b, &round, assign);
        blocked = blocked_find(&round, CONDITION_ASSIGN, "eni-0");
        assert_int_equal(blocked->attempts, 1);
        assert_contains(blocked->message, "local rate limit");
        assert_in_range(blocked->retry_at_ms, until_ms, clock_boottime_ms() + WAIT_MS);
        assert_int_equal(b->fake->n_calls, 1);
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
        struct fake_answer created_again = made(b);
        struct round round = bench_round(b, SOON);
        const char *text = "";

        refuse(b, 403, "UnauthorizedOperation", "You are not authorized.");
        bench_act(b, &round, create);
        bench_act(b, &round, create);
        assert_int_equal(count_events(b, "ec2-denied", &text), 1);
        assert_contains(text, "You are not authorized.");
        assert_true(blocked_find(&round, CONDITION_CREATE, "")->retry_at_ms >=
                    clock_boottime_ms() + 55 * 1000);
        refuse(b, 500, "InternalError", "says nothing of permissions");
        bench_act(b, &round, create);
        assert_int_equal(count_events(b, "ec2-allowed", &text), 0);
        bench_answer(b, &created_again, 1);
        bench_act(b, &round, create);
        assert_int_equal(count_events(b, "ec2-allowed", &text), 1);
        refuse(b, 403, "UnauthorizedOperation", "again");
        bench_act(b, &round, create);
        assert_int_equal(count_events(b, "ec2-denied", &text), 2);
}

static size_t all_events(struct bench *b)
{
        struct store_event *events;
        size_t n;

        assert_ok(store_events(b->f->store, 0, 1000, b->arena, &events, &n, &b->f->err), &b->f->err);
        return n;
}

/* A throttled account is asked again and again: what never happened must not push out the history. */
static void test_a_refused_call_is_no_event(void **state)
{
        struct bench *b = *state;
        struct round round = bench_round(b, SOON);
        size_t before = all_events(b);

        refuse(b, 503, "RequestLimitExceeded", "too many calls");
        bench_act(b, &round, create);
        bench_act(b, &round,
                  (struct plan_action){.kind = PLAN_UNASSIGN, .key = round.enis[0].key, .count = 2});
        bench_act(b, &round, (struct plan_action){.kind = PLAN_ASSIGN, .key = round.enis[0].key, .count = 2});
        round = bench_round(b, SOON);
        assert_true(blocked_find(&round, CONDITION_CREATE, "") &&
                    blocked_find(&round, CONDITION_UNASSIGN, "eni-0") &&
                    blocked_find(&round, CONDITION_ASSIGN, "eni-0"));
        assert_int_equal(all_events(b), before);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_a_lost_create_is_repeated_word_for_word),
                TEST(test_a_full_subnet_blocks_the_subnet_and_leaves_no_row),
                TEST(test_a_refused_call_is_no_event),
                TEST(test_a_full_subnet_is_asked_once),
                TEST(test_nothing_is_done_on_a_view_that_a_resync_has_changed),
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
