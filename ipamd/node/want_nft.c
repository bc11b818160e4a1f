// SPDX-License-Identifier: Apache-2.0
/*
 * The nftables table of IPv4. Most of what it decides, a connection's first packet decides: what each packet passes is
 * guard_pods (want_guard.c) and from_pods, and these do as little as can be.
 *
 *   begins      a connection's first packet, before the Services' DNAT (chains of this type see no other; they cost the
 *               rest nothing). 0.0.0.0 is no source of a pod: it would reach who listens for DHCP. A link that has the pods'
 *               prefix and not their group is guarded here: an older plugin made it, and no sync has seen it yet. What comes by an ENI
 *               for the node itself (a NodePort) marks the connection, so that its replies leave by that ENI, whichever the
 *               pod's address is on; not where NodePorts are not wanted.
 *   from_pods   after the Services' DNAT, so that the real destination is seen, and after all who put marks on packets: a
 *               packet gets the mark of the ENI its source address belongs to, in that ENI's chain pod_N. A connection that
 *               leaves the VPC is marked by its first packet (first_of_pod), and its packets with it: they go by the
 *               primary interface, whose address they will bear. So is one on this node from or to another plugin's pod (the
 *               main table leads to it, and not by an ENI): the ENI's own table would lead out into the VPC and back.
 *   no_pod      what comes by an ENI for an address of the pool and would leave by an ENI: no pod has the address, and the
 *               packet would circle between the node and the VPC until its TTL ends.
 *   snat_pods   those get the primary address, and whatever else goes from another ENI's address out of the primary
 *               interface (by the main table, where a rule leads there): EC2 drops what has a source of another ENI. That is
 *               marked here, and so leaves by the primary interface to its end, also when the rule has gone.
 *               iifgroup in postrouting needs Linux 5.7.
 *
 * With external SNAT no connection is newly marked or translated. What was begun before goes on as it began, whatever is
 * changed: the mark is the connection's and only its first packet is asked.
 *
 * A pod's packet is what has a pod's address. By another link than one of ours (another plugin's, where we gave only the
 * address) it must have come by the link that leads back to that address, or by an ENI: a macvlan pod's does so.
 *
 * Marks are others', too. Ours are two: the egress mark, which is a setting, and DATAPLANE_MARK_MASK, which is set only here,
 * on packets of pods of secondary ENIs and on replies, and read only by the rules. A verdict map to a chain per ENI, for a
 * map from address to mark could only overwrite the whole mark (kube-proxy's masquerade mark is set before us, and read
 * after us). A pod's packet of the primary ENI that has all bits of an ENI's mark all the same goes by the egress mark.
 */
#include <vpcwire/dataplane.h>
#include <vpcwire/mem.h>
#include <vpcwire/pod_link.h>

#include "node/want.h"
#include "node/want_nft.h"

#define IMDS_IPV4 "169.254.169.254"

static bool is_configured(const struct node_want_eni *eni)
{
        return eni->mark && eni->link && !eni->err.code;
}

static struct want_enis sort_enis(struct arena *arena, const struct node_want *want)
{
        struct want_enis sorted = {ARENA_ARRAY(arena, const struct node_want_eni *, want->n_enis), 0};

        for (unsigned index = 1; index <= DATAPLANE_ENI_INDEX_MAX; index++) {
                for (size_t i = 0; i < want->n_enis; i++) {
                        if (is_configured(&want->enis[i]) && want_eni_index(&want->enis[i]) == index)
                                sorted.list[sorted.n++] = &want->enis[i];
                }
        }
        return sorted;
}

static struct ip primary_address(const struct node_want *want)
{
        for (size_t i = 0; i < want->n_enis; i++) {
                if (!want->enis[i].mark && !want->enis[i].err.code)
                        return want->enis[i].eni->address;
        }
        return IP_NONE;
}

/* What the chains below are written from. */
struct table {
        struct text *t;
        struct arena *arena;
        const struct node_view *view;
        struct want_enis enis;
        const char *primary_ifname;
        struct ip primary_address;
        unsigned egress_mark;
};

/* "\"eth0\", \"eth1\"": the ENIs whose links are here. */
static void add_eni_links(const struct table *table)
{
        text_add(table->t, "\"%s\"", table->primary_ifname);
        for (size_t i = 0; i < table->enis.n; i++)
                text_add(table->t, ", \"%s\"", table->enis.list[i]->link->name);
}

/* What comes by an ENI for the node itself: a chain for each. */
static void add_entered(const struct table *table)
{
        text_add(table->t,
                 "\tchain entered_0 {\n"
                 "\t\tfib daddr . iif type local ct mark set ct mark | 0x%08x\n\t}\n",
                 table->egress_mark);
        for (size_t i = 0; i < table->enis.n; i++)
                text_add(table->t,
                         "\tchain entered_%u {\n"
                         "\t\tfib daddr . iif type local ct mark set ct mark & 0x%08x | 0x%08x\n\t}\n",
                         want_eni_index(table->enis.list[i]), ~(unsigned)DATAPLANE_MARK_MASK,
                         table->enis.list[i]->mark);
}

