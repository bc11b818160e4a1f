// SPDX-License-Identifier: Apache-2.0
/* Why there is no address, in words. */
#include "test.h"

#include "rpc/reason.h"

enum { NOW_MS = 1000000 };

#define LIMIT "all 3 ENIs that this instance type can have are full"

static void test_reasons(void **state _unused_)
{
        static const struct condition full = {CONDITION_CREATE,
                                              "subnet-x",
                                              CAUSE_CAPACITY_SUBNET,
                                              "subnet subnet-x has no free addresses",
                                              1,
                                              NOW_MS + 39001};
        static const struct condition over = {CONDITION_CREATE, "subnet-x", CAUSE_CAPACITY_SUBNET,
                                              "old news",       1,          NOW_MS};
        static const struct condition twice[] = {{CONDITION_ASSIGN, "subnet-x", CAUSE_CAPACITY_SUBNET,
                                                  "subnet subnet-x has no free addresses", 1, NOW_MS + 39001},
                                                 {CONDITION_CREATE, "subnet-x", CAUSE_CAPACITY_SUBNET,
                                                  "subnet subnet-x has no free addresses", 1,
                                                  NOW_MS + 50000}};
        static const struct condition at_limit = {CONDITION_GROW, "", CAUSE_ENI_LIMIT,
                                                  LIMIT,          0,  NOW_MS + 1290000},
                                      at_limit_and_cooling = {CONDITION_GROW,
                                                              "",
                                                              CAUSE_ENI_LIMIT,
                                                              LIMIT "; 1 address is cooling down",
                                                              0,
                                                              NOW_MS + 11500},
                                      odd = {CONDITION_ENI_TAKE_IN,
                                             "eni-1",
                                             CAUSE_DOES_NOT_FIT,
                                             "what EC2 shows of eni-1 is left out",
                                             0,
                                             NOW_MS + 86400000},
                                      limit_is_over = {CONDITION_GROW, "", CAUSE_ENI_LIMIT, LIMIT, 0, NOW_MS};
        static const struct {
                struct reason_facts facts;
                const char *expect;
        } cases[] = {
                {{.set_up = false}, "the node's network is not set up yet"},
                {{.set_up = true}, "no free address: the node has none yet"},
                {{.set_up = true,
                  .counts = {.total = 9, .leased = 9, .enis = 3},
                  .max_enis = 3,
                  .instance_type = "t3.small"},
                 "no free address: 9 of 9 leased on 3 ENIs, the most that a t3.small can have"},
                {{.set_up = true,
                  .counts = {.total = 3, .leased = 3, .enis = 1},
                  .blocked = &odd,
                  .n_blocked = 1},
                 "no free address: 3 of 3 leased on 1 ENI; what EC2 shows of eni-1 is left out; an address "
                 "that a pod frees is given at once"},
                {{.set_up = true, .counts = {.total = 3, .leased = 3, .enis = 1}, .max_enis = 3},
                 "no free address: 3 of 3 leased on 1 ENI"},
                {{.set_up = true, .counts = {.total = 3, .leased = 3, .enis = 1}, .max_enis = 1},
                 "no free address: 3 of 3 leased on 1 ENI, the most that this node can have"},
                {{.set_up = true,
                  .counts = {.total = 3,
                             .leased = 1,
                             .cooling = 2,
                             .enis = 1,
                             .next_cooled_ms = NOW_MS + 11500}},
                 "no free address: 1 of 3 leased on 1 ENI; 2 addresses cooling, next free in 12 s"},
                {{.set_up = true,
                  .counts = {.total = 1, .cooling = 1, .enis = 1, .next_cooled_ms = NOW_MS - 5}},
                 "no free address: 0 of 1 leased on 1 ENI; 1 address cooling, next free in 1 s"},
                {{.set_up = true,
                  .counts = {.total = 3, .leased = 3, .enis = 1},
                  .blocked = &full,
                  .n_blocked = 1},
                 "no free address: 3 of 3 leased on 1 ENI; subnet subnet-x has no free addresses (next "
                 "attempt in 40 s); an address that a pod frees is given at once"},
                {{.set_up = true,
                  .counts = {.total = 3, .leased = 3, .enis = 1},
                  .blocked = twice,
                  .n_blocked = 2},
                 "no free address: 3 of 3 leased on 1 ENI; subnet subnet-x has no free addresses (next "
                 "attempt in 40 s); an address that a pod frees is given at once"},
                {{.set_up = true,
                  .counts = {.total = 9, .leased = 9, .enis = 3, .waiting = 2},
                  .blocked = &at_limit,
                  .n_blocked = 1,
                  .max_enis = 3,
                  .instance_type = "t3.small"},
                 "no free address: 9 of 9 leased on 3 ENIs of this t3.small; all 3 ENIs that this instance "
                 "type can have are full; an address that a pod frees is given at once; 2 requests wait"},
                {{.set_up = true,
                  .counts = {.total = 9,
                             .leased = 8,
                             .cooling = 1,
                             .enis = 3,
                             .next_cooled_ms = NOW_MS + 11500},
                  .blocked = &at_limit_and_cooling,
                  .n_blocked = 1,
                  .max_enis = 3},
                 "no free address: 8 of 9 leased on 3 ENIs; all 3 ENIs that this instance type can have are "
                 "full; 1 address is cooling down; an address that a pod frees is given at once; one that "
                 "cools down is free in 12 s"},
                {{.set_up = true,
                  .counts = {.total = 9, .leased = 9, .enis = 3},
                  .blocked = &limit_is_over,
                  .n_blocked = 1,
                  .max_enis = 3,
                  .instance_type = "t3.small"},
                 "no free address: 9 of 9 leased on 3 ENIs, the most that a t3.small can have"},
                {{.set_up = true,
                  .counts = {.total = 3, .leased = 3, .enis = 1},
                  .blocked = &over,
                  .n_blocked = 1},
                 "no free address: 3 of 3 leased on 1 ENI"},
                {{.set_up = true,
                  .counts = {.total = 6, .leased = 3, .preparing = 2, .unready = 1, .enis = 2, .waiting = 4}},
                 "no free address: 3 of 6 leased on 2 ENIs; 3 being prepared; 4 requests wait"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct reason_facts facts = cases[i].facts;
                char text[REASON_BYTES];

                facts.now_ms = NOW_MS;
                reason_no_address(&facts, text);
                assert_string_equal(text, cases[i].expect);
        }
}

static void test_long_texts_stay_bounded(void **state _unused_)
{
        struct condition blocked[20];
        struct reason_facts facts = {.set_up = true, .blocked = blocked, .n_blocked = 20, .now_ms = NOW_MS};
        char text[REASON_BYTES + 1], big[1000];

        memset(big, 'x', sizeof(big) - 1);
        big[sizeof(big) - 1] = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(blocked); i++)
                blocked[i] = (struct condition){CONDITION_CREATE, "b", CAUSE_DENIED, big + i, 1, NOW_MS + 1};
        text[REASON_BYTES] = 'Z';
        reason_no_address(&facts, text);
        assert_int_equal(strlen(text), REASON_BYTES - 1);
        assert_int_equal(text[REASON_BYTES], 'Z');
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_reasons),
                cmocka_unit_test(test_long_texts_stay_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
