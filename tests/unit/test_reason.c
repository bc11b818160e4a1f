// SPDX-License-Identifier: Apache-2.0
/* Whether there is room for a pod, and why there is no address, in words. */
#include "test.h"

#include "rpc/reason.h"
#include "rpc/room.h"

enum { NOW_MS = 1000000, LOOKED_MS = NOW_MS - 9000 };

#define GIVEN "; an address that another pod releases is used at once"
#define FIX_LIMIT                                                                                            \
        "; fix: lower kubelet's maxPods, use a larger instance type, or raise MAX_ENI where it is set"
#define FIX_SUBNET                                                                                           \
        "; fix: release addresses in it, or tag another subnet of this zone with kubernetes.io/role/cni=1"
#define SERVER_ERROR "EC2 answers with a server error"
#define FIX_DENIED   "; fix: allow ec2:AssignPrivateIpAddresses in the IAM policy of this node's role"

/* EC2's own words are never in a sentence: they are in no expectation. */
#define EC2_SAYS "ec2 AssignPrivateIpAddresses: UnauthorizedOperation: You are not authorized"

static const struct condition full = {CONDITION_CREATE, "subnet-x", CAUSE_CAPACITY_SUBNET,
                                      EC2_SAYS,         1,          NOW_MS + 39001};
static const struct condition over = {CONDITION_UNASSIGN, "eni-1", CAUSE_DENIED, "old news", 1, LOOKED_MS};
static const struct condition said_until_now = {CONDITION_STEP_STORE, "", CAUSE_STEP_FAILED, "x", 0, NOW_MS};
static const struct condition tried_again = {CONDITION_ASSIGN, "subnet-x", CAUSE_CAPACITY_SUBNET,
                                             EC2_SAYS,         1,          LOOKED_MS + 1};
static const struct condition not_needed = {CONDITION_ASSIGN, "subnet-x", CAUSE_CAPACITY_SUBNET,
                                            EC2_SAYS,         1,          LOOKED_MS};
static const struct condition server_error[] = {
        {CONDITION_ASSIGN, "eni-1", CAUSE_TRANSIENT, EC2_SAYS, 1, NOW_MS + 2000},
        {CONDITION_GROW, "", CAUSE_ASSIGN_BLOCKED, "the last call failed", 0, NOW_MS + 2000},
};
static const struct condition denied[] = {
        {CONDITION_ASSIGN, "eni-1", CAUSE_DENIED, EC2_SAYS, 1, NOW_MS + 1800000},
        {CONDITION_GROW, "", CAUSE_ASSIGN_BLOCKED, "the last call failed", 0, NOW_MS + 1800000},
};
static const struct condition paced[] = {
        {CONDITION_ASSIGN, "eni-1", CAUSE_PACED, "local", 1, NOW_MS + 2000},
        {CONDITION_GROW, "", CAUSE_ASSIGN_BLOCKED, "the last call failed", 0, NOW_MS + 2000},
};
static const struct condition twice[] = {
        {CONDITION_ASSIGN, "subnet-x", CAUSE_CAPACITY_SUBNET, EC2_SAYS, 1, NOW_MS + 39001},
        {CONDITION_CREATE, "subnet-x", CAUSE_CAPACITY_SUBNET, EC2_SAYS, 1, NOW_MS + 50000},
        {CONDITION_GROW, "", CAUSE_CREATE_BLOCKED, "subnet subnet-x had none", 0, NOW_MS + 39001},
};
static const struct condition at_limit = {
        CONDITION_GROW,  "", CAUSE_ENI_LIMIT, "all 3 ENIs that this instance type can have are full", 0,
        NOW_MS + 1290000};
static const struct condition no_place = {
        CONDITION_GROW, "", CAUSE_ENI_LIMIT, "no place for another of the 3 ENIs: 1 is not ours", 0,
        NOW_MS + 60000};
static const struct condition under_way = {
        CONDITION_GROW, "", CAUSE_UNDER_WAY, "the ENI at device 2 is still under way", 0, NOW_MS + 60000};
static const struct condition odd = {
        CONDITION_ENI_TAKE_IN, "eni-1", CAUSE_DOES_NOT_FIT, "what EC2 shows of eni-1 is left out", 0,
        NOW_MS + 86400000};

#define BLOCKED(list) .blocked = (list), .n_blocked = ARRAY_SIZE(list)
#define BLOCKED_1(c)  .blocked = &(c), .n_blocked = 1
#define FULL_NODE                                                                                            \
        .set_up = true, .counts = {.total = 9, .leased = 9, .enis = 3}, .limit = 9,                          \
        .instance_type = "t3.small"
#define SMALL_POOL .set_up = true, .counts = {.total = 3, .leased = 3, .enis = 1}, .limit = 9

