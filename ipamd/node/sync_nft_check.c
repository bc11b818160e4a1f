// SPDX-License-Identifier: Apache-2.0
/* Our nftables tables compared with the wanted ones, and not written. */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/mem.h>
#include <vpcwire/netns.h>

#include "firewall/nft.h"
#include "node/sync_nft.h"
#include "node/sync_parts.h"

/* A chain, set, map or counter of a listing: from its name's line to its closing bracket. */
struct block {
        const char *text;
        size_t n, n_name; /* bytes; of "chain from_pods" */
};

/* The next one after *at; false: none. */
static bool next_block(const char **at, struct block *ret)
{
        static const char end[] = "\n\t}\n";

        for (const char *line = strchr(*at, '\n'); line && *++line; line = strchr(line, '\n')) {
                const char *bracket = strstr(line, " {\n"), *last = strstr(line, end);

                if (line[0] != '\t' || line[1] == '\t' || line[1] == '}' || line[1] == '\n' || !bracket ||
                    !last)
                        continue;
                *ret = (struct block){line + 1, (size_t)(last - line), (size_t)(bracket - line - 1)};
                *at = last + 1;
                return true;
        }
        return false;
}

static bool find_block(const char *listing, const struct block *sought, struct block *ret)
{
        while (next_block(&listing, ret)) {
                if (ret->n_name == sought->n_name && memcmp(ret->text, sought->text, ret->n_name) == 0)
                        return true;
        }
        return false;
}

static void note_block(struct sync *sync, enum node_nft nft, enum node_difference_kind kind,
                       const struct block *block)
{
        sync_only_notes(
                sync, (struct node_difference){
                              .object = NODE_NFT_OBJECT,
                              .kind = kind,
                              .nft = nft,
                              .text = arena_printf(sync->arena, "%.*s of table %s " DATAPLANE_NFT_TABLE,
                                                   (int)block->n_name, block->text, sync_nft_families[nft])});
}

/* wanted: a listing, or (names_only) the text that one would be made from. */
static void compare_listings(struct sync *sync, enum node_nft nft, const char *wanted, const char *seen,
                             bool names_only)
{
        struct block block, other;
        const char *at = wanted;

        while (next_block(&at, &block)) {
                if (!find_block(seen, &block, &other))
                        note_block(sync, nft, NODE_MISSING, &block);
                else if (!names_only && (block.n != other.n || memcmp(block.text, other.text, block.n) != 0))
                        note_block(sync, nft, NODE_CHANGED, &block);
        }
        at = seen;
        while (next_block(&at, &block)) {
                if (!find_block(wanted, &block, &other))
                        note_block(sync, nft, NODE_EXTRA, &block);
        }
}

/*
 * The tables as the kernel lists them when they are as wanted, for the caller to free. In a network namespace that goes again:
 * where none can be made there is nothing to list.
 */
static void list_wanted(const struct node_nft_content *const *contents, char **ret)
{
        _cleanup_close_ int here = -1;
        struct nft_ctx *nft = NULL;

        if (netns_open_current(&here, NULL) < 0 || unshare(CLONE_NEWNET) < 0)
                return;
        if (nft_open(&nft, NULL) == 0) {
                for (size_t i = 0; i < NODE_NFT_TABLES; i++) {
                        if (sync_nft_run(nft, sync_nft_families[i], contents[i]->text, NULL) == 0)
                                ret[i] = sync_nft_list(nft, sync_nft_families[i]);
                }
        }
        nft_close(nft);
        if (setns(here, CLONE_NEWNET) < 0)
                abort(); /* all that comes would be in the wrong place */
}

void sync_check_nft(struct sync *sync)
{
        const struct node_nft_content *contents[NODE_NFT_TABLES];
        char *wanted[NODE_NFT_TABLES] = {NULL};

        sync_nft_wanted(&sync->want, contents);
        list_wanted(contents, wanted);
        for (size_t i = 0; i < NODE_NFT_TABLES; i++) {
                _cleanup_free_ char *seen = sync_nft_list(sync->node->nft, sync_nft_families[i]);

                compare_listings(sync, (enum node_nft)i, wanted[i] ?: contents[i]->text, seen ?: "",
                                 !wanted[i]);
                free(wanted[i]);
        }
}
