// SPDX-License-Identifier: Apache-2.0
/*
 * What EC2 says against what we did or what pods have: a Describe that is late, a tag that is gone, an address that one resync
 * does not show, an observation that the database cannot hold. What is in doubt is kept, and not given out.
 */
#include "test.h"

#include <stdio.h>

#include <vpcwire/clock.h>

#include "reconcile/act.h"
#include "reconcile_fixture.h"

enum { SOON = NOW + 1000, LATER = NOW + 1000 + RESYNC_SETTLE_MS, MUCH_LATER = LATER + RESYNC_SETTLE_MS };

#define RETURNED(action) "<" action "Response><return>true</return></" action "Response>"
#define NO_MANAGE        "<item><key>node.k8s.amazonaws.com/no_manage</key><value>true</value></item>"

/* An ENI of that device with addresses 1..n of its own. */
static const char *shown(struct bench *b, unsigned device, const char *owner, unsigned n)
{
        struct ip addresses[8];

        for (unsigned i = 0; i < n; i++)
                addresses[i] = fixture_ip(device, i + 1);
        return bench_eni_xml(b, device, owner, addresses, n);
}

static const char *with_no_manage(struct bench *b, const char *eni)
{
        const char *at = strstr(eni, "<tagSet>") + strlen("<tagSet>");

        return arena_printf(b->arena, "%.*s" NO_MANAGE "%s", (int)(at - eni), eni, at);
}

static const char *state_of(struct bench *b, unsigned device, unsigned n, int64_t now_ms)
{
        return fixture_address_state(b->f, fixture_ip(device, n), now_ms);
}

/* Gives back the three addresses of the primary ENI. */
static void give_back(struct bench *b, int64_t now_ms)
{
        struct httpd_reply reply = {.body = RETURNED("UnassignPrivateIpAddresses"), .times = HTTPD_ALWAYS};
        struct round round = bench_round(b, now_ms);

        bench_script(b, &reply, 1);
        bench_act(b, &round,
                  (struct plan_action){.kind = PLAN_UNASSIGN, .key = round.enis[0].key, .count = 3});
        assert_int_equal(fixture_counts(b->f, now_ms).total, 0);
}

/* As a round with the network does it: what may be offered is. */
static void route(struct bench *b, unsigned device, unsigned n, int64_t now_ms)
{
        struct round round = bench_round(b, now_ms);
        struct ip addresses[8];
        unsigned n_free;
        bool done;

        for (unsigned i = 0; i < n; i++)
                addresses[i] = fixture_ip(device, i + 1);
        for (size_t i = 0; i < round.n_enis; i++) {
                if (round.enis[i].device_index != device)
                        continue;
                assert_ok(store_blocks_routed(b->f->store, round.enis[i].key,
                                              fixture_hosts(b->f->arena, addresses, n), n, &n_free,
                                              &b->f->err),
                          &b->f->err);
                assert_ok(store_eni_set_state(b->f->store, round.enis[i].key, ENI_READY, "", now_ms, &done,
                                              &b->f->err),
                          &b->f->err);
        }
}

/* ---- what was given back ---- */

static void test_a_late_resync_does_not_bring_back_what_was_given_back(void **state)
{
        struct bench *b = *state;
        const char *before[] = {shown(b, 0, INSTANCE, 3)}, *after[] = {shown(b, 0, INSTANCE, 0)};

        give_back(b, SOON);
        bench_show(b, before, 1);
        bench_look(b, SOON + 1000);
        assert_int_equal(fixture_counts(b->f, SOON + 1000).total, 0);
        /* The next resync comes soon, and a daemon that starts in between knows it still. */
        assert_true(b->r.resync.due_ms <= SOON + 1000 + RESYNC_SETTLE_MS + 1000);
        bench_restart(b, "a");
        bench_show(b, before, 1);
        bench_look(b, SOON + 2000);
        assert_int_equal(fixture_counts(b->f, SOON + 2000).total, 0);
        /* Two replicas of EC2: one shows it gone, the next is late again. */
        bench_show(b, after, 1);
        bench_look(b, SOON + 3000);
        bench_show(b, before, 1);
        bench_look(b, SOON + 4000);
        assert_int_equal(fixture_counts(b->f, SOON + 4000).total, 0);
        /* Gone when that had settled: what comes now is somebody's, and new. */
        bench_show(b, after, 1);
        bench_look(b, MUCH_LATER);
        bench_show(b, before, 1);
        bench_look(b, MUCH_LATER + 1000);
        assert_string_equal(state_of(b, 0, 1, MUCH_LATER), "preparing");
}

static void test_what_was_given_back_and_is_assigned_anew_is_ours(void **state)
{
        struct bench *b = *state;
        struct httpd_reply assigned = {
                .body = arena_printf(b->arena,
                                     "<AssignPrivateIpAddressesResponse><return>true</return>"
                                     "<assignedPrivateIpAddressesSet><item><privateIpAddress>%s"
                                     "</privateIpAddress></item></assignedPrivateIpAddressesSet>"
                                     "</AssignPrivateIpAddressesResponse>",
                                     IP_TEXT(fixture_ip(0, 1))),
                .times = HTTPD_ALWAYS};
        const char *now[] = {shown(b, 0, INSTANCE, 3)};
        struct round round;

        give_back(b, SOON);
        bench_script(b, &assigned, 1);
        round = bench_round(b, SOON);
        bench_act(b, &round, (struct plan_action){.kind = PLAN_ASSIGN, .key = round.enis[0].key, .count = 1});
        bench_show(b, now, 1);
        bench_look(b, SOON + 1000);
        assert_string_equal(state_of(b, 0, 1, SOON), "preparing");
        assert_string_equal(state_of(b, 0, 2, SOON), "");
        assert_int_equal(fixture_counts(b->f, SOON).total, 1);
}

