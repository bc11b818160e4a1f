// SPDX-License-Identifier: Apache-2.0
/* A resync: adding rests on what it shows, removing on what it twice does not show. */
#include "test.h"

#include <stdio.h>
#include <unistd.h>

#include <vpcwire/clock.h>

#include "reconcile/ours.h"
#include "reconcile_fixture.h"

enum { SOON = NOW + 1000, LATER = NOW + 1000 + RESYNC_SETTLE_MS, MUCH_LATER = LATER + RESYNC_SETTLE_MS };

/* The primary ENI with addresses 1..n of its own. */
static const char *primary(struct bench *b, unsigned n)
{
        struct ip addresses[8];

        for (unsigned i = 0; i < n; i++)
                addresses[i] = fixture_ip(0, i + 1);
        return bench_eni_xml(b, 0, INSTANCE, addresses, n);
}

static void test_ours_is_adopted_and_others_are_counted(void **state)
{
        struct bench *b = *state;
        struct ip ours = fixture_ip(1, 1), theirs = fixture_ip(2, 1);
        const char *enis[] = {primary(b, 3), bench_eni_xml(b, 1, INSTANCE, &ours, 1),
                              bench_eni_xml(b, 2, "i-other", &theirs, 1)};
        struct round round;

        bench_show(b, enis, 3);
        bench_look(b, SOON);
        round = bench_round(b, SOON);
        assert_int_equal(round.n_enis, 3);
        assert_true(round.enis[1].managed);
        assert_int_equal(round.enis[1].state, ENI_CONFIGURING);
        assert_int_equal(round.enis[1].preparing, 1);
        assert_false(round.enis[2].managed);
        assert_int_equal(round.enis[2].total, 0);
        assert_int_equal(httpd_requests(b->ec2), 1);
}

static void test_an_eni_that_says_no_is_left_alone(void **state)
{
        struct bench *b = *state;
        const char *tag =
                "<tagSet><item><key>node.k8s.amazonaws.com/no_manage</key><value>true</value></item>";
        struct ip address = fixture_ip(1, 1);
        const char *eni = bench_eni_xml(b, 1, INSTANCE, &address, 1), *at = strstr(eni, "<tagSet>");
        const char *enis[] = {primary(b, 3), arena_printf(b->arena, "%.*s%s%s", (int)(at - eni), eni, tag,
                                                          at + strlen("<tagSet>"))};
        struct round round;

        bench_show(b, enis, 2);
        bench_look(b, SOON);
        round = bench_round(b, SOON);
        assert_int_equal(round.n_enis, 2);
        assert_false(round.enis[1].managed);
        assert_int_equal(round.enis[1].total, 0);
}

static void test_an_address_is_gone_after_two_resyncs(void **state)
{
        struct bench *b = *state;
        const char *enis[] = {primary(b, 2)};

        bench_show(b, enis, 1);
        bench_look(b, SOON);
        assert_string_equal(fixture_address_state(b->f, fixture_ip(0, 3), SOON), "preparing");
        assert_true(b->r.resync.due_ms <= LATER + 1000);
        bench_look(b, LATER);
        assert_string_equal(fixture_address_state(b->f, fixture_ip(0, 3), LATER), "");
        assert_string_equal(fixture_address_state(b->f, fixture_ip(0, 2), LATER), "free");
}

static void test_an_address_that_comes_back_is_no_suspect(void **state)
{
        struct bench *b = *state;
        const char *without[] = {primary(b, 2)}, *with[] = {primary(b, 3)};

        bench_show(b, without, 1);
        bench_look(b, SOON);
        bench_show(b, with, 1);
        bench_look(b, SOON + 1000);
        bench_show(b, without, 1);
        bench_look(b, LATER);
        assert_string_equal(fixture_address_state(b->f, fixture_ip(0, 3), LATER), "preparing");
}

static void test_a_leased_address_is_lost_and_its_lease_stays(void **state)
{
        struct bench *b = *state;
        struct lease lease = fixture_lease(b->f, "a", NOW), *leases;
        const char *enis[] = {primary(b, 0)};
        size_t n;

        bench_show(b, enis, 1);
        bench_look(b, SOON);
        bench_look(b, LATER);
        assert_ok(store_leases(b->f->store, NULL, b->arena, &leases, &n, &b->f->err), &b->f->err);
        assert_int_equal(n, 1);
        assert_true(leases[0].lost);
        assert_true(ip_equal(leases[0].address, lease.address));
        assert_int_equal(fixture_counts(b->f, LATER).free, 0);
}

