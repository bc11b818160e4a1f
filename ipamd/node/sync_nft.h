// SPDX-License-Identifier: Apache-2.0
/* Our nftables tables, one at a time. Private to the files sync_nft*.c. */
#ifndef NODE_SYNC_NFT_H
#define NODE_SYNC_NFT_H

#include <vpcwire/err.h>

#include "node/check.h"
#include "node/want.h"

struct nft_ctx;

extern const char *const sync_nft_families[NODE_NFT_TABLES];

/* sync_nft.c: the wanted tables, by enum node_nft. */
void sync_nft_wanted(const struct node_want *want,
                     const struct node_nft_content *ret[static NODE_NFT_TABLES]);

/* sync_nft_write.c: the table as the kernel has it, for the caller to free; NULL when it is not there. */
char *sync_nft_list(struct nft_ctx *nft, const char *family);
int sync_nft_run(struct nft_ctx *nft, const char *family, const char *commands, struct err *err);
/* The whole table is exchanged. */
int sync_nft_replace(struct nft_ctx *nft, const char *family, const struct node_nft_content *wanted,
                     struct err *err);
/* In place. listing: what the kernel has; old: what was put there. */
int sync_nft_update(struct nft_ctx *nft, const char *family, const char *listing,
                    const struct node_nft_content *old, const struct node_nft_content *wanted);
/* Of a table whose structure is the wanted one: what differs, and nothing else is read or written. */
int sync_nft_update_elements(struct nft_ctx *nft, const char *family, const struct node_nft_content *old,
                             const struct node_nft_content *wanted);
/* A table of the process before, in place. Fails where something is in it that is not in the wanted one. */
int sync_nft_take_over(struct nft_ctx *nft, const char *family, const struct node_nft_content *wanted);

#endif
