// SPDX-License-Identifier: Apache-2.0
/*
 * doctor: the ENIs' links, the policy rules, the routes and our nftables table. The numbers are those of ipamd/node/want.h,
 * which is not linked here; a healthy node without findings is a test of both.
 */
#include <stdio.h>
#include <string.h>

#include <vpcwire/firewall.h>
#include <vpcwire/ifaddr.h>
#include <vpcwire/neigh.h>
#include <vpcwire/netlink.h>
#include <vpcwire/route.h>

#include "ctl/doctor.h"
#include "ctl/leased.h"

enum {
        POD_TABLE = 512,
        MAIN_TABLE = 254,
        POD_PRIORITY = 512,
        PRIMARY_PRIORITY = 1024,
        OWN_PRIORITY = 1534,
        ENI_PRIORITY = 1536,
        LAST_PRIORITY = 1537,
        PRIMARY_MARK = 0x80, /* AWS_VPC_K8S_CNI_CONNMARK's default: of a daemon that does not tell its own */
        ENI_MARK = 0x2,
        ENI_MARK_MASK = 0x1f02,
        ENI_MARK_SHIFT = 8,
        CARD_TABLE_BASE = 10000,
        CARD_TABLE_STEP = 100,
};

static const char HEALS[] = "ipamd puts it back within a second; if it is gone again, find who removes it";

static uint32_t eni_table(const struct ipam_eni *eni)
{
        return eni->network_card
                       ? (uint32_t)(CARD_TABLE_BASE + CARD_TABLE_STEP * eni->network_card + eni->device_index)
                       : (uint32_t)eni->device_index + 1;
}

static bool has_address(struct doctor *d, const struct doctor_eni *eni)
{
        struct ifaddr *addresses;
        size_t n;

        if (ifaddr_dump(d->nl, d->arena, AF_INET, eni->link->ifindex, &addresses, &n, NULL) < 0)
                return true;
        for (size_t i = 0; i < n; i++) {
                if (ip_equal(addresses[i].prefix.ip, eni->eni->primary_address))
                        return true;
        }
        return false;
}

static void check_links(struct doctor *d)
{
        if (d->elsewhere) {
                doctor_say(d, DOCTOR_FAIL, "run ipamctl in ipamd's (nsenter --net=/proc/PID/ns/net)",
                           "none of the ENIs has a link here: this seems to be another network namespace "
                           "than ipamd's");
                return;
        }
        for (size_t i = 0; d->nl && i < d->n_enis; i++) {
                const struct doctor_eni *eni = &d->enis[i];
                const char *id = eni->eni->eni_id ?: "?";

                if (!eni->link)
                        doctor_say(d, DOCTOR_FAIL, "see dmesg, and whether EC2 still shows it attached",
                                   "%s (%s) has no link here", id, eni->eni->mac ?: "?");
                else if (!eni->link->up)
                        doctor_say(d, DOCTOR_FAIL,
                                   arena_printf(d->arena, "ip link set %s up", eni->link->name),
                                   "%s of %s is down", eni->link->name, id);
                else if (!has_address(d, eni))
                        doctor_say(d, DOCTOR_FAIL, HEALS, "%s of %s does not have its address %s",
                                   eni->link->name, id, IP_TEXT(eni->eni->primary_address));
        }
}

static bool has_rule(const struct doctor *d, const struct rule_info *wanted)
{
        for (size_t i = 0; i < d->n_rules; i++) {
                struct rule_info seen = d->rules[i];

                seen.protocol = wanted->protocol; /* whoever made it: it does the work */
                if (rule_compare(&seen, wanted) == 0)
                        return true;
        }
        return false;
}

static void want_rule(struct doctor *d, struct rule_info rule)
{
        rule.family = AF_INET;
        rule.protocol = VPCWIRE_PROTOCOL;
        if (!has_rule(d, &rule))
                doctor_say(d, DOCTOR_FAIL, HEALS, "there is no rule %s", RULE_TEXT(&rule));
}