/* EC2 has it, for sure by now: an assign whose answer was lost, or a person. It is given back once more, not given to a pod. */
static void test_what_stays_after_it_was_given_back_is_given_back_again(void **state)
{
        struct bench *b = *state;
        const char *before[] = {shown(b, 0, INSTANCE, 3)};
        struct round round;

        give_back(b, SOON);
        bench_show(b, before, 1);
        for (int64_t at_ms = SOON; at_ms < SOON + 10 * 60 * 1000; at_ms += RESYNC_SETTLE_MS)
                bench_look(b, at_ms);
        round = bench_round(b, MUCH_LATER);
        assert_int_equal(round.enis[0].leaving, 3);
        assert_int_equal(round.enis[0].total, 3);
}

/* Taken from there and given to another ENI of ours: a late resync must not move it back. */
static void test_a_late_resync_does_not_move_an_address_back(void **state)
{
        struct bench *b = *state;
        int64_t key = fixture_ready_eni(b->f, 1, 0);
        struct ip moved = fixture_ip(0, 1);
        const char *late[] = {shown(b, 0, INSTANCE, 3), bench_eni_xml(b, 1, INSTANCE, NULL, 0)};
        struct block_address address;
        unsigned n;

        give_back(b, SOON);
        assert_ok(
                store_blocks_add(b->f->store, key, fixture_hosts(b->f->arena, &moved, 1), 1, &n, &b->f->err),
                &b->f->err);
        bench_show(b, late, 2);
        bench_look(b, SOON + 1000);
        assert_ok(store_address_get(b->f->store, moved, SOON, b->arena, &address, &b->f->err), &b->f->err);
        assert_int_equal(address.eni_key, key);
}

static void test_a_late_resync_does_not_bring_back_an_eni_that_was_deleted(void **state)
{
        struct bench *b = *state;
        struct httpd_reply replies[] = {{.body = RETURNED("DetachNetworkInterface")},
                                        {.body = RETURNED("DeleteNetworkInterface")}};
        const char *late[] = {shown(b, 0, INSTANCE, 3), shown(b, 1, INSTANCE, 2)};
        int64_t key = fixture_ready_eni(b->f, 1, 2);
        struct round round = bench_round(b, SOON);

        bench_script(b, replies, 2);
        bench_act(b, &round, (struct plan_action){.kind = PLAN_DRAIN, .key = key});
        round = bench_round(b, SOON);
        bench_act(b, &round, (struct plan_action){.kind = PLAN_DETACH, .key = key});
        round = bench_round(b, SOON);
        bench_act(b, &round, (struct plan_action){.kind = PLAN_DELETE, .key = key});
        bench_show(b, late, 2);
        bench_look(b, SOON + 1000);
        assert_int_equal(bench_round(b, SOON).n_enis, 1);
        assert_int_equal(fixture_counts(b->f, SOON).total, 3);
}

/* An older copy of the database says that it was given back; the kernel shows a pod that has it, so EC2 gave it anew. */
static void test_what_a_pod_has_is_not_given_back_again(void **state)
{
        struct bench *b = *state;
        const char *before[] = {shown(b, 0, INSTANCE, 3)};
        const struct import running = {.key = {IMPORT_NETWORK_UNKNOWN, "one", "enia"},
                                       .address = fixture_ip(0, 1),
                                       .pod_namespace = "",
                                       .pod_name = ""};

        give_back(b, SOON);
        b->f->options.running = &running;
        b->f->options.n_running = 1;
        bench_restart(b, "a");
        bench_show(b, before, 1);
        for (int64_t at_ms = SOON; at_ms < SOON + 10 * 60 * 1000; at_ms += RESYNC_SETTLE_MS)
                bench_look(b, at_ms);
        assert_string_equal(state_of(b, 0, 1, MUCH_LATER), "preparing");
        assert_string_equal(state_of(b, 0, 2, MUCH_LATER), "leaving");
}

/*
 * An older copy of the database has a lease of it, whose pod nothing shows: it is older than the giving back, and so is
 * what a late resync shows. Nobody gets it when the lease ends; and what EC2 shows for good is believed.
 */
static void test_a_lease_on_what_was_given_back_makes_no_late_resync_true(void **state)
{
        struct bench *b = *state;
        const char *late[] = {shown(b, 0, INSTANCE, 3)};
        struct lease lease = fixture_lease(b->f, "dead", NOW), kept = fixture_lease(b->f, "kept", NOW);
        bool released;
        struct ip address;

        fixture_sql(
                b->f,
                arena_printf(
                        b->arena,
                        "INSERT INTO given_back SELECT e.eni_id, a.address || '/32', %d FROM enis e, pods a",
                        NOW));
        bench_show(b, late, 1);
        bench_look(b, SOON);
        assert_string_equal(fixture_address_state(b->f, lease.address, SOON), "leased");
        assert_true(b->r.resync.due_ms <= SOON + RESYNC_SETTLE_MS + 1000);
        assert_ok(store_lease_release(b->f->store, &lease.key, LEASE_END_DEL, SOON, &released, &address,
                                      &b->f->err),
                  &b->f->err);
        bench_look(b, SOON + 1000);
        for (unsigned i = 1; i <= 3; i++)
                route(b, 0, i, SOON + 1000);
        assert_string_equal(fixture_address_state(b->f, lease.address, SOON + 1000), "preparing");
        for (int64_t at_ms = SOON + 1000; at_ms < NOW + STORE_LATE_MS; at_ms += RESYNC_SETTLE_MS) {
                bench_look(b, at_ms);
                assert_string_not_equal(fixture_address_state(b->f, lease.address, at_ms), "free");
        }
        bench_look(b, NOW + STORE_LATE_MS);
        bench_look(b, NOW + STORE_LATE_MS + 1000);
        assert_string_equal(fixture_address_state(b->f, lease.address, NOW + STORE_LATE_MS), "leaving");
        assert_string_equal(fixture_address_state(b->f, kept.address, NOW + STORE_LATE_MS), "leased");
}

