// SPDX-License-Identifier: Apache-2.0
/*
 * Each class of EC2's failures against each action: one request, one block on the right subject, and the row in the state
 * from which the planner goes on. No cell may try again by itself.
 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include <vpcwire/clock.h>

#include "cloud/ec2_retry.h"
#include "reconcile/ours.h"
#include "reconcile_fixture.h"

enum { SOON = NOW + 1000 };

enum column { CREATE, RECREATE, ASSIGN, ATTACH, MARK, UNASSIGN, DETACH, DELETE, _COLUMN_MAX };

static const enum plan_action_kind kinds[_COLUMN_MAX] = {
        [CREATE] = PLAN_CREATE, [RECREATE] = PLAN_RECREATE, [ASSIGN] = PLAN_ASSIGN, [ATTACH] = PLAN_ATTACH,
        [MARK] = PLAN_MARK,     [UNASSIGN] = PLAN_UNASSIGN, [DETACH] = PLAN_DETACH, [DELETE] = PLAN_DELETE,
};

/*
 * What follows, a letter per column:
 *   B  the ENI is blocked for the action, nothing is in doubt
 *   D  the same, and in doubt: EC2 is looked at before the next step
 *   L  blocked, and a resync is due now
 *   S  the subnet is blocked, for assigning and creating
 *   R  no row is left; creating is blocked
 *   F  no row is left; creating in this subnet is blocked
 *   K  the row stays; repeating the call with its token is blocked
 *   X  given up: deleted if it exists
 *   G  done: what should go is gone
 *   -  EC2 does not answer so
 */
static const struct {
        enum ec2_failure_class class;
        long status; /* 0: no answer */
        const char *code, *message, *outcome;
} rows[] = {
        /*                                                     create recreate assign attach mark unassign detach delete */
        {EC2_FAILURE_THROTTLED, 503, "RequestLimitExceeded", "slow down", "RKBBBBBB"},
        {EC2_FAILURE_TRANSIENT, 500, "InternalError", "try again", "KKDDBBBB"},
        {EC2_FAILURE_TRANSPORT, 0, "", "", "KKDDBBBB"},
        {EC2_FAILURE_CAPACITY_SUBNET, 400, "InsufficientFreeAddressesInSubnet", "full", "FFSBBBBB"},
        {EC2_FAILURE_CAPACITY_ENI, 400, "PrivateIpAddressLimitExceeded", "too many", "RRDDBBBB"},
        {EC2_FAILURE_CAPACITY_INSTANCE, 400, "AttachmentLimitExceeded", "no more", "RRDXBBBB"},
        {EC2_FAILURE_CAPACITY_ACCOUNT, 400, "NetworkInterfaceLimitExceeded", "no more", "RRBBBBBB"},
        {EC2_FAILURE_GONE, 400, "InvalidNetworkInterfaceID.NotFound", "no such ENI", "FFDDLLGG"},
        {EC2_FAILURE_IN_USE, 400, "InvalidParameterValue", "eni-1 is currently in use.", "RRDDBBBB"},
        {EC2_FAILURE_TOKEN_USED, 400, "IdempotentParameterMismatch", "inconsistent", "--------"},
        {EC2_FAILURE_DENIED, 403, "UnauthorizedOperation", "not allowed", "RKBBBBBB"},
        {EC2_FAILURE_CREDENTIALS, 400, "ExpiredToken", "expired", "RKBBBBBB"},
        {EC2_FAILURE_REQUEST, 400, "InvalidParameterCombination", "wrong", "RRBXBLBB"},
};

static void must(struct bench *b, int r)
{
        assert_ok(r, &b->f->err);
}

/* An ENI on which the action makes sense; its key. */
static int64_t prepare(struct bench *b, enum column column)
{
        struct eni eni = fixture_eni(1);
        int64_t key;
        bool done;

        switch (column) {
        case CREATE:
        case ASSIGN:
        case UNASSIGN: return bench_round(b, SOON).enis[0].key;
        case RECREATE:
        case ATTACH:
        case MARK:
                snprintf(eni.client_token, sizeof(eni.client_token), "vw-1-token");
                must(b, store_eni_begin(b->f->store, &eni, NOW, &key, &b->f->err));
                if (column != RECREATE)
                        must(b, store_eni_created(b->f->store, key, &eni, NULL, 0, NOW, &b->f->err));
                if (column == MARK)
                        must(b, store_eni_set_attachment(b->f->store, key, "attach-1", &b->f->err));
                return key;
        case DETACH:
        case DELETE:
                key = fixture_ready_eni(b->f, 1, 0);
                must(b, store_eni_set_state(b->f->store, key, ENI_DRAINING, "test", NOW, &done, &b->f->err));
                if (column == DETACH)
                        return key;
                must(b, store_eni_set_state(b->f->store, key, ENI_DETACHING, "test", NOW, &done, &b->f->err));
                must(b, store_eni_set_attachment(b->f->store, key, NULL, &b->f->err));
                return key;
        case _COLUMN_MAX: break;
        }
        return 0;
}

