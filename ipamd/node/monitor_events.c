// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <string.h>

#include <linux/if.h>
#include <linux/netconf.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/mem.h>
#include <vpcwire/pod_link.h>
#include <vpcwire/pod_sysctl.h>

#include "node/monitor_events.h"

enum { WIRED_MAX = 1024 }; /* more than a node's pods */

static bool is_pod_name(const struct monitor_events *events, const char *name)
{
        return strncmp(name, events->veth_prefix, strlen(events->veth_prefix)) == 0;
}

static bool is_own(const struct monitor_events *events, const struct nlmsghdr *hdr)
{
        return events->own.route && hdr->nlmsg_pid == events->own.route;
}

static struct monitor_link *find_link(struct monitor_events *events, unsigned ifindex)
{
        for (size_t i = 0; i < events->n_links; i++) {
                if (events->links[i].ifindex == ifindex)
                        return &events->links[i];
        }
        return NULL;
}

static struct monitor_link *find_pod(struct monitor_events *events, unsigned ifindex)
{
        for (size_t i = 0; i < events->n_pods; i++) {
                if (events->pods[i].ifindex == ifindex)
                        return &events->pods[i];
        }
        return NULL;
}

static struct monitor_link remember(const struct link_info *link)
{
        struct monitor_link now = {.ifindex = link->ifindex, .mtu = link->mtu, .up = link->up};

        memcpy(now.name, link->name, sizeof(now.name));
        return now;
}

/*
 * The plugin sets a link's sysctls, then its alias, and it is up: from here on they are nobody's to change. Linux drops the routes of a
 * link that goes down without a word about them, and they are missing when it is up again.
 */
static unsigned pod_seen(struct monitor_events *events, const struct link_info *link)
{
        struct monitor_link *known = find_pod(events, link->ifindex), before;

        if (!known && link->up && node_link_is_pod(link, events->veth_prefix)) {
                GROW(events->pods, events->n_pods, events->pods_capacity);
                events->pods[events->n_pods++] = remember(link);
        }
        if (!known)
                return link->up && link->alias[0] && link->group != DATAPLANE_LINK_GROUP ? NODE_CHANGED_LINKS
                                                                                         : 0;
        before = *known;
        *known = remember(link);
        if (before.up && !link->up)
                return NODE_CHANGED_PODS;
        return before.up != link->up || !link->alias[0] || link->group != DATAPLANE_LINK_GROUP ||
                               strcmp(before.name, link->name) != 0
                       ? NODE_CHANGED_LINKS
                       : 0;
}

/* To be asked about, unless there is so much that a whole pass is less. */
static unsigned wired(struct monitor_events *events, const struct node_wired *wired)
{
        if (events->n_wired == WIRED_MAX)
                return NODE_CHANGED_OVERRUN;
        GROW(events->wired, events->n_wired, events->wired_capacity);
        events->wired[events->n_wired++] = *wired;
        return 0;
}

static unsigned link_wired(struct monitor_events *events, const struct link_info *link)
{
        struct node_wired now = {.ifindex = link->ifindex};

        memcpy(now.link, link->name, sizeof(now.link));
        memcpy(now.alias, link->alias, sizeof(now.alias));
        return wired(events, &now);
}

static unsigned route_wired(struct monitor_events *events, const struct route_info *route)
{
        const struct monitor_link *pod = find_pod(events, route->oif);
        struct node_wired now = {.ifindex = route->oif, .ip = route->dst.ip};

        if (pod)
                memcpy(now.link, pod->name, sizeof(now.link));
        return wired(events, &now);
}

static void forget_wired(struct monitor_events *events, unsigned ifindex)
{
        size_t kept = 0;

        for (size_t i = 0; i < events->n_wired; i++) {
                if (events->wired[i].ifindex != ifindex)
                        events->wired[kept++] = events->wired[i];
        }
        events->n_wired = kept;
}

