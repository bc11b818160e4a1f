// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include <linux/ipv6_route.h>
#include <linux/rtnetlink.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/mem.h>
#include <vpcwire/route.h>

#include "netlink_dump.h"
#include "netlink_message.h"

struct route_info route_normal(const struct route_info *route)
{
        struct route_info normal = *route;

        normal.table = route->table ?: RT_TABLE_MAIN;
        normal.type = route->type ?: RTN_UNICAST;
        normal.protocol = route->protocol ?: DATAPLANE_PROTOCOL;
        normal.dst = prefix_network(route->dst);
        if (route->dst.ip.family == AF_INET6) {
                normal.priority = route->priority ?: IP6_RT_PRIO_USER;
                normal.scope = RT_SCOPE_UNIVERSE; /* IPv6 knows no scopes of routes */
        }
        return normal;
}

const char *route_format(const struct route_info *route, char text[static ROUTE_TEXT_BYTES])
{
        int n = snprintf(text, ROUTE_TEXT_BYTES, "%s", PREFIX_TEXT(route->dst));

        if (ip_is_set(route->gateway))
                n += snprintf(text + n, ROUTE_TEXT_BYTES - (size_t)n, " via %s", IP_TEXT(route->gateway));
        if (route->oif)
                n += snprintf(text + n, ROUTE_TEXT_BYTES - (size_t)n, " dev %u", route->oif);
        snprintf(text + n, ROUTE_TEXT_BYTES - (size_t)n, " table %u proto %u", route->table ?: RT_TABLE_MAIN,
                 route->protocol ?: DATAPLANE_PROTOCOL);
        return text;
}

DEFINE_CLEANUP(struct rtnl_route *, rtnl_route_put)

/* rtnl_route_build_add_request() or the like. */
typedef int route_build(struct rtnl_route *object, int flags, struct nl_msg **ret);

static struct nl_msg *route_message(route_build *build, int flags, const struct route_info *route)
{
        _cleanup_(rtnl_route_putp) struct rtnl_route *object = message_need(rtnl_route_alloc());
        _cleanup_(nl_addr_putp) struct nl_addr *dst = message_addr(route->dst.ip, route->dst.bits);
        _cleanup_(nl_addr_putp) struct nl_addr *gateway = message_addr(route->gateway, 0);
        _cleanup_(nl_addr_putp) struct nl_addr *src = message_addr(route->src, 0);
        struct rtnl_nexthop *hop = message_need(rtnl_route_nh_alloc());
        struct nl_msg *msg;

        rtnl_route_set_table(object, route->table);
        rtnl_route_set_protocol(object, route->protocol);
        rtnl_route_set_scope(object, route->scope);
        message_must(rtnl_route_set_type(object, route->type));
        message_must(rtnl_route_set_dst(object, dst));
        if (src)
                message_must(rtnl_route_set_pref_src(object, src));
        if (route->priority)
                rtnl_route_set_priority(object, route->priority);
        rtnl_route_nh_set_ifindex(hop, (int)route->oif);
        rtnl_route_nh_set_gateway(hop, gateway);
        rtnl_route_nh_set_flags(hop, route->onlink ? RTNH_F_ONLINK : 0);
        rtnl_route_add_nexthop(object, hop); /* which owns it now */
        message_must(build(object, flags, &msg));
        return msg;
}

static int change(struct netlink *nl, route_build *build, int flags, const struct route_info *route,
                  const char *verb, struct err *err)
{
        struct route_info normal = route_normal(route);

        if (!ip_is_set(route->dst.ip))
                return err_set(err, ERR_INVALID, "%s route: no destination is given", verb);
        return netlink_request(nl, route_message(build, flags, &normal), err, "%s route %s", verb,
                               ROUTE_TEXT(&normal));
}

int route_add(struct netlink *nl, const struct route_info *route, struct err *err)
{
        return change(nl, rtnl_route_build_add_request, NLM_F_EXCL, route, "add", err);
}

int route_replace(struct netlink *nl, const struct route_info *route, struct err *err)
{
        return change(nl, rtnl_route_build_add_request, NLM_F_REPLACE, route, "set", err);
}

