// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/route/neighbour.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/mem.h>
#include <vpcwire/neigh.h>

#include "netlink_dump.h"
#include "netlink_message.h"

DEFINE_CLEANUP(struct rtnl_neigh *, rtnl_neigh_put)

/* build: rtnl_neigh_build_add_request() or the like. The entry is a permanent one, unless it is for proxying. */
static struct nl_msg *neigh_message(int (*build)(struct rtnl_neigh *, int, struct nl_msg **), int flags,
                                    unsigned entry_flags, const struct neigh_info *neigh)
{
        _cleanup_(rtnl_neigh_putp) struct rtnl_neigh *object = message_need(rtnl_neigh_alloc());
        _cleanup_(nl_addr_putp) struct nl_addr *dst = message_addr(neigh->ip, 0);
        _cleanup_(nl_addr_putp) struct nl_addr *mac = message_mac(neigh->mac);
        struct nl_msg *msg;

        rtnl_neigh_set_ifindex(object, (int)neigh->ifindex);
        rtnl_neigh_set_flags(object, entry_flags);
        message_must(rtnl_neigh_set_dst(object, dst));
        if (neigh->has_mac)
                rtnl_neigh_set_lladdr(object, mac);
        message_must(build(object, flags, &msg));
        return msg;
}

int neigh_replace_permanent(struct netlink *nl, const struct neigh_info *neigh, struct err *err)
{
        if (!ip_is_set(neigh->ip) || !neigh->has_mac)
                return err_set(err, ERR_INVALID, "set neighbour: an address and a MAC are needed");
        return netlink_request(
                nl, neigh_message(rtnl_neigh_build_add_request, NLM_F_CREATE | NLM_F_REPLACE, 0, neigh), err,
                "set neighbour %s on link number %u", IP_TEXT(neigh->ip), neigh->ifindex);
}

int neigh_delete(struct netlink *nl, const struct neigh_info *neigh, struct err *err)
{
        if (!ip_is_set(neigh->ip))
                return err_set(err, ERR_INVALID, "delete neighbour: no address is given");
        return netlink_request(nl, neigh_message(rtnl_neigh_build_delete_request, 0, 0, neigh), err,
                               "delete neighbour %s on link number %u", IP_TEXT(neigh->ip), neigh->ifindex);
}

static int compare(const void *a, const void *b)
{
        const struct neigh_info *x = a, *y = b;

        if (x->ifindex != y->ifindex)
                return x->ifindex < y->ifindex ? -1 : 1;
        return ip_compare(x->ip, y->ip);
}

static int take(const struct nlmsghdr *hdr, void *element, const void *filter, struct err *err)
{
        const struct ndmsg *wanted = filter, *header = nlmsg_data(hdr);
        struct nlattr *attributes[NDA_MAX + 1];
        struct neigh_info *neigh = element;
        int r = message_parse(hdr, sizeof(*header), attributes, NDA_MAX, err);

        if (r < 0)
                return r;
        neigh->ifindex = (unsigned)header->ndm_ifindex;
        neigh->state = header->ndm_state;
        neigh->ip = attribute_ip(attributes[NDA_DST], header->ndm_family);
        neigh->has_mac = attribute_mac(attributes[NDA_LLADDR], &neigh->mac);
        return header->ndm_family == wanted->ndm_family &&
               (!wanted->ndm_ifindex || wanted->ndm_ifindex == header->ndm_ifindex);
}

int neigh_dump(struct netlink *nl, struct arena *arena, int family, unsigned ifindex, struct neigh_info **ret,
               size_t *ret_n, struct err *err)
{
        const struct ndmsg wanted = {.ndm_family = (uint8_t)family, .ndm_ifindex = (int)ifindex};
        const struct ndmsg header = {.ndm_family = (uint8_t)family};
        struct message_list list = {.type = RTM_NEWNEIGH,
                                    .size = sizeof(struct neigh_info),
                                    .take = take,
                                    .filter = &wanted,
                                    .compare = compare};
        struct nl_msg *msg = message_new(RTM_GETNEIGH, NLM_F_DUMP, &header, sizeof(header));
        int r;

        if (ifindex) /* in the header a strict dump refuses it */
                message_put_u32(msg, NDA_IFINDEX, ifindex);
        r = message_dump(nl, msg, &list, arena, "list the neighbours", err);
        *ret = list.items;
        *ret_n = list.n;
        return r;
}

