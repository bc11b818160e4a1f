// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <string.h>

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include <vpcwire/link.h>
#include <vpcwire/mem.h>

#include "netlink_dump.h"
#include "netlink_message.h"

int link_check_name(const char *name, struct err *err)
{
        size_t n = strlen(name);
        bool bad = n == 0 || n >= LINK_NAME_BYTES || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;

        for (const char *c = name; *c && !bad; c++)
                bad = *c == '/' || *c == ':' || isspace((unsigned char)*c);
        if (bad)
                return err_set(err, ERR_INVALID,
                               "link name '%s': 1..%d characters without '/', ':' and space are allowed",
                               name, LINK_NAME_BYTES - 1);
        return 0;
}

static void read_kind(struct nlattr *linkinfo, struct link_info *ret)
{
        struct nlattr *attributes[IFLA_INFO_MAX + 1];

        if (linkinfo && nla_parse_nested(attributes, IFLA_INFO_MAX, linkinfo, NULL) == 0)
                attribute_string(attributes[IFLA_INFO_KIND], ret->kind, sizeof(ret->kind));
}

/* Where each stands in the kernel's arrays. IPv4's numbers begin with 1, the array does not. */
static const struct {
        int family, index;
} conf_places[_LINK_CONF_MAX] = {
        [LINK_CONF_IPV4_RP_FILTER] = {AF_INET, IPV4_DEVCONF_RP_FILTER - 1},
        [LINK_CONF_IPV4_FORWARDING] = {AF_INET, IPV4_DEVCONF_FORWARDING - 1},
        [LINK_CONF_IPV4_ACCEPT_REDIRECTS] = {AF_INET, IPV4_DEVCONF_ACCEPT_REDIRECTS - 1},
        [LINK_CONF_IPV4_ACCEPT_SOURCE_ROUTE] = {AF_INET, IPV4_DEVCONF_ACCEPT_SOURCE_ROUTE - 1},
        [LINK_CONF_IPV4_ACCEPT_LOCAL] = {AF_INET, IPV4_DEVCONF_ACCEPT_LOCAL - 1},
        [LINK_CONF_IPV4_ROUTE_LOCALNET] = {AF_INET, IPV4_DEVCONF_ROUTE_LOCALNET - 1},
        [LINK_CONF_IPV4_PROXY_ARP] = {AF_INET, IPV4_DEVCONF_PROXY_ARP - 1},
        [LINK_CONF_IPV4_ARP_ACCEPT] = {AF_INET, IPV4_DEVCONF_ARP_ACCEPT - 1},
        [LINK_CONF_IPV6_ACCEPT_RA] = {AF_INET6, DEVCONF_ACCEPT_RA},
        [LINK_CONF_IPV6_ACCEPT_REDIRECTS] = {AF_INET6, DEVCONF_ACCEPT_REDIRECTS},
        [LINK_CONF_IPV6_PROXY_NDP] = {AF_INET6, DEVCONF_PROXY_NDP},
};

/* A family's array of settings; NULL: the link has none. */
static const struct nlattr *find_conf(struct nlattr *families, int family)
{
        struct nlattr *one = families ? nla_find(nla_data(families), nla_len(families), family) : NULL;

        return one ? nla_find(nla_data(one), nla_len(one),
                              family == AF_INET ? (int)IFLA_INET_CONF : (int)IFLA_INET6_CONF)
                   : NULL;
}

static void read_conf(struct nlattr *families, struct link_info *ret)
{
        const struct nlattr *ipv4 = find_conf(families, AF_INET), *ipv6 = find_conf(families, AF_INET6);

        for (size_t i = 0; i < _LINK_CONF_MAX; i++) {
                const struct nlattr *conf = conf_places[i].family == AF_INET ? ipv4 : ipv6;
                size_t offset = (size_t)conf_places[i].index * sizeof(int32_t);

                ret->conf[i] = LINK_CONF_NONE;
                if (conf && (size_t)nla_len(conf) >= offset + sizeof(int32_t))
                        memcpy(&ret->conf[i], (const char *)nla_data(conf) + offset, sizeof(int32_t));
        }
}

