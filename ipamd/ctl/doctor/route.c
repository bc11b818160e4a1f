// SPDX-License-Identifier: Apache-2.0
/*
 * doctor: the ENIs' links, the policy rules, the routes and our nftables tables.
 */
#include <stdio.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include "firewall/firewall.h"
#include <vpcwire/dataplane.h>
#include <vpcwire/neigh.h>
#include <vpcwire/netlink.h>

#include "ctl/doctor/doctor.h"

static const char HEALS[] = "ipamd restores it within a second; if it is gone again, find out who removes it";

static bool is_enis(const struct doctor *d, const struct node_difference *difference)
{
        for (size_t i = 0; i < d->n_enis; i++) {
                if (d->enis[i].link && d->enis[i].link->ifindex == difference->ifindex)
                        return true;
        }
        return false;
}

static const char *const kinds[] = {
        [NODE_MISSING] = "is missing", [NODE_CHANGED] = "is wrong", [NODE_EXTRA] = "should not be there"};

static void say_difference(struct doctor *d, enum doctor_verdict verdict,
                           const struct node_difference *difference)
{
        if (difference->object == NODE_LINK)
                doctor_say(d, verdict, HEALS, "link %s has %s", difference->link, difference->text);
        else
                doctor_say(d, verdict, HEALS, "%s %s%s%s %s", node_object_to_string(difference->object),
                           difference->text, *difference->link ? " of " : "", difference->link,
                           kinds[difference->kind]);
}

static void check_links(struct doctor *d)
{
        for (size_t i = 0; d->nl && i < d->n_enis; i++) {
                if (!d->enis[i].link)
                        doctor_say(d, DOCTOR_FAIL, "check dmesg, and whether EC2 still shows it as attached",
                                   "%s (%s) has no link here", d->enis[i].eni->eni_id ?: "?",
                                   d->enis[i].eni->mac ?: "?");
        }
        for (size_t i = 0; i < d->n_differences; i++) {
                const struct node_difference *difference = &d->differences[i];
                bool is_address = difference->object == NODE_ADDRESS && difference->kind == NODE_MISSING;

                if (is_enis(d, difference) && (is_address || difference->object == NODE_LINK))
                        say_difference(d, DOCTOR_FAIL, difference);
        }
}

static void check_pod_links(struct doctor *d)
{
        for (size_t i = 0; i < d->n_differences; i++) {
                if (d->differences[i].object == NODE_LINK && !is_enis(d, &d->differences[i]))
                        say_difference(d, DOCTOR_WARN, &d->differences[i]);
        }
}

static void check_rules(struct doctor *d)
{
        for (size_t i = 0; i < d->n_differences; i++) {
                if (d->differences[i].object == NODE_RULE)
                        say_difference(d, DOCTOR_FAIL, &d->differences[i]);
        }
}

/* Rules of others that decide before ours do, and ask for no mark that only their owner sets. */
static void check_shadows(struct doctor *d)
{
        for (size_t i = 0; i < d->n_rules; i++) {
                const struct rule_info *rule = &d->rules[i];

                if (rule->priority == 0 || rule->priority > DATAPLANE_PRIORITY_ENI_ADDRESS ||
                    rule->protocol == DATAPLANE_PROTOCOL || rule->fwmask || rule->iif[0])
                        continue;
                doctor_say(
                        d, DOCTOR_WARN,
                        arena_printf(
                                d->arena,
                                "give it a priority number above %d, or remove it: ip rule del priority %u",
                                DATAPLANE_PRIORITY_ENI_ADDRESS, rule->priority),
                        "a foreign rule has a higher priority than ours: %s", RULE_TEXT(rule));
        }
}

static void say_routes(struct doctor *d, bool of_pods)
{
        for (size_t i = 0; i < d->n_differences; i++) {
                const struct node_difference *difference = &d->differences[i];

                if (difference->object == NODE_ROUTE &&
                    (difference->table == DATAPLANE_TABLE_PODS) == of_pods)
                        say_difference(d, DOCTOR_FAIL, difference);
        }
}

static void check_eni_routes(struct doctor *d)
{
        say_routes(d, false);
}

static void check_pod_routes(struct doctor *d)
{
        say_routes(d, true);
}

/* Without the daemon nobody knows what is in it. */
static void check_table_is_there(struct doctor *d, const char *family)
{
        const char **chains;
        struct err err;
        size_t n;

        if (firewall_table_chains(d->arena, family, DATAPLANE_NFT_TABLE, &chains, &n, &err) < 0)
                doctor_say(d, DOCTOR_FAIL, "run it as root, on a kernel with nf_tables", "%s", err.msg);
        else if (!n)
                doctor_say(d, DOCTOR_FAIL, HEALS, "nftables table %s " DATAPLANE_NFT_TABLE " is missing",
                           family);
}

