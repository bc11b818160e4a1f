// SPDX-License-Identifier: Apache-2.0
/* Conditions in words: what is wrong, the remedy, and what EC2 said itself. */
#include <stdbool.h>
#include <string.h>

#include "test.h"

#include "model/words.h"

#define MESSAGE "what the condition says itself"

static struct condition_words words_of(struct arena *arena, enum condition_kind kind, const char *object,
                                       enum condition_cause cause)
{
        const struct condition condition = {
                .kind = kind, .object = object, .cause = cause, .message = MESSAGE};

        return condition_words(&condition, arena);
}

/* EC2's text stands in the detail and nowhere else; of all others the message is what is wrong. */
static void test_of_every_cause(void **state _unused_)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();

        for (int cause = 0; cause < _CONDITION_CAUSE_MAX; cause++) {
                const struct condition_words words =
                        words_of(arena, CONDITION_ASSIGN, "eni-1", (enum condition_cause)cause);
                bool ec2_refused =
                        cause <= CAUSE_REQUEST && cause != CAUSE_TRANSPORT && cause != CAUSE_REQUEST;

                assert_true(words.what && *words.what);
                assert_int_equal(words.detail && strcmp(words.detail, MESSAGE) == 0, ec2_refused);
                assert_int_equal(strstr(words.what, MESSAGE) != NULL, !ec2_refused && cause != CAUSE_PACED);
                assert_true(!words.remedy || *words.remedy);
        }
}

static void test_that_they_name_the_thing(void **state _unused_)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        static const struct {
                enum condition_kind kind;
                const char *object;
                enum condition_cause cause;
                const char *joined;
        } cases[] = {
                {CONDITION_ATTACH, "eni-1", CAUSE_DENIED,
                 "the node's IAM role may not call ec2:AttachNetworkInterface; fix: allow "
                 "ec2:AttachNetworkInterface in the IAM policy of this node's role"},
                {CONDITION_CREATE, "", CAUSE_DENIED,
                 "the node's IAM role may not call ec2:CreateNetworkInterface; fix: allow "
                 "ec2:CreateNetworkInterface and ec2:CreateTags in the IAM policy of this node's role"},
                {CONDITION_CREATE, "", CAUSE_REQUEST,
                 MESSAGE "; fix: correct what EC2 objects to: security groups, tags, settings"},
                {CONDITION_RESYNC, "", CAUSE_DENIED,
                 "the node's IAM role may not call ec2:DescribeNetworkInterfaces; fix: allow "
                 "ec2:DescribeNetworkInterfaces in the IAM policy of this node's role"},
                {CONDITION_CREATE, "subnet-x", CAUSE_CAPACITY_SUBNET,
                 "subnet subnet-x has no free addresses; fix: release addresses in it, or tag another subnet "
                 "of this zone with kubernetes.io/role/cni=1"},
                {CONDITION_DELETE, "eni-1", CAUSE_IN_USE, "EC2 says that it is in use"},
                {CONDITION_POD_ROUTE, "10.0.1.7", CAUSE_ROUTE_MISLED,
                 MESSAGE "; fix: remove that route if it is wrong: ip route del 10.0.1.7 table 512"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const struct condition_words words =
                        words_of(arena, cases[i].kind, cases[i].object, cases[i].cause);

                assert_string_equal(words_joined(&words, arena), cases[i].joined);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_of_every_cause),
                cmocka_unit_test(test_that_they_name_the_thing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
