// SPDX-License-Identifier: Apache-2.0
/* Which of other people's rulesets drop the pods' packets, each in a network namespace of its own. */
#include "test.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/wait.h>

#include "firewall/firewall.h"
#include <vpcwire/mem.h>

enum { SKIP = 77 };

#define FORWARD(policy, rules)                                                                               \
        "table inet f { chain side {\n }\n chain way { type filter hook forward priority 0; policy " policy  \
        ";\n" rules "\n}\n}"

static const struct {
        const char *name, *rules;
        const char *why; /* NULL: it does not drop */
} cases[] = {
        {"nothing", "table inet f {\n}", NULL},
        {"accepts", FORWARD("accept", "ct state invalid drop"), NULL},
        {"drops", FORWARD("drop", ""), "its policy is drop"},
        {"accepts some", FORWARD("drop", "ct state established accept\niifname \"eth0\" accept"),
         "its policy is drop"},
        {"accepts from pods only", FORWARD("drop", "iifname \"eni*\" accept"), "its policy is drop"},
        {"accepts to pods only", FORWARD("drop", "oifname \"eni*\" accept"), "its policy is drop"},
        {"accepts both", FORWARD("drop", "iifname \"eni*\" counter accept\noifname \"eni*\" accept"), NULL},
        {"accepts both with more conditions",
         FORWARD("drop", "iifname \"eni*\" tcp dport 80 accept\noifname \"eni*\" accept"),
         "its policy is drop"},
        {"accepts others' links", FORWARD("drop", "iifname \"en*\" accept\noifname \"enp*\" accept"),
         "its policy is drop"},
        {"accepts all that but pods send",
         FORWARD("drop", "iifname != \"eni*\" accept\noifname != \"eni*\" accept"), "its policy is drop"},
        {"accepts all by a rule", FORWARD("drop", "ct state invalid drop\ncounter accept"), NULL},
        {"last rule", FORWARD("accept", "ct state established accept\ncounter log drop"),
         "its last rule drops the rest"},
        {"last rule after the remedy",
         FORWARD("accept", "iifname \"eni*\" accept\noifname \"eni*\" accept\nreject"), NULL},
        {"jump that accepts",
         "table inet f { chain side { iifname \"eni*\" accept; oifname \"eni*\" accept; }\n"
         "chain way { type filter hook forward priority 0; policy drop; jump side; }\n}",
         NULL},
        {"jump that returns",
         "table inet f { chain side { return; iifname \"eni*\" accept; oifname \"eni*\" accept; }\n"
         "chain way { type filter hook forward priority 0; policy drop; jump side; }\n}",
         "its policy is drop"},
        {"jump under a condition",
         "table inet f { chain side { accept; }\n"
         "chain way { type filter hook forward priority 0; policy drop; tcp dport 80 jump side; }\n}",
         "its policy is drop"},
        {"jump that drops",
         "table inet f { chain side { drop; }\n"
         "chain way { type filter hook forward priority 0; policy accept; jump side; }\n}",
         "its last rule drops the rest"},
        {"other hooks", "table inet f { chain i { type filter hook input priority 0; policy drop; }\n}",
         NULL},
        {"other families", "table ip6 f { chain way { type filter hook forward priority 0; policy drop; }\n}",
         NULL},
        {"ours", "table ip vpcwire { chain way { type filter hook forward priority 0; policy drop; }\n}",
         NULL},
};

static void look(const char *prefix, struct arena *arena, struct firewall_drop **drops, size_t *n)
{
        struct err err;

        assert_ok(firewall_look(arena, prefix, drops, n, &err), &err);
}

static void test_rulesets(void **state _unused_)
{
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(arena_freep) struct arena *arena = arena_new();
                struct firewall_drop *drops;
                struct err err;
                size_t n;

                assert_int_equal(unshare(CLONE_NEWNET), 0);
                assert_ok(firewall_try(cases[i].rules, FIREWALL_COMMIT, &err), &err);
                look("eni", arena, &drops, &n);
                if (n != (cases[i].why ? 1 : 0) || (n && strcmp(drops[0].why, cases[i].why) != 0))
                        fail_msg("%s: %zu drop, %s", cases[i].name, n, n ? drops[0].why : "-");
        }
}

/* The remedy is for the links' real prefix, and names the chain. */
static void test_remedy(void **state _unused_)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        struct firewall_drop *drops;
        struct err err;
        size_t n;

        assert_int_equal(unshare(CLONE_NEWNET), 0);
        assert_ok(firewall_try(FORWARD("drop", "iifname \"eni*\" accept\noifname \"eni*\" accept"),
                               FIREWALL_COMMIT, &err),
                  &err);
        look("vpc", arena, &drops, &n);
        assert_int_equal(n, 1);
        assert_string_equal(drops[0].where, "nftables chain inet f way");
        assert_string_equal(drops[0].remedy, "nft insert rule inet f way iifname 'vpc*' accept; "
                                             "nft insert rule inet f way oifname 'vpc*' accept");
        for (size_t i = 0; i < 2; i++) {
                assert_ok(firewall_try(i ? "insert rule inet f way oifname \"vpc*\" accept"
                                         : "insert rule inet f way iifname \"vpc*\" accept",
                                       FIREWALL_COMMIT, &err),
                          &err);
        }
        look("vpc", arena, &drops, &n);
        assert_int_equal(n, 0);
}

static void test_chains_of_a_table(void **state _unused_)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const char **chains;
        struct err err;
        size_t n;

        assert_int_equal(unshare(CLONE_NEWNET), 0);
        assert_ok(firewall_try("table ip a { chain x {\n}\n}\ntable ip b { chain y {\n}\n}\ntable ip6 a { "
                               "chain z {\n}\n}",
                               FIREWALL_COMMIT, &err),
                  &err);
        assert_ok(firewall_table_chains(arena, "ip", "a", &chains, &n, &err), &err);
        assert_int_equal(n, 1);
        assert_string_equal(chains[0], "x");
        assert_ok(firewall_table_chains(arena, "ip", "none", &chains, &n, &err), &err);
        assert_int_equal(n, 0);
        assert_fails(firewall_try("add rule ip a x nonsense", FIREWALL_COMMIT, &err), ERR_SYSTEM);
        for (int i = 0; i < 2;
             i++) /* nothing is left of what is not committed; what could not be is refused */
                assert_ok(firewall_try(
                                  "add table ip t; add chain ip t c { type filter hook input priority 0; }",
                                  FIREWALL_DRY, &err),
                          &err);
        assert_ok(firewall_table_chains(arena, "ip", "t", &chains, &n, &err), &err);
        assert_int_equal(n, 0);
        assert_fails(firewall_try("add rule ip none x accept", FIREWALL_DRY, &err), ERR_SYSTEM);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rulesets),
                cmocka_unit_test(test_remedy),
                cmocka_unit_test(test_chains_of_a_table),
        };

        if (unshare(CLONE_NEWNET) < 0 && errno == EPERM) {
                puts("needs CAP_SYS_ADMIN and CAP_NET_ADMIN for namespaces of its own: skipped");
                return SKIP;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
