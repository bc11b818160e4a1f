// SPDX-License-Identifier: Apache-2.0
/* node_sync_pool() against the real kernel: addresses that come and go, and all that makes a whole sync needed instead. */
#include "node_world.h"

#include <stdlib.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include <vpcwire/dataplane.h>

enum { MANY = 17 }; /* more than a set's least size */

static struct node_address addresses[2 * MANY];

/* Two ENIs, a pod on each, and a sync has been. */
static int setup(void **state)
{
        struct node_world *w;

        node_world_setup(state);
        w = *state;
        w->view.n_enis = 2;
        node_world_add_pod(w, "10.0.1.11", 0, true);
        node_world_add_pod(w, "10.0.1.21", 1, true);
        node_world_sync(w);
        memcpy(addresses, w->addresses, sizeof(w->addresses));
        w->view.addresses = addresses;
        return 0;
}

static void add_address(struct node_world *w, const char *prefix, unsigned device)
{
        addresses[w->view.n_addresses++] = (struct node_address){world_cidr(prefix), device + 1};
}

static bool sync_pool(struct node_world *w)
{
        return node_sync_pool(w->node, w->arena, &w->view, &w->report);
}

static void test_address_comes_and_goes(void **state)
{
        struct node_world *w = *state;

        add_address(w, "10.0.1.22/32", 1);
        assert_true(sync_pool(w));
        assert_int_equal(w->report.repaired.nft, 2);
        assert_int_equal(node_repairs_total(&w->report.repaired), 2);
        assert_int_equal(w->report.n_enis, 2);
        assert_int_equal(w->report.enis[1].state, NODE_ENI_ROUTED);
        assert_contains(node_world_nft(w, "list map ip vpcwire eni_of"), "10.0.1.22 : goto pod_1");
        assert_contains(node_world_nft(w, "list set ip vpcwire secondary"), "10.0.1.22");
        assert_contains(node_world_nft(w, "list set arp vpcwire pods"), "10.0.1.22");
        assert_true(sync_pool(w));
        assert_int_equal(node_repairs_total(&w->report.repaired), 0);
        assert_int_equal(node_world_sync(w), 0);

        w->view.n_addresses--;
        assert_true(sync_pool(w));
        assert_int_equal(w->report.repaired.nft, 2);
        assert_null(strstr(node_world_nft(w, "list ruleset"), "10.0.1.22"));
        assert_int_equal(node_world_sync(w), 0);
}

/* Of another ENI now: the map's element is exchanged. */
static void test_address_moves(void **state)
{
        struct node_world *w = *state;

        add_address(w, "10.0.1.22/32", 1);
        assert_true(sync_pool(w));
        addresses[w->view.n_addresses - 1].eni_key = w->enis[0].key;
        assert_true(sync_pool(w));
        assert_contains(node_world_nft(w, "list map ip vpcwire eni_of"), "10.0.1.22 : goto pod_0");
        assert_null(strstr(node_world_nft(w, "list set ip vpcwire secondary"), "10.0.1.22"));
        assert_int_equal(node_world_sync(w), 0);
}

static void element_deleted(struct node_world *w)
{
        add_address(w, "10.0.1.23/32", 1);
        node_world_nft(w, "delete element ip vpcwire eni_of { 10.0.1.21 }");
}

/* Whose it was is not known until the tables are listed. */
static void another_table(struct node_world *w)
{
        node_world_nft(w, "add table ip other");
}

static void local_address(struct node_world *w)
{
        const struct ifaddr address = {.ifindex = node_world_ifindex(w, "eth0"),
                                       .prefix = world_cidr("10.0.1.22/32")};

        add_address(w, "10.0.1.22/32", 1);
        assert_ok(ifaddr_add(w->nl, &address, &w->err), &w->err);
}

static void route_of_somebody(struct node_world *w)
{
        const struct route_info route = {.table = DATAPLANE_TABLE_PODS,
                                         .dst = world_cidr("10.0.1.24/32"),
                                         .oif = node_world_ifindex(w, w->pods[0].host_ifname),
                                         .scope = RT_SCOPE_LINK};

        add_address(w, "10.0.1.24/32", 1);
        assert_ok(route_add(w->nl, &route, &w->err), &w->err);
}

static void eni_came(struct node_world *w)
{
        node_world_plug(w, 2);
        w->view.n_enis = 3;
}

static void eni_left(struct node_world *w)
{
        w->view.n_enis = 1;
}

static void set_is_full(struct node_world *w)
{
        for (unsigned i = 0; i < MANY; i++)
                add_address(w, arena_printf(w->arena, "10.0.1.%u/32", 100 + i), 1);
}

static void prefix_came(struct node_world *w)
{
        add_address(w, "10.0.1.64/28", 1);
}

static void setting_changed(struct node_world *w)
{
        w->egress.external_snat = true;
}

/* Nothing is written, or nothing relied upon: the whole sync that follows puts all right, and from then on the pool alone will do. */
static void test_whole_sync_is_needed(void **state)
{
        static const struct {
                const char *name;
                void (*change)(struct node_world *w);
        } cases[] = {
                {"an element was deleted", element_deleted},
                {"somebody wrote another table", another_table},
                {"the address is the host's", local_address},
                {"the address leads to a pod", route_of_somebody},
                {"the sets outgrow their size", set_is_full},
                {"a prefix makes intervals of the sets", prefix_came},
                {"a setting changed", setting_changed},
                {"an ENI came", eni_came},
                {"an ENI left", eni_left},
        };
        struct node_world *w = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                cases[i].change(w);
                if (sync_pool(w))
                        fail_msg("%s: and the pool alone was synced", cases[i].name);
                node_world_sync(w);
                if (!sync_pool(w) || node_repairs_total(&w->report.repaired))
                        fail_msg("%s: and the pool is not synced by itself again", cases[i].name);
        }
}

static void test_before_the_first_sync(void **state)
{
        struct node_world *w = *state;

        w->node = node_free(w->node);
        assert_ok(node_open(&w->node, &w->err), &w->err);
        assert_false(sync_pool(w));
}

int main(void)
{
#define POOL_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, node_world_teardown)
        const struct CMUnitTest tests[] = {
                POOL_TEST(test_address_comes_and_goes),
                POOL_TEST(test_address_moves),
                POOL_TEST(test_whole_sync_is_needed),
                POOL_TEST(test_before_the_first_sync),
        };
        int r = node_world_begin();

        return r ? r : cmocka_run_group_tests(tests, NULL, NULL);
}
