// SPDX-License-Identifier: Apache-2.0
/* What was wired against the leases: expected, or news. */
#include "test.h"

#include <stdio.h>

#include <vpcwire/addr.h>

#include "node/wired.h"

static struct ip ip(const char *text)
{
        struct ip parsed = IP_NONE;

        assert_int_equal(ip_parse(text, &parsed, NULL), 0);
        return parsed;
}

static void test_expected(void **state _unused_)
{
        static const struct {
                const char *name, *ip, *link, *alias; /* no ip: a link */
                bool expected;
        } cases[] = {
                {"a pod's route", "10.0.1.11", "eni1", "", true},
                {"its link", NULL, "eni1", "c1", true},
                {"its route by another pod's link", "10.0.1.11", "eni2", "", false},
                {"its route by no pod's link", "10.0.1.11", "", "", false},
                {"a route of no lease", "10.0.1.99", "eni1", "", false},
                {"its link with another alias", NULL, "eni1", "c2", false},
                {"its alias on another link", NULL, "eni2", "c1", false},
                {"a link of no lease", NULL, "eni9", "c9", false},
                {"the route of a lease without a link's name", "10.0.1.13", "eni7", "", true},
                {"the link of a lease without a link's name", NULL, "eni7", "c3", true},
                {"a bridge's route", "10.0.1.14", "", "", true},
                {"a link of whom somebody else wires", NULL, "eni4", "c4", false},
        };
        const struct pod_sought pods[] = {
                {ip("10.0.1.11"), "eni1", "c1"},
                {ip("10.0.1.12"), "eni2", "c2"},
                {ip("10.0.1.13"), "", "c3"},
                {ip("10.0.1.14"), "br0", NULL},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct node_wired wired = {.ifindex = 7};

                if (cases[i].ip)
                        wired.ip = ip(cases[i].ip);
                snprintf(wired.link, sizeof(wired.link), "%s", cases[i].link);
                snprintf(wired.alias, sizeof(wired.alias), "%s", cases[i].alias);
                if (node_wired_is_expected(&wired, pods, ARRAY_SIZE(pods)) != cases[i].expected)
                        fail_msg("%s: %sexpected", cases[i].name, cases[i].expected ? "not " : "");
                assert_false(node_wired_is_expected(&wired, pods, 0));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_expected)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
