// SPDX-License-Identifier: Apache-2.0
/* See fabric_link.h. */
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include <vpcwire/mem.h>
#include <vpcwire/neigh.h>
#include <vpcwire/route.h>

#include "fabric_link.h"

enum { ENI_MTU = 9001, NODE_LINK_NUMBER_MAX = 0xffffff };

/* Proxy ARP for all that is routed elsewhere, pvlan for what is on the link itself; proxy_delay is 0.8 s by default. */
static const struct fabric_sysctl link_sysctls[] = {
        {"net.ipv4.conf.%s.rp_filter", "0"},    {"net.ipv4.conf.%s.send_redirects", "0"},
        {"net.ipv4.conf.%s.proxy_arp", "1"},    {"net.ipv4.conf.%s.proxy_arp_pvlan", "1"},
        {"net.ipv4.neigh.%s.proxy_delay", "0"}, {NULL},
};

void fabric_link_free(struct fabric_link *link)
{
        if (!link)
                return;
        free(link->eni_id);
        free(link->node);
        free(link->trunk_id);
        free(link->addresses);
        free(link->ipv6);
        free(link);
}

int fabric_link_delete(const struct fabric_space *vpc, struct fabric_link *link, struct err *err)
{
        int r = link_delete_by_name(vpc->nl, link->name, err);

        fabric_link_free(link);
        return r == -ERR_NOT_FOUND ? 0 : r;
}

static int make_pair(const struct fabric_space *vpc, const struct fabric_space *node,
                     const struct fabric_eni *eni, unsigned number, const struct fabric_link *link,
                     struct err *err)
{
        char node_name[LINK_NAME_BYTES];
        struct link_veth veth = {
                .name = link->name,
                .peer_name = node_name,
                .mac = {{0x0e, 0xfa, 0xb0, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}},
                .peer_mac = eni->mac,
                .mtu = ENI_MTU,
                .peer_netns_fd = node->netns_fd,
        };

        snprintf(node_name, sizeof(node_name), "eth%u", eni->device_index);
        return link_create_veth(vpc->nl, &veth, err);
}

static int prepare_fabric_end(const struct fabric_space *vpc, struct fabric_link *link, struct err *err)
{
        struct link_change change = {.alias = link->eni_id, .admin = LINK_ADMIN_UP};
        struct link_info info;
        int r;

        r = link_get_by_name(vpc->nl, link->name, &info, err);
        if (r < 0)
                return r;
        link->ifindex = info.ifindex;
        r = fabric_space_set_sysctls(vpc, link_sysctls, link->name, err);
        if (r < 0)
                return r;
        return link_change(vpc->nl, link->ifindex, &change, err);
}

static int make(const struct fabric_eni *eni, const char *node, unsigned number, struct fabric_link **ret,
                struct err *err)
{
        struct fabric_link *link;

        if (number > NODE_LINK_NUMBER_MAX)
                return err_set(err, ERR_LIMIT, "%u links were made; %d are allowed in a run", number,
                               NODE_LINK_NUMBER_MAX);
        link = XNEW(struct fabric_link);
        link->eni_id = xstrdup(eni->eni_id);
        link->node = xstrdup(node);
        link->mac = eni->mac;
        snprintf(link->name, sizeof(link->name), "eni%u", number);
        *ret = link;
        return 0;
}

/* r: how its making went. On failure nothing is left. */
static int finish(const struct fabric_space *vpc, struct fabric_link *link, int r, struct fabric_link **ret,
                  struct err *err)
{
        if (r < 0) {
                fabric_link_free(link);
                return r;
        }
        r = prepare_fabric_end(vpc, link, err);
        if (r < 0) {
                (void)fabric_link_delete(vpc, link, NULL);
                return r;
        }
        *ret = link;
        return 0;
}

int fabric_link_create(const struct fabric_space *vpc, const struct fabric_space *node,
                       const struct fabric_eni *eni, unsigned number, struct fabric_link **ret,
                       struct err *err)
{
        struct fabric_link *link;
        int r = make(eni, eni->node, number, &link, err);

