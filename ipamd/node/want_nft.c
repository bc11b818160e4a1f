// SPDX-License-Identifier: Apache-2.0
/*
 * The nftables table. Its base chains:
 *
 *   from_primary  what comes in by the primary interface for the node itself (a NodePort): the connection is marked, so
 *                 that its replies leave by the primary interface, whichever ENI the pod's address is on. Left out, as the
 *                 next one, where NodePorts are not wanted.
 *   from_others   the same for what comes in by a secondary ENI for the node itself: the connection gets that ENI's mark.
 *   from_pods     after the Services' DNAT, so that the real destination is seen: the packet gets the mark of the ENI its
 *                 source address belongs to. A connection that leaves the VPC is marked, and its packets with it: they
 *                 go by the primary interface, whose address they will bear.
 *   replies       of from_others' connections: they leave by the ENI in the connection's mark, whoever sends them (a pod
 *                 of another ENI, or of another node to whom the Service led).
 *   snat_pods     those get the primary address, and whatever else goes from another ENI's address out of the primary
 *                 interface (by the main table, where a rule leads there): EC2 drops what has a source of another ENI.
 *                 iifname in postrouting needs Linux 5.7.
 *
 * With external SNAT no connection is newly marked or translated. What was begun before goes on as it began, whatever is
 * changed: the mark is the connection's and only its first packet is asked.
 *
 * A pod's packet is what comes by a pod's link, or with a pod's address by any other: another plugin's link, where we gave
 * only the address. To such a pod on this node (the main table leads to it, and not by an ENI) packets go by the main
 * table: their own ENI's would lead out into the VPC and back.
 *
 * The ENI's mark is set by a chain per ENI that a verdict map jumps to: a map from address to mark could only overwrite
 * the whole mark, and other bits are others' (kube-proxy's masquerade mark is set before us, and read after us).
 */
#include <stdlib.h>
#include <string.h>

#include <vpcwire/mem.h>

#include "node/want.h"

#define IMDS_IPV4 "169.254.169.254"

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

/* A hash costs the same for any number of addresses; intervals are a tree. */
static const char *set_flags(const struct element *elements, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (elements[i].prefix.bits < ip_max_bits(elements[i].prefix.ip))
                        return "\t\tflags interval\n";
        }
        return "";
}

static void add_set(struct text *t, const char *name, const struct element *elements, size_t n)
{
        text_add(t, "\tset %s {\n\t\ttype ipv4_addr\n%s", name, set_flags(elements, n));
        for (size_t i = 0; i < n; i++) {
                text_add(t, i ? ",\n\t\t             " : "\t\telements = { ");
                add_prefix(t, elements[i].prefix);
        }
        text_add(t, "%s\t}\n", n ? " }\n" : "");
}

static void add_direct_set(struct text *t, struct arena *arena, const struct node_view *view)
{
        struct element *elements =
                ARENA_ARRAY(arena, struct element, view->n_vpc_cidrs + view->border->exempt.n);
        size_t n = collect_cidrs(elements, 0, view->vpc_cidrs, view->n_vpc_cidrs);

        n = collect_cidrs(elements, n, view->border->exempt.list, view->border->exempt.n);
        add_set(t, "direct", elements, elements_settle(elements, n));
}

void node_want_add_pods_set(struct text *t, struct arena *arena, const struct node_view *view)
{
        struct element *elements = ARENA_ARRAY(arena, struct element, view->n_addresses);
        size_t n = 0;

        for (size_t i = 0; i < view->n_addresses; i++)
                n = collect_cidrs(elements, n, &view->addresses[i].prefix, 1);
        add_set(t, "pods", elements, elements_settle(elements, n));
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
        text_add(t, "\tmap eni_of {\n\t\ttype ipv4_addr : verdict\n%s", set_flags(elements, n));
        for (size_t i = 0; i < n; i++) {
                text_add(t, i ? ",\n\t\t             " : "\t\telements = { ");
                add_prefix(t, elements[i].prefix);
                text_add(t, " : jump eni_%u", elements[i].mark >> NODE_MARK_ENI_SHIFT);
        }
        text_add(t, "%s\t}\n", n ? " }\n" : "");
}

static bool is_configured(const struct node_want_eni *eni)
{
        return eni->mark && eni->link && !eni->err.code;
}

static unsigned eni_index(const struct node_want_eni *eni)
{
        return eni->mark >> NODE_MARK_ENI_SHIFT;
}

/* The secondary ENIs that are configured, by their marks, which differ. */
static const struct node_want_eni **sort_enis(struct arena *arena, const struct node_want_eni *enis, size_t n,
                                              size_t *ret_n)
{
        const struct node_want_eni **sorted = ARENA_ARRAY(arena, const struct node_want_eni *, n);
        size_t kept = 0;

        for (unsigned index = 1; index <= NODE_ENI_INDEX_MAX; index++) {
                for (size_t i = 0; i < n; i++) {
                        if (is_configured(&enis[i]) && eni_index(&enis[i]) == index)
                                sorted[kept++] = &enis[i];
                }
        }
        *ret_n = kept;
        return sorted;
}

static void add_eni_chains(struct text *t, const struct node_want_eni *const *enis, size_t n)
{
        const uint32_t others = ~(uint32_t)NODE_MARK_ENI_MASK;

        for (size_t i = 0; i < n; i++)
                text_add(t,
                         "\tchain eni_%u {\n"
                         "\t\tmeta mark set meta mark & 0x%08x | 0x%08x\n\t}\n"
                         "\tchain entered_%u {\n"
                         "\t\tfib daddr . iif type local ct mark set ct mark & 0x%08x | 0x%08x\n\t}\n",
                         eni_index(enis[i]), others, enis[i]->mark, eni_index(enis[i]), others,
                         enis[i]->mark);
}

