// SPDX-License-Identifier: Apache-2.0
/*
 * What pods must not do, in two tables of their own beside the one of want_nft.c. Their cost does not grow with the pods.
 *
 *   arp   a pod's link speaks only for addresses of pods of this node: no neighbour entry for a router or the node.
 *   inet  depends on settings and the ENIs only, so that its counters live as long as these do. Before connection
 *         tracking: a source must lead back by the link that it came in by, which is what rp_filter 1 says until
 *         net.ipv4.conf.all says 2; and 127/8 of the node is not for pods, whatever route_localnet says (kube-proxy sets it
 *         for all links). What comes by an ENI has no source of the node's own, nor a broadcast one: this stands in for the
 *         kernel's check of sources, which walks the policy rules, once or twice for each packet (eni_sysctls).
 *         IPv6: no router advertisements and redirects, and of the link-local addresses only the answers
 *         to our own neighbour solicitations: the node's services listen there, too.
 *
 * A pod's link is known by its group, a number, which costs less than half of what its name costs, and which it keeps when
 * somebody renames it. Where few packets come, by its name as well: a link of an older plugin has no group at first.
 *
 * And the sysctls of the ENIs' links; those of pods' links are in vpcwire/pod_sysctl.h.
 */
#include <stdio.h>
#include <string.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/mem.h>
#include <vpcwire/pod_link.h>

#include "node/want.h"
#include "node/want_nft.h"

#define IMDS_IPV6 "fd00:ec2::254"

struct node_nft_content node_want_nft_arp(struct arena *arena, const struct node_view *view)
{
        _cleanup_(text_done) struct text t = {0};
        struct want_nft_table table = {.t = &t};

        text_add(&t, "table arp " DATAPLANE_NFT_TABLE " {\n");
        want_add_pods_set(&table, arena, view);
        text_add(&t,
                 "\tchain from_pods {\n"
                 "\t\ttype filter hook input priority filter; policy accept;\n"
                 "\t\tiifgroup %d arp saddr ip != @pods counter drop\n"
                 "\t\tiifname \"%s*\" arp saddr ip != @pods counter drop\n"
                 "\t}\n}\n",
                 DATAPLANE_LINK_GROUP, view->veth_prefix);
        table.nft.text = arena_strdup(arena, t.text);
        return table.nft;
}

static void add_guard_enis(struct text *t, const struct node_want *want)
{
        size_t n = 0;

        text_add(t, "\t\tfib saddr type != unicast meta nfproto ipv4 iifname { ");
        for (size_t i = 0; i < want->n_enis; i++) {
                if (want->enis[i].link && !want->enis[i].err.code)
                        text_add(t, n++ ? ", \"%s\"" : "\"%s\"", want->enis[i].link->name);
        }
        text_add(t, " } counter name own_source drop\n\t}\n");
}