        if (r < 0)
                return r;
        return finish(vpc, link, make_pair(vpc, node, eni, number, link, err), ret, err);
}

int fabric_link_create_branch(const struct fabric_space *vpc, const struct fabric_link *trunk,
                              const struct fabric_eni *eni, uint16_t vlan, unsigned number,
                              struct fabric_link **ret, struct err *err)
{
        struct link_vlan request = {.parent_ifindex = trunk->ifindex, .id = vlan};
        struct fabric_link *link;
        int r = make(eni, trunk->node, number, &link, err);

        if (r < 0)
                return r;
        link->trunk_id = xstrdup(trunk->eni_id);
        request.name = link->name;
        return finish(vpc, link, link_create_vlan(vpc->nl, &request, err), ret, err);
}

int fabric_link_add_routes(const struct fabric_space *vpc, const struct fabric_link *link,
                           const struct ip *addresses, size_t n, struct err *err)
{
        netlink_batch_begin(vpc->nl);
        for (size_t i = 0; i < n; i++) {
                struct route_info route = {.dst = prefix_host(addresses[i]),
                                           .protocol = RTPROT_STATIC,
                                           .scope = RT_SCOPE_LINK,
                                           .oif = link->ifindex};
                struct neigh_info neigh = {
                        .ifindex = link->ifindex, .ip = addresses[i], .has_mac = true, .mac = link->mac};
                int r = neigh_replace_permanent(vpc->nl, &neigh, err);

                if (r == 0)
                        r = route_replace(vpc->nl, &route, err);
                if (r < 0) {
                        netlink_batch_cancel(vpc->nl);
                        return r;
                }
        }
        return netlink_batch_commit(vpc->nl, err);
}

int fabric_link_delete_routes(const struct fabric_space *vpc, const struct fabric_link *link,
                              const struct ip *addresses, size_t n, struct err *err)
{
        for (size_t i = 0; i < n; i++) {
                struct route_info route = {.dst = prefix_host(addresses[i]),
                                           .protocol = RTPROT_STATIC,
                                           .scope = RT_SCOPE_LINK,
                                           .oif = link->ifindex};
                struct neigh_info neigh = {.ifindex = link->ifindex, .ip = addresses[i]};
                int r = route_delete(vpc->nl, &route, err);

                if (r == 0 || r == -ERR_NOT_FOUND)
                        r = neigh_delete(vpc->nl, &neigh, err);
                if (r < 0 && r != -ERR_NOT_FOUND)
                        return r;
        }
        return 0;
}

int fabric_link_boot_primary(const struct fabric_space *node, const struct fabric_eni *eni, struct err *err)
{
        static const char imds_address[] = "169.254.169.254";
        struct prefix address = {eni->addresses[0], eni->subnet.bits};
        struct route_info to_imds = {.protocol = RTPROT_DHCP, .scope = RT_SCOPE_LINK};
        struct route_info to_all = {.dst = {{.family = AF_INET}, 0},
                                    .protocol = RTPROT_DHCP,
                                    .gateway = prefix_nth(eni->subnet, 1)};
        struct link_info info = {0};
        struct ip imds;
        int r;

        r = ip_parse(imds_address, &imds, err);
        if (r == 0)
                r = link_get_by_name(node->nl, "eth0", &info, err);
        if (r == 0)
                r = fabric_space_add_address(node, "eth0", address, err);
        if (r == 0)
                r = link_change(node->nl, info.ifindex, &(struct link_change){.admin = LINK_ADMIN_UP}, err);
        if (r < 0)
                return r;
        to_imds.dst = prefix_host(imds);
        to_imds.oif = to_all.oif = info.ifindex;
        r = route_add(node->nl, &to_all, err);
        if (r == 0)
                r = route_add(node->nl, &to_imds, err);
        return r < 0 ? r : fabric_space_wait_running(node, "eth0", err);
}