static void say_nft(struct doctor *d, enum node_nft table)
{
        for (size_t i = 0; i < d->n_differences; i++) {
                if (d->differences[i].object == NODE_NFT_OBJECT && d->differences[i].nft == table)
                        say_difference(d, DOCTOR_FAIL, &d->differences[i]);
        }
}

static void check_nftables(struct doctor *d)
{
        if (!d->compared)
                check_table_is_there(d, "ip");
        say_nft(d, NODE_NFT_IP);
}

static void check_guards(struct doctor *d)
{
        if (!d->compared) {
                check_table_is_there(d, "inet");
                check_table_is_there(d, "arp");
        }
        say_nft(d, NODE_NFT_GUARD);
        say_nft(d, NODE_NFT_ARP);
}

static void check_gateway(struct doctor *d)
{
        struct ip gateway = IP_NONE;
        const char *first = NULL;
        unsigned *answering;
        size_t n, missing = 0;

        ip_parse(DATAPLANE_GATEWAY, &gateway, NULL);
        if (!d->nl || neigh_proxy_links(d->nl, d->arena, gateway, &answering, &n, NULL) < 0)
                return;
        for (size_t i = 0; i < d->n_links; i++) {
                if (!doctor_link_is_pod(d, &d->links[i]) || !d->links[i].up ||
                    neigh_proxy_has(answering, n, d->links[i].ifindex))
                        continue;
                if (missing++ == 0)
                        first = d->links[i].name;
        }
        if (missing)
                doctor_say(d, DOCTOR_WARN,
                           arena_printf(d->arena,
                                        "ip neigh add proxy " DATAPLANE_GATEWAY
                                        " dev %s; ipamd does so within a minute",
                                        first),
                           "on the links of %zu pods, one is %s, the node does not answer ARP "
                           "for " DATAPLANE_GATEWAY,
                           missing, first);
}

static const struct doctor_check checks[] = {
        {"links", check_links, "each ENI's link is up, with its address and MTU",
         "pods on that ENI cannot reach anything outside the node",
         DOCTOR_NEEDS_DAEMON | DOCTOR_NEEDS_KERNEL | DOCTOR_NEEDS_HERE},
        {"pod-links", check_pod_links, "each pod's link has its container's id as alias, and our group",
         "the node treats this pod's packets as another pod's, or as foreign ones",
         DOCTOR_NEEDS_DAEMON | DOCTOR_NEEDS_KERNEL | DOCTOR_NEEDS_HERE | DOCTOR_NEEDS_WANTED},
        {"rules", check_rules, "all of ours are present",
         "packets of pods are routed wrongly, and EC2 drops them",
         DOCTOR_NEEDS_DAEMON | DOCTOR_NEEDS_KERNEL | DOCTOR_NEEDS_HERE | DOCTOR_NEEDS_WANTED},
        {"other-rules", check_shadows, "no other rule has a higher priority",
         "packets of pods may be routed wrongly", DOCTOR_NEEDS_KERNEL | DOCTOR_NEEDS_HERE},
        {"eni-routes", check_eni_routes, "each ENI's table routes via that ENI",
         "pods on that ENI cannot reach anything outside the node",
         DOCTOR_NEEDS_DAEMON | DOCTOR_NEEDS_KERNEL | DOCTOR_NEEDS_HERE | DOCTOR_NEEDS_WANTED},
        {"pod-routes", check_pod_routes, "each pod has its route", "that pod cannot be reached",
         DOCTOR_NEEDS_DAEMON | DOCTOR_NEEDS_KERNEL | DOCTOR_NEEDS_HERE | DOCTOR_NEEDS_WANTED},
        {"nftables", check_nftables, "our table is correct",
         "pods on secondary ENIs cannot reach anything outside the node, and no pod the internet",
         DOCTOR_NEEDS_HERE | DOCTOR_NEEDS_ROOT, 0, DOCTOR_CAUSE_KERNEL | DOCTOR_CAUSE_DAEMON},
        {"guards", check_guards, "our tables against forged packets are correct",
         "a pod may forge another pod's address, or reach what only the node itself should reach",
         DOCTOR_NEEDS_HERE | DOCTOR_NEEDS_ROOT, 0, DOCTOR_CAUSE_KERNEL | DOCTOR_CAUSE_DAEMON},
        {"gateway", check_gateway, "proxy ARP entries are present",
         "a pod whose MAC address was changed cannot reach anything", DOCTOR_NEEDS_KERNEL | DOCTOR_NEEDS_HERE,
         0, DOCTOR_CAUSE_DAEMON},
};

struct doctor_checks doctor_checks_route(void)
{
        return (struct doctor_checks){checks, ARRAY_SIZE(checks)};
}