static const struct {
        struct pool_facts facts;
        const char *reason;
        enum ipam_room_state room;
        const char *summary;
} cases[] = {
        {{.set_up = false},
         "the node's network is not set up yet",
         IPAM_ROOM_STATE_SOON,
         "soon, the node's network is not set up yet"},
        {{.set_up = true, .unwritable = "the database: disk full"},
         "the database: disk full",
         IPAM_ROOM_STATE_NONE,
         "none, the database: disk full"},
        {{.set_up = true},
         "no free address: the node has no addresses yet",
         IPAM_ROOM_STATE_SOON,
         "soon, 0 in use; more are assigned when a pod needs one"},
        /* At the limit: the same whether or not the planner says so at this second, or a pod waits. */
        {{FULL_NODE},
         "no free address: 9 of 9 in use, t3.small's limit" FIX_LIMIT,
         IPAM_ROOM_STATE_NONE,
         "none, 9 of 9 in use, t3.small's limit"},
        {{FULL_NODE, BLOCKED_1(at_limit)},
         "no free address: 9 of 9 in use, t3.small's limit" FIX_LIMIT,
         IPAM_ROOM_STATE_NONE,
         "none, 9 of 9 in use, t3.small's limit"},
        {{.set_up = true,
          .counts = {.total = 9, .leased = 8, .lost = 1, .enis = 3, .waiting = 2},
          .limit = 9,
          BLOCKED_1(at_limit)},
         "no free address: 9 of 9 in use, this instance type's limit; 2 pods wait" FIX_LIMIT,
         IPAM_ROOM_STATE_NONE,
         "none, 9 of 9 in use, this instance type's limit"},
        {{.set_up = true,
          .counts = {.total = 3, .leased = 3, .enis = 1},
          .limit = 3,
          .limited_by = POOL_LIMIT_MAX_ENI,
          .limit_value = 1},
         "no free address: 3 of 3 in use, the limit of MAX_ENI=1" FIX_LIMIT,
         IPAM_ROOM_STATE_NONE,
         "none, 3 of 3 in use, the limit of MAX_ENI=1"},
        {{.set_up = true,
          .counts = {.total = 8, .leased = 8, .enis = 3},
          .limit = 8,
          .limited_by = POOL_LIMIT_MAX_PODS,
          .limit_value = 8},
         "no free address: 8 of 8 in use, the limit of VPCWIRE_MAX_PODS=8; fix: raise VPCWIRE_MAX_PODS to "
         "kubelet's maxPods",
         IPAM_ROOM_STATE_NONE,
         "none, 8 of 8 in use, the limit of VPCWIRE_MAX_PODS=8"},
        /* At the limit with an address free: room, and nothing to say. */
        {{.set_up = true,
          .counts = {.total = 9, .leased = 7, .free = 2, .enis = 3},
          .limit = 9,
          BLOCKED_1(at_limit)},
         NULL,
         IPAM_ROOM_STATE_AVAILABLE,
         "2 free, 7 of at most 9 in use"},
        {{.set_up = true,
          .counts = {.total = 9, .leased = 8, .cooling = 1, .enis = 3, .next_cooled_ms = NOW_MS + 11500},
          .limit = 9,
          BLOCKED_1(at_limit)},
         "no free address: 8 of at most 9 in use; all 3 ENIs that this instance type can have are full; 1 "
         "cooling, next free in 12s" FIX_LIMIT GIVEN,
         IPAM_ROOM_STATE_SOON,
         "soon, 8 of at most 9 in use; 1 cooling, next free in 12s"},
        {{.set_up = true, .counts = {.total = 1, .cooling = 1, .enis = 1, .next_cooled_ms = NOW_MS - 5}},
         "no free address: 0 in use; 1 cooling, next free in 1s",
         IPAM_ROOM_STATE_SOON,
         "soon, 0 in use; 1 cooling, next free in 1s"},
        /* While a call that failed is tried again, nothing has changed yet; after a look that did not need it, it says nothing. */
        {{SMALL_POOL, BLOCKED_1(tried_again)},
         "no free address: 3 of at most 9 in use; subnet subnet-x has no free addresses, retrying "
         "now" FIX_SUBNET GIVEN,
         IPAM_ROOM_STATE_NONE,
         "none, 3 of at most 9 in use; subnet subnet-x has no free addresses, retrying now"},
        {{SMALL_POOL, BLOCKED_1(not_needed)},
         "no free address: 3 of at most 9 in use",
         IPAM_ROOM_STATE_SOON,
         "soon, 3 of at most 9 in use; more are assigned when a pod needs one"},
        /* What has no remedy passes by itself. */
        {{SMALL_POOL, BLOCKED(server_error)},
         "no free address: 3 of at most 9 in use; " SERVER_ERROR ", next try in 2s" GIVEN,
         IPAM_ROOM_STATE_SOON,
         "soon, 3 of at most 9 in use; " SERVER_ERROR ", next try in 2s"},
        /* Below it, and the pool cannot grow. */
        {{SMALL_POOL, BLOCKED_1(full)},
         "no free address: 3 of at most 9 in use; subnet subnet-x has no free addresses, next try in "
         "40s" FIX_SUBNET GIVEN,
         IPAM_ROOM_STATE_SOON,
         "soon, 3 of at most 9 in use; more are assigned when a pod needs one"},
        {{SMALL_POOL, BLOCKED(twice)},
         "no free address: 3 of at most 9 in use; subnet subnet-x has no free addresses, next try in "
         "40s" FIX_SUBNET GIVEN,
         IPAM_ROOM_STATE_NONE,
         "none, 3 of at most 9 in use; subnet subnet-x has no free addresses, next try in 40s"},
        {{SMALL_POOL, BLOCKED(denied)},
         "no free address: 3 of at most 9 in use; the node's IAM role may not call "
         "ec2:AssignPrivateIpAddresses, next try in 30m00s" FIX_DENIED GIVEN,
         IPAM_ROOM_STATE_NONE,
         "none, 3 of at most 9 in use; the node's IAM role may not call ec2:AssignPrivateIpAddresses, next "
         "try in 30m00s"},
        {{SMALL_POOL, BLOCKED(paced)},
         "no free address: 3 of at most 9 in use; delayed by the local rate limit of EC2 calls, next try in "
         "2s" GIVEN,
         IPAM_ROOM_STATE_SOON,
         "soon, 3 of at most 9 in use; delayed by the local rate limit of EC2 calls, next try in 2s"},
        {{SMALL_POOL, BLOCKED_1(no_place)},
         "no free address: 3 of at most 9 in use; no place for another of the 3 ENIs: 1 is not "
         "ours" FIX_LIMIT GIVEN,
         IPAM_ROOM_STATE_NONE,
         "none, 3 of at most 9 in use; no place for another of the 3 ENIs: 1 is not ours"},
        {{SMALL_POOL, BLOCKED_1(under_way)},
         "no free address: 3 of at most 9 in use; the ENI at device 2 is still under way" GIVEN,
         IPAM_ROOM_STATE_SOON,
         "soon, 3 of at most 9 in use; more are assigned when a pod needs one"},
        {{SMALL_POOL, BLOCKED_1(odd)},
         "no free address: 3 of at most 9 in use; what EC2 shows of eni-1 is left out" GIVEN,
         IPAM_ROOM_STATE_SOON,
         "soon, 3 of at most 9 in use; more are assigned when a pod needs one"},
        {{SMALL_POOL, BLOCKED_1(said_until_now)},
         "no free address: 3 of at most 9 in use",
         IPAM_ROOM_STATE_SOON,
         "soon, 3 of at most 9 in use; more are assigned when a pod needs one"},
        {{SMALL_POOL, BLOCKED_1(over)},
         "no free address: 3 of at most 9 in use",
         IPAM_ROOM_STATE_SOON,
         "soon, 3 of at most 9 in use; more are assigned when a pod needs one"},
        {{.set_up = true,
          .counts = {.total = 6, .leased = 3, .preparing = 2, .unready = 1, .enis = 2, .waiting = 4},
          .limit = 9,
          BLOCKED(denied)},
         "no free address: 3 of at most 9 in use; the node's IAM role may not call "
         "ec2:AssignPrivateIpAddresses, next try in 30m00s; 3 being prepared; 4 pods wait" FIX_DENIED GIVEN,
         IPAM_ROOM_STATE_SOON,
         "soon, 3 of at most 9 in use; 3 being prepared"},
};

