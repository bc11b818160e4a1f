// SPDX-License-Identifier: Apache-2.0
/*
 * Our nftables tables, each written in one transaction: in place where it is as we left it, or as another process of ours may
 * have left it, else whole. Where only elements of its sets differ, only these are written. It is as we left it where nobody has
 * written any table since, or where the library's listing of it is the one from right after we wrote it: any change by hand shows.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <vpcwire/mem.h>

#include "node/sync_nft.h"
#include "node/sync_parts.h"

void sync_nft_forget(struct node_nft_table *table)
{
        arena_free(TAKE_PTR(table->arena));
        free(TAKE_PTR(table->listing));
        table->applied = (struct node_nft_content){0};
}

static void remember(struct node_nft_table *table, const struct node_nft_content *applied, char *listing)
{
        *table = (struct node_nft_table){.arena = arena_new(), .applied = *applied, .listing = listing};
        table->applied.text = arena_strdup(table->arena, applied->text);
        for (size_t i = 0; i < applied->n_sets; i++) {
                const struct node_nft_set *set = &applied->sets[i];
                struct node_nft_element *copy = ARENA_ARRAY(table->arena, struct node_nft_element, set->n);

                if (set->n)
                        memcpy(copy, set->elements, set->n * sizeof(*copy));
                table->applied.sets[i].elements = copy;
        }
}

/* untouched: nobody has written a table of this namespace since. */
static bool is_as_left(struct nft_ctx *nft, const struct node_nft_table *table, const char *family,
                       bool untouched)
{
        _cleanup_free_ char *listing = table->listing && !untouched ? sync_nft_list(nft, family) : NULL;

        return table->listing && (untouched || (listing && strcmp(listing, table->listing) == 0));
}

static bool is_untouched(const struct node *node, uint32_t generation)
{
        return generation && generation == node->nft_generation;
}

/* The tables have been written n_written times since that generation: they are as we left them if nobody else wrote any. */
static bool settle_generation(struct node *node, uint32_t before, unsigned n_written)
{
        uint32_t now = nft_generation(&node->nft_socket);

        node->nft_generation = before && now == before + n_written ? now : 0;
        return node->nft_generation;
}

/* The listing also makes the library forget what writing had it read: all chains. */
static void written(struct node *node, enum node_nft which, const struct node_nft_content *wanted,
                    struct node_report *report)
{
        struct node_nft_table *table = &node->nft_tables[which];

        sync_nft_forget(table);
        report->repaired.nft++;
        remember(table, wanted, sync_nft_list(node->nft, sync_nft_families[which]));
        malloc_trim(0);
}

static void sync_table(struct sync *sync, enum node_nft which, const struct node_nft_content *wanted,
                       bool untouched)
{
        struct nft_ctx *nft = sync->node->nft;
        struct node_nft_table *table = &sync->node->nft_tables[which];
        const char *family = sync_nft_families[which];
        bool as_left = is_as_left(nft, table, family, untouched);
        struct err failure;
        int r = -ERR_NOT_FOUND;

        if (as_left && strcmp(table->applied.text, wanted->text) == 0)
                return;
        if (!table->listing)
                r = sync_nft_take_over(nft, family, wanted);
        else if (as_left && node_nft_same_structure(&table->applied, wanted))
                r = sync_nft_update_elements(nft, family, &table->applied, wanted);
        else if (as_left)
                r = sync_nft_update(nft, family, table->listing, &table->applied, wanted);
        /* A set whose size or kind is another one cannot be changed in place, and is exchanged with its table. */
        if (r < 0 && sync_nft_replace(nft, family, wanted, &failure) < 0) {
                sync_nft_forget(table);
                sync_fail_node(sync, &failure);
                return;
        }
        written(sync->node, which, wanted, &sync->report);
}

void sync_nft_wanted(const struct node_want *want, const struct node_nft_content *ret[static NODE_NFT_TABLES])
{
        ret[NODE_NFT_IP] = &want->nft;
        ret[NODE_NFT_ARP] = &want->nft_arp;
        ret[NODE_NFT_GUARD] = &want->nft_guard;
}

void sync_nft(struct sync *sync)
{
        const uint32_t generation = nft_generation(&sync->node->nft_socket);
        const bool untouched = is_untouched(sync->node, generation);
        const struct node_nft_content *contents[NODE_NFT_TABLES];

        sync_nft_wanted(&sync->want, contents);
        for (size_t i = 0; i < NODE_NFT_TABLES; i++)
                sync_table(sync, (enum node_nft)i, contents[i], untouched);
        settle_generation(sync->node, generation, sync->report.repaired.nft);
}

bool sync_nft_elements(struct sync *sync)
{
        const uint32_t generation = nft_generation(&sync->node->nft_socket);
        struct node_nft_table *tables = sync->node->nft_tables;
        const struct node_nft_content *contents[NODE_NFT_TABLES];

        sync_nft_wanted(&sync->want, contents);
        if (!is_untouched(sync->node, generation))
                return false;
        for (size_t i = 0; i < NODE_NFT_TABLES; i++) {
                if (!tables[i].listing || !node_nft_same_structure(&tables[i].applied, contents[i]))
                        return false;
        }
        for (size_t i = 0; i < NODE_NFT_TABLES; i++) {
                if (strcmp(tables[i].applied.text, contents[i]->text) == 0)
                        continue;
                if (sync_nft_update_elements(sync->node->nft, sync_nft_families[i], &tables[i].applied,
                                             contents[i]) < 0)
                        return false;
                written(sync->node, (enum node_nft)i, contents[i], &sync->report);
        }
        if (settle_generation(sync->node, generation, sync->report.repaired.nft))
                return true;
        /* What was listed may be somebody else's: it is nothing to compare with. */
        for (size_t i = 0; i < NODE_NFT_TABLES; i++)
                sync_nft_forget(&tables[i]);
        return false;
}