/* An unassign whose answer was lost: one resync shows that it was done, the next one is late. */
static void test_a_late_resync_does_not_bring_back_what_left_unanswered(void **state)
{
        struct bench *b = *state;
        const char *before[] = {shown(b, 0, INSTANCE, 3)}, *after[] = {shown(b, 0, INSTANCE, 0)};
        struct prefix *taken;
        size_t n;

        assert_ok(store_blocks_take(b->f->store, bench_round(b, SOON).enis[0].key, 3, SOON, b->arena, &taken,
                                    &n, &b->f->err),
                  &b->f->err);
        assert_int_equal(n, 3);
        bench_show(b, after, 1);
        bench_look(b, SOON);
        assert_int_equal(fixture_counts(b->f, SOON).total, 0);
        bench_show(b, before, 1);
        bench_look(b, SOON + 1000);
        assert_int_equal(fixture_counts(b->f, SOON).total, 0);
}

/* What is given back of an ENI that is somebody else's by now is his: it needs no resync, and nothing is done about it. */
static void test_what_was_given_back_of_anothers_eni_needs_no_resync(void **state)
{
        struct bench *b = *state;
        struct httpd_reply reply = {.body = RETURNED("UnassignPrivateIpAddresses"), .times = HTTPD_ALWAYS};
        const char *enis[] = {shown(b, 0, INSTANCE, 3), shown(b, 1, "i-other", 3)};
        int64_t key = fixture_ready_eni(b->f, 1, 3);
        struct round round = bench_round(b, SOON);

        bench_script(b, &reply, 1);
        bench_act(b, &round, (struct plan_action){.kind = PLAN_UNASSIGN, .key = key, .count = 3});
        bench_show(b, enis, 2);
        for (int64_t at_ms = SOON; at_ms <= SOON + 20LL * RESYNC_SETTLE_MS; at_ms += RESYNC_SETTLE_MS)
                bench_look(b, at_ms);
        assert_false(bench_round(b, MUCH_LATER).enis[1].managed);
        assert_int_equal(fixture_counts(b->f, MUCH_LATER).total, 3);
        assert_true(b->r.resync.due_ms > SOON + 22LL * RESYNC_SETTLE_MS);
}

/* ---- tags ---- */

static struct eni only(struct bench *b, int64_t key, int64_t now_ms)
{
        struct round round = bench_round(b, now_ms);

        assert_non_null(observe_eni(&round, key));
        return *observe_eni(&round, key);
}

static void without_the_tag(struct bench *b, const char *eni)
{
        const char *enis[] = {shown(b, 0, INSTANCE, 3), eni},
                   *back[] = {shown(b, 0, INSTANCE, 3), shown(b, 1, INSTANCE, 3)};
        int64_t key = fixture_ready_eni(b->f, 1, 3);
        struct lease leases[4];
        struct round round;

        for (int i = 0; i < 4; i++)
                leases[i] = fixture_lease(b->f, (const char *[]){"a", "b", "c", "d"}[i], NOW);
        assert_string_equal(leases[3].eni_id, "eni-1");
        bench_show(b, enis, 2);
        for (int64_t at_ms = SOON; at_ms <= MUCH_LATER; at_ms += RESYNC_SETTLE_MS) {
                bench_look(b, at_ms);
                route(b, 1, 3, at_ms);
                /* The pod keeps all, the ENI stays ours to route, and nothing more of it is given out. */
                assert_string_equal(fixture_address_state(b->f, leases[3].address, at_ms), "leased");
                assert_true(only(b, key, at_ms).managed);
                assert_int_equal(only(b, key, at_ms).state, ENI_CONFIGURING);
                assert_int_equal(fixture_counts(b->f, at_ms).free, 0);
                round = bench_round(b, at_ms);
                assert_non_null(blocked_find(&round, CONDITION_ENI_TAG, "eni-1"));
                assert_contains(blocked_find(&round, CONDITION_ENI_TAG, "eni-1")->message, "eni-1");
        }
        bench_show(b, back, 2);
        bench_look(b, MUCH_LATER + 1);
        route(b, 1, 3, MUCH_LATER + 1);
        assert_int_equal(fixture_counts(b->f, MUCH_LATER + 1).free, 2);
        round = bench_round(b, MUCH_LATER + 1);
        assert_null(blocked_find(&round, CONDITION_ENI_TAG, "eni-1"));
}

static void test_pods_keep_their_addresses_without_our_tag(void **state)
{
        struct bench *b = *state;

        without_the_tag(b, shown(b, 1, "i-other", 3));
}

static void test_pods_keep_their_addresses_with_no_manage(void **state)
{
        struct bench *b = *state;

        without_the_tag(b, with_no_manage(b, shown(b, 1, INSTANCE, 3)));
}