static unsigned link_gone(struct monitor_events *events, const struct link_info *link)
{
        struct monitor_link *known = find_link(events, link->ifindex);
        struct monitor_link *pod = find_pod(events, link->ifindex);
        /* One that was renamed before we began to listen has its alias. */
        bool was_pod =
                pod || is_pod_name(events, link->name) || (link->alias[0] && strcmp(link->kind, "veth") == 0);

        forget_wired(events, link->ifindex);
        if (known)
                *known = events->links[--events->n_links];
        if (pod)
                *pod = events->pods[--events->n_pods];
        return was_pod ? NODE_CHANGED_PODS : NODE_CHANGED_LINKS;
}

static unsigned link_seen(struct monitor_events *events, const struct link_info *link)
{
        struct monitor_link *known = find_link(events, link->ifindex), now = remember(link);

        if (!known) {
                GROW(events->links, events->n_links, events->capacity);
                events->links[events->n_links++] = now;
                return NODE_CHANGED_LINKS;
        }
        if (known->mtu == now.mtu && known->up == now.up && strcmp(known->name, now.name) == 0)
                return 0;
        *known = now;
        return NODE_CHANGED_LINKS;
}

static unsigned on_link(struct monitor_events *events, const struct nlmsghdr *hdr)
{
        const struct ifinfomsg *header = nlmsg_data(hdr);
        struct link_info link;
        bool is_new;
        unsigned changed;

        /* Bridges tell about their ports in messages of their own family. */
        if (link_parse(hdr, &link, NULL) < 0 || header->ifi_family != AF_UNSPEC)
                return 0;
        if (hdr->nlmsg_type == RTM_DELLINK)
                return link_gone(events, &link);
        is_new = !find_pod(events, link.ifindex) &&
                 !(hdr->nlmsg_flags & NLM_F_MULTI); /* else it was here before us */
        changed = is_pod_name(events, link.name) || find_pod(events, link.ifindex) ? pod_seen(events, &link)
                                                                                   : link_seen(events, &link);
        if (is_own(events, hdr))
                return 0;
        return is_new && find_pod(events, link.ifindex) ? changed | link_wired(events, &link) : changed;
}

static unsigned on_address(struct monitor_events *events, const struct nlmsghdr *hdr)
{
        struct nlattr *attributes[IFA_MAX + 1];
        const struct ifaddrmsg *header = nlmsg_data(hdr);
        char label[LINK_NAME_BYTES] = "";

        if (nlmsg_parse((struct nlmsghdr *)(uintptr_t)hdr, sizeof(*header), attributes, IFA_MAX, NULL) < 0 ||
            header->ifa_family != AF_INET || is_own(events, hdr))
                return 0;
        if (attributes[IFA_LABEL])
                nla_strlcpy(label, attributes[IFA_LABEL], sizeof(label));
        return is_pod_name(events, label) ? 0 : NODE_CHANGED_ADDRS;
}

static unsigned on_route(struct monitor_events *events, const struct nlmsghdr *hdr)
{
        struct route_info route;
        bool ours, replaced = hdr->nlmsg_flags & NLM_F_REPLACE;

        if (is_own(events, hdr) || route_parse(hdr, &route, NULL) < 0 || route.dst.ip.family != AF_INET)
                return 0;
        /* Beside those that the kernel makes for addresses of links, which are reported as such. */
        if (route.table == RT_TABLE_LOCAL && route.protocol != RTPROT_KERNEL)
                return NODE_CHANGED_ADDRS;
        if (!dataplane_table_is_ours(route.table))
                return 0;
        ours = route.protocol == DATAPLANE_PROTOCOL;
        /* The plugin adds routes to pods all day. Somebody else's among them are news, and what takes another's place. */
        if (!ours && route.table == DATAPLANE_TABLE_PODS)
                return NODE_CHANGED_ROUTES;
        if (hdr->nlmsg_type == RTM_NEWROUTE && ours && !replaced && route.table == DATAPLANE_TABLE_PODS)
                return route_wired(events, &route);
        return (hdr->nlmsg_type == RTM_DELROUTE && ours) || (hdr->nlmsg_type == RTM_NEWROUTE && replaced)
                       ? NODE_CHANGED_ROUTES
                       : 0;
}

