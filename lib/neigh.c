// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <vpcwire/mem.h>
#include <vpcwire/neigh.h>

#include "netlink_message.h"

static struct nl_msg *neigh_message(int type, int flags, uint16_t state, const struct neigh_info *neigh)
{
        const struct ndmsg header = {.ndm_family = (uint8_t)neigh->ip.family,
                                     .ndm_ifindex = (int)neigh->ifindex,
                                     .ndm_state = state};
        struct nl_msg *msg = message_new(type, flags, &header, sizeof(header));

        message_put_ip(msg, NDA_DST, neigh->ip);
        return msg;
}

int neigh_replace_permanent(struct netlink *nl, const struct neigh_info *neigh, struct err *err)
{
        struct nl_msg *msg;

        if (!ip_is_set(neigh->ip) || !neigh->has_mac)
                return err_set(err, ERR_INVALID, "set neighbour: an address and a MAC are needed");
        msg = neigh_message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, NUD_PERMANENT, neigh);
        message_put_mac(msg, NDA_LLADDR, neigh->mac);
        return netlink_request(nl, msg, err, "set neighbour %s on link number %u", IP_TEXT(neigh->ip),
                               neigh->ifindex);
}

int neigh_delete(struct netlink *nl, const struct neigh_info *neigh, struct err *err)
{
        if (!ip_is_set(neigh->ip))
                return err_set(err, ERR_INVALID, "delete neighbour: no address is given");
        return netlink_request(nl, neigh_message(RTM_DELNEIGH, 0, 0, neigh), err,
                               "delete neighbour %s on link number %u", IP_TEXT(neigh->ip), neigh->ifindex);
}

static int compare(const void *a, const void *b)
{
        const struct neigh_info *x = a, *y = b;

        if (x->ifindex != y->ifindex)
                return x->ifindex < y->ifindex ? -1 : 1;
        return ip_compare(x->ip, y->ip);
}

struct dump {
        struct message_list list;
        int family;
        unsigned ifindex;
};

static int take(const struct nlmsghdr *hdr, void *arg, struct err *err)
{
        struct dump *dump = arg;
        struct nlattr *attributes[NDA_MAX + 1], *mac;
        const struct ndmsg *header = nlmsg_data(hdr);
        struct neigh_info *neigh;
        int r;

        if (hdr->nlmsg_type != RTM_NEWNEIGH)
                return 0;
        r = message_parse(hdr, sizeof(*header), attributes, NDA_MAX, err);
        if (r < 0)
                return r;
        if (header->ndm_family != dump->family ||
            (dump->ifindex && dump->ifindex != (unsigned)header->ndm_ifindex))
                return 0;
        neigh = message_list_add(&dump->list);
        neigh->ifindex = (unsigned)header->ndm_ifindex;
        neigh->state = header->ndm_state;
        neigh->ip = attribute_ip(attributes[NDA_DST], header->ndm_family);
        mac = attributes[NDA_LLADDR];
        neigh->has_mac = mac && nla_len(mac) == MAC_BYTES;
        if (neigh->has_mac)
                memcpy(neigh->mac.bytes, nla_data(mac), MAC_BYTES);
        return 0;
}

static void dump_done(struct dump *dump)
{
        message_list_done(&dump->list);
}

int neigh_dump(struct netlink *nl, struct arena *arena, int family, unsigned ifindex, struct neigh_info **ret,
               size_t *ret_n, struct err *err)
{
        const struct ndmsg header = {.ndm_family = (uint8_t)family};
        _cleanup_(dump_done) struct dump dump = {
                .list.size = sizeof(struct neigh_info), .family = family, .ifindex = ifindex};
        struct nl_msg *msg = message_new(RTM_GETNEIGH, NLM_F_DUMP, &header, sizeof(header));
        int r;

        if (ifindex)
                message_put_u32(msg, NDA_IFINDEX, ifindex);
        r = netlink_get(nl, msg, take, &dump, err, "list the neighbours");
        if (r < 0)
                return r;
        *ret = message_list_finish(&dump.list, arena, compare);
        *ret_n = dump.list.n;
        return 0;
}
