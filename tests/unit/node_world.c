// SPDX-License-Identifier: Apache-2.0
#include "node_world.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>

#include <linux/rtnetlink.h>
#include <nftables/libnftables.h>

#include <vpcwire/dataplane.h>
#include <vpcwire/pod_link.h>

struct ip world_ip(const char *text)
{
        struct ip ip;
        struct err err;

        assert_ok(ip_parse(text, &ip, &err), &err);
        return ip;
}

struct prefix world_cidr(const char *text)
{
        struct prefix prefix;
        struct err err;

        assert_ok(prefix_parse(text, &prefix, &err), &err);
        return prefix;
}

static struct mac world_mac(uint8_t group, unsigned n)
{
        return (struct mac){{2, 0, 0, 0, group, (uint8_t)n}};
}

unsigned node_world_ifindex(struct node_world *w, const char *name)
{
        struct link_info link;

        assert_ok(link_get_by_name(w->nl, name, &link, &w->err), &w->err);
        return link.ifindex;
}

bool node_world_rename(struct node_world *w, unsigned ifindex, const char *name)
{
        const struct link_change rename = {.new_name = name}, down = {.admin = LINK_ADMIN_DOWN},
                                 up = {.admin = LINK_ADMIN_UP};
        int r = link_change(w->nl, ifindex, &rename, &w->err);

        if (r == -(int)ERR_BUSY) {
                assert_ok(link_change(w->nl, ifindex, &down, &w->err), &w->err);
                assert_ok(link_change(w->nl, ifindex, &rename, &w->err), &w->err);
                assert_ok(link_change(w->nl, ifindex, &up, &w->err), &w->err);
                return false;
        }
        assert_ok(r, &w->err);
        return true;
}

static int make_namespace(struct node_world *w)
{
        int fd = -1;

        assert_ok(netns_create("w-tmp", &w->err), &w->err);
        assert_ok(netns_open(NETNS_FOLDER "/w-tmp", &fd, &w->err), &w->err);
        assert_ok(netns_delete("w-tmp", &w->err), &w->err); /* the fd keeps it */
        return fd;
}

static void configure_primary(struct node_world *w)
{
        const struct ifaddr address = {.ifindex = node_world_ifindex(w, "eth0"),
                                       .prefix = world_cidr("10.0.1.10/24")};
        const struct route_info way = {.dst = world_cidr("0.0.0.0/0"),
                                       .gateway = world_ip("10.0.1.1"),
                                       .oif = address.ifindex,
                                       .protocol = RTPROT_DHCP};

        assert_ok(link_change_by_name(w->nl, "eth0", &(struct link_change){.admin = LINK_ADMIN_UP}, &w->err),
                  &w->err);
        assert_ok(ifaddr_add(w->nl, &address, &w->err), &w->err);
        assert_ok(route_add(w->nl, &way, &w->err), &w->err);
}

void node_world_plug(struct node_world *w, unsigned n)
{
        char name[LINK_NAME_BYTES], peer[LINK_NAME_BYTES];
        const struct link_veth veth = {.name = name,
                                       .peer_name = peer,
                                       .mac = world_mac(0, n + 1),
                                       .peer_mac = world_mac(1, n + 1),
                                       .peer_netns_fd = w->fabric_fd};

        snprintf(name, sizeof(name), "eth%u", n);
        snprintf(peer, sizeof(peer), "f%u", n);
        assert_ok(link_create_veth(w->nl, &veth, &w->err), &w->err);
        assert_ok(link_change_by_name(w->fabric_nl, peer, &(struct link_change){.admin = LINK_ADMIN_UP},
                                      &w->err),
                  &w->err);
        if (n == 0)
                configure_primary(w);
}

int node_world_setup(void **state)
{
        static const char *const addresses[WORLD_ENIS] = {"10.0.1.10", "10.0.1.20", "10.0.1.30"};
        struct node_world *w = XNEW(struct node_world);

        assert_int_equal(unshare(CLONE_NEWNET), 0);
        w->arena = arena_new();
        assert_ok(netns_open_current(&w->host_fd, &w->err), &w->err);
        w->fabric_fd = make_namespace(w);
        assert_ok(netlink_open(-1, &w->nl, &w->err), &w->err);
        assert_ok(netlink_open(w->fabric_fd, &w->fabric_nl, &w->err), &w->err);
        node_world_plug(w, 0);
        node_world_plug(w, 1);
        for (unsigned i = 0; i < WORLD_ENIS; i++)
                w->enis[i] = (struct node_eni){.key = i + 1,
                                               .primary = i == 0,
                                               .mark_index = i,
                                               .route_table = i ? i + 1 : 0,
                                               .mac = world_mac(0, i + 1),
                                               .address = world_ip(addresses[i]),
                                               .subnet = world_cidr("10.0.1.0/24")};
        w->vpc = world_cidr("10.0.0.0/16");
        w->egress = (struct egress){.node_ports = true, .mark = 0x80};
        w->view = (struct node_view){.veth_prefix = "eni",
                                     .egress = &w->egress,
                                     .mtu = 1400,
                                     .vpc_cidrs = &w->vpc,
                                     .n_vpc_cidrs = 1,
                                     .enis = w->enis,
                                     .n_enis = WORLD_ENIS,
                                     .addresses = w->addresses,
                                     .pods = w->pods};
        assert_ok(node_open(&w->node, &w->err), &w->err);
        *state = w;
        return 0;
}

int node_world_teardown(void **state)
{
        struct node_world *w = *state;

        for (size_t i = 0; i < w->view.n_pods; i++)
                cleanup_closep(&w->pod_fds[i]);
        node_free(w->node);
        netlink_free(w->nl);
        netlink_free(w->fabric_nl);
        close(w->host_fd);
        close(w->fabric_fd);
        arena_free(w->arena);
        free(w);
        return 0;
}