/* A back-off has the name of the action that it keeps from being tried. */
static enum condition_kind condition_of(enum plan_action_kind action)
{
        return condition_kind_parse(plan_action_kind_to_string(action));
}

static void assert_blocked(const struct round *round, enum condition_kind kind, const char *object,
                           enum ec2_failure_class class)
{
        const struct condition *blocked = blocked_find(round, kind, object);
        int64_t least_ms = clock_boottime_ms() + ec2_retry_delay_ms(class, 0, 0) - 5000;

        if (!blocked)
                fail_msg("%s %s is not blocked", condition_kind_to_string(kind), object);
        assert_int_equal(blocked->attempts, 1);
        assert_int_equal(blocked->cause, blocked_cause(class));
        assert_true(*blocked->message);
        assert_true(blocked->retry_at_ms >= least_ms);
}

static void check(struct bench *b, struct round *round, enum column column, int64_t key, char outcome,
                  enum ec2_failure_class class)
{
        const struct eni *eni;

        /* What is blocked is tried again when the block ends, not when something else happens to come. */
        if (strchr("BDLSRK", outcome))
                assert_true(b->out.wake_ms > 0);
        eni = bench_eni(b, round, key);
        switch (outcome) {
        case 'B':
        case 'D':
        case 'L':
                assert_blocked(round, condition_of(kinds[column]), eni->eni_id, class);
                assert_int_equal(eni->in_doubt, outcome == 'D');
                assert_int_equal(b->out.resync_ec2_ms, outcome == 'L' ? SOON : 0);
                break;
        case 'S':
                assert_blocked(round, CONDITION_ASSIGN, SUBNET, class);
                assert_blocked(round, CONDITION_CREATE, SUBNET, class);
                assert_false(eni->in_doubt);
                break;
        case 'R':
        case 'F':
                assert_int_equal(round->n_enis, 1);
                assert_blocked(round, CONDITION_CREATE, outcome == 'F' ? SUBNET : "", class);
                break;
        case 'K':
                assert_int_equal(round->n_enis, 2);
                assert_int_equal(round->enis[1].state, ENI_CREATING);
                assert_blocked(round, CONDITION_RECREATE, round->enis[1].client_token, class);
                break;
        case 'X': assert_int_equal(eni->state, ENI_DELETING); break;
        case 'G':
                if (column == DELETE)
                        assert_null(eni);
                else
                        assert_string_equal(eni->attachment_id, "");
                assert_null(blocked_find(round, condition_of(kinds[column]), "eni-1"));
                break;
        default: fail_msg("outcome %c", outcome);
        }
}

static struct fake_answer refusal_of(size_t row)
{
        struct fake_answer answer = fake_refusal(rows[row].status, rows[row].code, rows[row].message);

        assert_int_equal(answer.result.class, rows[row].class);
        return answer;
}

static void run_cell(size_t row, enum column column)
{
        const struct fake_answer refusal = refusal_of(row);
        struct plan_action action = {.kind = kinds[column], .count = 1, .device_index = 1};
        struct round round;
        struct bench *b;
        void *state;

        assert_int_equal(bench_setup(&state), 0);
        b = state;
        bench_answer(b, &refusal, 1);
        action.key = prepare(b, column);
        round = bench_round(b, SOON);
        bench_act(b, &round, action);
        assert_int_equal(b->fake->n_calls, 1);
        check(b, &round, column, action.key, rows[row].outcome[column], rows[row].class);
        assert_int_equal(bench_teardown(&state), 0);
}

