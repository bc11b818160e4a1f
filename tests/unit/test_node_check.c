// SPDX-License-Identifier: Apache-2.0
/* node_check() against the real kernel: nothing after a sync; what somebody broke, by its name; and it changes nothing. */
#include "node_world.h"

#include "node/check.h"

static const char *const kinds[] = {
        [NODE_MISSING] = "missing", [NODE_CHANGED] = "changed", [NODE_EXTRA] = "extra"};

/* One a line, in the arena. */
static const char *differences(struct node_world *w)
{
        struct text text = {0};
        struct node_check found;
        const char *copy;

        assert_ok(node_check(w->node, w->arena, &w->view, &found, &w->err), &w->err);
        assert_int_equal(node_repairs_total(&found.report.repaired), 0);
        for (size_t i = 0; i < found.n_differences; i++) {
                const struct node_difference *difference = &found.differences[i];

                text_add(&text, "%s %s: %s (%s)\n", kinds[difference->kind],
                         node_object_to_string(difference->object), difference->text, difference->link);
        }
        copy = arena_strdup(w->arena, text.text ?: "");
        text_done(&text);
        return copy;
}

static void set_up(struct node_world *w)
{
        node_world_add_pod(w, "10.0.1.11", 0, true);
        node_world_add_pod(w, "10.0.1.21", 1, true);
        node_world_sync(w);
        assert_string_equal(differences(w), "");
}

/* A table that was changed in place, and one that was written whole, are the same. */
static void test_all_is_well(void **state)
{
        struct node_world *w = *state;

        set_up(w);
        node_world_add_pod(w, "10.0.1.22", 1, true);
        assert_string_not_equal(differences(w), "");
        node_world_sync(w);
        assert_string_equal(differences(w), "");
        w->egress.mark =
                0x100000; /* a setting: what is wanted is by it, not by a number of the check's own */
        node_world_sync(w);
        assert_string_equal(differences(w), "");
        w->egress.external_snat = true;
        node_world_sync(w);
        assert_string_equal(differences(w), "");
}

static void test_what_is_broken_is_reported(void **state)
{
        static const struct {
                const char *command, *first;
                bool more; /* than this one */
        } breaks[] = {
                {"ip rule del priority 512", "missing rule: 512: lookup 512 proto 118 ()\n"},
                {"ip rule del priority 1024",
                 "missing rule: 1024: fwmark 0x80/0x80 lookup 254 proto 118 ()\n"},
                {"ip rule add priority 1536 fwmark 0x302/0x1f02 lookup 4 protocol 118",
                 "extra rule: 1536: fwmark 0x302/0x1f02 lookup 4 proto 118 ()\n"},
                {"ip route del default table 2", "missing route: 0.0.0.0/0 via 10.0.1.1 dev "},
                {"ip route del 10.0.1.21 table 512", "missing route: 10.0.1.21/32 dev "},
                {"ip link set eth1 mtu 1300", "changed link: MTU 1300, not 1400 (eth1)\n"},
                {"ip addr del 10.0.1.20/32 dev eth1", "missing address: 10.0.1.20/32 (eth1)\n", true},
                {"ip addr add 10.0.1.21/32 dev eth1", "extra address: 10.0.1.21/32 (eth1)\n"},
                {"sysctl -qw net.ipv4.conf.eth1.rp_filter=1",
                 "changed sysctl: net.ipv4.conf.eth1.rp_filter is 1, not 0 (eth1)\n"},
                {"nft delete table arp vpcwire", "missing nftables: set pods of table arp vpcwire ()\n",
                 true},
                {"nft flush chain inet vpcwire guard_pods",
                 "changed nftables: chain guard_pods of table inet vpcwire ()\n"},
                {"nft delete element ip vpcwire pods { 10.0.1.21 }",
                 "changed nftables: set pods of table ip vpcwire ()\n"},
                {"nft add chain ip vpcwire theirs", "extra nftables: chain theirs of table ip vpcwire ()\n"},
        };
        struct node_world *w = *state;

        set_up(w);
        for (size_t i = 0; i < ARRAY_SIZE(breaks); i++) {
                const char *reported;

                print_message("%s\n", breaks[i].command);
                assert_runs("%s", breaks[i].command);
                reported = differences(w);
                print_message("%s", reported);
                assert_int_equal(strncmp(reported, breaks[i].first, strlen(breaks[i].first)), 0);
                assert_int_equal(strchr(reported, '\n')[1] != '\0', breaks[i].more);
                assert_string_equal(differences(w), reported); /* looking repairs nothing */
                assert_int_not_equal(node_world_sync(w), 0);
                assert_string_equal(differences(w), "");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_all_is_well, node_world_setup, node_world_teardown),
                cmocka_unit_test_setup_teardown(test_what_is_broken_is_reported, node_world_setup,
                                                node_world_teardown),
        };
        int r = node_world_begin();

        return r ?: cmocka_run_group_tests(tests, NULL, NULL);
}
