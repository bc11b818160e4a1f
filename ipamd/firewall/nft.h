// SPDX-License-Identifier: Apache-2.0
/* nftables' library, writing into buffers and never to our stdout. */
#ifndef IPAMD_FIREWALL_NFT_H
#define IPAMD_FIREWALL_NFT_H

#include <stdint.h>

#include <vpcwire/err.h>

struct nft_ctx;

/* In the calling thread's network namespace. Listings are stateless, and numeric. */
int nft_open(struct nft_ctx **ret, struct err *err);

/* The library's socket, which it does not show. */
struct nft_socket {
        int fd;        /* borrowed */
        uint32_t port; /* its address, which notifications about what is written by it carry */
};

/* As nft_open(). No other thread opens sockets meanwhile. */
int nft_open_socket(struct nft_ctx **ret, struct nft_socket *ret_socket, struct err *err);
/* The number of the namespace's last transaction, whosever; each adds one. 0: the kernel did not say. */
uint32_t nft_generation(const struct nft_socket *socket);

/* NULL is fine. */
void nft_close(struct nft_ctx *nft);
static inline void nft_closep(struct nft_ctx **nft)
{
        nft_close(*nft);
}

#endif