static void test_an_eni_with_leases_is_never_removed(void **state)
{
        struct bench *b = *state;
        int64_t key = fixture_ready_eni(b->f, 1, 1);
        const char *enis[] = {primary(b, 3)};
        struct round round;

        for (int i = 0; i < 4; i++)
                fixture_lease(b->f, (const char *[]){"a", "b", "c", "d"}[i], NOW);
        bench_show(b, enis, 1);
        bench_look(b, SOON);
        round = bench_round(b, SOON);
        assert_int_equal(observe_eni(&round, key)->leased, 1);
        bench_look(b, LATER);
        bench_look(b, MUCH_LATER);
        round = bench_round(b, MUCH_LATER);
        assert_non_null(observe_eni(&round, key));
        assert_int_equal(observe_eni(&round, key)->lost, 1);
        assert_string_equal(observe_eni(&round, key)->attachment_id, "");
}

static void test_an_empty_eni_is_dropped_after_two_resyncs(void **state)
{
        struct bench *b = *state;
        int64_t key = fixture_ready_eni(b->f, 1, 2);
        const char *enis[] = {primary(b, 3)};

        bench_show(b, enis, 1);
        bench_look(b, SOON);
        assert_string_equal(fixture_eni_state(b->f, key), "ready");
        bench_look(b, LATER);
        assert_string_equal(fixture_eni_state(b->f, key), "");
}

static void test_a_failing_resync_changes_nothing(void **state)
{
        struct bench *b = *state;
        struct httpd_reply replies[] = {{.status = 503,
                                         .body = bench_error(b, "Unavailable", "try again later"),
                                         .times = HTTPD_ALWAYS}};
        struct round round;

        bench_script(b, replies, 1);
        bench_look(b, SOON);
        bench_look(b, LATER);
        assert_int_equal(fixture_counts(b->f, LATER).free, 3);
        round = bench_round(b, LATER);
        assert_non_null(blocked_find(&round, CONDITION_RESYNC, ""));
        assert_int_equal(blocked_find(&round, CONDITION_RESYNC, "")->attempts, 2);
}

static void test_an_empty_answer_is_not_believed(void **state)
{
        struct bench *b = *state;

        bench_show(b, NULL, 0);
        bench_look(b, SOON);
        bench_look(b, LATER);
        bench_look(b, MUCH_LATER);
        assert_int_equal(fixture_counts(b->f, LATER).free, 3);
}

static void test_an_attach_in_doubt_is_seen(void **state)
{
        struct bench *b = *state;
        struct eni eni = fixture_eni(1);
        const char *enis[] = {primary(b, 3), bench_eni_xml(b, 1, INSTANCE, NULL, 0)};
        struct round round;
        int64_t key;

        snprintf(eni.client_token, sizeof(eni.client_token), "token");
        assert_ok(store_eni_begin(b->f->store, &eni, NOW, &key, &b->f->err), &b->f->err);
        assert_ok(store_eni_created(b->f->store, key, &eni, NULL, 0, NOW, &b->f->err), &b->f->err);
        assert_ok(store_eni_set_in_doubt(b->f->store, key, true, &b->f->err), &b->f->err);
        bench_show(b, enis, 2);
        bench_look(b, SOON);
        round = bench_round(b, SOON);
        assert_false(observe_eni(&round, key)->in_doubt);
        assert_string_equal(observe_eni(&round, key)->attachment_id, "attach-1");
        assert_int_equal(observe_eni(&round, key)->state, ENI_ATTACHING);
}

