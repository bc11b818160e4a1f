// SPDX-License-Identifier: Apache-2.0
/* Which Events are due and when, with a clock that only the test moves. */
#include "test.h"

#include <stdio.h>

#include <vpcwire/cleanup.h>

#include "kube/notices.h"

enum { START = 5 * 3600 * 1000, SECOND = 1000 };

struct bed {
        struct notices notices;
        int64_t now_ms;
        unsigned warnings, normals;
};

static const struct kube_notice denied = {"Denied", "Allowed", "Create", "not allowed", "allowed", false},
                                full = {"Full", "Roomy", "subnet-1", "full", "roomy", false};

static int set_up(void **state)
{
        static struct bed bed;

        bed = (struct bed){.now_ms = START};
        *state = &bed;
        return 0;
}

static int tear_down(void **state)
{
        struct bed *b = *state;

        notices_done(&b->notices);
        return 0;
}

static void begin(struct bed *b, const struct kube_notice *notice)
{
        bool any;

        assert_int_equal(notices_set(&b->notices, notice, 1, &any), 0);
        assert_true(any);
}

static void end(struct bed *b)
{
        bool any;

        assert_int_equal(notices_set(&b->notices, NULL, 0, &any), 0);
        assert_false(any);
}

/* Tells whatever is due now; returns how long to the next. */
static int64_t drain(struct bed *b)
{
        enum notice_type type;
        struct notice *notice;
        int64_t wait_ms = -1;

        while ((notice = notices_next(&b->notices, b->now_ms, &type, &wait_ms))) {
                b->warnings += type == NOTICE_WARNING;
                b->normals += type == NOTICE_NORMAL;
                notices_reported(&b->notices, notice, type, b->now_ms);
        }
        return wait_ms;
}

static void test_begins_lasts_ends(void **state)
{
        struct bed *b = *state;

        assert_int_equal(drain(b), -1);
        begin(b, &denied);
        assert_int_equal(drain(b), NOTICE_AGAIN_MS);
        assert_int_equal(b->warnings, 1);
        for (int i = 0; i < 10000; i++) {
                begin(b, &denied);
                b->now_ms += 10;
                drain(b);
        }
        assert_int_equal(b->warnings, 1);
        b->now_ms += NOTICE_AGAIN_MS;
        drain(b);
        assert_int_equal(b->warnings, 2);
        assert_int_equal(b->normals, 0);
        end(b);
        assert_int_equal(drain(b), -1);
        assert_int_equal(b->normals, 1);
        b->now_ms += 10 * (int64_t)NOTICE_AGAIN_MS;
        assert_int_equal(drain(b), -1);
        assert_int_equal(b->warnings + b->normals, 3);
}

static void test_comes_and_goes_ten_thousand_times(void **state)
{
        struct bed *b = *state;
        unsigned begun = 0;

        for (int i = 0; i < 10000; i++) {
                begin(b, &denied);
                begun++;
                drain(b);
                end(b);
                drain(b);
                b->now_ms += 6;
        }
        assert_int_equal(b->warnings + b->normals, NOTICE_BURST); /* it took a minute */
        begin(b, &denied);
        assert_int_equal(b->notices.slots[0].begun, begun + 1 - b->warnings);
        b->now_ms += drain(b);
        drain(b);
        assert_int_equal(b->warnings, NOTICE_BURST / 2 + 1);
        assert_int_equal(b->notices.slots[0].begun, 0);
}

/* Nobody takes anything for an hour: the latest of each is kept. */
static void test_nobody_listens(void **state)
{
        struct bed *b = *state;
        const struct kube_notice both[] = {denied, full};
        bool any;

        begin(b, &denied);
        end(b);
        assert_int_equal(drain(b), -1); /* over before it was reported: no word */
        for (int i = 0; i < 3600; i++) {
                begin(b, &denied);
                notices_set(&b->notices, both, 2, &any);
                b->now_ms += SECOND;
        }
        drain(b);
        assert_int_equal(b->warnings, 2);
        assert_int_equal(b->normals, 0);
}

static void test_all_together_are_limited(void **state)
{
        struct bed *b = *state;
        struct kube_notice many[NOTICES_MAX + 3];
        char subjects[NOTICES_MAX + 3][8];
        int64_t wait_ms;
        bool any;

        for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
                snprintf(subjects[i], sizeof(subjects[i]), "s%zu", i);
                many[i] = full;
                many[i].subject = subjects[i];
        }
        assert_int_equal(notices_set(&b->notices, many, ARRAY_SIZE(many), &any), 3);
        wait_ms = drain(b);
        assert_int_equal(b->warnings, NOTICES_BURST);
        assert_int_equal(wait_ms, NOTICES_PERIOD_MS);
        b->now_ms += wait_ms - 1;
        assert_int_equal(drain(b), 1);
        b->now_ms += 1;
        drain(b);
        assert_int_equal(b->warnings, NOTICES_BURST + 1);
        for (int i = 0; i < NOTICES_MAX; i++) {
                b->now_ms += NOTICES_PERIOD_MS;
                drain(b);
        }
        assert_int_equal(b->warnings, NOTICES_MAX);
}

static void test_keeps(void **state)
{
        struct bed *b = *state;
        struct kube_notice keeps = denied;
        bool any;

        keeps.keeps = true;
        notices_set(&b->notices, &keeps, 1, &any);
        assert_false(any);
        drain(b);
        begin(b, &denied);
        drain(b);
        notices_set(&b->notices, &keeps, 1, &any);
        assert_true(any);
        drain(b);
        assert_int_equal(b->warnings, 1);
        assert_int_equal(b->normals, 0);
        end(b);
        drain(b);
        assert_int_equal(b->normals, 1);
}

/* What is under way must stay where it is, whatever becomes of it meanwhile. */
static void test_slots_are_used_again(void **state)
{
        struct bed *b = *state;
        enum notice_type type;
        struct notice *sending;
        char subject[8];
        int64_t wait_ms;
        bool any;

        begin(b, &denied);
        sending = notices_next(&b->notices, b->now_ms, &type, &wait_ms);
        sending->sending = true;
        for (int i = 0; i < 3 * NOTICES_MAX; i++) {
                struct kube_notice other = full;

                snprintf(subject, sizeof(subject), "s%d", i);
                other.subject = subject;
                begin(b, &other);
                end(b);
        }
        assert_string_equal(sending->reason, "Denied");
        notices_reported(&b->notices, sending, type, b->now_ms);
        sending->sending = false;
        drain(b);
        assert_int_equal(b->normals, 1);
        notices_set(&b->notices, NULL, 0, &any);
}

static void test_long_messages_are_cut(void **state)
{
        struct bed *b = *state;
        char message[2 * NOTICE_MESSAGE_BYTES_MAX];
        struct kube_notice wordy = denied;

        memset(message, 'x', sizeof(message));
        message[sizeof(message) - 1] = '\0';
        wordy.message = message;
        begin(b, &wordy);
        assert_int_equal(strlen(b->notices.slots[0].message), NOTICE_MESSAGE_BYTES_MAX);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                T(test_begins_lasts_ends),
                T(test_comes_and_goes_ten_thousand_times),
                T(test_nobody_listens),
                T(test_all_together_are_limited),
                T(test_keeps),
                T(test_slots_are_used_again),
                T(test_long_messages_are_cut),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
