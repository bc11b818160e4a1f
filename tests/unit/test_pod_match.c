// SPDX-License-Identifier: Apache-2.0
/* Which link is whose: names, aliases and routes in all combinations that somebody can leave behind. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include <vpcwire/mem.h>
#include <vpcwire/pod_match.h>

enum { POD_TABLE = 512, NO_LINK = 0 };

static struct ip ip_of(const char *text)
{
        struct ip ip = IP_NONE;

        assert_int_equal(ip_parse(text, &ip, NULL), 0);
        return ip;
}

static struct link_info link_of(unsigned ifindex, const char *kind, const char *name, const char *alias)
{
        struct link_info link = {.ifindex = ifindex, .up = true};

        snprintf(link.kind, sizeof(link.kind), "%s", kind);
        snprintf(link.name, sizeof(link.name), "%s", name);
        snprintf(link.alias, sizeof(link.alias), "%s", alias);
        return link;
}

static struct route_info route_to(const char *address, unsigned oif)
{
        return (struct route_info){.dst = prefix_host(ip_of(address)), .table = POD_TABLE, .oif = oif};
}

/* Two pods, c1 by enia with 10.0.1.1 and c2 by enib with 10.0.1.2, and what the kernel has of them. */
static const struct {
        const char *what;
        struct {
                const char *kind, *name, *alias;
        } links[3]; /* with the indexes 1, 2, 3 */
        struct {
                const char *address;
                unsigned oif;
        } routes[3];
        unsigned found[2]; /* the indexes of the pods' links */
        bool alias_missing;
        unsigned rival; /* of the first pod */
} cases[] = {
        {"as made",
         {{"veth", "enia", "c1"}, {"veth", "enib", "c2"}},
         {{"10.0.1.1", 1}, {"10.0.1.2", 2}},
         {1, 2},
         false,
         0},
        {"renamed",
         {{"veth", "up7", "c1"}, {"veth", "enib", "c2"}},
         {{"10.0.1.1", 1}, {"10.0.1.2", 2}},
         {1, 2},
         false,
         0},
        {"renamed, no routes", {{"veth", "up7", "c1"}, {"veth", "enib", "c2"}}, {{0}}, {1, 2}, false, 0},
        {"names changed places",
         {{"veth", "enib", "c1"}, {"veth", "enia", "c2"}},
         {{"10.0.1.1", 1}},
         {1, 2},
         false,
         0},
        {"no alias", {{"veth", "enia", ""}, {"veth", "enib", "c2"}}, {{"10.0.1.1", 1}}, {1, 2}, true, 0},
        {"no alias, no route", {{"veth", "enia", ""}}, {{0}}, {1, 0}, false, 0},
        {"nothing but the route", {{"veth", "up7", ""}}, {{"10.0.1.1", 1}}, {1, 0}, true, 0},
        {"nothing at all", {{"veth", "up7", ""}}, {{0}}, {0, 0}, false, 0},
        {"somebody's alias", {{"veth", "enia", "uplink"}}, {{"10.0.1.1", 1}}, {1, 0}, false, 0},
        {"somebody's alias, no route", {{"veth", "enia", "uplink"}}, {{0}}, {0, 0}, false, 0},
        {"a later sandbox has the name", {{"veth", "enia", "c9"}}, {{"10.0.1.9", 1}}, {0, 0}, false, 0},
        {"no veth", {{"", "enia", "c1"}, {"bridge", "up7", "c1"}}, {{"10.0.1.1", 1}}, {0, 0}, false, 0},
        {"led to the other pod",
         {{"veth", "enia", "c1"}, {"veth", "enib", "c2"}},
         {{"10.0.1.1", 2}},
         {1, 2},
         false,
         2},
        {"led to a foreign one", {{"veth", "up7", "c9"}}, {{"10.0.1.1", 1}}, {0, 0}, false, 1},
        {"two links, one routed",
         {{"veth", "up7", "c1"}, {"veth", "up8", "c1"}},
         {{"10.0.1.1", 2}},
         {2, 0},
         false,
         0},
        {"two links, none routed", {{"veth", "up7", "c1"}, {"veth", "up8", "c1"}}, {{0}}, {0, 0}, false, 0},
};