/* What is not offered is nobody's to give back, either. */
static void test_nothing_is_asked_of_ec2_for_an_eni_without_our_tag(void **state)
{
        struct bench *b = *state;
        const char *enis[] = {shown(b, 0, INSTANCE, 3), shown(b, 1, "i-other", 3)};
        int64_t key = fixture_ready_eni(b->f, 1, 3);
        struct plan_view view;
        struct round round;

        for (int i = 0; i < 4; i++)
                fixture_lease(b->f, (const char *[]){"a", "b", "c", "d"}[i], NOW);
        bench_show(b, enis, 2);
        bench_look(b, SOON);
        round = bench_round(b, SOON);
        view_make(&b->r, &round, &view);
        for (size_t i = 0; i < view.n_enis; i++)
                assert_int_equal(view.enis[i].managed, view.enis[i].key != key);
}

/* Two resyncs and no pod: it is somebody else's now, whatever it was. */
static void test_an_eni_without_pods_and_tag_is_let_go(void **state)
{
        struct bench *b = *state;
        const char *enis[] = {shown(b, 0, INSTANCE, 3), shown(b, 1, "i-other", 3)};
        int64_t key = fixture_ready_eni(b->f, 1, 3);
        struct round round;
        bool done;

        assert_ok(store_eni_set_state(b->f->store, key, ENI_DRAINING, "", NOW, &done, &b->f->err),
                  &b->f->err);
        assert_true(done);
        bench_show(b, enis, 2);
        bench_look(b, SOON);
        assert_true(only(b, key, SOON).managed);
        assert_int_equal(only(b, key, SOON).total, 3);
        bench_look(b, LATER);
        assert_false(only(b, key, LATER).managed);
        assert_int_equal(only(b, key, LATER).total, 0);
        round = bench_round(b, LATER);
        assert_null(blocked_find(&round, CONDITION_ENI_TAG, "eni-1"));
}

static void test_no_manage_on_the_primary_eni_is_ignored(void **state)
{
        struct bench *b = *state;
        const char *enis[] = {with_no_manage(b, shown(b, 0, INSTANCE, 2))};

        bench_show(b, enis, 1);
        bench_look(b, SOON);
        bench_look(b, LATER);
        assert_true(bench_round(b, LATER).enis[0].managed);
        assert_int_equal(fixture_counts(b->f, LATER).free, 2);
}

/* Not ours to begin with: it is tagged once, after all else, and not again where that is refused. */
static void test_the_primary_eni_gets_the_instances_tag(void **state)
{
        struct bench *b = *state;
        const char *enis[] = {shown(b, 0, "i-other", 3)}, *tagged[] = {shown(b, 0, INSTANCE, 3)};
        struct httpd_reply replies[] = {{.body = RETURNED("CreateTags"), .times = HTTPD_ALWAYS}};
        struct round round;

        bench_show(b, enis, 1);
        bench_look(b, SOON);
        bench_script(b, replies, 1);
        round = bench_round(b, SOON);
        round.counts.waiting = 1;
        assert_ok(tag_primary(&b->r.tag, &b->r.ctx, &round, bench_out(b), &b->f->err), &b->f->err);
        assert_int_equal(httpd_requests(b->ec2), 0);
        round.counts.waiting = 0;
        round.so_far.again = true;
        assert_ok(tag_primary(&b->r.tag, &b->r.ctx, &round, bench_out(b), &b->f->err), &b->f->err);
        assert_int_equal(httpd_requests(b->ec2), 0);
        round.so_far.again = false;
        for (int i = 0; i < 2; i++)
                assert_ok(tag_primary(&b->r.tag, &b->r.ctx, &round, bench_out(b), &b->f->err), &b->f->err);
        assert_int_equal(httpd_requests(b->ec2), 1);
        assert_contains(httpd_request(b->ec2, 0)->body, "Action=CreateTags");
        assert_contains(httpd_request(b->ec2, 0)->body, "ResourceId.1=eni-0");
        assert_contains(httpd_request(b->ec2, 0)->body, "Tag.1.Value=" INSTANCE);
        bench_show(b, tagged, 1);
        bench_look(b, LATER);
        round = bench_round(b, LATER);
        assert_ok(tag_primary(&b->r.tag, &b->r.ctx, &round, bench_out(b), &b->f->err), &b->f->err);
        assert_int_equal(httpd_requests(b->ec2), 1);
}

/* One resync, and the step after it; whether EC2 was asked. */
static bool asks_for_the_tag(struct bench *b, int64_t now_ms)
{
        const char *enis[] = {shown(b, 0, "i-other", 3)};
        struct httpd_reply denied = {.status = 403,
                                     .body = "<Response><Errors><Error><Code>UnauthorizedOperation</Code></"
                                             "Error></Errors></Response>",
                                     .times = HTTPD_ALWAYS};
        struct round round;
        size_t before;

        bench_show(b, enis, 1);
        bench_look(b, now_ms);
        bench_script(b, &denied, 1);
        before = httpd_requests(b->ec2);
        round = bench_round(b, now_ms);
        assert_ok(tag_primary(&b->r.tag, &b->r.ctx, &round, bench_out(b), &b->f->err), &b->f->err);
        return httpd_requests(b->ec2) > before;
}

/* A policy does not change in seconds, and resyncs may come as fast as that. */
static void test_a_tag_that_is_denied_is_not_asked_for_at_each_resync(void **state)
{
        struct bench *b = *state;

        assert_true(asks_for_the_tag(b, SOON));
        assert_false(asks_for_the_tag(b, LATER));
        assert_false(asks_for_the_tag(b, SOON + TAG_AGAIN_MS - 1));
        assert_true(asks_for_the_tag(b, SOON + TAG_AGAIN_MS));
        assert_false(asks_for_the_tag(b, SOON + TAG_AGAIN_MS + 1));
}