/* The pod's side: its address, and a default route by a link-local gateway that is the host end. */
static void wire_inside(struct node_world *w, int pod_fd, struct ip address, struct mac host_mac)
{
        _cleanup_(netlink_freep) struct netlink *nl = NULL;
        const struct ip gateway = world_ip("169.254.1.1");
        struct link_info link;

        assert_ok(netlink_open(pod_fd, &nl, &w->err), &w->err);
        assert_ok(link_get_by_name(nl, "eth0", &link, &w->err), &w->err);
        netlink_batch_begin(nl);
        link_change(nl, link.ifindex, &(struct link_change){.admin = LINK_ADMIN_UP}, NULL);
        ifaddr_add(nl, &(struct ifaddr){.ifindex = link.ifindex, .prefix = prefix_host(address)}, NULL);
        route_add(nl,
                  &(struct route_info){
                          .dst = prefix_host(gateway), .oif = link.ifindex, .scope = RT_SCOPE_LINK},
                  NULL);
        route_add(
                nl,
                &(struct route_info){.dst = world_cidr("0.0.0.0/0"), .oif = link.ifindex, .gateway = gateway},
                NULL);
        neigh_replace_permanent(
                nl,
                &(struct neigh_info){
                        .ifindex = link.ifindex, .ip = gateway, .has_mac = true, .mac = host_mac},
                NULL);
        assert_ok(netlink_batch_commit(nl, &w->err), &w->err);
}

void node_world_add_pod(struct node_world *w, const char *address, unsigned device, bool with_route)
{
        size_t n = w->view.n_pods;
        const char *name = arena_printf(w->arena, "eni%011zu", n), *id = arena_printf(w->arena, "pod-%zu", n);
        struct link_veth veth = {.name = "eth0",
                                 .peer_name = name,
                                 .mac = world_mac(2, (unsigned)n),
                                 .peer_mac = world_mac(3, (unsigned)n),
                                 .peer_netns_fd = w->host_fd,
                                 .peer_group = DATAPLANE_LINK_GROUP};
        _cleanup_(netlink_freep) struct netlink *pod = NULL;

        assert_true(n < WORLD_PODS);
        w->pod_fds[n] = make_namespace(w);
        assert_ok(netlink_open(w->pod_fds[n], &pod, &w->err), &w->err);
        assert_ok(link_create_veth(pod, &veth, &w->err), &w->err);
        assert_ok(link_change_by_name(w->nl, name, &(struct link_change){.alias = id, .admin = LINK_ADMIN_UP},
                                      &w->err),
                  &w->err);
        wire_inside(w, w->pod_fds[n], world_ip(address), veth.peer_mac);
        if (with_route)
                assert_ok(route_replace(w->nl,
                                        &(struct route_info){.table = DATAPLANE_TABLE_PODS,
                                                             .dst = prefix_host(world_ip(address)),
                                                             .oif = node_world_ifindex(w, name),
                                                             .scope = RT_SCOPE_LINK},
                                        &w->err),
                          &w->err);
        w->pods[n] = (struct pod_sought){world_ip(address), name, id};
        w->addresses[n] = (struct node_address){prefix_host(world_ip(address)), device + 1};
        w->view.n_pods = w->view.n_addresses = n + 1;
}

unsigned node_world_sync(struct node_world *w)
{
        assert_ok(node_sync(w->node, w->arena, &w->view, &w->report, &w->err), &w->err);
        return node_repairs_total(&w->report.repaired);
}

const char *node_world_nft(struct node_world *w, const char *commands)
{
        struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
        const char *output, *error;
        int r;

        assert_non_null(nft);
        nft_ctx_buffer_output(nft);
        nft_ctx_buffer_error(nft);
        r = nft_run_cmd_from_buffer(nft, commands);
        output = arena_strdup(w->arena, nft_ctx_get_output_buffer(nft));
        error = arena_strdup(w->arena, nft_ctx_get_error_buffer(nft));
        nft_ctx_free(nft);
        if (r != 0)
                fail_msg("%s: %s", commands, error);
        return output;
}

const char *node_world_routes(struct node_world *w, uint32_t table)
{
        const struct route_filter filter = {.family = AF_INET, .table = table};
        _cleanup_(text_done) struct text t = {0};
        struct route_info *routes;
        size_t n;

        assert_ok(route_dump(w->nl, w->arena, &filter, &routes, &n, &w->err), &w->err);
        text_add(&t, "%s", "");
        for (size_t i = 0; i < n; i++)
                text_add(&t, "%s\n", ROUTE_TEXT(&routes[i]));
        return arena_strdup(w->arena, t.text);
}

const char *node_world_rules(struct node_world *w)
{
        _cleanup_(text_done) struct text t = {0};
        struct rule_info *rules;
        size_t n;

        assert_ok(rule_dump(w->nl, w->arena, AF_INET, &rules, &n, &w->err), &w->err);
        for (size_t i = 0; i < n; i++)
                text_add(&t, "%s\n", RULE_TEXT(&rules[i]));
        return arena_strdup(w->arena, t.text);
}

int node_world_begin(void)
{
        if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 && errno == EPERM) {
                puts("needs CAP_NET_ADMIN and CAP_SYS_ADMIN for namespaces of its own: skipped");
                return WORLD_SKIP;
        }
        if (mount("", "/", "none", MS_PRIVATE | MS_REC, NULL) < 0 ||
            mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0) {
                perror("an empty /run");
                return 1;
        }
        return 0;
}