static void test_an_eni_that_somebody_else_attached_is_forgotten(void **state)
{
        struct bench *b = *state;
        struct eni eni = fixture_eni(1);
        const char *attached[] = {primary(b, 3)}, *mine = bench_eni_xml(b, 1, INSTANCE, NULL, 0),
                   *at = strstr(mine, "<instanceId>" INSTANCE);
        const char *ours[] = {arena_printf(b->arena, "%.*s<instanceId>i-other%s", (int)(at - mine), mine,
                                           at + strlen("<instanceId>" INSTANCE))};
        struct httpd_reply replies[] = {{.body = bench_describe(b, attached, 1)},
                                        {.body = bench_describe(b, ours, 1)}};
        int64_t key;

        snprintf(eni.client_token, sizeof(eni.client_token), "token");
        assert_ok(store_eni_begin(b->f->store, &eni, NOW, &key, &b->f->err), &b->f->err);
        assert_ok(store_eni_created(b->f->store, key, &eni, NULL, 0, NOW, &b->f->err), &b->f->err);
        assert_ok(store_eni_set_in_doubt(b->f->store, key, true, &b->f->err), &b->f->err);
        bench_script(b, replies, 2);
        bench_look(b, SOON);
        assert_string_equal(fixture_eni_state(b->f, key), "");
        assert_int_equal(httpd_requests(b->ec2), 2);
}

/* One resync that lies must not leave an ENI attached for good, with all its addresses. */
static void test_a_detach_goes_on_when_the_eni_is_seen_attached_again(void **state)
{
        struct bench *b = *state;
        const char *without[] = {primary(b, 3)},
                   *with[] = {primary(b, 3), bench_eni_xml(b, 1, INSTANCE, NULL, 0)};
        int64_t key = fixture_ready_eni(b->f, 1, 0);
        struct round round;
        bool done = false;

        assert_ok(store_eni_set_state(b->f->store, key, ENI_DRAINING, "", NOW, &done, &b->f->err),
                  &b->f->err);
        assert_ok(store_eni_set_state(b->f->store, key, ENI_DETACHING, "", NOW, &done, &b->f->err),
                  &b->f->err);
        assert_true(done);
        bench_show(b, without, 1);
        bench_look(b, SOON);
        bench_show(b, with, 2);
        bench_look(b, LATER);
        round = bench_round(b, LATER);
        assert_int_equal(observe_eni(&round, key)->state, ENI_DETACHING);
        assert_string_equal(observe_eni(&round, key)->attachment_id, "attach-1");
}

/* Given up while EC2's views differ: its attach call was answered to nobody, and carried out. */
static void test_an_eni_given_up_that_is_attached_is_detached_and_deleted(void **state)
{
        struct bench *b = *state;
        struct eni eni = fixture_eni(1);
        const char *with[] = {primary(b, 3), bench_eni_xml(b, 1, INSTANCE, NULL, 0)};
        struct httpd_reply replies[] = {{.body = "<DetachNetworkInterfaceResponse><return>true</return></"
                                                 "DetachNetworkInterfaceResponse>"},
                                        {.body = "<DeleteNetworkInterfaceResponse><return>true</return></"
                                                 "DeleteNetworkInterfaceResponse>"}};
        struct round round;
        bool done = false;
        int64_t key;

        snprintf(eni.client_token, sizeof(eni.client_token), "token");
        assert_ok(store_eni_begin(b->f->store, &eni, NOW, &key, &b->f->err), &b->f->err);
        assert_ok(store_eni_created(b->f->store, key, &eni, NULL, 0, NOW, &b->f->err), &b->f->err);
        assert_ok(store_eni_set_state(b->f->store, key, ENI_DELETING, "given up", NOW, &done, &b->f->err),
                  &b->f->err);
        bench_show(b, with, 2);
        bench_look(b, SOON);
        round = bench_round(b, SOON);
        assert_string_equal(observe_eni(&round, key)->attachment_id, "attach-1");
        bench_script(b, replies, 2);
        bench_act(b, &round, (struct plan_action){.kind = PLAN_DETACH, .key = key});
        assert_string_equal(bench_eni(b, &round, key)->attachment_id, "");
        bench_act(b, &round, (struct plan_action){.kind = PLAN_DELETE, .key = key});
        assert_null(bench_eni(b, &round, key));
}

/* ---- orphans ---- */

#define ORPHAN_TAGS(instance, created_at)                                                                    \
        "<item><key>" OURS_TAG_INSTANCE "</key><value>" instance                                             \
        "</value></item><item><key>" OURS_TAG_CREATED_AT "</key><value>" created_at "</value></item>"

struct orphan {
        const char *id, *tags;
        const char *status, *description, *attachment; /* NULL: as an orphan's */
};