struct node_nft_content node_want_nft_guard(struct arena *arena, const struct node_view *view,
                                            const struct node_want *want)
{
        _cleanup_(text_done) struct text t = {0};

        text_add(&t,
                 "table inet " DATAPLANE_NFT_TABLE " {\n"
                 "\tcounter wrong_source_ipv4 {\n\t}\n"
                 "\tcounter wrong_source_ipv6 {\n\t}\n"
                 "\tcounter to_loopback {\n\t}\n"
                 "\tcounter router_messages {\n\t}\n"
                 "\tcounter link_local_ipv6 {\n\t}\n"
                 "\tcounter own_source {\n\t}\n"
                 "\tchain guard_pods {\n"
                 "\t\ttype filter hook prerouting priority raw; policy accept;\n"
                 "\t\tiifgroup %d goto guard_pods_ip\n",
                 DATAPLANE_LINK_GROUP);
        add_guard_enis(&t, want);
        text_add(&t, "\tchain guard_pods_ip {\n"
                     "\t\tmeta nfproto ipv6 goto guard_pods_ipv6\n"
                     "\t\tip daddr 127.0.0.0/8 counter name to_loopback drop\n"
                     "\t\tfib saddr . iif oif missing counter name wrong_source_ipv4 drop\n"
                     "\t}\n"
                     "\tchain guard_pods_ipv6 {\n"
                     "\t\ticmpv6 type { nd-router-advert, nd-redirect } counter name router_messages drop\n"
                     "\t\tip6 saddr fe80::/10 icmpv6 type nd-neighbor-advert accept\n"
                     "\t\tip6 saddr :: counter name link_local_ipv6 drop\n"
                     "\t\tip6 saddr fe80::/10 counter name link_local_ipv6 drop\n"
                     "\t\tfib saddr . iif oif missing counter name wrong_source_ipv6 drop\n"
                     "\t}\n");
        if (view->block_imds)
                text_add(&t,
                         "\tchain block_imds {\n"
                         "\t\ttype filter hook forward priority filter; policy accept;\n"
                         "\t\tiifgroup != %d iifname != \"%s*\" accept\n"
                         "\t\tip6 daddr " IMDS_IPV6 " counter reject with icmpv6 type admin-prohibited\n"
                         "\t}\n",
                         DATAPLANE_LINK_GROUP, view->veth_prefix);
        text_add(&t, "}\n");
        return (struct node_nft_content){.text = arena_strdup(arena, t.text)};
}

/* Of the ENIs' links. The primary one's IPv6 is the host's own affair: it may well get its routes from advertisements. */
static const struct {
        const char *family, *name, *value;
        bool secondary_only;
} eni_sysctls[] = {
        /* No check of sources: what comes in by one ENI may be answered by another. */
        {"ipv4", "rp_filter", NODE_RP_FILTER_OFF, false},
        /* Nor of the node's own as sources, or the kernel looks each up all the same: the nftables table above does it. */
        {"ipv4", "accept_local", "1", false},
        {"ipv4", "forwarding", "1", false}, /* to the pods; a new link takes it from net.ipv4.conf.default */
        {"ipv4", "accept_redirects", "0", false}, /* the routes of an ENI are its table's */
        {"ipv4", "proxy_arp", "0", true},
        {"ipv6", "accept_ra", "0", true}, /* it would put a second default route into the main table */
        {"ipv6", "accept_redirects", "0", true},
};

static void add_sysctl(struct node_want *want, const struct link_info *link, bool secondary, size_t i)
{
        struct node_want_sysctl *sysctl = &want->sysctls[want->n_sysctls++];

        *sysctl = (struct node_want_sysctl){.value = eni_sysctls[i].value,
                                            .ifindex = secondary ? link->ifindex : 0,
                                            .may_miss = eni_sysctls[i].family[3] == '6',
                                            .needs_guard = strcmp(eni_sysctls[i].name, "accept_local") == 0,
                                            .is_rp_filter = strcmp(eni_sysctls[i].name, "rp_filter") == 0};
        snprintf(sysctl->key, sizeof(sysctl->key), "net.%s.conf.%s.%s", eni_sysctls[i].family, link->name,
                 eni_sysctls[i].name);
}

void node_want_make_sysctls(struct arena *arena, struct node_want *want)
{
        want->sysctls =
                ARENA_ARRAY(arena, struct node_want_sysctl, 1 + want->n_enis * ARRAY_SIZE(eni_sysctls));
        want->sysctls[want->n_sysctls++] =
                (struct node_want_sysctl){.key = "net.ipv4.ip_forward", .value = "1"};
        for (size_t i = 0; i < want->n_enis; i++) {
                const struct node_want_eni *eni = &want->enis[i];
                bool secondary = eni->mark != 0;

                for (size_t j = 0; j < ARRAY_SIZE(eni_sysctls) && eni->link && !eni->err.code; j++) {
                        if (secondary || !eni_sysctls[j].secondary_only)
                                add_sysctl(want, eni->link, secondary, j);
                }
        }
}
