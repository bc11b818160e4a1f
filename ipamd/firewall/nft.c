// SPDX-License-Identifier: Apache-2.0
#include "firewall/nft.h"

#include <nftables/libnftables.h>

int nft_open(struct nft_ctx **ret, struct err *err)
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

void nft_close(struct nft_ctx *nft)
{
        if (nft)
                nft_ctx_free(nft);
}