static void add_begins(const struct table *table)
{
        text_add(table->t,
                 "\tchain guard_older {\n"
                 "\t\tip daddr 127.0.0.0/8 counter drop\n"
                 "\t\tfib saddr . iif oif missing counter drop\n\t}\n"
                 "\tchain begins {\n"
                 "\t\ttype nat hook prerouting priority dstnat - 10; policy accept;\n"
                 "\t\tiifgroup %d ip saddr 0.0.0.0 counter drop\n"
                 "\t\tiifname \"%s*\" iifgroup != %d jump guard_older\n",
                 DATAPLANE_LINK_GROUP, table->view->veth_prefix, DATAPLANE_LINK_GROUP);
        if (table->view->egress->node_ports)
                text_add(table->t, "\t\tiifname vmap { \"%s\" : goto entered_0", table->primary_ifname);
        for (size_t i = 0; table->view->egress->node_ports && i < table->enis.n; i++)
                text_add(table->t, ", \"%s\" : goto entered_%u", table->enis.list[i]->link->name,
                         want_eni_index(table->enis.list[i]));
        text_add(table->t, "%s\t}\n", table->view->egress->node_ports ? " }\n" : "");
}

static void add_first_of_pod(const struct table *table)
{
        text_add(table->t,
                 "\tchain to_primary {\n"
                 "\t\tmeta mark set meta mark | 0x%08x\n\t}\n"
                 "\tchain leave {\n"
                 "\t\tct mark set ct mark | 0x%08x\n"
                 "\t\tgoto to_primary\n\t}\n"
                 "\tchain here {\n"
                 "\t\tiifgroup %d fib daddr oifname \"%s*\" return\n"
                 "\t\tgoto leave\n\t}\n"
                 "\tchain first_of_pod {\n"
                 "\t\tip daddr @pods fib daddr oifname != { ",
                 table->egress_mark, table->egress_mark, DATAPLANE_LINK_GROUP, table->view->veth_prefix);
        add_eni_links(table);
        text_add(table->t, " } goto here\n");
        if (!table->view->egress->external_snat) {
                want_add_returns_of_direct(table->t, table->arena, table->view);
                text_add(table->t, "\t\tfib daddr type != local goto leave\n");
        }
        text_add(table->t, "\t}\n");
}

static void add_other_link(const struct table *table)
{
        text_add(table->t, "\tchain other_link {\n\t\tiifname { ");
        add_eni_links(table);
        text_add(table->t, " } return\n"
                           "\t\tfib saddr . iif oif missing counter drop\n\t}\n");
}

/* Of the primary ENI's pods. Hardly a packet has our bit without us. */
static void add_primary_chain(const struct table *table)
{
        if (table->enis.n)
                text_add(table->t, "\tchain foreign_mark {\n\t\tmeta mark & 0x%08x { ",
                         (unsigned)DATAPLANE_MARK_MASK);
        for (size_t i = 0; i < table->enis.n; i++)
                text_add(table->t, "%s0x%08x", i ? ", " : "", table->enis.list[i]->mark);
        text_add(table->t,
                 "%s\tchain pod_0 {\n"
                 "\t\tiifgroup != %d jump other_link\n",
                 table->enis.n ? " } goto to_primary\n\t}\n" : "", DATAPLANE_LINK_GROUP);
        if (table->enis.n)
                text_add(table->t, "\t\tmeta mark & 0x%08x != 0 jump foreign_mark\n", DATAPLANE_MARK_OURS);
        text_add(table->t, "\t\tct state new goto first_of_pod\n\t}\n");
}

/* Of each secondary ENI's pods, and of its replies. */
static void add_secondary_chains(const struct table *table)
{
        const unsigned others = ~(unsigned)DATAPLANE_MARK_MASK;

        for (size_t i = 0; i < table->enis.n; i++)
                text_add(table->t,
                         "\tchain eni_%1$u {\n"
                         "\t\tmeta mark set meta mark & 0x%2$08x | 0x%3$08x\n\t}\n"
                         "\tchain pod_%1$u {\n"
                         "\t\tiifgroup != %4$d jump other_link\n"
                         "\t\tmeta mark set meta mark & 0x%2$08x | 0x%3$08x\n"
                         "\t\tct state new goto first_of_pod\n\t}\n",
                         want_eni_index(table->enis.list[i]), others, table->enis.list[i]->mark,
                         DATAPLANE_LINK_GROUP);
}