int neigh_proxy_add(struct netlink *nl, unsigned ifindex, struct ip ip, struct err *err)
{
        const struct neigh_info proxy = {.ifindex = ifindex, .ip = ip};
        struct nl_msg *msg;

        if (!ifindex || !ip_is_set(ip))
                return err_set(err, ERR_INVALID, "answer ARP: an address and a link are needed");
        msg = neigh_message(rtnl_neigh_build_add_request, NLM_F_CREATE | NLM_F_REPLACE, NTF_PROXY, &proxy);
        message_put_u8(msg, NDA_PROTOCOL, DATAPLANE_PROTOCOL); /* rtnl_neigh has none */
        return netlink_request(nl, msg, err, "answer ARP for %s on link number %u", IP_TEXT(ip), ifindex);
}

static int take_proxy(const struct nlmsghdr *hdr, void *element, const void *ip, struct err *err)
{
        struct nlattr *attributes[NDA_MAX + 1];
        const struct ndmsg *header = nlmsg_data(hdr);
        int r = message_parse(hdr, sizeof(*header), attributes, NDA_MAX, err);

        if (r < 0)
                return r;
        *(unsigned *)element = (unsigned)header->ndm_ifindex;
        return header->ndm_flags & NTF_PROXY &&
               ip_equal(attribute_ip(attributes[NDA_DST], header->ndm_family), *(const struct ip *)ip);
}

static int compare_index(const void *a, const void *b)
{
        const unsigned *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

int neigh_proxy_links(struct netlink *nl, struct arena *arena, struct ip ip, unsigned **ret, size_t *ret_n,
                      struct err *err)
{
        const struct ndmsg header = {.ndm_family = (uint8_t)ip.family, .ndm_flags = NTF_PROXY};
        struct message_list list = {.type = RTM_NEWNEIGH,
                                    .size = sizeof(unsigned),
                                    .take = take_proxy,
                                    .filter = &ip,
                                    .compare = compare_index};
        int r = message_dump(nl, message_new(RTM_GETNEIGH, NLM_F_DUMP, &header, sizeof(header)), &list, arena,
                             "list the proxy entries", err);

        *ret = list.items;
        *ret_n = list.n;
        return r;
}

bool neigh_proxy_has(const unsigned *links, size_t n, unsigned ifindex)
{
        /* The first one stands for no link in particular: the kernel answers on all, and takes no other beside it. */
        return n && (links[0] == 0 || bsearch(&ifindex, links, n, sizeof(*links), compare_index));
}

struct table_search {
        int family;
        bool found;
        uint32_t limit;
};

/* The tables, and each link's parameters of them: those have no thresholds. */
static int take_table(const struct nlmsghdr *hdr, void *arg, struct err *err)
{
        struct table_search *search = arg;
        struct nlattr *attributes[NDTA_MAX + 1];
        const struct ndtmsg *header = nlmsg_data(hdr);
        int r = message_parse(hdr, sizeof(*header), attributes, NDTA_MAX, err);

        if (r < 0 || header->ndtm_family != search->family || !attributes[NDTA_THRESH3])
                return r;
        search->found = true;
        search->limit = attribute_u32(attributes[NDTA_THRESH3], 0);
        return 0;
}

int neigh_table_limit(struct netlink *nl, int family, uint32_t *ret, struct err *err)
{
        const struct ndtmsg header = {.ndtm_family = (uint8_t)family};
        struct table_search search = {.family = family};
        int r = netlink_get(nl, message_new(RTM_GETNEIGHTBL, NLM_F_DUMP, &header, sizeof(header)), take_table,
                            &search, err, "read the neighbour table's limits");

        if (r < 0)
                return r;
        if (!search.found)
                return err_set(err, ERR_NOT_FOUND, "the kernel does not report its neighbour table's limit");
        *ret = search.limit;
        return 0;
}