static void check_rules(struct doctor *d)
{
        uint32_t mark = d->status && d->status->connmark ? (uint32_t)d->status->connmark : PRIMARY_MARK;
        size_t before = d->n_findings;

        want_rule(d, (struct rule_info){.priority = POD_PRIORITY, .table = POD_TABLE});
        if (d->status)
                want_rule(d, (struct rule_info){.priority = PRIMARY_PRIORITY,
                                                .table = MAIN_TABLE,
                                                .fwmark = mark,
                                                .fwmask = mark});
        for (size_t i = 0; i < d->n_enis; i++) {
                const struct ipam_eni *eni = d->enis[i].eni;

                if (eni->primary)
                        continue;
                want_rule(d, (struct rule_info){
                                     .priority = OWN_PRIORITY, .iif = "lo", .goto_priority = LAST_PRIORITY});
                want_rule(d, (struct rule_info){.priority = ENI_PRIORITY,
                                                .table = eni_table(eni),
                                                .fwmark = ((uint32_t)eni->device_index << ENI_MARK_SHIFT) |
                                                          ENI_MARK,
                                                .fwmask = ENI_MARK_MASK});
                want_rule(d, (struct rule_info){.priority = LAST_PRIORITY,
                                                .table = eni_table(eni),
                                                .src = prefix_host(eni->primary_address)});
        }
        if (!d->list && d->n_findings == before)
                doctor_say(d, DOCTOR_UNCHECKED, NULL,
                           "the pods' is here; which others must be is not known without the daemon");
}

/* Rules of others that decide before ours do, and ask for no mark that only their owner sets. */
static void check_shadows(struct doctor *d)
{
        for (size_t i = 0; i < d->n_rules; i++) {
                const struct rule_info *rule = &d->rules[i];

                if (rule->priority == 0 || rule->priority > LAST_PRIORITY ||
                    rule->protocol == VPCWIRE_PROTOCOL || rule->fwmask || rule->iif[0])
                        continue;
                doctor_say(d, DOCTOR_WARN,
                           arena_printf(d->arena,
                                        "give it a priority above %d, or remove it: ip rule del priority %u",
                                        LAST_PRIORITY, rule->priority),
                           "another's rule stands before ours: %s", RULE_TEXT(rule));
        }
}

static void check_eni_routes(struct doctor *d)
{
        for (size_t i = 0; d->nl && i < d->n_enis; i++) {
                const struct doctor_eni *eni = &d->enis[i];
                const struct route_filter filter = {.family = AF_INET, .table = eni_table(eni->eni)};
                struct route_info *routes;
                bool found = false;
                size_t n;

                if (eni->eni->primary || !eni->link ||
                    route_dump(d->nl, d->arena, &filter, &routes, &n, NULL) < 0)
                        continue;
                for (size_t j = 0; j < n; j++)
                        found |= routes[j].dst.bits == 0 && routes[j].oif == eni->link->ifindex;
                if (!found)
                        doctor_say(d, DOCTOR_FAIL, HEALS, "table %u has no default route by %s", filter.table,
                                   eni->link->name);
        }
}

static void check_pod_route(struct doctor *d, const struct ipam_lease *lease, const struct pod_found *found,
                            const struct pod_evidence *kernel)
{
        struct ip address = lease->addresses[0].address;
        bool routed = false;

        if (lease->state != IPAM_LEASE_STATE_WIRED || !found->link)
                return; /* on its way, or going: the reconciler looks after it */
        for (size_t j = 0; j < kernel->n_routes; j++)
                routed |= ip_equal(kernel->routes[j].dst.ip, address) &&
                          kernel->routes[j].oif == found->link->ifindex;
        if (!routed)
                doctor_say(d, DOCTOR_FAIL, HEALS, "table %d has no route to %s (%s/%s) by %s", POD_TABLE,
                           IP_TEXT(address), lease->pod_namespace ?: "-", lease->pod_name ?: "-",
                           found->link->name);
}

static void check_pod_routes(struct doctor *d)
{
        const struct route_filter filter = {.family = AF_INET, .table = POD_TABLE};
        struct pod_evidence kernel = {.links = d->links, .n_links = d->n_links, .table = POD_TABLE};
        const struct pod_found *found;
        struct route_info *routes;

        if (!d->nl || !d->list || route_dump(d->nl, d->arena, &filter, &routes, &kernel.n_routes, NULL) < 0)
                return;
        kernel.routes = routes;
        found = leased_match(d->arena, d->list, &kernel);
        for (size_t i = 0; i < d->list->n_leases; i++)
                check_pod_route(d, &d->list->leases[i], &found[i], &kernel);
}