/*
 * Replies of what entered by a secondary ENI leave by it, whoever sends them: a pod of another ENI, or of another node to
 * whom the Service led. Of a masqueraded connection the replies come to the node itself too: only the direction says who
 * asked whom.
 */
static void add_from_pods(const struct table *table)
{
        text_add(table->t,
                 "\tchain marked {\n"
                 "\t\tip saddr @pods iifgroup != %d jump other_link\n",
                 DATAPLANE_LINK_GROUP);
        if (table->enis.n)
                text_add(table->t, "\t\tct direction reply ct mark & 0x%08x vmap { ",
                         (unsigned)DATAPLANE_MARK_MASK);
        for (size_t i = 0; i < table->enis.n; i++)
                text_add(table->t, "%s0x%08x : goto eni_%u", i ? ", " : "", table->enis.list[i]->mark,
                         want_eni_index(table->enis.list[i]));
        text_add(table->t,
                 "%s"
                 "\t\tct mark & 0x%08x == 0x%08x ip saddr @pods goto to_primary\n"
                 "\t\tip saddr vmap @eni_of\n\t}\n"
                 "\tchain from_pods {\n"
                 "\t\ttype filter hook prerouting priority dstnat + 10; policy accept;\n"
                 "\t\tct mark & 0x%08x != 0 goto marked\n"
                 "\t\tip saddr vmap @eni_of\n\t}\n",
                 table->enis.n ? " }\n" : "", table->egress_mark, table->egress_mark,
                 table->egress_mark | (unsigned)DATAPLANE_MARK_MASK);
}

static void add_snat_pods(const struct table *table)
{
        static const char *const flags[] = {
                [SNAT_PORTS_PRNG] = " fully-random", [SNAT_PORTS_HASH] = " random", [SNAT_PORTS_KEEP] = ""};
        const char *flag = flags[table->view->egress->snat_ports];

        if (!table->view->egress->external_snat) {
                text_add(table->t, "\tchain snat_outside {\n");
                want_add_returns_of_direct(table->t, table->arena, table->view);
                text_add(table->t, "\t\tsnat to %s%s\n\t}\n", IP_TEXT(table->primary_address), flag);
        }
        text_add(table->t,
                 "\tchain snat_pods {\n"
                 "\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
                 "\t\toifname != \"%s\" return\n"
                 "\t\tiifgroup != %d ip saddr != @pods return\n",
                 table->primary_ifname, DATAPLANE_LINK_GROUP);
        if (!table->view->egress->external_snat)
                text_add(table->t, "\t\tjump snat_outside\n");
        text_add(table->t, "\t\tip saddr @secondary ct mark set ct mark | 0x%08x snat to %s%s\n\t}\n",
                 table->egress_mark, IP_TEXT(table->primary_address), flag);
}

static void add_no_pod(const struct table *table)
{
        text_add(table->t,
                 "\tchain no_pod {\n"
                 "\t\ttype filter hook forward priority filter - 10; policy accept;\n"
                 "\t\tiifgroup != %d oifgroup != %d ip daddr @pods iifname { ",
                 DATAPLANE_LINK_GROUP, DATAPLANE_LINK_GROUP);
        add_eni_links(table);
        text_add(table->t, " } oifname { ");
        add_eni_links(table);
        text_add(table->t, " } counter reject with icmp host-unreachable\n\t}\n");
}

struct node_nft_content node_want_nft(struct arena *arena, const struct node_view *view,
                                      const struct node_want *want)
{
        _cleanup_(text_done) struct text t = {0};
        struct want_nft_table sets = {.t = &t};
        const struct table table = {.t = &t,
                                    .arena = arena,
                                    .view = view,
                                    .enis = sort_enis(arena, want),
                                    .primary_ifname = want->primary->name,
                                    .primary_address = primary_address(want),
                                    .egress_mark = view->egress->mark};

        text_add(&t, "table ip " DATAPLANE_NFT_TABLE " {\n");
        want_add_pods_set(&sets, arena, view);
        want_add_secondary_set(&sets, arena, view, &table.enis);
        want_add_eni_map(&sets, arena, view, &table.enis);
        if (view->egress->node_ports)
                add_entered(&table);
        add_begins(&table);
        add_first_of_pod(&table);
        add_other_link(&table);
        add_primary_chain(&table);
        add_secondary_chains(&table);
        add_from_pods(&table);
        add_no_pod(&table);
        add_snat_pods(&table);
        if (view->block_imds)
                text_add(&t, "\tchain block_imds {\n"
                             "\t\ttype filter hook forward priority filter; policy accept;\n"
                             "\t\tip saddr @pods ip daddr " IMDS_IPV4
                             " counter reject with icmp type admin-prohibited\n"
                             "\t}\n");
        text_add(&t, "}\n");
        sets.nft.text = arena_strdup(arena, t.text);
        return sets.nft;
}
