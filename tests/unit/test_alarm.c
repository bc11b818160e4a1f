// SPDX-License-Identifier: Apache-2.0
/* What the books say, and what of it somebody must act on. */
#include "test.h"

#include "plan/plan.h"
#include "reconcile/reconcile.h"
#include "report/alarm.h"

enum { NOW = 1000000, SOON = NOW + 5000, OLD = NOW - ALARM_STALE_MS };

#define FULL_TEXT "subnet subnet-1 " RECONCILE_SUBNET_FULL
#define TAKEN     "no place for another of the 3 ENIs that this instance type can have: 1 is full, 2 are not ours"
#define LIMIT     "all 3 ENIs that this instance type can have are full"
#define WAITING   .waiting = 1, .leased = 9, .total = 9

struct alarm_case {
        const char *name;
        struct store_counts counts;
        struct store_blocked blocked[4];
        struct store_fact denied[2];
        const char *expect[3]; /* "reason/subject"; a "~" before it: only kept */
        const char *message;   /* a part of the first one's */
};

static const struct alarm_case cases[] = {
        {"nothing is wrong", {0}, {{0}}, {{0}}, {0}, NULL},
        {"what passes by itself is no alarm",
         {WAITING},
         {{"create", "subnet-1", "throttled: RequestLimitExceeded", SOON, 9},
          {"look", "", "no answer", SOON, 4},
          {"grow", "", "EC2 is asked for another ENI again in 3 s", SOON, 2}},
         {{0}},
         {0},
         NULL},
        {"a full subnet, once however many calls it stops",
         {0},
         {{"assign", "subnet-1", FULL_TEXT, SOON, 1},
          {"create", "subnet-1", FULL_TEXT, SOON, 1},
          {"create", "subnet-2", "subnet subnet-2 " RECONCILE_SUBNET_FULL, SOON, 1}},
         {{0}},
         {"SubnetHasNoFreeAddresses/subnet-1", "SubnetHasNoFreeAddresses/subnet-2"},
         FULL_TEXT},
        {"nobody asks any more", {0}, {{"create", "subnet-1", FULL_TEXT, OLD, 1}}, {{0}}, {0}, NULL},
        {"about to be asked again",
         {0},
         {{"create", "subnet-1", FULL_TEXT, OLD + 1, 1}},
         {{0}},
         {"SubnetHasNoFreeAddresses/subnet-1"},
         NULL},
        {"the account's limit is no subnet's",
         {0},
         {{"create", "subnet-1", "too many (" RECONCILE_ACCOUNT_FULL ")", SOON, 1}},
         {{0}},
         {"NetworkInterfaceLimitReached/"},
         "too many"},
        {"denied, each action for itself",
         {0},
         {{"create", "subnet-1", "UnauthorizedOperation", SOON, 1}},
         {{"AssignPrivateIpAddresses", "no"}, {"CreateNetworkInterface", "not authorized"}},
         {"MissingIAMPermissions/AssignPrivateIpAddresses", "MissingIAMPermissions/CreateNetworkInterface"},
         "ec2:AssignPrivateIpAddresses"},
        {"credentials that are renewed at once are no alarm",
         {0},
         {{"look", "", RECONCILE_NO_CREDENTIALS ": ExpiredToken", SOON, 2}},
         {{0}},
         {0},
         NULL},
        {"credentials",
         {0},
         {{"look", "", RECONCILE_NO_CREDENTIALS ": ExpiredToken", SOON, 3}},
         {{0}},
         {"AWSCredentialsRefused/"},
         "ExpiredToken"},
        {"the network failed once", {0}, {{"network", "", "netlink: busy", SOON, 1}}, {{0}}, {0}, NULL},
        {"the network stays broken",
         {0},
         {{"network", "", "netlink: busy", SOON, 2}},
         {{0}},
         {"HostNetworkImpaired/"},
         "netlink: busy"},
        {"somebody's firewall",
         {0},
         {{STORE_WARNING, "ip filter FORWARD", "drops", SOON, 1}},
         {{0}},
         {"FirewallDropsPodPackets/ip filter FORWARD"},
         "drops"},
        {"a pod's packets are led to another's link",
         {0},
         {{STORE_WARNING_POD_ROUTE, "10.0.1.9", "led", SOON, 1}},
         {{0}},
         {"PodRouteMisled/10.0.1.9"},
         "led"},
        {"an address that the host has",
         {0},
         {{STORE_WARNING_OCCUPIED, "10.0.1.9", "on eth0", SOON, 1}},
         {{0}},
         {"PodAddressOccupied/10.0.1.9"},
         "on eth0"},
        {"another has the default route",
         {0},
         {{STORE_WARNING_MAIN, "default", "by eth9", SOON, 1}},
         {{0}},
         {"PrimaryRouteTaken/default"},
         "by eth9"},
        {"lost addresses", {.lost = 2, .free = 1}, {{0}}, {{0}}, {"PodAddressesLost/"}, "2 running pods"},
        {"full, and nobody waits: only kept",
         {.leased = 9, .total = 9},
         {{"grow", "", LIMIT, SOON, 1}},
         {{0}},
         {"~PodAddressLimitReached/"},
         NULL},
        {"full, and pods wait",
         {WAITING},
         {{"grow", "", LIMIT, SOON, 1}},
         {{0}},
         {"PodAddressLimitReached/"},
         LIMIT},
        {"places taken by others, and pods wait",
         {WAITING},
         {{"grow", "", TAKEN, SOON, 1}},
         {{0}},
         {"PodAddressLimitReached/"},
         TAKEN},
        {"a place that will be had, and pods wait",
         {WAITING},
         {{"grow", "", TAKEN ", 1 is on the way out", SOON, 1}},
         {{0}},
         {0},
         NULL},
        {"a link that is gone",
         {0},
         {{RECONCILE_STEP_LINK, "eni-1", "the link of eni-1 (device 1) is not on this node", SOON, 1}},
         {{0}},
         {"ENILinkMissing/eni-1"},
         "not on this node"},
        {"a tag that is gone",
         {0},
         {{RECONCILE_STEP_TAG, "eni-1", "EC2 shows eni-1 without the tag", SOON, 1}},
         {{0}},
         {"ENITagMissing/eni-1"},
         "without the tag"},
        {"full, and one is cooling for who waits",
         {WAITING, .cooling = 1},
         {{"grow", "", LIMIT, SOON, 1}},
         {{0}},
         {"~PodAddressLimitReached/"},
         NULL},
        {"not full any more", {WAITING, .free = 1}, {{"grow", "", LIMIT, SOON, 1}}, {{0}}, {0}, NULL},
        {"the limit is not what stops it",
         {WAITING},
         {{"create", "subnet-1", FULL_TEXT, SOON, 1}, {"grow", "", "MAX_ENI=2 is reached", SOON, 1}},
         {{0}},
         {"SubnetHasNoFreeAddresses/subnet-1"},
         NULL},
};