/* ---- what the database cannot hold ---- */

/* A second ENI at device 0: named, passed over, told; the others go on. */
static void test_an_observation_that_cannot_be_stored_fails_nothing(void **state)
{
        struct bench *b = *state;
        const char *odd = shown(b, 2, INSTANCE, 1), *at = strstr(odd, "<deviceIndex>2");
        const char *enis[] = {shown(b, 0, INSTANCE, 3),
                              arena_printf(b->arena, "%.*s<deviceIndex>0%s", (int)(at - odd), odd,
                                           at + strlen("<deviceIndex>2")),
                              shown(b, 1, INSTANCE, 1)};
        struct round round;

        bench_show(b, enis, 3);
        bench_look(b, SOON);
        round = bench_round(b, SOON);
        assert_int_equal(round.n_enis, 2);
        assert_string_equal(round.enis[1].eni_id, "eni-1");
        assert_non_null(blocked_find(&round, CONDITION_ENI_TAKE_IN, "eni-2"));
        assert_int_equal(blocked_find(&round, CONDITION_ENI_TAKE_IN, "eni-2")->attempts, 0);
        bench_show(b, (const char *[]){enis[0], enis[2]}, 2);
        bench_look(b, LATER);
        round = bench_round(b, LATER);
        assert_null(blocked_find(&round, CONDITION_ENI_TAKE_IN, "eni-2"));
}