static void test_each_class_and_action_has_one_behaviour(void **state _unused_)
{
        bool seen[_EC2_FAILURE_MAX] = {[EC2_FAILURE_NONE] = true};

        for (size_t row = 0; row < ARRAY_SIZE(rows); row++) {
                seen[rows[row].class] = true;
                assert_int_equal(strlen(rows[row].outcome), _COLUMN_MAX);
                for (int column = 0; column < _COLUMN_MAX; column++) {
                        if (rows[row].outcome[column] == '-')
                                continue;
                        print_message("%s of %s\n", plan_action_kind_to_string(kinds[column]),
                                      ec2_failure_class_to_string(rows[row].class));
                        run_cell(row, (enum column)column);
                }
        }
        for (int class = 0; class < _EC2_FAILURE_MAX; class ++)
                assert_true(seen[class]);
}

/* A failing resync changes nothing and blocks looks, whatever the class. */
static void test_a_resync_that_fails_is_put_off(void **state _unused_)
{
        for (size_t row = 0; row < ARRAY_SIZE(rows); row++) {
                const struct fake_answer refusal = refusal_of(row);
                struct round round;
                struct bench *b;
                void *bench;

                assert_int_equal(bench_setup(&bench), 0);
                b = bench;
                bench_answer(b, &refusal, 1);
                bench_look(b, SOON);
                assert_int_equal(b->fake->n_calls, 1);
                round = bench_round(b, SOON);
                assert_blocked(&round, CONDITION_RESYNC, "", rows[row].class);
                assert_int_equal(round.enis[0].free, 3);
                assert_int_equal(bench_teardown(&bench), 0);
        }
}

/* ---- an ENI that is full earlier than we thought ---- */

static void test_a_full_eni_is_not_filled_and_growth_goes_elsewhere(void **state)
{
        struct bench *b = *state;
        const struct fake_answer refusal = fake_refusal(400, "PrivateIpAddressLimitExceeded", "too many");
        struct round round = bench_round(b, SOON);
        struct plan_view view;

        view_make(&b->r, &round, &view);
        assert_false(view.enis[0].full);
        bench_answer(b, &refusal, 1);
        bench_act(b, &round, (struct plan_action){.kind = PLAN_ASSIGN, .key = round.enis[0].key, .count = 1});
        view_make(&b->r, &round, &view);
        assert_true(view.enis[0].full);
        round = bench_round(b, SOON + ENI_FULL_MS + 1);
        view_make(&b->r, &round, &view);
        assert_false(view.enis[0].full);
}

/* ---- a token that was used with other parameters ---- */

/* What EC2 shows of the ENI that the token made. */
static struct ec2_eni made_before(struct bench *b)
{
        const struct eni as = fixture_eni(1);
        struct ip *address = ARENA_NEW(b->arena, struct ip);

        *address = fixture_ip(1, 1);
        return (struct ec2_eni){.eni_id = "eni-1",
                                .subnet_id = SUBNET,
                                .status = "available",
                                .mac = as.mac,
                                .primary = as.primary_address,
                                .secondary = address,
                                .n_secondary = 1};
}

/* shown: NULL for nothing. */
static struct round recreate_mismatched(struct bench *b, const struct ec2_eni *shown, unsigned times)
{
        struct fake_answer *answers = ARENA_ARRAY(b->arena, struct fake_answer, 2 * times);
        struct plan_action action = {.kind = PLAN_RECREATE, .key = prepare(b, RECREATE)};
        struct round round = {0};

        for (unsigned i = 0; i < times; i++) {
                answers[2 * i] = fake_refusal(400, "IdempotentParameterMismatch", "inconsistent");
                answers[2 * i + 1] = (struct fake_answer){.enis = shown, .n_enis = shown != NULL};
        }
        bench_answer(b, answers, 2 * times);
        for (unsigned i = 0; i < times; i++) {
                round = bench_round(b, SOON);
                bench_act(b, &round, action);
        }
        assert_int_equal(b->fake->n_calls, 2 * times);
        assert_string_equal(b->fake->calls[1],
                            "DescribeNetworkInterfaces tag:" OURS_TAG_TOKEN
                            "=vw-1-token tag:" OURS_TAG_INSTANCE "=" INSTANCE " follow-up");
        return bench_round(b, SOON);
}

static void test_a_token_used_before_finds_its_eni(void **state)
{
        struct bench *b = *state;
        const struct ec2_eni shown = made_before(b);
        struct round round = recreate_mismatched(b, &shown, 1);

        assert_contains(b->fake->calls[0], OURS_TAG_TOKEN "=vw-1-token");
        assert_int_equal(round.n_enis, 2);
        assert_string_equal(round.enis[1].eni_id, "eni-1");
        assert_int_equal(round.enis[1].state, ENI_ATTACHING);
        assert_int_equal(round.enis[1].preparing, 1);
        assert_null(blocked_find(&round, CONDITION_RECREATE, "vw-1-token"));
}