static void run_case(size_t i)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const struct pod_sought pods[] = {{ip_of("10.0.1.1"), "enia", "c1"},
                                          {ip_of("10.0.1.2"), "enib", "c2"}};
        struct link_info links[ARRAY_SIZE(cases[0].links)];
        struct route_info routes[ARRAY_SIZE(cases[0].routes)];
        struct pod_evidence kernel = {.links = links, .routes = routes, .table = POD_TABLE};
        struct pod_found *found;

        for (size_t j = 0; j < ARRAY_SIZE(links) && cases[i].links[j].kind; j++)
                links[kernel.n_links++] = link_of((unsigned)j + 1, cases[i].links[j].kind,
                                                  cases[i].links[j].name, cases[i].links[j].alias);
        for (size_t j = 0; j < ARRAY_SIZE(routes) && cases[i].routes[j].address; j++)
                routes[kernel.n_routes++] = route_to(cases[i].routes[j].address, cases[i].routes[j].oif);
        found = pod_match(arena, pods, ARRAY_SIZE(pods), &kernel);
        for (size_t j = 0; j < ARRAY_SIZE(pods); j++) {
                unsigned is = found[j].link ? found[j].link->ifindex : NO_LINK;

                if (is != cases[i].found[j])
                        fail_msg("%s: pod %zu has link %u, not %u", cases[i].what, j + 1, is,
                                 cases[i].found[j]);
        }
        if (found[0].alias_missing != cases[i].alias_missing)
                fail_msg("%s: alias missing: %d", cases[i].what, found[0].alias_missing);
        if ((found[0].rival ? found[0].rival->ifindex : NO_LINK) != cases[i].rival)
                fail_msg("%s: the rival is not %u", cases[i].what, cases[i].rival);
}

static void test_each_combination(void **state _unused_)
{
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                run_case(i);
}

/* Both sandboxes of a pod call their links the same: a link without an alias is the younger one's, about to be marked. */
static void test_a_shared_name_says_nothing(void **state _unused_)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const struct pod_sought pods[] = {{ip_of("10.0.1.1"), "enia", "older"},
                                          {ip_of("10.0.1.2"), "enia", "younger"}};
        const struct link_info link = link_of(1, "veth", "enia", "");
        const struct route_info route = route_to("10.0.1.2", 1);
        struct pod_evidence kernel = {.links = &link, .n_links = 1, .table = POD_TABLE};
        struct pod_found *found = pod_match(arena, pods, ARRAY_SIZE(pods), &kernel);

        assert_null(found[0].link);
        assert_null(found[1].link);
        kernel.routes = &route;
        kernel.n_routes = 1;
        found = pod_match(arena, pods, ARRAY_SIZE(pods), &kernel);
        assert_null(found[0].link);
        assert_ptr_equal(found[1].link, &link);
}

static void test_two_attachments_of_one_container(void **state _unused_)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const struct pod_sought pods[] = {{ip_of("10.0.1.1"), "enia", "c1"},
                                          {ip_of("10.0.1.2"), "enib", "c1"}};
        const struct link_info links[] = {link_of(1, "veth", "enia", "c1"), link_of(2, "veth", "up7", "c1")};
        struct pod_evidence kernel = {.links = links, .n_links = 2, .table = POD_TABLE};
        struct pod_found *found = pod_match(arena, pods, ARRAY_SIZE(pods), &kernel);

        assert_ptr_equal(found[0].link, &links[0]);
        assert_ptr_equal(found[1].link, &links[1]); /* the other one is surely the first pod's */
        kernel.n_links = 1;
        found = pod_match(arena, pods, ARRAY_SIZE(pods), &kernel);
        assert_null(found[1].link);
}

static void test_a_bridge_is_many_pods(void **state _unused_)
{
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        const struct pod_sought pods[] = {{ip_of("10.0.1.1"), "cni0", NULL},
                                          {ip_of("10.0.1.2"), "cni0", NULL},
                                          {ip_of("10.0.1.3"), "enia", NULL}};
        const struct link_info links[] = {link_of(1, "bridge", "cni0", ""), link_of(2, "veth", "enia", "")};
        const struct pod_evidence kernel = {.links = links, .n_links = 2, .table = POD_TABLE};
        struct pod_found *found = pod_match(arena, pods, ARRAY_SIZE(pods), &kernel);

        assert_ptr_equal(found[0].link, &links[0]);
        assert_ptr_equal(found[1].link, &links[0]);
        assert_null(found[2].link);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_each_combination),
                cmocka_unit_test(test_a_shared_name_says_nothing),
                cmocka_unit_test(test_two_attachments_of_one_container),
                cmocka_unit_test(test_a_bridge_is_many_pods),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
