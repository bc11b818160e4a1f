// SPDX-License-Identifier: Apache-2.0
/*
 * The nftables table. Three base chains:
 *
 *   from_primary  what comes in by the primary interface for the node itself (a NodePort): the connection is marked, so
 *                 that its replies leave by the primary interface, whichever ENI the pod's address is on.
 *   from_pods     after the Services' DNAT, so that the real destination is seen: the packet gets the mark of the ENI its
 *                 source address belongs to. A connection that leaves the VPC is marked, and its packets with it: they
 *                 go by the primary interface, whose address they will bear.
 *   snat_pods     those get the primary address. iifname in postrouting needs Linux 5.7.
 *
 * The ENI's mark is set by a chain per ENI that a verdict map jumps to: a map from address to mark could only overwrite
 * the whole mark, and other bits are others' (kube-proxy's masquerade mark is set before us, and read after us).
 */
#include <stdlib.h>
#include <string.h>

#include <vpcwire/mem.h>

#include "node/want.h"

struct element {
        struct prefix prefix;
        uint32_t mark;
};

/* Broader prefixes before those inside them. */
static int by_network(const void *a, const void *b)
{
        const struct element *x = a, *y = b;
        int r = ip_compare(x->prefix.ip, y->prefix.ip);

        return r ? r : (x->prefix.bits > y->prefix.bits) - (x->prefix.bits < y->prefix.bits);
}

/* Sorts, and drops what lies inside another: an interval set refuses overlaps. Returns how many remain. */
static size_t elements_settle(struct element *elements, size_t n)
{
        size_t kept = 0;

        qsort(elements, n, sizeof(*elements), by_network);
        for (size_t i = 0; i < n; i++) {
                if (!kept || !prefix_contains(elements[kept - 1].prefix, elements[i].prefix.ip))
                        elements[kept++] = elements[i];
        }
        return kept;
}

static size_t collect_cidrs(struct element *elements, size_t n, const struct prefix *cidrs, size_t n_cidrs)
{
        for (size_t i = 0; i < n_cidrs; i++) {
                if (cidrs[i].ip.family == AF_INET)
                        elements[n++].prefix = prefix_network(cidrs[i]);
        }
        return n;
}

static void add_prefix(struct text *t, struct prefix prefix)
{
        if (prefix.bits == ip_max_bits(prefix.ip))
                text_add(t, "%s", IP_TEXT(prefix.ip));
        else
                text_add(t, "%s", PREFIX_TEXT(prefix));
}

static void add_direct_set(struct text *t, struct arena *arena, const struct node_view *view)
{
        struct element *elements =
                ARENA_ARRAY(arena, struct element, view->n_vpc_cidrs + view->n_exempt_cidrs);
        size_t n = collect_cidrs(elements, 0, view->vpc_cidrs, view->n_vpc_cidrs);

        n = collect_cidrs(elements, n, view->exempt_cidrs, view->n_exempt_cidrs);
        n = elements_settle(elements, n);
        text_add(t, "\tset direct {\n\t\ttype ipv4_addr\n\t\tflags interval\n");
        for (size_t i = 0; i < n; i++) {
                text_add(t, i ? ",\n\t\t             " : "\t\telements = { ");
                add_prefix(t, elements[i].prefix);
        }
        text_add(t, "%s\t}\n", n ? " }\n" : "");
}

/* The mark of an address's ENI; 0 when it needs none: the primary one's, or an ENI that is not configured. */
static uint32_t address_mark(const struct node_address *address, const struct node_want_eni *enis, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (enis[i].eni->device_index == address->device_index &&
                    enis[i].eni->network_card == address->network_card)
                        return enis[i].link && !enis[i].err.code ? enis[i].mark : 0;
        }
        return 0;
}

static bool has_prefix(const struct element *elements, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (elements[i].prefix.bits < ip_max_bits(elements[i].prefix.ip))
                        return true;
        }
        return false;
}

