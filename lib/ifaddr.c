// SPDX-License-Identifier: Apache-2.0
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/route/addr.h>

#include <vpcwire/ifaddr.h>
#include <vpcwire/mem.h>

#include "netlink_dump.h"
#include "netlink_message.h"

DEFINE_CLEANUP(struct rtnl_addr *, rtnl_addr_put)

/* rtnl_addr_build_add_request() or the like. */
typedef int ifaddr_build(struct rtnl_addr *object, int flags, struct nl_msg **ret);

static struct nl_msg *ifaddr_message(ifaddr_build *build, int flags, const struct ifaddr *ifaddr)
{
        _cleanup_(rtnl_addr_putp) struct rtnl_addr *object = message_need(rtnl_addr_alloc());
        _cleanup_(nl_addr_putp) struct nl_addr *local = message_addr(ifaddr->prefix.ip, ifaddr->prefix.bits);
        struct nl_msg *msg;

        rtnl_addr_set_ifindex(object, (int)ifaddr->ifindex);
        rtnl_addr_set_scope(object, ifaddr->scope);
        rtnl_addr_set_flags(object, ifaddr->flags);
        message_must(rtnl_addr_set_local(object, local));
        message_must(build(object, flags, &msg));
        return msg;
}

static int change(struct netlink *nl, ifaddr_build *build, int flags, const struct ifaddr *ifaddr,
                  const char *verb, struct err *err)
{
        if (!ip_is_set(ifaddr->prefix.ip))
                return err_set(err, ERR_INVALID, "%s address: none is given", verb);
        return netlink_request(nl, ifaddr_message(build, flags, ifaddr), err,
                               "%s address %s on link number %u", verb, PREFIX_TEXT(ifaddr->prefix),
                               ifaddr->ifindex);
}

int ifaddr_add(struct netlink *nl, const struct ifaddr *ifaddr, struct err *err)
{
        return change(nl, rtnl_addr_build_add_request, NLM_F_EXCL, ifaddr, "add", err);
}

int ifaddr_replace(struct netlink *nl, const struct ifaddr *ifaddr, struct err *err)
{
        return change(nl, rtnl_addr_build_add_request, NLM_F_REPLACE, ifaddr, "set", err);
}

int ifaddr_delete(struct netlink *nl, const struct ifaddr *ifaddr, struct err *err)
{
        return change(nl, rtnl_addr_build_delete_request, 0, ifaddr, "delete", err);
}

int ifaddr_compare(const struct ifaddr *a, const struct ifaddr *b)
{
        if (a->ifindex != b->ifindex)
                return a->ifindex < b->ifindex ? -1 : 1;
        return prefix_compare(a->prefix, b->prefix);
}

static int compare(const void *a, const void *b)
{
        return ifaddr_compare(a, b);
}

/* Of an RTM_NEWADDR message; ERR_PROTOCOL when it is malformed. */
static int parse(const struct nlmsghdr *hdr, struct ifaddr *ret, struct err *err)
{
        struct nlattr *attributes[IFA_MAX + 1];
        const struct ifaddrmsg *header = nlmsg_data(hdr);
        int r = message_parse(hdr, sizeof(*header), attributes, IFA_MAX, err);

        if (r < 0)
                return r;
        *ret = (struct ifaddr){
                .ifindex = header->ifa_index,
                .scope = header->ifa_scope,
                .flags = attribute_u32(attributes[IFA_FLAGS], header->ifa_flags),
                /* IFA_ADDRESS is the peer's on a point-to-point link; IFA_LOCAL is ours, and IPv6 has it only there. */
                .prefix = {attribute_ip(attributes[IFA_LOCAL] ?: attributes[IFA_ADDRESS], header->ifa_family),
                           header->ifa_prefixlen},
        };
        return 0;
}

static int take(const struct nlmsghdr *hdr, void *element, const void *filter, struct err *err)
{
        const struct ifaddrmsg *wanted = filter;
        struct ifaddr *ifaddr = element;
        int r = parse(hdr, ifaddr, err);

        if (r < 0)
                return r;
        return (!wanted->ifa_index || wanted->ifa_index == ifaddr->ifindex) &&
               (wanted->ifa_family == AF_UNSPEC || wanted->ifa_family == ifaddr->prefix.ip.family);
}

int ifaddr_dump(struct netlink *nl, struct arena *arena, int family, unsigned ifindex, struct ifaddr **ret,
                size_t *ret_n, struct err *err)
{
        const struct ifaddrmsg header = {.ifa_family = (uint8_t)family, .ifa_index = ifindex};
        struct message_list list = {.type = RTM_NEWADDR,
                                    .size = sizeof(struct ifaddr),
                                    .take = take,
                                    .filter = &header,
                                    .compare = compare};
        int r = message_dump(nl, message_new(RTM_GETADDR, NLM_F_DUMP, &header, sizeof(header)), &list, arena,
                             "list the addresses", err);

        *ret = list.items;
        *ret_n = list.n;
        return r;
}
