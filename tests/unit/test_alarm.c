// SPDX-License-Identifier: Apache-2.0
/* What the database says, and what of it somebody must act on. */
#include "test.h"

#include "report/alarm.h"

enum { NOW = 1000000, SOON = NOW + 5000, OLD = NOW - ALARM_STALE_MS };

#define FULL_TEXT "subnet subnet-1 has no free addresses"
#define TAKEN     "no room for another ENI: of the 3 that this instance type can have, 1 is full, 2 are not ours"
#define LIMIT     "all 3 ENIs that this instance type can have are full"
#define WAITING   .waiting = 1, .leased = 9, .total = 9

struct alarm_case {
        const char *name;
        struct store_counts counts;
        struct condition conditions[4];
        struct store_fact denied[2];
        const char *expect[3]; /* "reason/subject"; a "~" before it: only kept */
        const char *message;   /* a part of the first one's */
};

static const struct alarm_case cases[] = {
        {"nothing is wrong", {0}, {{0}}, {{0}}, {0}, NULL},
        {"what passes by itself is no alarm",
         {WAITING},
         {{CONDITION_CREATE, "subnet-1", CAUSE_THROTTLED, "throttled: RequestLimitExceeded", 9, SOON},
          {CONDITION_RESYNC, "", CAUSE_TRANSPORT, "no answer", 4, SOON},
          {CONDITION_GROW, "", CAUSE_CREATE_BLOCKED, "EC2 is asked for another ENI again in 3 s", 2, SOON}},
         {{0}},
         {0},
         NULL},
        {"a full subnet, once however many calls it stops",
         {0},
         {{CONDITION_ASSIGN, "subnet-1", CAUSE_CAPACITY_SUBNET, FULL_TEXT, 1, SOON},
          {CONDITION_CREATE, "subnet-1", CAUSE_CAPACITY_SUBNET, FULL_TEXT, 1, SOON},
          {CONDITION_CREATE, "subnet-2", CAUSE_CAPACITY_SUBNET, "subnet subnet-2 has no free addresses", 1,
           SOON}},
         {{0}},
         {"SubnetHasNoFreeAddresses/subnet-1", "SubnetHasNoFreeAddresses/subnet-2"},
         FULL_TEXT},
        {"nobody asks any more",
         {0},
         {{CONDITION_CREATE, "subnet-1", CAUSE_CAPACITY_SUBNET, FULL_TEXT, 1, OLD}},
         {{0}},
         {0},
         NULL},
        {"about to be asked again",
         {0},
         {{CONDITION_CREATE, "subnet-1", CAUSE_CAPACITY_SUBNET, FULL_TEXT, 1, OLD + 1}},
         {{0}},
         {"SubnetHasNoFreeAddresses/subnet-1"},
         NULL},
        {"the account's limit is no subnet's",
         {0},
         {{CONDITION_CREATE, "subnet-1", CAUSE_CAPACITY_ACCOUNT, "too many", 1, SOON}},
         {{0}},
         {"NetworkInterfaceLimitReached/"},
         "at its quota of ENIs"},
        {"denied, each action for itself",
         {0},
         {{CONDITION_CREATE, "subnet-1", CAUSE_DENIED, "UnauthorizedOperation", 1, SOON}},
         {{"AssignPrivateIpAddresses", "no"}, {"CreateNetworkInterface", "not authorized"}},
         {"MissingIAMPermissions/AssignPrivateIpAddresses", "MissingIAMPermissions/CreateNetworkInterface"},
         "ec2:AssignPrivateIpAddresses"},
        {"credentials that are renewed at once are no alarm",
         {0},
         {{CONDITION_RESYNC, "", CAUSE_CREDENTIALS, "ExpiredToken", 2, SOON}},
         {{0}},
         {0},
         NULL},
        {"credentials",
         {0},
         {{CONDITION_RESYNC, "", CAUSE_CREDENTIALS, "ExpiredToken", 3, SOON}},
         {{0}},
         {"AWSCredentialsRefused/"},
         "this node has no credentials that AWS accepts"},
        {"a count of refusals is no call that is put off",
         {0},
         {{CONDITION_ATTACH_REFUSED, "eni-1", CAUSE_CREDENTIALS, "ExpiredToken", 3, SOON}},
         {{0}},
         {0},
         NULL},
        {"the network failed once",
         {0},
         {{CONDITION_STEP_NETWORK, "", CAUSE_STEP_FAILED, "netlink: busy", 1, SOON}},
         {{0}},
         {0},
         NULL},
        {"the network stays broken",
         {0},
         {{CONDITION_STEP_NETWORK, "", CAUSE_STEP_FAILED, "netlink: busy", 2, SOON}},
         {{0}},
         {"HostNetworkImpaired/"},
         "netlink: busy"},
        {"somebody's firewall",
         {0},
         {{CONDITION_FIREWALL, "ip filter FORWARD", CAUSE_FIREWALL_DROPS, "drops", 1, SOON}},
         {{0}},
         {"FirewallDropsPodPackets/ip filter FORWARD"},
         "drops"},
        {"a pod's packets are led to another's link",
         {0},
         {{CONDITION_POD_ROUTE, "10.0.1.9", CAUSE_ROUTE_MISLED, "led", 1, SOON}},
         {{0}},
         {"PodRouteMisled/10.0.1.9"},
         "led"},
        {"an address that the host has",
         {0},
         {{CONDITION_OCCUPIED, "10.0.1.9", CAUSE_HOST_HAS_ADDRESS, "on eth0", 1, SOON}},
         {{0}},
         {"PodAddressOccupied/10.0.1.9"},
         "on eth0"},
        {"another has the default route",
         {0},
         {{CONDITION_MAIN_ROUTE, "default", CAUSE_NO_DEFAULT_ROUTE, "by eth9", 1, SOON}},
         {{0}},
         {"PrimaryRouteTaken/default"},
         "by eth9"},
        {"lost addresses", {.lost = 2, .free = 1}, {{0}}, {{0}}, {"PodAddressesLost/"}, "2 running pods"},
        {"full, and nobody waits: only kept",
         {.leased = 9, .total = 9},
         {{CONDITION_GROW, "", CAUSE_ENI_LIMIT, LIMIT, 1, SOON}},
         {{0}},
         {"~PodAddressLimitReached/"},
         NULL},
        {"full, and pods wait",
         {WAITING},
         {{CONDITION_GROW, "", CAUSE_ENI_LIMIT, LIMIT, 1, SOON}},
         {{0}},
         {"PodAddressLimitReached/"},
         LIMIT},
        {"places taken by others, and pods wait",
         {WAITING},
         {{CONDITION_GROW, "", CAUSE_ENI_LIMIT, TAKEN, 1, SOON}},
         {{0}},
         {"PodAddressLimitReached/"},
         TAKEN},
        {"a place that will be had, and pods wait",
         {WAITING},
         {{CONDITION_GROW, "", CAUSE_ENI_LEAVING, TAKEN ", 1 is being removed", 1, SOON}},
         {{0}},
         {0},
         NULL},
        {"a link that is gone",
         {0},
         {{CONDITION_ENI_LINK, "eni-1", CAUSE_LINK_MISSING,
           "the link of eni-1 (device 1) is missing on this node", 1, SOON}},
         {{0}},
         {"ENILinkMissing/eni-1"},
         "is missing on this node"},
        {"a tag that is gone",
         {0},
         {{CONDITION_ENI_TAG, "eni-1", CAUSE_TAG_MISSING, "EC2 shows eni-1 without the tag", 1, SOON}},
         {{0}},
         {"ENITagMissing/eni-1"},
         "without the tag"},
        {"full, and one is cooling for pending ADDs",
         {WAITING, .cooling = 1},
         {{CONDITION_GROW, "", CAUSE_ENI_LIMIT, LIMIT, 1, SOON}},
         {{0}},
         {"~PodAddressLimitReached/"},
         NULL},
        {"not full any more",
         {WAITING, .free = 1},
         {{CONDITION_GROW, "", CAUSE_ENI_LIMIT, LIMIT, 1, SOON}},
         {{0}},
         {0},
         NULL},
        {"the limit is not what stops it",
         {WAITING},
         {{CONDITION_CREATE, "subnet-1", CAUSE_CAPACITY_SUBNET, FULL_TEXT, 1, SOON},
          {CONDITION_GROW, "", CAUSE_ENI_LIMIT, "MAX_ENI=2 is reached", 1, SOON}},
         {{0}},
         {"SubnetHasNoFreeAddresses/subnet-1"},
         NULL},
};

