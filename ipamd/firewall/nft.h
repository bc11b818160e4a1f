// SPDX-License-Identifier: Apache-2.0
/* nftables' library, writing into buffers and never to our stdout. */
#ifndef IPAMD_FIREWALL_NFT_H
#define IPAMD_FIREWALL_NFT_H

#include <stdint.h>

#include <vpcwire/err.h>

struct nft_ctx;

/* In the calling thread's network namespace. Listings are stateless, and numeric. */
int nft_open(struct nft_ctx **ret, struct err *err);
/* The same, with its socket's address, which notifications about what it writes carry. No other thread opens sockets meanwhile. */
int nft_open_port(struct nft_ctx **ret, uint32_t *ret_port, struct err *err);
/* NULL is fine. */
void nft_close(struct nft_ctx *nft);
static inline void nft_closep(struct nft_ctx **nft)
{
        nft_close(*nft);
}

#endif
