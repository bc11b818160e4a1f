// SPDX-License-Identifier: Apache-2.0
#include "firewall/nft.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <sys/socket.h>

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
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

int nft_open_socket(struct nft_ctx **ret, struct nft_socket *ret_socket, struct err *err)
{
        struct sockaddr_nl address = {.nl_family = AF_NETLINK};
        socklen_t length = sizeof(address);
        bool before[FDS_MAX];
        int fd = 0;

        for (int i = 0; i < FDS_MAX; i++)
                before[i] = is_netfilter(i);
        if (nft_open(ret, err) < 0)
                return -(int)err->code;
        while (fd < FDS_MAX && (before[fd] || !is_netfilter(fd)))
                fd++;
        /* It gets its address when it first sends, or now. */
        if (fd == FDS_MAX || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
            getsockname(fd, (struct sockaddr *)&address, &length) < 0) {
                nft_close(TAKE_PTR(*ret));
                return err_set(err, ERR_SYSTEM, "find the socket of nftables' library");
        }
        *ret_socket = (struct nft_socket){.fd = fd, .port = address.nl_pid};
        return 0;
}

uint32_t nft_generation(const struct nft_socket *socket)
{
        struct {
                struct nlmsghdr header;
                struct nfgenmsg body;
        } request = {.header = {.nlmsg_len = sizeof(request),
                                .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN,
                                .nlmsg_flags = NLM_F_REQUEST}};
        struct nlattr *attributes[NFTA_GEN_MAX + 1];
        union {
                struct nlmsghdr header;
                char bytes[256];
        } reply;
        ssize_t n;

        /* The kernel answers inside send(), and the library leaves nothing unread. */
        if (send(socket->fd, &request, sizeof(request), 0) < 0)
                return 0;
        n = recv(socket->fd, &reply, sizeof(reply), MSG_DONTWAIT);
        if (n < 0 || !nlmsg_ok(&reply.header, (int)n) ||
            reply.header.nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN) ||
            nlmsg_parse(&reply.header, sizeof(struct nfgenmsg), attributes, NFTA_GEN_MAX, NULL) < 0 ||
            !attributes[NFTA_GEN_ID] || nla_len(attributes[NFTA_GEN_ID]) != sizeof(uint32_t))
                return 0;
        return ntohl(nla_get_u32(attributes[NFTA_GEN_ID]));
}

void nft_close(struct nft_ctx *nft)
{
        if (nft)
                nft_ctx_free(nft);
}