static const char *orphan_xml(struct bench *b, const struct orphan *o)
{
        return arena_printf(b->arena,
                            "<networkInterfaceId>%s</networkInterfaceId><subnetId>" SUBNET "</subnetId>"
                            "<status>%s</status><description>%s</description><privateIpAddress>10.0.9.1</"
                            "privateIpAddress>%s<tagSet>%s</tagSet>",
                            o->id, o->status ?: "available", o->description ?: "aws-K8S-" INSTANCE,
                            o->attachment ?: "", o->tags);
}

/* What it leaves is b->out. */
static struct round sweep_round(struct bench *b, struct round round)
{
        assert_ok(ours_sweep(&b->r.sweep, &b->r.ctx, &round, bench_out(b), &b->f->err), &b->f->err);
        return round;
}

/* A sweep that is due: EC2 shows these by our tag. */
static struct round sweep(struct bench *b, const struct orphan *orphans, size_t n,
                          const struct httpd_reply *deletion, int64_t now_ms)
{
        struct httpd_reply *replies = arena_alloc(b->arena, 2, sizeof(*replies));
        const char **list = arena_alloc(b->arena, n, sizeof(*list));

        for (size_t i = 0; i < n; i++)
                list[i] = orphan_xml(b, &orphans[i]);
        replies[0].body = bench_describe(b, list, n);
        replies[1] = *deletion;
        bench_script(b, replies, 2);
        ours_sweep_at(&b->r.sweep, now_ms);
        return sweep_round(b, bench_round(b, now_ms));
}

static const struct httpd_reply deleted = {
        .body = "<DeleteNetworkInterfaceResponse><return>true</return></DeleteNetworkInterfaceResponse>",
        .times = HTTPD_ALWAYS};

static const char *created_ago(struct bench *b, int64_t ago_s)
{
        char *text = arena_alloc(b->arena, OURS_TIME_BYTES, 1);

        ours_format_time(clock_wall_ms() / 1000 - ago_s, text);
        return text;
}

static void test_an_orphan_is_deleted(void **state)
{
        struct bench *b = *state;
        struct orphan orphan = {.id = "eni-lost", .tags = ORPHAN_TAGS(INSTANCE, "2024-02-29T12:00:00Z")};

        sweep(b, &orphan, 1, &deleted, SOON);
        assert_int_equal(httpd_requests(b->ec2), 2);
        assert_contains(httpd_request(b->ec2, 0)->body, "tag%3Anode.k8s.amazonaws.com");
        assert_contains(httpd_request(b->ec2, 1)->body, "Action=DeleteNetworkInterface");
        assert_contains(httpd_request(b->ec2, 1)->body, "eni-lost");
        assert_int_equal(b->r.sweep.due_ms, SOON + OURS_SWEEP_PERIOD_MS);
        /* Not again before it is due. */
        sweep_round(b, bench_round(b, LATER));
        assert_int_equal(b->out.wake_ms, SOON + OURS_SWEEP_PERIOD_MS);
        assert_int_equal(httpd_requests(b->ec2), 2);
}

/* Nobody waits for it: it lets go first what a round still has to do, and ADDs that wait, but these not for ever. */
static void test_a_sweep_comes_last(void **state)
{
        struct bench *b = *state;
        struct httpd_reply none = {.body = bench_describe(b, NULL, 0), .times = HTTPD_ALWAYS};
        struct round round = bench_round(b, SOON);

        bench_script(b, &none, 1);
        ours_sweep_at(&b->r.sweep, SOON);
        round.so_far.again = true;
        sweep_round(b, round);
        round.so_far.again = false;
        round.n_enis = 0;
        sweep_round(b, round);
        round = bench_round(b, SOON);
        round.counts.waiting = 1;
        sweep_round(b, round);
        assert_int_equal(b->out.wake_ms, SOON + RESYNC_YIELDS_MS);
        assert_int_equal(httpd_requests(b->ec2), 0);
        round.now_ms = SOON + RESYNC_YIELDS_MS;
        sweep_round(b, round);
        assert_int_equal(httpd_requests(b->ec2), 1);
}