static size_t count_blocked(const struct alarm_case *c)
{
        size_t n = 0;

        while (n < ARRAY_SIZE(c->blocked) && c->blocked[n].action)
                n++;
        return n;
}

static size_t count_denied(const struct alarm_case *c)
{
        size_t n = 0;

        while (n < ARRAY_SIZE(c->denied) && c->denied[n].name)
                n++;
        return n;
}

static void check(const struct alarm_case *c)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const struct alarm_facts facts = {.now_ms = NOW,
                                          .counts = c->counts,
                                          .blocked = c->blocked,
                                          .n_blocked = count_blocked(c),
                                          .denied = c->denied,
                                          .n_denied = count_denied(c)};
        struct kube_notice *notices;
        size_t n;

        alarm_list(&facts, arena, &notices, &n);
        for (size_t i = 0; i < n; i++) {
                const char *text = arena_printf(arena, "%s%s/%s", notices[i].keeps ? "~" : "",
                                                notices[i].reason, notices[i].subject);

                if (i >= ARRAY_SIZE(c->expect) || !c->expect[i] || strcmp(text, c->expect[i]) != 0)
                        fail_msg("%s: %s", c->name, text);
                assert_true(*notices[i].message && *notices[i].over_message && *notices[i].over_reason);
        }
        if (n < ARRAY_SIZE(c->expect) && c->expect[n])
                fail_msg("%s: no %s", c->name, c->expect[n]);
        if (c->message)
                assert_contains(notices[0].message, c->message);
}