static unsigned on_rule(struct monitor_events *events, const struct nlmsghdr *hdr)
{
        struct rule_info rule;

        if (is_own(events, hdr) || rule_parse(hdr, &rule, NULL) < 0 || rule.family != AF_INET)
                return 0;
        return node_rule_is_ours(&rule) ? NODE_CHANGED_RULES : 0;
}

/* Whether an attribute is there and not what we set. */
static bool is_off(const struct nlattr *attribute, int32_t wanted)
{
        return attribute && nla_len(attribute) == sizeof(int32_t) && nla_get_s32(attribute) != wanted;
}

static bool is_off_of_pod(struct nlattr *const *attributes)
{
        static const struct {
                int attribute;
                enum link_conf conf;
        } reported[] = {{NETCONFA_RP_FILTER, LINK_CONF_IPV4_RP_FILTER},
                        {NETCONFA_FORWARDING, LINK_CONF_IPV4_FORWARDING}};

        for (size_t i = 0; i < n_pod_sysctls; i++) {
                for (size_t j = 0; j < ARRAY_SIZE(reported); j++) {
                        if (pod_sysctls[i].conf == reported[j].conf &&
                            is_off(attributes[reported[j].attribute], pod_sysctls[i].number))
                                return true;
                }
        }
        return false;
}

static bool is_strict(struct nlattr *const *attributes)
{
        const struct nlattr *attribute = attributes[NETCONFA_RP_FILTER];

        return attribute && !is_off(attribute, NODE_RP_FILTER_STRICT);
}

static bool is_off_of_eni(struct nlattr *const *attributes)
{
        return is_off(attributes[NETCONFA_FORWARDING], NODE_FORWARDING) || is_strict(attributes);
}

/*
 * Who made it is not reported, so only a value that is not ours is news. A new link is reported here before its RTM_NEWLINK: it
 * is not known yet.
 */
static unsigned on_sysctl(struct monitor_events *events, const struct nlmsghdr *hdr)
{
        struct nlattr *attributes[NETCONFA_MAX + 1];
        const struct netconfmsg *header = nlmsg_data(hdr);
        struct nlmsghdr *message = (struct nlmsghdr *)(uintptr_t)hdr;
        int32_t ifindex;
        bool off = false;

        if (nlmsg_parse(message, sizeof(*header), attributes, NETCONFA_MAX, NULL) < 0 ||
            header->ncm_family != AF_INET || !attributes[NETCONFA_IFINDEX] ||
            nla_len(attributes[NETCONFA_IFINDEX]) != sizeof(ifindex))
                return 0;
        ifindex = nla_get_s32(attributes[NETCONFA_IFINDEX]);
        if (ifindex > 0 && find_pod(events, (unsigned)ifindex))
                off = is_off_of_pod(attributes);
        else if (ifindex == NETCONFA_IFINDEX_ALL || (ifindex > 0 && find_link(events, (unsigned)ifindex)))
                off = is_off_of_eni(attributes);
        return off ? NODE_CHANGED_SYSCTLS : 0;
}

unsigned monitor_event_route(struct monitor_events *events, const struct nlmsghdr *hdr)
{
        static const struct {
                uint16_t type;
                unsigned (*on)(struct monitor_events *events, const struct nlmsghdr *hdr);
        } handlers[] = {
                {RTM_NEWLINK, on_link},      {RTM_DELLINK, on_link},   {RTM_NEWADDR, on_address},
                {RTM_DELADDR, on_address},   {RTM_NEWROUTE, on_route}, {RTM_DELROUTE, on_route},
                {RTM_DELRULE, on_rule}, /* a new rule takes nothing from ours */
                {RTM_NEWNETCONF, on_sysctl},
        };

        for (size_t i = 0; i < ARRAY_SIZE(handlers); i++) {
                if (handlers[i].type == hdr->nlmsg_type)
                        return handlers[i].on(events, hdr);
        }
        return 0;
}

