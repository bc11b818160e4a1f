// SPDX-License-Identifier: Apache-2.0
/* Which of the links that have an ENI's MAC is the ENI's. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include <vpcwire/eni_link.h>
#include <vpcwire/mem.h>

enum { HERE = -1, ELSEWHERE = 0 };

static const struct mac mac = {{2, 0, 0, 0, 0, 1}}, other_mac = {{2, 0, 0, 0, 0, 2}};

struct seen {
        const char *name, *kind;
        int peer_nsid;
        bool parent, permanent, other_mac, other_permanent;
};

static const struct {
        const char *what;
        struct seen links[4];
        const char *expect;      /* NULL: none */
        const char *one, *other; /* when nobody can tell */
} cases[] = {
        {"hardware", {{"eth0", "", HERE, true, true, false, false}}, "eth0", NULL, NULL},
        {"an old kernel says nothing of hardware",
         {{"eth0", "", HERE, false, false, false, false}},
         "eth0",
         NULL,
         NULL},
        {"a veth before it",
         {{"veth7", "veth", ELSEWHERE, false, false, false, false},
          {"eth0", "", HERE, true, true, false, false}},
         "eth0",
         NULL,
         NULL},
        {"a veth before it, an old kernel",
         {{"veth7", "veth", ELSEWHERE, false, false, false, false},
          {"eth0", "", HERE, false, false, false, false}},
         "eth0",
         NULL,
         NULL},
        {"a tap before it",
         {{"tap0", "tun", HERE, false, false, false, false}, {"eth0", "", HERE, true, true, false, false}},
         "eth0",
         NULL,
         NULL},
        {"what lies on top of it",
         {{"eth0.7", "vlan", HERE, false, false, false, false},
          {"mv0", "macvlan", HERE, false, false, false, false},
          {"br0", "bridge", HERE, false, false, false, false},
          {"eth0", "", HERE, true, true, false, false}},
         "eth0",
         NULL,
         NULL},
        {"only what lies on top of it",
         {{"bond0", "bond", HERE, false, false, false, false}},
         NULL,
         NULL,
         NULL},
        {"a bond's other member",
         {{"eth1", "", HERE, true, true, false, true}, {"eth0", "", HERE, true, true, false, false}},
         "eth0",
         NULL,
         NULL},
        {"a node that is a container",
         {{"eth0", "veth", ELSEWHERE, false, false, false, false}},
         "eth0",
         NULL,
         NULL},
        {"a pair of somebody's in it",
         {{"a0", "veth", HERE, false, false, false, false},
          {"eth0", "veth", ELSEWHERE, false, false, false, false}},
         "eth0",
         NULL,
         NULL},
        {"a veth that leads elsewhere, too",
         {{"a0", "veth", ELSEWHERE, false, false, false, false},
          {"eth0", "veth", ELSEWHERE, false, false, false, false}},
         NULL,
         "a0",
         "eth0"},
        {"a third one is better than both",
         {{"a0", "veth", ELSEWHERE, false, false, false, false},
          {"a1", "veth", ELSEWHERE, false, false, false, false},
          {"eth0", "", HERE, false, false, false, false}},
         "eth0",
         NULL,
         NULL},
        {"a pod's", {{"eni1", "veth", ELSEWHERE, false, false, false, false}}, NULL, NULL, NULL},
        {"another MAC", {{"eth0", "", HERE, true, false, true, false}}, NULL, NULL, NULL},
};

static bool is_pod(const struct link_info *link, const void *prefix)
{
        return strncmp(link->name, prefix, strlen(prefix)) == 0;
}

static struct link_info link_of(const struct seen *seen)
{
        struct link_info link = {.has_mac = true,
                                 .mac = seen->other_mac ? other_mac : mac,
                                 .has_permanent_mac = seen->permanent,
                                 .permanent_mac = seen->other_permanent ? other_mac : mac,
                                 .has_parent = seen->parent,
                                 .peer_nsid = seen->peer_nsid};

        snprintf(link.name, sizeof(link.name), "%s", seen->name);
        snprintf(link.kind, sizeof(link.kind), "%s", seen->kind);
        return link;
}

static void expect_name(const char *what, const struct link_info *link, const char *name)
{
        if (!name != !link || (name && strcmp(link->name, name) != 0))
                fail_msg("%s: %s, not %s", what, link ? link->name : "none", name ? name : "none");
}

static void test_each(void **state _unused_)
{
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct link_info links[ARRAY_SIZE(cases[0].links)];
                struct eni_link found;
                size_t n = 0;

                while (n < ARRAY_SIZE(links) && cases[i].links[n].name) {
                        links[n] = link_of(&cases[i].links[n]);
                        n++;
                }
                found = eni_link_find(links, n, mac, is_pod, "eni");
                expect_name(cases[i].what, found.link, cases[i].expect);
                expect_name(cases[i].what, found.one, cases[i].one);
                expect_name(cases[i].what, found.other, cases[i].other);
        }
}

/* Of an ENI whose MAC is not known, the loopback is not the link. */
static void test_no_mac(void **state _unused_)
{
        const struct link_info loopback = {.name = "lo", .kind = "", .has_mac = true, .peer_nsid = HERE};
        struct eni_link found = eni_link_find(&loopback, 1, (struct mac){0}, NULL, NULL);

        assert_null(found.link);
        assert_null(found.one);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_each), cmocka_unit_test(test_no_mac)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
