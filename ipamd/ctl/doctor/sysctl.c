// SPDX-License-Identifier: Apache-2.0
/* doctor: sysctls, of the node, the ENIs' links and the pods' links, and how full the connection table is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vpcwire/pod_sysctl.h>
#include <vpcwire/sysctl.h>

#include "ctl/doctor/doctor.h"

enum {
        KEY_BYTES = 96,
        CONNTRACK_WARN_PERCENT = 75,
        CONNTRACK_FAIL_PERCENT = 90,
        NAMES_SHOWN = 3,
};

/* The kernel's number, or -1 where there is none. */
static long read_number(const char *key)
{
        char value[SYSCTL_VALUE_BYTES];

        return sysctl_read(key, value, NULL) < 0 ? -1 : strtol(value, NULL, 10);
}

static long read_link(const char *family, const char *link, const char *name)
{
        char key[KEY_BYTES];

        snprintf(key, sizeof(key), "net.%s.conf.%s.%s", family, link, name);
        return read_number(key);
}

/* What the links of one kind must have. Where a kernel lacks a key there is nothing to be wrong. */
struct wanted {
        const char *family, *name;
        long value;
};

static void check_link(struct doctor *d, const struct wanted *wanted, size_t n, const char *link,
                       enum doctor_verdict verdict)
{
        for (size_t i = 0; i < n; i++) {
                long seen = read_link(wanted[i].family, link, wanted[i].name);

                if (seen >= 0 && seen != wanted[i].value)
                        doctor_say(d, verdict,
                                   arena_printf(d->arena, "sysctl -w net.%s.conf.%s.%s=%ld", wanted[i].family,
                                                link, wanted[i].name, wanted[i].value),
                                   "net.%s.conf.%s.%s is %ld, not %ld", wanted[i].family, link,
                                   wanted[i].name, seen, wanted[i].value);
        }
}

static bool is_pods(const struct doctor *d, const struct node_difference *difference)
{
        for (size_t i = 0; i < d->n_links; i++) {
                if (d->links[i].ifindex == difference->ifindex)
                        return doctor_link_is_pod(d, &d->links[i]);
        }
        return false;
}

/* What the daemon sets for the node and the ENIs' links, by the last part of the name. */
static bool is_named(const struct node_difference *difference, const char *const *names, size_t n)
{
        const char *last = strrchr(difference->sysctl, '.') + 1;

        for (size_t i = 0; i < n; i++) {
                if (strcmp(last, names[i]) == 0)
                        return true;
        }
        return false;
}

static void say_differences(struct doctor *d, enum doctor_verdict verdict, const char *const *names, size_t n,
                            bool named)
{
        for (size_t i = 0; i < d->n_differences; i++) {
                const struct node_difference *difference = &d->differences[i];

                if (difference->object == NODE_SYSCTL && !is_pods(d, difference) &&
                    is_named(difference, names, n) == named)
                        doctor_say(d, verdict,
                                   arena_printf(d->arena, "sysctl -w %s=%s", difference->sysctl,
                                                difference->wanted),
                                   "%s", difference->text);
        }
}

static const char *const forwarding[] = {"ip_forward", "forwarding"}, *const rp_filter[] = {"rp_filter"},
                         *const both[] = {"ip_forward", "forwarding", "rp_filter"};

static void check_forwarding(struct doctor *d)
{
        static const struct wanted wanted[] = {{"ipv4", "forwarding", 1}};
        size_t before = d->n_findings;

        say_differences(d, DOCTOR_FAIL, forwarding, ARRAY_SIZE(forwarding), true);
        if (d->compared)
                return;
        check_link(d, wanted, 1, "all", DOCTOR_FAIL);
        if (d->n_findings == before)
                doctor_say(d, DOCTOR_UNCHECKED, NULL,
                           "on for the node; without the daemon it is not known which links are the ENIs'");
}

static void check_rp_filter(struct doctor *d)
{
        say_differences(d, DOCTOR_FAIL, rp_filter, ARRAY_SIZE(rp_filter), true);
}

static void check_eni_links(struct doctor *d)
{
        static const struct wanted wanted[] = {{"ipv4", "proxy_arp", 0}};

        check_link(d, wanted, 1, "all", DOCTOR_WARN);
        say_differences(d, DOCTOR_WARN, both, ARRAY_SIZE(both), false);
}