/* Chains that are there whatever the settings are. */
static void check_table(struct doctor *d, const char *family, const char *const *wanted, size_t n_wanted)
{
        const char **chains;
        struct err err;
        size_t n;

        if (firewall_table_chains(d->arena, family, "vpcwire", &chains, &n, &err) < 0) {
                doctor_say(d, DOCTOR_FAIL, "run it as root, on a kernel with nf_tables", "%s", err.msg);
                return;
        }
        for (size_t i = 0; i < n_wanted; i++) {
                bool found = false;

                for (size_t j = 0; j < n; j++)
                        found |= strcmp(chains[j], wanted[i]) == 0;
                if (!found) {
                        doctor_say(d, DOCTOR_FAIL, HEALS, "nftables table %s vpcwire %s%s", family,
                                   n ? "has no chain " : "is not there", n ? wanted[i] : "");
                        return;
                }
        }
}

static void check_nftables(struct doctor *d)
{
        static const char *const wanted[] = {"begins", "from_pods", "snat_pods"};

        check_table(d, "ip", wanted, ARRAY_SIZE(wanted));
}

static void check_guards(struct doctor *d)
{
        static const char *const inet[] = {"guard_pods", "guard_pods_ip", "guard_pods_ipv6"},
                                 *const arp[] = {"from_pods"};

        check_table(d, "inet", inet, ARRAY_SIZE(inet));
        check_table(d, "arp", arp, ARRAY_SIZE(arp));
}

static void check_gateway(struct doctor *d)
{
        struct ip gateway = IP_NONE;
        const char *first = NULL;
        unsigned *answering;
        size_t n, missing = 0;

        ip_parse(IPAM_GATEWAY, &gateway, NULL);
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
                                        "ip neigh add proxy " IPAM_GATEWAY
                                        " dev %s; ipamd does so within a minute",
                                        first),
                           "on %zu pods' links, say %s, the node does not answer ARP for " IPAM_GATEWAY,
                           missing, first);
}

static const struct doctor_check checks[] = {
        {"links", check_links, "each ENI's is here, up, with its address",
         "pods on that ENI reach nobody outside the node", DOCTOR_NEEDS_DAEMON | DOCTOR_NEEDS_KERNEL},
        {"rules", check_rules, "ours are here", "packets of pods take a wrong way and are dropped by EC2",
         DOCTOR_NEEDS_KERNEL | DOCTOR_NEEDS_HERE},
        {"other-rules", check_shadows, "none stands before ours", "packets of pods may take another's way",
         DOCTOR_NEEDS_KERNEL | DOCTOR_NEEDS_HERE},
        {"eni-routes", check_eni_routes, "each ENI's table leads out by it",
         "pods on that ENI reach nobody outside the node",
         DOCTOR_NEEDS_DAEMON | DOCTOR_NEEDS_KERNEL | DOCTOR_NEEDS_HERE},
        {"pod-routes", check_pod_routes, "each pod has one", "nobody reaches that pod",
         DOCTOR_NEEDS_DAEMON | DOCTOR_NEEDS_KERNEL | DOCTOR_NEEDS_HERE},
        {"nftables", check_nftables, "our table is here",
         "pods on secondary ENIs reach nobody outside the node, and none the internet", DOCTOR_NEEDS_HERE},
        {"guards", check_guards, "our tables against forged packets are here",
         "a pod may pass for another one, or reach what only the node itself should reach",
         DOCTOR_NEEDS_HERE},
        {"gateway", check_gateway, "the host answers for it", "a pod whose MAC was changed reaches nobody",
         DOCTOR_NEEDS_KERNEL | DOCTOR_NEEDS_HERE},
};

struct doctor_checks doctor_checks_route(void)
{
        return (struct doctor_checks){checks, ARRAY_SIZE(checks)};
}