static void test_a_token_used_before_whose_eni_is_attached_is_left_to_a_resync(void **state)
{
        struct bench *b = *state;
        struct ec2_eni shown = made_before(b);
        struct round round;

        shown.attached = true;
        shown.attachment_id = "attach-1";
        round = recreate_mismatched(b, &shown, 1);
        assert_int_equal(round.n_enis, 1);
        assert_int_equal(b->out.resync_ec2_ms, SOON);
}

static void test_a_token_used_before_whose_eni_is_not_shown(void **state)
{
        struct bench *b = *state;
        struct round round = recreate_mismatched(b, NULL, 1);

        assert_int_equal(round.n_enis, 2);
        assert_int_equal(round.enis[1].state, ENI_CREATING);
        assert_blocked(&round, CONDITION_RECREATE, "vw-1-token", EC2_FAILURE_TOKEN_USED);
}

/* Calls that failed for other reasons are no looks for the ENI. */
static void test_what_came_before_is_no_look_for_a_token(void **state)
{
        struct bench *b = *state;
        struct plan_action action = {.kind = PLAN_RECREATE, .key = prepare(b, RECREATE)};
        const struct fake_answer unavailable = fake_refusal(503, "Unavailable", "try again"),
                                 mismatch[] = {fake_refusal(400, "IdempotentParameterMismatch", "other"),
                                               {.n_enis = 0}};
        struct round round;

        bench_answer(b, &unavailable, 1);
        for (unsigned i = 0; i < 2 * TOKEN_RESYNCS_MAX; i++) {
                round = bench_round(b, SOON);
                bench_act(b, &round, action);
        }
        bench_answer(b, mismatch, 2);
        bench_act(b, &round, action);
        assert_int_equal(bench_eni(b, &round, action.key)->state, ENI_CREATING);
}

static void test_a_token_used_before_whose_eni_is_never_shown_is_given_up(void **state)
{
        struct bench *b = *state;
        struct round round = recreate_mismatched(b, NULL, TOKEN_RESYNCS_MAX);

        assert_int_equal(round.n_enis, 1);
        assert_null(blocked_find(&round, CONDITION_RECREATE, "vw-1-token"));
}

/* What says nothing about the ENI is no reason to give it up, however often it is said. */
static void test_only_refusals_of_the_eni_count_as_attempts(void **state)
{
        struct bench *b = *state;
        const struct fake_answer throttled[] = {fake_refusal(503, "RequestLimitExceeded", "slow down"),
                                                fake_pause(1000)},
                                 refused = fake_refusal(400, "InvalidParameterValue",
                                                        "already at device index '1'");
        struct plan_action action = {.kind = PLAN_ATTACH, .device_index = 1};
        struct round round;

        action.key = prepare(b, ATTACH);
        for (unsigned i = 0; i < 2 * ATTACH_ATTEMPTS_MAX; i++) {
                bench_answer(b, throttled, ARRAY_SIZE(throttled));
                round = bench_round(b, SOON);
                bench_act(b, &round, action);
                bench_act(b, &round, action); /* put off by our own pace: not even sent */
                assert_int_equal(b->fake->n_calls, 1);
        }
        for (unsigned i = 1; i <= ATTACH_ATTEMPTS_MAX + 1; i++) {
                assert_int_equal(bench_eni(b, &round, action.key)->state, ENI_ATTACHING);
                bench_answer(b, &refused, 1);
                round = bench_round(b, SOON);
                bench_act(b, &round, action);
        }
        assert_int_equal(bench_eni(b, &round, action.key)->state, ENI_DELETING);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_each_class_and_action_has_one_behaviour),
                cmocka_unit_test(test_a_resync_that_fails_is_put_off),
                TEST(test_a_full_eni_is_not_filled_and_growth_goes_elsewhere),
                TEST(test_a_token_used_before_finds_its_eni),
                TEST(test_a_token_used_before_whose_eni_is_attached_is_left_to_a_resync),
                TEST(test_a_token_used_before_whose_eni_is_not_shown),
                TEST(test_a_token_used_before_whose_eni_is_never_shown_is_given_up),
                TEST(test_what_came_before_is_no_look_for_a_token),
                TEST(test_only_refusals_of_the_eni_count_as_attempts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
