// SPDX-License-Identifier: Apache-2.0
/*
 * doctor: what the kernel can do, each thing tried in a network namespace of its own that goes with the check. Where none may
 * be made (in the daemon's container) nftables is asked without committing, which changes nothing either.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "firewall/firewall.h"
#include <vpcwire/dataplane.h>
#include <vpcwire/netlink.h>
#include <vpcwire/netns.h>

#include "ctl/doctor/doctor.h"

#define IP    "add table ip vpcwire_try; add chain ip vpcwire_try c "
#define INET  "add table inet vpcwire_try; add chain inet vpcwire_try c "
#define INPUT "{ type filter hook prerouting priority -300; }; "

/* What our tables are made of. */
static const struct {
        const char *what, *commands, *option;
} features[] = {
        {"nf_tables", "add table ip vpcwire_try", "CONFIG_NF_TABLES_IPV4"},
        {"nftables nat",
         IP "{ type nat hook postrouting priority srcnat; }; "
            "add rule ip vpcwire_try c snat to 192.0.2.1 fully-random",
         "CONFIG_NFT_NAT"},
        {"nftables fib",
         IP INPUT "add rule ip vpcwire_try c fib daddr . iif type local fib saddr . iif oif missing drop",
         "CONFIG_NFT_FIB_IPV4"},
        {"connection marks", IP INPUT "add rule ip vpcwire_try c ct mark set ct mark | 0x1",
         "CONFIG_NF_CONNTRACK_MARK"},
        {"interval maps",
         "add table ip vpcwire_try; add chain ip vpcwire_try j; "
         "add map ip vpcwire_try m { type ipv4_addr : verdict; flags interval; }; "
         "add element ip vpcwire_try m { 192.0.2.0/28 : jump j }",
         "CONFIG_NF_TABLES, Linux 5.6"},
        {"nat in prerouting",
         IP "{ type nat hook prerouting priority dstnat; }; "
            "add rule ip vpcwire_try c ct state new fib daddr oifname != { \"a\", \"b\" } drop",
         "CONFIG_NFT_NAT"},
        {"ct direction",
         IP INPUT "add rule ip vpcwire_try c ct direction reply ct mark & 0x100 vmap { 0x100 : accept }",
         "CONFIG_NFT_CT"},
        {"iifname in postrouting",
         IP "{ type nat hook postrouting priority srcnat; }; "
            "add rule ip vpcwire_try c iifname \"eni*\" meta iifgroup 1 accept",
         "CONFIG_NF_TABLES, Linux 5.7"},
        {"reject",
         IP "{ type filter hook forward priority filter; }; "
            "add rule ip vpcwire_try c reject with icmp type admin-prohibited",
         "CONFIG_NFT_REJECT_IPV4"},
        {"counters", IP INPUT "add counter ip vpcwire_try n; add rule ip vpcwire_try c counter name n",
         "CONFIG_NFT_COUNTER, CONFIG_NFT_OBJREF"},
        {"nftables inet", INET INPUT "add rule inet vpcwire_try c ip saddr 192.0.2.1 drop",
         "CONFIG_NF_TABLES_INET"},
        {"nftables fib in inet", INET INPUT "add rule inet vpcwire_try c fib saddr . iif oif missing drop",
         "CONFIG_NFT_FIB_INET"},
        {"reject in inet",
         INET "{ type filter hook forward priority filter; }; "
              "add rule inet vpcwire_try c reject with icmpv6 type admin-prohibited",
         "CONFIG_NFT_REJECT_INET"},
        {"nftables arp",
         "add table arp vpcwire_try; "
         "add chain arp vpcwire_try c { type filter hook input priority filter; }; "
         "add rule arp vpcwire_try c arp saddr ip 192.0.2.1 drop",
         "CONFIG_NF_TABLES_ARP"},
};