static void test_cases(void **state _unused_)
{
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                check(&cases[i]);
}

static void test_settings_that_are_not_followed(void **state _unused_)
{
        static const struct config_warning settings[] = {{"MAX_ENI", "'0' is as good as unset"},
                                                         {"ANNOTATE_POD_IP", "'true' is not supported"}};
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct kube_notice *notices;
        size_t n;

        alarm_list(&(const struct alarm_facts){.settings = settings, .n_settings = 2}, arena, &notices, &n);
        assert_int_equal(n, 2);
        assert_string_equal(notices[0].reason, "SettingNotFollowed");
        assert_string_equal(notices[1].subject, "ANNOTATE_POD_IP");
        assert_string_equal(notices[1].message, "ANNOTATE_POD_IP: 'true' is not supported");
}

/* The planner's own words for its limits are known here. */
static void test_limits_of_the_planner(void **state _unused_)
{
        static const struct {
                struct pool_targets targets;
                struct plan_limits limits;
                unsigned max_enis_seen;
        } full[] = {
                {{.warm_eni = 1}, {.max_enis = 1, .ipv4_per_eni = 4}, 0},
                {{.warm_eni = 1, .max_eni = 1}, {.max_enis = 3, .ipv4_per_eni = 4}, 0},
                {{.warm_eni = 1}, {.max_enis = 3, .ipv4_per_eni = 4}, 1},
                {{.warm_eni = 1, .max_pods = 3}, {.max_enis = 3, .ipv4_per_eni = 4}, 0},
                {{.warm_eni = 1}, {.max_enis = 1, .ipv4_per_eni = 1}, 0},
        };

        for (size_t i = 0; i < ARRAY_SIZE(full); i++) {
                _cleanup_(arena_freep) struct arena *arena = arena_new();
                unsigned leased = full[i].limits.ipv4_per_eni - 1;
                struct plan_eni eni = {.key = 1,
                                       .state = PLAN_ENI_READY,
                                       .primary = true,
                                       .managed = true,
                                       .has_attachment = true,
                                       .link_present = true,
                                       .total = leased,
                                       .leased = leased};
                struct plan_view view = {.enis = &eni,
                                         .n_enis = 1,
                                         .waiting = 1,
                                         .max_enis_seen = full[i].max_enis_seen,
                                         .look_due_ms = INT64_MAX};
                struct kube_notice *notices;
                struct plan plan;
                size_t n;

                plan_make(&view, &full[i].targets, &full[i].limits, NOW, arena, &plan);
                assert_non_null(plan.stuck);
                alarm_list(
                        &(const struct alarm_facts){
                                .now_ms = NOW,
                                .counts = {WAITING},
                                .blocked = &(const struct store_blocked){RECONCILE_STEP_GROW, "", plan.stuck,
                                                                         SOON, 1},
                                .n_blocked = 1},
                        arena, &notices, &n);
                if (n != 1)
                        fail_msg("'%s' is no limit", plan.stuck);
                assert_string_equal(notices[0].reason, "PodAddressLimitReached");
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cases),
                cmocka_unit_test(test_settings_that_are_not_followed),
                cmocka_unit_test(test_limits_of_the_planner),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