int route_delete(struct netlink *nl, const struct route_info *route, struct err *err)
{
        struct route_info any_scope = *route;

        any_scope.scope = RT_SCOPE_NOWHERE; /* the kernel's word for "whichever" in a deletion */
        return change(nl, rtnl_route_build_del_request, 0, &any_scope, "delete", err);
}

int route_compare_key(const struct route_info *a, const struct route_info *b)
{
        int r;

        COMPARE_FIELD(table);
        COMPARE_FIELD(dst.ip.family);
        if (a->dst.bits != b->dst.bits)
                return a->dst.bits > b->dst.bits ? -1 : 1;
        r = ip_compare(a->dst.ip, b->dst.ip);
        if (r)
                return r;
        COMPARE_FIELD(priority);
        return 0;
}

int route_compare(const struct route_info *a, const struct route_info *b)
{
        int r = route_compare_key(a, b);

        if (r)
                return r;
        COMPARE_FIELD(protocol);
        COMPARE_FIELD(scope);
        COMPARE_FIELD(type);
        COMPARE_FIELD(onlink);
        COMPARE_FIELD(multipath);
        COMPARE_FIELD(oif);
        r = ip_compare(a->gateway, b->gateway);
        return r ? r : ip_compare(a->src, b->src);
}

static int compare(const void *a, const void *b)
{
        return route_compare(a, b);
}

int route_parse(const struct nlmsghdr *hdr, struct route_info *ret, struct err *err)
{
        struct nlattr *attributes[RTA_MAX + 1];
        const struct rtmsg *header = nlmsg_data(hdr);
        int family, r = message_parse(hdr, sizeof(*header), attributes, RTA_MAX, err);

        if (r < 0)
                return r;
        family = header->rtm_family;
        *ret = (struct route_info){
                .table = attribute_u32(attributes[RTA_TABLE], header->rtm_table),
                .priority = attribute_u32(attributes[RTA_PRIORITY], 0),
                .protocol = header->rtm_protocol,
                .scope = header->rtm_scope,
                .type = header->rtm_type,
                .onlink = header->rtm_flags & RTNH_F_ONLINK,
                .multipath = attributes[RTA_MULTIPATH] || attributes[RTA_NH_ID],
                .dst = {attribute_ip(attributes[RTA_DST], family), header->rtm_dst_len},
                .gateway = attribute_ip(attributes[RTA_GATEWAY], family),
                .src = attribute_ip(attributes[RTA_PREFSRC], family),
                .oif = attribute_u32(attributes[RTA_OIF], 0),
        };
        ret->dst.ip.family = family; /* a default route has no RTA_DST */
        return 0;
}

static int take(const struct nlmsghdr *hdr, void *element, const void *arg, struct err *err)
{
        const struct route_filter *filter = arg;
        const struct rtmsg *header = nlmsg_data(hdr);
        struct route_info *route = element;
        int r = route_parse(hdr, route, err);

        if (r < 0)
                return r;
        return !(header->rtm_flags & RTM_F_CLONED) && header->rtm_family == filter->family &&
               (!filter->table || filter->table == route->table) &&
               (!filter->protocol || filter->protocol == route->protocol);
}

int route_dump(struct netlink *nl, struct arena *arena, const struct route_filter *filter,
               struct route_info **ret, size_t *ret_n, struct err *err)
{
        const struct rtmsg header = {.rtm_family = (uint8_t)filter->family, .rtm_protocol = filter->protocol};
        struct message_list list = {.type = RTM_NEWROUTE,
                                    .size = sizeof(struct route_info),
                                    .take = take,
                                    .filter = filter,
                                    .compare = compare};
        struct nl_msg *msg = message_new(RTM_GETROUTE, NLM_F_DUMP, &header, sizeof(header));
        int r;

        if (filter->table)
                message_put_u32(msg, RTA_TABLE, filter->table);
        r = message_dump(nl, msg, &list, arena, "list the routes", err);
        *ret = list.items;
        *ret_n = list.n;
        return r == -ERR_NOT_FOUND && filter->table ? 0 : r; /* no such table: nothing in it */
}
