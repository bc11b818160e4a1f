// SPDX-License-Identifier: Apache-2.0
/* Links between the fabric and what lies behind it: the internet, and networks that are joined without translation. */
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include <vpcwire/mem.h>
#include <vpcwire/neigh.h>
#include <vpcwire/netns.h>
#include <vpcwire/route.h>

#include "fabric_private.h"

enum {
        NETWORKS_MAX = 62, /* /30s of 192.0.2.0/24, which is for documentation: nobody else has it */
        JOINT_TEXT_BYTES = 24,
};

int fabric_route(const struct fabric_space *space, const char *dst, const struct fabric_way *way,
                 struct err *err)
{
        struct route_info route = {.protocol = RTPROT_STATIC};
        struct link_info info = {0};
        struct prefix gateway = {0};
        int r;

        r = prefix_parse(dst, &route.dst, err);
        if (r == 0)
                r = prefix_parse(way->end, &gateway, err);
        if (r == 0)
                r = link_get_by_name(space->nl, way->link, &info, err);
        if (r < 0)
                return r;
        route.src = way->source;
        route.gateway = gateway.ip;
        route.oif = info.ifindex;
        return route_replace(space->nl, &route, err);
}

/* Addresses one end of the link between fabric and internet, with the other as a permanent neighbour. */
static int set_end(const struct fabric_space *space, const char *link, const char *own, const char *peer,
                   struct mac peer_mac, struct err *err)
{
        struct prefix own_address, peer_address;
        struct link_info info;
        int r;

        r = prefix_parse(own, &own_address, err);
        if (r == 0)
                r = prefix_parse(peer, &peer_address, err);
        if (r == 0)
                r = link_get_by_name(space->nl, link, &info, err);
        if (r == 0)
                r = fabric_space_add_address(space, link, own_address, err);
        if (r == 0)
                r = link_change(space->nl, info.ifindex, &(struct link_change){.admin = LINK_ADMIN_UP}, err);
        if (r < 0)
                return r;
        return neigh_replace_permanent(
                space->nl,
                &(struct neigh_info){
                        .ifindex = info.ifindex, .ip = peer_address.ip, .has_mac = true, .mac = peer_mac},
                err);
}

int fabric_join(const struct fabric_space *vpc, const struct fabric_space *far,
                const struct fabric_joint *joint, struct err *err)
{
        const struct mac mac = {{0x0e, 0xfa, 0xb1, 0, (uint8_t)joint->number, 1}},
                         far_mac = {{0x0e, 0xfa, 0xb1, 0, (uint8_t)joint->number, 2}};
        const struct link_veth veth = {.name = joint->link,
                                       .peer_name = FABRIC_FAR_LINK,
                                       .mac = mac,
                                       .peer_mac = far_mac,
                                       .mtu = joint->mtu,
                                       .peer_netns_fd = far->netns_fd};
        int r;

        r = link_create_veth(vpc->nl, &veth, err);
        if (r == 0)
                r = set_end(far, FABRIC_FAR_LINK, joint->far_end, joint->fabric_end, mac, err);
        if (r == 0)
                r = set_end(vpc, joint->link, joint->fabric_end, joint->far_end, far_mac, err);
        if (r == 0)
                r = fabric_space_wait_running(vpc, joint->link, err);
        return r < 0 ? r : fabric_space_wait_running(far, FABRIC_FAR_LINK, err);
}

static int check_network(const struct fabric *fabric, const struct fabric_network *network, struct err *err)
{
        if (network->cidr.ip.family != AF_INET || !prefix_is_network(network->cidr) ||
            network->cidr.bits == 0)
                return err_set(err, ERR_INVALID, "'%s' is no IPv4 network", PREFIX_TEXT(network->cidr));
        if (network->mtu < FABRIC_MTU_MIN || network->mtu > FABRIC_MTU_MAX)
                return err_set(err, ERR_INVALID, "mtu %u: %d to %d is allowed", network->mtu, FABRIC_MTU_MIN,
                               FABRIC_MTU_MAX);
        for (size_t i = 0; i < network->n_hosts; i++) {
                if (!prefix_contains(network->cidr, network->hosts[i]))
                        return err_set(err, ERR_INVALID, "host %s is not in %s", IP_TEXT(network->hosts[i]),
                                       PREFIX_TEXT(network->cidr));
        }
        if (fabric->n_networks == NETWORKS_MAX)
                return err_set(err, ERR_LIMIT, "%d networks are allowed", NETWORKS_MAX);
        return 0;
}

/* It knows one way out: what it sends to no address of the VPC ends in the fabric, as peerings lead nowhere further. */
static int join_network(struct fabric *fabric, const struct fabric_space *space,
                        const struct fabric_network *network, struct err *err)
{
        const unsigned number = (unsigned)++fabric->n_networks;
        char link[LINK_NAME_BYTES], fabric_end[JOINT_TEXT_BYTES], far_end[JOINT_TEXT_BYTES];
        const struct fabric_joint joint = {link, fabric_end, far_end, number, network->mtu};
        _cleanup_(text_done) struct text commands = {0};
        int r;

        snprintf(link, sizeof(link), FABRIC_NETWORK_LINKS "%u", number);
        snprintf(fabric_end, sizeof(fabric_end), "192.0.2.%u/30", 4 * number + 1);
        snprintf(far_end, sizeof(far_end), "192.0.2.%u/30", 4 * number + 2);
        r = fabric_join(&fabric->vpc, space, &joint, err);
        if (r == 0)
                r = fabric_route(&fabric->vpc, PREFIX_TEXT(network->cidr),
                                 &(struct fabric_way){far_end, link}, err);
        for (size_t i = 0; r == 0 && i < network->n_hosts; i++)
                r = fabric_space_add_address(space, "lo", prefix_host(network->hosts[i]), err);
        if (r == 0)
                r = fabric_route(space, "0.0.0.0/0",
                                 &(struct fabric_way){fabric_end, FABRIC_FAR_LINK,
                                                      network->n_hosts ? network->hosts[0] : IP_NONE},
                                 err);
        fabric_nft_add_network(&commands, network->cidr);
        return r < 0 ? r : fabric_nft_run(fabric->nft, &commands, err);
}

int fabric_add_network(struct fabric *fabric, const struct fabric_network *network, struct err *err)
{
        static const struct fabric_sysctl far_sysctls[] = {
                {"net.ipv6.conf.all.disable_ipv6", "1"},
                {"net.ipv6.conf.default.disable_ipv6", "1"},
                {"net.ipv4.conf.all.rp_filter", "0"},
                {"net.ipv4.conf.default.rp_filter", "0"},
                {"net.ipv4.ip_forward", "0"},
                {NULL},
        };
        struct fabric_space *space;
        int r;

        r = check_network(fabric, network, err);
        if (r == 0)
                r = fabric_add_space(fabric, network->name, far_sysctls, &space, err);
        if (r == 0)
                r = join_network(fabric, space, network, err);
        return r < 0 ? err_wrap(err, "add network %s", network->name) : 0;
}
