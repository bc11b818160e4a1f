// SPDX-License-Identifier: Apache-2.0
/* The two namespaces that every fabric has: its own and the internet, and removing them after a crash. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <vpcwire/mem.h>
#include <vpcwire/neigh.h>
#include <vpcwire/netns.h>
#include <vpcwire/route.h>

#include "fabric_private.h"

/* Alias of the loopback in "<prefix>-vpc": the namespace is a fabric's. */
#define FABRIC_MARK "vpcsim"
enum { INTERNET_MTU = 1500 };

static const struct fabric_sysctl router_sysctls[] = {
        {"net.ipv6.conf.all.disable_ipv6", "1"},
        {"net.ipv6.conf.default.disable_ipv6", "1"},
        {"net.ipv4.conf.all.rp_filter", "0"},
        {"net.ipv4.conf.default.rp_filter", "0"},
        {"net.ipv4.conf.all.send_redirects", "0"},
        {"net.ipv4.conf.default.send_redirects", "0"},
        {"net.ipv4.ip_forward", "1"},
        {NULL},
};

/*
 * Addresses of nobody have no route but the default one: so proxy ARP answers for them as for all that is routed elsewhere,
 * and the table drops them where they would leave.
 */
static int join_internet(struct fabric *fabric, struct err *err)
{
        const struct fabric_joint joint = {.link = FABRIC_INTERNET_LINK,
                                           .fabric_end = "192.0.2.1/30",
                                           .far_end = "192.0.2.2/30",
                                           .number = 0,
                                           .mtu = INTERNET_MTU};
        int r = fabric_join(&fabric->vpc, &fabric->inet, &joint, err);

        if (r == 0)
                r = fabric_route(&fabric->vpc, "0.0.0.0/0",
                                 &(struct fabric_way){joint.far_end, FABRIC_INTERNET_LINK}, err);
        if (r == 0)
                r = fabric_route(&fabric->inet, FABRIC_PUBLIC_POOL,
                                 &(struct fabric_way){joint.fabric_end, FABRIC_FAR_LINK}, err);
        return r;
}

/* "\0vpcsim", in the namespace itself: abstract names belong to one, and vanish with their process. */
static int claim(const struct fabric_space *vpc, int *ret_fd, struct err *err)
{
        static const char name[] = "vpcsim";
        _cleanup_(netns_leave) struct netns_guard guard = NETNS_GUARD_NONE;
        _cleanup_close_ int fd = -1;
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int r;

        memcpy(address.sun_path + 1, name, sizeof(name) - 1);
        r = netns_enter(vpc->netns_fd, &guard, err);
        if (r < 0)
                return r;
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return err_set_errno(err, errno, "make a socket");
        if (bind(fd, (const struct sockaddr *)&address,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof(name))) < 0)
                return errno == EADDRINUSE
                               ? err_set(err, ERR_BUSY, "a living vpcsim has namespace %s", vpc->name)
                               : err_set_errno(err, errno, "claim namespace %s", vpc->name);
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int fabric_base_create(struct fabric *fabric, struct err *err)
{
        int r;

        r = fabric_space_create(fabric->prefix, "vpc", &fabric->vpc, err);
        if (r == 0)
                r = claim(&fabric->vpc, &fabric->alive_fd, err);
        if (r == 0)
                r = link_change_by_name(fabric->vpc.nl, "lo", &(struct link_change){.alias = FABRIC_MARK},
                                        err);
        if (r == 0)
                r = fabric_space_create(fabric->prefix, "inet", &fabric->inet, err);
        if (r == 0)
                r = fabric_space_set_sysctls(&fabric->vpc, router_sysctls, NULL, err);
        if (r == 0)
                r = fabric_space_set_sysctls(&fabric->inet, router_sysctls, NULL, err);
        if (r == 0)
                r = fabric_nft_new(fabric->vpc.netns_fd, &fabric->nft, err);
        if (r == 0)
                r = fabric_ipv6_start(fabric, err);
        return r < 0 ? r : join_internet(fabric, err);
}

int fabric_add_subnet(struct fabric *fabric, struct prefix cidr, struct err *err)
{
        _cleanup_(text_done) struct text commands = {0};
        struct prefix gateway;
        int r;

        if (cidr.ip.family != AF_INET || !prefix_is_network(cidr) || cidr.bits < FABRIC_SUBNET_BITS_MIN ||
            cidr.bits > FABRIC_SUBNET_BITS_MAX)
                return err_set(err, ERR_INVALID, "subnet %s: an IPv4 network of /%d to /%d is allowed",
                               PREFIX_TEXT(cidr), FABRIC_SUBNET_BITS_MIN, FABRIC_SUBNET_BITS_MAX);
        gateway = prefix_host(prefix_nth(cidr, 1));
        r = fabric_space_add_address(&fabric->vpc, "lo", gateway, err);
        fabric_nft_add_subnet(&commands, cidr);
        if (r == 0)
                r = fabric_nft_run(fabric->nft, &commands, err);
        return r < 0 ? err_wrap(err, "add subnet %s to the fabric", PREFIX_TEXT(cidr)) : 0;
}

/*
 * "<prefix>-..." may belong to anybody (prefix "cni"!): only where "<prefix>-vpc" is a fabric's, by its mark, and
 * no process lives that claims it, the namespaces are ours.
 */
static int check_abandoned(const char *prefix, char *const *names, size_t n, struct err *err)
{
        _cleanup_(fabric_space_close) struct fabric_space vpc = FABRIC_SPACE_NONE;
        _cleanup_free_ char *name = xasprintf("%s-vpc", prefix);
        _cleanup_close_ int fd = -1;
        struct link_info info;
        int r = -ERR_NOT_FOUND;

        for (size_t i = 0; i < n; i++) {
                if (strcmp(names[i], name) == 0)
                        r = fabric_space_open(name, &vpc, err);
        }
        if (r == 0)
                r = link_get_by_name(vpc.nl, "lo", &info, err);
        if (r == -ERR_NOT_FOUND || (r == 0 && strcmp(info.alias, FABRIC_MARK) != 0))
                return err_set(err, ERR_DENIED, "namespaces %s-* are not from a vpcsim; not touched", prefix);
        return r < 0 ? r : claim(&vpc, &fd, err);
}

int fabric_clean(const char *prefix, unsigned *ret_removed, struct err *err)
{
        unsigned removed = 0;
        char **names = NULL;
        size_t n = 0;
        int r;

        r = fabric_check_prefix(prefix, err);
        if (r == 0)
                r = fabric_space_list(prefix, &names, &n, err);
        if (r < 0)
                return r;
        if (n)
                r = check_abandoned(prefix, names, n, err);
        /* "-vpc" stays to the end: it is what tells that the others are ours. */
        for (int last = 0; r == 0 && last <= 1; last++) {
                for (size_t i = 0; r == 0 && i < n; i++) {
                        struct fabric_space space = FABRIC_SPACE_NONE;

                        if ((strcmp(names[i] + strlen(prefix), "-vpc") == 0) != last)
                                continue;
                        r = fabric_space_open(names[i], &space, err);
                        if (r == 0)
                                r = fabric_space_remove(&space, err);
                        removed += r == 0;
                }
        }
        fabric_space_list_free(names, n);
        if (r < 0)
                return err_wrap(err, "clean prefix %s", prefix);
        *ret_removed = removed;
        return 0;
}
