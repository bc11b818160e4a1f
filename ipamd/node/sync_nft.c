// SPDX-License-Identifier: Apache-2.0
/*
 * Our nftables table, put in place whole in one transaction. Whether it is still as we left it is seen by comparing the
 * library's listing of it with the listing from right after we wrote it: any change by hand shows.
 */
#include <stdlib.h>
#include <string.h>

#include <nftables/libnftables.h>

#include <vpcwire/mem.h>

#include "node/sync_parts.h"

int sync_nft_open(struct nft_ctx **ret, struct err *err)
{
        struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);

        if (!nft)
                return err_set(err, ERR_SYSTEM, "open nftables");
        if (nft_ctx_buffer_output(nft) || nft_ctx_buffer_error(nft)) {
                nft_ctx_free(nft);
                return err_set(err, ERR_SYSTEM, "set up nftables");
        }
        nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_STATELESS | NFT_CTX_OUTPUT_NUMERIC_ALL);
        *ret = nft;
        return 0;
}

void sync_nft_close(struct nft_ctx *nft)
{
        if (nft)
                nft_ctx_free(nft);
}

/* The table as the kernel has it, for the caller to free; NULL when it is not there. */
static char *list_table(struct nft_ctx *nft)
{
        if (nft_run_cmd_from_buffer(nft, "list table ip " NODE_NFT_TABLE) != 0) {
                (void)nft_ctx_get_error_buffer(nft); /* reading empties it: "No such file or directory" */
                return NULL;
        }
        return xstrdup(nft_ctx_get_output_buffer(nft));
}

static int apply(struct nft_ctx *nft, const char *table, struct err *err)
{
        /* add, then delete: the delete finds it in any case, and all three are one transaction. */
        _cleanup_free_ char *commands = xasprintf("add table ip " NODE_NFT_TABLE "\n"
                                                  "delete table ip " NODE_NFT_TABLE "\n%s",
                                                  table);

        if (nft_run_cmd_from_buffer(nft, commands) != 0) {
                const char *text = nft_ctx_get_error_buffer(nft);

                /* Its first line; the others quote the input. */
                return err_set(err, ERR_SYSTEM, "write nftables table " NODE_NFT_TABLE ": %.*s",
                               (int)strcspn(text, "\n"), text);
        }
        return 0;
}

static bool is_as_left(const struct node *node, const char *wanted)
{
        _cleanup_free_ char *listing = NULL;

        if (!node->nft_applied || !node->nft_listing || strcmp(node->nft_applied, wanted) != 0)
                return false;
        listing = list_table(node->nft);
        return listing && strcmp(listing, node->nft_listing) == 0;
}

void sync_nft(struct sync *sync)
{
        struct node *node = sync->node;
        struct err failure;

        if (is_as_left(node, sync->want.nft))
                return;
        free(TAKE_PTR(node->nft_applied));
        free(TAKE_PTR(node->nft_listing));
        if (apply(node->nft, sync->want.nft, &failure) < 0) {
                sync_fail_node(sync, &failure);
                return;
        }
        sync->report.repaired.nft++;
        node->nft_applied = xstrdup(sync->want.nft);
        node->nft_listing = list_table(node->nft);
}
