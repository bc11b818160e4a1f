// SPDX-License-Identifier: Apache-2.0
/* From events to the leases that ipamctl explain tells of. */
#include "test.h"

#include <vpcwire/cleanup.h>

#include "ctl/history.h"

/* What each event of a case says; times are the places in the list, from 1. */
struct reported {
        const char *kind, *subject, *pod, *container, *text;
        enum ipam_lease_end end;
};

struct expected {
        const char *pod;
        int64_t since, waited, wired, lost, until;
        const char *end;
};

enum { EVENTS = 8, LEASES = 3 };

static const struct {
        const char *name;
        struct reported events[EVENTS];
        struct expected leases[LEASES];
        const char *waits;
} cases[] = {
        {"nothing", {{0}}, {{0}}, NULL},
        {"a life",
         {{"address-added", "10.0.1.5", NULL, NULL, ""},
          {"lease-added", "10.0.1.5", "d/web", "c1", "net/c1/eth0: web"},
          {"lease-wired", "10.0.1.5", "d/web", "c1", "net/c1/eth0: the pod has it"},
          {"lease-released", "10.0.1.5", "d/web", "c1", "net/c1/eth0: DEL", IPAM_LEASE_END_DEL}},
         {{"d/web", 2, 0, 3, 0, 4, "DEL"}},
         NULL},
        {"two after one another; the second lasts",
         {{"lease-added", "10.0.1.5", "d/web", "c1", ""},
          {"lease-released", "10.0.1.5", "d/web", "c1", "bla", IPAM_LEASE_END_LINK_GONE},
          {"lease-added", "10.0.1.5", "d/db", "c2", ""}},
         {{"d/web", 1, 0, 0, 0, 2, "reclaimed: its host link is gone"}, {"d/db", 3, 0, 0, 0, 0, NULL}},
         NULL},
        {"its beginning is forgotten",
         {{"lease-wired", "10.0.1.5", "d/web", "c1", ""},
          {"lease-released", "10.0.1.5", "d/web", "c1", "", IPAM_LEASE_END_GC}},
         {{"d/web", 0, 0, 1, 0, 2, "GC"}},
         NULL},
        {"the end as a daemon told it that had no field for it",
         {{"lease-added", "10.0.1.5", "d/web", "c1", ""},
          {"lease-released", "10.0.1.5", "d/web", "c1", "n/c/e: GC"}},
         {{"d/web", 1, 0, 0, 0, 2, "n/c/e: GC"}},
         NULL},
        {"a boot ends all",
         {{"lease-added", "10.0.1.5", "d/web", "c1", ""},
          {"lease-added", "10.0.1.6", "d/web", "c2", ""},
          {"boot", "", NULL, NULL, "another boot: 2 leases ended"}},
         {{"d/web", 1, 0, 0, 0, 3, "the node rebooted"}, {"d/web", 2, 0, 0, 0, 3, "the node rebooted"}},
         NULL},
        {"lost",
         {{"lease-added", "10.0.1.5", "d/web", "c1", ""}, {"address-lost", "10.0.1.5", "d/web", "c1", ""}},
         {{"d/web", 1, 0, 0, 2, 0, NULL}},
         NULL},
        {"lost and found",
         {{"lease-added", "10.0.1.5", "d/web", "c1", ""},
          {"address-lost", "10.0.1.5", "d/web", "c1", ""},
          {"address-found", "10.0.1.5", "d/web", "c1", ""}},
         {{"d/web", 1, 0, 0, 0, 0, NULL}},
         NULL},
        {"waited, and got one",
         {{"add-waiting", "d/web", "d/web", "c1", "no free address"},
          {"eni-ready", "eni-1", NULL, NULL, ""},
          {"lease-added", "10.0.1.5", "d/web", "c1", ""}},
         {{"d/web", 3, 2, 0, 0, 0, NULL}},
         NULL},
        {"another sandbox's wait is not this one's",
         {{"add-waiting", "d/web", "d/web", "c1", "full"}, {"lease-added", "10.0.1.5", "d/web", "c2", ""}},
         {{"d/web", 2, 0, 0, 0, 0, NULL}},
         "full"},
        {"refused",
         {{"add-waiting", "d/web", "d/web", "c1", "full"},
          {"add-refused", "d/web", "d/web", "c1", "full still"}},
         {{0}},
         NULL},
        {"waits", {{"add-waiting", "d/web", "d/web", "c1", "no free address"}}, {{0}}, "no free address"},
};

static void test_cases(void **state _unused_)
{
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct ipam_event events[EVENTS];
                struct history history;
                size_t n = 0, n_leases = 0;

                for (; n < EVENTS && cases[i].events[n].kind; n++)
                        events[n] = (struct ipam_event){.id = (int64_t)n + 1,
                                                        .at_ms = (int64_t)n + 1,
                                                        .kind = cases[i].events[n].kind,
                                                        .subject = cases[i].events[n].subject,
                                                        .pod = cases[i].events[n].pod,
                                                        .container_id = cases[i].events[n].container,
                                                        .text = cases[i].events[n].text,
                                                        .lease_end = cases[i].events[n].end};
                history = history_tell(events, n);
                for (; n_leases < LEASES && cases[i].leases[n_leases].pod; n_leases++) {
                        const struct expected *e = &cases[i].leases[n_leases];
                        const struct history_lease *l = &history.leases[n_leases];

                        if (n_leases >= history.n_leases || strcmp(l->pod, e->pod) != 0 ||
                            l->since_ms != e->since || l->waited_ms != e->waited || l->wired_ms != e->wired ||
                            l->lost_ms != e->lost || l->until_ms != e->until ||
                            strcmp(l->end ?: "", e->end ?: "") != 0)
                                fail_msg("%s: lease %zu", cases[i].name, n_leases);
                }
                if (history.n_leases != n_leases)
                        fail_msg("%s: %zu leases", cases[i].name, history.n_leases);
                assert_string_equal(history.waiting ? history.waiting->text : "", cases[i].waits ?: "");
                history_done(&history);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