/* One finding per key, with some of the links' names: there may be 700. */
static void check_pod_key(struct doctor *d, const struct pod_sysctl *wanted)
{
        _cleanup_(text_done) struct text names = {0};
        size_t n = 0;

        for (size_t i = 0; i < d->n_links; i++) {
                int32_t seen =
                        doctor_link_is_pod(d, &d->links[i]) ? d->links[i].conf[wanted->conf] : LINK_CONF_NONE;

                if (seen != LINK_CONF_NONE && seen != wanted->number && n++ < NAMES_SHOWN)
                        text_add(&names, " %s", d->links[i].name);
        }
        if (n)
                doctor_say(d, DOCTOR_WARN,
                           arena_printf(d->arena, "set net.%s.conf.LINK.%s=%s; ipamd does so within a minute",
                                        wanted->family, wanted->name, wanted->value),
                           "net.%s.conf.LINK.%s is not %s for %zu pods' links:%s%s", wanted->family,
                           wanted->name, wanted->value, n, names.text, n > NAMES_SHOWN ? " ..." : "");
}

static void check_pod_links(struct doctor *d)
{
        for (size_t i = 0; i < n_pod_sysctls; i++) {
                if (pod_sysctls[i].kept)
                        check_pod_key(d, &pod_sysctls[i]);
        }
        if (read_link("ipv4", "all", "rp_filter") == 2)
                doctor_say(d, DOCTOR_WARN, "sysctl -w net.ipv4.conf.all.rp_filter=0",
                           "net.ipv4.conf.all.rp_filter is 2, which turns off the strict check on the pods' "
                           "links");
}

/* A router's links take ICMP redirects only where both say so (ip-sysctl.rst). */
static void check_redirects(struct doctor *d)
{
        if (read_link("ipv4", "all", "accept_redirects") == 1)
                doctor_say(d, DOCTOR_WARN, "sysctl -w net.ipv4.conf.all.accept_redirects=0",
                           "net.ipv4.conf.all.accept_redirects is 1");
}

static void check_conntrack(struct doctor *d)
{
        long max = read_number("net.netfilter.nf_conntrack_max"),
             count = read_number("net.netfilter.nf_conntrack_count");
        long percent = max > 0 && count >= 0 ? count * 100 / max : 0;

        if (max < 0 || count < 0)
                doctor_say(d, DOCTOR_UNCHECKED, NULL, "this kernel does not report it");
        else if (percent >= CONNTRACK_WARN_PERCENT)
                doctor_say(d, percent >= CONNTRACK_FAIL_PERCENT ? DOCTOR_FAIL : DOCTOR_WARN,
                           "raise net.netfilter.nf_conntrack_max, or find out who opens so many connections",
                           "%ld of %ld connections are in use (%ld %%)", count, max, percent);
}

static const struct doctor_check checks[] = {
        {"forwarding", check_forwarding, "on", "pods have no network", DOCTOR_NEEDS_HERE},
        {"rp_filter", check_rp_filter, "not strict on the ENIs' links",
         "packets are dropped when the reply leaves by another ENI",
         DOCTOR_NEEDS_DAEMON | DOCTOR_NEEDS_KERNEL | DOCTOR_NEEDS_HERE | DOCTOR_NEEDS_WANTED},
        {"eni-sysctls", check_eni_links, "OK",
         "the node answers ARP for addresses that are not its own, or accepts routes from any host",
         DOCTOR_NEEDS_DAEMON | DOCTOR_NEEDS_KERNEL | DOCTOR_NEEDS_HERE | DOCTOR_NEEDS_WANTED},
        {"pod-sysctls", check_pod_links, "OK",
         "a pod may forge another pod's address, or reach what only the node itself should reach",
         DOCTOR_NEEDS_KERNEL | DOCTOR_NEEDS_HERE},
        {"redirects", check_redirects, "not accepted", "any host in the subnet can divert the node's traffic",
         DOCTOR_NEEDS_HERE},
        {"conntrack", check_conntrack, "has room", "new connections are dropped", DOCTOR_NEEDS_HERE},
};

struct doctor_checks doctor_checks_sysctl(void)
{
        return (struct doctor_checks){checks, ARRAY_SIZE(checks)};
}
