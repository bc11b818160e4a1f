// SPDX-License-Identifier: Apache-2.0
/* A resync with an ENI in it that cannot be read: no absence, no news, told once; and what a resync leaves to be repeated. */
#include "test.h"

#include <stdio.h>
#include <unistd.h>

#include <vpcwire/clock.h>

#include "reconcile_fixture.h"

enum { SOON = NOW + 1000, LATER = NOW + 1000 + RESYNC_SETTLE_MS, MUCH_LATER = LATER + RESYNC_SETTLE_MS };

static const char *primary(struct bench *b)
{
        struct ip addresses[] = {fixture_ip(0, 1), fixture_ip(0, 2), fixture_ip(0, 3)};

        return bench_eni_xml(b, 0, INSTANCE, addresses, ARRAY_SIZE(addresses));
}

/* The text with the first `from` in it replaced. */
static const char *with(struct bench *b, const char *text, const char *from, const char *to)
{
        const char *at = strstr(text, from);

        assert_non_null(at);
        return arena_printf(b->arena, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static unsigned n_events(struct bench *b, const char *kind)
{
        struct store_event *events;
        unsigned found = 0;
        size_t n;

        assert_ok(store_events(b->f->store, 0, 1000, b->arena, &events, &n, &b->f->err), &b->f->err);
        for (size_t i = 0; i < n; i++)
                found += strcmp(events[i].kind, kind) == 0;
        return found;
}

static void test_an_unreadable_eni_is_not_absent_and_others_are_taken_in(void **state)
{
        static const struct {
                const char *name, *from, *to;
        } broken[] = {
                {"no device index", "<deviceIndex>1</deviceIndex>", ""},
                {"a MAC that is none", "<macAddress>02:", "<macAddress>xx:"},
                {"an address that is none", "<privateIpAddress>10.", "<privateIpAddress>300."},
                {"an id that is none", "<networkInterfaceId>eni-1<", "<networkInterfaceId><"},
                {"a bool that is none", "<primary>false", "<primary>perhaps"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
                struct ip own = fixture_ip(1, 1), new = fixture_ip(2, 1);
                const char *enis[3];
                struct round round;
                struct bench *b;
                void *state_ = NULL;
                int64_t key;

                print_message("%s\n", broken[i].name);
                assert_int_equal(bench_setup(&state_), 0);
                b = state_;
                key = fixture_ready_eni(b->f, 1, 1);
                enis[0] = primary(b);
                enis[1] = with(b, bench_eni_xml(b, 1, INSTANCE, &own, 1), broken[i].from, broken[i].to);
                enis[2] = bench_eni_xml(b, 2, INSTANCE, &new, 1);
                bench_show(b, enis, 3);
                bench_look(b, SOON);
                bench_look(b, LATER);
                bench_look(b, MUCH_LATER);
                assert_string_equal(fixture_eni_state(b->f, key), "ready");
                assert_string_equal(fixture_address_state(b->f, own, MUCH_LATER), "free");
                round = bench_round(b, MUCH_LATER);
                assert_int_equal(round.n_enis, 3);
                assert_int_equal(round.enis[2].preparing, 1);
                assert_int_equal(n_events(b, "ec2-unreadable"), 1);
                /* Absent for sure from here on: the clock starts now, and not when it could not be read. */
                enis[1] = enis[2];
                bench_show(b, enis, 2);
                bench_look(b, MUCH_LATER + 1000);
                assert_string_equal(fixture_eni_state(b->f, key), "ready");
                bench_look(b, MUCH_LATER + 1000 + RESYNC_SETTLE_MS);
                assert_string_equal(fixture_eni_state(b->f, key), "");
                assert_int_equal(bench_teardown(&state_), 0);
        }
        (void)state;
}

static void test_when_nothing_can_be_read_nothing_changes(void **state)
{
        struct bench *b = *state;
        const char *enis[] = {with(b, primary(b), "<deviceIndex>0</deviceIndex>", "")};

        bench_show(b, enis, 1);
        bench_look(b, SOON);
        bench_look(b, LATER);
        assert_int_equal(fixture_counts(b->f, LATER).free, 3);
}

static void test_a_doubt_is_asked_about_more_and_more_slowly(void **state)
{
        struct bench *b = *state;
        struct eni eni = fixture_eni(1);
        const char *enis[] = {primary(b)};
        int64_t key, at_ms = SOON;
        struct round round;

        snprintf(eni.client_token, sizeof(eni.client_token), "token");
        assert_ok(store_eni_begin(b->f->store, &eni, NOW, &key, &b->f->err), &b->f->err);
        assert_ok(store_eni_created(b->f->store, key, &eni, NULL, 0, NOW, &b->f->err), &b->f->err);
        assert_ok(store_eni_set_in_doubt(b->f->store, key, true, &b->f->err), &b->f->err);
        bench_show(b, enis, 1);
        for (unsigned i = 1; i <= 3; i++) {
                const struct condition *blocked;
                struct plan_view view;

                bench_look(b, at_ms);
                round = bench_round(b, at_ms);
                blocked = blocked_find(&round, CONDITION_RESYNC, eni.eni_id);
                assert_non_null(blocked);
                assert_int_equal(blocked->attempts, i);
                assert_true(blocked->retry_at_ms > at_ms);
                view_make(&b->r, &round, &view);
                assert_int_equal(view.enis[1].step_not_before_ms, blocked->retry_at_ms);
                at_ms = blocked->retry_at_ms;
        }
        enis[0] = bench_eni_xml(b, 1, INSTANCE, NULL, 0);
        bench_show(b, enis, 1);
        bench_look(b, at_ms);
        round = bench_round(b, at_ms);
        assert_null(blocked_find(&round, CONDITION_RESYNC, eni.eni_id));
        assert_false(observe_eni(&round, key)->in_doubt);
}

/* ---- delete on termination ---- */

static const char *unmarked(struct bench *b)
{
        return with(b, bench_eni_xml(b, 1, INSTANCE, NULL, 0),
                    "<deleteOnTermination>true</deleteOnTermination>", "");
}

static void repeat_mark(struct bench *b, int64_t now_ms)
{
        struct round round = bench_round(b, now_ms);

        assert_ok(mark_repeat(&b->r.unmarked, &b->r.ctx, &round, bench_out(b), &b->f->err), &b->f->err);
}

static void test_delete_on_termination_is_asked_for_until_it_is_set(void **state)
{
        static const struct httpd_reply done = {
                .body = "<ModifyNetworkInterfaceAttributeResponse><return>true"
                        "</return></ModifyNetworkInterfaceAttributeResponse>",
                .times = HTTPD_ALWAYS};
        struct bench *b = *state;
        int64_t now_ms = clock_boottime_ms(), key = fixture_ready_eni(b->f, 1, 0);
        const char *enis[] = {primary(b), unmarked(b)};
        struct httpd_reply replies[] = {
                {.body = bench_describe(b, enis, 2)},
                {.status = 403, .body = bench_error(b, "UnauthorizedOperation", "not allowed")},
                done,
        };
        struct round round;

        bench_script(b, replies, ARRAY_SIZE(replies));
        bench_look(b, now_ms);
        assert_int_equal(b->r.unmarked.n, 1);
        repeat_mark(b, now_ms);
        assert_int_equal(httpd_requests(b->ec2), 2);
        repeat_mark(b, now_ms);
        assert_int_equal(httpd_requests(b->ec2), 2);
        round = bench_round(b, now_ms);
        assert_int_equal(round.n_conditions, 1);
        repeat_mark(b, round.conditions[0].retry_at_ms);
        assert_int_equal(httpd_requests(b->ec2), 3);
        assert_contains(httpd_request(b->ec2, 2)->body, "Attachment.DeleteOnTermination=true");
        assert_int_equal(b->r.unmarked.n, 0);
        assert_string_equal(fixture_eni_state(b->f, key), "ready");
}

static void test_the_mark_of_a_new_one_waits_for_its_row(void **state)
{
        struct bench *b = *state;
        const char *enis[] = {primary(b), unmarked(b)};
        struct round before;

        bench_show(b, enis, 2);
        before = bench_round(b, SOON);
        bench_look(b, SOON);
        assert_ok(mark_repeat(&b->r.unmarked, &b->r.ctx, &before, bench_out(b), &b->f->err), &b->f->err);
        assert_int_equal(b->r.unmarked.n, 1);
        assert_int_equal(httpd_requests(b->ec2), 1);
        repeat_mark(b, SOON);
        assert_int_equal(httpd_requests(b->ec2), 2);
}

static void test_what_is_not_ours_is_not_marked(void **state)
{
        struct bench *b = *state;
        const char *enis[] = {primary(b), with(b, unmarked(b), INSTANCE "</value>", "i-other</value>")};

        bench_show(b, enis, 2);
        bench_look(b, SOON);
        assert_int_equal(b->r.unmarked.n, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_an_unreadable_eni_is_not_absent_and_others_are_taken_in),
                TEST(test_when_nothing_can_be_read_nothing_changes),
                TEST(test_a_doubt_is_asked_about_more_and_more_slowly),
                TEST(test_delete_on_termination_is_asked_for_until_it_is_set),
                TEST(test_the_mark_of_a_new_one_waits_for_its_row),
                TEST(test_what_is_not_ours_is_not_marked),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