/* A refused one is repeated alone, and says when. */
static void test_a_refused_sweep_is_asked_again(void **state)
{
        struct bench *b = *state;
        struct httpd_reply replies[] = {
                {.status = 503, .body = bench_error(b, "RequestLimitExceeded", "slow down")},
                {.body = bench_describe(b, NULL, 0), .times = HTTPD_ALWAYS}};
        struct round round;

        bench_script(b, replies, 2);
        ours_sweep_at(&b->r.sweep, SOON);
        round = sweep_round(b, bench_round(b, SOON));
        assert_non_null(blocked_find(&round, CONDITION_FIND_ORPHANS, ""));
        assert_int_equal(b->out.wake_ms, blocked_find(&round, CONDITION_FIND_ORPHANS, "")->retry_at_ms);
        sweep_round(b, bench_round(b, SOON));
        assert_int_equal(b->out.wake_ms, blocked_find(&round, CONDITION_FIND_ORPHANS, "")->retry_at_ms);
        assert_int_equal(httpd_requests(b->ec2), 1);
}

/* After a refusal one call at a time passes: the two lists of a resync must not wait for each other in turn. */
static void test_a_resync_of_two_lists_ends_after_a_refusal(void **state)
{
        struct bench *b = *state;
        struct eni eni = fixture_eni(1);
        const char *enis[] = {primary(b, 3)};
        struct httpd_reply replies[] = {
                {.status = 503, .body = bench_error(b, "RequestLimitExceeded", "slow down")},
                {.body = bench_describe(b, enis, 1), .times = HTTPD_ALWAYS}};
        int64_t end_ms = clock_boottime_ms() + TEST_PATIENCE_MS, start_ms, key;
        struct round round;

        /* Not attached yet: only our tag finds it. */
        snprintf(eni.client_token, sizeof(eni.client_token), "token");
        assert_ok(store_eni_begin(b->f->store, &eni, NOW, &key, &b->f->err), &b->f->err);
        assert_ok(store_eni_created(b->f->store, key, &eni, NULL, 0, NOW, &b->f->err), &b->f->err);
        bench_script(b, replies, 2);
        start_ms = clock_boottime_ms();
        bench_look(b, SOON);
        round = bench_round(b, SOON);
        assert_true(blocked_find(&round, CONDITION_RESYNC, "")->retry_at_ms >= start_ms + 100);
        while (httpd_requests(b->ec2) < 2 && clock_boottime_ms() < end_ms) {
                usleep(10 * 1000);
                bench_look(b, SOON);
        }
        assert_int_equal(httpd_requests(b->ec2), 3);
        /* It has asked what a sweep asks. */
        assert_int_equal(b->r.sweep.due_ms, SOON + OURS_SWEEP_PERIOD_MS);
}

static void test_what_is_not_provably_ours_and_unused_is_not_touched(void **state)
{
        static const char attachment[] = "<attachment><attachmentId>a-1</attachmentId><instanceId>i-9</"
                                         "instanceId><deviceIndex>1</deviceIndex></attachment>";
        static const char old[] = ORPHAN_TAGS(INSTANCE, "2024-01-01T00:00:00Z");
        struct bench *b = *state;
        struct orphan orphans[] = {
                {"eni-a", old, .status = "in-use"},
                {"eni-b", old, .attachment = attachment},
                {"eni-c", old, .status = "pending"},
                {"eni-d", old, .description = "aws-K8S-i-other"},
                {"eni-e", old, .description = ""},
                {"eni-f", ORPHAN_TAGS("i-other", "2024-01-01T00:00:00Z")},
                {"eni-g", ORPHAN_TAGS(INSTANCE, "yesterday")},
                {"eni-h", ORPHAN_TAGS(INSTANCE, "")},
                {"eni-i", ORPHAN_TAGS(INSTANCE, "2024-02-31T00:00:00Z")},
                {"eni-j", ORPHAN_TAGS(INSTANCE, "2024-01-01T00:00:00Z and more")},
                {"eni-k", ORPHAN_TAGS(INSTANCE, "2024-1-1T0:0:0Z")},
                {"eni-l", ORPHAN_TAGS(INSTANCE, "2999-01-01T00:00:00Z")},
                {"eni-m", "<item><key>" OURS_TAG_INSTANCE "</key><value>" INSTANCE "</value></item>"},
                {"eni-n", ORPHAN_TAGS(INSTANCE, "2024-01-01T00:00:00Z") "<item><key>" OURS_TAG_NO_MANAGE
                                                                        "</key><value>true</value></item>"},
        };

        sweep(b, orphans, ARRAY_SIZE(orphans), &deleted, SOON);
        assert_int_equal(httpd_requests(b->ec2), 1);
}