int link_parse(const struct nlmsghdr *hdr, struct link_info *ret, struct err *err)
{
        struct nlattr *attributes[IFLA_MAX + 1];
        const struct ifinfomsg *link = nlmsg_data(hdr);
        int r = message_parse(hdr, sizeof(*link), attributes, IFLA_MAX, err);

        if (r < 0)
                return r;
        *ret = (struct link_info){
                .ifindex = (unsigned)link->ifi_index,
                .up = link->ifi_flags & IFF_UP,
                .carrier = link->ifi_flags & IFF_LOWER_UP,
                .running = link->ifi_flags & IFF_RUNNING,
                .mtu = attribute_u32(attributes[IFLA_MTU], 0),
                .group = attribute_u32(attributes[IFLA_GROUP], 0),
                .peer_ifindex = attribute_u32(attributes[IFLA_LINK], 0),
                .peer_nsid = (int)attribute_u32(attributes[IFLA_LINK_NETNSID], (uint32_t)-1),
        };
        attribute_string(attributes[IFLA_IFNAME], ret->name, sizeof(ret->name));
        attribute_string(attributes[IFLA_IFALIAS], ret->alias, sizeof(ret->alias));
        read_kind(attributes[IFLA_LINKINFO], ret);
        read_conf(attributes[IFLA_AF_SPEC], ret);
        ret->has_parent = attributes[IFLA_PARENT_DEV_NAME];
        if (link->ifi_flags & IFF_LOOPBACK)
                return 0;
        ret->has_mac = attribute_mac(attributes[IFLA_ADDRESS], &ret->mac);
        ret->has_permanent_mac = attribute_mac(attributes[IFLA_PERM_ADDRESS], &ret->permanent_mac);
        return 0;
}

static int take_link(const struct nlmsghdr *hdr, void *arg, struct err *err)
{
        return hdr->nlmsg_type == RTM_NEWLINK ? link_parse(hdr, arg, err) : 0;
}

static struct nl_msg *link_message(int type, int flags, unsigned ifindex, const char *name)
{
        const struct ifinfomsg header = {.ifi_family = AF_UNSPEC, .ifi_index = (int)ifindex};
        struct nl_msg *msg = message_new(type, flags, &header, sizeof(header));

        if (name)
                message_put_string(msg, IFLA_IFNAME, name);
        return msg;
}

static int get_one(struct netlink *nl, struct nl_msg *msg, const char *what, struct link_info *ret,
                   struct err *err)
{
        struct link_info info = {0};
        int r;

        message_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        r = netlink_get(nl, msg, take_link, &info, err, "get link %s", what);
        if (r < 0)
                return r;
        if (!info.ifindex)
                return err_set(err, ERR_PROTOCOL, "get link %s: the kernel's answer holds no link", what);
        *ret = info;
        return 0;
}

int link_get(struct netlink *nl, unsigned ifindex, struct link_info *ret, struct err *err)
{
        char what[32];

        snprintf(what, sizeof(what), "number %u", ifindex);
        return get_one(nl, link_message(RTM_GETLINK, 0, ifindex, NULL), what, ret, err);
}

int link_get_by_name(struct netlink *nl, const char *name, struct link_info *ret, struct err *err)
{
        int r = link_check_name(name, err);

        return r < 0 ? r : get_one(nl, link_message(RTM_GETLINK, 0, 0, name), name, ret, err);
}

static int list_link(const struct nlmsghdr *hdr, void *element, const void *filter _unused_, struct err *err)
{
        int r = link_parse(hdr, element, err);

        return r < 0 ? r : 1;
}

static int compare_index(const void *a, const void *b)
{
        const struct link_info *x = a, *y = b;

        return (x->ifindex > y->ifindex) - (x->ifindex < y->ifindex);
}

int link_dump(struct netlink *nl, struct arena *arena, struct link_info **ret, size_t *ret_n, struct err *err)
{
        struct message_list list = {.type = RTM_NEWLINK,
                                    .size = sizeof(struct link_info),
                                    .take = list_link,
                                    .compare = compare_index};
        struct nl_msg *msg = link_message(RTM_GETLINK, NLM_F_DUMP, 0, NULL);
        int r;

        message_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        r = message_dump(nl, msg, &list, arena, "list the links", err);
        *ret = list.items;
        *ret_n = list.n;
        return r;
}

/* The peer's part of a veth's data: a whole link message of its own. */
static void put_peer(struct nl_msg *msg, const struct link_veth *veth)
{
        const struct ifinfomsg header = {.ifi_family = AF_UNSPEC, .ifi_index = (int)veth->peer_ifindex};
        struct nlattr *data = message_nest(msg, IFLA_INFO_DATA), *peer = message_nest(msg, VETH_INFO_PEER);

        nlmsg_append(msg, (void *)(uintptr_t)&header, sizeof(header), NLMSG_ALIGNTO);
        message_put_string(msg, IFLA_IFNAME, veth->peer_name);
        message_put_mac(msg, IFLA_ADDRESS, veth->peer_mac);
        if (veth->mtu)
                message_put_u32(msg, IFLA_MTU, veth->mtu);
        if (veth->peer_group)
                message_put_u32(msg, IFLA_GROUP, veth->peer_group);
        if (veth->peer_netns_fd >= 0)
                message_put_u32(msg, IFLA_NET_NS_FD, (uint32_t)veth->peer_netns_fd);
        nla_nest_end(msg, peer);
        nla_nest_end(msg, data);
}

