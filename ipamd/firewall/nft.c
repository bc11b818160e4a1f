// SPDX-License-Identifier: Apache-2.0
#include "firewall/nft.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netlink.h>
#include <nftables/libnftables.h>

#include <vpcwire/cleanup.h>
#include <vpcwire/mem.h>

enum { FDS_MAX = 256 }; /* more than the process has open when it begins */

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

static bool has_value(int fd, int option, int wanted)
{
        int value = 0;
        socklen_t length = sizeof(value);

        return getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 && value == wanted;
}

static bool is_netfilter(int fd)
{
        return has_value(fd, SO_DOMAIN, AF_NETLINK) && has_value(fd, SO_PROTOCOL, NETLINK_NETFILTER);
}

int nft_open_port(struct nft_ctx **ret, uint32_t *ret_port, struct err *err)
{
        struct sockaddr_nl address = {.nl_family = AF_NETLINK};
        socklen_t length = sizeof(address);
        bool before[FDS_MAX];
        int fd = 0;

        for (int i = 0; i < FDS_MAX; i++)
                before[i] = is_netfilter(i);
        if (nft_open(ret, err) < 0)
                return -(int)err->code;
        /* The library does not show its socket: it is the one that was not there before. */
        while (fd < FDS_MAX && (before[fd] || !is_netfilter(fd)))
                fd++;
        /* It gets its address when it first sends, or now. */
        if (fd == FDS_MAX || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
            getsockname(fd, (struct sockaddr *)&address, &length) < 0) {
                nft_close(TAKE_PTR(*ret));
                return err_set(err, ERR_SYSTEM, "find the socket of nftables' library");
        }
        *ret_port = address.nl_pid;
        return 0;
}

void nft_close(struct nft_ctx *nft)
{
        if (nft)
                nft_ctx_free(nft);
}
