// SPDX-License-Identifier: Apache-2.0
/*
 * The address sets of the nftables tables, and the map from a pod's address to the chain of its ENI. They change with the
 * pool; what is written about them does not.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <vpcwire/mem.h>

#include "node/want.h"
#include "node/want_nft.h"

/* The least size of a set, which doubles: a set that grows is seldom another one. */
enum { LEAST_SIZE = 16 };

struct elements {
        struct node_nft_element *list;
        size_t n;
};

int node_nft_compare(const struct node_nft_element *x, const struct node_nft_element *y)
{
        int r = ip_compare(x->prefix.ip, y->prefix.ip);

        return r ? r : (x->prefix.bits > y->prefix.bits) - (x->prefix.bits < y->prefix.bits);
}

static int by_network(const void *a, const void *b)
{
        return node_nft_compare(a, b);
}

/* Sorts, and drops what lies inside another: an interval set refuses overlaps, and a rule need not say it twice. */
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
                elements->list[elements->n++] = (struct node_nft_element){prefix_network(prefix), index};
}

/*
 * Intervals are a tree; a hash costs the same for any number of addresses. It costs less where its size is known: the kernel
 * takes one of fixed size then, and a quicker hash function.
 */
static void write_kind(struct text *t, const struct elements *elements)
{
        size_t size = LEAST_SIZE;

        for (size_t i = 0; i < elements->n; i++) {
                if (elements->list[i].prefix.bits < ip_max_bits(elements->list[i].prefix.ip)) {
                        text_add(t, "\t\tflags interval\n");
                        return;
                }
        }
        while (size < elements->n)
                size *= 2;
        text_add(t, "\t\tsize %zu\n", size);
}

/* "10.0.1.6" or "10.0.1.64/28". */
static const char *element_text(struct prefix prefix, char buffer[static PREFIX_TEXT_BYTES])
{
        return prefix.bits == ip_max_bits(prefix.ip) ? ip_format(prefix.ip, buffer)
                                                     : prefix_format(prefix, buffer);
}

void node_nft_element_add(struct text *t, const struct node_nft_set *set,
                          const struct node_nft_element *element)
{
        text_add(t, "%s", element_text(element->prefix, (char[PREFIX_TEXT_BYTES]){0}));
        if (strcmp(set->kind, "map") == 0)
                text_add(t, " : goto pod_%u", element->index);
}

bool node_nft_set_has(const struct node_nft_set *set, struct prefix prefix)
{
        const struct node_nft_element sought = {.prefix = prefix_network(prefix)};

        return set->n && bsearch(&sought, set->elements, set->n, sizeof(sought), by_network);
}

static bool same_text(const char *a, size_t n_a, const char *b, size_t n_b)
{
        return n_a == n_b && memcmp(a, b, n_a) == 0;
}

bool node_nft_same_structure(const struct node_nft_content *a, const struct node_nft_content *b)
{
        size_t from_a = 0, from_b = 0;

        if (a->n_sets != b->n_sets)
                return false;
        for (size_t i = 0; i < a->n_sets; i++) {
                const struct node_nft_set *x = &a->sets[i], *y = &b->sets[i];

                if (!same_text(a->text + from_a, x->at - from_a, b->text + from_b, y->at - from_b))
                        return false;
                from_a = x->at + x->bytes;
                from_b = y->at + y->bytes;
        }
        return strcmp(a->text + from_a, b->text + from_b) == 0;
}

/* The whole set; what is in it is kept. */
static void write_set(struct want_nft_table *table, const char *kind, const char *name, const char *type,
                      struct elements *elements)
{
        struct node_nft_set set = {.kind = kind, .name = name};
        struct text *t = table->t;

        settle(elements);
        text_add(t, "\t%s %s {\n\t\ttype %s\n", kind, name, type);
        write_kind(t, elements);
        set.at = t->bytes;
        set.elements = elements->list;
        set.n = elements->n;
        for (size_t i = 0; i < elements->n; i++) {
                text_add(t, i ? ",\n\t\t             " : "\t\telements = { ");
                node_nft_element_add(t, &set, &elements->list[i]);
        }
        text_add(t, elements->n ? " }\n" : "");
        set.bytes = t->bytes - set.at;
        text_add(t, "\t}\n");
        assert(table->nft.n_sets < NODE_NFT_SETS_MAX);
        table->nft.sets[table->nft.n_sets++] = set;
}

/*
 * As rules, and not as a set: an interval set that is new is empty to packets for a moment (its tree is published after the
 * rules that ask it), and what is not in this one is sent out under the node's address, to the end of its connection.
 */
void want_add_returns_of_direct(struct text *t, struct arena *arena, const struct node_view *view)
{
        const struct cidrs *exempt = &view->egress->exempt;
        struct elements elements = {
                ARENA_ARRAY(arena, struct node_nft_element, view->n_vpc_cidrs + exempt->n), 0};

        for (size_t i = 0; i < view->n_vpc_cidrs; i++)
                add(&elements, view->vpc_cidrs[i], 0);
        for (size_t i = 0; i < exempt->n; i++)
                add(&elements, exempt->list[i], 0);
        settle(&elements);
        for (size_t i = 0; i < elements.n; i++)
                text_add(t, "\t\tip daddr %s return\n",
                         element_text(elements.list[i].prefix, (char[PREFIX_TEXT_BYTES]){0}));
}

void want_add_pods_set(struct want_nft_table *table, struct arena *arena, const struct node_view *view)
{
        struct elements elements = {ARENA_ARRAY(arena, struct node_nft_element, view->n_addresses), 0};

        for (size_t i = 0; i < view->n_addresses; i++)
                add(&elements, view->addresses[i].prefix, 0);
        write_set(table, "set", "pods", "ipv4_addr", &elements);
}

/* The index of an address's ENI; 0: the primary one's, or that of one that is not configured. */
static unsigned address_index(const struct node_address *address, const struct want_enis *enis)
{
        for (size_t i = 0; i < enis->n; i++) {
                if (enis->list[i]->eni->key == address->eni_key)
                        return want_eni_index(enis->list[i]);
        }
        return 0;
}

void want_add_secondary_set(struct want_nft_table *table, struct arena *arena, const struct node_view *view,
                            const struct want_enis *enis)
{
        struct elements elements = {ARENA_ARRAY(arena, struct node_nft_element, view->n_addresses), 0};

        for (size_t i = 0; i < view->n_addresses; i++) {
                if (address_index(&view->addresses[i], enis))
                        add(&elements, view->addresses[i].prefix, 0);
        }
        write_set(table, "set", "secondary", "ipv4_addr", &elements);
}

void want_add_eni_map(struct want_nft_table *table, struct arena *arena, const struct node_view *view,
                      const struct want_enis *enis)
{
        struct elements elements = {ARENA_ARRAY(arena, struct node_nft_element, view->n_addresses), 0};

        for (size_t i = 0; i < view->n_addresses; i++)
                add(&elements, view->addresses[i].prefix, address_index(&view->addresses[i], enis));
        write_set(table, "map", "eni_of", "ipv4_addr : verdict", &elements);
}