/* The end of a transaction: the changes before it were its sender's. */
static unsigned on_generation(struct monitor_events *events, const struct nlmsghdr *hdr)
{
        bool touched = events->nft_touched;

        events->nft_touched = false;
        return touched && !(events->own.nft && hdr->nlmsg_pid == events->own.nft) ? NODE_CHANGED_NFT : 0;
}

/* A base chain at the forward hook whose policy is drop: the numbers are in network order. */
static unsigned on_chain(struct nlmsghdr *hdr)
{
        struct nlattr *attributes[NFTA_CHAIN_MAX + 1], *hook[NFTA_HOOK_MAX + 1];
        const struct nfgenmsg *header = nlmsg_data(hdr);

        if ((header->nfgen_family != NFPROTO_IPV4 && header->nfgen_family != NFPROTO_INET) ||
            nlmsg_parse(hdr, sizeof(*header), attributes, NFTA_CHAIN_MAX, NULL) < 0 ||
            !attributes[NFTA_CHAIN_HOOK] || !attributes[NFTA_CHAIN_POLICY] ||
            nla_parse_nested(hook, NFTA_HOOK_MAX, attributes[NFTA_CHAIN_HOOK], NULL) < 0 ||
            !hook[NFTA_HOOK_HOOKNUM] || nla_len(hook[NFTA_HOOK_HOOKNUM]) != sizeof(uint32_t) ||
            nla_len(attributes[NFTA_CHAIN_POLICY]) != sizeof(uint32_t))
                return 0;
        return ntohl(nla_get_u32(hook[NFTA_HOOK_HOOKNUM])) == NF_INET_FORWARD &&
                               ntohl(nla_get_u32(attributes[NFTA_CHAIN_POLICY])) == NF_DROP
                       ? NODE_CHANGED_FIREWALL
                       : 0;
}

/* Those of sync_nft(). */
static bool family_is_ours(uint8_t family)
{
        return family == NFPROTO_IPV4 || family == NFPROTO_ARP || family == NFPROTO_INET;
}

unsigned monitor_event_nft(struct monitor_events *events, const struct nlmsghdr *hdr)
{
        /* The table's name is attribute 1 in every kind of message: tables, chains, rules, sets, elements. */
        enum { TABLE_NAME = NFTA_TABLE_NAME, ATTRIBUTES = NFTA_TABLE_NAME };
        struct nlmsghdr *message = (struct nlmsghdr *)(uintptr_t)hdr; /* libnl's parser takes no const */
        struct nlattr *attributes[ATTRIBUTES + 1];
        const struct nfgenmsg *header = nlmsg_data(hdr);

        if (NFNL_SUBSYS_ID(hdr->nlmsg_type) != NFNL_SUBSYS_NFTABLES)
                return 0;
        if (NFNL_MSG_TYPE(hdr->nlmsg_type) == NFT_MSG_NEWGEN)
                return on_generation(events, hdr);
        if (nlmsg_parse(message, sizeof(*header), attributes, ATTRIBUTES, NULL) == 0 &&
            attributes[TABLE_NAME] && family_is_ours(header->nfgen_family) &&
            nla_strcmp(attributes[TABLE_NAME], DATAPLANE_NFT_TABLE) == 0)
                events->nft_touched = true;
        return NFNL_MSG_TYPE(hdr->nlmsg_type) == NFT_MSG_NEWCHAIN ? on_chain(message) : 0;
}

unsigned monitor_event_datagram(struct monitor_events *events, const void *datagram, size_t n,
                                monitor_event *event)
{
        const char *at = datagram;
        unsigned changed = 0;

        while (n >= NLMSG_HDRLEN) {
                const struct nlmsghdr *hdr = (const void *)at;
                size_t step = NLMSG_ALIGN((size_t)hdr->nlmsg_len);

                if (hdr->nlmsg_len < NLMSG_HDRLEN || hdr->nlmsg_len > n)
                        break;
                changed |= event(events, hdr);
                if (step > n) /* the last one need not be padded */
                        break;
                at += step;
                n -= step;
        }
        return changed;
}
