// SPDX-License-Identifier: Apache-2.0
/*
 * Text is only shown. Here the two functions that put a plan into words, and the store's setter, are replaced in the link
 * (--wrap): whatever is said, the same plans and the same failures are the same alarms.
 */
#include "test.h"

#include <vpcwire/clock.h>

#include "reconcile_fixture.h"
#include "report/alarm.h"

/* What all messages are; NULL: what they are in earnest. The last says everything that once was searched for. */
static const char *said;
static const char *const sayings[] = {
        NULL, "", "bla",
        "subnet subnet-x has no free addresses (NetworkInterfaceLimitExceeded); AWS does not take this "
        "node's credentials; MAX_ENI=2 is reached; EC2 attaches no more than 2 ENIs; the node may have 3 "
        "pods; 1 is being removed"};

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
const char *__real_plan_stuck_text(const struct plan *plan, struct arena *arena);
const char *__wrap_plan_stuck_text(const struct plan *plan, struct arena *arena);
const char *__wrap_plan_stuck_text(const struct plan *plan, struct arena *arena)
{
        return said ?: __real_plan_stuck_text(plan, arena);
}

int __real_store_condition_set(struct store *store, const struct condition *condition, struct err *err);
int __wrap_store_condition_set(struct store *store, const struct condition *condition, struct err *err);
int __wrap_store_condition_set(struct store *store, const struct condition *condition, struct err *err)
{
        struct condition reported = *condition;

        reported.message = said ?: reported.message;
        return __real_store_condition_set(store, &reported, err);
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

/* The reason of the one alarm that the database calls for; "": none. */
static const char *alarm_of(struct bench *b, unsigned waiting)
{
        struct alarm_facts facts;
        struct kube_notice *notices;
        size_t n;

        assert_ok(alarm_read(b->f->store, b->r.looked_ms, b->arena, &facts, &b->f->err), &b->f->err);
        facts.counts = (struct store_counts){.waiting = waiting, .leased = 9, .total = 9};
        alarm_list(&facts, b->arena, &notices, &n);
        assert_in_range(n, 0, 1);
        return n ? notices[0].reason : "";
}

enum { FAR = INT32_MAX }; /* 24 days */

struct node_case {
        const char *name;
        struct pool_targets targets;
        struct plan_limits limits;
        unsigned max_enis_seen;
        struct plan_eni other; /* beside the primary ENI; key 0: none */
        const char *alarm;
        enum condition_cause cause;
};

#define FULL_ALARM "PodAddressLimitReached"
#define OTHER(...)                                                                                           \
        {                                                                                                    \
                .key = 2, .device_index = 1, __VA_ARGS__                                                     \
        }

static const struct node_case nodes[] = {
        {"all ENIs are full", {.warm_eni = 1}, {1, 4}, 0, {0}, FULL_ALARM, CAUSE_ENI_LIMIT},
        {"MAX_ENI", {.warm_eni = 1, .max_eni = 1}, {3, 4}, 0, {0}, FULL_ALARM, CAUSE_ENI_LIMIT},
        {"EC2 attaches no more", {.warm_eni = 1}, {3, 4}, 1, {0}, FULL_ALARM, CAUSE_ENI_LIMIT},
        {"max pods", {.warm_eni = 1, .max_pods = 3}, {3, 4}, 0, {0}, FULL_ALARM, CAUSE_POD_LIMIT},
        {"an instance type without addresses", {.warm_eni = 1}, {1, 1}, 0, {0}, FULL_ALARM, CAUSE_TYPE_LIMIT},
        {"a place that somebody else has",
         {.warm_eni = 1},
         {2, 4},
         0,
         OTHER(.state = ENI_READY, .has_attachment = true),
         FULL_ALARM,
         CAUSE_ENI_LIMIT},
        {"a place that will be had",
         {.warm_eni = 1},
         {2, 4},
         0,
         OTHER(.state = ENI_DETACHING, .managed = true, .has_attachment = true, .step_not_before_ms = FAR),
         "",
         CAUSE_ENI_LEAVING},
        {"an ENI that comes",
         {.warm_eni = 0},
         {2, 4},
         0,
         OTHER(.state = ENI_ATTACHING, .managed = true, .has_attachment = true, .step_not_before_ms = FAR),
         "",
         CAUSE_UNDER_WAY},
};

static void plan_of(const struct node_case *c, struct arena *arena, struct plan *ret)
{
        unsigned leased = c->limits.ipv4_per_eni - 1;
        struct plan_eni *enis = ARENA_ARRAY(arena, struct plan_eni, 2);
        const struct plan_view view = {.enis = enis,
                                       .n_enis = c->other.key ? 2 : 1,
                                       .waiting = 1,
                                       .max_enis_seen = c->max_enis_seen,
                                       .resync_due_ms = FAR};

        enis[0] = (struct plan_eni){.key = 1,
                                    .state = ENI_READY,
                                    .primary = true,
                                    .managed = true,
                                    .has_attachment = true,
                                    .link_present = true,
                                    .total = leased,
                                    .leased = leased};
        enis[1] = c->other;
        plan_make(&view, &c->targets, &c->limits, clock_boottime_ms(), arena, ret);
}

static void check_node(struct bench *b, const struct node_case *c)
{
        struct round round = bench_round(b, clock_boottime_ms());
        const struct condition *grow;
        struct plan plan;

        plan_of(c, b->arena, &plan);
        assert_ok(tell_plan(&b->r.ctx, &round, &plan, bench_out(b), &b->f->err), &b->f->err);
        grow = blocked_find(&round, CONDITION_GROW, "");
        if (!grow)
                fail_msg("%s: the pool can grow", c->name);
        if (grow->cause != c->cause)
                fail_msg("%s: %s", c->name, condition_cause_to_string(grow->cause));
        if (strcmp(alarm_of(b, 1), c->alarm) != 0)
                fail_msg("%s, said as '%s': %s", c->name, said ?: "-", alarm_of(b, 1));
}

/* Each after the other: a new cause is reported though the words stay. */
static void test_limits_of_the_planner(void **state)
{
        for (size_t s = 0; s < ARRAY_SIZE(sayings); s++) {
                said = sayings[s];
                for (size_t i = 0; i < ARRAY_SIZE(nodes); i++)
                        check_node(*state, &nodes[i]);
        }
        said = NULL;
}

static void test_failures_of_ec2(void **state)
{
        static const struct {
                enum ec2_failure_class class;
                const char *alarm;
        } failures[] = {
                {EC2_FAILURE_THROTTLED, ""},
                {EC2_FAILURE_TRANSPORT, ""},
                {EC2_FAILURE_CAPACITY_SUBNET, "SubnetHasNoFreeAddresses"},
                {EC2_FAILURE_CAPACITY_ACCOUNT, "NetworkInterfaceLimitReached"},
                {EC2_FAILURE_CREDENTIALS, "AWSCredentialsRefused"},
                {EC2_FAILURE_REQUEST, ""},
        };
        struct bench *b = *state;

        for (size_t s = 0; s < ARRAY_SIZE(sayings); s++) {
                said = sayings[s];
                for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
                        struct round round = bench_round(b, clock_boottime_ms());
                        const struct ec2_result result = {.class = failures[i].class};
                        struct err why = {0};

                        err_set(&why, ERR_AGAIN, "%s", said ?: "why");
                        for (int attempt = 0; attempt < 3; attempt++)
                                assert_ok(blocked_after_failure(&b->r.ctx, &round, CONDITION_CREATE,
                                                                "subnet-1", &result, &why, bench_out(b),
                                                                &b->f->err),
                                          &b->f->err);
                        if (strcmp(alarm_of(b, 0), failures[i].alarm) != 0)
                                fail_msg("%s, said as '%s': '%s'",
                                         ec2_failure_class_to_string(failures[i].class), said ?: "-",
                                         alarm_of(b, 0));
                        assert_ok(blocked_clear(&b->r.ctx, &round, CONDITION_CREATE, "subnet-1", &b->f->err),
                                  &b->f->err);
                }
        }
        said = NULL;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_limits_of_the_planner),
                TEST(test_failures_of_ec2),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