static size_t count_conditions(const struct alarm_case *c)
{
        size_t n = 0;

        while (n < ARRAY_SIZE(c->conditions) && c->conditions[n].object)
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
                                          .looked_ms = NOW,
                                          .counts = c->counts,
                                          .conditions = c->conditions,
                                          .n_conditions = count_conditions(c),
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

/* Several calls that hang may take longer in a row than what is over is still told of. */
static void test_a_call_that_is_tried_again(void **state _unused_)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const struct condition condition = {CONDITION_CREATE, "subnet-1", CAUSE_CAPACITY_SUBNET,
                                            FULL_TEXT,        1,          OLD};
        struct alarm_facts facts = {
                .now_ms = NOW, .looked_ms = OLD - 1, .conditions = &condition, .n_conditions = 1};
        struct kube_notice *notices;
        size_t n;

        alarm_list(&facts, arena, &notices, &n);
        assert_int_equal(n, 1);
        facts.looked_ms = OLD;
        alarm_list(&facts, arena, &notices, &n);
        assert_int_equal(n, 0);
}

static void test_settings_that_are_not_followed(void **state _unused_)
{
        static const struct config_warning settings[] = {{"MAX_ENI", "'0' is ignored, as if unset"},
                                                         {"ANNOTATE_POD_IP", "'true' is not supported"},
                                                         {"NEW", "'1' is read from OLD", .renamed = true}};
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct kube_notice *notices;
        size_t n;

        alarm_list(&(const struct alarm_facts){.settings = settings, .n_settings = 3}, arena, &notices, &n);
        assert_int_equal(n, 2);
        assert_string_equal(notices[0].reason, "SettingNotFollowed");
        assert_string_equal(notices[1].subject, "ANNOTATE_POD_IP");
        assert_string_equal(notices[1].message, "ANNOTATE_POD_IP: 'true' is not supported");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cases),
                cmocka_unit_test(test_a_call_that_is_tried_again),
                cmocka_unit_test(test_settings_that_are_not_followed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