static const char *replaced(struct bench *b, const char *text, const char *from, const char *to)
{
        for (const char *at; (at = strstr(text, from));)
                text = arena_printf(b->arena, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
        return text;
}

/* EC2 gave a new ENI what a deleted one had: it serves at once, and a pod of the old one keeps its lease until the next resyncs. */
static void test_an_eni_with_the_mac_and_primary_address_of_one_that_is_gone(void **state)
{
        struct bench *b = *state;
        int64_t old = fixture_ready_eni(b->f, 1, 2);
        struct eni eni = fixture_eni(1);
        const char *mac = arena_strdup(b->arena, MAC_TEXT(eni.mac)),
                   *successor = replaced(b, shown(b, 2, INSTANCE, 1), IP_TEXT(fixture_ip(2, 0)),
                                         IP_TEXT(fixture_ip(1, 0)));
        const char *enis[] = {shown(b, 0, INSTANCE, 3),
                              replaced(b, successor, MAC_TEXT(fixture_eni(2).mac), mac)};
        struct round round;

        for (int i = 0; i < 4; i++)
                fixture_lease(b->f, (const char *[]){"a", "b", "c", "d"}[i], NOW);
        bench_show(b, enis, 2);
        bench_look(b, SOON);
        round = bench_round(b, SOON);
        assert_null(blocked_find(&round, CONDITION_ENI_TAKE_IN, "eni-2"));
        assert_int_equal(round.n_enis, 3);
        assert_true(ip_equal(round.enis[2].primary_address, fixture_ip(1, 0)));
        assert_int_equal(round.enis[2].total, 1);
        assert_int_equal(observe_eni(&round, old)->leased, 1);
        bench_look(b, LATER);
        round = bench_round(b, LATER);
        assert_int_equal(observe_eni(&round, old)->lost, 1);
}

/* The old one's second absence and its successor come with one resync. */
static void test_an_eni_that_is_gone_for_sure_takes_nothing_back_from_its_successor(void **state)
{
        struct bench *b = *state;
        int64_t old = fixture_ready_eni(b->f, 1, 2);
        const char *mac = arena_strdup(b->arena, MAC_TEXT(fixture_eni(1).mac)),
                   *before[] = {shown(b, 0, INSTANCE, 3)},
                   *after[] = {before[0],
                               replaced(b, shown(b, 2, INSTANCE, 1), MAC_TEXT(fixture_eni(2).mac), mac)};
        struct round round;

        for (int i = 0; i < 4; i++)
                fixture_lease(b->f, (const char *[]){"a", "b", "c", "d"}[i], NOW);
        bench_show(b, before, 1);
        bench_look(b, SOON);
        bench_show(b, after, 2);
        bench_look(b, LATER);
        round = bench_round(b, LATER);
        assert_int_equal(observe_eni(&round, old)->lost, 1);
        assert_false(mac_equal(observe_eni(&round, old)->mac, fixture_eni(1).mac));
}

/* It is not shown as attached, because it is not yet; what EC2 answered when it was created is newer than a late resync. */
static void test_an_eni_on_its_way_in_makes_no_way(void **state)
{
        struct bench *b = *state;
        struct eni eni = fixture_eni(2), created = {.client_token = "token", .device_index = 2};
        const char *enis[] = {shown(b, 0, INSTANCE, 3),
                              replaced(b, shown(b, 1, INSTANCE, 1), IP_TEXT(fixture_ip(1, 0)),
                                       IP_TEXT(eni.primary_address))};
        struct round round;
        int64_t key;

        assert_ok(store_eni_begin(b->f->store, &created, NOW, &key, &b->f->err), &b->f->err);
        assert_ok(store_eni_created(b->f->store, key, &eni, NULL, 0, NOW, &b->f->err), &b->f->err);
        bench_show(b, enis, 2);
        bench_look(b, SOON);
        round = bench_round(b, SOON);
        assert_true(mac_equal(observe_eni(&round, key)->mac, eni.mac));
        assert_true(ip_equal(observe_eni(&round, key)->primary_address, eni.primary_address));
        assert_non_null(blocked_find(&round, CONDITION_ENI_TAKE_IN, "eni-1"));
}

/* Both are shown: that is EC2's contradiction, and nothing is taken from either. */
static void test_two_enis_with_one_mac_are_reported(void **state)
{
        struct bench *b = *state;
        int64_t key = fixture_ready_eni(b->f, 1, 2);
        const char *mac = arena_strdup(b->arena, MAC_TEXT(fixture_eni(1).mac)),
                   *enis[] = {shown(b, 0, INSTANCE, 3), shown(b, 1, INSTANCE, 2),
                              replaced(b, shown(b, 2, INSTANCE, 1), MAC_TEXT(fixture_eni(2).mac), mac)};
        struct round round;

        bench_show(b, enis, 3);
        bench_look(b, SOON);
        round = bench_round(b, SOON);
        assert_non_null(blocked_find(&round, CONDITION_ENI_TAKE_IN, "eni-2"));
        assert_true(mac_equal(observe_eni(&round, key)->mac, fixture_eni(1).mac));
}

/* ---- one resync ---- */

static void test_an_address_that_one_resync_does_not_show_is_not_offered(void **state)
{
        struct bench *b = *state;
        struct lease lease = fixture_lease(b->f, "a", NOW);
        const char *without[] = {shown(b, 0, INSTANCE, 0)}, *with[] = {shown(b, 0, INSTANCE, 3)};

        bench_show(b, without, 1);
        bench_look(b, SOON);
        route(b, 0, 3, SOON);
        assert_int_equal(fixture_counts(b->f, SOON).free, 0);
        assert_int_equal(fixture_counts(b->f, SOON).total, 3);
        assert_string_equal(fixture_address_state(b->f, lease.address, SOON), "leased");
        bench_show(b, with, 1);
        bench_look(b, LATER);
        route(b, 0, 3, LATER);
        assert_int_equal(fixture_counts(b->f, LATER).free, 2);
}

static void test_an_eni_that_one_resync_does_not_show_offers_nothing(void **state)
{
        struct bench *b = *state;
        const char *without[] = {shown(b, 0, INSTANCE, 3)};

        fixture_ready_eni(b->f, 1, 3);
        bench_show(b, without, 1);
        bench_look(b, SOON);
        route(b, 1, 3, SOON);
        assert_int_equal(fixture_counts(b->f, SOON).free, 3);
        assert_int_equal(fixture_counts(b->f, SOON).total, 6);
}

/* Of one that comes in nothing is offered before it is attached and routed: that Describe is late says nothing. */
static void test_an_eni_on_its_way_in_is_not_doubted(void **state)
{
        struct bench *b = *state;
        const char *without[] = {shown(b, 0, INSTANCE, 3)};
        struct eni eni = fixture_eni(1);
        struct ip address = fixture_ip(1, 1);

        eni.state = ENI_CREATING;
        eni.managed = true;
        snprintf(eni.client_token, sizeof(eni.client_token), "vw-1-1");
        assert_ok(store_eni_begin(b->f->store, &eni, NOW, &eni.key, &b->f->err), &b->f->err);
        assert_ok(store_eni_created(b->f->store, eni.key, &eni, fixture_hosts(b->f->arena, &address, 1), 1,
                                    NOW, &b->f->err),
                  &b->f->err);
        assert_ok(store_eni_set_attachment(b->f->store, eni.key, "eni-attach-1", &b->f->err), &b->f->err);
        bench_show(b, without, 1);
        bench_look(b, SOON);
        assert_int_equal(only(b, eni.key, SOON).state, ENI_ATTACHING);
        assert_int_equal(only(b, eni.key, SOON).doubted, 0);
}

/* The database is older than the boot, and the ENI comes in after the first resync: what it has needs another one, soon. */
static void test_a_doubted_eni_that_comes_in_is_looked_at(void **state)
{
        struct bench *b = *state;
        struct httpd_reply reply = {.body = RETURNED("ModifyNetworkInterfaceAttribute"),
                                    .times = HTTPD_ALWAYS};
        struct eni eni = fixture_eni(1);
        struct ip address = fixture_ip(1, 1);
        struct round round;

        eni.state = ENI_CREATING;
        eni.managed = true;
        snprintf(eni.client_token, sizeof(eni.client_token), "vw-1-1");
        assert_ok(store_eni_begin(b->f->store, &eni, NOW, &eni.key, &b->f->err), &b->f->err);
        assert_ok(store_eni_created(b->f->store, eni.key, &eni, fixture_hosts(b->f->arena, &address, 1), 1,
                                    NOW, &b->f->err),
                  &b->f->err);
        bench_restart(b, "b");
        assert_int_equal(only(b, eni.key, SOON).doubted, 1);
        assert_ok(store_eni_set_attachment(b->f->store, eni.key, "eni-attach-1", &b->f->err), &b->f->err);
        bench_script(b, &reply, 1);
        round = bench_round(b, SOON);
        bench_act(b, &round, (struct plan_action){.kind = PLAN_MARK, .key = eni.key});
        assert_int_equal(only(b, eni.key, SOON).state, ENI_CONFIGURING);
        assert_int_equal(b->out.resync_ec2_ms, SOON);
}

/* One that cooled goes on cooling when it is believed again. */
static void test_a_doubt_does_not_end_a_cooldown(void **state)
{
        struct bench *b = *state;
        struct lease lease = fixture_lease(b->f, "a", NOW);
        const char *without[] = {shown(b, 0, INSTANCE, 0)}, *with[] = {shown(b, 0, INSTANCE, 3)};
        struct ip address;
        bool released;

        assert_ok(store_lease_release(b->f->store, &lease.key, LEASE_END_DEL, NOW, &released, &address,
                                      &b->f->err),
                  &b->f->err);
        bench_show(b, without, 1);
        bench_look(b, SOON);
        bench_show(b, with, 1);
        bench_look(b, SOON + 1000);
        route(b, 0, 3, SOON + 1000);
        assert_string_equal(fixture_address_state(b->f, lease.address, SOON + 1000), "cooling");
        assert_string_equal(fixture_address_state(b->f, lease.address, NOW + COOLDOWN_MS), "free");
}

/* ---- what the planner is reported ---- */

static struct plan_eni planner_sees(struct bench *b, size_t i, int64_t now_ms)
{
        struct round round = bench_round(b, now_ms);
        struct plan_view view;

        view_make(&b->r, &round, &view);
        assert_true(i < view.n_enis);
        return view.enis[i];
}

/* A surplus is old by the time since when pods can use it, not since when the row is there. */
static void test_an_eni_is_young_from_when_it_is_ready(void **state)
{
        struct bench *b = *state;
        int64_t key = fixture_ready_eni(b->f, 1, 3);
        bool done;

        assert_ok(store_eni_set_state(b->f->store, key, ENI_CONFIGURING, "", SOON, &done, &b->f->err),
                  &b->f->err);
        assert_ok(store_eni_set_state(b->f->store, key, ENI_READY, "", LATER, &done, &b->f->err), &b->f->err);
        assert_int_equal(planner_sees(b, 1, LATER).ready_ms, LATER);
}

/* ---- what others put on it ---- */

static const char *with_elastic_ip(struct bench *b, const char *eni, struct ip address)
{
        const char *at = strstr(eni, arena_printf(b->arena, "<item><privateIpAddress>%s", IP_TEXT(address))) +
                         strlen("<item>");

        return arena_printf(b->arena, "%.*s<association><publicIp>203.0.113.9</publicIp></association>%s",
                            (int)(at - eni), eni, at);
}

static void test_an_address_with_an_elastic_ip_is_not_given_back(void **state)
{
        struct bench *b = *state;
        const char *eni = shown(b, 0, INSTANCE, 3);
        const char *enis[] = {with_elastic_ip(b, eni, fixture_ip(0, 1))}, *before[] = {eni};
        struct round round;

        bench_show(b, enis, 1);
        bench_look(b, SOON);
        assert_string_equal(bench_round(b, SOON).enis[0].public_address, "203.0.113.9");
        assert_int_equal(planner_sees(b, 0, SOON).associated, 1);
        assert_string_equal(planner_sees(b, 0, SOON).public_address, "203.0.113.9");
        bench_script(
                b,
                &(struct httpd_reply){.body = RETURNED("UnassignPrivateIpAddresses"), .times = HTTPD_ALWAYS},
                1);
        round = bench_round(b, SOON);
        bench_act(b, &round,
                  (struct plan_action){.kind = PLAN_UNASSIGN, .key = round.enis[0].key, .count = 3});
        assert_int_equal(fixture_counts(b->f, SOON).free, 1);
        assert_string_equal(state_of(b, 0, 1, SOON), "free");
        bench_show(b, before, 1);
        bench_look(b, LATER);
        assert_string_equal(bench_round(b, LATER).enis[0].public_address, "");
        assert_null(planner_sees(b, 0, LATER).public_address);
}

/* Seen for the first time, as after each boot: the next resync is half an hour away. */
static void test_an_elastic_ip_counts_from_the_first_resync(void **state)
{
        struct bench *b = *state;
        const char *enis[] = {shown(b, 0, INSTANCE, 3),
                              with_elastic_ip(b, shown(b, 1, INSTANCE, 3), fixture_ip(1, 2))};

        bench_show(b, enis, 2);
        bench_look(b, SOON);
        route(b, 1, 3, SOON);
        assert_int_equal(bench_round(b, SOON).enis[1].free, 3);
        assert_int_equal(bench_round(b, SOON).enis[1].associated, 1);
}

/* ---- a link that is gone ---- */

static struct round see_link(struct bench *b, bool present, int64_t now_ms)
{
        struct round round = bench_round(b, now_ms);

        assert_int_equal(round.n_enis, 2);
        assert_ok(missing_link_see(&b->r.ctx, &round, &round.enis[1], present, bench_out(b), &b->f->err),
                  &b->f->err);
        return bench_round(b, now_ms);
}

static void test_a_link_that_is_gone_brings_resyncs_and_cuts_pods_off(void **state)
{
        struct bench *b = *state;
        struct round round;

        fixture_ready_eni(b->f, 1, 3);
        for (int i = 0; i < 4; i++)
                fixture_lease(b->f, (const char *[]){"a", "b", "c", "d"}[i], NOW);
        assert_int_equal(fixture_counts(b->f, NOW).cut_off, 0);
        assert_false(planner_sees(b, 1, SOON).link_missing);
        round = see_link(b, false, SOON);
        assert_true(planner_sees(b, 1, SOON).link_missing);
        assert_int_equal(b->out.resync_ec2_ms, SOON);
        assert_int_equal(fixture_counts(b->f, SOON).cut_off, 1);
        assert_non_null(blocked_find(&round, CONDITION_ENI_LINK, "eni-1"));
        /* Not in each round, and less and less often. */
        see_link(b, false, SOON + LINK_RESYNC_MS - 1);
        assert_int_equal(b->out.resync_ec2_ms, 0);
        see_link(b, false, SOON + LINK_RESYNC_MS);
        assert_int_equal(b->out.resync_ec2_ms, SOON + LINK_RESYNC_MS);
        see_link(b, false, SOON + 2 * LINK_RESYNC_MS);
        assert_int_equal(b->out.resync_ec2_ms, 0);
        round = see_link(b, true, SOON + 2 * LINK_RESYNC_MS);
        assert_null(blocked_find(&round, CONDITION_ENI_LINK, "eni-1"));
        assert_int_equal(fixture_counts(b->f, SOON).cut_off, 0);
}

/* However long it is gone, EC2 is asked now and then. */
static void test_looks_for_a_missing_link_never_cease(void **state)
{
        enum { LOOKS = 20 };
        struct bench *b = *state;
        int64_t now_ms = SOON, pause_ms = 0;

        fixture_ready_eni(b->f, 1, 3);
        for (int i = 0; i < LOOKS; i++) {
                struct round round = see_link(b, false, now_ms);
                int64_t until_ms = blocked_find(&round, CONDITION_ENI_LINK, "eni-1")->retry_at_ms;

                assert_int_equal(b->out.resync_ec2_ms, now_ms);
                assert_true(until_ms - now_ms >= pause_ms);
                pause_ms = until_ms - now_ms;
                now_ms = until_ms;
        }
        assert_int_equal(pause_ms, LINK_RESYNC_MAX_MS);
}

/* Just attached: it takes a while until the kernel has it. */
static void test_a_link_that_is_not_here_yet_is_waited_for(void **state)
{
        struct bench *b = *state;
        int64_t key = fixture_ready_eni(b->f, 1, 3);
        struct round round;
        bool done;

        assert_ok(store_eni_set_state(b->f->store, key, ENI_CONFIGURING, "", NOW, &done, &b->f->err),
                  &b->f->err);
        round = see_link(b, false, SOON);
        assert_null(blocked_find(&round, CONDITION_ENI_LINK, "eni-1"));
        round = see_link(b, false, NOW + LINK_COMES_MS);
        assert_non_null(blocked_find(&round, CONDITION_ENI_LINK, "eni-1"));
}

/* ---- another boot ---- */

static void test_after_another_boot_nothing_is_offered_before_a_resync(void **state)
{
        struct bench *b = *state;
        const char *enis[] = {shown(b, 0, INSTANCE, 1)};

        bench_restart(b, "b");
        route(b, 0, 3, SOON);
        assert_int_equal(fixture_counts(b->f, clock_boottime_ms() + COOLDOWN_MS).free, 0);
        assert_int_equal(fixture_counts(b->f, SOON).total, 3);
        bench_show(b, enis, 1);
        bench_look(b, SOON);
        route(b, 0, 3, SOON);
        assert_string_equal(state_of(b, 0, 1, SOON), "free");
        assert_string_equal(state_of(b, 0, 2, SOON), "preparing");
        bench_look(b, LATER);
        assert_string_equal(state_of(b, 0, 2, LATER), "");
}

static void test_another_start_in_the_same_boot_offers_at_once(void **state)
{
        struct bench *b = *state;

        bench_restart(b, "a");
        route(b, 0, 3, SOON);
        assert_int_equal(fixture_counts(b->f, SOON).free, 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_a_late_resync_does_not_bring_back_what_was_given_back),
                TEST(test_what_was_given_back_and_is_assigned_anew_is_ours),
                TEST(test_what_stays_after_it_was_given_back_is_given_back_again),
                TEST(test_a_late_resync_does_not_move_an_address_back),
                TEST(test_a_late_resync_does_not_bring_back_an_eni_that_was_deleted),
                TEST(test_what_a_pod_has_is_not_given_back_again),
                TEST(test_a_lease_on_what_was_given_back_makes_no_late_resync_true),
                TEST(test_a_late_resync_does_not_bring_back_what_left_unanswered),
                TEST(test_what_was_given_back_of_anothers_eni_needs_no_resync),
                TEST(test_pods_keep_their_addresses_without_our_tag),
                TEST(test_pods_keep_their_addresses_with_no_manage),
                TEST(test_nothing_is_asked_of_ec2_for_an_eni_without_our_tag),
                TEST(test_an_eni_without_pods_and_tag_is_let_go),
                TEST(test_no_manage_on_the_primary_eni_is_ignored),
                TEST(test_the_primary_eni_gets_the_instances_tag),
                TEST(test_a_tag_that_is_denied_is_not_asked_for_at_each_resync),
                TEST(test_an_observation_that_cannot_be_stored_fails_nothing),
                TEST(test_an_eni_with_the_mac_and_primary_address_of_one_that_is_gone),
                TEST(test_an_eni_that_is_gone_for_sure_takes_nothing_back_from_its_successor),
                TEST(test_an_eni_on_its_way_in_makes_no_way),
                TEST(test_two_enis_with_one_mac_are_reported),
                TEST(test_an_address_that_one_resync_does_not_show_is_not_offered),
                TEST(test_an_eni_that_one_resync_does_not_show_offers_nothing),
                TEST(test_an_eni_on_its_way_in_is_not_doubted),
                TEST(test_a_doubted_eni_that_comes_in_is_looked_at),
                TEST(test_a_doubt_does_not_end_a_cooldown),
                TEST(test_an_eni_is_young_from_when_it_is_ready),
                TEST(test_an_address_with_an_elastic_ip_is_not_given_back),
                TEST(test_an_elastic_ip_counts_from_the_first_resync),
                TEST(test_a_link_that_is_gone_brings_resyncs_and_cuts_pods_off),
                TEST(test_looks_for_a_missing_link_never_cease),
                TEST(test_a_link_that_is_not_here_yet_is_waited_for),
                TEST(test_after_another_boot_nothing_is_offered_before_a_resync),
                TEST(test_another_start_in_the_same_boot_offers_at_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
