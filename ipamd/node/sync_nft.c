// SPDX-License-Identifier: Apache-2.0
/*
 * Our nftables tables, each put in place whole in one transaction. Whether one is still as we left it is seen by comparing
 * the library's listing of it with the listing from right after we wrote it: any change by hand shows.
 */
#include <malloc.h>
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
static char *list_table(struct nft_ctx *nft, const char *family)
{
        _cleanup_free_ char *command = xasprintf("list table %s " NODE_NFT_TABLE, family);

        if (nft_run_cmd_from_buffer(nft, command) != 0) {
                (void)nft_ctx_get_error_buffer(nft); /* reading empties it: "No such file or directory" */
                return NULL;
        }
        return xstrdup(nft_ctx_get_output_buffer(nft));
}

static int apply(struct nft_ctx *nft, const char *family, const char *table, struct err *err)
{
        /* add, then delete: the delete finds it in any case, and all three are one transaction. */
        _cleanup_free_ char *commands = xasprintf("add table %s " NODE_NFT_TABLE "\n"
                                                  "delete table %s " NODE_NFT_TABLE "\n%s",
                                                  family, family, table);

        if (nft_run_cmd_from_buffer(nft, commands) != 0) {
                const char *text = nft_ctx_get_error_buffer(nft);

                /* Its first line; the others quote the input. */
                return err_set(err, ERR_SYSTEM, "write nftables table %s " NODE_NFT_TABLE ": %.*s", family,
                               (int)strcspn(text, "\n"), text);
        }
        return 0;
}

static bool is_as_left(struct nft_ctx *nft, const struct node_nft_table *table, const char *family,
                       const char *wanted)
{
        _cleanup_free_ char *listing = NULL;

        if (!table->applied || !table->listing || strcmp(table->applied, wanted) != 0)
                return false;
        listing = list_table(nft, family);
        return listing && strcmp(listing, table->listing) == 0;
}

static void sync_table(struct sync *sync, struct node_nft_table *table, const char *family,
                       const char *wanted)
{
        struct nft_ctx *nft = sync->node->nft;
        struct err failure;

        if (is_as_left(nft, table, family, wanted))
                return;
        free(TAKE_PTR(table->applied));
        free(TAKE_PTR(table->listing));
        if (apply(nft, family, wanted, &failure) < 0) {
                sync_fail_node(sync, &failure);
                return;
        }
        sync->report.repaired.nft++;
        table->applied = xstrdup(wanted);
        table->listing = list_table(
                nft, family); /* also makes the library forget what writing had it read: all chains */
        malloc_trim(0);
}

void sync_nft(struct sync *sync)
{
        const struct {
                const char *family, *wanted;
        } tables[NODE_NFT_TABLES] = {[NODE_NFT_IP] = {"ip", sync->want.nft},
                                     [NODE_NFT_ARP] = {"arp", sync->want.nft_arp},
                                     [NODE_NFT_GUARD] = {"inet", sync->want.nft_guard}};

        for (size_t i = 0; i < NODE_NFT_TABLES; i++)
                sync_table(sync, &sync->node->nft_tables[i], tables[i].family, tables[i].wanted);
}