/* Of a masqueraded connection the replies come to the node itself too: only the direction says who asked whom. */
static void add_from_others(struct text *t, const struct node_want_eni *const *enis, size_t n)
{
        if (!n)
                return;
        text_add(t, "\tchain from_others {\n"
                    "\t\ttype filter hook prerouting priority mangle; policy accept;\n"
                    "\t\tct direction original iifname vmap { ");
        for (size_t i = 0; i < n; i++)
                text_add(t, "%s\"%s\" : jump entered_%u", i ? ", " : "", enis[i]->link->name,
                         eni_index(enis[i]));
        text_add(t,
                 " }\n\t}\n"
                 "\tchain replies {\n"
                 "\t\ttype filter hook prerouting priority dstnat + 11; policy accept;\n"
                 "\t\tct direction reply ct mark & 0x%08x vmap { ",
                 (unsigned)NODE_MARK_ENI_MASK);
        for (size_t i = 0; i < n; i++)
                text_add(t, "%s0x%08x : jump eni_%u", i ? ", " : "", enis[i]->mark, eni_index(enis[i]));
        text_add(t, " }\n\t}\n");
}

static struct ip primary_address(const struct node_want_eni *enis, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                if (!enis[i].mark && !enis[i].err.code)
                        return enis[i].eni->address;
        }
        return IP_NONE;
}

/* "\"eth0\", \"eth1\"": the ENIs whose links are here. */
static const char *list_eni_links(struct arena *arena, const char *primary_ifname,
                                  const struct node_want_eni *const *others, size_t n)
{
        _cleanup_(text_done) struct text t = {0};

        text_add(&t, "\"%s\"", primary_ifname);
        for (size_t i = 0; i < n; i++)
                text_add(&t, ", \"%s\"", others[i]->link->name);
        return arena_strdup(arena, t.text);
}

static void add_from_primary(struct text *t, const struct node_border *border, const char *primary_ifname)
{
        text_add(t,
                 "\tchain from_primary {\n"
                 "\t\ttype filter hook prerouting priority mangle; policy accept;\n"
                 "\t\tiifname \"%s\" fib daddr . iif type local ct mark set ct mark | 0x%08x\n"
                 "\t}\n",
                 primary_ifname, border->mark);
}

static void add_from_pods(struct text *t, const struct node_border *border, const char *veth_prefix,
                          const char *eni_links)
{
        const unsigned mark = border->mark;

        text_add(t,
                 "\tchain from_pods {\n"
                 "\t\ttype filter hook prerouting priority dstnat + 10; policy accept;\n"
                 "\t\tiifname != \"%s*\" ip saddr != @pods return\n"
                 "\t\tip daddr @pods fib daddr oifname != { %s } meta mark set meta mark | 0x%08x return\n"
                 "\t\tip saddr vmap @eni_of\n",
                 veth_prefix, eni_links, mark);
        if (!border->external_snat)
                text_add(t,
                         "\t\tct state new ip daddr != @direct fib daddr type != local"
                         " ct mark set ct mark | 0x%08x\n",
                         mark);
        text_add(t, "\t\tct mark & 0x%08x == 0x%08x meta mark set meta mark | 0x%08x\n\t}\n", mark, mark,
                 mark);
}

static void add_snat_pods(struct text *t, const struct node_view *view, const char *primary_ifname,
                          struct ip address)
{
        static const char *const flags[] = {[NODE_SNAT_PORTS_PRNG] = " fully-random",
                                            [NODE_SNAT_PORTS_HASH] = " random",
                                            [NODE_SNAT_PORTS_KEEP] = ""};
        const char *flag = flags[view->border->snat_ports];

        text_add(t,
                 "\tchain snat_pods {\n"
                 "\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
                 "\t\tiifname != \"%s*\" ip saddr != @pods return\n",
                 view->veth_prefix);
        if (!view->border->external_snat)
                text_add(t, "\t\toifname \"%s\" ip daddr != @direct snat to %s%s\n", primary_ifname,
                         IP_TEXT(address), flag);
        text_add(t, "\t\toifname \"%s\" meta mark & 0x%08x != 0 snat to %s%s\n\t}\n", primary_ifname,
                 (unsigned)NODE_MARK_ENI_MASK, IP_TEXT(address), flag);
}

const char *node_want_nft(struct arena *arena, const struct node_view *view, const struct node_want_eni *enis,
                          size_t n_enis, const char *primary_ifname)
{
        _cleanup_(text_done) struct text t = {0};
        size_t n_others;
        const struct node_want_eni **others = sort_enis(arena, enis, n_enis, &n_others);

        text_add(&t, "table ip " NODE_NFT_TABLE " {\n");
        add_direct_set(&t, arena, view);
        node_want_add_pods_set(&t, arena, view);
        add_eni_map(&t, arena, view, enis, n_enis);
        add_eni_chains(&t, others, n_others);
        if (view->border->node_ports) {
                add_from_others(&t, others, n_others);
                add_from_primary(&t, view->border, primary_ifname);
        }
        add_from_pods(&t, view->border, view->veth_prefix,
                      list_eni_links(arena, primary_ifname, others, n_others));
        add_snat_pods(&t, view, primary_ifname, primary_address(enis, n_enis));
        if (view->block_imds)
                text_add(&t, "\tchain block_imds {\n"
                             "\t\ttype filter hook forward priority filter; policy accept;\n"
                             "\t\tip saddr @pods ip daddr " IMDS_IPV4
                             " counter reject with icmp type admin-prohibited\n"
                             "\t}\n");
        text_add(&t, "}\n");
        return arena_strdup(arena, t.text);
}
