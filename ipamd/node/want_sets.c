// SPDX-License-Identifier: Apache-2.0
/*
 * The address sets of the nftables tables, and the map from a pod's address to the chain of its ENI. They change with the
 * pool; what is written about them does not.
 */
#include <stdlib.h>

#include <vpcwire/mem.h>

#include "node/want.h"
#include "node/want_nft.h"

struct element {
        struct prefix prefix;
        unsigned index; /* of the ENI's chain */
};

struct elements {
        struct element *list;
        size_t n;
};

/* Broader prefixes before those inside them. */
static int by_network(const void *a, const void *b)
{
        const struct element *x = a, *y = b;
        int r = ip_compare(x->prefix.ip, y->prefix.ip);

        return r ? r : (x->prefix.bits > y->prefix.bits) - (x->prefix.bits < y->prefix.bits);
}

/* Sorts, and drops what lies inside another: an interval set refuses overlaps. */
static void settle(struct elements *elements)
{
        size_t kept = 0;

        qsort(elements->list, elements->n, sizeof(*elements->list), by_network);
        for (size_t i = 0; i < elements->n; i++) {
                if (!kept || !prefix_contains(elements->list[kept - 1].prefix, elements->list[i].prefix.ip))
                        elements->list[kept++] = elements->list[i];
        }
        elements->n = kept;
}

static void add(struct elements *elements, struct prefix prefix, unsigned index)
{
        if (prefix.ip.family == AF_INET)
                elements->list[elements->n++] = (struct element){prefix_network(prefix), index};
}

/*
 * Intervals are a tree; a hash costs the same for any number of addresses. It costs less where its size is told: the kernel
 * takes one of fixed size then, and a quicker hash function. The table is written whole, so no element comes later.
 */
static void write_kind(struct text *t, const struct elements *elements)
{
        for (size_t i = 0; i < elements->n; i++) {
                if (elements->list[i].prefix.bits < ip_max_bits(elements->list[i].prefix.ip)) {
                        text_add(t, "\t\tflags interval\n");
                        return;
                }
        }
        if (elements->n)
                text_add(t, "\t\tsize %zu\n", elements->n);
}

static void write_prefix(struct text *t, struct prefix prefix, size_t i)
{
        text_add(t, i ? ",\n\t\t             " : "\t\telements = { ");
        if (prefix.bits == ip_max_bits(prefix.ip))
                text_add(t, "%s", IP_TEXT(prefix.ip));
        else
                text_add(t, "%s", PREFIX_TEXT(prefix));
}

static void write_set(struct text *t, const char *name, struct elements *elements)
{
        settle(elements);
        text_add(t, "\tset %s {\n\t\ttype ipv4_addr\n", name);
        write_kind(t, elements);
        for (size_t i = 0; i < elements->n; i++)
                write_prefix(t, elements->list[i].prefix, i);
        text_add(t, "%s\t}\n", elements->n ? " }\n" : "");
}

void want_add_direct_set(struct text *t, struct arena *arena, const struct node_view *view)
{
        const struct node_cidrs *exempt = &view->border->exempt;
        struct elements elements = {ARENA_ARRAY(arena, struct element, view->n_vpc_cidrs + exempt->n), 0};

        for (size_t i = 0; i < view->n_vpc_cidrs; i++)
                add(&elements, view->vpc_cidrs[i], 0);
        for (size_t i = 0; i < exempt->n; i++)
                add(&elements, exempt->list[i], 0);
        write_set(t, "direct", &elements);
}

void want_add_pods_set(struct text *t, struct arena *arena, const struct node_view *view)
{
        struct elements elements = {ARENA_ARRAY(arena, struct element, view->n_addresses), 0};

        for (size_t i = 0; i < view->n_addresses; i++)
                add(&elements, view->addresses[i].prefix, 0);
        write_set(t, "pods", &elements);
}

/* The index of an address's ENI; 0: the primary one's, or that of one that is not configured. */
static unsigned address_index(const struct node_address *address, const struct want_enis *enis)
{
        for (size_t i = 0; i < enis->n; i++) {
                const struct node_eni *eni = enis->list[i]->eni;

                if (eni->device_index == address->device_index && eni->network_card == address->network_card)
                        return want_eni_index(enis->list[i]);
        }
        return 0;
}

void want_add_secondary_set(struct text *t, struct arena *arena, const struct node_view *view,
                            const struct want_enis *enis)
{
        struct elements elements = {ARENA_ARRAY(arena, struct element, view->n_addresses), 0};

        for (size_t i = 0; i < view->n_addresses; i++) {
                if (address_index(&view->addresses[i], enis))
                        add(&elements, view->addresses[i].prefix, 0);
        }
        write_set(t, "secondary", &elements);
}

void want_add_eni_map(struct text *t, struct arena *arena, const struct node_view *view,
                      const struct want_enis *enis)
{
        struct elements elements = {ARENA_ARRAY(arena, struct element, view->n_addresses), 0};

        for (size_t i = 0; i < view->n_addresses; i++)
                add(&elements, view->addresses[i].prefix, address_index(&view->addresses[i], enis));
        settle(&elements);
        text_add(t, "\tmap eni_of {\n\t\ttype ipv4_addr : verdict\n");
        write_kind(t, &elements);
        for (size_t i = 0; i < elements.n; i++) {
                write_prefix(t, elements.list[i].prefix, i);
                text_add(t, " : goto pod_%u", elements.list[i].index);
        }
        text_add(t, "%s\t}\n", elements.n ? " }\n" : "");
}