static void add_eni_map(struct text *t, struct arena *arena, const struct node_view *view,
                        const struct node_want_eni *enis, size_t n_enis)
{
        struct element *elements = ARENA_ARRAY(arena, struct element, view->n_addresses);
        size_t n = 0;

        for (size_t i = 0; i < view->n_addresses; i++) {
                uint32_t mark = address_mark(&view->addresses[i], enis, n_enis);

                if (mark && view->addresses[i].prefix.ip.family == AF_INET)
                        elements[n++] = (struct element){prefix_network(view->addresses[i].prefix), mark};
        }
        n = elements_settle(elements, n);
        /* A hash costs the same for any number of addresses; intervals are a tree. */
        text_add(t, "\tmap eni_of {\n\t\ttype ipv4_addr : verdict\n%s",
                 has_prefix(elements, n) ? "\t\tflags interval\n" : "");
        for (size_t i = 0; i < n; i++) {
                text_add(t, i ? ",\n\t\t             " : "\t\telements = { ");
                add_prefix(t, elements[i].prefix);
                text_add(t, " : jump eni_%u", elements[i].mark >> NODE_MARK_ENI_SHIFT);
        }
        text_add(t, "%s\t}\n", n ? " }\n" : "");
}

static void add_eni_chains(struct text *t, const struct node_want_eni *enis, size_t n)
{
        for (uint32_t index = 1; index <= NODE_ENI_INDEX_MAX; index++) {
                for (size_t i = 0; i < n; i++) {
                        if (enis[i].mark >> NODE_MARK_ENI_SHIFT == index && enis[i].link && !enis[i].err.code)
                                text_add(t,
                                         "\tchain eni_%u {\n"
                                         "\t\tmeta mark set meta mark & 0x%08x | 0x%08x\n\t}\n",
                                         index, ~(uint32_t)NODE_MARK_ENI_MASK, enis[i].mark);
                }
        }
}

static struct ip primary_address(const struct node_want_eni *enis, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (!enis[i].mark && !enis[i].err.code)
                        return enis[i].eni->address;
        }
        return IP_NONE;
}

static void add_base_chains(struct text *t, const char *veth_prefix, const char *primary_ifname,
                            struct ip address)
{
        const unsigned mark = NODE_MARK_PRIMARY;

        text_add(t,
                 "\tchain from_primary {\n"
                 "\t\ttype filter hook prerouting priority mangle; policy accept;\n"
                 "\t\tiifname \"%s\" fib daddr . iif type local ct mark set ct mark | 0x%08x\n"
                 "\t}\n",
                 primary_ifname, mark);
        text_add(t,
                 "\tchain from_pods {\n"
                 "\t\ttype filter hook prerouting priority dstnat + 10; policy accept;\n"
                 "\t\tiifname != \"%s*\" return\n"
                 "\t\tip saddr vmap @eni_of\n"
                 "\t\tct state new ip daddr != @direct fib daddr type != local ct mark set ct mark | 0x%08x\n"
                 "\t\tct mark & 0x%08x == 0x%08x meta mark set meta mark | 0x%08x\n"
                 "\t}\n",
                 veth_prefix, mark, mark, mark, mark);
        text_add(t,
                 "\tchain snat_pods {\n"
                 "\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
                 "\t\tiifname \"%s*\" oifname \"%s\" ip daddr != @direct snat to %s fully-random\n"
                 "\t}\n",
                 veth_prefix, primary_ifname, IP_TEXT(address));
}

const char *node_want_nft(struct arena *arena, const struct node_view *view, const struct node_want_eni *enis,
                          size_t n_enis, const char *primary_ifname)
{
        _cleanup_(text_done) struct text t = {0};

        text_add(&t, "table ip " NODE_NFT_TABLE " {\n");
        add_direct_set(&t, arena, view);
        add_eni_map(&t, arena, view, enis, n_enis);
        add_eni_chains(&t, enis, n_enis);
        add_base_chains(&t, view->veth_prefix, primary_ifname, primary_address(enis, n_enis));
        text_add(&t, "}\n");
        return arena_strdup(arena, t.text);
}