static void test_a_young_orphan_is_resynced_in_time(void **state)
{
        struct bench *b = *state;
        const char *tags = arena_printf(b->arena, ORPHAN_TAGS(INSTANCE, "%s"), created_ago(b, 100));
        struct orphan orphan = {.id = "eni-young", .tags = tags};

        sweep(b, &orphan, 1, &deleted, SOON);
        assert_int_equal(httpd_requests(b->ec2), 1);
        assert_in_range(b->r.sweep.due_ms, SOON + 190 * 1000, SOON + 202 * 1000);
        assert_int_equal(b->out.wake_ms, b->r.sweep.due_ms);
}

static void test_what_is_in_the_database_is_no_orphan(void **state)
{
        static const char old[] = ORPHAN_TAGS(INSTANCE, "2024-01-01T00:00:00Z");
        struct bench *b = *state;
        struct eni eni = fixture_eni(1);
        struct orphan orphans[] = {
                {"eni-1", old},
                {"eni-awaited",
                 ORPHAN_TAGS(INSTANCE, "2024-01-01T00:00:00Z") "<item><key>" OURS_TAG_TOKEN
                                                               "</key><value>token-2</value></item>"},
                {"eni-without-token", old},
        };
        int64_t key;

        snprintf(eni.client_token, sizeof(eni.client_token), "token-1");
        assert_ok(store_eni_begin(b->f->store, &eni, NOW, &key, &b->f->err), &b->f->err);
        assert_ok(store_eni_created(b->f->store, key, &eni, NULL, 0, NOW, &b->f->err), &b->f->err);
        eni.device_index = 2;
        snprintf(eni.client_token, sizeof(eni.client_token), "token-2");
        assert_ok(store_eni_begin(b->f->store, &eni, NOW, &key, &b->f->err), &b->f->err);
        sweep(b, orphans, ARRAY_SIZE(orphans), &deleted, SOON);
        assert_int_equal(httpd_requests(b->ec2), 1);
}

static void test_a_refused_deletion_is_written_down(void **state)
{
        struct bench *b = *state;
        struct orphan orphan = {.id = "eni-lost", .tags = ORPHAN_TAGS(INSTANCE, "2024-01-01T00:00:00Z")};
        struct httpd_reply refused = {.status = 403,
                                      .body = bench_error(b, "UnauthorizedOperation", "not allowed"),
                                      .times = HTTPD_ALWAYS};
        int64_t now_ms = clock_boottime_ms();
        struct round round = sweep(b, &orphan, 1, &refused, now_ms);

        assert_non_null(blocked_find(&round, CONDITION_DELETE_ORPHAN, "eni-lost"));
        assert_int_equal(b->r.sweep.due_ms, now_ms + OURS_ORPHAN_AGE_MS);
        sweep(b, &orphan, 1, &refused, now_ms + 1);
        assert_int_equal(httpd_requests(b->ec2), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_ours_is_adopted_and_others_are_counted),
                TEST(test_an_eni_that_says_no_is_left_alone),
                TEST(test_an_address_is_gone_after_two_resyncs),
                TEST(test_an_address_that_comes_back_is_no_suspect),
                TEST(test_a_leased_address_is_lost_and_its_lease_stays),
                TEST(test_an_eni_with_leases_is_never_removed),
                TEST(test_an_empty_eni_is_dropped_after_two_resyncs),
                TEST(test_a_failing_resync_changes_nothing),
                TEST(test_an_empty_answer_is_not_believed),
                TEST(test_an_attach_in_doubt_is_seen),
                TEST(test_an_eni_that_somebody_else_attached_is_forgotten),
                TEST(test_a_detach_goes_on_when_the_eni_is_seen_attached_again),
                TEST(test_an_eni_given_up_that_is_attached_is_detached_and_deleted),
                TEST(test_an_orphan_is_deleted),
                TEST(test_a_sweep_comes_last),
                TEST(test_a_refused_sweep_is_asked_again),
                TEST(test_a_resync_of_two_lists_ends_after_a_refusal),
                TEST(test_what_is_not_provably_ours_and_unused_is_not_touched),
                TEST(test_a_young_orphan_is_resynced_in_time),
                TEST(test_what_is_in_the_database_is_no_orphan),
                TEST(test_a_refused_deletion_is_written_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