int link_create_veth(struct netlink *nl, const struct link_veth *veth, struct err *err)
{
        struct nlattr *linkinfo;
        struct nl_msg *msg;
        int r = link_check_name(veth->name, err);

        if (r == 0)
                r = link_check_name(veth->peer_name, err);
        if (r < 0)
                return r;
        msg = link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, veth->ifindex, veth->name);
        message_put_mac(msg, IFLA_ADDRESS, veth->mac);
        if (veth->mtu)
                message_put_u32(msg, IFLA_MTU, veth->mtu);
        linkinfo = message_nest(msg, IFLA_LINKINFO);
        message_put_string(msg, IFLA_INFO_KIND, "veth");
        put_peer(msg, veth);
        nla_nest_end(msg, linkinfo);
        return netlink_request(nl, msg, err, "create link %s with peer %s", veth->name, veth->peer_name);
}

int link_create_vlan(struct netlink *nl, const struct link_vlan *vlan, struct err *err)
{
        struct nlattr *linkinfo, *data;
        struct nl_msg *msg;
        int r = link_check_name(vlan->name, err);

        if (r < 0)
                return r;
        msg = link_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, vlan->name);
        message_put_u32(msg, IFLA_LINK, vlan->parent_ifindex);
        linkinfo = message_nest(msg, IFLA_LINKINFO);
        message_put_string(msg, IFLA_INFO_KIND, "vlan");
        data = message_nest(msg, IFLA_INFO_DATA);
        message_put(msg, IFLA_VLAN_ID, &vlan->id, sizeof(vlan->id));
        nla_nest_end(msg, data);
        nla_nest_end(msg, linkinfo);
        return netlink_request(nl, msg, err, "create link %s, VLAN %u of link %u", vlan->name, vlan->id,
                               vlan->parent_ifindex);
}

static int change_link(struct netlink *nl, unsigned ifindex, const char *name,
                       const struct link_change *change, struct err *err)
{
        const struct ifinfomsg header = {.ifi_family = AF_UNSPEC,
                                         .ifi_index = (int)ifindex,
                                         .ifi_flags = change->admin == LINK_ADMIN_UP ? IFF_UP : 0,
                                         .ifi_change = change->admin == LINK_ADMIN_KEEP ? 0 : IFF_UP};
        struct nl_msg *msg;
        char what[32];

        if (change->alias && strlen(change->alias) >= LINK_ALIAS_BYTES)
                return err_set(err, ERR_INVALID, "alias of %zu bytes; at most %d are allowed",
                               strlen(change->alias), LINK_ALIAS_BYTES - 1);
        if (change->new_name && link_check_name(change->new_name, err) < 0)
                return -ERR_INVALID;
        msg = message_new(RTM_SETLINK, 0, &header, sizeof(header));
        /* With an index, IFLA_IFNAME is the new name; without one, it says which link is meant. */
        if (name)
                message_put_string(msg, IFLA_IFNAME, name);
        if (change->new_name)
                message_put_string(msg, IFLA_IFNAME, change->new_name);
        if (change->alias)
                message_put(msg, IFLA_IFALIAS, change->alias, strlen(change->alias)); /* no NUL: it counts */
        if (change->mac)
                message_put_mac(msg, IFLA_ADDRESS, *change->mac);
        if (change->mtu)
                message_put_u32(msg, IFLA_MTU, change->mtu);
        if (change->master_ifindex)
                message_put_u32(msg, IFLA_MASTER, change->master_ifindex);
        if (change->group)
                message_put_u32(msg, IFLA_GROUP, change->group);
        snprintf(what, sizeof(what), "number %u", ifindex);
        return netlink_request(nl, msg, err, "change link %s", name ?: what);
}

int link_change(struct netlink *nl, unsigned ifindex, const struct link_change *change, struct err *err)
{
        if (!ifindex)
                return err_set(err, ERR_INVALID, "link number 0 does not exist");
        return change_link(nl, ifindex, NULL, change, err);
}

int link_change_by_name(struct netlink *nl, const char *name, const struct link_change *change,
                        struct err *err)
{
        int r = link_check_name(name, err);

        if (r < 0)
                return r;
        if (change->new_name)
                return err_set(err, ERR_INVALID, "link %s: a new name needs the link's number", name);
        return change_link(nl, 0, name, change, err);
}

int link_delete(struct netlink *nl, unsigned ifindex, struct err *err)
{
        return netlink_request(nl, link_message(RTM_DELLINK, 0, ifindex, NULL), err, "delete link number %u",
                               ifindex);
}

int link_delete_by_name(struct netlink *nl, const char *name, struct err *err)
{
        int r = link_check_name(name, err);

        return r < 0 ? r
                     : netlink_request(nl, link_message(RTM_DELLINK, 0, 0, name), err, "delete link %s",
                                       name);
}