static void try_veth(struct doctor *d, struct netlink *nl)
{
        const struct link_veth veth = {.name = "a",
                                       .peer_name = "b",
                                       .peer_netns_fd = -1,
                                       .mac = {{2, 0, 0, 0, 0, 1}},
                                       .peer_mac = {{2, 0, 0, 0, 0, 2}}};
        struct err err;

        if (link_create_veth(nl, &veth, &err) < 0)
                doctor_say(d, DOCTOR_FAIL, "use a kernel with CONFIG_VETH", "veth: %s", err.msg);
}

/* A kernel that does not know the protocol of a rule takes it and forgets it: then ours are nobody's. */
static void try_rule(struct doctor *d, struct netlink *nl)
{
        const struct rule_info rule = {.family = AF_INET, .priority = 1000, .table = 1000},
                               jump = {.family = AF_INET,
                                       .priority = 999,
                                       .iif = "lo",
                                       .goto_priority = 1000};
        struct rule_info *rules;
        bool kept = false;
        struct err err;
        size_t n = 0;

        if (rule_add(nl, &rule, &err) < 0 || rule_add(nl, &jump, &err) < 0 ||
            rule_dump(nl, d->arena, AF_INET, &rules, &n, &err) < 0) {
                doctor_say(d, DOCTOR_FAIL, "use a kernel with CONFIG_IP_MULTIPLE_TABLES", "policy rules: %s",
                           err.msg);
                return;
        }
        for (size_t i = 0; i < n; i++)
                kept |= rules[i].priority == rule.priority && rules[i].protocol == DATAPLANE_PROTOCOL;
        if (!kept)
                doctor_say(d, DOCTOR_FAIL, "use Linux 4.17 or later",
                           "policy rules: the kernel does not store their protocol");
}

/* In a new namespace. */
static void try_links_and_rules(struct doctor *d)
{
        struct netlink *nl;
        struct err err;

        if (netlink_open(-1, &nl, &err) < 0) {
                doctor_say(d, DOCTOR_FAIL, NULL, "%s", err.msg);
                return;
        }
        try_veth(d, nl);
        try_rule(d, nl);
        netlink_free(nl);
}

static void try_nftables(struct doctor *d, size_t i, enum firewall_how how)
{
        struct err err;

        if (firewall_try(features[i].commands, how, &err) < 0)
                doctor_say(d, DOCTOR_FAIL, arena_printf(d->arena, "use a kernel with %s", features[i].option),
                           "%s: %s", features[i].what, err.msg);
}

/* False: no namespace can be made. Each in a new one: none sees what another left. */
static bool try_apart(struct doctor *d, int here, size_t i)
{
        if (unshare(CLONE_NEWNET) < 0)
                return false;
        if (i < ARRAY_SIZE(features))
                try_nftables(d, i, FIREWALL_COMMIT);
        else
                try_links_and_rules(d);
        if (setns(here, CLONE_NEWNET) < 0)
                abort(); /* all that comes would be in the wrong place */
        return true;
}

static void check_kernel(struct doctor *d)
{
        _cleanup_close_ int here = -1;
        struct err err;

        if (netns_open_current(&here, &err) < 0) {
                doctor_say(d, DOCTOR_UNCHECKED, NULL, "%s", err.msg);
                return;
        }
        for (size_t i = 0; i <= ARRAY_SIZE(features); i++) {
                if (try_apart(d, here, i))
                        continue;
                if (i < ARRAY_SIZE(features))
                        try_nftables(d, i, FIREWALL_DRY);
                else
                        doctor_say(
                                d, DOCTOR_UNCHECKED, NULL,
                                "veth and policy rules: cannot make a network namespace to try them in: %s",
                                strerror(errno));
        }
}

static const struct doctor_check kernel_checks[] = {
        {"kernel", check_kernel, "has all that ipamd uses", "ipamd cannot set up the node's network",
         DOCTOR_NEEDS_ROOT, DOCTOR_CAUSE_KERNEL},
};

struct doctor_checks doctor_checks_kernel(void)
{
        return (struct doctor_checks){kernel_checks, ARRAY_SIZE(kernel_checks)};
}