static void test_reasons(void **state _unused_)
{
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct pool_facts facts = cases[i].facts;
                char text[REASON_BYTES];

                facts.now_ms = NOW_MS;
                facts.looked_ms = LOOKED_MS;
                reason_no_address(&facts, text);
                if (cases[i].reason)
                        assert_string_equal(text, cases[i].reason);
        }
}

static void test_room(void **state _unused_)
{
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(arena_freep) struct arena *arena = arena_new();
                struct pool_facts facts = cases[i].facts;
                struct room room;

                facts.now_ms = NOW_MS;
                facts.looked_ms = LOOKED_MS;
                room_of(&facts, arena, &room);
                assert_string_equal(room.summary, cases[i].summary);
                assert_int_equal(room.state, cases[i].room);
                assert_true(!room.remedy || room.state == IPAM_ROOM_STATE_NONE);
        }
}

/* A clause that has no room is left out as a whole; what fits goes on behind it. */
static void test_nothing_is_cut(void **state _unused_)
{
        struct condition blocked[20];
        struct pool_facts facts = {
                .set_up = true, .blocked = blocked, .n_blocked = 20, .now_ms = NOW_MS, .limit = 9};
        char text[REASON_BYTES + 1], big[1000];

        memset(big, 'x', sizeof(big) - 1);
        big[sizeof(big) - 1] = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(blocked); i++)
                blocked[i] = (struct condition){CONDITION_STEP_STORE, "b", CAUSE_STEP_FAILED,
                                                big + (i + 1) % 20,   1,   NOW_MS + 1};
        facts.counts = (struct store_counts){.total = 3, .leased = 3, .waiting = 2};
        text[REASON_BYTES] = 'Z';
        reason_no_address(&facts, text);
        assert_string_equal(text, "no free address: 3 of at most 9 in use; 2 pods wait" GIVEN);
        assert_int_equal(text[REASON_BYTES], 'Z');
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_reasons),
                cmocka_unit_test(test_room),
                cmocka_unit_test(test_nothing_is_cut),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
